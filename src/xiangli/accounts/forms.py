"""Forms of accounts: they validate shape; what may be chosen, the actions say."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.utils.translation import gettext_lazy as _

_DIGITS = {"inputmode": "numeric", "pattern": "[0-9]*", "maxlength": "6", "size": "6", "class": "code"}


def _pin_field(label: Any, *, new: bool, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=20,
        widget=forms.PasswordInput(
            attrs={**_DIGITS, "autocomplete": "new-password" if new else "current-password"}
        ),
    )


def _password_field(label: Any, *, new: bool, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password" if new else "current-password"}),
    )


class _Twice(forms.Form):
    """A secret that is typed twice, so that nobody locks themselves out by a slip."""

    once: str
    again: str

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get(self.once) and cleaned.get(self.again) and cleaned[self.once] != cleaned[self.again]:
            self.add_error(self.again, _("两次输入的不一样，请再输一次。"))
        return cleaned


class PinForm(_Twice):
    """A new PIN."""

    once, again = "pin", "pin_again"
    pin = _pin_field(
        _("设一个六位数字密码"),
        new=True,
        help_text=_("查看联系方式等个人信息时要用。不要用生日，不要连续或重复的数字。"),
    )
    pin_again = _pin_field(_("再输一次"), new=True)


class CredentialsForm(_Twice):
    """A name and a password for shared computers; the name is asked for once."""

    once, again = "password", "password_again"
    username = forms.CharField(
        label=_("用户名"),
        max_length=60,
        help_text=_("登录时用，可用汉字、字母和数字。"),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = _password_field(_("密码"), new=True, help_text=_("至少 10 个字，不要用常见的密码。"))
    password_again = _password_field(_("再输一次密码"), new=True)

    def __init__(self, *args: Any, username: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if username:
            self.fields["username"].initial = username
            self.fields["username"].disabled = True
            self.fields["username"].help_text = ""


class ProvePinForm(forms.Form):
    pin = _pin_field(_("六位数字密码"), new=False)


class ProvePasswordForm(forms.Form):
    password = _password_field(_("密码"), new=False)


class SignInForm(LoginForm):
    """Name and password, in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("用户名")
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"] = _password_field(_("密码"), new=False)


def _code_field(form: forms.Form, label: Any) -> None:
    form.fields["code"].label = label
    form.fields["code"].widget.attrs = {**_DIGITS, "maxlength": "12", "autocomplete": "one-time-code"}


class CodeForm(AuthenticateForm):
    """The six digits of the authenticator app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self, _("验证码，或一个恢复码"))


class ActivateAppForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self, _("应用上显示的六位验证码"))


class AddPasskeyForm(AddWebAuthnForm):
    """A passkey is always one that signs in by itself: a finger or a face instead of a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("名称")
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].widget = forms.CheckboxInput(attrs={"hidden": True})


class RenamePasskeyForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("名称")
