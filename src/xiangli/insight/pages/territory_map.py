"""The map: the units below one, shaded by how much of what is open there is overdue, and open matters as points.

No tiles and no foreign server. What the map shows stands below it as a table, which is how a keyboard reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from xiangli.insight.pages.common import actor_of, tops_of, unit_in_scope
from xiangli.insight.pages.units import address
from xiangli.insight.queries.ground import outlines
from xiangli.insight.queries.units import MOST_POINTS, Lamps, Point, open_below, points_in
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.queries import ancestors, spoken_name, tree
from xiangli.web.rules import lamp_of
from xiangli.web.staff import staff_only
from xiangli.web.words import lamp_words

LISTED: Final = 50  # of the points, in the table below the map; the queue has them all


@require_GET
@staff_only
def territory_map(request: HttpRequest) -> HttpResponse:
    """The map of a unit in the actor's territory: `?unit=`, else the widest. A number of statements that neither
    units nor matters change."""
    actor, now = actor_of(request), clock.now()
    unit = _place(request)
    lamps = open_below(actor, unit, at=now)
    below = tree.children(unit, at=now)
    paths = {child.path for child in below}
    rows = [
        {
            "unit": child,
            "lamps": lamps.get(child.path, Lamps()),
            "queue": address("matters:queue", unit=child.path),
        }
        for child in below
    ]
    # at the unit itself, and in units below that are no more: what was not moved yet
    rest = _sum(found for path, found in lamps.items() if path not in paths)
    total = _sum(lamps.values())
    points = points_in(actor, unit, at=now, most=LISTED)
    words = {
        "more": _("另有 {count} 件没有画出"),
        "nowhere": _("{count} 件没有位置"),
        "open": _("未办结 {open} 件，已超时 {red} 件"),
        "several": _("{count} 件"),
        "others": _("还有 {count} 件，请放大地图或看下面的表"),
        "failed": _("地图没有取到，请看下面的表；稍后可刷新重试。"),
    }
    context: dict[str, Any] = {
        "unit": unit,
        "place": spoken_name(unit),
        "way": [above for above in ancestors(unit) if actor.covers(above.path)],
        "tops": tops_of(actor),
        "rows": rows,
        "rest": rest,
        "total": total,
        "points": points,
        "listed": LISTED,
        "queue": address("matters:queue", unit=unit.path),
        "most": MOST_POINTS,
        "now": now,
        "words": words,
        "shades": shades(),
        "synthetic": tree.some_made_up(unit, at=now),
    }
    return render(request, "insight/map.html", context)


def _place(request: HttpRequest) -> Unit:
    """The unit that the map shows; somebody of an organ, which is no place, sees none."""
    unit = unit_in_scope(actor_of(request), request.GET.get("unit"))
    if unit.kind == UnitKind.ORGAN:
        raise Refused("forbidden_no_map", _("部门没有自己的地界，所以没有地图；请在受理台看交给您的事项。"))
    return unit


def _sum(several: Iterable[Lamps]) -> Lamps:
    found = list(several)
    return Lamps(*(sum(getattr(one, name) for one in found) for name in ("red", "amber", "green", "none")))


def shades() -> list[tuple[int, str]]:
    """The legend."""
    return [
        (0, _("没有未办结")),
        (1, _("没有超时")),
        (2, _("超时不到 10%")),
        (3, _("超时 10% 到不到 30%")),
        (4, _("超时 30% 及以上")),
    ]


@gzip_page
@require_GET
@login_required
def map_units(request: HttpRequest) -> HttpResponseBase:
    """The outlines of a unit and of those right below it; asked again, only whether they are still the same."""
    if not actor_of(request).held:
        raise Refused("forbidden_no_post", _("您现在没有担任岗位，所以看不到事项。请联系村里或乡镇。"))
    content, version = outlines(_place(request), at=clock.now())
    etag = f'"{version}"'
    response = HttpResponse(content, content_type="application/json")
    found = get_conditional_response(request, etag=etag, response=response)
    assert found is not None
    found["ETag"], found["Cache-Control"] = etag, "private, no-cache"
    return found


@gzip_page
@require_GET
@staff_only
def map_points(request: HttpRequest) -> HttpResponse:
    """Open ordinary matters of a unit, the most pressing first, as far as a map can show them."""
    actor, now = actor_of(request), clock.now()
    unit = _place(request)
    points = points_in(actor, unit, at=now)
    total = _sum(open_below(actor, unit, at=now).values()).open
    placed = [point for point in points if point.lat is not None and point.lng is not None]
    return JsonResponse(
        {
            "more": max(0, total - len(points)),  # one may close between the two statements
            "nowhere": len(points) - len(placed),
            "points": [_point(point, now) for point in placed],
        },
        json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
    )


def _point(point: Point, now: datetime) -> dict[str, Any]:
    assert point.lat is not None
    assert point.lng is not None
    return {
        "url": reverse("matters:matter", args=[point.id]),
        "number": point.number,
        "title": point.title,
        "place": point.place,
        "at": (round(point.lat, 6), round(point.lng, 6)),
        "lamp": str(point.colour),
        "left": lamp_words(lamp_of(point.due_at, now=now, amber_at=point.amber_at)),
    }
