"""An administrator's year in a browser, at a desk and on a narrow phone: a deputy, an absence, somebody who leaves with
open matters, and a table of appointments with faults, then mended."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import NARROW, Looker
from tests.journeys.people import follow, press
from xiangli.accounts.models import User
from xiangli.cases import actions
from xiangli.cases.actions import Act
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, make_report
from xiangli.kernel import jobs
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.territory.models import Appointment, Standing, Unit
from xiangli.territory.queries import who_answers

pytestmark = pytest.mark.journey


@pytest.fixture
def administrator(place: Place, at_desk: Callable[[str], Page]) -> Page:
    """The administrator of the town, at a desk."""
    place.people["town_admin"] = place.seat("town_admin", place.town, "畅管理")
    return at_desk("town_admin")


def button(page: Page | Locator, name: str) -> Locator:
    """What leads on: a link that looks like a button."""
    return page.get_by_role("button", name=name).first


def table(*rows: tuple[str, str, str, str]) -> dict[str, Any]:
    """A workbook of appointments, as a browser uploads it."""
    made = Workbook()
    assert made.active is not None
    made.active.append(["单位", "岗位", "姓名", "任职", "起"])
    for row in rows:
        made.active.append([*row, date(2026, 12, 1)])
    stream = io.BytesIO()
    made.save(stream)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {"name": "任职.xlsx", "mimeType": kind, "buffer": stream.getvalue()}


@pytest.mark.parametrize("width", [1440, 360])
def test_a_deputy_and_an_absence(
    place: Place, clock: Clock, administrator: Page, eyes: Looker, width: int
) -> None:
    page = administrator
    if width == NARROW["width"]:
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of two numbers
    page.goto("/settings/")
    follow(page.get_by_role("link", name="任命").first)
    page.get_by_label("单位的名称或代码").fill("一巷")
    press(page, "查找")
    follow(page.get_by_role("link", name="庙上村 一巷"))
    seat = page.get_by_role("article").filter(has=page.get_by_role("heading", name="街巷长"))
    expect(seat).to_contain_text("张巷长")
    follow(button(seat, "任命代理"))
    expect(page.get_by_role("radio", name="代理")).to_be_checked()
    page.get_by_label("姓名").fill("杜代理")
    page.get_by_label("从哪天起").fill("2026-11-15")  # yesterday
    press(page, "任命")
    expect(page.get_by_role("alert").first).to_contain_text("请改好下面标出的地方")
    expect(page.get_by_text("2026-11-15 已经过去了")).to_be_visible()
    page.get_by_label("从哪天起").fill("2026-11-16")
    press(page, "任命")
    expect(page.get_by_role("status")).to_contain_text("已任命：杜代理，庙上村 一巷 街巷长。")
    expect(page.get_by_role("heading", level=1)).to_have_text("杜代理")
    assert Appointment.objects.get(unit=place.lane, standing=Standing.DEPUTY).user.display_name == "杜代理"

    page.goto("/settings/people/?q=张巷长")
    follow(page.get_by_role("link", name="张巷长"))
    follow(button(page, "登记外出"))
    expect(page.get_by_text("外出时由代理负责")).to_be_visible()
    page.get_by_label("从").fill("2026-11-16T13:00")
    page.get_by_label("到").fill("2026-11-20T18:00")
    press(page, "登记")
    expect(page.get_by_text("外出：今天 13:00 到 11月20日 18:00")).to_be_visible()
    reported = make_report(place.lane)
    answer = who_answers(Unit.objects.get(pk=place.lane.pk), "environment", at=clock.now())
    assert (answer.user_name, answer.deputy) == ("杜代理", True)
    assert reported.matter.holder_unit_id == place.lane.pk
    press(page, "销假 庙上村 一巷 街巷长")
    expect(page.get_by_role("status")).to_contain_text("张巷长已销假。")
    if width == 1440:
        eyes.look(page, "administrator-person", desk=True)


@pytest.mark.parametrize("width", [1440, 360])
def test_a_lane_head_leaves_with_open_matters(
    place: Place, clock: Clock, administrator: Page, eyes: Looker, width: int
) -> None:
    taken, waiting = make_report(place.lane).matter, make_report(place.lane).matter
    actions.take_case(Act(actor=place.actor("lane_head"), matter_id=taken.pk, act_id=new_id()))
    page = administrator
    if width == NARROW["width"]:
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of two numbers
    page.goto("/settings/people/?q=张巷长")
    follow(page.get_by_role("link", name="张巷长"))
    follow(button(page, "办离岗"))
    press(page, "看看会动到什么")
    touched = page.get_by_role("list").filter(has_text="任职结束")
    expect(touched).to_contain_text("庙上村 一巷 · 街巷长")
    expect(touched.get_by_role("listitem").filter(has_text="手里正在办的事项")).to_contain_text("1")
    expect(touched.get_by_role("listitem").filter(has_text="岗位上等着办的事项")).to_contain_text("1")
    if width == 1440:
        eyes.look(page, "administrator-leaving", desk=True)
    assert Matter.objects.get(pk=taken.pk).handler_id is not None  # nothing has happened yet
    press(page, "确认离岗")
    expect(page.get_by_role("status")).to_contain_text("已办离岗：张巷长在岗到 2026-11-15 为止。")
    expect(page.get_by_text("现在没有任职。")).to_be_visible()
    for matter in Matter.objects.filter(pk__in=[taken.pk, waiting.pk]):
        assert (matter.handler_id, matter.state) == (None, State.REPORTED)
        assert matter.holder_unit_id == place.grid.pk  # the grid's head answers for the lane now
    assert not User.objects.get(display_name="张巷长").is_active
    page.goto(f"/settings/seats/{place.lane.pk}/")
    expect(page.get_by_role("alert")).to_contain_text("有 1 个岗位空着")


@pytest.mark.parametrize("width", [1440, 360])
def test_a_table_with_faults_then_mended(
    place: Place, clock: Clock, administrator: Page, eyes: Looker, width: int
) -> None:
    page = administrator
    if width == NARROW["width"]:
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of two numbers
    page.goto("/settings/")
    follow(page.get_by_role("link", name="用表格导入任职").first)
    bad = table(
        ("庙上村 一巷", "街巷长", "郭新", "代理"),
        ("庙上村 九巷", "街巷长", "郝新", ""),
        ("第一网格", "网格员", "邵新", ""),
        ("庙上村 二巷", "街巷长", "毛新", ""),
    )
    _bring(page, clock, bad)
    expect(page.get_by_role("alert")).to_contain_text("共 4 行：2 行可以写入，0 行已有，2 行有错。")
    expect(page.get_by_role("listitem").filter(has_text="庙上村 九巷")).to_contain_text("没有这个单位")
    if width == 1440:
        eyes.look(page, "administrator-table", desk=True)
    with page.expect_download() as given:
        page.get_by_role("button", name="下载逐行结果").click()
    sheet = load_workbook(io.BytesIO(given.value.path().read_bytes())).worksheets[0]
    said = [str(row[-1].value) for row in sheet.iter_rows(min_row=2)]
    assert "没有这个单位" in said[1]
    assert "由李巷长担任" in said[3]
    assert Appointment.objects.filter(user__display_name="郭新").count() == 0
    follow(page.get_by_role("link", name="改好再传"))
    sheet["A3"].value, sheet["D5"].value = "庙上村 二巷", "代理"
    sheet["D3"].value = "代理"
    stream = io.BytesIO()
    assert sheet.parent is not None
    sheet.parent.save(stream)
    _bring(page, clock, {**bad, "buffer": stream.getvalue()})
    expect(page.get_by_role("status").first).to_contain_text("共 4 行：4 行可以写入，0 行已有，0 行有错。")
    press(page, "写入 4 行")
    assert jobs.run_one(clock.now(), watched=False)
    page.reload()
    expect(page.locator("#job")).to_contain_text("共 4 行：写入 4 行")
    assert (
        Appointment.objects.filter(user__display_name__endswith="新", valid_from=date(2026, 12, 1)).count()
        == 4
    )


def _bring(page: Page, clock: Clock, file: dict[str, Any]) -> None:
    page.get_by_label("表格").set_input_files(file)  # type: ignore[arg-type]  # a file in memory
    press(page, "检查")
    assert jobs.run_one(clock.now(), watched=False)
    page.reload()
    follow(page.get_by_role("link", name="返回"))
