"""What is open in a unit and in whose hands: ordinary matters that the actor may see, and no others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import CharField, Count, F, Func, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat, Substr

from xiangli.cases.queries.work import is_amber, is_red
from xiangli.matters.queries import inbox
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.rules import Actor
from xiangli.web.rules import Colour, lamp_of

MOST_POINTS: Final = 500


@dataclass(frozen=True, slots=True)
class Lamps:
    """Open matters by the lamp of their clock; `none`: no clock runs."""

    red: int = 0
    amber: int = 0
    green: int = 0
    none: int = 0

    @property
    def open(self) -> int:
        return self.red + self.amber + self.green + self.none

    @property
    def shade(self) -> int:
        """How dark a map draws the share that is overdue: 0 nothing is open, 1 nothing overdue, 2 under a tenth, 3
        under three tenths, 4 from there."""
        if not self.open:
            return 0
        if not self.red:
            return 1
        return 2 if 10 * self.red < self.open else 3 if 10 * self.red < 3 * self.open else 4


def _open(actor: Actor, unit: Unit) -> QuerySet[Any]:
    """Open ordinary matters that the actor sees: of a place and below it; of an organ, those it holds."""
    rows = inbox(actor).open().filter(visibility=Visibility.ORDINARY)
    if unit.kind == UnitKind.ORGAN:
        return rows.filter(holder_unit=unit)
    return rows.filter(place_path__startswith=unit.path)


def _counts(at: datetime) -> dict[str, Any]:
    red, amber, off = is_red(at), is_amber(at), Q(next_clock_at=None)
    return {
        "red": Count("pk", filter=red),
        "amber": Count("pk", filter=amber & ~red & ~off),
        "off": Count("pk", filter=off),
        "all": Count("pk"),
    }


def _lamps(row: Mapping[str, Any]) -> Lamps:
    return Lamps(row["red"], row["amber"], row["all"] - row["red"] - row["amber"] - row["off"], row["off"])


def open_in(actor: Actor, unit: Unit, *, at: datetime) -> Lamps:
    """What is open in a unit, by lamp. One statement."""
    return _lamps(_open(actor, unit).aggregate(**_counts(at)))


def open_below(actor: Actor, unit: Unit, *, at: datetime) -> dict[str, Lamps]:
    """What is open at and below a place, by lamp, for the path of each unit right below it, and for its own path
    what lies in none of them. One statement."""
    step = Func(
        Substr("place_path", len(unit.path) + 1),
        Value("/"),
        Value(1),
        function="split_part",
        output_field=CharField(),
    )
    rows = (
        _open(actor, unit)
        .annotate(step=Concat(Value(unit.path), step, Value("/"), output_field=CharField()))
        .values("step")
        .annotate(**_counts(at))
        .order_by()
    )
    own = unit.path + "/"
    return {unit.path if row["step"] == own else row["step"]: _lamps(row) for row in rows}


@dataclass(frozen=True, slots=True)
class Point:
    """An open matter on the map: where it is, or where its place is; None for both where nobody knows."""

    id: UUID
    number: int
    title: str
    place: str
    lat: float | None
    lng: float | None
    due_at: datetime | None
    amber_at: datetime | None
    colour: Colour


def points_in(actor: Actor, unit: Unit, *, at: datetime, most: int = MOST_POINTS) -> list[Point]:
    """The open matters at and below a unit whose clocks run out first, `most` at the most. One statement."""
    rows = (
        _open(actor, unit)
        .order_by("due_at", "id")
        .values_list(
            *("pk", "number", "title", "place_name"),
            Coalesce(F("lat"), F("place__lat")),
            Coalesce(F("lng"), F("place__lng")),
            *("next_clock_at", "next_amber_at"),
        )[:most]
    )
    return [
        Point(
            *(key, number, title, place, lat, lng, due_at, amber_at),
            lamp_of(due_at, now=at, amber_at=amber_at).colour,
        )
        for key, number, title, place, lat, lng, due_at, amber_at in rows
    ]


def in_hand(actor: Actor, users: Collection[UUID]) -> dict[UUID, int]:
    """How many open matters each of `users` has in hand, of those that the actor sees. One statement."""
    rows = inbox(actor).open().filter(visibility=Visibility.ORDINARY, handler__in=users)
    return dict(rows.values_list("handler").annotate(count=Count("pk")).order_by())


def hazards_in(actor: Actor, unit: Unit, *, topics: Collection[str], most: int) -> list[Any]:
    """Open matters of `topics` in a place, the oldest first: what a dossier says of them. One statement."""
    rows = _open(actor, unit).filter(topic__in=topics).order_by("reported_at", "id")
    return list(rows.values("number", "topic", "place_name", "state", "reported_at")[:most])
