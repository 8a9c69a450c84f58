"""What somebody may look after here, on one page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from xiangli.kernel.refusals import Refused
from xiangli.territory.pages.common import actor_of
from xiangli.territory.rules import APPOINT_STAFF, END_UNIT, MANAGE_SETTINGS

_ANY = frozenset({APPOINT_STAFF, END_UNIT, MANAGE_SETTINGS})


@never_cache
@login_required
@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """The pages of an administrator; which there are, the composition root knows."""
    if not any(_ANY & held.permissions for held in actor_of(request).held):
        raise Refused("forbidden_settings", _("您的岗位不管设置；请找村委会、乡镇或县里的管理员。"))
    return render(request, "territory/settings.html")
