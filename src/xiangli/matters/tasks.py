"""What matters do behind the door."""

from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import handler, periodic
from xiangli.matters import actions


@handler("matters.tell_reporters")
def tell_reporters(message: OutboxMessage, now: datetime) -> None:
    """Payload: `matter`, `kind`. What it queues is committed with "done", so nobody is told twice."""
    actions.tell_reporters(UUID(message.payload["matter"]), message.payload["kind"], now=now)


@periodic("matters.keep_words", every=timedelta(seconds=5))
def keep_words(now: datetime) -> int:
    """Make what was just reported findable."""
    return actions.keep_words()


@periodic("matters.forget_words", every=timedelta(hours=1))
def forget_words(now: datetime) -> int:
    """What was erased is found no more."""
    return actions.forget_words()


@periodic("matters.mend_words", every=timedelta(days=1), at=time(4, 10))
def mend_words(now: datetime) -> int:
    """Put right what is found by other words than it should be."""
    return actions.mend_words()
