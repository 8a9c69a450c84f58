"""The only writers of notices."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.models import Notice
from xiangli.notices.states import barred_from
from xiangli.territory.queries import seat_people
from xiangli.territory.rules import OUTSIDE, Actor

KEEP: Final = timedelta(days=180)  # the ledger keeps what happened; a notice only says where to look


def tell(
    message: UUID, *, about: UUID, kind: str, seat: str = "", users: Collection[UUID] = (), now: datetime
) -> int:
    """Write one notice to each person in `seat` now and to each of `users`, and return to how many that was.

    Told twice by the same `message`, a person has one notice. An outside organ has no inbox here. Whom the
    matter is about is told nothing, whatever seat they sit in by now.
    """
    people = set(users)
    if seat and seat != OUTSIDE:
        unit, _colon, post = seat.partition(":")
        people.update(seat_people(UUID(unit), UUID(post), at=now))
    people -= barred_from(about)
    Notice.objects.bulk_create(
        [Notice(message=message, user_id=user, about=about, kind=kind, at=now) for user in sorted(people)],
        ignore_conflicts=True,
    )
    return len(people)


def read_notice(actor: Actor, notice_id: UUID, *, now: datetime) -> Notice:
    """Mark one of the actor's own notices as read and return it. Refused("not_found") for anybody else's."""
    notice = Notice.objects.filter(pk=notice_id, user=actor.user_id).first() if actor else None
    if notice is None:
        raise Refused("not_found", _("没有找到这条消息。请从消息列表里打开。"))
    if notice.read_at is None:
        notice.read_at = now
        notice.save(update_fields=["read_at"])
    return notice


def read_all_notices(actor: Actor, *, now: datetime) -> int:
    """Mark all of the actor's notices as read; returns how many were not."""
    return Notice.objects.filter(user=actor.user_id, read_at=None).update(read_at=now) if actor else 0


def forget_old(now: datetime) -> int:
    """Delete notices that are older than they are kept; returns how many."""
    return Notice.objects.filter(at__lt=now - KEEP).delete()[0]
