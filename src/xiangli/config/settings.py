"""Settings of one cell. Everything that differs between cells comes from the environment or from `$XIANGLI_HOME`."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from xiangli.config.secrets import load_secrets

PACKAGE = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("XIANGLI_HOME", "var")).resolve()

_secrets = load_secrets(HOME)
SECRET_KEY = _secrets.django_key
MASTER_KEY: bytes = _secrets.master_key
LEDGER_KEY: bytes = _secrets.ledger_key
LEDGER_HEADS = HOME / "ledger-heads"  # signed heads, outside the database

DEBUG = False
PUBLIC_URL = os.environ.get("XIANGLI_PUBLIC_URL", "http://127.0.0.1:8000")  # what QR codes lead to
_public = urlsplit(PUBLIC_URL)
PLATE_PAGE = "cases:plate"  # the page a plate's QR code leads to; takes the plate code
ALLOWED_HOSTS = [
    _public.hostname or "127.0.0.1",
    "127.0.0.1",
    "localhost",
    "[::1]",
    *filter(None, os.environ.get("XIANGLI_HOSTS", "").split(",")),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
HTTPS = _public.scheme == "https"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "xiangli.accounts",  # before the library whose templates it words anew
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "xiangli.kernel",
    "xiangli.web",
    "xiangli.territory",
    "xiangli.notices",
    "xiangli.matters",
    "xiangli.cases",
    "xiangli.insight",
    "xiangli.config",
]

MIDDLEWARE = [
    "xiangli.config.middleware.MeasureMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "xiangli.web.middleware.BodyLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "xiangli.accounts.middleware.StaffSessionMiddleware",
    "xiangli.config.middleware.ActorMiddleware",
    "xiangli.web.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "xiangli.config.urls"
WSGI_APPLICATION = "xiangli.config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "xiangli.config.context.shell",
            ],
            "builtins": ["django.templatetags.i18n", "xiangli.web.templatetags.xiangli"],
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """Django's form of a `postgresql://` URL. A cell is one schema, named by search_path; `role` in the query is taken on connecting."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    settings = [f"-c search_path={query.pop('search_path', 'xiangli,public')}"]
    if role := query.pop("role", ""):
        settings.append(f"-c role={role}")
    return {
        "ENGINE": "xiangli.kernel.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", unquote(parts.hostname or "")),
        "PORT": str(parts.port or query.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # Statements are parsed and planned once a connection, which halves what the database spends on a report.
        "OPTIONS": {
            "server_side_binding": True,
            "prepare_threshold": 5,
            **query,
            "options": " ".join(settings),
        },
    }


DATABASES = {"default": _database(os.environ.get("DATABASE_URL", "postgresql:///xiangli"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # of libraries' tables only; ours name their UUID keys

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "web_cache"}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "display_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/begin/"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "web" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
MEDIA_ROOT = HOME / "files"
STORAGES: dict[str, dict[str, Any]] = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # No URL is ever given out: pictures are served by a page behind the fence.
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # A file's name follows from its content: writing it again heals a torn write and never makes a second name.
        "OPTIONS": {
            "location": str(MEDIA_ROOT),
            "allow_overwrite": True,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}
if bucket := os.environ.get("XIANGLI_S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": os.environ.get("XIANGLI_S3_ENDPOINT"),
            "default_acl": "private",
            "querystring_auth": True,
            "file_overwrite": True,
        },
    }

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # of the fields; files are limited by the kernel as they are read
DATA_UPLOAD_MAX_NUMBER_FILES = (
    60  # nine are taken, and who chose more is told so; beyond this it is no form of ours
)
MAX_REQUEST_BYTES = 200 * 1024 * 1024  # of one request as it arrives: nine photos of 20 MB, and the words
FILE_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024

WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+/dist/assets/.+$"  # the build puts a hash in these names

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # a query code in an address never travels to another site
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000

# Where the caller's address is read: behind a proxy, the header it sets; else the socket.
CLIENT_ADDRESS_HEADER = os.environ.get("XIANGLI_CLIENT_ADDRESS_HEADER", "REMOTE_ADDR")

# Who may read /metrics: whoever brings this; without it, this machine itself.
METRICS_TOKEN = os.environ.get("XIANGLI_METRICS_TOKEN", "")

_json = os.environ.get("XIANGLI_LOG") == "json"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "xiangli.config.logs.Lines"}
        if _json
        else {
            "()": "xiangli.config.logs.Plain",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "discreet": {"()": "xiangli.config.logs.Lines", "discreet": True}
        if _json
        else {"()": "xiangli.config.logs.Discreet"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "requests": {"class": "logging.StreamHandler", "formatter": "discreet"},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # a request's address holds query codes and enrolment tokens: failures are told without it
    "loggers": {
        "django.request": {"handlers": ["requests"], "level": "ERROR", "propagate": False},
        "django.security": {"handlers": ["requests"], "level": "WARNING", "propagate": False},
        "django.server": {"level": "CRITICAL"},
        # one line a request: page, status, milliseconds
        "xiangli.requests": {"level": "INFO" if os.environ.get("XIANGLI_LOG_REQUESTS") else "WARNING"},
        "httpx": {
            "level": "WARNING"
        },  # below, it tells addresses, in which some providers want their secrets
        "fido2": {"level": "WARNING"},  # below, it names the passkey that somebody used
    },
}

from xiangli.accounts.settings import *  # noqa: E402, F403  # what the sign-in library is told stands with the module that uses it
