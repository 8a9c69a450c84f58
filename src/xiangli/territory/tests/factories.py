"""A small county for the tests of territory, opened by the actions that open real ones."""

from dataclasses import dataclass
from datetime import date, timedelta

from xiangli.accounts.models import User
from xiangli.kernel.ids import new_id
from xiangli.territory.actions import appoint, load_preset, open_unit
from xiangli.territory.models import Appointment, Boundary, County, Level, Post, Standing, Unit

SINCE = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Small:
    """One town, one village, one grid and two lanes of the scheme "lanes"; nobody is appointed yet."""

    county: Unit
    town: Unit
    village: Unit
    grid: Unit
    lane: Unit
    lane_two: Unit
    levels: dict[str, Level]
    posts: dict[str, Post]

    def seat(
        self,
        code: str,
        unit: Unit,
        name: str = "某人",
        *,
        user: User | None = None,
        standing: str = Standing.HOLDER,
        since: date = SINCE,
        until: date | None = None,
    ) -> Appointment:
        """Appoint somebody new, or `user`."""
        return appoint(
            user=user or User.objects.create_user(display_name=name),
            unit=unit,
            post=self.posts[code],
            valid_from=since,
            valid_to=until,
            standing=standing,
        )


def make_county(top: str = "14/08/26/", name: str = "绛县", *, west: float = 111.0) -> Small:
    """A county whose ground is the square from `west` 35°N, a tenth of a degree a side; its lanes split it
    in halves."""
    scheme = load_preset("lanes")
    levels = {level.code: level for level in scheme.levels.all()}
    county_id = new_id()
    county = Unit.objects.create(
        id=county_id,
        county_id=county_id,
        level=levels["county"],
        path=top,
        code=top.replace("/", ""),
        name=name,
        short_name=name,
        valid_from=SINCE,
    )
    County.objects.create(unit=county, scheme=scheme, outside_organ="运城市纪委监委", outside_phone="12388")
    town = open_unit(parent=county, level=levels["town"], label="101", name="横水镇", valid_from=SINCE)
    village = open_unit(
        parent=town,
        level=levels["village"],
        label="200",
        name="横北村委会",
        short_name="横北村",
        valid_from=SINCE,
    )
    grid = open_unit(parent=village, level=levels["grid"], label="01", name="第一网格", valid_from=SINCE)
    lanes = [
        open_unit(
            parent=grid,
            level=levels["lane"],
            label=label,
            name=word,
            valid_from=SINCE,
            lat=35.05,
            lng=west + shift + 0.025,
        )
        for label, word, shift in (("01", "一巷", 0.0), ("02", "二巷", 0.05))
    ]
    ground(county, west, 35.0, west + 0.1, 35.1)
    ground(lanes[0], west, 35.0, west + 0.05, 35.1)
    ground(lanes[1], west + 0.05, 35.0, west + 0.1, 35.1)
    posts = {post.code: post for post in scheme.posts.all()}
    return Small(county, town, village, grid, lanes[0], lanes[1], levels, posts)


def ground(unit: Unit, west: float, south: float, east: float, north: float) -> Boundary:
    """Give a unit a rectangle."""
    assert unit.level is not None
    ring = [(west, south), (east, south), (east, north), (west, north)]
    return Boundary.objects.create(
        unit=unit, ring=ring, rank=unit.level.rank, source="a test's rectangle", synthetic=True
    )


def next_day(day: date, days: int = 1) -> date:
    return day + timedelta(days=days)
