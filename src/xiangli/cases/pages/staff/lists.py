"""待办: what waits for me."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xiangli.cases import queries
from xiangli.cases.pages.staff.common import actor_of, post_name, staff_only
from xiangli.cases.queries.work import tasks_of
from xiangli.cases.states import State
from xiangli.kernel import clock
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.web.paging import paginate

PAGE = 100
OPEN_ORDER = ("due_at", "id")


@require_GET
@staff_only
def tasks(request: HttpRequest) -> HttpResponse:
    """待办: what waits for me, the most pressing first."""
    actor, cursor = actor_of(request), request.GET.get("cursor", "")
    first = MatterPhoto.objects.filter(matter=OuterRef("pk")).order_by("event", "position")
    waiting = tasks_of(actor, at=clock.now()).annotate(first_photo=Subquery(first.values("pk")[:1]))
    page = paginate(waiting, order=OPEN_ORDER, cursor=cursor, size=PAGE)
    rows = [
        {**row, "asked": _asked(row["matter"])}
        for row in _rows(page.items, queries.topic_labels() if page.items else {})
    ]
    return render(request, "cases/tasks.html", {"page": page, "rows": rows})


def _asked(matter: Any) -> list[str]:
    """What is asked of me in a case that somebody else leads."""
    words = [
        (matter.part_asked, _("请您协同")),
        (matter.order_asked, _("等您答复督办")),
        (matter.extension_asked, _("等您审批延期")),
    ]
    return [said for asked, said in words if asked]


def _rows(matters: list[Matter], topics: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a list shows of each matter. `topics` are the names of the categories."""
    return [
        {
            "matter": matter,
            "topic": topics.get(matter.topic, matter.topic),
            "label": State(matter.state).label,
            "who": matter.handler.display_name
            if matter.handler
            else (post_name(matter.holder_post) if matter.holder_post else _("县外机构")),
        }
        for matter in matters
    ]
