"""The session of a member of staff: how it begins, what it stands on, and whether its person proved
themselves a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from xiangli.accounts import rules
from xiangli.accounts.models import Device, User
from xiangli.kernel import clock

DEVICE_COOKIE: Final = "xl_device"
BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"

# What stands in a session. A desk's has SEEN, an enrolled phone's has DEVICE.
SEEN: Final = "xl_seen"  # seconds since 1970 of the last act
DEVICE: Final = "xl_device"  # id of the enrolled phone
FRESH: Final = "xl_fresh"  # seconds since 1970 of the last PIN, passkey or password
FACTOR_DUE: Final = "xl_factor_due"  # a post asks for a second factor that is not set up yet


def start_session(
    request: HttpRequest, user: User, *, now: datetime, device: Device | None = None, proved: bool
) -> None:
    """Sign `user` in under a new session key, on an enrolled phone or at a desk. `proved`: by a PIN, passkey
    or password just now."""
    login(request, user, backend=BACKEND)
    if device is not None:
        request.session[DEVICE] = str(device.pk)
        request.session.pop(SEEN, None)
        request.session.set_expiry(settings.SESSION_COOKIE_AGE)
    else:
        request.session[SEEN] = int(now.timestamp())
        request.session.pop(DEVICE, None)
        request.session.set_expiry(0)
    if proved:
        mark_fresh(request, now=now)


def mark_fresh(request: HttpRequest, *, now: datetime) -> None:
    """Remember that the person proved themselves at `now`."""
    request.session[FRESH] = int(now.timestamp())


def require_recent(request: HttpRequest, *, lasts: timedelta = rules.FRESH_FOR) -> bool:
    """Whether the signed-in person gave a PIN, passkey or password within the last minutes; pages of
    personal fields ask this."""
    return request.user.is_authenticated and rules.is_fresh(
        request.session.get(FRESH), now=clock.now(), lasts=lasts
    )


P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def fresh_required(minutes: int = 5) -> Callable[[View[P]], View[P]]:
    """Let a page through only within `minutes` of a PIN, passkey or password; otherwise ask for one and come
    back.

    A form sent too late comes back to the page it was sent from: what was typed is never kept aside on the
    way.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if require_recent(request, lasts=timedelta(minutes=minutes)):
                return view(request, *args, **kwargs)
            back = request.get_full_path()
            if request.method != "GET":
                back = safe_next(request, request.headers.get("Referer", "")) or back
            return HttpResponseRedirect(f"{reverse('accounts:reauth')}?{urlencode({'next': back})}")

        return guarded

    return decorate


def safe_next(request: HttpRequest, address: str) -> str:
    """`address` as a path on this site, or nothing when it leads elsewhere."""
    if not url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return ""
    parts = urlsplit(address)
    path = parts.path if parts.path.startswith("/") else ""
    return f"{path}?{parts.query}" if path and parts.query else path


def set_device_cookie(response: HttpResponse, secret: str) -> None:
    """Give the phone the secret that it is known by; no script can read it."""
    response.set_cookie(
        DEVICE_COOKIE,
        secret,
        max_age=rules.DEVICE_COOKIE_LASTS,
        httponly=True,
        samesite="Lax",
        secure=settings.HTTPS,
    )


def client_address(request: HttpRequest) -> str:
    """The caller's address: of the socket, or as the proxy in front says; of a list, the entry the proxy
    itself added."""
    return str(request.META.get(settings.CLIENT_ADDRESS_HEADER, "")).rpartition(",")[2].strip()


def on_loopback(request: HttpRequest) -> bool:
    """Whether a request comes from this machine to this machine, and the platform is not announced anywhere
    else."""
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    public = urlsplit(settings.PUBLIC_URL).hostname or ""
    return all(rules.is_loopback(name) for name in (host, public, client_address(request)))


def passkeys_work(request: HttpRequest) -> bool:
    """Whether a browser can make or use a passkey at the address this page was asked for."""
    return rules.takes_passkeys(
        urlsplit(f"//{request.get_host()}").hostname or "", secure=request.is_secure()
    )
