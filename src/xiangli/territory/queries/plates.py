"""What a public plate leads to, and who stands on it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from xiangli.territory.models import County, Level, Standing, Unit
from xiangli.territory.queries.common import on_day, profile_of, unit_rows
from xiangli.territory.queries.seats import ON_THE_LINE, SeatRow, by_seat, seat_rows, who_is_there
from xiangli.territory.queries.units import ancestors
from xiangli.territory.rules import (
    day_of,
    in_force,
    line_of,
    normal_plate_code,
)


@dataclass(frozen=True, slots=True)
class PlatePerson:
    """One line of a plate: a post of this unit or of one above it, and who answers in it today.

    Nobody there: `name` is empty and `covered_by` names the post and unit above that answers meanwhile.
    """

    unit_id: UUID
    unit_path: str
    unit_name: str
    post_id: UUID
    post_code: str
    post_name: str
    name: str
    deputy: bool
    phone: str  # the duty number of the seat; of the covering one while it is vacant; "" when it has none
    user_ids: tuple[
        UUID, ...
    ]  # holder and deputies, present or not: the subjects of a complaint about the plate
    covered_by: str = ""
    stand_ins: tuple[UUID, ...] = ()  # who sits in the covering seat

    @property
    def vacant(self) -> bool:
        return not self.name


@dataclass(frozen=True, slots=True)
class PlateView:
    """What a plate leads to. `unit` is in force, or, when the plate's own unit ended and split, the old
    unit: then `choices` are the successors in force and the page asks which one."""

    unit: Unit
    line: tuple[Unit, ...]  # the county, town, village … above it, from the top down
    people: tuple[PlatePerson, ...]
    county: County | None
    old: Unit | None = None  # the ended unit whose plate was scanned
    choices: tuple[Unit, ...] = ()

    @property
    def user_ids(self) -> frozenset[UUID]:
        """Everybody who answers here: the subjects of a complaint made at this plate."""
        return frozenset(_users_of(self.people, self.unit))

    @property
    def first(self) -> PlatePerson | None:
        """Who answers here: the line of the plate's own unit that comes first."""
        return next((person for person in self.people if person.unit_id == self.unit.pk), None)


def people_on_plate(unit: Unit, *, at: datetime) -> set[UUID]:
    """The users who hold or cover the posts that the plate of `unit` names, and whoever above stands in where
    nobody is in a post of the unit itself: the subjects of a complaint made there."""
    return _users_of(_people_on(unit, at=at), unit)


def _users_of(people: Collection["PlatePerson"], unit: Unit) -> set[UUID]:
    named = {user_id for person in people for user_id in person.user_ids}
    return named.union(*(person.stand_ins for person in people if person.unit_id == unit.pk))


def plate(code: str, *, at: datetime) -> PlateView | None:
    """What the plate `code` (as typed) leads to at `at`; None: no such plate. Two statements, five from
    an old plate."""
    normal = normal_plate_code(code)
    found = _line_with_plate(normal) if normal else []
    if not found:
        return None
    *line, unit = found
    day = day_of(at)
    old: Unit | None = None
    choices: tuple[Unit, ...] = ()
    if not in_force(unit.valid_from, unit.valid_to, day):
        old = unit
        successors = successors_of(unit, day)
        if len(successors) == 1:
            unit = successors[0]
            line = ancestors(unit)
        else:
            choices = tuple(successors)
    return PlateView(
        unit=unit,
        line=tuple(above for above in line if above.county_id is not None),
        people=_people_on(unit, at=at),
        county=profile_of(unit),
        old=old,
        choices=choices,
    )


# Every look at a plate asks this one: the unit and all above it, each with its level, and the county's profile.
# As querysets it was two statements, and compiling them was a third of the page.
_MODELS: Final = {"x": Unit, "l": Level, "p": County}
_FIELDS: Final = {alias: [f.attname for f in model._meta.concrete_fields] for alias, model in _MODELS.items()}
_LINE: Final = f"""
    SELECT {", ".join(f'{alias}."{name}"' for alias, names in _FIELDS.items() for name in names)}
      FROM {Unit._meta.db_table} u
      JOIN {Unit._meta.db_table} x
        ON x.path = ANY (ARRAY(SELECT substring(u.path from '^(?:[^/]+/){{' || n || '}}') FROM generate_series(1, 16) n))
      LEFT JOIN {Level._meta.db_table} l ON l.id = x.level_id
      LEFT JOIN {County._meta.db_table} p ON p.unit_id = x.id
     WHERE u.plate_code = %s
     ORDER BY x.path
"""  # noqa: S608  # the models' own names


