"""One case: facts, clocks, timeline, and only the actions that this person may take now."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.accounts.sessions import fresh_required
from xiangli.cases import actions, queries
from xiangli.cases.forms import ActForm
from xiangli.cases.pages.photos import picture, shown
from xiangli.cases.pages.staff.common import DRAWER, actor_of, is_summary, post_name, staff_only
from xiangli.cases.pages.staff.facts import facts_shown, words_of
from xiangli.cases.pages.staff.offers import Sight, Tried, offers, split
from xiangli.cases.queries.dossier import dossier_of
from xiangli.cases.states import REVEAL_CONTACT, State
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.queries import history, not_found, photo_for, subject_places
from xiangli.matters.states import PhotoRole


@require_GET
@staff_only
def case(request: HttpRequest, matter_id: UUID) -> HttpResponse:
    """One case: facts, timeline, and only the actions that this person may take now."""
    return case_page(request, matter_id)


def case_page(
    request: HttpRequest,
    matter_id: UUID,
    *,
    tried: Tried | None = None,
    contact: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    dossier = dossier_of(actor, matter_id)
    if dossier is None:
        raise not_found()
    matter, record = dossier.matter, dossier.case
    sight = Sight(actor, dossier, now, subject_places(matter, at=now))
    found, happened = offers(sight, tried), history(matter)
    for offer in found:
        if offer.asked:
            offer.asked.words = words_of(happened, offer.asked.key, offer.asked.id)
    shown_offers, folded = split(found, sight)
    pictures = shown(dossier.photos, lambda photo: reverse("cases:photo", args=[photo.pk]))
    entries = queries.timeline(happened, pictures, for_reporter=False)
    after = next((p for p in reversed(pictures) if p["role"] == PhotoRole.AFTER), None)
    summary = is_summary(request)
    answer = render(
        request,
        "cases/summary.html" if summary else "cases/case.html",
        {
            "summary": summary,
            "matter": matter,
            "holder_post": post_name(matter.holder_post) if matter.holder_post else "",
            "case": record,
            "category": record.category.name_en if queries.in_english() else record.category.name,
            "state_label": State(matter.state).label,
            **facts_shown(dossier, happened, now=now),
            # What was reported stands on top; the timeline does not say it again.
            "words": entries[0]["words"],
            "entries": [
                {**entries[0], "words": "", "photos": entries[0]["photos"] if after else []},
                *entries[1:],
            ],
            "pictures": pictures,
            "before": next((p for p in pictures if p["role"] in (PhotoRole.BEFORE, PhotoRole.REPORT)), None),
            "after": after,
            "offered": shown_offers,
            "folded": folded,
            "folded_open": any(offer.open for offer in folded),
            "waits_for_parts": sight.mine and bool(dossier.open_parts) and matter.state == State.IN_PROGRESS,
            "error": tried.error if tried else None,
            "tried": tried,
            "has_contact": matter.receipt.contact is not None,
            "may_reveal": sight.authority(REVEAL_CONTACT) is not None,
            "reveal_id": new_id(),
            "contact": contact,
        },
        status=status,
    )
    if summary:  # a refused act stays there too
        answer["HX-Retarget"] = f"#{DRAWER}"
    patch_vary_headers(answer, ["HX-Request", "HX-Target"])
    return answer


@require_http_methods(["GET", "POST"])
@staff_only
@fresh_required(minutes=5)
def reveal(request: HttpRequest, matter_id: UUID) -> HttpResponseBase:
    """The reporter's contact, at the town, for a reason; shown once, on the answer to this very form."""
    if request.method == "GET":
        return redirect("cases:case", matter_id)  # back from giving the PIN: the reason is asked again
    form = ActForm("reveal_contact", request.POST)
    tried = Tried("reveal_contact", form)
    if not form.is_valid():
        tried.error = form.first_refusal()
        return case_page(request, matter_id, tried=tried, status=400)
    data = form.cleaned_data
    try:
        contact = actions.reveal_contact(
            actions.Act(
                actor=actor_of(request), matter_id=matter_id, act_id=data["act_id"], note=data["note"]
            )
        )
    except Refused as refused:
        if refused.code == "not_found":
            raise
        tried.error = refused
        return case_page(request, matter_id, tried=tried, status=409)
    return case_page(request, matter_id, contact=contact)


@require_GET
@staff_only
def photo(request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
    """A photo of a matter that the actor may see."""
    return picture(photo_for(actor_of(request), photo_id), thumbnail=request.GET.get("size") == "s")
