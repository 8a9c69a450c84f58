"""The only writers of notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.models import Notice
from xiangli.notices.states import barred_from
from xiangli.territory.queries import people_in_seats
from xiangli.territory.rules import OUTSIDE, Actor

KEEP: Final = timedelta(days=180)  # the ledger keeps what happened; a notice only says where to look


@dataclass(frozen=True, slots=True)
class Tell:
    """What the outbox message `message` says: that `kind` happened `about` a matter, to whoever sits in `seat` and to `users`."""

    message: UUID
    about: UUID
    kind: str
    seat: str = ""
    users: frozenset[UUID] = frozenset()


def tell(tells: Sequence[Tell], *, now: datetime) -> int:
    """Write one notice of each to each person in its seat now and to each of its users; returns how many that was. Four
    statements, whatever the number.

    Told twice by the same message, a person has one notice. An outside organ has no inbox here. Whom a matter
    is about is told nothing, whatever seat they sit in by now.
    """
    seated = people_in_seats({one.seat for one in tells if one.seat and one.seat != OUTSIDE}, at=now)
    barred = barred_from({one.about for one in tells})
    rows = [
        Notice(message=one.message, user_id=user, about=one.about, kind=one.kind, at=now)
        for one in tells
        for user in sorted((one.users | seated.get(one.seat, set())) - barred.get(one.about, set()))
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


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
