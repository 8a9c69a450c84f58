"""Somebody at a desk finds out who answers where, and sees on the map where it burns; a lane head does so on a phone."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.journeys.conftest import Clock
from tests.journeys.looking import NARROW, Looker
from tests.journeys.people import follow, press
from xiangli.cases.tests.factories import Place, make_report
from xiangli.matters.models import Matter
from xiangli.territory.actions import appoint, end_appointment, record_absence
from xiangli.territory.models import Unit
from xiangli.territory.tests.factories import ground

pytestmark = pytest.mark.journey


def _lay_out(place: Place) -> None:
    """Ground for the county and everything in it, with a second village that nobody has reported from."""
    quiet = Unit.objects.create(
        county=place.county,
        parent=place.town,
        level=place.village.level,
        path=place.town.path + "201/",
        name="南社村委会",
        short_name="南社村",
        valid_from=place.village.valid_from,
    )
    for unit, west, east in (
        (place.county, 111.50, 111.56),
        (place.town, 111.50, 111.56),
        (place.village, 111.50, 111.53),
        (quiet, 111.53, 111.56),
        (place.grid, 111.50, 111.53),
        (place.lane, 111.50, 111.515),
        (place.lane2, 111.515, 111.53),
    ):
        ground(unit, west, 35.50, east, 35.53)
        Unit.objects.filter(pk=unit.pk).update(lat=35.515, lng=(west + east) / 2)


def _some_matters(place: Place, clock: Clock) -> None:
    """Two late ones and three in time in the first lane, one soon due and one without a pin in the second."""
    now = clock.now()
    for lane, words, hours, lat, lng in (
        (place.lane, "一巷东头的路灯坏了两盏", -30, 35.526, 111.503),
        (place.lane, "公厕后面的污水漫到路上了", -3, 35.505, 111.51),
        (place.lane, "老槐树的枯枝快掉下来了", 40, 35.52, 111.5117),
        (place.lane, "健身器材旁边装一盏灯", 60, 35.52, 111.5118),
        (place.lane2, "二巷口总有车横着停", 2, 35.508, 111.526),
        (place.lane2, "二巷的下水道堵了", 50, None, None),
    ):
        matter = make_report(lane, words=words).matter
        Matter.objects.filter(pk=matter.pk).update(
            next_clock="put_right",
            next_clock_at=now + timedelta(hours=hours),
            next_amber_at=now + timedelta(hours=hours - 4),
            lat=lat,
            lng=lng,
        )


def test_a_town_clerk_reads_who_answers_and_what_is_missing(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    _lay_out(place)
    _some_matters(place, clock)
    # Given a lane whose head has left, and a grid head who is away until tomorrow
    first = place.people["lane_head_2"].appointments.get()
    end_appointment(appointment=first, on=clock.now().date())
    record_absence(
        appointment=place.people["grid_head"].appointments.get(),
        starts=clock.now(),
        ends=clock.now() + timedelta(days=1),
    )
    appoint(
        user=place.people["lane_head"],
        unit=place.grid,
        post=place.posts["grid_worker"],
        valid_from=clock.now().date(),
    )
    place.seat("liaison_cadre", place.village, "冯科长")

    # When the clerk goes down the tree from the menu
    page = at_desk("town_desk")
    follow(page.get_by_role("link", name="单位与岗位"))
    expect(page.get_by_role("row", name="横水镇")).to_contain_text("周值班")
    follow(page.get_by_role("link", name="看下一级 横水镇"))
    expect(page.get_by_role("row", name="庙上村")).to_contain_text("有岗位空缺")
    page.get_by_label("单位名称、代码或公示牌编号").fill("二巷")
    press(page, "查找")
    expect(page.get_by_role("row", name="二巷")).to_contain_text("有岗位空缺")
    eyes.look(page, desk=True)

    # Then the village's page says it all
    page.get_by_label("单位名称、代码或公示牌编号").fill("庙上")
    press(page, "查找")
    follow(page.get_by_role("link", name="庙上村").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("庙上村")
    expect(page.get_by_role("region", name="今天谁应答")).to_contain_text("赵主任")
    gap = page.locator("section", has=page.get_by_role("heading", name="下级空缺的岗位"))
    expect(gap).to_contain_text("街巷长 空缺")
    away = page.locator("section", has=page.get_by_role("heading", name="今天外出"))
    expect(away).to_contain_text("王网格")
    expect(away).to_contain_text("到 明天 14:00")
    expect(page.get_by_role("main")).to_contain_text("冯科长")
    expect(page.get_by_role("main")).to_contain_text("未办结 6 件，其中已超时 2 / 6")
    expect(page.get_by_role("region", name="一人多责")).to_contain_text("赵主任")
    eyes.look(page, desk=True)

    # And a figure is written with its day and source, after a slip
    follow(page.get_by_role("button", name="登记数字"))
    for label, words in {"名称": "户数", "数值": "318", "计量单位": "户", "来源": "村委会 11 月清点"}.items():
        page.get_by_label(label, exact=True).fill(words)
    page.get_by_label("截至").fill("2026-12-01")
    press(page, "登记")
    expect(page.get_by_role("alert")).to_contain_text("截至")
    expect(page.get_by_role("main")).to_contain_text("截止日期还没到")
    eyes.look(page, desk=True)
    page.get_by_label("截至").fill("2026-11-01")
    press(page, "登记")
    expect(page.get_by_role("status").first).to_contain_text("已登记：户数，截至 2026-11-01。")
    expect(page.get_by_role("row", name="户数")).to_contain_text("318 户")
    eyes.look(page, "unit", desk=True)

    # And the village's file comes as a PDF
    answer = page.request.get(f"/units/{place.village.pk}/dossier.pdf")
    text = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(answer.body())).pages)
    assert "庙上村" in text
    assert "318 户" in text
    assert "空缺" in text

    # And what is late leads to the queue, with the same ones
    page.goto(f"/units/{place.village.pk}/")
    follow(page.get_by_role("link", name="已超时 2"))
    expect(page.get_by_role("row", name="一巷东头的路灯坏了两盏")).to_be_visible()
    expect(page.get_by_role("row", name="二巷口总有车横着停")).to_have_count(0)


def test_a_county_desk_goes_down_the_map_to_a_case(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    _lay_out(place)
    _some_matters(place, clock)
    page = at_desk("county_desk")
    follow(page.get_by_role("link", name="地图"))
    expect(page.locator("[data-drawn=yes]")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("未办结 6 件，其中已超时 2 / 6")
    expect(page.get_by_role("main")).to_contain_text("示意的，不是实测")

    # Down: the town, and in it the two villages: one with a third overdue, one with nothing
    page.goto(f"/map/?unit={place.town.pk}")
    expect(page.locator(".area.a4")).to_have_count(1)
    expect(page.locator(".area.a0")).to_have_count(1)
    expect(page.locator(".share", has_text="庙上村")).to_contain_text("2 / 6")
    below = page.get_by_role("region", name="下级单位")
    expect(below.get_by_role("row", name="庙上村")).to_contain_text("2 / 6")
    expect(below.get_by_role("row", name="南社村")).to_contain_text("0 / 0")
    eyes.look(page, "map", desk=True)

    # A click on a unit goes down
    with page.expect_navigation():
        page.locator(".area.a4").click(position={"x": 20, "y": 20})
    expect(page.get_by_role("heading", level=1)).to_have_text("地图 · 庙上村")
    page.goto(f"/map/?unit={place.grid.pk}")
    # every colour has a shape of its own, and two that would cover each other are one with a number
    for lamp in ("red", "amber", "green"):
        expect(page.locator(f".dot .mark.{lamp}").first).to_be_visible()
    expect(page.locator(".dot b", has_text="2").first).to_be_visible()

    # A click on a point, and then on its words, opens the case
    page.locator(".dot", has=page.locator(".mark.amber")).click()
    bubble = page.locator(".bubble")
    expect(bubble).to_contain_text("将到期 还剩 2 小时")
    eyes.look(page, desk=True)
    follow(bubble.get_by_role("link", name="二巷口总有车横着停"))
    page.wait_for_url("**/cases/**")

    # The keyboard finds the same in the table
    page.goto(f"/map/?unit={place.grid.pk}")
    follow_by_key(page, "一巷")
    expect(page.get_by_role("heading", level=1)).to_have_text("地图 · 庙上村 一巷")
    expect(page.get_by_role("row", name="公厕后面的污水漫到路上了")).to_contain_text("已超时 3 小时")


def follow_by_key(page: Page, name: str) -> None:
    link = page.get_by_role("main").get_by_role("link", name=name, exact=True)
    link.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_lane_head_sees_the_own_lane_on_a_narrow_phone(
    place: Place, clock: Clock, eyes: Looker, on_phone: Callable[[str], Page]
) -> None:
    _lay_out(place)
    _some_matters(place, clock)
    page = on_phone("lane_head")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of two numbers
    page.goto("/map/")
    expect(page.locator("[data-drawn=yes]")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("未办结 4 件，其中已超时 2 / 4")
    eyes.look(page)
    # who answers above is no secret from below; what is open there is
    page.goto(f"/units/{place.village.pk}/")
    expect(page.get_by_role("main")).to_contain_text("赵主任")
    expect(page.get_by_role("main")).not_to_contain_text("未办结")
    eyes.look(page)


def test_the_map_without_script_or_answer_still_says_everything(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    _lay_out(place)
    _some_matters(place, clock)
    page = at_desk("village_director")
    page.route("**/map/points.json*", lambda route: route.abort())
    page.goto("/map/")
    expect(page.get_by_text("地图没有取到，请看下面的表")).to_be_visible()
    expect(page.get_by_role("row", name="公厕后面的污水漫到路上了")).to_be_visible()
    eyes.look(page, desk=True)
