"""受理台: the merged inbox of every post somebody holds."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xiangli.matters import queries
from xiangli.matters.forms import FilterNameForm
from xiangli.matters.models import SavedFilter
from xiangli.matters.pages.common import bulk_for
from xiangli.matters.pages.view import rows_of, view_of
from xiangli.matters.queries import Lamps
from xiangli.matters.queries.arrivals import MOST, arrived
from xiangli.matters.states import Stage
from xiangli.web.staff import staff_only

PAGE: Final = queries.PAGE  # rows

# Beside the word, never instead of it.
_ICONS = {Stage.RED: "alert", Stage.AMBER: "clock", Stage.GREEN: "check"}


@require_GET
@staff_only
def queue(request: HttpRequest) -> HttpResponse:
    """The matters of all one's posts, the most pressing first; what narrows them stands in the address. With
    `arrived`, the rows of those that came meanwhile, for a page that stands open."""
    view = view_of(request)
    bulk = bulk_for(view.actor)
    if ids := _ids(request.GET.get("arrived", "")):
        rows = rows_of(arrived(view.actor, view.filters, ids, at=view.now), view.topics)
        return render(request, "matters/_rows.html", {"rows": rows, "bulk": bulk})
    page = queries.queue(
        view.actor, view.filters, at=view.now, cursor=request.GET.get("cursor", ""), size=PAGE
    )
    # whoever looks for one thing asks for no counts
    lamps = None if view.filters.text else queries.lamp_counts(view.actor, view.filters, at=view.now)
    kept = list(SavedFilter.objects.filter(user=view.actor.user_id).order_by("name"))
    return render(
        request,
        "matters/queue.html",
        {
            "view": view,
            "bulk": bulk,
            "page": page,
            "rows": rows_of(page.items, view.topics),
            "lamps": _counters(lamps, view.filters.lamp),
            "total": lamps.total if lamps else None,
            "kept": kept,
            "kept_here": any(one.query == view.query for one in kept),
            "name_form": FilterNameForm(auto_id="keep-%s"),
            # nothing new comes to closed ones; and whoever searches looks for what is there
            "watched": view.filters.state != queries.CLOSED and not view.filters.text,
        },
    )


def _counters(lamps: Lamps | None, chosen: str) -> list[dict[str, object]]:
    """The lamps as counters that filter."""
    found: list[dict[str, object]] = [
        {
            "value": stage.value,
            "label": stage.label,
            "icon": _ICONS[stage],
            "count": getattr(lamps, stage.value, None),
            "chosen": stage.value == chosen,
        }
        for stage in (Stage.RED, Stage.AMBER, Stage.GREEN)
    ]
    if chosen == "none" or (lamps and lamps.none):
        found.append(
            {
                "value": "none",
                "label": _("不计时"),
                "icon": "pause",
                "count": lamps.none if lamps else None,
                "chosen": chosen == "none",
            }
        )
    return found


def _ids(text: str) -> list[UUID]:
    found = []
    for part in text.split(",")[:MOST]:
        try:
            found.append(UUID(part))
        except ValueError:
            continue
    return found
