"""Seats by what they may do, and a county's hours."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import UUID

from xiangli.territory.models import County, Unit
from xiangli.territory.queries.seats import (
    ON_THE_LINE,
    answer_of,
    by_seat,
    people_in_seats,
    seat_rows,
    who_is_there,
)
from xiangli.territory.rules import Answer, line_of

DUTY_HOURS: Final = "08:00-12:00 14:30-18:00"  # of a county that has said nothing
_KEEP_S: Final = 60.0  # how long a process goes by the hours it has read
_hours: dict[UUID, tuple[float, str]] = {}


def duty_hours_of(county_id: UUID) -> str:
    """When a county's desks are staffed, as `kernel.clocks.parse_hours` reads it. One statement a minute."""
    kept = _hours.get(county_id)
    if kept is not None and monotonic() - kept[0] < _KEEP_S:
        return kept[1]
    hours = County.objects.filter(pk=county_id).values_list("duty_hours", flat=True).first() or DUTY_HOURS
    _hours[county_id] = (monotonic(), hours)
    return hours


def forget_hours() -> None:
    """Read the counties' hours again."""
    _hours.clear()


def who_can(unit: Unit, permission: str, *, at: datetime, excluding: Collection[UUID] = ()) -> Answer | None:
    """The nearest seat in `unit` or above it whose post grants `permission`, where somebody is who is not
    among `excluding`; none of them may hold or cover it, or be on call in it. Two statements."""
    rows = seat_rows(
        line_of(unit.path), ON_THE_LINE, "%(doing)s = ANY (p.permissions)", at=at, doing=permission
    )
    found = [answer_of(present[0]) for sitting in by_seat(rows) if (present := who_is_there(sitting))]
    people = people_in_seats([answer.seat for answer in found], at=at) if excluding else {}
    return next((answer for answer in found if not people.get(answer.seat, set()) & set(excluding)), None)


def organ_seats(county_id: UUID, *, at: datetime) -> list[Answer]:
    """The seats of a county's organs that may be given work and where somebody is, in the order in which the
    organs were opened. One statement."""
    rows = seat_rows(
        [],
        "u.parent_id = %(county)s AND u.kind = 'organ'"
        " AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)",
        "'take_case' = ANY (p.permissions)",
        at=at,
        county=county_id,
    )
    seats = [answer_of(present[0]) for sitting in by_seat(rows) if (present := who_is_there(sitting))]
    return sorted(seats, key=lambda seat: (len(seat.unit_path), seat.unit_path))  # o2 before o10


def seats_for(place_path: str, county_id: UUID, *, at: datetime) -> list[Answer]:
    """The seats that may be given a matter of a place: those on the way from the county down to it, and the
    county's organs; where somebody is. The deepest first. One statement."""
    rows = seat_rows(
        line_of(place_path),
        f"({ON_THE_LINE} OR u.county_id = %(county)s AND u.kind = 'organ'"
        " AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s))",
        "'take_case' = ANY (p.permissions)",
        at=at,
        county=county_id,
    )
    return [answer_of(present[0]) for sitting in by_seat(rows) if (present := who_is_there(sitting))]


def seats_by_name(seats: Collection[str], *, at: datetime, excluding: Collection[UUID] = ()) -> list[Answer]:
    """Of seats by their names, in that order, those of units in force where somebody sits and none of `excluding`
    does, on call or otherwise. One statement for each, and one."""
    found = []
    people = people_in_seats(seats, at=at)
    for seat in seats:
        if not people[seat] or people[seat] & set(excluding):
            continue
        unit_id, _colon, post_id = seat.partition(":")
        rows = seat_rows([], "u.id = %(unit)s", "p.id = %(post)s", at=at, unit=unit_id, post=post_id)
        present = who_is_there(rows)
        if present:
            found.append(answer_of(present[0]))
    return found
