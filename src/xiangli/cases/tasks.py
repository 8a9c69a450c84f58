"""What cases do behind the door."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.cases import actions
from xiangli.kernel import timers
from xiangli.kernel.outbox import periodic


@timers.handler("case.clock")
def fire_clocks(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
    """Amber, red, a level up."""
    return actions.fire_clocks(subjects, now)


@periodic("cases.tell_top", every=timedelta(days=1), at=time(8, 30))
def tell_top(now: datetime) -> int:
    """The county's morning digest of what is overdue at the top."""
    return actions.tell_top(now)


@periodic("cases.mend_clocks", every=timedelta(hours=1))
def mend_clocks(now: datetime) -> int:
    """No open case is without a live clock."""
    return actions.mend_clocks(now)


@periodic("cases.recompute_clocks", every=timedelta(hours=1))
def recompute_clocks(now: datetime) -> int:
    """Deadlines over a year whose holidays have been announced since."""
    return actions.recompute_clocks(now)


@periodic("cases.reseat", every=timedelta(minutes=10))
def reseat(now: datetime) -> int:
    """Take cases out of seats that have emptied."""
    return actions.reseat_cases(now)


@periodic("cases.release", every=timedelta(minutes=10))
def release(now: datetime) -> int:
    """Take cases out of the hands of people whose last post has ended."""
    return actions.release_cases(now)


@periodic("cases.move_ended", every=timedelta(hours=1))
def move_ended(now: datetime) -> int:
    """Move the cases of units whose last day has passed."""
    return actions.move_ended_cases(now)
