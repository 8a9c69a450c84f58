"""上报: what staff report themselves."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from xiangli.cases import actions, queries
from xiangli.cases.forms import StaffReportForm, give_fresh_id, kept_ids
from xiangli.cases.models import Category
from xiangli.cases.pages.danger import danger_box
from xiangli.cases.pages.photos import Stored, store_photos
from xiangli.cases.pages.staff.common import actor_of, staff_only
from xiangli.cases.states import REPORT_CASE, Channel, Intake
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import plated_units, spoken_name
from xiangli.territory.rules import Actor


@require_http_methods(["GET", "POST"])
@staff_only
def field_report(request: HttpRequest) -> HttpResponseBase:
    """上报: what a member of staff sees on the way, or is told by telephone, at the counter or out of a group, in a
    place of their own territory."""
    actor = actor_of(request)
    now = clock.now()
    paths = [held.unit_path for held in actor.held if REPORT_CASE in held.permissions]
    places = plated_units(paths, at=now)
    sent = request.method == "POST"
    form = (
        StaffReportForm(request.POST, request.FILES)
        if sent
        else StaffReportForm(initial={"client_id": new_id(), "channel": Channel.STAFF})
    )
    chosen = request.POST.get("place", "") or (str(places[0].pk) if len(places) == 1 else "")
    stored = Stored()
    if sent:
        place = next((unit for unit in places if str(unit.pk) == chosen), None)
        if place is None:
            form.add_error(None, _("请选在哪条巷。"))
        fine = form.is_valid()
        if place is not None:
            stored = store_photos(
                form.cleaned_data.get("photos") or [],
                scope=place.county_id or place.pk,
                kept=kept_ids(form.data.get("kept", "")),
            )
            for error in stored.errors:
                form.add_error("photos", error)
        if fine and place is not None and not stored.errors:
            try:
                receipted = send_report(form, place, actor=actor, photos=stored.photos)
            except Refused as refused:
                if refused.code == "sent_before":
                    give_fresh_id(form)
                form.add_error(refused.field if refused.field in form.fields else None, str(refused.reason))
            else:
                messages.success(
                    request, _("已上报，编号 %(number)s。") % {"number": receipted.matter.number}
                )
                return HttpResponseRedirect(reverse("cases:case", args=[receipted.matter.pk]))
    return render(
        request,
        "cases/field_report.html",
        {
            "form": form,
            "places": [(unit, spoken_name(unit)) for unit in places],
            "place": chosen,
            "categories": reportable(),
            "chosen": form.data.get("category") or "",
            "english": queries.in_english(),
            "kept": stored.kept,
            **danger_box(form["words"].value()),
        },
        status=400 if form.errors else 200,
    )


def reportable() -> list[Category]:
    """What staff may report: open, and worked on openly in the territory. One statement."""
    return [
        row
        for row in queries.categories()
        if row.intake == Intake.OPEN and row.visibility == Visibility.ORDINARY
    ]


def send_report(
    form: StaffReportForm, place: Unit, *, actor: Actor, photos: Sequence[StoredFile] = ()
) -> actions.Receipted:
    """Report what a valid form says, at a place of the actor's own territory. Raises Refused."""
    data = form.cleaned_data
    found = queries.category_with_limits(data["category"], on=clock.now())
    if found is None or found[0].visibility != Visibility.ORDINARY:
        raise Refused("category_unknown", _("请选一类；不知道归哪类就选“其他情况”。"), field="category")
    return actions.report_case(
        actions.Report(
            client_id=data["client_id"],
            category=found[0],
            limits=found[1],
            words=data["words"],
            place=place,
            place_name=spoken_name(place),
            channel=data["channel"],
            contact_name=data["name"],
            contact_phone=data["phone"],
            consent=data["consent"],
            place_note=data["place_note"],
            photos=photos,
        ),
        actor=actor,
    )
