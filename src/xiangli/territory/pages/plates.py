"""Plates and boards: which hang, which are out of date, and their PDFs."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xiangli.kernel import clock, jobs
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.forms.plates import PrintForm
from xiangli.territory.models import PrintKind, Unit
from xiangli.territory.pages.common import actor_of
from xiangli.web.documents import pdf_response

DIRECT = {PrintKind.PLATE: 60, PrintKind.BOARD: 12}  # so many are made while somebody waits; more are a job
_ROWS = 200  # of what is due in a whole town or county, as many are listed


@never_cache
@login_required
@require_GET
def plates(request: HttpRequest) -> HttpResponse:
    """The plates and boards of a unit (`?unit=`, else the actor's own): what hangs, since when it is out of date, and
    what to print. Above the village, its units by number, and those to print one by one."""
    actor, now = actor_of(request), clock.now()
    own = queries.printing_units(actor, at=now)
    if not own:
        raise Refused("forbidden_print_plate", _("您的岗位不印公示牌；请找村委会或综治中心的值班人员。"))
    unit = _unit(request, request.GET["unit"]) if "unit" in request.GET else own[0]
    hung = queries.hung(unit, at=now)
    groups = queries.by_unit_below(unit, hung, at=now)
    due = [one for one in hung if one.due]
    listed = [one for one in due if one.stale] if groups else hung
    return render(
        request,
        "territory/plates.html",
        {
            "unit": unit,
            "own": own,
            "line": [
                above for above in queries.ancestors(unit) if any(above.path.startswith(o.path) for o in own)
            ],
            "groups": groups,
            "rows": listed[:_ROWS],
            "more": max(0, len(listed) - _ROWS),
            "tallies": [
                # more than a person waits for stay in this tab, where the bar is
                (tally, tally.due <= DIRECT[tally.kind], tally.total <= DIRECT[tally.kind])
                for kind in PrintKind
                if (tally := queries.tally_of(kind, hung)).total
            ],
            "now": now,
        },
    )


@never_cache
@login_required
@require_GET
def print_plate(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The plate of a lane to look at, A4 or (`?size=a3`) A3: who answers, for what, on which number, and the QR.

    404 for a unit outside the actor's territory, without a plate, or ended: its successor's plate is the one to hang.
    """
    return _sample(request, unit_id, PrintKind.PLATE)


@never_cache
@login_required
@require_GET
def print_board(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The board of a village to look at, A2: who is responsible for what. 404 as for a plate."""
    return _sample(request, unit_id, PrintKind.BOARD)


@never_cache
@login_required
@require_POST
def record_print(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """Print the plates or boards at and under a unit, all or those that are due, and keep that they were: a PDF at once
    or, of many, a job that makes one."""
    unit = _unit(request, unit_id)
    form = PrintForm(request.POST)
    if not form.is_valid():
        raise Refused("no_such_print", _("请在公示牌页面上选要印的，再按打印。"))
    kind, size = PrintKind(form.cleaned_data["kind"]), form.cleaned_data["size"]
    which = queries.Which(form.cleaned_data["which"])
    now = clock.now()
    sheets = queries.sheets_to_print(unit, kind, which, at=now)
    page = f"{reverse('territory:plates')}?unit={unit.pk}"
    if not sheets:
        messages.info(request, _("没有要印的：墙上的都和现在一致。"))
        return redirect(page)
    actor = actor_of(request)
    assert actor.user_id is not None
    if len(sheets) > DIRECT[kind]:
        params = {"unit": unit.pk, "kind": kind, "size": size, "which": which}
        job = jobs.start("territory.record_print", by=actor.user_id, params=params, back=page)
        return redirect("web:job", job.pk)
    content = queries.pdf_of(sheets, size=size, at=now)
    actions.record_print(by=actor, unit=unit, sheets=sheets, now=now)
    return pdf_response(content, queries.filename_of(sheets, size))


def _unit(request: HttpRequest, unit_id: UUID | str) -> Unit:
    try:
        asked = unit_id if isinstance(unit_id, UUID) else UUID(unit_id)
    except ValueError as error:
        raise Http404 from error
    unit = queries.unit_to_print(actor_of(request), asked, at=clock.now())
    if unit is None:
        raise Http404
    return unit


def _sample(request: HttpRequest, unit_id: UUID, kind: PrintKind) -> HttpResponse:
    unit, now = _unit(request, unit_id), clock.now()
    found = queries.sheets_to_print(unit, kind, queries.Which.ONE, at=now)
    if not found:
        raise Http404
    size = "a3" if request.GET.get("size") == "a3" else "a4"
    return pdf_response(queries.pdf_of(found, size=size, at=now), queries.filename_of(found, size))
