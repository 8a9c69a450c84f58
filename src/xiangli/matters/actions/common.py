"""The writers that every workflow shares: lock, record, grant, attach. A workflow's own action calls them
inside its transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Model

from xiangli.kernel import files, outbox
from xiangli.kernel.ledger import Chain
from xiangli.kernel.models import LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.rows import insert
from xiangli.matters.models import Matter, MatterGrant, MatterPhoto, MatterSubject
from xiangli.matters.queries import digest_of, not_found, seal_text
from xiangli.matters.states import GrantKind, PhotoRole, Visibility
from xiangli.territory.rules import OUTSIDE, Actor


def lock_matter(matter_id: UUID, *, actor: Actor) -> Matter:
    """The matter behind the fence, its row locked: the first statement of every act of staff."""
    matter = Matter.objects.visible_to(actor).select_for_update(of=("self",)).filter(pk=matter_id).first()
    if matter is None:
        raise not_found()
    return matter


def lock_matter_by_code(code: str) -> Matter:
    """The matter whose receipt the reporter holds, its row locked: the first statement of every act of a
    reporter."""
    try:
        # get(), not first(): ordered by its key, a plan may walk all matters for the one that the digest names
        return Matter.objects.select_for_update(of=("self",)).get(receipt__code_digest=digest_of(code))
    except Matter.DoesNotExist:
        raise not_found() from None


@dataclass(frozen=True, slots=True)
class By:
    """Who acted, as the ledger keeps it: the authority openly, the name and post in the erasable payload."""

    authority: str  # "appointment:<uuid>", "receipt", "plate", "rule:<name>"
    user_id: UUID | None = None
    name: str = ""
    post: str = ""


def record(
    matter: Matter,
    kind: str,
    *,
    by: By,
    at: datetime,
    data: Mapping[str, Any],
    words: Mapping[str, Any] | None = None,
    event_id: UUID | None = None,
    beside: Sequence[Model] = (),
    later: list[Model] | None = None,
) -> LedgerEvent:
    """Append one event to the matter's chain and move the head on the (locked, not yet saved) row. Other
    new rows may travel `beside` it in the same statement, the matter's own included; or the event's rows are put
    into `later`, which the caller inserts with those of other matters.

    `data` holds nothing personal; `words` and the actor's name and post go into the erasable payload,
    encrypted unless the matter is ordinary.
    """
    payload = {
        key: value for key, value in {"name": by.name, "post": by.post, **(words or {})}.items() if value
    }
    if payload and matter.visibility != Visibility.ORDINARY:
        payload = {"sealed": seal_text(matter, "words", json.dumps(payload)).hex()}
    chain = Chain(
        stream=matter.pk, scope=matter.county_id, seq=matter.event_seq, head=bytes(matter.event_head)
    )
    event = chain.append(
        kind,
        at=at,
        actor=by.user_id,
        authority=by.authority,
        data=dict(data),
        payload=payload or None,
        event_id=event_id,
    )
    matter.event_seq, matter.event_head = chain.seq, chain.head
    if later is None:
        chain.save(beside=beside)
    else:
        for rows in chain.take():
            later += rows
    return event


class Seated(Protocol):
    """Where a ball can lie: an `Answer`, or a post that somebody holds."""

    @property
    def seat(self) -> str: ...
    @property
    def unit_id(self) -> UUID: ...
    @property
    def unit_path(self) -> str: ...
    @property
    def post_id(self) -> UUID | None: ...


def put_in_seat(matter: Matter, seated: Seated) -> None:
    """Put the ball into a seat: sets the holder on the (unsaved) row. Nobody has taken it yet."""
    matter.holder_unit_id = seated.unit_id
    matter.holder_post_id = seated.post_id
    matter.holder_seat = seated.seat
    matter.handler_id = None


def hold(matter: Matter, seated: Seated, *, at: datetime) -> None:
    """`put_in_seat` on a stored matter, and the grant without which the holder could not see it: where it is
    not ordinary, or lies outside the holder's own unit (the next lane's head, asked to help)."""
    put_in_seat(matter, seated)
    let_in(matter, seated, GrantKind.HOLDER, at=at)


def let_in(matter: Matter, seated: Seated, kind: GrantKind, *, at: datetime) -> None:
    """`grant_seat` where the seat does not see the matter by its territory."""
    if not _inside(matter, seated):
        grant_seat(matter, seated.seat, kind, at=at)


def grants_of(matter: Matter, seated: Seated, *, at: datetime) -> list[MatterGrant]:
    """The grant that `hold` would write, unsaved: for a matter that is born in its holder's seat."""
    if _inside(matter, seated):
        return []
    return [MatterGrant(matter=matter, seat=seated.seat, kind=GrantKind.HOLDER, granted_at=at)]


def _inside(matter: Matter, seated: Seated) -> bool:
    """Whether a seat sees a matter by its territory; the organ outside the county sees nothing of ours."""
    if seated.seat == OUTSIDE:
        return True
    return matter.visibility == Visibility.ORDINARY and matter.place_path.startswith(seated.unit_path)


def grant_seat(matter: Matter, seat: str, kind: GrantKind, *, at: datetime) -> None:
    """Let whoever holds a seat see the matter and act on it."""
    if not MatterGrant.objects.filter(matter=matter, seat=seat, ended_at=None).exists():
        MatterGrant.objects.create(matter=matter, seat=seat, kind=kind, granted_at=at)


def name_subjects(matter: Matter, user_ids: Iterable[UUID]) -> None:
    """Write down whom a new matter is about; from then on they can neither see nor handle it."""
    MatterSubject.objects.bulk_create(MatterSubject(matter=matter, user_id=user_id) for user_id in user_ids)


def attach_photos(
    matter: Matter, photos: Sequence[StoredFile], role: PhotoRole, *, event_id: UUID, start: int = 1
) -> None:
    """Bind stored pictures to the event that brought them, numbered from `start`: rows and reference
    counts, two statements."""
    if photos:
        MatterPhoto.objects.bulk_create(
            MatterPhoto(matter=matter, file=photo, role=role, event=event_id, position=position)
            for position, photo in enumerate(photos, start=start)
        )
        files.add_references([photo.pk for photo in photos])


def tell(matter: Matter, kind: str, *, now: datetime, seat: str = "", users: Sequence[UUID] = ()) -> None:
    """Have a seat's people, or named users, told of `kind`, after the transaction and at least once."""
    insert(message_of(matter, kind, now=now, seat=seat, users=users))


def message_of(
    matter: Matter, kind: str, *, now: datetime, seat: str = "", users: Sequence[UUID] = ()
) -> list[OutboxMessage]:
    """The outbox row by which `tell` does it, not yet written; none where there is nobody to be told."""
    if not seat and not users:
        return []
    told = {"matter": matter.pk, "kind": kind, "seat": seat, "users": list(users)}
    return [outbox.message("notices.tell", told, now=now)]
