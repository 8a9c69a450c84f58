"""The door of pages for people in posts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from xiangli.kernel.refusals import Refused

_Page = Callable[..., HttpResponseBase]


def staff_only(page: _Page) -> _Page:
    """A page for people who hold a post: others are asked to sign in, or told that they hold none."""

    @login_required
    @never_cache
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.actor.held:  # type: ignore[attr-defined]  # set by config's middleware
            raise Refused("forbidden_no_post", _("您现在没有担任岗位，所以看不到事项。请联系村里或乡镇。"))
        return page(request, *args, **kwargs)

    return guarded
