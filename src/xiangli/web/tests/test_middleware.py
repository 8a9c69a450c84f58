from typing import Any

import pytest
from django.test import Client, override_settings
from django.test.client import FakePayload

pytestmark = [pytest.mark.urls("xiangli.web.tests.urls"), pytest.mark.django_db]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("taken", 409),
        ("not_found", 404),
        ("not_found_plate", 404),
        ("throttled", 429),
        ("forbidden", 403),
        ("invalid_cursor", 400),
    ],
)
def test_a_refusal_becomes_a_page_with_its_reason(client: Client, code: str, status: int) -> None:
    answer = client.get(f"/refuse/{code}/")
    assert answer.status_code == status
    page = answer.content.decode()
    assert "这个翻页地址不对，请从第一页重新看。" in page
    assert "12345" in page
    assert "<main" in page


def test_a_refusal_is_told_in_the_readers_language(client: Client) -> None:
    page = client.get("/refuse/taken/", headers={"accept-language": "en"}).content.decode()
    assert "start again from the first page" in page


def test_htmx_gets_the_words_without_the_page_around_them(client: Client) -> None:
    answer = client.get("/refuse/taken/", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert page.lstrip().startswith('<div class="flash error" role="alert">')
    assert "这个翻页地址不对" in page
    assert "<html" not in page


def test_a_throttled_caller_is_told_when_to_come_back(client: Client) -> None:
    assert client.get("/refuse/throttled/")["Retry-After"] == "90"
    assert "Retry-After" not in client.get("/refuse/taken/")


@override_settings(DEBUG=False)
def test_other_exceptions_are_not_taken_for_refusals() -> None:
    answer = Client(raise_request_exception=False).get("/fall/")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "系统出了差错" in page
    assert "Something went wrong" in page
    assert "ZeroDivisionError" not in page


@override_settings(MAX_REQUEST_BYTES=1000)
def test_a_body_over_the_limit_is_refused_before_it_is_read(client: Client) -> None:
    class Unread(FakePayload):
        def read(self, *args: object, **kwargs: object) -> bytes:
            raise AssertionError("the body was read")

    environ: dict[str, Any] = {"CONTENT_LENGTH": "1001", "wsgi.input": Unread(b"x" * 1001)}
    answer = client.generic("POST", "/language/setlang/", b"", **environ)
    assert answer.status_code == 413
    assert "一次发送的照片太大了" in answer.content.decode()
    assert "12345" in answer.content.decode()
    assert client.post("/language/setlang/", {"language": "en", "next": "/"}).status_code == 302
