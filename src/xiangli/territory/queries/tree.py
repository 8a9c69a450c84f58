"""The tree of units: what lies below, what a unit came from, its figures and its outline. The caller asks the
fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from xiangli.territory.models import Boundary, Figure, Succession, Unit, UnitKind
from xiangli.territory.queries.common import in_english, on_day, unit_rows
from xiangli.territory.queries.seats import ON_THE_LINE, SeatRow, by_seat, seat_rows, who_is_there
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import Actor, day_of, in_force
from xiangli.web.paging import Page, paginate


@dataclass(frozen=True, slots=True)
class Change:
    """A unit that this one took over from, or that took over from it, on a day."""

    unit_id: UUID
    name: str
    on: date


def changes_of(unit: Unit) -> tuple[list[Change], list[Change]]:
    """The units that this one took over from, and those that took over from it. One statement."""
    rows = (
        Succession.objects.filter(Q(predecessor=unit) | Q(successor=unit))
        .select_related("predecessor", "successor")
        .order_by("on", "predecessor__path", "successor__path")
    )
    came: list[Change] = []
    went: list[Change] = []
    for row in rows:
        if row.successor_id == unit.pk:
            came.append(Change(row.predecessor_id, row.predecessor.short_name, row.on))
        else:
            went.append(Change(row.successor_id, row.successor.short_name, row.on))
    return came, went


@dataclass(frozen=True, slots=True)
class Below:
    """How many units of a level lie below, today."""

    level: str
    count: int
    plates: int


def below(unit: Unit, *, at: datetime) -> list[Below]:
    """The places in force below a unit, by level. One statement."""
    rows = (
        Unit.objects.filter(
            on_day(day_of(at)), path__startswith=unit.path, kind=UnitKind.PLACE, is_pseudo=False
        )
        .exclude(pk=unit.pk)
        .exclude(level=None)
        .values_list("level__name", "level__name_en", "level__rank")
        .annotate(count=Count("id"), plates=Count("plate_code"))
        .order_by("level__rank", "level__name")
    )
    return [
        Below(name_en if in_english() else name, count, plates)
        for name, name_en, _rank, count, plates in rows
    ]


def figures_of(unit: Unit) -> list[tuple[Figure, list[Figure]]]:
    """The figures of a unit by name: the newest of each, and its older ones. One statement."""
    found: dict[str, list[Figure]] = {}
    for figure in Figure.objects.filter(unit=unit).order_by("name", "-as_of"):
        found.setdefault(figure.name, []).append(figure)
    return [(figures[0], figures[1:]) for figures in found.values()]


def figure_of(unit: Unit, figure_id: UUID) -> Figure | None:
    return Figure.objects.filter(unit=unit, pk=figure_id).first()


def boundary_words(unit: Unit) -> tuple[str, bool] | None:
    """Where the outline of a unit is from, and whether it was made up; None: there is none."""
    return Boundary.objects.filter(unit=unit).values_list("source", "synthetic").first()


def some_made_up(unit: Unit, *, at: datetime) -> bool:
    """Whether an outline of the unit, or of one right below it, is none that somebody measured. One statement."""
    drawn = Boundary.objects.filter(Q(unit=unit) | Q(unit__parent=unit) & on_day(day_of(at), "unit__"))
    return drawn.filter(synthetic=True).exists()


# --- the tree


@dataclass(frozen=True, slots=True)
class Line:
    """A unit in a list: its level, who comes first in it, and whether a post that answers for something is empty."""

    unit: Unit
    place: str
    level: str
    post: str
    names: str
    vacant: bool


def tree(
    actor: Actor,
    *,
    at: datetime,
    parent: Unit | None = None,
    search: str = "",
    ended: bool = False,
    cursor: str = "",
) -> tuple[list[Line], Page[Any]]:
    """The actor's topmost units, those right below `parent`, or those of the actor's territory that `search` names;
    with `ended` those that are no more, too. A page at a time. Two statements."""
    rows = unit_rows()
    if not ended:
        rows = rows.filter(on_day(day_of(at)))
    if search:
        within = Q(pk__in=[])
        for path in [parent.path] if parent else actor.scope_paths:
            within |= Q(path__startswith=path)
        rows = rows.filter(
            within,
            Q(name__icontains=search)
            | Q(short_name__icontains=search)
            | Q(code=search)
            | Q(plate_code=search),
        )
    elif parent is not None:
        rows = rows.filter(parent=parent)
    else:
        rows = rows.filter(path__in=actor.scope_paths)
    page = paginate(rows, order=("path",), cursor=cursor)
    return _lines(page.items, at=at), page


def children(unit: Unit, *, at: datetime) -> list[Unit]:
    """The places in force right below a unit, in the order of the tree. One statement."""
    return list(
        unit_rows(parent=unit, kind=UnitKind.PLACE, is_pseudo=False)
        .filter(on_day(day_of(at)))
        .order_by("path")
    )


def _lines(units: list[Unit], *, at: datetime) -> list[Line]:
    rows = seat_rows(
        [unit.path for unit in units], ON_THE_LINE, "(cardinality(p.duties) > 0 OR p.on_plate)", at=at
    )
    first: dict[UUID, list[SeatRow]] = {}
    vacant: set[UUID] = set()
    for sitting in by_seat(rows):
        first.setdefault(sitting[0].unit_id, sitting)
        if sitting[0].duties and not who_is_there(sitting):
            vacant.add(sitting[0].unit_id)
    return [
        Line(
            unit=unit,
            place=spoken_name(unit),
            level=level_name(unit),
            post=first[unit.pk][0].title if unit.pk in first else "",
            names="、".join(row.user_name or "" for row in who_is_there(first.get(unit.pk, ()))),
            vacant=unit.pk in vacant,
        )
        for unit in units
    ]


def level_name(unit: Unit) -> str:
    if unit.level is None:
        return ""
    return unit.level.name_en if in_english() else unit.level.name


def is_ended(unit: Unit, *, at: datetime) -> bool:
    return not in_force(unit.valid_from, unit.valid_to, day_of(at))


def rings_below(unit: Unit, *, at: datetime) -> list[tuple[UUID, str]]:
    """The outlines of a unit itself and of the places in force right below it, as PostgreSQL writes a polygon:
    (longitude, latitude) pairs in degrees, WGS-84. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT b.unit_id, b.ring::text
              FROM territory_unit u JOIN territory_boundary b ON b.unit_id = u.id
             WHERE u.id = %(unit)s
                OR u.parent_id = %(unit)s AND u.kind = 'place' AND NOT u.is_pseudo
               AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
             ORDER BY u.path """,
            {"unit": unit.pk, "day": day_of(at)},
        )
        rows: list[tuple[UUID, str]] = cursor.fetchall()
    return rows
