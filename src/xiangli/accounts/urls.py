"""Addresses of accounts: our own, and those of django-allauth that are open here.

The library's pages are named one by one: sign-up, e-mail and password reset have no address at all, and what
changes a way to sign in stands behind `fresh_required`.
"""

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkey
from django.urls import URLPattern, URLResolver, include, path

from xiangli.accounts import pages
from xiangli.accounts.sessions import fresh_required

_fresh = fresh_required()

_own: list[URLPattern] = [
    path("enrol/<str:token>/", pages.enrol, name="enrol"),
    path("enrol/<str:token>/desk/", pages.enrol_desk, name="enrol_desk"),
    path("welcome/", pages.welcome, name="welcome"),
    path("reauth/", pages.reauth, name="reauth"),
    path("me/", pages.me, name="me"),
    path("me/pin/", pages.change_pin, name="change_pin"),
    path("me/password/", pages.set_password, name="set_password"),
    path("me/devices/<uuid:device_id>/revoke/", pages.revoke_device, name="revoke_device"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((_own, "accounts"))),
    path("login/", pages.SignIn.as_view(), name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("2fa/", factor.index, name="mfa_index"),
    path("2fa/authenticate/", factor.authenticate, name="mfa_authenticate"),
    path("2fa/passkeys/login/", passkey.login_webauthn, name="mfa_login_webauthn"),
    path("2fa/passkeys/reauth/", pages.ReauthenticateByPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("2fa/passkeys/", _fresh(passkey.list_webauthn), name="mfa_list_webauthn"),
    path("2fa/passkeys/add/", _fresh(pages.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path("2fa/passkeys/<int:pk>/edit/", _fresh(passkey.edit_webauthn), name="mfa_edit_webauthn"),
    path("2fa/passkeys/<int:pk>/remove/", _fresh(passkey.remove_webauthn), name="mfa_remove_webauthn"),
    path("2fa/app/", _fresh(app.activate_totp), name="mfa_activate_totp"),
    path("2fa/app/remove/", _fresh(app.deactivate_totp), name="mfa_deactivate_totp"),
    path("2fa/codes/", _fresh(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("2fa/codes/new/", _fresh(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("2fa/codes/download/", _fresh(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
]
