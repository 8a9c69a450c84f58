"""What the log says of a request that failed: nothing that opens a matter or an enrolment."""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import datetime

import pytest
from django.test import Client, RequestFactory
from django.urls import resolve

from xiangli.config.logs import Lines, Plain

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


# -- lines for machines


def record(error: BaseException | None = None, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("xiangli.x", logging.ERROR, __file__, 1, "job of kind %s", ("plates",), None)
    if error is not None:
        try:
            raise error
        except BaseException:
            made.exc_info = sys.exc_info()
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_line_is_json_and_names_the_error_and_its_places_without_its_words() -> None:
    said = json.loads(Lines().format(record(ValueError(f"the value {CODE} is refused"))))
    assert (said["level"], said["logger"], said["message"]) == ("error", "xiangli.x", "job of kind plates")
    assert said["error"] == "ValueError"
    assert said["places"][-1].endswith(" record")
    assert datetime.fromisoformat(said["at"]).tzinfo is not None
    assert CODE not in json.dumps(said)


def test_what_django_says_of_a_request_is_its_page_and_status_alone() -> None:
    request = RequestFactory().get(f"/t/{CODE}/")
    request.resolver_match = resolve(f"/t/{CODE}/")
    for form in (Lines(), Lines(discreet=True)):
        said = json.loads(form.format(record(request=request, status_code=500)))
        assert (said["page"], said["status"]) == ("cases:track", 500)
        assert "message" not in said
        assert CODE not in json.dumps(said)
    said = json.loads(Lines(discreet=True).format(record()))
    assert said["page"] == "?"
    assert "message" not in said


def test_the_plain_form_does_not_repeat_an_errors_words_either() -> None:
    said = Plain("%(levelname)s %(message)s").format(record(ValueError(CODE)))
    assert said.startswith("ERROR job of kind plates\nValueError\n    ")
    assert CODE not in said


def test_requests_are_logged_by_their_page_when_asked_for(
    db: None, written: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    Client().get(f"/t/{CODE}/")
    assert "cases:track" not in written.getvalue()
    caplog.set_level(logging.INFO, logger="xiangli.requests")
    Client().get(f"/t/{CODE}/")
    assert "cases:track GET 409" in written.getvalue()
    assert CODE not in written.getvalue()
