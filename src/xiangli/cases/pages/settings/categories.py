"""Categories, and how long each step may take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.cases import actions, queries
from xiangli.cases.models import Category, Limit
from xiangli.cases.pages.settings.common import administrator, counties
from xiangli.cases.pages.settings.forms import KINDS, CategoryForm, LimitForm, NewCategoryForm
from xiangli.cases.states import ClockName, Intake
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.rules import day_of
from xiangli.territory.states import Duty
from xiangli.web.staff import staff_only


@require_GET
@staff_only
def categories(request: HttpRequest) -> HttpResponse:
    """All categories with the limits of today. Four statements."""
    administrator(request)
    today = day_of(clock.now())
    found = queries.categories()
    in_force = _in_force(Limit.objects.filter(category__in=found, valid_from__lte=today), today)
    english = queries.in_english()
    rows = [
        {
            "code": row.code,
            "name": row.name_en if english else row.name,
            "duty": Duty(row.duty).label if row.duty in Duty.values else row.duty,
            "open": row.intake == Intake.OPEN,
            "visibility": row.get_visibility_display(),
            "limits": [
                f"{ClockName(name).label} {_length(limit)}"
                for name in (ClockName.RESPOND, ClockName.PUT_RIGHT)
                if (limit := in_force.get((row.pk, name)))
            ],
        }
        for row in found
    ]
    return render(request, "cases/settings/categories.html", {"rows": rows, "counties": counties()})


@require_http_methods(["GET", "POST"])
@staff_only
def category(request: HttpRequest, code: str) -> HttpResponse:
    """One category: its words and rules, its limits of today and those to come."""
    by, row = administrator(request), _category(code)
    form = CategoryForm(request.POST if request.method == "POST" else None, category=row)
    if form.is_valid():
        try:
            values = dict(form.cleaned_data)
            actions.set_category(by=by, category=row, hotlines=values.pop("hotlines"), values=values)
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            messages.success(
                request, _("已改“%(name)s”，从现在起按它受理。") % {"name": form.cleaned_data["name"]}
            )
            return redirect("cases:category", code)
    return _page(request, row, form, LimitForm())


@require_http_methods(["GET", "POST"])
@staff_only
def add_category(request: HttpRequest) -> HttpResponse:
    """A category of the county's own."""
    by = administrator(request)
    form = NewCategoryForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        values = dict(form.cleaned_data)
        code = values.pop("code")
        try:
            row = actions.add_category(by=by, code=code, hotlines=values.pop("hotlines"), values=values)
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            messages.success(request, _("已加“%(name)s”，时限先照常规，可在下面改。") % {"name": row.name})
            return redirect("cases:category", code)
    return render(
        request,
        "cases/settings/category_new.html",
        {"form": form, "counties": counties()},
        status=400 if form.is_bound else 200,
    )


@require_POST
@staff_only
def set_limit(request: HttpRequest, code: str) -> HttpResponse:
    """Write a limit from a day on."""
    by, row = administrator(request), _category(code)
    form = LimitForm(request.POST)
    if form.is_valid():
        try:
            actions.set_limit(
                by=by,
                category=row,
                clock=form.cleaned_data["clock"],
                length=form.length,
                valid_from=form.day,
                source=form.cleaned_data["source"],
                now=clock.now(),
            )
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            messages.success(request, _("已写下，从 %(day)s 起生效。") % {"day": form.day})
            return redirect("cases:category", code)
    return _page(request, row, CategoryForm(category=row), form)


@require_POST
@staff_only
def drop_limit(request: HttpRequest, code: str, limit_id: UUID) -> HttpResponse:
    """Take back a limit that has not begun."""
    by = administrator(request)
    limit = Limit.objects.select_related("category").filter(pk=limit_id, category__code=code).first()
    if limit is None:
        raise Http404
    actions.drop_limit(by=by, limit=limit, now=clock.now())
    messages.success(request, _("已删去这条还没生效的时限。"))
    return redirect("cases:category", code)


def _page(request: HttpRequest, row: Category, form: CategoryForm, limit_form: LimitForm) -> HttpResponse:
    today = day_of(clock.now())
    limits = list(row.limits.order_by("clock", "valid_from"))
    now = {limit.pk for limit in _in_force(limits, today).values()}
    shown = [
        {
            "id": limit.pk,
            "clock": ClockName(limit.clock).label,
            "length": _length(limit),
            "since": limit.valid_from,
            "source": limit.source,
            "now": limit.pk in now,
            "coming": limit.valid_from > today,
        }
        for limit in sorted(
            limits, key=lambda limit: (list(ClockName).index(ClockName(limit.clock)), limit.valid_from)
        )
        if limit.pk in now or limit.valid_from > today
    ]
    bound = form.is_bound or limit_form.is_bound
    context = {
        "category": row,
        "name": row.name_en if queries.in_english() else row.name,
        "form": form,
        "limit_form": limit_form,
        "limits": shown,
        "counties": counties(),
    }
    return render(request, "cases/settings/category.html", context, status=400 if bound else 200)


def _category(code: str) -> Category:
    row = Category.objects.filter(code=code).first()
    if row is None:
        raise Http404
    return row


def _in_force(limits: Any, today: date) -> dict[tuple[UUID, str], Limit]:
    """Of each category and clock, the limit of today."""
    rows: Sequence[Limit] = sorted(limits, key=lambda limit: limit.valid_from)
    return {(limit.category_id, limit.clock): limit for limit in rows if limit.valid_from <= today}


def _length(limit: Limit) -> str:
    return f"{limit.amount} {dict(KINDS)[limit.kind]}"
