"""Who may be given a way in, and the link."""

from __future__ import annotations

from uuid import UUID

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xiangli.accounts.sessions import fresh_required
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import plain
from xiangli.territory import actions, queries
from xiangli.territory.pages.common import actor_of
from xiangli.territory.rules import ENROL_STAFF


@never_cache
@login_required
@require_GET
def enrol_people(request: HttpRequest) -> HttpResponse:
    """The people below the actor's units, and the button that makes each one's link."""
    actor = actor_of(request)
    if not any(ENROL_STAFF in held.permissions for held in actor.held):
        raise Refused("forbidden_enrol_staff", _("您的岗位不发开通链接；请找村委会或综治中心的值班人员。"))
    search = plain(request.GET.get("q", "")).strip()[:60]
    people, page = queries.people_to_enrol(
        actor, at=clock.now(), search=search, cursor=request.GET.get("cursor", "")
    )
    return render(request, "territory/enrol.html", {"people": people, "page": page, "search": search})


@never_cache
@require_POST
@fresh_required()
def issue_enrolment(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Make a person's link and show it once, as a QR code: the token is kept nowhere."""
    person, enrolment, token = actions.issue_enrolment(by=actor_of(request), user_id=user_id, now=clock.now())
    link = settings.PUBLIC_URL.rstrip("/") + reverse("accounts:enrol", args=[token])
    context = {
        "person": person,
        "enrolment": enrolment,
        "link": link,
        "qr": segno.make(link, error="m").svg_data_uri(scale=4, border=2),
    }
    return render(request, "territory/enrol_link.html", context)
