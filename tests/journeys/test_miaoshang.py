"""Miaoshang 庙上乡 had 25 villages in 2018 and has 18 today: the town's administrator merges them in the browser. What
was in 2018 stays under the villages of 2018; what is open goes on under those of today.

Which villages became which is made up here, and so are the names of those that are gone; the 18 names of today are
those of the statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import follow, press, report
from xiangli.accounts.models import User
from xiangli.cases import actions as cases
from xiangli.cases.tests.factories import Place, an_act, load_scheme, make_report
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.matters.queries import my_tasks
from xiangli.territory.actions import appoint, open_unit
from xiangli.territory.models import Appointment, County, Succession, Unit

pytestmark = [pytest.mark.journey, pytest.mark.long]

SPRING_2018: Final = datetime(2018, 3, 12, 2, 0, tzinfo=UTC)
LATE_2018: Final = datetime(2018, 12, 3, 2, 0, tzinfo=UTC)
MERGED_ON: Final = date(2020, 4, 10)
SINCE: Final = date(2018, 1, 1)
TODAY: Final = [  # 140821201***, as the statistics name them
    "北贯", "好义", "南贯", "牌首", "白鹿", "北姚", "城东", "城西", "程村",
    "吉令", "庙上屯", "南杜", "南姚", "渠下", "张庄", "新城堡", "薛家庄", "胥村",
]  # fmt: skip
# What became of the twelve that are gone: four pairs and one three became new villages, one went into its neighbour.
MERGES: Final = {
    "北姚": ("甲一", "甲二"),
    "城东": ("乙一", "乙二"),
    "吉令": ("丙一", "丙二"),
    "渠下": ("丁一", "丁二"),
    "胥村": ("戊一", "戊二", "戊三"),
}
INTO: Final = ("己一", "南姚")


def spoken(stem: str) -> str:
    return stem if stem.endswith("村") else f"{stem}村"


@pytest.fixture
def place(clock: Clock, live_server: LiveServer, settings: Settings) -> Place:
    """Miaoshang in the spring of 2018: 25 villages, each with a grid, a lane and who answers for them."""
    settings.PUBLIC_URL = live_server.url
    clock.at = SPRING_2018
    scheme = load_scheme("lanes")
    levels = {level.code: level for level in scheme.levels.all()}
    posts = {post.code: post for post in scheme.posts.all()}
    county_id = new_id()
    county = Unit.objects.create(
        id=county_id, county_id=county_id, level=levels["county"], path="14/08/21/", code="140821",
        name="临猗县", short_name="临猗县", valid_from=SINCE,
    )  # fmt: skip
    County.objects.create(unit=county, scheme=scheme, outside_organ="运城市纪委监委", outside_phone="12388")
    town = open_unit(parent=county, level=levels["town"], name="庙上乡", code="140821201", valid_from=SINCE)
    gone = [*(old for olds in MERGES.values() for old in olds), INTO[0]]
    codes = {name: f"140821201{200 + number}" for number, name in enumerate([*TODAY, *gone])}
    villages, grids, lanes = {}, {}, {}
    for stem in [*(stem for stem in TODAY if stem not in MERGES), *gone]:
        villages[stem] = open_unit(
            parent=town, level=levels["village"], name=f"{spoken(stem)}委会", short_name=spoken(stem),
            code=codes[stem], valid_from=SINCE,
        )  # fmt: skip
        grids[stem] = open_unit(
            parent=villages[stem], level=levels["grid"], name="第一网格", valid_from=SINCE
        )
        lanes[stem] = open_unit(parent=grids[stem], level=levels["lane"], name="一巷", valid_from=SINCE)
    here = Place(county, town, villages["甲一"], grids["甲一"], lanes["甲一"], lanes["甲二"], posts)

    def seat(key: str, code: str, unit: Unit, name: str) -> None:
        here.people[key] = User.objects.create_user(display_name=name)
        appoint(user=here.people[key], unit=unit, post=posts[code], valid_from=SINCE)

    for stem, village in villages.items():
        seat(f"director {stem}", "village_director", village, f"{stem}主任")
        seat(f"head {stem}", "lane_head", lanes[stem], f"{stem}巷长")
    seat("town_desk", "town_desk", town, "周值班")
    seat("town_admin", "town_admin", town, "畅管理")
    seat("county_desk", "county_desk", county, "吴值班")
    seat("county_leader", "county_leader", county, "郑领导")
    return here


def lane_of(stem: str) -> Unit:
    return Unit.objects.get(short_name="一巷", parent__parent__short_name=spoken(stem), valid_from=SINCE)


def villages_on(day: date) -> set[str]:
    there = Unit.objects.filter(level__code="village", valid_from__lte=day).exclude(valid_to__lte=day)
    return set(there.values_list("short_name", flat=True))


def close(place: Place, stem: str, words: str) -> Matter:
    """A matter of 2018 that was put right and closed in 2018."""
    reported = make_report(lane_of(stem), "voices", words=words)
    cases.handle_on_spot(an_act(place.actor(f"head {stem}"), reported, "当面说好了"))
    cases.close_case(an_act(place.actor(f"director {stem}"), reported, "已经答复"))
    return Matter.objects.get(pk=reported.matter.pk)


def merge(page: Page, olds: tuple[str, ...], new: str, *, eyes: Looker | None = None) -> None:
    """From the list of units to the page of what has become."""
    page.goto("/settings/")
    if eyes:
        eyes.look(page, desk=True)
    follow(page.get_by_role("link", name="单位 设立"))
    for old in olds:
        page.get_by_role("checkbox", name=spoken(old), exact=True).check()
    if eyes:
        eyes.look(page, "admin-units", desk=True, whole=False)
    press(page, "合并选中的")
    if new in MERGES:
        page.get_by_label("全称").fill(f"{spoken(new)}委会")
        page.get_by_label("平时怎么叫").fill(spoken(new))
    else:
        page.get_by_label("合并成").select_option(label=f"并入“{spoken(new)}”")
    if eyes:
        eyes.look(page, desk=True)
    press(page, "看看会动到什么")
    expect(page.get_by_role("heading", level=1)).to_have_text("会动到什么")
    if eyes:
        expect(page.get_by_role("row", name="没办结的事项")).to_contain_text("1")
        expect(page.get_by_role("main")).to_contain_text(f"{olds[0]}主任")
        eyes.look(page, "admin-preview", desk=True)
        # whoever types another name is asked again
        page.get_by_label(f"请输入“{spoken(new)}”").fill("好的")
        press(page, "确认，不能撤销")
        expect(page.get_by_role("alert")).to_be_visible()
        eyes.look(page, desk=True)
    page.get_by_label(f"请输入“{spoken(new)}”").fill(spoken(new))
    press(page, "确认，不能撤销")
    expect(page.locator("#notice")).to_contain_text("已办好")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{spoken(new)}委会")


def test_the_25_villages_of_2018_become_the_18_of_today(
    place: Place, clock: Clock, eyes: Looker, phone: Page, at_desk: Callable[[str], Page]
) -> None:
    # Given 25 villages in 2018, and matters of that year: some closed, some still open
    assert len(villages_on(SINCE)) == 25
    closed = {stem: close(place, stem, f"{stem}村口的灯不亮") for stem in ("甲一", "甲二", "戊三", "北贯")}
    clock.at = LATE_2018
    code = report(phone, lane_of("甲二"), "甲二村的水渠堵了", "环境卫生")
    pending = Matter.objects.exclude(pk__in=[matter.pk for matter in closed.values()]).get()
    taken = make_report(lane_of("己一"), words="己一村的路面塌了一块")
    cases.take_case(an_act(place.actor("head 己一"), taken))
    old_plate = lane_of("甲二").plate_code
    year = {"reported_at__year": 2018}
    under = {
        unit.path: Matter.objects.filter(place_path__startswith=unit.path, **year).count()
        for unit in Unit.objects.filter(level__code="village")
    }
    assert sum(under.values()) == 6

    # When, on the day, the town's administrator merges them one after the other
    clock.at = datetime(2020, 4, 10, 1, 0, tzinfo=UTC)
    admin = at_desk("town_admin")
    for number, (new, olds) in enumerate(MERGES.items()):
        merge(admin, olds, new, eyes=eyes if number == 0 else None)
    merge(admin, INTO[:1], INTO[1])

    # Then there are the 18 of today, and the list still knows those of 2018
    assert villages_on(SINCE) == {
        spoken(s) for s in [*(s for s in TODAY if s not in MERGES), *sum(MERGES.values(), ()), INTO[0]]
    }
    assert villages_on(MERGED_ON) == {spoken(stem) for stem in TODAY}
    admin.goto("/settings/units/")
    expect(admin.locator("tbody tr")).to_have_count(18)
    follow(admin.get_by_role("link", name="连同已撤并的"))
    expect(admin.locator("tbody tr")).to_have_count(18 + 12)
    follow(admin.get_by_role("link", name="甲一村", exact=True))
    expect(admin.locator(".facts")).to_contain_text("由谁接续")
    eyes.look(admin, desk=True)

    # Who looked after a lane goes on; the directors of the villages that are gone do not
    new_village = Unit.objects.get(short_name="北姚村")
    new_lane = Unit.objects.get(short_name="甲二村一巷", path__startswith=new_village.path)
    assert [held.unit_path for held in place.actor("head 甲二").held] == [new_lane.path]
    assert place.actor("director 甲二").held == ()
    assert Succession.objects.count() == 12 * 3

    # An old plate leads to the successor's page, and a report from it lies there
    phone.goto(f"/p/{old_plate}/")
    expect(phone.get_by_role("main")).to_contain_text("北姚村")
    fresh = report(phone, lane_of("甲二"), "新村的路灯不亮", "公共设施")
    assert Matter.objects.latest("reported_at").place_path == new_lane.path
    assert fresh != code

    # What is open went on to the successor; the reporter's code still opens it
    pending.refresh_from_db()
    assert (pending.place_path, pending.holder_unit_id) == (new_lane.path, new_lane.pk)
    assert my_tasks(place.actor("head 甲二")).filter(pk=pending.pk).exists()
    phone.goto(f"/t/{code}/")
    expect(phone.get_by_role("main")).to_contain_text("甲二村的水渠堵了")
    road = Matter.objects.get(pk=taken.matter.pk)
    south = Unit.objects.get(short_name="南姚村")
    assert road.place_path.startswith(south.path)
    assert place.actor("head 己一").covers(road.place_path)

    # And the figures of 2018: what was closed stays under the villages of 2018
    for stem, matter in closed.items():
        matter.refresh_from_db()
        assert matter.place_path == lane_of(stem).path
        own = Unit.objects.get(short_name=spoken(stem)).path
        assert Matter.objects.filter(place_path__startswith=own, **year).count() == 1
    assert not Matter.objects.filter(place_path__startswith=new_village.path, closed_at__year=2018).exists()
    assert (
        Matter.objects.filter(place_path__startswith=new_village.path).count() == 2
    )  # the open one, the fresh one
    assert not Appointment.objects.filter(unit__valid_to__lte=MERGED_ON, valid_to=None).exists()

    leader = at_desk("county_leader")
    town = Unit.objects.get(short_name="庙上乡")
    leader.goto(f"/figures/?unit={town.pk}&period=2018")
    rows = leader.get_by_role("main")
    for stem in ("甲一", "甲二", "戊三", "北贯"):
        expect(rows.get_by_role("row", name=spoken(stem)).first).to_be_visible()
    leader.goto(f"/figures/?unit={town.pk}&period=2020")
    expect(rows.get_by_role("row", name="北姚村").first).to_be_visible()
