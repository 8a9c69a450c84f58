"""Units: the tree, and one unit with who answers, who is away, what is open, its history and its figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.insight.forms import FigureForm
from xiangli.insight.pages.common import actor_of
from xiangli.insight.queries.units import Lamps, in_hand, open_in
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import plain
from xiangli.territory.actions.figures import may_set_figures, remove_figure, set_figure
from xiangli.territory.models import PrintKind, Unit, UnitKind
from xiangli.territory.queries import about, ancestors, prints, spoken_name, tree, unit_by_id
from xiangli.territory.queries.roster import Night, nights_of
from xiangli.territory.rules import APPOINT_STAFF, PRINT_PLATE, Actor
from xiangli.web.staff import staff_only

MOST_SHEETS: Final = 100  # units below, up to which their plates are drawn up to see which are out of date
_LAMPS: Final = ("red", "amber", "green", "none")


def unit_for(request: HttpRequest, unit_id: UUID) -> tuple[Unit, bool]:
    """The unit, and whether it lies in the actor's territory, ended or not; one on the way from there up to the county
    is shown too: who answers above is no secret from those below. 404 else: a 403 would tell that there is
    something."""
    unit, actor = unit_by_id(unit_id), actor_of(request)
    if unit is None or unit.county_id is None:
        raise Http404
    inside = actor.covers(unit.path)
    if not inside and not any(held.unit_path.startswith(unit.path) for held in actor.held):
        raise Http404
    return unit, inside


def unit_inside(request: HttpRequest, unit_id: UUID) -> Unit:
    """The unit, where it lies in the actor's territory; 404 else."""
    unit, inside = unit_for(request, unit_id)
    if not inside:
        raise Http404
    return unit


def address(name: str, **wanted: Any) -> str:
    """The address of a list of another module with its filter; empty where there is no such page."""
    try:
        return f"{reverse(name)}?{urlencode(wanted)}"
    except NoReverseMatch:
        return ""


@require_GET
@staff_only
def units(request: HttpRequest) -> HttpResponse:
    """The actor's units, one level at a time, or those that a search names."""
    actor, now = actor_of(request), clock.now()
    asked = request.GET.get("unit", "")
    parent = unit_inside(request, _uuid(asked)) if asked else None
    search, ended = plain(request.GET.get("q", "")).strip()[:40], request.GET.get("ended") == "1"
    lines, page = tree.tree(
        actor, at=now, parent=parent, search=search, ended=ended, cursor=request.GET.get("cursor", "")
    )
    return render(
        request,
        "insight/units.html",
        {
            "parent": parent,
            "way": _way(actor, parent) if parent else [],
            "lines": lines,
            "page": page,
            "search": search,
            "ended": ended,
            "now": now,
        },
    )


def _uuid(typed: str) -> UUID:
    try:
        return UUID(typed)
    except ValueError as error:
        raise Http404 from error


def _way(actor: Actor, unit: Unit) -> list[Unit]:
    """The units above, as far up as the actor sees them."""
    seen = [held.unit_path for held in actor.held]
    return [
        above
        for above in ancestors(unit)
        if above.county_id is not None
        and (actor.covers(above.path) or any(path.startswith(above.path) for path in seen))
    ]


