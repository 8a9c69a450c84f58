"""What a limit means, said as slowly as can be: minute by minute. It shares no line with kernel.clocks, knows no
date but the number of a minute, and is right because it is too simple to be wrong.

A minute is the one that begins at that many minutes after 1970 began in Shanghai; minute 1439 is the last of
1 January 1970. A moment and the minute that begins at it have the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

_DAY = 24 * 60  # minutes


class Oracle:
    """A clock that is looked at in every minute."""

    def __init__(
        self,
        start: int,
        pauses: list[tuple[int, int]],
        works: Callable[[date], bool],
        hours: list[tuple[int, int]],
    ) -> None:
        self.start = start
        self.still = {minute for since, to in pauses for minute in range(since, to)}
        self.on_duty = {minute for opens, closes in hours for minute in range(opens, closes)}
        self.works = works
        self.known: dict[int, bool] = {}

    def worked(self, minute: int) -> bool:
        """Whether the day of the minute is worked."""
        number = minute // _DAY
        if number not in self.known:
            self.known[number] = self.works(date.fromordinal(date(1970, 1, 1).toordinal() + number))
        return self.known[number]

    def after_running(self, minutes: int) -> int:
        """When so many minutes have run."""
        minute = self.start
        while minutes > 0:
            if minute not in self.still:
                minutes -= 1
            minute += 1
        return minute

    def after_duty(self, minutes: int) -> int:
        """When so many minutes of duty have run."""
        minute = self.start
        while minutes > 0:
            if minute % _DAY in self.on_duty and minute not in self.still and self.worked(minute):
                minutes -= 1
            minute += 1
        return minute

    def after_days(self, days: int, *, working: bool) -> int:
        """When so many days after the day of the start have ended with the clock running."""
        minute = self.start
        while minute % _DAY:  # of the day of the start nothing is counted
            minute += 1
        if minute == self.start:
            minute += _DAY
        while days > 0:
            if self.ends_a_day(minute) and minute not in self.still and (self.worked(minute) or not working):
                days -= 1
            minute += 1
        return minute

    def rolled_over(self, minute: int) -> int:
        """The end of the next day that is worked and ends with the clock running, if that of the day which ends at
        `minute` is not one."""
        while not (
            self.ends_a_day(minute - 1) and self.worked(minute - 1) and (minute - 1) not in self.still
        ):
            minute += 1
        return minute

    def ran_until(self, end: int) -> int:
        """How many minutes the clock ran."""
        return sum(minute not in self.still for minute in range(self.start, end))

    def ends_a_day(self, minute: int) -> bool:
        """Whether it is 23:59."""
        return minute % _DAY == _DAY - 1
