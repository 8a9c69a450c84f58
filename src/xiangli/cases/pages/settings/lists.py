"""The list of responsibilities out of a workbook: each row's verdict first, then all of it or nothing."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.cases import actions, queries
from xiangli.cases.pages.settings.common import administrator, county_of
from xiangli.cases.pages.settings.forms import ListForm
from xiangli.cases.queries import ReadList
from xiangli.cases.rules.responsibilities import Verdict
from xiangli.kernel import clock, jobs
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_BYTES
from xiangli.territory.rules import Actor, day_of
from xiangli.web.staff import staff_only

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHOWN: Final = 100  # rows with faults; the workbook says them all
KIND: Final = "cases.responsibilities"


@require_http_methods(["GET", "POST"])
@staff_only
def import_list(request: HttpRequest) -> HttpResponse:
    """Choose the workbook. It is read at once, and nothing is written."""
    by = administrator(request)
    county = county_of(by)
    form = ListForm(request.POST if request.method == "POST" else None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            if file.size > MAX_BYTES:
                raise Refused("file_large", _("文件超过 5 MB，请删去用不到的工作表和图片再试。"))
            content = file.read()
            queries.read_responsibilities(content, county=county, today=day_of(clock.now()))
        except Refused as refused:
            form.add_error("file", str(refused))
        else:
            held = jobs.hold(KIND, by=_user(by), content=content, filename=file.name or "")
            return redirect("cases:check_list", held.pk)
    context = {"form": form, "county": county}
    return render(request, "cases/settings/list.html", context, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@staff_only
def check_list(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Each row's verdict, before anything is written; then all of it, or nothing."""
    by, now = administrator(request), clock.now()
    county, content = county_of(by), _held(by, job_id)
    if request.method == "POST":
        read = actions.enter_responsibilities(by=by, county=county, content=content, now=now)
        if read.sound:
            messages.success(
                request,
                _("已导入：新增 %(new)d 行，改止期 %(ends)d 行，已有 %(same)d 行。") % _totals(read),
            )
            return redirect("cases:responsibilities")
    else:
        read = queries.read_responsibilities(content, county=county, today=day_of(now))
    faulty = [row for row in read.judged if row.faults]
    context = {
        "job_id": job_id,
        "sound": read.sound,
        "totals": _totals(read),
        "rows": [
            {
                "number": row.number,
                "faults": [(read.heading(fault.column), fault.words) for fault in row.faults],
            }
            for row in faulty[:_SHOWN]
        ],
        "more": max(0, len(faulty) - _SHOWN),
    }
    return render(
        request, "cases/settings/list_check.html", context, status=409 if request.method == "POST" else 200
    )


@require_GET
@staff_only
def annotated_list(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The workbook as it was brought, with each row's verdict."""
    by = administrator(request)
    read = queries.read_responsibilities(_held(by, job_id), county=county_of(by), today=day_of(clock.now()))
    return _download(queries.annotated_workbook(read), _("权责清单（已核对）.xlsx"))


@require_GET
@staff_only
def list_workbook(request: HttpRequest, which: str) -> HttpResponse:
    """The list as it stands, or an empty one to fill in."""
    by, today = administrator(request), day_of(clock.now())
    county = county_of(by)
    if which == "template":
        return _download(queries.template_workbook(county, today=today), _("权责清单（空表）.xlsx"))
    return _download(queries.responsibility_workbook(county, today=today), _("权责清单.xlsx"))


def _user(by: Actor) -> UUID:
    assert by.user_id is not None  # whoever holds a post has signed in
    return by.user_id


def _held(by: Actor, job_id: UUID) -> bytes:
    content = jobs.held(job_id, KIND, by=_user(by), now=clock.now())
    if content is None:
        raise Refused("not_found", _("没有这次导入，或者已经超过一天。请再传一次文件。"))
    return content


def _totals(read: ReadList) -> dict[str, int]:
    totals = read.totals
    return {
        "new": totals[Verdict.NEW],
        "ends": totals[Verdict.ENDS],
        "same": totals[Verdict.SAME],
        "wrong": totals[Verdict.WRONG],
    }


def _download(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer
