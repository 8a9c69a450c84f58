"""Pages by which tables of appointments and units come in: a file, every row's verdict, then the word to write."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.kernel import clock, jobs
from xiangli.kernel.models import Job
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_BYTES, XLSX
from xiangli.kernel.tables import wrong_rows
from xiangli.territory.forms.workbooks import TableForm
from xiangli.territory.pages.common import actor_of
from xiangli.territory.queries import Actor, workbooks
from xiangli.territory.rules import day_of

KIND = "territory.import_table"
_SHOWN = 30  # faults on the page; all of them stand in the workbook
_SMALL = 200_000  # bytes of a workbook that is read while somebody waits for the page


def _importer(request: HttpRequest, what: str) -> Actor:
    actor = actor_of(request)
    if what not in {workbooks.PEOPLE_KIND, workbooks.UNITS_KIND}:
        raise Http404
    workbooks.check_may_import(actor, what)
    return actor


def _titles(what: str) -> str:
    return _("用表格导入任职") if what == workbooks.PEOPLE_KIND else _("用表格导入单位")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def import_table(request: HttpRequest, what: str) -> HttpResponse:
    """Bring a table: its rows are looked at behind the door, and nothing is written yet."""
    actor = _importer(request, what)
    form = TableForm(request.POST, request.FILES) if request.method == "POST" else TableForm()
    if form.is_valid():
        file = form.cleaned_data["file"]
        if file.size > MAX_BYTES:
            form.add_error("file", _("文件超过 5 MB，请删去用不到的工作表和图片再试。"))
        else:
            job = _start(actor, what, file.read(), file.name or "")
            return redirect("web:job", job.pk)
    context = {"form": form, "what": what, "heading": _titles(what)}
    return render(request, "territory/import_table.html", context, status=400 if form.is_bound else 200)


@transaction.atomic
def _start(actor: Actor, what: str, content: bytes, filename: str, write: str = "") -> Job:
    assert actor.user_id is not None  # `_importer` let nobody else through
    job = jobs.start(
        KIND,
        by=actor.user_id,
        params={"what": what, "write": write},
        content=content,
        filename=filename,
    )
    job.back = reverse("territory:imported", args=[job.pk])
    job.save(update_fields=["back"])
    return job


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def imported(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """What was found in a table; a POST has it written: all of it, or (`write=good`) the sound rows alone."""
    actor = actor_of(request)
    job = jobs.job_of(job_id, by=actor.user_id, now=clock.now()) if actor.user_id else None
    if job is None or job.kind != KIND:
        raise Http404
    what = job.params["what"]
    _importer(request, what)
    if job.ended_at is None:
        return redirect("web:job", job.pk)
    found = job.params.get("found", {})
    write = job.params.get("write", "")
    if request.method == "POST":
        given = jobs.given(job)
        asked = "good" if request.POST.get("write") == "good" else "all"
        if given is None or not found.get("new") or write:
            raise Refused("nothing_to_write", _("这张表里没有可以写入的行；请改好再传。"))
        return redirect("web:job", _start(actor, what, given[1], given[0], asked).pk)
    context = {
        "job": job,
        "found": found,
        "what": what,
        "heading": _titles(what),
        "again": f"territory:import_{what}",
        "written": write == "good" or (write == "all" and found and not found["wrong"]),
        "writing": bool(write),
        "faults": _faults(job) if found.get("wrong") else [],
        "has_file": job.files.filter(side="made").exists(),
    }
    return render(request, "territory/imported.html", context)


def _faults(job: Job) -> list[tuple[int, str, str]]:
    made = jobs.made(job)
    if made is None or len(made[2]) > _SMALL:
        return []
    with override(job.language):
        return wrong_rows(made[2], most=_SHOWN)


@never_cache
@login_required
@require_GET
def table_template(request: HttpRequest, what: str) -> HttpResponse:
    """An empty table to fill in."""
    actor = _importer(request, what)
    people = what == workbooks.PEOPLE_KIND
    make = workbooks.appointments_template if people else workbooks.units_template
    answer = HttpResponse(make(actor=actor, today=day_of(clock.now())), content_type=XLSX)
    name = _("任职.xlsx") if people else _("单位.xlsx")
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer
