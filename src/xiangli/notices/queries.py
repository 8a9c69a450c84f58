"""Shared readers of notices. A person reads their own and nobody else's."""

from django.db.models import QuerySet

from xiangli.notices.models import Notice
from xiangli.territory.rules import Actor


def unread_count(actor: Actor) -> int:
    """How many notices the actor has not read, counted to 99. One statement."""
    return Notice.objects.filter(user=actor.user_id, read_at=None)[:99].count() if actor else 0


def inbox(actor: Actor) -> QuerySet[Notice]:
    """The actor's own notices, to be paged newest first by ("-at", "-id")."""
    return Notice.objects.filter(user=actor.user_id) if actor else Notice.objects.none()
