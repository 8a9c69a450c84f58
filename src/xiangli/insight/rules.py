"""Periods, and what a figure says: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from xiangli.kernel.clocks import SHANGHAI

FEW: Final = 5  # an average of fewer answers tells of persons, not of a service
_YEAR: Final = re.compile(r"(\d{4})")
_QUARTER: Final = re.compile(r"(\d{4})-?[qQ]([1-4])")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_FIRST, _LAST = 1990, 2100


@dataclass(frozen=True, slots=True)
class Period:
    """A year, a quarter or a month: from the first day to the day before `until`, as people here count days."""

    code: str  # "2018", "2026-Q4", "2026-11"
    since: date
    until: date  # the first day after it

    @property
    def last(self) -> date:
        return self.until - timedelta(days=1)

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.since, time.min, tzinfo=SHANGHAI)

    @property
    def ends(self) -> datetime:
        """The moment of the first day after it."""
        return datetime.combine(self.until, time.min, tzinfo=SHANGHAI)

    def holds(self, day: date) -> bool:
        return self.since <= day < self.until


def period_of(code: str) -> Period:
    """The period that a code names: "2018", "2026-Q4", "2026-11". ValueError for anything else."""
    text = code.strip()
    if found := _YEAR.fullmatch(text):
        return _months(text, int(found[1]), 1, 12)
    if found := _QUARTER.fullmatch(text):
        quarter = int(found[2])
        return _months(f"{found[1]}-Q{quarter}", int(found[1]), 3 * quarter - 2, 3)
    if (found := _MONTH.fullmatch(text)) and 1 <= int(found[2]) <= 12:
        return _months(text, int(found[1]), int(found[2]), 1)
    raise ValueError(f"{code!r} names no year, quarter or month")


def _months(code: str, year: int, month: int, count: int) -> Period:
    if not _FIRST <= year <= _LAST:
        raise ValueError(f"{year} is no year of this platform")
    after = year * 12 + month - 1 + count
    return Period(code, date(year, month, 1), date(after // 12, after % 12 + 1, 1))


def usual_periods(today: date) -> list[Period]:
    """What people ask for most: this month and the last, this quarter, this year and the last."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return [
        period_of(f"{month:%Y-%m}"),
        period_of(f"{before:%Y-%m}"),
        period_of(f"{today.year}-Q{(today.month + 2) // 3}"),
        period_of(f"{today.year}"),
        period_of(f"{today.year - 1}"),
    ]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of one unit, or one category. Seconds for times."""

    reported: int = 0  # in the period
    closed: int = 0  # in the period: put right, verified, fed back
    median_s: float | None = None  # from the report to the close, of those closed
    reopened: int = 0  # of those closed: how many had to be done again
    confirmed: int = 0  # of those closed: the reporter said it is put right
    rated: int = 0  # of those closed: how many were evaluated
    stars: int = 0  # of all evaluations together
    open: int = 0  # now
    overdue: int = 0  # of those open now

    @property
    def average(self) -> float | None:
        """Of the evaluations; None where they are too few to speak of a service."""
        return self.stars / self.rated if self.rated >= FEW else None

    @property
    def empty(self) -> bool:
        return not (self.reported or self.closed or self.open)
