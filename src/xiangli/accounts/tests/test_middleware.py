"""How long a sign-in lasts, and what that costs in statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from xiangli.accounts import sessions
from xiangli.accounts.models import Device, User
from xiangli.accounts.tests.conftest import Clock
from xiangli.accounts.tests.factories import PASSWORD, PIN, enrolled_phone, make_link, make_user


def who(request: HttpRequest) -> HttpResponse:
    """Names the signed-in person and asks the database nothing else."""
    return HttpResponse(getattr(request.user, "display_name", "nobody"))


urlpatterns = [path("who/", who)]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def bare() -> Iterator[None]:
    """Only the address above, so that what is counted is the middleware's."""
    with override_settings(ROOT_URLCONF=__name__):
        yield


@contextmanager
def statements() -> Iterator[list[str]]:
    found: list[str] = []
    with CaptureQueriesContext(connection) as context:
        yield found
    found += [query["sql"] for query in context.captured_queries if "SAVEPOINT" not in query["sql"].upper()]


def name_at(client: Client) -> str:
    return client.get("/who/").content.decode()


def desk() -> Client:
    make_user(username="wangfang", password=PASSWORD)
    client = Client()
    assert client.post("/login/", {"login": "wangfang", "password": PASSWORD}).status_code == 302
    return client


def test_a_visitor_without_cookies_costs_no_statement() -> None:
    with statements() as found:
        assert Client().get("/healthz").status_code == 200
    assert found == []


# --- desks


def test_a_desk_times_out_after_thirty_idle_minutes(clock: Clock) -> None:
    client = desk()
    for _ in range(4):
        clock.forward(minutes=29)
        assert client.get("/me/").status_code == 200
    clock.forward(minutes=31)
    answer = client.get("/me/")
    assert answer["Location"] == "/login/?next=/me/"
    assert "30 分钟没有操作" in client.get("/login/").content.decode()
    assert not Session.objects.filter(session_key=client.session.session_key).exists()


def test_a_desk_writes_its_stamp_once_a_minute(clock: Clock, request: pytest.FixtureRequest) -> None:
    client = desk()
    request.getfixturevalue("bare")
    clock.forward(seconds=30)
    with statements() as found:
        assert name_at(client) == "王芳"
    assert len(found) == 2, found  # the session and its user
    clock.forward(seconds=31)
    with statements() as found:
        name_at(client)
    assert [statement.split()[0] for statement in found] == ["SELECT", "SELECT", "UPDATE"]


# --- enrolled phones


def test_a_phone_stays_signed_in(clock: Clock, request: pytest.FixtureRequest) -> None:
    phone = enrolled_phone(make_user())
    request.getfixturevalue("bare")
    clock.forward(days=300)
    assert name_at(phone) == "王芳"


def test_a_phone_costs_no_statement_more_than_a_desk(request: pytest.FixtureRequest) -> None:
    phone = enrolled_phone(make_user())
    request.getfixturevalue("bare")
    with statements() as found:
        assert name_at(phone) == "王芳"
    assert len(found) == 2, found  # the session, and the phone with its user
    assert all(statement.startswith("SELECT") for statement in found)


def test_a_phone_is_signed_in_again_when_its_session_ended(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    before = phone.session.session_key
    Session.objects.all().delete()
    assert phone.get("/me/").status_code == 200
    assert phone.session.session_key != before
    assert phone.session[sessions.DEVICE] == str(Device.objects.get().pk)
    assert phone.get("/me/pin/")["Location"].startswith("/reauth/")  # the cookie alone proves nobody


def test_a_form_typed_before_the_session_ended_is_not_lost() -> None:
    phone = enrolled_phone(make_user())
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = phone.cookies
    strict.get("/me/")
    Session.objects.all().delete()
    answer = strict.post("/logout/", {"csrfmiddlewaretoken": strict.cookies["csrftoken"].value})
    assert answer.status_code == 302


def test_a_phone_notes_the_day_it_was_used_once_a_day(clock: Clock, request: pytest.FixtureRequest) -> None:
    phone = enrolled_phone(make_user())
    request.getfixturevalue("bare")
    clock.forward(hours=14, minutes=59)  # 23:59 in Shanghai
    assert sessions.DEVICE_COOKIE not in phone.get("/who/").cookies
    clock.forward(minutes=2)
    with statements() as found:
        answer = phone.get("/who/")
    assert [statement.split()[0] for statement in found] == ["SELECT", "SELECT", "UPDATE"]
    assert answer.cookies[sessions.DEVICE_COOKIE]["max-age"] == 400 * 86400
    assert Device.objects.get().seen_on.isoformat() == "2026-11-03"
    with statements() as found:
        phone.get("/who/")
    assert len(found) == 2


def test_a_revoked_phone_is_signed_out(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    Device.objects.update(revoked_at=clock.now())
    answer = phone.get("/me/")
    assert answer["Location"].startswith("/login/")
    assert answer.cookies[sessions.DEVICE_COOKIE].value == ""
    assert "解除绑定" in phone.get("/login/").content.decode()


def test_the_phone_of_somebody_who_left_is_signed_out() -> None:
    phone = enrolled_phone(make_user())
    User.objects.update(is_active=False)
    assert phone.get("/me/")["Location"].startswith("/login/")


def test_a_session_taken_from_a_phone_opens_nothing_without_its_cookie() -> None:
    phone = enrolled_phone(make_user())
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = phone.cookies[settings.SESSION_COOKIE_NAME].value
    assert thief.get("/me/")["Location"].startswith("/login/")


def test_a_forged_phone_cookie_is_taken_away() -> None:
    client = Client()
    client.cookies[sessions.DEVICE_COOKIE] = "x" * 43
    with statements() as found:
        answer = client.get("/healthz")
    assert answer.cookies[sessions.DEVICE_COOKIE].value == ""
    assert len(found) == 1


def test_somebody_elses_desk_session_on_my_phone_times_out(clock: Clock) -> None:
    phone = enrolled_phone(make_user("李强"))
    make_user("王芳", username="wangfang", password=PASSWORD)
    phone.cookies[settings.SESSION_COOKIE_NAME] = ""
    own = phone.cookies.pop(sessions.DEVICE_COOKIE)
    phone.post("/login/", {"login": "wangfang", "password": PASSWORD})
    phone.cookies[sessions.DEVICE_COOKIE] = own.value
    assert "王芳" in phone.get("/me/").content.decode()
    clock.forward(minutes=31)
    assert phone.get("/me/").status_code == 302
    assert "李强" in phone.get("/me/").content.decode()  # it is his phone


def test_a_demo_persons_phone_works_on_loopback_only() -> None:
    user = make_user()
    User.objects.update(is_demo=True)
    user.refresh_from_db()
    phone = Client(headers={"host": "127.0.0.1:8000"})
    assert phone.post(make_link(user), {"pin": PIN, "pin_again": PIN}).status_code == 302
    assert phone.get("/me/").status_code == 200
    assert phone.get("/me/", headers={"host": "testserver"}).status_code == 302
