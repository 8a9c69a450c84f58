"""Pages of territory for staff."""

from __future__ import annotations

from uuid import UUID

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xiangli.accounts.sessions import fresh_required
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.queries import Actor
from xiangli.territory.rules import ENROL_STAFF, PRINT_PLATE


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config.middleware.ActorMiddleware
    return actor


@never_cache
@login_required
@require_GET
def enrol_people(request: HttpRequest) -> HttpResponse:
    """The people below the actor's units, and the button that makes each one's link."""
    actor = _actor(request)
    if not any(ENROL_STAFF in held.permissions for held in actor.held):
        raise Refused("forbidden_enrol_staff", _("您的岗位不发开通链接；请找村委会或综治中心的值班人员。"))
    search = request.GET.get("q", "").strip()[:60]
    people, page = queries.people_to_enrol(
        actor, at=clock.now(), search=search, cursor=request.GET.get("cursor", "")
    )
    return render(request, "territory/enrol.html", {"people": people, "page": page, "search": search})


@never_cache
@require_POST
@fresh_required()
def issue_enrolment(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Make a person's link and show it once, as a QR code: the token is kept nowhere."""
    person, enrolment, token = actions.issue_enrolment(by=_actor(request), user_id=user_id, now=clock.now())
    link = settings.PUBLIC_URL.rstrip("/") + reverse("accounts:enrol", args=[token])
    context = {
        "person": person,
        "enrolment": enrolment,
        "link": link,
        "qr": segno.make(link, error="m").svg_data_uri(scale=4, border=2),
    }
    return render(request, "territory/enrol_link.html", context)


@never_cache
@login_required
@require_GET
def print_plate(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The plate of a lane as it is printed, A4 or (`?size=a3`) A3: who answers, for what, on which number,
    and the QR.

    404 for a unit outside the actor's territory, without a plate, or ended: its successor's plate is the
    one to hang.
    """
    now = clock.now()
    unit = queries.unit_by_id(unit_id)
    if unit is None or unit.plate_code is None or not _actor(request).may(PRINT_PLATE, unit.path):
        raise Http404
    view = queries.plate(unit.plate_code, at=now)
    if view is None or view.old is not None:
        raise Http404
    link = settings.PUBLIC_URL.rstrip("/") + reverse(settings.PLATE_PAGE, args=[unit.plate_code])
    head = view.first
    context = {
        "view": view,
        "head": head,
        "others": [person for person in view.people if person is not head],
        "duties": queries.duties_on_plate(view),
        "link": link,
        "code": f"{unit.plate_code[:4]} {unit.plate_code[4:]}",
        "qr": segno.make(link, error="q").svg_data_uri(scale=6, border=2),
        "size": "a3" if request.GET.get("size") == "a3" else "a4",
        "printed_on": now,
    }
    return render(request, "territory/plate_print.html", context)
