"""The Actor on every request: config knows both the pages' kit and territory, so it is config that brings them together."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from xiangli.kernel import clock
from xiangli.territory.queries import actor_for


class ActorMiddleware:
    """Sets `request.actor`: user and current appointments, read at the first use (one statement); nobody's actor sees nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_for(request.user, at=clock.now()))  # type: ignore[attr-defined]  # our own attribute
        return self.get_response(request)
