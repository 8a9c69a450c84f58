"""The scene of article 000: rubbish in the second lane of a Miaoshang village, put right within half an hour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys import scenes
from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import PIN, act, code_on, follow, pick
from tests.support.browser import PHONE
from xiangli.cases.tests.factories import Place
from xiangli.kernel import outbox

pytestmark = pytest.mark.journey


def test_rubbish_is_reported_cleared_and_confirmed(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    person: Callable[..., BrowserContext],
    at_desk: Callable[[str], Page],
) -> None:
    # Given the village hands the lane head a one-time link on its enrolment page
    desk = at_desk("village_clerk")
    follow(desk.get_by_role("link", name="人员开通"))
    eyes.look(desk, desk=True)
    desk.get_by_role("button", name="发新链接 李巷长").click()
    link = desk.locator(".said").inner_text()
    eyes.look(desk, "enrolment-link", desk=True, whole=False)

    # And he opens it on his own phone, and sets six digits
    lane_head = person(**PHONE).new_page()
    lane_head.goto(link)
    eyes.look(lane_head, "enrol")
    lane_head.get_by_label("设一个六位数字密码").fill(PIN)
    lane_head.get_by_label("再输一次").fill(PIN)
    follow(lane_head.get_by_role("button", name="绑定这部手机"))
    eyes.look(lane_head)
    lane_head.get_by_role("button", name="开始使用").click()
    expect(lane_head.locator("main")).to_contain_text("现在没有等您办的事")
    eyes.look(lane_head)

    # When a resident scans the plate at the mouth of the second lane
    phone.goto(f"/p/{place.lane2.plate_code}/")
    expect(phone.locator(".person")).to_contain_text("李巷长")
    eyes.look(phone, "plate")

    # Then she reports with a photo, in one page
    phone.get_by_role("button", name="我要上报").click()
    phone.get_by_label("照片").set_input_files([scenes.upload("巷口.jpg", scenes.lane(rubbish=True))])
    expect(phone.locator(".photos li")).to_have_count(1)
    phone.get_by_label("什么事", exact=True).fill("二巷口堆了一大堆垃圾，好几天没人清，有味道了。")
    pick(phone, "环境卫生")
    phone.get_by_label("具体位置").fill("巷口第一户门前")
    eyes.look(phone, "report")
    phone.get_by_role("button", name="上报", exact=True).click()

    # And she gets a receipt with a code and its QR
    code = code_on(phone)
    assert len(code) == 16
    expect(phone.locator("img.qr")).to_be_visible()
    expect(phone.locator("main")).to_contain_text("街巷长")
    eyes.look(phone, "receipt")

    # And the lane head is told, and takes it
    outbox.work_once(clock.now())
    lane_head.goto("/notices/")
    expect(lane_head.locator("main")).to_contain_text("未读")
    eyes.look(lane_head)
    follow(lane_head.get_by_role("link", name="待办").first)
    eyes.look(lane_head, "tasks")
    follow(lane_head.locator("a.task"))
    eyes.look(lane_head, "case-to-handle")
    act(lane_head, "接单").get_by_role("button", name="接单").click()
    expect(lane_head.locator("main")).to_contain_text("处理中")

    # And half an hour later he shows that it is gone
    clock.forward(minutes=30)
    lane_head.reload()
    form = act(lane_head, "处理完成")
    form.get_by_label("处理后照片").set_input_files([scenes.upload("处理后.jpg", scenes.lane(rubbish=False))])
    form.get_by_label("说明").fill("已组织保洁清走，地面冲洗干净，立了提示牌。")
    eyes.look(lane_head, "case-resolve")
    form.get_by_role("button", name="处理完成").click()
    expect(lane_head.locator("main")).to_contain_text("已处理")
    eyes.look(lane_head)

    # Then the resident finds it by its code: “to handle” has become “handled”, before and after side by side
    clock.forward(minutes=5)
    phone.goto("/t/")
    eyes.look(phone)
    phone.get_by_label("查询码").fill(code)
    phone.get_by_role("button", name="查询").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("已经处理好了")
    expect(phone.locator(".state").first).to_have_text("已处理")
    pair = phone.locator(".pair figure")
    expect(pair).to_have_count(2)
    for side in (0, 1):
        shown = pair.nth(side).locator("img")
        shown.scroll_into_view_if_needed()
        expect(shown).to_have_js_property("complete", True)
        assert shown.evaluate("image => image.naturalWidth") > 0
    before, after = pair.nth(0).bounding_box(), pair.nth(1).bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2
    assert after["x"] > before["x"] + 100
    eyes.look(phone, "track-resolved")

    # And she confirms, and says so in words
    phone.get_by_role("button", name="已解决").click()
    expect(phone.locator(".state").first).to_have_text("已办结")
    phone.get_by_text("评价一下").click()
    phone.locator(".rating label", has_text="很满意").last.click()
    phone.get_by_label("想说的话").fill("半小时就清干净了，谢谢。")
    eyes.look(phone)
    phone.get_by_role("button", name="提交评价").click()
    expect(phone.locator(".timeline")).to_contain_text("半小时就清干净了，谢谢。")
    eyes.look(phone)

    # And the lane head reads her words
    outbox.work_once(clock.now())
    lane_head.reload()
    expect(lane_head.locator(".timeline")).to_contain_text("半小时就清干净了，谢谢。")
    eyes.look(lane_head)
