"""A clerk's morning: a call taken down by keys alone, orders of the hotline brought in, one of them answered."""

from __future__ import annotations

import io
from collections.abc import Callable
from time import perf_counter

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from playwright.sync_api import Download, FilePayload, Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import do, follow, press
from tests.support.browser import DESK
from xiangli.cases.models import ExternalOrder
from xiangli.cases.tests.factories import Place
from xiangli.kernel import jobs
from xiangli.kernel.sheets import XLSX
from xiangli.matters.models import Matter

pytestmark = pytest.mark.journey


def typed(page: Page, words: str) -> None:
    """Words typed where the cursor stands."""
    page.keyboard.type(words)


def test_a_call_is_taken_down_with_the_keyboard_alone(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    page = at_desk("town_desk")
    follow(page.get_by_role("link", name="来电来访"))
    began = perf_counter()
    expect(page.get_by_label("对方的话")).to_be_focused()  # nothing to click first
    typed(page, "二巷口的路灯不亮了，晚上看不见")
    expect(page.get_by_role("radio", name="公共设施")).to_be_checked()
    expect(page.get_by_text("话里有“路灯”")).to_be_visible()
    page.keyboard.press("F2")
    typed(page, "2巷")
    found = page.get_by_role("radio", name="庙上村 二巷")
    expect(found).to_be_visible()
    page.keyboard.press("Enter")
    expect(found).to_be_checked()
    page.keyboard.press("F8")
    typed(page, "13800000001")
    eyes.look(page, "desk-intake", desk=True)
    page.keyboard.press("F8")
    with page.expect_navigation():
        page.keyboard.press("F9")
    spent = perf_counter() - began
    matter = Matter.objects.get()
    expect(page.locator(".code")).to_have_text(str(matter.number))
    expect(page.get_by_role("main")).to_contain_text("庙上村 二巷")
    eyes.look(page, desk=True)
    assert matter.place == place.lane2
    # On to the next caller, who tells of danger; another category by keys; the place by the name of its head
    expect(page.get_by_role("button", name="记下一位")).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("F9")
    typed(page, "一巷有人触电了")
    expect(page.get_by_role("button", name="120 急救")).to_be_visible()
    page.keyboard.press("F4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("F2")
    typed(page, "张巷长")
    expect(page.get_by_role("radio", name="庙上村 一巷")).to_be_checked()
    expect(page.get_by_text("街巷长 张巷长")).to_be_visible()
    with page.expect_navigation():
        page.keyboard.press("F9")
    expect(page.get_by_role("main")).to_contain_text("庙上村 一巷")
    assert Matter.objects.count() == 2
    assert spent < 30


def test_without_scripts_the_same_call(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], person: Callable[..., object]
) -> None:
    signed_in = at_desk("town_desk").context.cookies()
    context = person(**{**DESK, "java_script_enabled": False})
    context.add_cookies(signed_in)  # type: ignore[attr-defined]  # a browser's context
    page: Page = context.new_page()  # type: ignore[attr-defined]  # as above
    page.goto("/intake/")
    page.get_by_label("对方的话").fill("水管漏水了")
    page.locator("#id_q").fill("二巷")
    page.get_by_role("button", name="找地方").click()
    expect(page.get_by_label("对方的话")).to_have_value("水管漏水了")
    expect(page.get_by_role("radio", name="庙上村 二巷")).to_be_checked()
    page.get_by_role("radio", name="公共设施").check()
    page.get_by_role("button", name="记下并交办").click()
    expect(page.locator(".code")).to_have_text(str(Matter.objects.get().number))


def taken(download: Download) -> Worksheet:
    """The first sheet of a workbook that was downloaded."""
    return load_workbook(io.BytesIO(download.path().read_bytes())).worksheets[0]


HEAD = ("工单编号", "诉求内容", "地址", "诉求类别", "办结时限", "来电号码")


def orders(*rows: tuple[str, ...]) -> list[FilePayload]:
    """A workbook as the hotline exports it."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (HEAD, *rows):
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return [{"name": "12345工单.xlsx", "mimeType": XLSX, "buffer": stream.getvalue()}]


def test_the_hotlines_orders_come_in_by_a_workbook_and_go_back_answered(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    page = at_desk("town_desk")
    follow(page.get_by_role("link", name="外来工单"))
    follow(page.get_by_role("button", name="导入工单"))
    lamp = ("WY2026111601", "村口路灯不亮", "庙上村", "公共设施", "2026-11-18 18:00", "13800000001")
    late = ("WY2026111602", "希望早点修路", "横水镇庙上村二巷老戏台旁", "意见建议", "2026-11-10", "")
    wrong = ("WY2026111603", "井盖没了", "庙下村", "安全隐患", "下周三", "")

    # Three rows, one with two faults: each has its verdict, and nothing is written
    page.get_by_label("工单表格").set_input_files(orders(lamp, late, wrong))
    press(page, "逐行检查")
    expect(page.get_by_role("main")).to_contain_text("还没有写入任何一行")
    bad = page.get_by_role("row", name="WY2026111603")
    expect(bad).to_contain_text("是不是“庙上村”")
    expect(bad).to_contain_text("“下周三”不是日期")
    expect(page.get_by_role("row", name="WY2026111602")).to_contain_text("期限已经过了")
    eyes.look(page, "desk-orders-check", desk=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="下载标注好的表格").click()
    said = [cell.value for cell in taken(download.value)["G"]]
    assert said == ["结果", "可以写入", "可以写入，对方期限已过", "有错"]
    assert not Matter.objects.exists()

    # Mended, and brought once more
    follow(page.get_by_role("button", name="改好再传"))
    mended = (*wrong[:2], "庙上村", wrong[3], "2026-11-25", "")
    page.get_by_label("工单表格").set_input_files(orders(lamp, late, mended))
    press(page, "逐行检查")
    press(page, "导入 3 行")
    expect(page.get_by_role("status")).to_contain_text("导入了 3 件")
    expect(page.get_by_role("row", name="WY2026111602")).to_contain_text("已超时")
    eyes.look(page, "desk-orders", desk=True)

    # One is put right and closed, where it lies
    follow(page.get_by_role("link", name="希望早点修路"))
    expect(page.get_by_role("main")).to_contain_text("WY2026111602")
    eyes.look(page, desk=True)
    do(page, "当场处理", "和来电人说清了修路的安排")
    do(page, "办结", "路下个月 5 号开工，已向您说明")

    # Its reply is taken away, under the hotline's number and in the words that the caller was told
    page.goto("/orders/?which=due")
    press(page, "导出答复，记为已答复")
    assert jobs.run_one(clock.now(), watched=False)  # the check of the workbook, first
    while jobs.run_one(clock.now(), watched=False):
        pass
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="下载结果").click()
    replies = taken(download.value)
    assert replies.max_row == 2
    cells = [str(cell.value) for cell in replies[2]]
    assert cells[0] == "WY2026111602"
    assert "路下个月 5 号开工，已向您说明" in cells
    page.goto("/orders/?which=replied")
    expect(page.get_by_role("row", name="WY2026111602")).to_be_visible()
    assert ExternalOrder.objects.filter(replied_at=None).count() == 2
