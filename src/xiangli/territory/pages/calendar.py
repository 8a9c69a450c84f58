"""The working calendar, and a county's hours."""

from __future__ import annotations

import re
from dataclasses import astuple
from datetime import date
from typing import Any, Final

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from xiangli.kernel import clock
from xiangli.kernel.announced import read_days
from xiangli.kernel.calendar import Exceptional, published_years, year_of
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_BYTES, read_rows
from xiangli.territory import actions
from xiangli.territory.forms.settings import YEARS, HoursForm, YearForm
from xiangli.territory.models import County
from xiangli.territory.pages.common import actor_of
from xiangli.territory.rules import MANAGE_SETTINGS, Actor, day_of
from xiangli.web.staff import staff_only

_SALT: Final = "territory.calendar"
_FRESH: Final = 3600  # seconds between looking and confirming


def _county(actor: Actor) -> Any:
    """The county whose settings this actor looks after, with its profile."""
    held = next((held for held in actor.held if MANAGE_SETTINGS in held.permissions), None)
    profile = County.objects.select_related("unit").filter(unit=held.county_id).first() if held else None
    if profile is None:
        raise Refused("forbidden_manage_settings", _("您的岗位不管这项设置；请找县级管理员。"))
    return profile


@require_http_methods(["GET", "POST"])
@staff_only
def hours(request: HttpRequest) -> HttpResponse:
    """When the county's desks are staffed, and its quiet hours."""
    actor = actor_of(request)
    profile = _county(actor)
    kept = {"duty_hours": profile.duty_hours, "quiet_hours": profile.quiet_hours}
    form = HoursForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        try:
            actions.set_hours(by=actor, county=profile.unit, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已改。正在计的时限从下一次变动起按新的时间数。"))
            return redirect("territory:hours")
    return render(
        request,
        "territory/hours.html",
        {"form": form, "county": profile.unit},
        status=400 if form.is_bound else 200,
    )


@require_http_methods(["GET", "POST"])
@staff_only
def calendar(request: HttpRequest) -> HttpResponse:
    """The days of a year that are not what their weekday says; a new year's announcement is read, shown, and entered
    when confirmed."""
    actor, today = actor_of(request), day_of(clock.now())
    _county(actor)
    if request.POST.get("confirm"):
        return _publish(request, actor)
    form = YearForm(
        request.POST if request.method == "POST" else None,
        request.FILES or None,
        initial={"year": today.year + 1},
    )
    if form.is_valid():
        year, source = form.cleaned_data["year"], form.cleaned_data["source"]
        try:
            days, faults = read_days(read_rows(_content(form.cleaned_data["file"])), year)
        except Refused as refused:
            faults, days = [str(refused)], []
        if not faults:
            return render(request, "territory/calendar_check.html", _preview(actor, year, source, days))
        for fault in faults[:50]:
            form.add_error("file", fault)
    asked = request.GET.get("year", "")
    year = int(asked) if re.fullmatch("20[0-9]{2}", asked) and int(asked) >= YEARS[0] else today.year
    source, shown = year_of(year)
    context = {
        "form": form,
        "year": year,
        "source": source,
        "days": shown,
        "years": sorted(published_years() | {today.year, today.year + 1}, reverse=True)[:6],
    }
    return render(request, "territory/calendar.html", context, status=400 if form.is_bound else 200)


def _content(file: Any) -> bytes:
    if file.size > MAX_BYTES:
        raise Refused("file_large", _("文件超过 5 MB，请删去用不到的工作表和图片再试。"))
    content: bytes = file.read()
    return content


def _salt(actor: Actor) -> str:
    """Whoever looked confirms, nobody else."""
    return f"{_SALT}:{actor.user_id}"


def _written(days: list[Exceptional]) -> list[list[Any]]:
    return [[one.day.isoformat(), *astuple(one)[1:]] for one in days]


def _read(rows: list[list[Any]]) -> list[Exceptional]:
    return [Exceptional(date.fromisoformat(day), working, name) for day, working, name in rows]


def _preview(actor: Actor, year: int, source: str, days: list[Exceptional]) -> dict[str, Any]:
    """What would change, against what stands; the days travel signed, so that they are entered as they were read."""
    _source, stands = year_of(year)
    before = {one.day: one for one in stands}
    new = [one for one in sorted(days) if before.get(one.day) != one]
    after = {one.day: one for one in days}
    return {
        "year": year,
        "source": source,
        "days": sorted(days),
        "new": new,
        "gone": [one for one in stands if one.day not in after],
        "known": bool(stands),
        "signed": signing.dumps([year, source, _written(days), _written(stands)], salt=_salt(actor)),
    }


def _publish(request: HttpRequest, actor: Actor) -> HttpResponse:
    try:
        year, source, days, stood = signing.loads(request.POST["confirm"], salt=_salt(actor), max_age=_FRESH)
    except signing.BadSignature as error:
        raise Refused("form_expired", _("这一页放得太久了，请重新上传文件。")) from error
    changes = actions.enter_year(
        by=actor, year=year, days=_read(days), source=source, instead_of=_read(stood)
    )
    messages.success(
        request,
        _("%(year)d 年已录入，改动 %(count)d 天。按临时日历算的时限会在几分钟内重算。")
        % {"year": year, "count": changes.count},
    )
    return redirect(f"{reverse('territory:calendar')}?year={year}")
