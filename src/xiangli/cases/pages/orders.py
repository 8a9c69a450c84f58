"""外来工单: what 12345 and superior platforms hand over, brought in from a workbook, and the replies taken away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.cases.actions import orders as actions
from xiangli.cases.forms import OrdersForm
from xiangli.cases.models import ExternalOrder, OrderSource
from xiangli.cases.pages.staff.common import actor_of, post_name, staff_only
from xiangli.cases.queries.orders import (
    SAID,
    TWELVE_THREE_FORTY_FIVE,
    ReadOrders,
    annotated_orders,
    order_counties,
    order_scopes,
    order_sources,
    order_template,
    orders_of,
    read_orders,
    why,
    written_words,
)
from xiangli.cases.rules.orders import Column, Judged, Verdict
from xiangli.cases.states import State
from xiangli.kernel import clock, jobs
from xiangli.kernel.models import Job
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import XLSX, Row
from xiangli.matters.queries import not_found
from xiangli.territory.queries import unit_by_id
from xiangli.territory.rules import Actor
from xiangli.web.paging import paginate

CHECK: Final = "cases.check_orders"
IMPORT: Final = "cases.import_orders"
EXPORT: Final = "cases.export_replies"
AT_ONCE: Final = 100  # rows: more are written by a job
SHOWN: Final = 200  # rows with their verdicts; the workbook has all
_WHICH: Final = ("open", "due", "replied")

_Page = Callable[..., HttpResponseBase]


def _importers_only(page: _Page) -> _Page:
    @staff_only
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not order_scopes(actor_of(request)):
            raise Refused("forbidden_orders", _("您的岗位不导入外来工单，请联系乡镇或县值班台。"))
        return page(request, *args, **kwargs)

    return guarded


@require_GET
@_importers_only
def orders(request: HttpRequest) -> HttpResponse:
    """Orders of one's own territory by the platform's deadline: those open, those to be answered, those answered."""
    actor = actor_of(request)
    which = request.GET.get("which", "open")
    which = which if which in _WHICH else "open"
    page = paginate(
        orders_of(actor, which), order=("due_at", "id"), cursor=request.GET.get("cursor", ""), size=100
    )
    return render(
        request,
        "cases/orders.html",
        {
            "page": page,
            "rows": [_row(order) for order in page.items],
            "chosen": which,
            "ways": [("open", _("在办")), ("due", _("待答复")), ("replied", _("已答复"))],
        },
    )


def _row(order: ExternalOrder) -> dict[str, Any]:
    matter = order.matter
    holder = matter.handler.display_name if matter.handler else ""
    if not holder:
        holder = post_name(matter.holder_post) if matter.holder_post else _("县外机构")
    return {"order": order, "matter": matter, "label": State(matter.state).label, "who": holder}


# ------------------------------------------------------------------------------------------------------- bringing in


@require_http_methods(["GET", "POST"])
@_importers_only
def import_orders(request: HttpRequest) -> HttpResponseBase:
    """Choose the workbook and whose it is. It is read at once, and nothing is written."""
    actor, now = actor_of(request), clock.now()
    counties = order_counties(actor)
    sources = order_sources(counties)
    named = {county: unit.short_name for county in counties if (unit := unit_by_id(county))}
    choices = dict([TWELVE_THREE_FORTY_FIVE]) | {source.code: source.name for source in sources}
    form = OrdersForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        counties=[(str(county), name) for county, name in named.items()],
        sources=list(choices.items()),
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        content = data["file"].read()
        county = unit_by_id(UUID(data["county"]))
        assert county is not None  # of the choices
        try:
            # Read before it is kept: what cannot be read at all is said here, at the file.
            code = "" if data["source"] == OrdersForm.OTHER else data["source"]
            known = next((one for one in sources if one.code == code and one.county_id == county.pk), None)
            read_orders(content, source=known, paths=_paths(actor, county.path), now=now)
            source = actions.source_to_import(
                actor=actor, county=county, code=code, name="" if code else data["name"], now=now
            )
            job = jobs.start(
                CHECK,
                by=_user(actor),
                params={"source": source.pk},
                content=content,
                filename=data["file"].name or "",
                back=reverse("cases:orders"),
            )
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else "file", str(refused.reason))
        else:
            return redirect("cases:check_orders", job.pk)
    context = {"form": form}
    return render(request, "cases/orders_import.html", context, status=400 if form.errors else 200)


def _user(actor: Actor) -> UUID:
    assert actor.user_id is not None  # whoever holds a post has signed in
    return actor.user_id


def _paths(actor: Actor, county_path: str) -> list[str]:
    return [path for path in order_scopes(actor) if path.startswith(county_path)]


def _brought(request: HttpRequest, job_id: UUID) -> tuple[Job, OrderSource, bytes, str]:
    """The workbook that this person brought within the last day, and whose it is."""
    job = jobs.job_of(job_id, by=_user(actor_of(request)), now=clock.now())
    file = jobs.given(job) if job is not None and job.kind == CHECK else None
    if job is None or file is None:
        raise Refused("not_found", _("没有这次导入，或者已经超过一天。请再传一次文件。"))
    source = OrderSource.objects.select_related("county").filter(pk=job.params["source"]).first()
    if source is None or source.county_id not in order_counties(actor_of(request)):
        raise not_found()
    return job, source, file[1], file[0]


def _read(request: HttpRequest, source: OrderSource, content: bytes) -> ReadOrders:
    paths = _paths(actor_of(request), source.county.path)
    return read_orders(content, source=source, paths=paths, now=clock.now())


@require_http_methods(["GET", "POST"])
@_importers_only
def check_orders(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """Each row's verdict, before anything is written; then writing what somebody has seen."""
    job, source, content, name = _brought(request, job_id)
    read = _read(request, source, content)
    if request.method == "POST":
        return _write(request, job, source, content, read)
    totals = read.totals
    shown = sorted(
        zip(read.rows, read.judged, strict=True), key=lambda pair: pair[1].verdict != Verdict.WRONG
    )[:SHOWN]
    return render(
        request,
        "cases/orders_check.html",
        {
            "job": job,
            "source": source,
            "name": name,
            "rows": [_judged(read, row, judged) for row, judged in shown],
            "total": len(read.judged),
            "more": len(read.judged) - len(shown),
            "fresh": len(read.to_write),
            "late": totals[Verdict.LATE],
            "known": totals[Verdict.KNOWN] + totals[Verdict.TWICE],
            "wrong": totals[Verdict.WRONG],
        },
    )


