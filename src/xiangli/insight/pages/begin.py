"""Where somebody begins who has signed in."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from xiangli.cases.states import ASSIGN_CASE, SUPERVISE_CASE
from xiangli.insight.pages.common import actor_of
from xiangli.territory.rules import APPOINT_STAFF


@require_GET
@login_required
def begin(request: HttpRequest) -> HttpResponseBase:
    """A phone shows what waits for its holder; at a desk, whoever gives work to others sees the queue, whoever
    administers the settings, whoever leads the figures."""
    verbs = {verb for held in actor_of(request).held for verb in held.permissions}
    if request.staff_shell == "web/field.html":  # type: ignore[attr-defined]  # set by the accounts' middleware
        return redirect("cases:tasks")
    for verb, page in (
        (ASSIGN_CASE, "matters:queue"),
        (APPOINT_STAFF, "territory:settings"),
        (SUPERVISE_CASE, "insight:figures"),
    ):
        if verb in verbs:
            return redirect(page)
    return redirect("cases:tasks")
