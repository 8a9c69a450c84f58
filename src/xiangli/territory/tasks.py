"""What territory does behind the door."""

from datetime import date, datetime
from uuid import UUID

from xiangli.kernel import outbox
from xiangli.kernel.models import OutboxMessage
from xiangli.territory import actions


@outbox.handler(actions.LEAVE)
def leave(message: OutboxMessage, now: datetime) -> None:
    """The first day without somebody: what they have in hand moves."""
    payload = message.payload
    actions.let_go(
        UUID(payload["user"]), date.fromisoformat(payload["on"]), now, close=bool(payload["close"])
    )


@outbox.handler(actions.GROW)
def grow(message: OutboxMessage, now: datetime) -> None:
    """The day on which units become one: the one that stands takes in the ground of the others."""
    actions.grow(UUID(message.payload["unit"]), [UUID(one) for one in message.payload["others"]])
