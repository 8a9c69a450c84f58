"""What every page of staff begins with."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from xiangli.cases.queries import in_english
from xiangli.territory.rules import Actor
from xiangli.web.staff import staff_only

DRAWER = "drawer"  # the id of the place beside a list, in matters/queue.html

__all__ = ["actor_of", "is_summary", "post_name", "staff_only"]


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return found


def post_name(post: Any) -> str:
    return str(post.name_en if in_english() else post.name)


def is_summary(request: HttpRequest) -> bool:
    """Whether a page of a list asks for the case beside it, and not for the case's own page."""
    htmx = getattr(request, "htmx", None)
    return htmx is not None and htmx.target == DRAWER
