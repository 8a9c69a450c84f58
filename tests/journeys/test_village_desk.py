"""A village's desk: what comes in is given to somebody, checked by somebody else, and answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import scenes
from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import act, do, follow, open_case, press, report
from xiangli.cases.tests.factories import Place, make_report

pytestmark = pytest.mark.journey

HAZARD = "二巷中间的井盖没了，晚上看不见"


def test_the_village_assigns_again_somebody_else_verifies_and_the_reporter_is_answered(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    # Given a morning's matters, one of them late, and a hazard reported by a resident
    for hours, lane, category, words in (
        (6, place.lane, "facilities", "一巷东头的路灯坏了两盏，晚上一片黑，老人不敢出门"),
        (5, place.lane, "environment", "公厕后面的污水漫到路上了"),
        (7, place.lane2, "traffic", "二巷口总有车横着停，消防车进不来"),
        (1, place.lane, "greening", "老槐树的枯枝快掉下来了，下面是孩子上学的路"),
        (1, place.lane2, "voices", "健身器材旁边能不能装一盏灯、放两条长椅"),
    ):
        make_report(lane, category, words=words)
        clock.forward(hours=hours)
    code = report(phone, place.lane2, HAZARD, "安全隐患")

    # When the director opens the inbox of the village
    director = at_desk("village_director")
    director.get_by_role("link", name="受理台").click()
    expect(director.locator("tbody tr")).to_have_count(6)
    expect(director.locator("tbody tr").first).to_contain_text("已超时")
    eyes.look(director, "desk", desk=True, whole=False)

    # And gives the hazard to the head of the grid
    open_case(director, HAZARD)
    expect(act(director, "交办")).to_contain_text("选定由谁办理")
    eyes.look(director, "desk-case", desk=True, whole=False)
    do(director, "交办", "请先看一下", seat="第一网格 网格长 王网格")
    expect(director.locator(".facts")).to_contain_text("第一网格 网格长")

    # Then he sends it back, and says why
    first = on_phone("grid_head")
    open_case(first, HAZARD, where="/tasks/")
    do(first, "退回", "看过了，巷长自己能换")

    # And the village gives it to the lane
    director.reload()
    expect(director.locator(".timeline")).to_contain_text("看过了，巷长自己能换")
    do(director, "交办", seat="二巷 街巷长 李巷长")

    # And its head puts it right, and cannot check his own work
    second = on_phone("lane_head_2")
    open_case(second, HAZARD, where="/tasks/")
    press(second, "接单", within=act(second, "接单"))
    do(second, "处理完成", "新井盖已装好", after=scenes.lane(rubbish=False))
    expect(second.locator(".state").first).to_have_text("待核实")
    expect(second.locator("summary", has_text="核查")).to_have_count(0)

    # And somebody else looks: first not good enough, then passed
    clerk = at_desk("village_clerk")
    open_case(clerk, HAZARD)
    form = act(clerk, "核查")
    form.get_by_label("没通过").check()
    press(clerk, "核查", within=form)
    expect(clerk.get_by_role("alert")).to_contain_text("请写明还差什么")
    form = act(clerk, "核查")
    form.get_by_label("没通过").check()
    form.locator("textarea").fill("井盖松，踩上去会响")
    press(clerk, "核查", within=form)
    expect(clerk.locator(".state").first).to_have_text("处理中")
    second.reload()
    expect(second.locator(".timeline")).to_contain_text("井盖松，踩上去会响")
    do(second, "处理完成", "重新垫平，已固定", after=scenes.lane(rubbish=False, seed=2))
    clerk.reload()
    form = act(clerk, "核查")
    form.get_by_label("通过，已经解决").check()
    eyes.look(clerk, "desk-verify", desk=True, whole=False)
    press(clerk, "核查", within=form)
    expect(clerk.locator(".state").first).to_have_text("已处理")

    # Then the director closes it with an answer to the reporter, and cannot without
    director.reload()
    form = act(director, "办结")
    form.locator("textarea").evaluate("area => area.removeAttribute('required')")
    press(director, "办结", within=form)
    expect(director.get_by_role("alert")).to_contain_text("办结须向反映人反馈")
    do(director, "办结", "井盖已换新并固定，谢谢提醒。")
    expect(director.locator(".state").first).to_have_text("已办结")
    eyes.look(director, desk=True)

    # And the reporter reads the answer, and no reason that colleagues wrote to each other
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("井盖已换新并固定，谢谢提醒。")
    expect(phone.locator(".timeline")).not_to_contain_text("巷长自己能换")
    eyes.look(phone)


def test_handled_on_the_spot_in_one_step(
    place: Place, clock: Clock, eyes: Looker, phone: Page, on_phone: Callable[[str], Page]
) -> None:
    code = report(phone, place.lane2, "两辆三轮车把巷口堵住了", "交通秩序")
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "两辆三轮车", where="/tasks/")
    do(lane_head, "当场处理", "联系车主，已挪走")
    expect(lane_head.locator(".state").first).to_have_text("已处理")
    eyes.look(lane_head)
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("当场处理")
    expect(phone.locator(".timeline")).to_contain_text("联系车主，已挪走")


def test_of_two_people_at_once_the_second_is_told_by_whom_and_sees_the_new_state(
    place: Place,
    clock: Clock,
    eyes: Looker,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    make_report(place.lane2, "traffic", words="巷口有车乱停")
    director, lane_head = at_desk("village_director"), on_phone("lane_head_2")
    open_case(director, "巷口有车乱停")
    open_case(lane_head, "巷口有车乱停", where="/tasks/")
    press(lane_head, "接单", within=act(lane_head, "接单"))
    do(director, "交办", "请网格帮忙", seat="第一网格 网格长 王网格")
    told = director.get_by_role("alert")
    expect(told).to_contain_text("李巷长")
    expect(told).to_contain_text("接单")
    expect(director.locator(".state").first).to_have_text("处理中")
    expect(act(director, "交办").locator("textarea")).to_have_value("请网格帮忙")
    eyes.look(director, desk=True)


def test_staff_report_what_they_see_on_the_way(
    place: Place, clock: Clock, eyes: Looker, on_phone: Callable[[str], Page]
) -> None:
    grid_head = on_phone("grid_head")
    follow(grid_head.get_by_role("link", name="上报"))
    eyes.look(grid_head, "field-report")
    grid_head.get_by_label("在哪儿").select_option(label="庙上村 二巷")
    grid_head.get_by_label("照片").set_input_files([scenes.upload("井.jpg", scenes.lane(rubbish=True))])
    grid_head.get_by_label("什么事", exact=True).fill("巡查发现二巷排水沟堵了")
    grid_head.get_by_role("radio", name="环境卫生").check()
    press(grid_head, "上报", within=grid_head.locator("main"))
    expect(grid_head.locator(".flash")).to_contain_text("已上报")
    expect(grid_head.locator(".facts")).to_contain_text("二巷 街巷长")
    expect(grid_head.locator(".facts")).to_contain_text("王网格")
    expect(grid_head.locator(".photos img")).to_have_count(1)
    eyes.look(grid_head)


def test_long_words_nine_photos_and_a_late_matter_stay_readable(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    words = "沟边的护栏倒了一段，" * 199 + "请尽快来看看。"
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    phone.get_by_label("照片").set_input_files(
        [
            scenes.upload(f"{n}.jpg", scenes.lane(rubbish=True, seed=n, width=400, height=300))
            for n in range(9)
        ]
    )
    expect(phone.locator(".photos li")).to_have_count(9)
    phone.get_by_label("什么事", exact=True).fill(words)
    phone.get_by_role("radio", name="公共设施").check()
    eyes.look(phone)
    press(phone, "上报", within=phone.locator("main"))
    clock.forward(days=5)
    lane_head = on_phone("lane_head_2")
    expect(lane_head.locator(".lamp")).to_contain_text("已超时")
    eyes.look(lane_head)
    open_case(lane_head, "沟边的护栏", where="/tasks/")
    expect(lane_head.locator(".photos img")).to_have_count(9)
    expect(lane_head.locator(".about")).to_contain_text("请尽快来看看。")
    eyes.look(lane_head)
    director = at_desk("village_director")
    open_case(director, "沟边的护栏")
    eyes.look(director, desk=True)
