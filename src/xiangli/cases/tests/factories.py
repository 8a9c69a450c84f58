"""A small county for tests: one town, one village, a grid of two lanes, and a person in each post."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from xiangli.accounts.models import User
from xiangli.cases.actions import Act, Receipted, Report, load_categories, report_case
from xiangli.cases.models import Category
from xiangli.cases.queries import category_with_limits, forget_known
from xiangli.cases.states import Channel
from xiangli.kernel import clock
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.ids import new_id
from xiangli.territory.actions import appoint, load_preset, set_duty_number
from xiangli.territory.models import County, Level, Post, Unit
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
    """Two calls with two prefixes give two counties."""
    load_categories()
    calendar_of("")  # a process reads it once a minute: not within what a test counts
    scheme = load_preset("lanes")
    levels = {level.code: level for level in Level.objects.filter(scheme=scheme)}

    def unit(
        level: str, label: str, name: str, parent: Unit | None, code: str = "", plate: str | None = None
    ) -> Unit:
        made = Unit(
            parent=parent,
            level=levels[level],
            path=(parent.path if parent else "") + label,
            code=code,
            name=name,
            short_name=name,
            plate_code=plate,
            lat=35.5,
            lng=111.5,
            valid_from=SINCE,
        )
        made.county_id = parent.county_id if parent else made.pk
        made.save(force_insert=True)
        return made

    digits = "".join(char for char in prefix if char.isdigit())
    county = unit("county", prefix, "绛县", None, code=digits)
    County.objects.create(unit=county, scheme=scheme, outside_organ="市纪委监委", outside_phone="12388")
    town = unit("town", "100/", "横水镇", county, code=digits + "100")
    village = unit("village", "200/", "庙上村", town, code=digits + "100200")
    grid = unit("grid", "01/", "第一网格", village)
    plates = (plate_code(int(digits) * 10 + 1), plate_code(int(digits) * 10 + 2))
    lane = unit("lane", "01/", "一巷", grid, plate=plates[0])
    lane2 = unit("lane", "02/", "二巷", grid, plate=plates[1])
    place = Place(
        county,
        town,
        village,
        grid,
        lane,
        lane2,
        {post.code: post for post in Post.objects.filter(scheme=scheme)},
    )
    for key, code, where, name in [
        ("lane_head", "lane_head", lane, "张巷长"),
        ("lane_head_2", "lane_head", lane2, "李巷长"),
        ("grid_head", "grid_head", grid, "王网格"),
        ("village_director", "village_director", village, "赵主任"),
        ("village_clerk", "village_clerk", village, "钱文书"),
        ("village_officer", "village_officer", village, "孙警官"),
        ("town_desk", "town_desk", town, "周值班"),
        ("county_desk", "county_desk", county, "吴值班"),
        ("county_supervision", "county_supervision", county, "郑督查"),
    ]:
        place.people[key] = place.seat(code, where, name)
    set_duty_number(unit=lane, post=place.posts["lane_head"], phone="0359-6520001")
    return place


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
