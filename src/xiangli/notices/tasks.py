"""What notices do behind the door."""

from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import handler, periodic
from xiangli.notices import actions


@handler("notices.tell")
def tell(message: OutboxMessage, now: datetime) -> None:
    """Payload: `matter`, `kind`, and `seat` ("<unit>:<post>", or empty) or `users`, or both."""
    told = message.payload
    actions.tell(
        message.pk,
        about=UUID(told["matter"]),
        kind=told["kind"],
        seat=told.get("seat") or "",
        users=[UUID(user) for user in told.get("users", ())],
        now=now,
    )


@periodic("notices.forget_old", every=timedelta(days=1), at=time(3, 50))
def forget_old(now: datetime) -> int:
    """Delete what nobody looks up any more."""
    return actions.forget_old(now)
