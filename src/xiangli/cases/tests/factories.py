"""Small counties for tests: one town, one village, two lanes, and a person in each post."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from xiangli.accounts.models import User
from xiangli.cases.actions import Act, Receipted, Report, load_categories, report_case
from xiangli.cases.queries import category_with_limits
from xiangli.cases.states import Channel
from xiangli.kernel import clock
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.ids import new_id
from xiangli.territory.actions import appoint, load_preset, open_organ, set_duty_number
from xiangli.territory.models import County, Level, Post, Scheme, Standing, Unit
from xiangli.territory.queries import actor_for, forget_hours, spoken_name
from xiangli.territory.rules import Actor

SINCE = date(2024, 1, 1)


@dataclass
class Place:
    """The county and its people by the code of their post ("lane_head", "lane_head_2" for the second lane …)."""

    county: Unit
    town: Unit
    village: Unit
    grid: Unit
    lane: Unit
    lane2: Unit
    posts: dict[str, Post]
    people: dict[str, User] = field(default_factory=dict)

    def seat(self, code: str, unit: Unit, name: str, **more: Any) -> User:
        user = User.objects.create_user(display_name=name)
        appoint(user=user, unit=unit, post=self.posts[code], valid_from=SINCE, **more)
        return user

    def actor(self, who: str) -> Actor:
        return actor_for(self.people[who], at=clock.now())


def make_place(prefix: str = "14/08/26/") -> Place:
    """A county with grids: lane, grid, village, town, county. Two calls with two prefixes give two counties."""
    unit = _Units(load_scheme("lanes"), prefix)
    county = unit("county", prefix, "绛县", None, code=unit.digits)
    town = unit("town", "100/", "横水镇", county, code=unit.digits + "100")
    village = unit("village", "200/", "庙上村", town, code=unit.digits + "100200")
    grid = unit("grid", "01/", "第一网格", village)
    lane = unit("lane", "01/", "一巷", grid, plate=True)
    lane2 = unit("lane", "02/", "二巷", grid, plate=True)
    place = Place(county, town, village, grid, lane, lane2, unit.posts)
    _seat(
        place,
        ("lane_head", "lane_head", lane, "张巷长"),
        ("lane_head_2", "lane_head", lane2, "李巷长"),
        ("grid_head", "grid_head", grid, "王网格"),
        *_above(place),
    )
    set_duty_number(unit=lane, post=place.posts["lane_head"], phone="0359-6520001")
    return place


def make_sections(prefix: str = "61/08/31/") -> Place:
    """A county with sections: two groups (in the lanes' place), village, section (in the grid's), town, county.
    "section_head" and "section_head_2" share the section: one holds it, the other deputises."""
    unit = _Units(load_scheme("sections"), prefix)
    county = unit("county", prefix, "子洲县", None, code=unit.digits)
    town = unit("town", "100/", "苗家坪镇", county, code=unit.digits + "100")
    section = unit("section", "01/", "第一片区", town)
    village = unit("village", "200/", "张家湾村", section, code=unit.digits + "100200")
    group = unit("group", "01/", "一组", village, plate=True)
    group2 = unit("group", "02/", "二组", village, plate=True)
    place = Place(county, town, village, section, group, group2, unit.posts)
    _seat(
        place,
        ("lane_head", "group_head", group, "张组长"),
        ("lane_head_2", "group_head", group2, "李组长"),
        ("section_head", "section_head", section, "王片长"),
        *_above(place),
    )
    place.people["section_head_2"] = place.seat("section_head", section, "沈片长", standing=Standing.DEPUTY)
    return place


def add_organ(place: Place, who: str = "organ_desk", name: str = "水务局") -> Unit:
    """An organ of the county, and somebody at its desk."""
    organ = open_organ(county=place.county, name=name, valid_from=SINCE)
    place.people[who] = place.seat("organ_desk", organ, f"{name[0]}经办")
    return organ


def load_scheme(code: str) -> Scheme:
    load_categories()
    forget_hours()
    calendar_of("")  # a process reads it once a minute: not within what a test counts
    return load_preset(code)


class _Units:
    """Makes the units of one county."""

    def __init__(self, scheme: Scheme, prefix: str) -> None:
        self.scheme = scheme
        self.levels = {level.code: level for level in Level.objects.filter(scheme=scheme)}
        self.posts = {post.code: post for post in Post.objects.filter(scheme=scheme)}
        self.digits = "".join(char for char in prefix if char.isdigit())
        self.plates = 0

    def __call__(
        self, level: str, label: str, name: str, parent: Unit | None, code: str = "", plate: bool = False
    ) -> Unit:
        self.plates += plate
        made = Unit(
            parent=parent,
            level=self.levels[level],
            path=(parent.path if parent else "") + label,
            code=code,
            name=name,
            short_name=name,
            plate_code=plate_code(int(self.digits) * 10 + self.plates) if plate else None,
            lat=35.5,
            lng=111.5,
            valid_from=SINCE,
        )
        made.county_id = parent.county_id if parent else made.pk
        made.save(force_insert=True)
        if parent is None:
            County.objects.create(
                unit=made, scheme=self.scheme, outside_organ="市纪委监委", outside_phone="12388"
            )
        return made


def _above(place: Place) -> list[tuple[str, str, Unit, str]]:
    return [
        ("village_director", "village_director", place.village, "赵主任"),
        ("village_clerk", "village_clerk", place.village, "钱文书"),
        ("village_officer", "village_officer", place.village, "孙警官"),
        ("town_desk", "town_desk", place.town, "周值班"),
        ("county_desk", "county_desk", place.county, "吴值班"),
        ("county_supervision", "county_supervision", place.county, "郑督查"),
    ]


def _seat(place: Place, *people: tuple[str, str, Unit, str]) -> None:
    for key, code, where, name in people:
        place.people[key] = place.seat(code, where, name)


def plate_code(number: int) -> str:
    from xiangli.territory.rules import plate_code_from

    return plate_code_from(number)


def make_report(
    place: Unit, category: str = "environment", *, client_id: UUID | None = None, **more: Any
) -> Receipted:
    """A resident's report at `place`."""
    found = category_with_limits(category, on=clock.now())
    assert found is not None
    unit = Unit.objects.select_related("parent__parent__parent", "county__profile").get(pk=place.pk)
    values: dict[str, Any] = {
        "client_id": client_id or new_id(),
        "category": found[0],
        "limits": found[1],
        "words": "二巷口有一堆垃圾，好几天了",
        "place": unit,
        "place_name": spoken_name(unit),
        "channel": Channel.PLATE,
    }
    return report_case(Report(**(values | more)))


def an_act(actor: Actor, receipted: Receipted, note: str = "", **more: Any) -> Act:
    """One act on a reported case, by a fresh form."""
    return Act(actor=actor, matter_id=receipted.matter.pk, act_id=new_id(), note=note, **more)
