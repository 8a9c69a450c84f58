"""Where django-allauth asks us: who may sign in, what a session stands on, in which words it says no."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from xiangli.accounts import actions, queries, rules, sessions
from xiangli.accounts.models import User
from xiangli.kernel import clock, crypto

_CELL = UUID(int=0)  # a user belongs to no county: the keys of second factors are the cell's
_WRONG_CODE = _("验证码不对。请等手机上的应用换一个新的六位数字，再输入一次。")


def display_name(user: User) -> str:
    return user.display_name


def _ours(user: AbstractBaseUser) -> User:
    assert isinstance(user, User)  # AUTH_USER_MODEL; the library's types cannot know it
    return user


class AccountAdapter(DefaultAccountAdapter):
    """No sign-up, no e-mail, one way into a session, and refusals that say whom to ask."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _(
            "用户名或密码不对。忘了密码，请向村委会或综治中心要一个新链接，重新设置。"
        ),
        "invalid_login": _("用户名或密码不对。忘了密码，请向村委会或综治中心要一个新链接，重新设置。"),
        "too_many_login_attempts": _(
            "输错的次数太多，请 15 分钟后再试。着急的话，请向村委会或综治中心要一个新链接。"
        ),
        "incorrect_code": _WRONG_CODE,
        "incorrect_password": _("密码不对，请再输一次。"),
        "account_inactive": _("这个账号已停用。请向任命您的村委会或综治中心询问。"),
        "rate_limited": _("试得太勤了，请过几分钟再来。"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return sessions.client_address(request) or "unknown"

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse | None:
        """Invented people with known passwords sign in on this machine only."""
        if _ours(user).is_demo and not sessions.on_loopback(request):
            return render(request, "accounts/demo_refused.html", status=403)
        return super().pre_login(request, user, **kwargs)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        person = _ours(user)
        sessions.start_session(request, person, now=clock.now(), proved=True)
        if person.require_second_factor and not queries.has_second_factor(person):
            request.session[sessions.FACTOR_DUE] = True

    def logout(self, request: HttpRequest) -> None:
        """Signing out on an enrolled phone gives the phone up: otherwise it would be signed in again at the
        next page."""
        secret = request.COOKIES.get(sessions.DEVICE_COOKIE)
        device = queries.live_device(secret) if secret else None
        if device is not None and device.user_id == request.user.pk:
            actions.revoke_device(user=device.user, device_id=device.pk, now=clock.now())
        super().logout(request)

    def get_reauthentication_methods(self, user: object) -> list[dict[str, Any]]:
        """One page asks for the PIN or the password and leads to the passkey."""
        return [
            {"id": "xiangli", "description": "", "url": reverse("accounts:reauth")},
            {"id": "passkey", "description": "", "url": reverse("mfa_reauthenticate_webauthn")},
        ]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Never by the library, which lets people without a password through: `fresh_required` stands before
        each of its pages."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The page that follows says what happened."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing is sent by e-mail."""


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps the keys of authenticator apps encrypted, and names people the way they are called."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _WRONG_CODE,
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(crypto.seal(text.encode(), scope=_CELL, context="second factor")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.open_sealed(
            base64.b64decode(encrypted_text), scope=_CELL, context="second factor"
        ).decode()

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Nobody has an address; the page /me/ lists every phone and passkey."""

    def generate_authenticator_name(self, user: object, type: object) -> str:  # the library's name for it
        request = self.request
        return rules.device_label(request.headers.get("User-Agent", ""))

    def _get_site_name(self) -> str:
        return str(settings.MFA_TOTP_ISSUER)
