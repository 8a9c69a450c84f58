"""What did not arrive: try again, or have a person tell it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel.outbox import message
from xiangli.kernel.refusals import Refused
from xiangli.kernel.rows import insert
from xiangli.notices.actions.telling import TOPIC, quiet_of
from xiangli.notices.models import Delivery, Notice
from xiangli.notices.queries import colleagues, undelivered
from xiangli.notices.rules import leaves_at
from xiangli.notices.states import GROUPS, DeliveryState, barred_from
from xiangli.territory.rules import Actor


@transaction.atomic
def retry_deliveries(actor: Actor, delivery_ids: Collection[UUID], *, now: datetime) -> int:
    """Let what did not arrive try again, with all its attempts; returns how many that is.

    Refused("not_found") where the actor looks after none of them, ("no_number") where a reporter's number was
    emptied already.
    """
    rows = list(
        undelivered(actor, at=now)
        .filter(pk__in=delivery_ids)
        .select_related("county__profile")
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    if not rows:
        raise _gone()
    again = [row for row in rows if row.user_id is not None or row.kind in GROUPS]
    if not again:
        raise Refused(
            "no_number", _("反映人的号码在放弃发送时已经删去，不能再发。请转给某人当面或打电话告知。")
        )
    for row in again:
        profile = getattr(row.county, "profile", None)
        row.state, row.attempts, row.last_error = DeliveryState.WAITING, 0, ""
        row.not_before = leaves_at(now, quiet_of(profile.quiet_hours if profile else None), danger=row.danger)
    Delivery.objects.bulk_update(again, ["state", "attempts", "last_error", "not_before"])
    insert(message(TOPIC, {}, now=now, available_at=at) for at in sorted({row.not_before for row in again}))
    return len(again)


@transaction.atomic
def hand_over_delivery(actor: Actor, delivery_id: UUID, *, to: UUID, now: datetime) -> Delivery:
    """Give what did not arrive to a person of the actor's own units, who tells it face to face or by telephone.

    Refused("not_found") for what the actor does not look after or somebody settled before, ("invalid_person") for
    somebody else's people, and for whom the matter is about.
    """
    row = undelivered(actor, at=now).filter(pk=delivery_id).select_for_update(of=("self",)).first()
    if row is None:
        raise _gone()
    barred = barred_from({row.about}).get(row.about, set()) if row.about else set()
    if to in barred or to not in {one.id for one in colleagues(actor, at=now)}:
        raise Refused(
            "invalid_person", _("请在名单里选一位：只能转给您自己单位里、与这件事无关的人。"), field="to"
        )
    row.state, row.given_to_id, row.settled_at = DeliveryState.SETTLED, to, now
    row.save(update_fields=["state", "given_to", "settled_at"])
    if to != actor.user_id:
        Notice.objects.create(message=row.pk, user_id=to, about=row.about, kind="hand_over_delivery", at=now)
    return row


def _gone() -> Refused:
    return Refused("not_found", _("没有找到这条消息：它可能已经处理了，或不归您管。请刷新名单再看。"))
