"""What notices do behind the door."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import batch_handler, periodic
from xiangli.notices import actions


@batch_handler("notices.tell")
def tell(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Payload: `matter`, `kind`, and `seat` ("<unit>:<post>", or empty) or `users`, or both."""
    actions.tell(
        [
            actions.Tell(
                message=message.pk,
                about=UUID(message.payload["matter"]),
                kind=message.payload["kind"],
                seat=message.payload.get("seat") or "",
                users=frozenset(UUID(user) for user in message.payload.get("users", ())),
            )
            for message in messages
        ],
        now=now,
    )


@periodic("notices.forget_old", every=timedelta(days=1), at=time(3, 50))
def forget_old(now: datetime) -> int:
    """Delete what nobody looks up any more."""
    return actions.forget_old(now)
