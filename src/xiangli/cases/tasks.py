"""What cases do behind the door."""

from datetime import datetime, timedelta

from xiangli.cases import actions
from xiangli.kernel.outbox import periodic


@periodic("cases.reseat", every=timedelta(minutes=10))
def reseat(now: datetime) -> int:
    """Take cases out of seats that have emptied."""
    return actions.reseat_cases(now)


@periodic("cases.move_ended", every=timedelta(hours=1))
def move_ended(now: datetime) -> int:
    """Move the cases of units whose last day has passed."""
    return actions.move_ended_cases(now)
