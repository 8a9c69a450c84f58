"""What the pages share."""

from __future__ import annotations

from django.http import HttpRequest

from xiangli.territory.queries import Actor


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config.middleware.ActorMiddleware
    return actor
