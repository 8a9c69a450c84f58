"""What the log says of a request that failed: nothing that opens a matter or an enrolment."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

CODE = "1234567890123456"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """All that the configured handlers write."""
    out = io.StringIO()
    for name in ("", "django", "django.request", "django.security"):
        for handler in logging.getLogger(name).handlers:
            if type(handler) is logging.StreamHandler:
                monkeypatch.setattr(handler, "stream", out)
    return out


@pytest.mark.parametrize("address", [f"/t/{CODE}/confirm_case/", f"/enrol/{CODE}/"])
def test_a_form_without_its_token_is_logged_without_its_address(
    db: None, written: io.StringIO, address: str
) -> None:
    assert Client(enforce_csrf_checks=True).post(address).status_code == 403
    assert "django.security.csrf" in written.getvalue()
    assert CODE not in written.getvalue()


def test_a_request_that_no_form_sends_is_logged_without_its_words(db: None, written: io.StringIO) -> None:
    fields = {f"field{number}": CODE for number in range(1001)}
    assert Client(raise_request_exception=False).post("/t/", fields).status_code == 400
    assert "TooManyFieldsSent" in written.getvalue()
    assert CODE not in written.getvalue()


def test_a_foreign_host_is_not_repeated(db: None, written: io.StringIO) -> None:
    Client().get("/", headers={"host": f"{CODE}.example"})
    assert "DisallowedHost" in written.getvalue()
    assert CODE not in written.getvalue()
