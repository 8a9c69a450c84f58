"""How long something may take: pure arithmetic of limits and their deadlines. No database here, and no "now":
what a moment is, the caller says.

Minutes, hours and duty hours are time that runs. Days are counted whole, as 民法典 201 and 203 count them: the
day of the start is left out, and the limit ends when the last day ends. docs/adr/0012 has the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")  # whose days are counted
_DAY: Final = timedelta(days=1)
_NONE: Final = timedelta(0)
_FROM_TO: Final = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.ASCII)


class Kind(StrEnum):
    """What a limit counts."""

    MINUTES = "minutes"
    HOURS = "hours"
    DUTY_HOURS = "duty_hours"  # hours in which desks are staffed
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"


_DAYS: Final = frozenset({Kind.WORKING_DAYS, Kind.CALENDAR_DAYS})

# From when to when a clock stood still. `to` is None while it lasts, which only the last of a clock's may.
Pause: TypeAlias = tuple[datetime, datetime | None]
# The same, over, without a zone: in UTC or in Shanghai's time.
_Gap: TypeAlias = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Length:
    """How long: three working days. ValueError for a length that is nothing or less."""

    amount: int
    kind: Kind

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(
                f"a limit of {self.amount} {self.kind} leaves no time at all: give a whole number from 1"
            )


@dataclass(frozen=True)
class WorkingCalendar:
    """Which days are worked, and from when to when desks are staffed on them (local time)."""

    exceptions: Mapping[date, bool]  # days that are not what their weekday says
    published: frozenset[int]  # years whose holidays have been announced
    duty_hours: tuple[tuple[time, time], ...]

    def works(self, day: date) -> bool:
        """Whether the day is worked: as announced, else Monday to Friday."""
        said = self.exceptions.get(day)
        return day.weekday() < 5 if said is None else said

    def is_provisional(self, day: date) -> bool:
        """Whether what `works` says of the day may still be changed by an announcement."""
        return announced_with(day) not in self.published

    @cached_property
    def duty(self) -> timedelta:
        """The duty hours of one working day together."""
        return sum((_on(date.min, end) - _on(date.min, start) for start, end in self.duty_hours), _NONE)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a limit ends (UTC), and whether holidays still to be announced may move it."""

    at: datetime
    provisional: bool


def announced_with(day: date) -> int:
    """The year whose announcement says whether the day is worked.

    The last week of December goes with the next year's New Year: that of 2019 made 29 December 2018 a worked
    Saturday, and the Monday after it free.
    """
    return day.year + 1 if (day.month, day.day) >= (12, 25) else day.year


def parse_hours(text: str) -> tuple[tuple[time, time], ...]:
    """Duty hours as a county writes them, "08:00-12:00 14:30-18:00": within one day, in order.

    ValueError, which says what is wrong, where there are none, where one cannot be read, and where they
    overlap or are out of order.
    """
    hours = tuple(_hours(part) for part in text.split())
    if not hours:
        raise ValueError('no duty hours are given: write them like "08:00-12:00 14:30-18:00"')
    for (_, closed), (opened, _) in pairwise(hours):
        if opened < closed:
            raise ValueError(
                f"the duty hours from {opened:%H:%M} begin before those until {closed:%H:%M} have ended: "
                "write them in order, and join those that overlap"
            )
    return hours


def deadline(
    start: datetime,
    length: Length,
    *,
    calendar: WorkingCalendar,
    pauses: Sequence[Pause] = (),
    roll_over: bool = False,
) -> Deadline:
    """When `length` from `start` is over: the first moment at which that much has run. Never inside a pause.

    minutes, hours: running time. duty hours: running time inside the duty hours of working days.
    Days: whole days of Shanghai, the day of the start not among them, due at 24:00 of the last. A day counts
    when the clock runs as it ends: a pause over midnight takes out the day that ends there, one that begins at
    midnight does not. With `roll_over` calendar days whose last is not worked end with the next day
    that is (民法典 203 II).

    Pauses lie in order and apart; what of them lies before `start` or after the deadline changes nothing.
    All moments are aware, in any zone. ValueError for a naive moment, for pauses out of order, and
    while the last is open: a clock that stands still has no deadline.
    """
    try:
        if length.kind in _DAYS:
            return _days(start, length, calendar, _local(pauses), roll_over)
        if length.kind == Kind.DUTY_HOURS:
            return _duty_hours(start, timedelta(hours=length.amount), calendar, _local(pauses))
        return Deadline(_run(_utc(start), _running(length), _checked(pauses)), False)
    except OverflowError as error:
        raise ValueError(f"a limit of {length.amount} {length.kind} ends after the year 9999") from error


def amber(
    start: datetime,
    length: Length,
    *,
    calendar: WorkingCalendar,
    pauses: Sequence[Pause] = (),
    roll_over: bool = False,
) -> datetime:
    """When four fifths of `length` are gone (UTC): of minutes and hours in their own measure, of days in
    running time from `start` to the deadline. Arguments and errors are those of `deadline`.
    """
    if length.kind == Kind.DUTY_HOURS:
        return _duty_hours(start, timedelta(hours=length.amount) * 4 / 5, calendar, _local(pauses)).at
    gaps = _checked(pauses)
    start = _utc(start)
    if length.kind in _DAYS:
        end = deadline(start, length, calendar=calendar, pauses=pauses, roll_over=roll_over).at
        whole = end - start - sum((max(min(to, end) - max(since, start), _NONE) for since, to in gaps), _NONE)
    else:
        whole = _running(length)
    return _run(start, whole * 4 / 5, gaps)


