"""Shared readers of notices."""

from xiangli.territory.rules import Actor


def unread_count(actor: Actor) -> int:
    """How many notices the actor has not read, counted to 99."""
    from xiangli.notices.models import Notice

    return Notice.objects.filter(user=actor.user_id, read_at=None)[:99].count()
