"""The one page that knows every module: figures for a monitoring system."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from xiangli.accounts.sessions import on_loopback
from xiangli.config.metrics import exposition
from xiangli.kernel import clock

# What proxies add: a request that came through one comes from somebody else, whatever its address says.
_FORWARDED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: to whoever brings the token; where there is none, to this machine itself."""
    if not _may(request):
        return HttpResponseNotFound("no such page\n", content_type="text/plain")
    text, media_type = exposition(clock.now(), request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=media_type)


def _may(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        return compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    return on_loopback(request) and not any(name in request.META for name in _FORWARDED)
