"""What came to a queue since somebody looked at it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from xiangli.matters.models import Matter, MatterGrant, MatterQuerySet, among
from xiangli.matters.queries.queue import CLOSED, Filters, _chosen, _row
from xiangli.territory.rules import Actor

MOST: Final = 100  # told at once; beyond it one reads the list anew
# A report's transaction ends a moment after the moment it names. What is told twice for it, the page knows by its id.
_LATE: Final = timedelta(seconds=10)


def arrivals(actor: Actor, filters: Filters, *, since: datetime, at: datetime) -> list[UUID]:
    """The open matters of this choice that were reported since, or that a grant has let the actor see since; the
    newest first, at most `MOST`. None of a search and of closed ones. One statement, which reads the open matters
    of the scope."""
    if filters.state == CLOSED or filters.text.strip():
        return []
    since -= _LATE
    grants = MatterGrant.objects.filter(ended_at=None, granted_at__gte=since).filter(
        Q(user=actor.user_id) | Q(seat__in=actor.seats)
    )
    rows = _of(actor, filters, at).filter(Q(reported_at__gte=since) | among(grants))
    return list(rows.order_by("-reported_at", "-id").values_list("pk", flat=True)[:MOST])


def arrived(actor: Actor, filters: Filters, ids: Collection[UUID], *, at: datetime) -> list[Matter]:
    """The rows of some of these, as the queue shows them, the newest first. One statement."""
    rows = _row(_of(actor, filters, at).filter(pk__in=list(ids)[:MOST]))
    return list(rows.order_by("-reported_at", "-id"))


def _of(actor: Actor, filters: Filters, at: datetime) -> MatterQuerySet:
    rows = _chosen(Matter.objects.visible_to(actor), filters, actor, at)
    return rows.filter(place_path__startswith=filters.unit) if filters.unit else rows
