"""What the shell of every page shows."""

from typing import Any

from django.http import HttpRequest

from xiangli.config.navigation import navigation
from xiangli.web.navigation import Item


def shell(request: HttpRequest) -> dict[str, Any]:
    """The actor and, for staff, the number of unread notices; lazily, so that public pages ask nothing."""
    from xiangli.notices.queries import unread_count

    actor = getattr(request, "actor", None)

    def shown() -> dict[str, list[Item]]:
        return navigation({verb for held in (actor.held if actor else ()) for verb in held.permissions})

    return {
        "actor": actor,
        "navigation": shown,
        "unread_notices": lambda: unread_count(actor) if actor else 0,
    }
