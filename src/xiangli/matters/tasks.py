"""What matters do behind the door."""

from datetime import datetime
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import handler
from xiangli.matters import actions


@handler("matters.tell_reporters")
def tell_reporters(message: OutboxMessage, now: datetime) -> None:
    """Payload: `matter`, `kind`. What it queues is committed with "done", so nobody is told twice."""
    actions.tell_reporters(UUID(message.payload["matter"]), message.payload["kind"], now=now)
