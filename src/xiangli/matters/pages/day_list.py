"""The day's list on paper, for those who prefer it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from xiangli.matters import queries
from xiangli.matters.pages.view import rows_of, view_of
from xiangli.matters.states import Visibility
from xiangli.web.staff import staff_only

MOST: Final = 300  # some fifteen sheets


@require_GET
@staff_only
def day_list(request: HttpRequest) -> HttpResponse:
    """The open matters of a choice by their clocks, with a box to tick each; A4."""
    view = view_of(request)
    ended = view.filters.state in (queries.CLOSED, queries.ALL)
    filters = replace(view.filters, state=queries.OPEN) if ended else view.filters
    page = queries.queue(view.actor, filters, at=view.now, size=MOST)
    lamps = queries.lamp_counts(view.actor, filters, at=view.now)
    rows = rows_of(sorted(page.items, key=lambda matter: (matter.due_at, matter.pk)), view.topics)
    for row in rows:  # paper lies about: of what is not ordinary, number and category alone
        row["discreet"] = row["matter"].visibility != Visibility.ORDINARY
    units = list(dict.fromkeys(held.unit_name for held in view.actor.held))
    return render(
        request,
        "matters/day_list.html",
        {
            "view": view,
            "rows": rows,
            "lamps": lamps,
            "cut": bool(page.next),
            "units": units,
            "chosen": view.form.said(),
        },
    )