def _line_with_plate(code: str) -> list[Unit]:
    """The unit with this plate, in force or ended, after all units above it, from the top down; none without it.
    They know each other, their levels and the county's profile."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE, [code])
        rows = cursor.fetchall()
    line: dict[UUID | None, Unit] = {}
    for row in rows:
        read: dict[str, Any] = {}
        start = 0
        for alias, model in _MODELS.items():
            values = row[start : start + len(_FIELDS[alias])]
            start += len(values)
            there = any(value is not None for value in values)
            read[alias] = model.from_db(connection.alias, _FIELDS[alias], values) if there else None
        unit: Unit = read["x"]
        line[unit.pk] = unit
        unit.level = read["l"]
        if unit.parent_id in line:
            unit.parent = line[unit.parent_id]
        if unit.county_id in line:
            unit.county = line[unit.county_id]
        if read["p"] is not None:
            read["p"].unit = unit  # and the unit knows its profile
    return list(line.values())


def plate_unit(code: str, *, at: datetime) -> Unit | None:
    """The unit in force behind a plate, with the names above it: the unit itself, or the one successor of
    an ended one. None: no such plate, or an old one with several successors, among which a person must
    choose. One statement."""
    normal = normal_plate_code(code)
    unit = _place_with_plate(normal) if normal else None
    if unit is None or in_force(unit.valid_from, unit.valid_to, day_of(at)):
        return unit
    successors = successors_of(unit, day_of(at))
    return successors[0] if len(successors) == 1 else None


# Every report asks this one. As a queryset over as many joins, it cost a third of the report to compile.
_OWN: Final = [field.attname for field in Unit._meta.concrete_fields]
_ABOVE: Final = ["id", "parent_id", "code", "short_name"]  # what `spoken_name` reads
_PLACE: Final = f"""
    SELECT {", ".join(f'{alias}."{name}"' for alias, names in zip("uabc", [_OWN, *[_ABOVE] * 3], strict=True) for name in names)}
      FROM {Unit._meta.db_table} u
      LEFT JOIN {Unit._meta.db_table} a ON a.id = u.parent_id
      LEFT JOIN {Unit._meta.db_table} b ON b.id = a.parent_id
      LEFT JOIN {Unit._meta.db_table} c ON c.id = b.parent_id
     WHERE u.plate_code = %s
"""  # noqa: S608  # the model's own names


def _place_with_plate(code: str) -> Unit | None:
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, [code])
        row = cursor.fetchone()
    if row is None:
        return None
    unit = below = Unit.from_db(connection.alias, _OWN, row[: len(_OWN)])
    for start in range(len(_OWN), len(row), len(_ABOVE)):
        if row[start] is None:
            break
        above = Unit.from_db(connection.alias, _ABOVE, row[start : start + len(_ABOVE)])
        Unit._meta.get_field("parent").set_cached_value(below, above)
        below = above
    return unit


def plated_units(paths: Collection[str], *, at: datetime, most: int = 200) -> list[Unit]:
    """Units in force with a plate at and under any of `paths`, in the order of the tree, `most` at the
    most. One statement."""
    within = Q(pk__in=[])
    for path in paths:
        within |= Q(path__startswith=path)
    return list(
        unit_rows().filter(within, on_day(day_of(at)), plate_code__isnull=False).order_by("path")[:most]
    )


def successors_of(unit: Unit, day: date) -> list[Unit]:
    """The units that took over from an ended one, through further changes, as far as they are in force on
    `day`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE after (id) AS (
                SELECT successor_id FROM territory_succession WHERE predecessor_id = %s AND "on" <= %s
                UNION
                SELECT s.successor_id FROM territory_succession s JOIN after ON s.predecessor_id = after.id
                WHERE s."on" <= %s ) SELECT id FROM after """,
            [unit.pk, day, day],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(unit_rows(pk__in=ids).filter(on_day(day)).order_by("path")) if ids else []


def _people_on(unit: Unit, *, at: datetime) -> tuple[PlatePerson, ...]:
    order = by_seat(seat_rows(line_of(unit.path), ON_THE_LINE, "TRUE", at=at))
    return tuple(
        plate_person(sitting, above=order[position + 1 :])
        for position, sitting in enumerate(order)
        if sitting[0].on_plate
    )


def plate_person(sitting: Sequence[SeatRow], *, above: Sequence[Sequence[SeatRow]]) -> PlatePerson:
    """One line of the plate from the rows of its seat; `above` are the seats that come after it, nearest
    first."""
    first = sitting[0]
    shown = who_is_there(sitting)
    covering: SeatRow | None = None
    stand_ins: tuple[UUID, ...] = ()
    if not shown:
        duties = set(first.duties)
        over = next((seat for seat in above if duties & set(seat[0].duties) and who_is_there(seat)), ())
        covering = over[0] if over else None
        stand_ins = tuple(row.user_id for row in over if row.user_id is not None)
    return PlatePerson(
        unit_id=first.unit_id,
        unit_path=first.unit_path,
        unit_name=first.unit_name,
        post_id=first.post_id,
        post_code=first.post_code,
        post_name=first.title,
        name="、".join(row.user_name or "" for row in shown),
        deputy=bool(shown) and shown[0].standing == Standing.DEPUTY,
        phone=(covering or first).phone or "",
        user_ids=tuple(row.user_id for row in sitting if row.user_id is not None),
        covered_by=f"{covering.unit_name} {covering.title}" if covering else "",
        stand_ins=stand_ins,
    )