def _running(length: Length) -> timedelta:
    if length.kind == Kind.HOURS:
        return timedelta(hours=length.amount)
    return timedelta(minutes=length.amount)


def _run(start: datetime, needed: timedelta, gaps: Sequence[_Gap]) -> datetime:
    """The first moment at which the clock has run for `needed`."""
    at = start
    for since, to in gaps:
        if since - at >= needed:
            break
        if since > at:
            needed -= since - at
        at = max(at, to)
    return at + needed


def _duty_hours(
    start: datetime, needed: timedelta, calendar: WorkingCalendar, gaps: Sequence[_Gap]
) -> Deadline:
    if calendar.duty <= _NONE:
        raise ValueError("duty hours cannot be counted where there are none: set the county's duty hours")
    at = _naive(start)
    day = at.date()
    plain = False  # the day of the start is looked at by its hours
    provisional = False
    while True:
        provisional = provisional or calendar.is_provisional(day)
        if calendar.works(day):
            if plain and needed > calendar.duty and not _touched(day, gaps):
                needed -= calendar.duty
            else:
                for opens, closes in calendar.duty_hours:
                    begin, end = max(_on(day, opens), at), _on(day, closes)
                    # The pauses that matter from here on: in order, so those behind are left behind.
                    while gaps and gaps[0][1] <= begin:
                        gaps = gaps[1:]
                    reached = _run(begin, needed, gaps)
                    if reached <= end:
                        return Deadline(_from_local(reached), provisional)
                    needed -= _ran(begin, end, gaps)
        day += _DAY
        plain = True


def _days(
    start: datetime, length: Length, calendar: WorkingCalendar, gaps: Sequence[_Gap], roll_over: bool
) -> Deadline:
    working = length.kind == Kind.WORKING_DAYS
    left = length.amount
    provisional = False
    day = _naive(start).date()
    while left:
        day += _DAY
        provisional = provisional or (working and calendar.is_provisional(day))
        if (not working or calendar.works(day)) and _runs_at_end(day, gaps):
            left -= 1
    if roll_over:
        provisional = provisional or calendar.is_provisional(day)
        while not (calendar.works(day) and _runs_at_end(day, gaps)):
            day += _DAY
            provisional = provisional or calendar.is_provisional(day)
    return Deadline(_from_local(_on(day + _DAY, time.min)), provisional)


def _runs_at_end(day: date, gaps: Sequence[_Gap]) -> bool:
    if not gaps:
        return True
    midnight = _on(day + _DAY, time.min)
    return not any(since < midnight <= to for since, to in gaps)


def _touched(day: date, gaps: Sequence[_Gap]) -> bool:
    return any(since.date() <= day <= to.date() for since, to in gaps)


def _ran(begin: datetime, end: datetime, gaps: Sequence[_Gap]) -> timedelta:
    """How long the clock ran from `begin` to `end`."""
    if end <= begin:
        return _NONE
    return end - begin - sum((max(min(to, end) - max(since, begin), _NONE) for since, to in gaps), _NONE)


def _checked(pauses: Sequence[Pause]) -> list[_Gap]:
    """The pauses in UTC; ValueError unless they are over, in order and apart."""
    gaps: list[_Gap] = []
    for since, to in pauses:
        if to is None:
            raise ValueError(
                "a pause is open: the clock stands still and has no deadline until somebody resumes"
            )
        gap = _utc(since), _utc(to)
        if gap[1] < gap[0] or (gaps and gap[0] < gaps[-1][1]):
            raise ValueError(
                f"the pause from {since.isoformat()} to {to.isoformat()} is out of order: "
                "a pause ends after it began and begins after the one before it has ended"
            )
        gaps.append(gap)
    return gaps


def _local(pauses: Sequence[Pause]) -> list[_Gap]:
    return [(_naive(since), _naive(to)) for since, to in _checked(pauses)]


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} names no time zone: give an aware moment")
    # Not only for the looks: two moments of one zone are subtracted by their faces, summer time or not.
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _naive(moment: datetime) -> datetime:
    """The moment as a clock in Shanghai shows it: half the price of arithmetic with a zone."""
    return _utc(moment).astimezone(SHANGHAI).replace(tzinfo=None)


def _from_local(moment: datetime) -> datetime:
    return moment.replace(tzinfo=SHANGHAI).astimezone(UTC)


def _on(day: date, at: time) -> datetime:
    return datetime.combine(day, at)


def _hours(part: str) -> tuple[time, time]:
    written = _FROM_TO.fullmatch(part)
    try:
        if written is None:
            raise ValueError(part)
        hour, minute, to_hour, to_minute = map(int, written.groups())
        opens = time.min.replace(hour=hour, minute=minute)
        closes = time.min.replace(hour=to_hour, minute=to_minute)
    except ValueError as error:
        raise ValueError(
            f'the duty hours "{part}" cannot be read: write from when to when, like "08:00-12:00", '
            "up to 23:59"
        ) from error
    if closes <= opens:
        raise ValueError(f'the duty hours "{part}" end before they begin: they lie within one day')
    return opens, closes
