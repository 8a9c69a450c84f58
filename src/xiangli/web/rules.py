"""Pure rules of showing: how people say a time, and which lamp is lit. No Django; data and `now` in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

# A lamp turns amber when a quarter of the allowed time is left, but never earlier than a day before.
AMBER_SHARE = 0.25
AMBER_AT_MOST = timedelta(hours=24)
AMBER_UNKNOWN_START = timedelta(hours=4)  # where the page does not know when the clock began

_HOUR = timedelta(hours=1)
_DAYS_FROM = 48  # hours: below it people count hours


class Near(StrEnum):
    """How near a day is to today, as people name it."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    TOMORROW = "tomorrow"
    THIS_YEAR = "this_year"
    OTHER_YEAR = "other_year"


class Unit(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Colour(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    OFF = "off"  # no clock runs


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in the unit people would use, rounded down: nobody is promised more than there is."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Lamp:
    """The colour of a running clock and the time that is left, or has been run over."""

    colour: Colour
    span: Span | None = None


def nearness(at: datetime, *, now: datetime, zone: tzinfo) -> Near:
    """How people in `zone` name the day of `at` when it is `now`."""
    there, here = at.astimezone(zone).date(), now.astimezone(zone).date()
    days = (there - here).days
    if days in (-1, 0, 1):
        return (Near.TODAY, Near.TOMORROW, Near.YESTERDAY)[days]
    return Near.THIS_YEAR if there.year == here.year else Near.OTHER_YEAR


def span_of(length: timedelta) -> Span:
    """`length`, of either sign, as a whole count of minutes (at least 1), hours (up to 47) or days."""
    length = abs(length)
    if length < _HOUR:
        return Span(max(1, length // timedelta(minutes=1)), Unit.MINUTE)
    hours = length // _HOUR
    if hours < _DAYS_FROM:
        return Span(hours, Unit.HOUR)
    return Span(hours // 24, Unit.DAY)


def lamp_of(
    due_at: datetime | None,
    *,
    now: datetime,
    since: datetime | None = None,
    amber_at: datetime | None = None,
) -> Lamp:
    """The lamp of a clock to `due_at`: OFF when none runs; at `due_at` itself red; amber from `amber_at`, or
    where that is not known by a guess from `since`."""
    if due_at is None:
        return Lamp(Colour.OFF)
    left = due_at - now
    if left <= timedelta(0):
        return Lamp(Colour.RED, span_of(left))
    if amber_at is not None:
        return Lamp(Colour.AMBER if now >= amber_at else Colour.GREEN, span_of(left))
    warn = AMBER_UNKNOWN_START if since is None else min((due_at - since) * AMBER_SHARE, AMBER_AT_MOST)
    return Lamp(Colour.AMBER if left <= warn else Colour.GREEN, span_of(left))
