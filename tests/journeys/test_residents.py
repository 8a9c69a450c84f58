"""Residents: a second report of the same thing, a mistake in a form, a complaint, an old plate, no for an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys import scenes
from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import act, code_on, do, follow, open_case, pick, press, report
from tests.support.browser import PHONE
from xiangli.cases import actions
from xiangli.cases.tests.factories import Place, an_act, make_report, plate_code
from xiangli.kernel import outbox
from xiangli.matters.models import Matter, MeToo
from xiangli.notices.actions import open_channel
from xiangli.notices.models import Delivery
from xiangli.territory.actions import end_unit
from xiangli.territory.models import Unit
from xiangli.territory.rules import day_of

pytestmark = pytest.mark.journey

GATEWAY = {
    "url": "https://sms.example.org/send",
    "body": {"to": "{to}", "text": "{text}"},
    "code": "code",
    "good": ["0"],
}


def test_what_is_not_put_right_is_reopened(
    place: Place, clock: Clock, eyes: Looker, phone: Page, on_phone: Callable[[str], Page]
) -> None:
    code = report(phone, place.lane2, "车堵住了巷口", "交通秩序")
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "车堵住了巷口", where="/tasks/")
    do(lane_head, "当场处理", "已经劝离")
    clock.forward(hours=3)
    phone.goto(f"/t/{code}/")
    form = act(phone, "没解决")
    form.get_by_label("哪里没解决").fill("车又停回来了")
    eyes.look(phone)
    press(phone, "要求重办", within=form)
    expect(phone.locator(".flash")).to_contain_text("已经退回重办")
    expect(phone.locator(".state").first).to_have_text("待处理")
    lane_head.goto("/tasks/")
    follow(lane_head.locator("a.task"))
    expect(lane_head.locator(".timeline")).to_contain_text("车又停回来了")
    expect(lane_head.locator("summary", has_text="接单")).to_have_count(1)


def test_a_neighbour_sees_that_it_is_known_and_adds_their_voice(
    place: Place, clock: Clock, eyes: Looker, phone: Page, person: Callable[..., BrowserContext]
) -> None:
    code = report(
        phone,
        place.lane2,
        "路灯不亮，王家门口摔了人",
        "公共设施",
        photo=scenes.lane(rubbish=False),
        phone="13800000000",
    )
    clock.forward(days=2)
    neighbour = person(**PHONE).new_page()
    neighbour.goto(f"/p/{place.lane2.plate_code}/report/")
    known = neighbour.locator("details", has_text="这里已有 1 件在办")
    known.locator("summary").click()
    expect(known).to_contain_text("公共设施")
    eyes.look(neighbour, whole=False)
    neighbour.goto(f"/p/{place.lane2.plate_code}/")
    eyes.look(neighbour)
    for secret in ("摔了人", "王家", "13800000000", "/photos/", code):  # category, lane, state and age only
        assert secret not in neighbour.content()
    press(neighbour, "我也遇到 公共设施 庙上村 二巷")
    expect(neighbour.locator(".flash")).to_contain_text("现在有 2 人反映")
    expect(neighbour.locator("main")).to_contain_text("另有 1 人反映")
    assert Matter.objects.count() == 1


def test_a_complaint_never_reaches_those_it_is_about(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    # Given a resident complains about who answers here, one tap away from the plate
    phone.goto(f"/p/{place.lane2.plate_code}/")
    follow(phone.get_by_role("link", name="对这里的服务不满意？"))
    eyes.look(phone, "complain")
    phone.get_by_label("您的意见").fill("巷长一个月没来过，打电话也不接")
    press(phone, "提交意见")
    code = code_on(phone)
    (matter,) = Matter.objects.all()

    # Then the people on the plate, and the village, do not find it
    for who in ("lane_head_2", "grid_head"):
        page = on_phone(who)
        expect(page.locator("main")).to_contain_text("现在没有等您办的事")
        _not_found(page, matter.pk)
        eyes.look(page)
    village = at_desk("village_director")
    village.goto("/desk/")
    expect(village.locator("main")).to_contain_text("现在没有未办结的事项")
    _not_found(village, matter.pk)

    # And the town handles it
    town = at_desk("town_desk")
    open_case(town, "对服务的意见", where="/tasks/")
    expect(town.locator(".about")).to_contain_text("打电话也不接")
    eyes.look(town, desk=True)
    press(town, "接单", within=act(town, "接单"))
    do(town, "处理完成", "已核实并约谈，今后每周走巷两次")
    do(town, "办结", "您反映的情况属实，已经整改。")
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("您反映的情况属实，已经整改。")
    eyes.look(phone)


def _not_found(page: Page, matter_id: UUID) -> None:
    answer = page.goto(f"/cases/{matter_id}/")
    assert answer is not None
    assert answer.status == 404
    assert "一个月没来过" not in page.content()


def test_closed_categories_show_whom_to_ring(place: Place, eyes: Looker, phone: Page) -> None:
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    for category, numbers in {
        "家庭暴力": ("110", "12338", "12348"),
        "孩子受到伤害": ("110", "12355"),
        "性侵害": ("110", "12338"),
        "检举控告": ("12388", "12309"),
    }.items():
        row = phone.locator("li", has=phone.get_by_text(category, exact=True))
        for number in numbers:
            expect(row.locator(f'a[href="tel:{number}"]')).to_be_visible()
        expect(phone.get_by_role("radio", name=category)).to_have_count(0)
    # A form that was tampered with, or an old page, is refused with its words kept.
    phone.get_by_label("什么事", exact=True).fill("有人打人")
    pick(phone, "其他情况")
    phone.get_by_role("radio", name="其他情况").evaluate("radio => radio.value = 'family_violence'")
    press(phone, "上报", within=phone.locator("main"))
    expect(phone.locator("fieldset .error")).to_contain_text("请拨打页面上的电话")
    expect(phone.get_by_label("什么事", exact=True)).to_have_value("有人打人")
    eyes.look(phone)
    assert not Matter.objects.exists()


def test_after_a_mistake_words_and_photos_are_still_there(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    # Given a good photo, one that is none, and a telephone number with letters in it
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    phone.get_by_label("照片").set_input_files(
        [
            scenes.upload("巷口.jpg", scenes.lane(rubbish=True)),
            scenes.upload("不是照片.jpg", b"MZ\x90\x00 no picture at all"),
        ]
    )
    phone.get_by_label("什么事", exact=True).fill("垃圾又满了")
    pick(phone, "环境卫生")
    phone.get_by_role("textbox", name="电话").fill("一三八")
    press(phone, "上报", within=phone.locator("main"))

    # Then each mistake is told beside its field, and nothing else is lost
    expect(phone.get_by_role("alert").first).to_contain_text("请改好下面标出的地方")
    expect(phone.locator("#id_photos_error")).to_contain_text("第 2 张")
    expect(phone.locator("#id_phone_error")).to_contain_text("电话号码只能是数字")
    expect(phone.get_by_label("什么事", exact=True)).to_have_value("垃圾又满了")
    expect(phone.get_by_role("radio", name="环境卫生")).to_be_checked()
    expect(phone.locator("main")).to_contain_text("刚才的 1 张照片已经收下")
    eyes.look(phone)

    # And sent again it arrives with the photo
    phone.get_by_role("textbox", name="电话").fill("138 0000 0000")
    press(phone, "上报", within=phone.locator("main"))
    code = code_on(phone)
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline .photos img")).to_have_count(1)


def test_too_many_words_are_told_and_none_is_cut(place: Place, phone: Page) -> None:
    words = "路面坏了，" * 401  # 2,005 characters
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    phone.get_by_label("什么事", exact=True).fill(words)
    pick(phone, "公共设施")
    press(phone, "上报", within=phone.locator("main"))
    expect(phone.locator("#id_words_error")).to_contain_text("最多 2000 字，现在有 2005 字")
    expect(phone.get_by_label("什么事", exact=True)).to_have_value(words)


def test_two_digits_of_a_code_that_changed_places_are_told(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    code = make_report(place.lane2).code
    at = next(n for n in range(15) if code[n] != code[n + 1])
    transposed = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    phone.goto("/t/")
    phone.get_by_label("查询码").fill(transposed)
    press(phone, "查询")
    expect(phone.locator("#id_code_error")).to_contain_text("相邻两位颠倒")
    assert "".join(c for c in phone.get_by_label("查询码").input_value() if c.isdigit()) == transposed
    eyes.look(phone)
    phone.get_by_label("查询码").fill(" ".join(code[n : n + 4] for n in range(0, 16, 4)))
    press(phone, "查询")
    expect(phone.locator(".state").first).to_have_text("待处理")


def test_an_old_plate_leads_to_its_successor(place: Place, clock: Clock, eyes: Looker, phone: Page) -> None:
    old = place.lane2.plate_code
    end_unit(unit=place.lane2, on=day_of(clock.now()), successors=[place.lane])
    phone.goto(f"/p/{old}/")
    expect(phone.get_by_role("status")).to_contain_text("您扫的是“二巷”的旧牌子")
    expect(phone.locator(".person")).to_contain_text("张巷长")
    eyes.look(phone)
    phone.get_by_role("button", name="我要上报").click()
    phone.get_by_label("什么事", exact=True).fill("墙皮掉下来了")
    pick(phone, "安全隐患")
    press(phone, "上报", within=phone.locator("main"))
    code_on(phone)
    assert Matter.objects.get().place_id == place.lane.pk


def test_where_a_lane_was_split_the_resident_chooses(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    lane3 = Unit.objects.create(
        parent=place.grid,
        county=place.county,
        level=place.lane.level,
        path=place.grid.path + "03/",
        name="三巷",
        short_name="三巷",
        plate_code=plate_code(999_001),
        valid_from=day_of(clock.now()) - timedelta(days=1),
    )
    end_unit(unit=place.lane2, on=day_of(clock.now()), successors=[place.lane, lane3])
    phone.goto(f"/p/{place.lane2.plate_code}/")
    expect(phone.locator("main")).to_contain_text("请选您现在在哪里")
    eyes.look(phone)
    phone.get_by_role("link", name="三巷").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("庙上村 三巷")


def test_a_neighbour_leaves_a_number_to_be_told_at(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    open_channel(county=place.county.pk, kind="sms", settings=GATEWAY, now=clock.now())
    make_report(place.lane2, "facilities", words="路灯不亮")
    car = make_report(place.lane2, "traffic", words="车堵住了巷口")
    phone.goto(f"/p/{place.lane2.plate_code}/")
    row = phone.locator("li", has_text="交通秩序")
    row.locator("summary", has_text="留个电话").click()
    row.get_by_label("办好了短信告诉您").fill("一三八")
    press(phone, "我也遇到 交通秩序 庙上村 二巷")

    # A slip is told beside what was typed, and nobody is counted
    expect(row.get_by_label("办好了短信告诉您")).to_have_value("一三八")
    expect(row.locator(".error")).to_contain_text("电话号码只能是数字")
    expect(phone.locator("input[name=phone]:visible")).to_have_count(1)
    eyes.look(phone)
    assert not MeToo.objects.exists()
    row.get_by_label("办好了短信告诉您").fill("138 0000 0003")
    press(phone, "我也遇到 交通秩序 庙上村 二巷")
    expect(phone.locator(".flash")).to_contain_text("现在有 2 人反映")

    # When it is put right, one message is on its way: number, category and lane, no words of anybody's
    head = place.actor("lane_head_2")
    for action, note in (("take_case", ""), ("resolve_case", "车主挪走了")):
        getattr(actions, action)(an_act(head, car, note))
        outbox.work_once(clock.now())
    (message,) = Delivery.objects.all()
    assert message.what == "resolve_case_no_code"
    assert b"13800000003" not in bytes(message.address or b"")
    assert "车主挪走了" not in str(message.facts)


def test_what_waits_is_declined_or_merged_is_said_with_what_one_may_do(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    clerk = place.actor("village_clerk")

    # It waits: until when, and for what
    waits = make_report(place.lane2, "facilities", words="井盖松了")
    actions.take_case(an_act(place.actor("lane_head_2"), waits))
    actions.suspend_case(an_act(place.actor("grid_head"), waits, "配件要从县里调，到货就装"), days=5)
    phone.goto(f"/t/{waits.code}/")
    expect(phone.locator("h1")).to_contain_text("这件事要等一等，最迟 11月23日 24:00 接着办。")
    expect(phone.locator("main")).to_contain_text("为什么要等")
    expect(phone.locator("main")).to_contain_text("配件要从县里调")
    eyes.look(phone)
    press(phone, "催办")
    expect(phone.locator(".flash")).to_contain_text("已经替您催了")
    expect(phone.locator("main")).to_contain_text("今天已经催过")
    expect(phone.get_by_role("button", name="催办")).to_have_count(0)
    eyes.look(phone)

    # It is declined: why, where to go instead, and how to object
    declined = make_report(place.lane2, "services", words="想改户口本上的字")
    where = "县政务服务大厅公安窗口，电话 0359-0000000"
    actions.decline_case(an_act(clerk, declined, "户籍由公安窗口办理"), where=where)
    phone.goto(f"/t/{declined.code}/")
    expect(phone.locator("h1")).to_have_text("这件事不在这里受理。")
    expect(phone.locator("dl.facts")).to_contain_text(where)
    eyes.look(phone)
    form = act(phone, "不同意，请上一级再看")
    expect(form).to_contain_text("前可以提出")
    form.get_by_label("您的理由").fill("窗口说要村里先写证明")
    press(phone, "请上一级再看", within=form)
    expect(phone.locator(".flash")).to_contain_text("上一级")
    expect(phone.locator("main")).to_contain_text("现在在 横水镇 乡镇（街道）综治中心 周值班 手里")

    # It is merged: into which, and how that one stands
    first = make_report(place.lane2, "traffic", words="车堵住了巷口")
    again = make_report(place.lane2, "traffic", words="还是那辆车", contact_phone="13800000004")
    number = Matter.objects.get(pk=first.matter.pk).number
    actions.merge_case(an_act(clerk, again), number=number)
    phone.goto(f"/t/{again.code}/")
    expect(phone.locator("h1")).to_contain_text(f"和编号 {number} 是同一件事")
    expect(phone.locator("main")).to_contain_text("那件办好了，也会告诉您")
    eyes.look(phone)

    # It is closed: some days to say no, and then it is closed unconfirmed
    actions.take_case(an_act(place.actor("lane_head_2"), first))
    actions.resolve_case(an_act(place.actor("lane_head_2"), first, "挪走了"))
    actions.close_case(an_act(clerk, first, "车主已经挪走"))
    phone.goto(f"/t/{first.code}/")
    expect(phone.locator("h1")).to_have_text("已经办结。没解决的话，11月23日 24:00 前可以要求重办。")
    eyes.look(phone)
    clock.forward(days=9)
    phone.reload()
    expect(phone.locator(".state").first).to_have_text("已办结，未确认")
    expect(phone.get_by_role("button", name="已解决")).to_have_count(0)
    expect(phone.locator("summary", has_text="重办")).to_have_count(0)
    eyes.look(phone)
