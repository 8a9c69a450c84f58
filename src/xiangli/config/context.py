"""What the shell of every page shows."""

from typing import Any

from django.http import HttpRequest

from xiangli.config.navigation import navigation


def shell(request: HttpRequest) -> dict[str, Any]:
    """The actor and, for staff, the number of unread notices; lazily, so that public pages ask nothing."""
    from xiangli.notices.queries import unread_count

    actor = getattr(request, "actor", None)
    return {
        "actor": actor,
        "navigation": navigation,
        "unread_notices": lambda: unread_count(actor) if actor else 0,
    }
