"""How long a sign-in lasts: a desk times out, an enrolled phone stays signed in as long as it is enrolled."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from xiangli.accounts import actions, queries, rules, sessions
from xiangli.accounts.models import Device
from xiangli.kernel import clock

# What somebody whose second factor is due may still open.
_WITHOUT_FACTOR = ("/2fa/", "/me/", "/reauth/", "/logout/", "/language/", "/look/")


class StaffSessionMiddleware:
    """Ends desks that were left, and ties the sessions of enrolled phones to the phone.

    A visitor without cookies costs nothing; a desk, nothing but a write of its stamp once a minute; a phone,
    one statement that brings its user along, so that it replaces the one by which Django would read the
    user.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        secret = request.COOKIES.get(sessions.DEVICE_COOKIE)
        if secret is None and settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)

        now = clock.now()
        device = queries.live_device(secret) if secret else None
        if device and device.user.is_demo and not sessions.on_loopback(request):
            device = None
        user_id = request.session.get(SESSION_KEY)
        on_phone = device is not None and user_id in (None, str(device.user_id))
        if device is not None and on_phone:
            self._keep_phone(request, device, signed_in=user_id is not None)
        elif user_id is not None:
            self._keep_desk(request)

        # The shell of the pages about oneself, which this module's own templates and the library's views
        # share.
        request.staff_shell = "web/field.html" if sessions.DEVICE in request.session else "web/desk.html"  # type: ignore[attr-defined]  # our own attribute

        response = self._second_factor_first(request) or self.get_response(request)

        if secret is not None and device is None and sessions.DEVICE_COOKIE not in response.cookies:
            response.delete_cookie(sessions.DEVICE_COOKIE, samesite="Lax")
        elif secret is not None and device is not None and on_phone:
            today = timezone.localdate(now)
            if device.seen_on != today:
                actions.note_device_seen(device=device, today=today)
                sessions.set_device_cookie(response, secret)
        return response

    def _keep_phone(self, request: HttpRequest, device: Device, *, signed_in: bool) -> None:
        if not signed_in:
            sessions.start_session(request, device.user, now=clock.now(), device=device, proved=False)
        elif request.session.get(sessions.DEVICE) != str(device.pk):
            request.session[sessions.DEVICE] = str(device.pk)
            request.session.pop(sessions.SEEN, None)
        request.user = device.user

    def _keep_desk(self, request: HttpRequest) -> None:
        now = clock.now()
        if (
            sessions.DEVICE in request.session
        ):  # began on a phone that is enrolled no longer, or went to another browser
            logout(request)
            messages.info(
                request,
                _(
                    "这部手机已解除绑定，已退出登录。要再用，请向发给您链接的人（村委会或综治中心）要一个新链接。"
                ),
            )
            return
        seen = request.session.get(sessions.SEEN)
        if seen is not None and rules.idle_too_long(seen, now=now):
            logout(request)
            messages.info(request, _("您有 30 分钟没有操作，为安全起见已退出登录。请重新登录。"))
        elif seen is None or (rules.stamp_due(seen, now=now) and not _asked_by_itself(request)):
            request.session[sessions.SEEN] = int(now.timestamp())

    def _second_factor_first(self, request: HttpRequest) -> HttpResponse | None:
        """Where a post asks for a second factor, a password alone opens nothing but the page to set one
        up."""
        if not request.session.get(sessions.FACTOR_DUE) or request.path.startswith(_WITHOUT_FACTOR):
            return None
        if sessions.DEVICE in request.session or queries.has_second_factor(request.user):
            del request.session[sessions.FACTOR_DUE]
            return None
        return HttpResponseRedirect(reverse("mfa_index"))


def _asked_by_itself(request: HttpRequest) -> bool:
    """Whether the page that stands open asks for news, and no person does anything: a desk that was left must not
    stay signed in by it."""
    return request.headers.get("Accept") == "text/event-stream"
