"""The working calendar as rows: which days of announced years are not what their weekday says.

A year is kept either by the library `chinesecalendar`, as the State Council's office announced it, or by hand:
whoever enters a year's days keeps the year from then on. Which, the year's `source` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from time import monotonic
from typing import Final

import chinese_calendar
from django.db import connection, transaction

from xiangli.kernel.clocks import WorkingCalendar, announced_with, parse_hours
from xiangli.kernel.models import CalendarDay, CalendarYear

_LIBRARY: Final = "chinesecalendar"  # how the source of a year begins that the library keeps
_FRESH: Final = 60.0  # seconds after which the rows are read again: another process may have changed them


@dataclass(frozen=True, order=True, slots=True)
class Exceptional:
    """A day that is not what its weekday says."""

    day: date
    working: bool
    name: str  # of the holiday it belongs to


@dataclass(frozen=True, slots=True)
class Changes:
    """What entering a year changed, each in the order of days."""

    added: tuple[Exceptional, ...] = ()
    changed: tuple[Exceptional, ...] = ()  # as they are now
    removed: tuple[Exceptional, ...] = ()

    @property
    def count(self) -> int:
        """How many days are not what they were."""
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass(frozen=True, slots=True)
class _Known:
    """The rows as they were read."""

    exceptions: Mapping[date, bool]
    published: frozenset[int]
    until: float
    calendars: dict[str, WorkingCalendar] = field(default_factory=dict)


_known: _Known | None = None


def calendar_of(duty_hours: str) -> WorkingCalendar:
    """The calendar as it is known now, with a county's duty hours; "" where none are counted.

    It costs one statement a minute and process: another process sees a change within that time, this one at
    once. ValueError for duty hours that cannot be read.
    """
    known = _read()
    calendar = known.calendars.get(duty_hours)
    if calendar is None:
        hours = parse_hours(duty_hours) if duty_hours else ()
        calendar = known.calendars[duty_hours] = WorkingCalendar(known.exceptions, known.published, hours)
    return calendar


def published_years() -> frozenset[int]:
    """The years whose holidays are known, as fresh as `calendar_of`."""
    return _read().published


def year_of(year: int) -> tuple[str, list[Exceptional]]:
    """A year's source and its days, the last week of December before it among them; ("", []) while it is
    not published.
    """
    sources = CalendarYear.objects.filter(year=year).values_list("source", flat=True)
    return next(iter(sources), ""), _by_year().get(year, [])


def publish_year(year: int, days: Iterable[Exceptional], *, source: str) -> Changes:
    """Enter all days of a year, in place of those it had; `source` names the announcement.

    From then on the year is kept by hand, and `load_calendar` leaves it alone. Clocks that were counted
    provisionally are not counted again here. ValueError for a day that the announcement of another year says,
    or that is there twice, and for a source that would make the library keep the year.
    """
    if source.startswith(_LIBRARY) or not source:
        raise ValueError("name the announcement that the days are taken from")
    wanted = sorted(days)
    if astray := [one.day for one in wanted if announced_with(one.day) != year]:
        raise ValueError(f"{astray[0]} is announced with {announced_with(astray[0])} and not with {year}")
    if len({one.day for one in wanted}) < len(wanted):
        raise ValueError("a day is there twice")
    return _write({year: wanted}, source)


def load_calendar() -> int:
    """Bring the years that the library keeps up to what its version says; returns how many days that changed.

    Safe to repeat. A year that somebody entered stays as it is.
    """
    source = f"{_LIBRARY} {version(_LIBRARY)}"
    by_hand = set(CalendarYear.objects.exclude(source__startswith=_LIBRARY).values_list("year", flat=True))
    announced = {year: days for year, days in _announced().items() if year not in by_hand}
    return _write(announced, source).count


def forget() -> None:
    """Read the rows anew at the next question."""
    global _known
    _known = None


def _read() -> _Known:
    global _known
    now = monotonic()
    known = _known
    if known is None or known.until <= now:
        with connection.cursor() as cursor:  # one statement: reports wait for it
            cursor.execute(
                "SELECT year, NULL, NULL FROM kernel_calendaryear"
                " UNION ALL SELECT NULL, day, working FROM kernel_calendarday"
            )
            rows = cursor.fetchall()
        exceptions = {day: working for _, day, working in rows if day is not None}
        published = frozenset(year for year, _, _ in rows if year is not None)
        known = _known = _Known(exceptions, published, now + _FRESH)
    return known


def _by_year() -> dict[int, list[Exceptional]]:
    found: dict[int, list[Exceptional]] = {}
    for row in CalendarDay.objects.order_by("day"):
        found.setdefault(announced_with(row.day), []).append(Exceptional(row.day, row.working, row.name))
    return found


def _announced() -> dict[int, list[Exceptional]]:
    """By year, what the library knows: days on which its announcement and their weekday differ."""
    holidays: dict[date, str] = chinese_calendar.holidays
    worked: dict[date, str] = chinese_calendar.workdays
    free = {day: name for day, name in holidays.items() if day.weekday() < 5}
    made_up = {day: name for day, name in worked.items() if day.weekday() >= 5}
    found: dict[int, list[Exceptional]] = {}
    for days, working in ((free, False), (made_up, True)):
        for day, name in days.items():
            chinese: str = chinese_calendar.Holiday(name).chinese
            found.setdefault(announced_with(day), []).append(Exceptional(day, working, chinese))
    return {year: sorted(days) for year, days in found.items()}


def _write(years: Mapping[int, list[Exceptional]], source: str) -> Changes:
    with transaction.atomic():
        CalendarYear.objects.bulk_create(
            [CalendarYear(year=year, source=source) for year in years],
            update_conflicts=True,
            unique_fields=["year"],
            update_fields=["source"],
        )
        before = {one.day: one for year, days in _by_year().items() if year in years for one in days}
        after = {one.day: one for days in years.values() for one in days}
        changes = Changes(
            added=tuple(one for day, one in after.items() if day not in before),
            changed=tuple(one for day, one in after.items() if before.get(day, one) != one),
            removed=tuple(one for day, one in before.items() if day not in after),
        )
        CalendarDay.objects.filter(day__in=[one.day for one in changes.removed]).delete()
        CalendarDay.objects.bulk_create(
            [
                CalendarDay(day=one.day, working=one.working, name=one.name)
                for one in (*changes.added, *changes.changed)
            ],
            update_conflicts=True,
            unique_fields=["day"],
            update_fields=["working", "name"],
        )
    forget()
    return changes
