"""What notices do behind the door."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import batch_handler, errand, periodic
from xiangli.notices import actions
from xiangli.notices.states import ORDINARY


@batch_handler("notices.tell")
def tell(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Payload: `matter` or `matters` (a flood), `kind`, and `seat` ("<unit>:<post>", or empty) or `users`, or both.

    With `county`, what is told goes out of the app too: `facts` {number, category, lane} as plain names,
    `visibility` ("ordinary" where it is missing), `danger`.
    """
    actions.tell([_tell(message) for message in messages], now=now)


def _tell(message: OutboxMessage) -> actions.Tell:
    said = message.payload
    matters = tuple(UUID(matter) for matter in said.get("matters", ()))
    county = said.get("county")
    return actions.Tell(
        message=message.pk,
        about=None if matters else UUID(said["matter"]),
        kind=said["kind"],
        seat=said.get("seat") or "",
        users=frozenset(UUID(user) for user in said.get("users", ())),
        matters=matters,
        county=UUID(county) if county else None,
        facts=said.get("facts") or {},
        visibility=said.get("visibility") or ORDINARY,
        danger=bool(said.get("danger")),
    )


@errand("notices.deliver")
def deliver(message: OutboxMessage, now: datetime) -> None:
    """Payload: nothing. Whoever comes first sends what waits; the others find nothing left."""
    actions.deliver(now)


@periodic("notices.deliver_left_over", every=timedelta(minutes=10))
def deliver_left_over(now: datetime) -> int:
    """Send what waits and nobody was woken for: no message may depend on one row of the outbox."""
    return actions.deliver(now)


@periodic("notices.forget_old", every=timedelta(days=1), at=time(3, 50))
def forget_old(now: datetime) -> int:
    """Delete what nobody looks up any more."""
    return actions.forget_old(now)
