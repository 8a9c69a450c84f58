"""What every page of staff begins with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from xiangli.cases.queries import in_english
from xiangli.cases.states import ASSIGN_CASE
from xiangli.kernel.refusals import Refused
from xiangli.territory.rules import Actor

_Page = Callable[..., HttpResponseBase]


def staff_only(page: _Page) -> _Page:
    """A page for people who hold a post: others are asked to sign in, or told that they hold none."""

    @login_required
    @never_cache
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not actor_of(request).held:
            raise Refused("forbidden_no_post", _("您现在没有担任岗位，所以看不到事项。请联系村里或乡镇。"))
        return page(request, *args, **kwargs)

    return guarded


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return found


def shell_of(actor: Actor) -> str:
    """Who gives work to others sits at a desk; who does it holds a phone."""
    return (
        "web/desk.html" if any(ASSIGN_CASE in held.permissions for held in actor.held) else "web/field.html"
    )


def post_name(post: Any) -> str:
    return str(post.name_en if in_english() else post.name)
