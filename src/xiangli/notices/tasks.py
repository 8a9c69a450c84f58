"""What notices do behind the door."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import batch_handler, errand, periodic
from xiangli.notices import actions
from xiangli.notices.states import ORDINARY, PRIVATE, SEALED, Known, is_urgent, known_of

_GUARDED = (ORDINARY, PRIVATE, SEALED)


@batch_handler("notices.tell")
def tell(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Payload: `matter` or `matters` (a flood), `kind`, and `seat` ("<unit>:<post>", or empty) or `users`, or both.

    What may be said outside the app (`county`, `facts`, `visibility`, `danger`), where a message does not bring it, is
    asked of whoever owns the matters, once for all messages.
    """
    about = {message.pk: _about(message) for message in messages}
    known = known_of({matter for matters in about.values() for matter in matters})
    actions.tell([_tell(message, about[message.pk], known) for message in messages], now=now)


def _about(message: OutboxMessage) -> tuple[UUID, ...]:
    said = message.payload
    return tuple(UUID(matter) for matter in said.get("matters") or [said["matter"]])


def _tell(message: OutboxMessage, matters: tuple[UUID, ...], known: Mapping[UUID, Known]) -> actions.Tell:
    said, there = message.payload, [known[matter] for matter in matters if matter in known]
    kind: str = said["kind"]
    first = there[0] if there else None
    county = UUID(said["county"]) if said.get("county") else first.county if first else None
    guarded = max(
        (one.visibility for one in there), key=_GUARDED.index, default=ORDINARY
    )  # of several the strictest
    return actions.Tell(
        message=message.pk,
        about=matters[0] if len(matters) == 1 else None,
        kind=kind,
        seat=said.get("seat") or "",
        users=frozenset(UUID(user) for user in said.get("users", ())),
        matters=matters if len(matters) > 1 else (),
        county=county,
        facts=said.get("facts") or (first.facts if first else {}),
        visibility=said.get("visibility") or guarded,
        danger=said.get("danger", is_urgent(kind) and any(one.danger for one in there)),
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
