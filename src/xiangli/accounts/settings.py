"""What django-allauth is told; imported by config.settings.

Staff sign in by user name and password, by a passkey, or by a phone enrolled with a one-time link. There is
no sign-up and no e-mail: who has forgotten a password is handed a new link by those who appointed them.
"""

from xiangli.accounts import rules

_within = f"{rules.FAILURES_WITHIN.total_seconds():.0f}s"

ACCOUNT_ADAPTER = "xiangli.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = [
    "username*",
    "password1*",
]  # sign-up is closed; the library derives the sign-in form from it
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_USER_DISPLAY = "xiangli.accounts.adapter.display_name"
ACCOUNT_PRESERVE_USERNAME_CASING = False  # "WangFang" and "wangfang" are one person
ACCOUNT_SESSION_REMEMBER = (
    False  # a desk is shared: the cookie ends with the browser, the session after 30 idle minutes
)
ACCOUNT_LOGOUT_REDIRECT_URL = "/login/"
ACCOUNT_FORMS = {"login": "xiangli.accounts.forms.SignInForm"}
# Counted in the database, so that every worker process sees the same count. The rest of the library's
# limits belong to flows that are off.
ACCOUNT_RATE_LIMITS = {
    "login_failed": f"{rules.DESK_ADDRESS_FAILURES}/{_within}/ip,{rules.FAILURES}/{_within}/key",
}

MFA_ADAPTER = "xiangli.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "巷里 Xiangli"
MFA_TOTP_TOLERANCE = 1  # one step of 30 s: a code that changes while it is typed still counts (RFC 6238, 5.2)
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody has one
MFA_FORMS = {
    "authenticate": "xiangli.accounts.forms.CodeForm",
    "activate_totp": "xiangli.accounts.forms.ActivateAppForm",
    "add_webauthn": "xiangli.accounts.forms.AddPasskeyForm",
    "edit_webauthn": "xiangli.accounts.forms.RenamePasskeyForm",
}

SESSION_COOKIE_AGE = 14 * 24 * 3600  # seconds; an enrolled phone is signed in again from its own cookie
