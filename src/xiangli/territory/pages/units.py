"""Pages of an administrator of units: open, rename, merge, split, end. What cannot be undone is shown first, and then
asked for with the name typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory.actions import MOST_PARTS, Plan
from xiangli.territory.forms.units import (
    EndUnitForm,
    MergeUnitsForm,
    OpenUnitForm,
    RenameUnitForm,
    SplitUnitForm,
    SureForm,
)
from xiangli.territory.models import Unit
from xiangli.territory.pages.common import actor_of
from xiangli.territory.queries import Actor, ancestors, registry
from xiangli.territory.queries.common import in_english
from xiangli.territory.rules import END_UNIT, day_of, in_force

_SHOWN: Final = 60  # of the units below, in a preview
_OURS: Final = {"csrfmiddlewaretoken", "step", "typed", "seen"}


def _administrator(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    if not any(END_UNIT in held.permissions for held in actor.held):
        raise Refused("forbidden_end_unit", _("您的岗位不管单位的设立和撤并；请找乡镇或县里的管理员。"))
    return actor


def _unit(actor: Actor, unit_id: UUID) -> Unit:
    unit = registry.unit_to_administer(actor, unit_id)
    if unit is None:
        raise Http404
    return unit


def _may_change(actor: Actor, unit: Unit) -> bool:
    """A unit is changed by the level above it: `authority_above`."""
    return unit.parent is not None and actor.may(END_UNIT, unit.parent.path)


@never_cache
@login_required
@require_GET
def list_units(request: HttpRequest) -> HttpResponse:
    """The topmost units that the actor looks after; where it is one, those right below it."""
    actor, now = _administrator(request), clock.now()
    tops = registry.administered(actor)
    if len(tops) == 1:
        return render(request, "territory/units.html", {"tops": tops, **_below(request, actor, tops[0])})
    return render(request, "territory/units.html", {"tops": tops, "now": now})


@never_cache
@login_required
@require_GET
def show_unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """One unit: its dates, what came before and after it, what may be done, and the level below."""
    actor = _administrator(request)
    unit = _unit(actor, unit_id)
    context = {
        "line": [one for one in ancestors(unit) if actor.may(END_UNIT, one.path)],
        "lineage": registry.lineage(unit),
        "levels": registry.levels_below(unit),
        "may_change": _may_change(actor, unit) and unit.valid_to is None,
        **_below(request, actor, unit),
    }
    return render(request, "territory/unit.html", context)


def _below(request: HttpRequest, actor: Actor, unit: Unit) -> dict[str, Any]:
    now, ended = clock.now(), request.GET.get("ended") == "1"
    page = registry.units_below(unit, at=now, ended=ended, cursor=request.GET.get("cursor", ""))
    return {"unit": unit, "units": page.items, "page": page, "ended": ended, "today": day_of(now)}


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def open_unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """Open a unit below this one. Its number, and its plate where it carries one, are given to it."""
    actor, now = _administrator(request), clock.now()
    parent = _unit(actor, unit_id)
    levels = registry.levels_below(parent)
    if not levels:
        raise Http404
    form = OpenUnitForm(_posted(request), levels=levels, english=in_english(), today=day_of(now))
    if form.is_valid():
        level = next(one for one in levels if str(one.pk) == form.cleaned_data["level"])
        called = form.named
        try:
            unit = actions.open_unit(
                by=actor,
                parent=parent,
                level=level,
                name=called.name,
                short_name=called.short_name,
                name_en=called.name_en,
                code=called.code,
                valid_from=form.cleaned_data["since"],
            )
        except Refused as refused:
            _tell(form, refused)
        else:
            messages.success(request, _("“%(unit)s”已设立。接下来请任命它的人。") % {"unit": unit.short_name})
            return redirect("territory:show_unit", unit.pk)
    return _answer(request, "territory/unit_open.html", {"form": form, "unit": parent})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def rename_unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """Give a unit another name or code. The page says how many plates bear the old one."""
    actor, now = _administrator(request), clock.now()
    unit = _to_change(actor, unit_id)
    form = RenameUnitForm(_posted(request), unit=unit, today=day_of(now))
    if form.is_valid():
        called = form.named
        try:
            renamed = actions.rename_unit(
                by=actor,
                unit=unit,
                on=form.cleaned_data["on"],
                name=called.name,
                short_name=called.short_name,
                name_en=called.name_en,
                code=called.code,
            )
        except Refused as refused:
            _tell(form, refused)
        else:
            messages.success(request, _("已改为“%(unit)s”，旧名记入沿革。") % {"unit": renamed.short_name})
            return redirect("territory:show_unit", unit.pk)
    plates = registry.plates_under(unit, on=day_of(now))
    return _answer(request, "territory/unit_rename.html", {"form": form, "unit": unit, "plates": plates})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def merge_units(request: HttpRequest) -> HttpResponse:
    """Merge the chosen units (`?unit=…&unit=…`) into a new one or into one beside them; one alone is set up anew or
    goes into another."""
    actor, now = _administrator(request), clock.now()
    chosen = (request.POST if request.method == "POST" else request.GET).getlist("unit")
    units = registry.units_to_change(actor, _ids(chosen))
    if not units:
        raise Refused("no_units", _("请先在单位列表里勾选要合并的单位。"))
    if not _may_change(actor, units[0]):
        raise Refused("forbidden_own_unit", _("自己的单位由上一级撤并；请联系上一级的管理员。"))
    wanted = {unit.pk for unit in units}
    others = [one for one in registry.beside(units[0]) if one.pk not in wanted]
    form = MergeUnitsForm(_posted(request), others=others, today=day_of(now))
    context = {"form": form, "units": units, "unit": units[0].parent}

    def into() -> Any:
        return form.named if form.into_id is None else next(o for o in others if o.pk == form.into_id)

    return _change(
        request,
        form,
        template="territory/units_merge.html",
        context=context,
        plan=lambda: actions.plan_merge(
            by=actor, units=units, on=form.cleaned_data["on"], into=into(), now=now
        ),
        carry_out=lambda: _merged(
            actions.merge_units(by=actor, units=units, on=form.cleaned_data["on"], into=into())
        ),
        result=_merged,
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def split_unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """Split a unit into `?parts=` new ones, and say of each unit below where it goes."""
    actor, now = _administrator(request), clock.now()
    unit = _to_change(actor, unit_id)
    asked = (request.POST if request.method == "POST" else request.GET).get("parts", "2")
    wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 2
    parts = min(max(wanted, 2), MOST_PARTS)
    form = SplitUnitForm(
        _posted(request), parts=parts, children=registry.children(unit, on=day_of(now)), today=day_of(now)
    )
    context = {"form": form, "unit": unit, "parts": parts, "counts": range(2, MOST_PARTS + 1)}
    return _change(
        request,
        form,
        template="territory/unit_split.html",
        context=context,
        plan=lambda: actions.plan_split(
            by=actor, unit=unit, on=form.cleaned_data["on"], parts=form.named, goes=form.goes, now=now
        ),
        carry_out=lambda: _changed(
            actions.split_unit(
                by=actor, unit=unit, on=form.cleaned_data["on"], parts=form.named, goes=form.goes
            )
        ),
        result=_changed,
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def end_unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """End a unit with nothing below it; units beside it take over."""
    actor, now = _administrator(request), clock.now()
    unit = _to_change(actor, unit_id)
    others = registry.beside(unit)
    form = EndUnitForm(_posted(request), others=others, today=day_of(now))

    def following() -> list[Unit]:
        return [one for one in others if one.pk in form.successor_ids]

    return _change(
        request,
        form,
        template="territory/unit_end.html",
        context={"form": form, "unit": unit, "others": others},
        plan=lambda: actions.plan_end(
            by=actor, unit=unit, on=form.cleaned_data["on"], successors=following(), now=now
        ),
        carry_out=lambda: actions.end_unit(
            by=actor, unit=unit, on=form.cleaned_data["on"], successors=following()
        ),
        result=_changed,
    )


# ------------------------------------------------------------------------------------------------------- two steps


def _change(
    request: HttpRequest,
    form: Form,
    *,
    template: str,
    context: dict[str, Any],
    plan: Callable[[], Plan],
    carry_out: Callable[[], Unit],
    result: Callable[[Plan], Unit],
) -> HttpResponse:
    """First what the change touches, then the change: the form's values travel along, nothing is kept in between.

    `result` is the unit whose name says yes, and which `carry_out` returns as stored: what becomes of a merge, what
    is split or ended.
    """
    step = request.POST.get("step", "")
    if step == "edit" or not form.is_valid():
        return _answer(request, template, context, bad=step != "edit")
    try:
        seen = actions.preview(plan(), now=clock.now())
        name = result(seen.plan).short_name
        sure = SureForm(request.POST if step == "confirm" else None, name=name, digest=seen.digest)
        if sure.is_valid():
            unit = carry_out()
            messages.success(request, _done(seen.plan))
            return redirect("territory:show_unit", unit.pk)
    except Refused as refused:
        _tell(form, refused)
        return _answer(request, template, context)
    below = seen.plan.below
    shown = {
        "preview": seen,
        "sure": sure,
        "name": name,
        "below": below[:_SHOWN],
        "more": max(len(below) - _SHOWN, 0),
        "kept": [
            (key, value) for key, values in request.POST.lists() if key not in _OURS for value in values
        ],
        "later": seen.plan.on > day_of(clock.now()),
    }
    return render(
        request, "territory/units_preview.html", {**context, **shown}, status=400 if sure.is_bound else 200
    )


def _merged(plan: Plan) -> Unit:
    return plan.grows or plan.opened[0]


def _changed(plan: Plan) -> Unit:
    return plan.tops[0]


def _done(plan: Plan) -> str:
    count = len(plan.endings)
    words = ngettext(
        "已办好：%(count)d 个单位从 %(day)s 起由接续的单位负责。",
        "已办好：%(count)d 个单位从 %(day)s 起由接续的单位负责。",
        count,
    )
    return words % {"count": count, "day": plan.on.isoformat()}


def _to_change(actor: Actor, unit_id: UUID) -> Unit:
    unit = _unit(actor, unit_id)
    if not _may_change(actor, unit):
        raise Refused("forbidden_own_unit", _("自己的单位由上一级更名和撤并；请联系上一级的管理员。"))
    if not in_force(unit.valid_from, unit.valid_to, day_of(clock.now())) and unit.valid_to is not None:
        raise Refused("unit_ended", _("“%(unit)s”已经结束。") % {"unit": unit.short_name})
    return unit


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _ids(chosen: list[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in chosen[:60]]
    except ValueError as error:
        raise Http404 from error


def _tell(form: Form, refused: Refused) -> None:
    form.add_error(refused.field if refused.field in form.fields else None, str(refused))


def _answer(
    request: HttpRequest, template: str, context: dict[str, Any], *, bad: bool = True
) -> HttpResponse:
    bound = bad and context["form"].is_bound
    return render(request, template, context, status=400 if bound else 200)