@require_GET
@staff_only
def unit(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """One unit, place or organ."""
    actor, now = actor_of(request), clock.now()
    shown, inside = unit_for(request, unit_id)
    ended = tree.is_ended(shown, at=now)
    seats, duties = ([], []) if ended else about.seats_about(shown, at=now)
    came, went = tree.changes_of(shown)
    context: dict[str, Any] = {
        "unit": shown,
        "place": spoken_name(shown),
        "level": tree.level_name(shown),
        "organ": shown.kind == UnitKind.ORGAN,
        "inside": inside,
        "ended": ended,
        "way": _way(actor, shown),
        "seats": seats,
        "duties": duties,
        "came": came,
        "went": went,
        "boundary": tree.boundary_words(shown),
        "figures": tree.figures_of(shown),
        "may_set_figures": may_set_figures(actor, shown.path),
        "now": now,
    }
    if inside:
        lamps = open_in(actor, shown, at=now)
        people = about.people_at(shown, actor, at=now)
        hands = in_hand(actor, {one.user_id for one in people}) if people else {}
        below, plates = tree.below(shown, at=now), _plates(actor, shown)
        offices, page = about.offices(shown, at=now, cursor=request.GET.get("cursor", ""))
        context |= {
            "away": about.away_under(shown.path, at=now),
            "vacancies": about.vacant_under(shown.path, at=now),
            "most": about.MOST,
            "nights": _nights(shown, now) if not ended else [],
            "below": below,
            "offices": offices,
            "page": page,
            "lamps": lamps,
            "chips": _chips(shown, lamps),
            "people": [(one, hands.get(one.user_id, 0)) for one in people],
            "administers": actor.may(APPOINT_STAFF, shown.path),
            "plates": plates,
            "due": _due(shown, below, now) if plates and not ended else [],
            "dossier": has_dossier(shown) and not ended,
        }
    return render(request, "insight/unit.html", context)


def has_dossier(unit: Unit) -> bool:
    """一村一档: of villages and communities, in every scheme the level of that code."""
    return unit.level is not None and unit.level.code == "village"


def _nights(unit: Unit, now: datetime) -> list[Night]:
    assert unit.county_id is not None  # as `unit_for` has seen
    return nights_of({unit.pk: (unit.short_name, unit.county_id)}, at=now)


def _chips(unit: Unit, lamps: Lamps) -> list[tuple[str, int, str]]:
    """(lamp, count, address of the queue) of what is open; an organ's own matters stand in no place's queue."""
    place = unit.kind == UnitKind.PLACE
    return [
        (
            lamp,
            getattr(lamps, lamp),
            address("matters:queue", unit=unit.path, lamp=lamp) if place else "",
        )
        for lamp in _LAMPS
    ]


def _plates(actor: Actor, unit: Unit) -> str:
    if unit.kind != UnitKind.PLACE or not actor.may(PRINT_PLATE, unit.path):
        return ""
    return address("territory:plates", unit=unit.pk)


def _due(unit: Unit, below: list[tree.Below], now: datetime) -> list[prints.Tally]:
    """Of plates and boards, how many are to be printed: of a village, or what is no larger. Of more, the page of
    plates tells."""
    if sum(row.count for row in below) > MOST_SHEETS:
        return []
    hung = prints.hung(unit, at=now)
    return [tally for kind in PrintKind if (tally := prints.tally_of(kind, hung)).total]


@require_http_methods(["GET", "POST"])
@staff_only
def set_figure_page(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """Write a figure of a unit, with its day and its source."""
    actor, shown = actor_of(request), unit_inside(request, unit_id)
    if not may_set_figures(actor, shown.path):
        raise Refused("forbidden_set_figure", _("您的岗位不登记这个单位的数字；请找乡镇或县里的管理员。"))
    form = FigureForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            figure = set_figure(by=actor, unit=shown, **form.cleaned_data)
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            messages.success(
                request,
                _("已登记：%(name)s，截至 %(day)s。")
                % {"name": figure.name, "day": figure.as_of.isoformat()},
            )
            return redirect("insight:unit", shown.pk)
    return render(
        request,
        "insight/figure_form.html",
        {
            "form": form,
            "unit": shown,
            "place": spoken_name(shown),
            "figures": tree.figures_of(shown),
        },
        status=400 if form.is_bound else 200,
    )


@require_POST
@staff_only
def remove_figure_page(request: HttpRequest, unit_id: UUID, figure_id: UUID) -> HttpResponse:
    """Take out a figure that was written by mistake."""
    actor, shown = actor_of(request), unit_inside(request, unit_id)
    figure = tree.figure_of(shown, figure_id)
    if figure is None:
        raise Http404
    remove_figure(by=actor, unit=shown, figure=figure)
    messages.success(
        request,
        _("已删去：%(name)s，截至 %(day)s。") % {"name": figure.name, "day": figure.as_of.isoformat()},
    )
    return redirect("insight:set_figure", shown.pk)
