"""The county's list of responsibilities, for whoever holds a post in it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from xiangli.cases import queries
from xiangli.cases.pages.staff import actor_of, staff_only
from xiangli.kernel import clock
from xiangli.territory.models import Unit


@require_GET
@staff_only
def responsibilities(request: HttpRequest) -> HttpResponse:
    """权责清单: what is given to whom, by which source and since when, and how often another was chosen. Of the
    actor's own county; where somebody holds posts in several, `?county=` chooses. Three statements."""
    actor, now = actor_of(request), clock.now()
    counties = list(Unit.objects.filter(pk__in={held.county_id for held in actor.held}).order_by("path"))
    county = next((unit for unit in counties if str(unit.pk) == request.GET.get("county")), counties[0])
    lines = queries.responsibilities(actor, county.pk, at=now)
    categories = {line.category_code: line.category for line in lines}
    chosen = request.GET.get("category", "")
    return render(
        request,
        "cases/responsibilities.html",
        {
            "county": county,
            "counties": counties,
            "categories": categories,
            "chosen": chosen if chosen in categories else "",
            "lines": [line for line in lines if chosen not in categories or line.category_code == chosen],
            "since": now - queries.LOOK_BACK,
            "now": now,
        },
    )
