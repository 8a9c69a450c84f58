"""Plates as they are printed."""

from __future__ import annotations

from uuid import UUID

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from xiangli.kernel import clock
from xiangli.territory import queries
from xiangli.territory.pages.common import actor_of
from xiangli.territory.rules import PRINT_PLATE


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
    if unit is None or unit.plate_code is None or not actor_of(request).may(PRINT_PLATE, unit.path):
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
