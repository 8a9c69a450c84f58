"""The Actor on every request: config knows both the pages' kit and territory, so it is config that brings them together.
And around every request, how long it took."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from xiangli.config import metrics
from xiangli.kernel import clock
from xiangli.territory.queries import actor_for

_requests = logging.getLogger("xiangli.requests")


class ActorMiddleware:
    """Sets `request.actor`: user and current appointments, read at the first use (one statement); nobody's actor sees nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_for(request.user, at=clock.now()))  # type: ignore[attr-defined]  # our own attribute
        return self.get_response(request)


class MeasureMiddleware:
    """Counts requests and their seconds by the page's name, never by address; of what streams, the time to its start."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - began
        match = request.resolver_match
        page = match.view_name if match else "-"  # a file, or an address that is none
        metrics.note_request(page, request.method or "", response.status_code, seconds)
        if _requests.isEnabledFor(logging.INFO):
            fields = {
                "page": page,
                "method": request.method,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
            }
            _requests.info("%s", " ".join(map(str, fields.values())), extra={"fields": fields})
        return response
