"""My tasks, and the merged inbox of every post one holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xiangli.cases import queries
from xiangli.cases.pages.staff.common import actor_of, post_name, shell_of, staff_only
from xiangli.cases.queries.nets import topics_now
from xiangli.cases.queries.work import is_amber, is_red, supervised_by, tasks_of
from xiangli.cases.states import OPEN_STATES, State
from xiangli.kernel import clock
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import inbox
from xiangli.matters.states import Visibility
from xiangli.territory.rules import day_of
from xiangli.web.paging import paginate

PAGE = 100
OPEN_ORDER = ("due_at", "id")
# Closing is a matter's last change, so this is the order of closing; `closed_at` itself may be NULL and cannot page by key.
CLOSED_ORDER = ("-changed_at", "-id")


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
    return render(request, "cases/tasks.html", {"page": page, "rows": rows, "shell": shell_of(actor)})


def _asked(matter: Any) -> list[str]:
    """What is asked of me in a case that somebody else leads."""
    words = [
        (matter.part_asked, _("请您协同")),
        (matter.order_asked, _("等您答复督办")),
        (matter.extension_asked, _("等您审批延期")),
    ]
    return [said for asked, said in words if asked]


@require_GET
@staff_only
def desk(request: HttpRequest) -> HttpResponse:
    """The merged inbox of every post this person holds; filters stand in the address."""
    actor, cursor, now = actor_of(request), request.GET.get("cursor", ""), clock.now()
    chosen = request.GET.get("state", "open")
    rows, topics = inbox(actor), topics_now(on=day_of(now))
    net = topics.nets.get(request.GET.get("net", ""))
    if net is not None:  # what is not ordinary stands in no net
        rows = rows.filter(topic__in=net[1], visibility=Visibility.ORDINARY)
    if chosen == "closed":
        page = paginate(rows.exclude(closed_at=None), order=CLOSED_ORDER, cursor=cursor, size=PAGE)
    else:
        rows = rows.open()
        if chosen in OPEN_STATES:
            rows = rows.filter(state=chosen)
        elif chosen == "overdue":
            rows = rows.filter(is_red(now))
        elif chosen == "soon":
            rows = rows.filter(is_amber(now))
        elif chosen == "supervised":
            rows = rows.filter(supervised_by(actor))
        page = paginate(rows, order=OPEN_ORDER, cursor=cursor, size=PAGE)
    return render(
        request,
        "cases/desk.html",
        {
            "page": page,
            "rows": _rows(page.items, topics.names),
            "chosen": chosen,
            "nets": [("", _("全部专题")), *((code, name) for code, (name, _codes) in topics.nets.items())],
            "net": request.GET["net"] if net else "",
            "filters": [
                ("open", _("未办结"), ""),
                ("overdue", _("已超时"), "alert"),
                ("soon", _("将到期"), "clock"),
                ("supervised", _("督办"), "bell"),
                *[(state.value, state.label, "") for state in State if state in OPEN_STATES],
                ("closed", _("已结束"), ""),
            ],
            "shell": shell_of(actor),
        },
    )


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
