"""People, links and phones for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client

from xiangli.accounts import actions
from xiangli.accounts.models import User

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
PIN = "482913"
PASSWORD = "lane-lamp-river-7"


def make_user(name: str = "王芳", username: str | None = None, password: str | None = None) -> User:
    return User.objects.create_user(display_name=name, username=username, password=password)


def make_link(user: User, *, now: datetime = START) -> str:
    """The address of a fresh enrolment link."""
    return f"/enrol/{actions.issue_enrolment(user=user, issued_by=None, now=now)[1]}/"


def enrolled_phone(user: User, *, now: datetime = START) -> Client:
    """A browser that enrolled by a link, signed in."""
    phone = Client(
        headers={"user-agent": "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36"}
    )
    answer = phone.post(make_link(user, now=now), {"pin": PIN, "pin_again": PIN})
    assert answer.status_code == 302, answer.content.decode()
    return phone
