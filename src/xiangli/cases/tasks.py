"""What cases do behind the door."""

from datetime import datetime, timedelta

from xiangli.cases import actions
from xiangli.kernel.outbox import periodic


@periodic("cases.reseat", every=timedelta(minutes=10))
def reseat(now: datetime) -> int:
    """Take cases out of seats that have emptied."""
    return actions.reseat_cases(now)