_LAMPS: Final = {
    Verdict.NEW: ("green", "check"),
    Verdict.LATE: ("red", "clock"),
    Verdict.KNOWN: ("", "check"),
    Verdict.TWICE: ("", "check"),
    Verdict.WRONG: ("amber", "alert"),
}


def _judged(read: ReadOrders, row: Row, judged: Judged) -> dict[str, Any]:
    colour, mark = _LAMPS[judged.verdict]
    words = str(row.cell(read.columns[Column.WORDS]) or "")
    return {
        "row": judged.row,
        "number": judged.number,
        "words": words[:60] + ("…" if len(words) > 60 else ""),
        "place": str(row.cell(read.columns[Column.PLACE]) or ""),
        "said": SAID[judged.verdict](),
        "why": why(read, judged),
        "colour": colour,
        "mark": mark,
    }


def _write(
    request: HttpRequest, job: Job, source: OrderSource, content: bytes, read: ReadOrders
) -> HttpResponseBase:
    actor, faults_too = actor_of(request), request.POST.get("faults_too") == "1"
    here = reverse("cases:check_orders", args=[job.pk])
    if len(read.to_write) > AT_ONCE:
        writing = jobs.start(
            IMPORT,
            by=_user(actor),
            params={"source": source.pk, "faults_too": faults_too},
            content=content,
            back=reverse("cases:orders"),
        )
        return redirect("web:job", writing.pk)
    try:
        done = actions.import_orders(content, source=source, actor=actor, faults_too=faults_too)
    except Refused as refused:
        messages.error(request, str(refused.reason))
        return HttpResponseRedirect(here)
    say = messages.warning if done.refused else messages.success
    say(request, written_words(done.read, done.written, list(done.refused.values())))
    return redirect("cases:orders")


@require_GET
@_importers_only
def annotated(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The workbook as it was brought, with each row's verdict."""
    _job, source, content, _name = _brought(request, job_id)
    return _download(annotated_orders(_read(request, source, content)), "orders-checked.xlsx")


@require_GET
@_importers_only
def template(request: HttpRequest) -> HttpResponse:
    """An empty workbook to fill in."""
    actor, now = actor_of(request), clock.now()
    return _download(order_template(order_scopes(actor), now=now), "orders-template.xlsx")


# ------------------------------------------------------------------------------------------------------- answering


@require_POST
@_importers_only
def export_replies(request: HttpRequest) -> HttpResponseBase:
    """Have the replies made into a workbook, which is this person's for a day; those that are due are marked as
    answered."""
    job = jobs.start(
        EXPORT,
        by=_user(actor_of(request)),
        params={"again": request.POST.get("again") == "1"},
        back=reverse("cases:orders"),
    )
    return redirect("web:job", job.pk)


def _download(content: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
