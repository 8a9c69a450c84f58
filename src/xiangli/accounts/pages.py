"""Pages of accounts: the enrolment link, asking again who it is, and /me/."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from allauth.account.views import LoginView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.accounts import actions, forms, queries, rules, sessions
from xiangli.accounts.models import Enrolment, User
from xiangli.accounts.sessions import fresh_required
from xiangli.kernel import clock, throttle
from xiangli.kernel.refusals import Refused

_SECRETS = ("pin", "pin_again", "password", "password_again")


def _say(form: Form, refused: Refused) -> None:
    """Put a refusal beside the field it is about; one about no field of the form goes to the page of
    refusals."""
    if refused.field not in form.fields:
        raise refused
    form.add_error(refused.field, str(refused))


# --- the enrolment link


@never_cache
@sensitive_post_parameters(*_SECRETS)
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest, token: str) -> HttpResponse:
    """Open a link: looking changes nothing, so that a chat's preview does not use it up. Sending the PIN
    enrols this phone."""
    enrolment = _open_link(request, token)
    form = forms.PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        try:
            device, secret = actions.enrol_device(
                token=token,
                pin=form.cleaned_data["pin"],
                label=rules.device_label(request.headers.get("User-Agent", "")),
                today=timezone.localdate(now),
                now=now,
            )
        except Refused as refused:
            _say(form, refused)
        else:
            sessions.start_session(request, device.user, now=now, device=device, proved=True)
            response = redirect("accounts:welcome")
            sessions.set_device_cookie(response, secret)
            return response
    return render(request, "accounts/enrol.html", {"enrolment": enrolment, "form": form, "token": token})


@never_cache
@sensitive_post_parameters(*_SECRETS)
@require_http_methods(["GET", "POST"])
def enrol_desk(request: HttpRequest, token: str) -> HttpResponse:
    """The same link for a shared computer: a name and a password, and nothing stays on the computer."""
    enrolment = _open_link(request, token)
    form = forms.CredentialsForm(request.POST or None, username=enrolment.user.username)
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        try:
            user = actions.enrol_desk(
                token=token,
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password"],
                now=now,
            )
        except Refused as refused:
            _say(form, refused)
        else:
            # Through the library's steps: a link replaces the password, never the second factor.
            response: HttpResponse = perform_login(request, user)
            return response
    return render(request, "accounts/enrol_desk.html", {"enrolment": enrolment, "form": form, "token": token})


def _open_link(request: HttpRequest, token: str) -> Enrolment:
    """The enrolment behind a link that opens. Raises Refused for any other; guesses are counted by address
    and soon slowed."""
    now, address = clock.now(), sessions.client_address(request)
    tries = throttle.count("enrolment_link", address, window=rules.FAILURES_WITHIN, now=now)
    if tries >= rules.LINK_FAILURES:
        raise Refused(
            "throttled_links",
            _("打不开的链接试得太多了，请 15 分钟后再试，或请发链接的人当面给您看二维码。"),
            retry_after=rules.FAILURES_WITHIN.total_seconds(),
        )
    enrolment = queries.enrolment_of(token)
    if enrolment is None or not enrolment.user.is_active:
        throttle.bump("enrolment_link", address, window=rules.FAILURES_WITHIN, now=now)
        raise actions.unknown_link()
    actions.check_link(enrolment, now=now)
    if enrolment.user.is_demo and not sessions.on_loopback(request):
        raise Refused("forbidden_demo", _("这是演示人员，只能在装有演示数据的这台机器上登录。"))
    return enrolment


@login_required
@require_GET
def welcome(request: HttpRequest) -> HttpResponse:
    """After enrolment: start, or add a passkey first."""
    context = {
        "passkeys_work": sessions.passkeys_work(request),
        "start": resolve_url(settings.LOGIN_REDIRECT_URL),
    }
    return render(request, "accounts/welcome.html", context)


class SignIn(LoginView):
    """Name and password, or a passkey where the address allows one."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "passkeys_work": sessions.passkeys_work(self.request)}


# --- who is it, again


