"""Writing a stream's events, and reading them back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model

from xiangli.kernel.canonical import plain
from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger.forms import GENESIS, SALT_SIZE, event_hash, payload_commitment
from xiangli.kernel.models import LedgerEvent, LedgerPayload
from xiangli.kernel.rows import insert


@dataclass(slots=True)
class Chain:
    """The chain of one stream, at its head. The caller holds the lock on the stream's own row, where `seq`
    and `head` are kept.

    chain = Chain(stream=matter.id, scope=matter.county_id, seq=matter.event_seq, head=matter.event_head)
    chain.append("take_case", at=now, actor=actor.user_id, authority=held.authority, data={"to":
    "in_progress"}, payload={"note": words}) chain.save() matter.event_seq, matter.event_head = chain.seq,
    chain.head
    """

    stream: UUID
    scope: UUID
    seq: int = 0
    head: bytes = GENESIS
    _events: list[LedgerEvent] = field(default_factory=list, init=False, repr=False)
    _payloads: list[LedgerPayload] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.head = bytes(self.head)  # a driver may hand out a memoryview

    def append(
        self,
        kind: str,
        *,
        at: datetime,
        actor: UUID | None,
        authority: str,
        data: dict[str, Any],
        payload: dict[str, Any] | None = None,
        event_id: UUID | None = None,
    ) -> LedgerEvent:
        """Add one event at the head; it is written by `save`. `data` holds nothing personal; what is goes
        into `payload`.

        UUIDs and moments in `data` and `payload` become text. Raises TypeError or ValueError for what has no
        canonical form (see `kernel.canonical`): a float, a lazy translation, a moment without a zone.
        """
        event = LedgerEvent(
            id=event_id or new_id(),
            scope=self.scope,
            stream=self.stream,
            seq=self.seq + 1,
            kind=str(kind),
            at=at,
            actor=actor,
            authority=authority,
            data=plain(data),
            prev_hash=self.head,
        )
        if payload is not None:
            body, salt = plain(payload), secrets.token_bytes(SALT_SIZE)
            event.commitment = payload_commitment(salt, body)
            self._payloads.append(LedgerPayload(event_id=event.id, salt=salt, body=body))
        event.hash = hash_of(event)
        self._events.append(event)
        self.seq, self.head = event.seq, event.hash
        return event

    def save(self, *, beside: Sequence[Model] = ()) -> list[LedgerEvent]:
        """Insert what was appended, and the new rows `beside` it, in one statement; return the events."""
        events, payloads = self.take()
        insert([*events, *payloads, *beside])
        return events

    def take(self) -> tuple[list[LedgerEvent], list[LedgerPayload]]:
        """What was appended, for a caller that inserts the events of many streams together."""
        events, self._events = self._events, []
        payloads, self._payloads = self._payloads, []
        return events, payloads


def hash_of(event: LedgerEvent) -> bytes:
    """The hash that the columns of `event` give, whatever its own column says."""
    return event_hash(
        id=event.id,
        scope=event.scope,
        stream=event.stream,
        seq=event.seq,
        kind=event.kind,
        at=event.at,
        actor=event.actor,
        authority=event.authority,
        data=event.data,
        commitment=None if event.commitment is None else bytes(event.commitment),
        prev_hash=bytes(event.prev_hash),
    )


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event with its erasable half. `payload` is None when there was none, or when it is `erased`."""

    id: UUID
    seq: int
    kind: str
    at: datetime
    actor: UUID | None
    authority: str
    data: dict[str, Any]
    payload: dict[str, Any] | None
    erased: bool
    sealed: bool


def event_exists(event_id: UUID) -> LedgerEvent | None:
    """The event of that id, so that an act sent twice is answered like the first time."""
    return LedgerEvent.objects.filter(pk=event_id).first()


def history(stream: UUID) -> list[HistoryRow]:
    """All events of a stream with their payloads, in order; one statement. The caller has asked the fence."""
    rows = (
        LedgerEvent.objects.filter(stream=stream)
        .order_by("seq")
        .values_list(
            "id",
            "seq",
            "kind",
            "at",
            "actor",
            "authority",
            "data",
            "payload__body",
            "payload__erased_by",
            "seal",
        )
    )
    return [
        HistoryRow(id, seq, kind, at, actor, authority, data, body, erased_by is not None, seal is not None)
        for id, seq, kind, at, actor, authority, data, body, erased_by, seal in rows
    ]
