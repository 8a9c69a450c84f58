"""What the shell of every page shows."""

from typing import Any

from django.http import HttpRequest

from xiangli.config.navigation import navigation
from xiangli.territory.rules import ORGAN
from xiangli.web.navigation import Item


def shell(request: HttpRequest) -> dict[str, Any]:
    """The actor and, for staff, the number of unread notices; lazily, so that public pages ask nothing."""
    from xiangli.notices.queries import unread_count

    actor = getattr(request, "actor", None)

    def shown() -> dict[str, list[Item]]:
        held = actor.held if actor else ()
        return navigation(
            {verb for one in held for verb in one.permissions},
            at_place=not held or any(one.level != ORGAN for one in held),
        )

    return {
        "actor": actor,
        "navigation": shown,
        "unread_notices": lambda: unread_count(actor) if actor else 0,
    }
