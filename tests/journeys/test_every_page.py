"""Every address that shows a page has been looked at: on a narrow phone and at a desk, light, dark and in large type.

A new page stands in one of the tables below before the test that counts them passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.urls import URLResolver, get_resolver, resolve
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import PASSWORD, act, follow, press
from tests.journeys.test_passkey import lend_a_finger
from tests.support.browser import DESK
from xiangli.accounts import actions
from xiangli.cases.actions import import_responsibilities
from xiangli.cases.tests.factories import Place, make_report
from xiangli.kernel import jobs
from xiangli.kernel.models import Job
from xiangli.notices.actions import open_channel
from xiangli.notices.models import Delivery

pytestmark = pytest.mark.journey

# What each address needs is filled in from the county of the test.
PUBLIC: Final = {
    "cases:home": "/",
    "cases:plate": "/p/{plate}/",
    "cases:report": "/p/{plate}/report/",
    "cases:complain": "/p/{plate}/complain/",
    "cases:find": "/t/",
    "cases:track": "/t/{code}/",
    "cases:receipt": "/t/{code}/receipt/",
    "accounts:enrol": "/enrol/{token}/",
    "accounts:enrol_desk": "/enrol/{token}/desk/",
    "account_login": "/login/",
    "account_inactive": "/inactive/",
}
PHONE: Final = {
    "cases:tasks": "/tasks/",
    "cases:field_report": "/report/",
    "cases:case": "/cases/{matter}/",
    "notices:inbox": "/notices/",
    "notices:preferences": "/me/notices/",
    "notices:set_address": "/me/notices/email/",
    "accounts:welcome": "/welcome/",
    "accounts:reauth": "/reauth/",
    "accounts:me": "/me/",
    "accounts:change_pin": "/me/pin/",
    "accounts:set_password": "/me/password/",
    "account_logout": "/logout/",
}
DESKS: Final = {
    "cases:tasks": "/tasks/",
    "matters:queue": "/desk/",
    "matters:filters": "/desk/filters/",
    "matters:day_list": "/desk/print/",
    "cases:case": "/cases/{matter}/",
    "cases:field_report": "/report/",
    "cases:responsibilities": "/responsibilities/",
    "cases:intake": "/intake/",
    "cases:taken_down": "/intake/{matter}/",
    "insight:units": "/units/?unit={village}",
    "insight:unit": "/units/{village}/",
    "insight:map": "/map/",
    "notices:inbox": "/notices/",
    "notices:preferences": "/me/notices/",
    "territory:enrol_people": "/enrolments/",
    "territory:on_call": "/on-call/",
    "territory:set_on_call": "/on-call/new/",
    "territory:plates": "/plates/",
    "territory:people": "/settings/people/",
    "territory:find_seats": "/settings/seats/",
    "territory:seats": "/settings/seats/{unit}/",
    "territory:import_people": "/settings/import/people/",
    "accounts:reauth": "/reauth/",
    "accounts:me": "/me/",
    "accounts:set_password": "/me/password/",
    "mfa_index": "/2fa/",
    "mfa_activate_totp": "/2fa/app/",
    "mfa_list_webauthn": "/2fa/passkeys/",
    "mfa_add_webauthn": "/2fa/passkeys/add/",
    "account_logout": "/logout/",
}
# Pages that a form or a passkey leads to; each is reached in the test named beside it.
BY_STEPS: Final = {
    "cases:orders": "test_orders_from_elsewhere",
    "cases:import_orders": "test_orders_from_elsewhere",
    "cases:check_orders": "test_orders_from_elsewhere",
    "cases:act": "test_at_a_desk",
    "cases:reveal": "test_at_a_desk",
    "cases:track_act": "test_without_an_account",
    "matters:assign_many": "test_queue.py",
    "insight:set_figure": "test_units_and_map.py",
    "matters:save_filter": "test_queue.py",
    "matters:rename_filter": "test_queue.py",
    "insight:figures": "test_leader.py",
    "cases:categories": "test_settings.py",
    "cases:category": "test_settings.py",
    "cases:add_category": "test_settings.py",
    "cases:set_limit": "test_settings.py",
    "cases:import_list": "test_settings.py",
    "cases:check_list": "test_settings.py",
    "territory:calendar": "test_settings.py",
    "territory:hours": "test_settings.py",
    "web:job": "test_settings.py",
    "territory:settings": "test_settings.py",
    "territory:list_units": "test_the_units",
    "territory:show_unit": "test_the_units",
    "territory:open_unit": "test_the_units",
    "territory:rename_unit": "test_the_units",
    "territory:merge_units": "test_the_units",
    "territory:split_unit": "test_the_units",
    "territory:end_unit": "test_the_units",
    "territory:issue_enrolment": "test_at_a_desk",
    "territory:end_on_call": "test_the_roster",
    "territory:person": "test_the_people",
    "territory:imported": "test_the_people",
    "territory:import_units": "test_levels_and_posts",
    "territory:scheme": "test_levels_and_posts",
    "territory:edit_level": "test_levels_and_posts",
    "territory:add_level": "test_levels_and_posts",
    "territory:edit_post": "test_levels_and_posts",
    "territory:add_post": "test_levels_and_posts",
    "territory:off_board": "test_the_people",
    "territory:appoint": "test_the_people",
    "territory:set_duty_number": "test_the_people",
    "territory:end_appointment": "test_the_people",
    "territory:record_absence": "test_the_people",
    "notices:deliveries": "test_what_did_not_arrive",
    "mfa_authenticate": "test_two_steps",
    "mfa_view_recovery_codes": "test_two_steps",
    "mfa_generate_recovery_codes": "test_two_steps",
    "mfa_deactivate_totp": "test_two_steps",
    "mfa_edit_webauthn": "test_two_steps",
    "mfa_remove_webauthn": "test_two_steps",
    "mfa_reauthenticate_webauthn": "test_two_steps",
}
NO_PAGE: Final = {
    "cases:intake_places": "a part of the intake page",
    "cases:annotated_orders": "a workbook",
    "cases:orders_template": "a workbook",
    "cases:export_replies": "leads to a job",
    "cases:api_take_order": "data for a platform",
    "cases:api_replies": "data for a platform",
    "insight:begin": "leads to where one begins",
    "insight:figures_workbook": "a workbook",
    "insight:figures_paper": "a PDF",
    "cases:drop_limit": "leads back to the category",
    "cases:annotated_list": "a workbook",
    "cases:list_workbook": "a workbook",
    "web:job_file": "what a job made",
    "territory:print_plate": "a PDF",
    "territory:print_board": "a PDF",
    "territory:record_print": "a PDF",
    "territory:end_absence": "leads back to the person",
    "territory:table_template": "a workbook",
    "cases:me_too": "leads back to the plate",
    "cases:track_photo": "a picture",
    "cases:photo": "a picture",
    "matters:matter": "leads to the case",
    "matters:news": "events for a script",
    "insight:dossier": "a PDF",
    "insight:remove_figure": "leads back to the form",
    "insight:map_units": "data for a script",
    "insight:map_points": "data for a script",
    "matters:delete_filter": "leads back to the filters",
    "notices:read_all": "leads back to the notices",
    "notices:retry_delivery": "leads back to the deliveries",
    "notices:hand_over_delivery": "leads back to the deliveries",
    "notices:open": "leads to the matter",
    "accounts:revoke_device": "leads back to /me/",
    "mfa_login_webauthn": "data for a script",
    "mfa_download_recovery_codes": "a text file",
    "web:look": "leads back",
    "web:alive": "one word",
    "web:ready": "one word",
    "metrics": "a text for a machine",
    "web:robots": "a text file",
    "cases:danger_words": "data for a script",
    "set_language": "leads back",
}


def _names(resolver: URLResolver, space: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _names(entry, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            yield f"{space}{entry.name}"


def test_no_address_is_forgotten() -> None:
    shown = PUBLIC.keys() | PHONE.keys() | DESKS.keys() | BY_STEPS.keys()
    assert not shown & NO_PAGE.keys()
    assert set(_names(get_resolver())) == shown | NO_PAGE.keys()


def _look_at(page: Page, name: str, eyes: Looker, *, desk: bool = False) -> None:
    """Look at the page that stands there, which must be the one of this name and no other to which it led."""
    assert resolve(urlsplit(page.url).path).view_name == name, page.url
    expect(page.locator("h1")).to_have_count(1)
    eyes.look(page, desk=desk)


def test_without_an_account(place: Place, clock: Clock, eyes: Looker, phone: Page) -> None:
    reported = make_report(place.lane2)
    _enrolment, token = actions.issue_enrolment(
        user=place.people["lane_head"], issued_by=None, now=clock.now()
    )
    for name, address in PUBLIC.items():
        phone.goto(address.format(plate=place.lane2.plate_code, code=reported.code, token=token))
        _look_at(phone, name, eyes)
    # A receipt in two windows: what was withdrawn in one cannot be withdrawn again in the other.
    phone.goto(f"/t/{reported.code}/")
    other = phone.context.new_page()
    other.goto(f"/t/{reported.code}/")
    press(other, "撤回", within=act(other, "撤回这件事"))
    press(phone, "撤回", within=act(phone, "撤回这件事"))
    expect(phone.get_by_role("alert")).to_contain_text("已撤回")
    _look_at(phone, "cases:track_act", eyes)
    phone.goto("/p/NOSUCH22/")
    eyes.look(phone)


def test_on_a_phone(place: Place, clock: Clock, eyes: Looker, on_phone: Callable[[str], Page]) -> None:
    reported = make_report(place.lane2)
    page = on_phone("lane_head_2")
    for name, address in PHONE.items():
        page.goto(address.format(matter=reported.matter.pk))
        _look_at(page, name, eyes)


def test_at_a_desk(place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]) -> None:
    reported = make_report(place.lane2, "traffic", contact_phone="13800000000")
    page = at_desk("village_director")
    for name, address in DESKS.items():
        page.goto(address.format(matter=reported.matter.pk, unit=place.lane2.pk, village=place.village.pk))
        _look_at(page, name, eyes, desk=True)
    page.goto("/enrolments/")
    press(page, "发新链接 李巷长")
    _look_at(page, "territory:issue_enrolment", eyes, desk=True)
    page.goto(f"/cases/{reported.matter.pk}/")
    form = act(page, "退回")
    form.locator("textarea").fill("字" * 2001)
    press(page, "退回", within=form)
    expect(page.get_by_role("alert")).to_contain_text("最多 2000 字")
    _look_at(page, "cases:act", eyes, desk=True)
    town = at_desk("town_desk")
    town.goto(f"/cases/{reported.matter.pk}/")
    form = act(town, "查看反映人的联系方式")
    form.get_by_label("为什么要联系").fill("核对位置")
    press(town, "查看", within=form)
    expect(town.get_by_role("status")).to_contain_text("13800000000")
    _look_at(town, "cases:reveal", eyes, desk=True)


def test_the_list_of_responsibilities(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    head = "事项类别,发生在,由谁负责,起,止,依据"
    rows = [
        "环境卫生,街巷,村文书,2026-01-01,,绛县乡镇（街道）履行职责事项清单",
        "环境卫生,街巷,网格长,2090-01-01,,绛县乡镇（街道）履行职责事项清单（修订）",
        "交通秩序,街巷,街巷长,2026-01-01,2089-12-31,县政府常务会议纪要",
    ]
    content = "\n".join([head, *rows]).encode()
    assert import_responsibilities(content, county=place.county, now=clock.now()).sound
    make_report(place.lane2)
    page = at_desk("village_director")
    page.goto("/responsibilities/")
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_role("row", name="村文书")).to_contain_text("分派 1 件")
    expect(page.get_by_role("row", name="网格长")).to_contain_text("还没到")
    _look_at(page, "cases:responsibilities", eyes, desk=True)
    follow(page.get_by_role("link", name="交通秩序"))
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row", name="街巷长")).to_contain_text("到 2089-12-31 为止")


def test_the_roster(place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]) -> None:
    page = at_desk("village_director")
    page.goto("/on-call/")
    expect(page.get_by_role("alert")).to_contain_text("庙上村 今晚没有人值班")
    expect(page.get_by_text("今后 14 天还没有排班")).to_be_visible()
    follow(page.get_by_role("button", name="排班"))
    _look_at(page, "territory:set_on_call", eyes, desk=True)
    page.get_by_label("谁值班").select_option(label="王网格（第一网格 网格长）")
    page.get_by_label("哪个岗位值班").select_option(label="庙上村 · 村党支部书记、村委会主任")
    page.get_by_label("到").fill("2026-11-16T21:00")
    press(page, "排上")
    expect(page.get_by_role("alert").first).to_contain_text("请改好下面标出的地方")
    _look_at(page, "territory:set_on_call", eyes, desk=True)
    page.get_by_label("到").fill("2026-11-17T07:00")
    page.get_by_label("连排几晚").fill("3")
    press(page, "排上")
    expect(page.get_by_role("status")).to_contain_text(
        "已排班：王网格，庙上村，今天 22:00 到 明天 07:00，连排 3 晚。"
    )
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("庙上村 今晚值班：王网格")).to_be_visible()
    _look_at(page, "territory:on_call", eyes, desk=True)
    press(page, "取消 王网格 今天 22:00")
    _look_at(page, "territory:end_on_call", eyes, desk=True)
    press(page, "取消这个班")
    expect(page.get_by_role("status")).to_contain_text("已取消王网格的这个班。")
    expect(page.get_by_role("alert")).to_contain_text("庙上村 今晚没有人值班")


def test_the_units(place: Place, eyes: Looker, at_desk: Callable[[str], Page]) -> None:
    page = at_desk("town_desk")
    page.goto("/settings/units/")
    _look_at(page, "territory:list_units", eyes, desk=True)
    page.goto(f"/settings/units/{place.grid.pk}/")
    _look_at(page, "territory:show_unit", eyes, desk=True)
    follow(page.get_by_role("button", name="设下级单位"))
    page.get_by_label("全称").fill("三巷")
    page.get_by_label("统计用代码").fill("三")
    press(page, "设立")
    expect(page.get_by_role("alert")).to_contain_text("请改好下面标出的地方")
    _look_at(page, "territory:open_unit", eyes, desk=True)
    page.goto(f"/settings/units/{place.lane2.pk}/")
    follow(page.get_by_role("button", name="更名"))
    _look_at(page, "territory:rename_unit", eyes, desk=True)
    page.goto(f"/settings/units/{place.lane2.pk}/")
    follow(page.get_by_role("button", name="撤销"))
    press(page, "看看会动到什么")
    _look_at(page, "territory:end_unit", eyes, desk=True)
    page.get_by_role("checkbox", name="一巷").check()
    press(page, "看看会动到什么")
    _look_at(page, "territory:end_unit", eyes, desk=True)
    page.goto(f"/settings/units/merge/?unit={place.lane.pk}&unit={place.lane2.pk}")
    press(page, "看看会动到什么")
    expect(page.get_by_role("alert")).to_contain_text("全称")
    _look_at(page, "territory:merge_units", eyes, desk=True)
    page.goto(f"/settings/units/{place.grid.pk}/split/?parts=3")
    _look_at(page, "territory:split_unit", eyes, desk=True)
    page.get_by_label("第 1 个的全称").fill("东网格")
    page.get_by_label("第 2 个的全称").fill("西网格")
    page.get_by_label("第 3 个的全称").fill("南网格")
    page.get_by_label("一巷").select_option(label="第 1 个")
    press(page, "看看会动到什么")
    expect(page.get_by_role("alert")).to_contain_text("还没有归处：二巷")
    page.get_by_label("二巷").select_option(label="第 3 个")
    press(page, "看看会动到什么")
    expect(page.get_by_role("row", name="要新挂的公示牌")).to_contain_text("2")
    _look_at(page, "territory:split_unit", eyes, desk=True)


def test_the_people(place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]) -> None:
    page = at_desk("village_director")
    head = place.people["lane_head_2"]
    page.goto(f"/settings/people/{head.pk}/")
    _look_at(page, "territory:person", eyes, desk=True)
    for name, link in {
        "territory:record_absence": "登记外出",
        "territory:end_appointment": "结束任职",
        "territory:off_board": "办离岗",
    }.items():
        page.goto(f"/settings/people/{head.pk}/")
        follow(page.get_by_role("button", name=link).first)
        _look_at(page, name, eyes, desk=True)
    press(page, "看看会动到什么")
    expect(page.get_by_role("heading", name="会动到什么")).to_be_visible()
    _look_at(page, "territory:off_board", eyes, desk=True)
    for name, link in {"territory:appoint": "任命 街巷长", "territory:set_duty_number": "改值班电话"}.items():
        page.goto(f"/settings/seats/{place.lane2.pk}/")
        follow(page.get_by_role("button", name=link).first)
        _look_at(page, name, eyes, desk=True)
    page.goto("/settings/import/people/")
    rows = "单位,岗位,姓名,起\n一网格,网格员,新网格员,2090-01-01\n没有的村,网格长,某人,2090-01-01"
    page.get_by_label("表格").set_input_files(
        {"name": "任职.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    press(page, "检查")
    assert jobs.run_one(clock.now(), watched=False)
    page.goto(f"/settings/imported/{Job.objects.get().pk}/")
    expect(page.get_by_role("alert")).to_contain_text("共 2 行")
    _look_at(page, "territory:imported", eyes, desk=True)


def test_levels_and_posts(place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]) -> None:
    place.people["county_admin"] = place.seat("county_admin", place.county, "荆管理")
    page = at_desk("county_admin")  # sets up a second factor on the way
    page.goto("/settings/scheme/")
    _look_at(page, "territory:scheme", eyes, desk=True)
    for name, role, link in (
        ("territory:add_post", "button", "加一个岗位"),
        ("territory:edit_level", "button", "改这一级 街巷"),
        ("territory:add_level", "button", "在下面加一级 街巷"),
        ("territory:edit_post", "link", "街巷长"),
    ):
        page.goto("/settings/scheme/")
        follow(page.get_by_role(role, name=link).first)  # type: ignore[arg-type]  # of the table above
        _look_at(page, name, eyes, desk=True)
    page.goto("/settings/import/units/")
    _look_at(page, "territory:import_units", eyes, desk=True)


def test_orders_from_elsewhere(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    page = at_desk("town_desk")
    page.goto("/orders/")
    expect(page.get_by_role("main")).to_contain_text("没有在办的外来工单")
    _look_at(page, "cases:orders", eyes, desk=True)
    page.goto("/orders/import/")
    nonsense: list[FilePayload] = [{"name": "a.csv", "mimeType": "text/csv", "buffer": b"a,b"}]
    page.get_by_label("工单表格").set_input_files(nonsense)
    press(page, "逐行检查")
    expect(page.get_by_role("alert").first).to_contain_text("请改好下面标出的地方")
    expect(page.get_by_role("main")).to_contain_text("表头里缺少：工单编号、反映内容、地点")
    _look_at(page, "cases:import_orders", eyes, desk=True)
    rows = ["工单编号,诉求内容,地址,办结时限", "WY01,路灯不亮,庙上村,2026-11-10", "WY02,井盖没了,月亮上,"]
    table: list[FilePayload] = [
        {"name": "工单.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
    ]
    page.get_by_label("工单表格").set_input_files(table)
    press(page, "逐行检查")
    _look_at(page, "cases:check_orders", eyes, desk=True)
    press(page, "只导入没有错的 1 行，1 行先不写")
    expect(page.get_by_role("row", name="WY01")).to_contain_text("已超时")
    _look_at(page, "cases:orders", eyes, desk=True)


def test_what_did_not_arrive(
    place: Place,
    clock: Clock,
    eyes: Looker,
    on_phone: Callable[[str], Page],
    at_desk: Callable[[str], Page],
) -> None:
    channels: dict[str, dict[str, Any]] = {
        "wecom_group": {"key": "a-robot"},
        "email": {"host": "127.0.0.1", "sender": "xiangli@example.cn"},
        "voice": {"url": "https://example.cn/", "body": {"to": "{to}"}, "code": "code", "good": [0]},
    }
    for kind, settings in channels.items():
        open_channel(county=place.county.pk, kind=kind, settings=settings, now=clock.now())
    phone = on_phone("lane_head")
    phone.goto("/me/notices/")
    _look_at(phone, "notices:preferences", eyes)
    phone.get_by_role("link", name="登记 邮件").click()
    phone.get_by_label("邮箱地址").fill("zhang@example")
    press(phone, "保存")
    _look_at(phone, "notices:set_address", eyes)
    phone.get_by_label("邮箱地址").fill("zhang@example.cn")
    press(phone, "保存")
    expect(phone.get_by_role("main")).to_contain_text("z***@example.cn · 已开")
    phone.get_by_role("checkbox", name="邮件").uncheck()
    press(phone, "保存")
    expect(phone.get_by_role("main")).to_contain_text("z***@example.cn · 已关")
    _look_at(phone, "notices:preferences", eyes)

    reported = make_report(place.lane2)
    page = at_desk("town_desk")
    page.goto("/deliveries/")
    expect(page.get_by_role("main")).to_contain_text("消息都送到了")
    _look_at(page, "notices:deliveries", eyes, desk=True)
    for who, kind, fault in (
        ("lane_head", "email", "no_answer"),
        ("lane_head_2", "voice", "unknown"),
        (None, "sms", "unknown"),
    ):
        Delivery.objects.create(
            county=place.county,
            kind=kind,
            user=place.people[who] if who else None,
            about=reported.matter.pk,
            what="report_case",
            danger=kind == "voice",
            state="dead",
            last_error=fault,
            attempts=8,
            made_at=clock.now(),
            not_before=clock.now(),
        )
    page.reload()
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table).to_contain_text("反映人")
    _look_at(page, "notices:deliveries", eyes, desk=True)
    page.get_by_text("转给人告知 反映人").click()
    row = table.get_by_role("row", name="反映人")
    row.get_by_label("转给谁").select_option(label="周值班")
    press(page, "转给他当面或打电话告知", within=row)
    expect(page.get_by_text("已转给周值班当面或打电话告知。")).to_be_visible()
    press(page, "再试一次 李巷长")
    expect(table.get_by_role("row")).to_have_count(2)


def test_two_steps(
    place: Place, eyes: Looker, person: Callable[..., BrowserContext], at_desk: Callable[[str], Page]
) -> None:
    page = at_desk("town_desk")  # sets up an app on the way
    lend_a_finger(page)
    page.goto("/2fa/passkeys/add/")
    with page.expect_navigation():
        page.get_by_role("button", name="开始").click()
    for name, address in {
        "mfa_view_recovery_codes": "/2fa/codes/",
        "mfa_generate_recovery_codes": "/2fa/codes/new/",
        "mfa_deactivate_totp": "/2fa/app/remove/",
        "mfa_list_webauthn": "/2fa/passkeys/",
        "mfa_reauthenticate_webauthn": "/2fa/passkeys/reauth/",
    }.items():
        page.goto(address)
        _look_at(page, name, eyes, desk=True)
    for name, link in {"mfa_edit_webauthn": "改名", "mfa_remove_webauthn": "删除"}.items():
        page.goto("/2fa/passkeys/")
        follow(page.get_by_role("link", name=link).first)
        page.wait_for_load_state()
        _look_at(page, name, eyes, desk=True)
    other = person(**DESK).new_page()
    other.goto("/login/")
    other.get_by_label("用户名").fill("town_desk")
    other.get_by_label("密码").fill(PASSWORD)
    press(other, "登录")
    _look_at(other, "mfa_authenticate", eyes, desk=True)
