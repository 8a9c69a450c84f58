"""What the pages of matters share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from xiangli.matters.states import Bulk, workflows
from xiangli.territory.rules import Actor


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return found


def bulk_for(actor: Actor) -> Bulk | None:
    """How this person may give several matters away at once; None: not at all."""
    for workflow in workflows().values():
        bulk = workflow.bulk
        if bulk is not None and any(bulk.permission in held.permissions for held in actor.held):
            return bulk
    return None


def post_name(post: Any) -> str:
    return str(post.name_en if (get_language() or "").startswith("en") else post.name)
