"""来电来访: a clerk writes down what somebody on the telephone or at the counter says, while they say it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.cases import queries
from xiangli.cases.forms import IntakeForm, give_fresh_id
from xiangli.cases.models import Case
from xiangli.cases.pages.danger import danger_box
from xiangli.cases.pages.staff.common import actor_of, staff_only
from xiangli.cases.pages.staff.report import reportable, send_report
from xiangli.cases.queries.landmarks import places_noted
from xiangli.cases.rules.suggesting import cues, suggest
from xiangli.cases.states import REPORT_CASE, Channel
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.queries import history, not_found
from xiangli.territory.queries import spoken_name
from xiangli.territory.queries.places import MOST, FoundPlace, find_places, place_within
from xiangli.territory.rules import Actor

LANDMARK: Final = 2  # characters: of one, everything would say the same


def _paths(actor: Actor) -> list[str]:
    paths = [held.unit_path for held in actor.held if REPORT_CASE in held.permissions]
    if not paths:
        raise Refused("forbidden_report", _("您的岗位没有可以上报的地方，请联系村里或乡镇。"))
    return paths


@require_http_methods(["GET", "POST"])
@staff_only
def intake(request: HttpRequest) -> HttpResponseBase:
    """The caller's words on the left; on the right the place by search, the category, and how to reach them."""
    actor, now = actor_of(request), clock.now()
    paths = _paths(actor)
    sent = request.method == "POST" and "find" not in request.POST
    form = (
        IntakeForm(request.POST)
        if sent
        else IntakeForm(initial={"client_id": new_id(), "channel": Channel.PHONE, **request.POST.dict()})
    )
    asked = request.POST.get("q", "").strip()
    found = _found(actor, paths, asked)
    chosen = _chosen(request, paths)
    if chosen is None and len(found) == 1:
        chosen = found[0]
    kinds = reportable()
    words, category = request.POST.get("words", ""), request.POST.get("category", "")
    suggested = None
    if request.method == "POST" and not category:
        suggested = suggest(words, [row.code for row in kinds])
    if sent:
        if chosen is None:
            form.add_error("q", _("请找到地方并选定。") if not found else _("有几个地方，请选定一个。"))
        if form.is_valid() and chosen is not None:
            place = place_within(paths, chosen.id, at=now)
            assert place is not None  # found a moment ago
            try:
                receipted = send_report(form, place, actor=actor)
            except Refused as refused:
                if refused.code == "sent_before":
                    give_fresh_id(form)
                form.add_error(refused.field if refused.field in form.fields else None, str(refused.reason))
            else:
                return redirect("cases:taken_down", receipted.matter.pk)
    return render(
        request,
        "cases/intake.html",
        {
            "form": form,
            **_listed(found, chosen, asked),
            "categories": kinds,
            "chosen": category or (suggested.code if suggested else ""),
            "suggested": suggested,
            "cues": cues(),
            "english": queries.in_english(),
            **danger_box(words),
        },
        status=400 if sent and form.errors else 200,
    )


def _found(actor: Actor, paths: list[str], asked: str) -> list[FoundPlace]:
    """The places that answer to the words; and behind them those of which open matters say the same: a landmark is
    on no list of units."""
    found = find_places(paths, asked, at=clock.now())
    if len(asked) < LANDMARK or len(found) >= MOST:
        return found
    known = {place.id for place in found}
    for place_id, path, name, note in places_noted(actor, paths, asked, at=clock.now()):
        if place_id not in known:
            known.add(place_id)
            found.append(FoundPlace(place_id, path, name, "", _("有人写过：%(note)s") % {"note": note}, ""))
    return found[:MOST]


def _chosen(request: HttpRequest, paths: list[str]) -> FoundPlace | None:
    """The place whose button is pressed in, where it is one of this person's territory."""
    given = request.POST.get("place", "") or request.GET.get("place", "")
    try:
        unit = place_within(paths, UUID(given), at=clock.now()) if given else None
    except (ValueError, ValidationError):
        unit = None
    if unit is None:
        return None
    above = unit.parent.short_name if unit.code and unit.parent else ""
    return FoundPlace(unit.pk, unit.path, spoken_name(unit), above, "", unit.plate_code or "")


def _listed(found: list[FoundPlace], chosen: FoundPlace | None, asked: str) -> dict[str, object]:
    """The chosen place stays in sight, whatever is looked for next."""
    places = found if chosen is None or chosen.id in [one.id for one in found] else [chosen, *found]
    return {"places": places, "place": chosen, "asked": asked, "count": len(found)}


@require_GET
@staff_only
def intake_places(request: HttpRequest) -> HttpResponse:
    """The places that answer to what is typed, while it is typed."""
    actor, asked = actor_of(request), request.GET.get("q", "").strip()
    paths = _paths(actor)
    found, chosen = _found(actor, paths, asked), _chosen(request, paths)
    if chosen is None and len(found) == 1:
        chosen = found[0]
    return render(request, "cases/_places.html", _listed(found, chosen, asked))


@require_GET
@staff_only
def taken_down(request: HttpRequest, matter_id: UUID) -> HttpResponse:
    """What to tell the caller: the number, who handles it, by when; and on to the next one."""
    actor = actor_of(request)
    case = (
        Case.objects.filter(matter__in=Matter.objects.visible_to(actor))
        .select_related("matter__place", "matter__holder_unit", "matter__holder_post", "category")
        .filter(pk=matter_id)
        .first()
    )
    if case is None:
        raise not_found()
    matter, happened = case.matter, history(case.matter)
    found = queries.standing(matter, case, happened)
    return render(
        request,
        "cases/taken_down.html",
        {
            "matter": matter,
            "category": case.category.name_en if queries.in_english() else case.category.name,
            "holder": found.holder,
            "outside": found.holder.outside,
            "sentence": found.sentence,
            **danger_box(str(happened[0].words.get("words", ""))),
        },
    )
