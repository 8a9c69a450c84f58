"""What every answer tells the browser: run nothing and show nothing that is not ours, tell nobody where it comes from.
(That no page has script or style of its own stands in test_rooms.)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from tests.architecture.sources import sources

STRICT = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(header: str) -> dict[str, str]:
    return {name: rest for name, _space, rest in (part.strip().partition(" ") for part in header.split(";"))}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"),
    [
        *[("/", 200), ("/login/", 200), ("/healthz", 200), ("/desk/", 302), ("/no-such-page/", 404)],
        *[("/look/", 405), ("/metrics", 404), ("/t/1234567890123456/", 409)],
    ],
)
def test_every_answer_carries_the_same_strict_policy(address: str, status: int) -> None:
    answer = Client().get(address)
    assert answer.status_code == status
    assert policy(answer["Content-Security-Policy"]) == STRICT
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_no_page_loosens_the_policy() -> None:
    loose = re.compile(
        r"csp\.decorators|_csp_(?:exempt|replace|update|config)|unsafe-(?:inline|eval)|xframe_options_"
    )
    assert [str(source.path) for source in sources() if loose.search(source.path.read_text("utf-8"))] == []


def test_over_https_cookies_and_transport_are_secure(tmp_path: Path) -> None:
    asked = (
        "import json; from django.conf import settings as s;"
        " print(json.dumps([s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS,"
        " s.SECURE_PROXY_SSL_HEADER, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.DEBUG]))"
    )
    environment = {
        **os.environ,
        "XIANGLI_HOME": str(tmp_path),
        "XIANGLI_PUBLIC_URL": "https://xiangli.example",
        "DJANGO_SETTINGS_MODULE": "xiangli.config.settings",
    }
    told = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, check=True, text=True
    )
    assert json.loads(told.stdout) == [
        *[True, True, 31536000, ["HTTP_X_FORWARDED_PROTO", "https"], True, "Lax", False],
    ]
