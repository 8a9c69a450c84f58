"""Reading one's notices, and forgetting what nobody looks up any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.models import Delivery, Notice
from xiangli.notices.states import DeliveryState
from xiangli.territory.rules import Actor

KEEP: Final = timedelta(days=180)  # the ledger keeps what happened; a notice only says where to look
KEEP_SENT: Final = timedelta(days=30)


def read_notice(actor: Actor, notice_id: UUID, *, now: datetime) -> Notice:
    """Mark one of the actor's own notices as read, and those that say the same of the same matter; return it.
    Refused("not_found") for anybody else's.
    """
    notice = Notice.objects.filter(pk=notice_id, user=actor.user_id).first() if actor else None
    if notice is None:
        raise Refused("not_found", _("没有找到这条消息。请从消息列表里打开。"))
    if notice.read_at is None:
        same = Notice.objects.filter(user=actor.user_id, read_at=None)
        same = (
            same.filter(pk=notice.pk)
            if notice.about is None
            else same.filter(about=notice.about, kind=notice.kind)
        )
        same.update(read_at=now)
        notice.read_at = now
    return notice


def read_all_notices(actor: Actor, *, now: datetime) -> int:
    """Mark all of the actor's notices as read; returns how many were not."""
    return Notice.objects.filter(user=actor.user_id, read_at=None).update(read_at=now) if actor else 0


def forget_old(now: datetime) -> int:
    """Delete notices, and messages that went out or were given up, older than they are kept; returns how many."""
    notices = Notice.objects.filter(at__lt=now - KEEP).delete()[0]
    sent = Delivery.objects.filter(
        state__in=(DeliveryState.SENT, DeliveryState.SETTLED), made_at__lt=now - KEEP_SENT
    ).delete()[0]
    return notices + sent + Delivery.objects.filter(made_at__lt=now - KEEP).delete()[0]