@never_cache
@login_required
@sensitive_post_parameters(*_SECRETS)
@require_http_methods(["GET", "POST"])
def reauth(request: HttpRequest) -> HttpResponse:
    """Ask for the phone's PIN, else the password, before personal fields; a passkey serves as well."""
    after = sessions.safe_next(request, request.POST.get("next", request.GET.get("next", ""))) or reverse(
        "accounts:me"
    )
    user = _user(request)
    device_id = request.session.get(sessions.DEVICE)
    form: Form | None = None
    if device_id:
        form = forms.ProvePinForm(request.POST or None)
    elif user.has_usable_password():
        form = forms.ProvePasswordForm(request.POST or None)
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            if device_id:
                actions.check_pin(device_id=UUID(device_id), pin=form.cleaned_data["pin"], now=clock.now())
            else:
                _check_password(user, form.cleaned_data["password"])
        except Refused as refused:
            if refused.code == "device_revoked":
                get_adapter().logout(request)
            _say(form, refused)
        else:
            sessions.mark_fresh(request, now=clock.now())
            return HttpResponseRedirect(after)
    passkey = sessions.passkeys_work(request) and queries.has_passkey(user)
    return render(request, "accounts/reauth.html", {"form": form, "next": after, "passkey": passkey})


def _check_password(user: User, password: str) -> None:
    """Raises Refused for a wrong password; tries are counted with those of signing in."""
    try:
        right = get_adapter().reauthenticate(user, password)
    except ValidationError as locked:
        raise Refused("throttled_password", locked.message, field="password") from locked
    if not right:
        raise Refused("password_wrong", _("密码不对，请再输一次。"), field="password")


class ReauthenticateByPasskey(ReauthenticateWebAuthnView):
    """A passkey instead of the PIN or the password."""

    def form_valid(self, form: Form) -> HttpResponse:
        sessions.mark_fresh(self.request, now=clock.now())
        response: HttpResponse = super().form_valid(form)
        return response

    def form_invalid(self, form: Form) -> HttpResponse:
        """Back to the page that asks, which offers the other ways."""
        messages.error(self.request, _("通行密钥没有通过。请再试一次，或用密码。"))
        return redirect("accounts:reauth")


class AddPasskey(AddWebAuthnView):
    """Add a passkey; whoever has a password needs its recovery codes then, a phone's owner is given a new
    link instead."""

    def get_success_url(self) -> str:
        if self.did_generate_recovery_codes and _user(self.request).has_usable_password():
            return reverse("mfa_view_recovery_codes")
        return reverse("accounts:me")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        works = sessions.passkeys_work(self.request)
        return {**super().get_context_data(**kwargs), "passkeys_work": works}


# --- me


@never_cache
@login_required
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """My name, posts, phones, passkeys, and what I can change."""
    user = _user(request)
    context = {
        "person": user,
        "devices": queries.devices_of(user.pk),
        "this_device": request.session.get(sessions.DEVICE, ""),
        "passkeys": queries.passkeys_of(user.pk),
        "passkeys_work": sessions.passkeys_work(request),
    }
    return render(request, "accounts/me.html", context)


@require_POST
@fresh_required()
def revoke_device(request: HttpRequest, device_id: UUID) -> HttpResponse:
    """Take one of my phones off my account."""
    actions.revoke_device(user=_user(request), device_id=device_id, now=clock.now())
    messages.success(request, _("已解除绑定，那部手机会退出登录。"))
    return redirect("accounts:me")


@never_cache
@sensitive_post_parameters(*_SECRETS)
@fresh_required()
@require_http_methods(["GET", "POST"])
def change_pin(request: HttpRequest) -> HttpResponse:
    """A new PIN for this phone."""
    device_id = request.session.get(sessions.DEVICE)
    if not device_id:
        raise Refused("not_found_phone", _("这里不是绑定的手机。请在您自己的手机上改数字密码。"))
    form = forms.PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_pin(device_id=UUID(device_id), user=_user(request), pin=form.cleaned_data["pin"])
        except Refused as refused:
            _say(form, refused)
        else:
            messages.success(request, _("数字密码已改。"))
            return redirect("accounts:me")
    return render(request, "accounts/change_pin.html", {"form": form})


@never_cache
@sensitive_post_parameters(*_SECRETS)
@fresh_required()
@require_http_methods(["GET", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """A name and password for shared computers; other desks are signed out."""
    user = _user(request)
    form = forms.CredentialsForm(request.POST or None, username=user.username)
    if request.method == "POST" and form.is_valid():
        try:
            changed = actions.set_password(
                user=user, username=form.cleaned_data["username"], password=form.cleaned_data["password"]
            )
        except Refused as refused:
            _say(form, refused)
        else:
            update_session_auth_hash(request, changed)
            messages.success(request, _("密码已改。别的电脑上的登录已失效。"))
            return redirect("accounts:me")
    return render(request, "accounts/set_password.html", {"form": form})


def _user(request: HttpRequest) -> User:
    """The signed-in person; the pages above are closed to everybody else."""
    assert isinstance(request.user, User)  # tells the type checker what login_required made sure of
    return request.user
