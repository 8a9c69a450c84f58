"""News of the queue as server-sent events, each answer a short one: docs/adr/0017-short-answers-carry-the-news.md."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from xiangli.matters.pages.view import view_of
from xiangli.matters.queries.arrivals import arrivals
from xiangli.web.staff import staff_only

RETRY_MS: Final = 4000  # after which the browser asks again
_BACK: Final = timedelta(hours=12)  # a page that stood open longer is read anew


@require_GET
@staff_only
def news(request: HttpRequest) -> HttpResponse:
    """How many matters came to this choice of the queue since the last answer, and which. The answer ends at once; the
    browser asks again by itself, and says where it was."""
    view = view_of(request)
    last = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
    ids = arrivals(view.actor, view.filters, since=_since(last, view.now), at=view.now)
    lines = [f"retry: {RETRY_MS}", f"id: {view.now.isoformat()}"]
    if ids:
        lines.append(f"data: {json.dumps({'count': len(ids), 'ids': [str(pk) for pk in ids]})}")
    answer = HttpResponse("\n".join(lines) + "\n\n", content_type="text/event-stream; charset=utf-8")
    answer["X-Accel-Buffering"] = "no"  # a proxy passes it on as it comes
    return answer


def _since(text: str, now: datetime) -> datetime:
    """The moment that the page stands at; now, where it names none that could be."""
    try:
        since = parse_datetime(text)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None or since > now:
        return now
    return max(since, now - _BACK)
