"""A small county, its people, its clock, and eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.journeys.looking import Looker
from tests.journeys.people import PASSWORD, PIN, press, set_up_codes
from tests.support.browser import DESK, PHONE
from xiangli.accounts import actions
from xiangli.accounts.models import User
from xiangli.cases.tests.factories import Place, make_place

START = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # a Monday, 14:00 in Shanghai


class Clock:
    """The time in the county. The server runs in another thread, so it is set for all of them."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def forward(self, **units: float) -> None:
        self.at += timedelta(**units)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr("xiangli.kernel.clock.now", ours.now)
    return ours


class Lots:
    """What is drawn when a resolved case may be taken for a check. The server runs in another thread, so it is set
    for all of them."""

    def __init__(self) -> None:
        self.number = 99  # nothing is taken

    def drawn(self, below: int) -> int:
        return self.number % below


@pytest.fixture(autouse=True)
def lots(monkeypatch: pytest.MonkeyPatch) -> Lots:
    ours = Lots()
    monkeypatch.setattr("xiangli.kernel.chance.drawn", ours.drawn)
    return ours


@pytest.fixture(autouse=True)
def quick_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real hasher at its least cost."""
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)
    monkeypatch.setattr(Argon2PasswordHasher, "parallelism", 1)


@pytest.fixture
def place(clock: Clock, live_server: LiveServer, settings: Settings) -> Place:
    """The county of the journeys. Links and QR codes lead to the live server."""
    settings.PUBLIC_URL = live_server.url
    return make_place()


@pytest.fixture
def eyes() -> Iterator[Looker]:
    """Looks at pages; what they find wrong is told at the end of the test."""
    ours = Looker()
    yield ours
    assert not ours.findings, "\n".join(ours.findings)


@pytest.fixture
def at_desk(person: Callable[..., BrowserContext], place: Place) -> Callable[[str], Page]:
    """`at_desk("village_clerk")`: somebody signs in with name and password at a computer."""

    def sign_in(who: str) -> Page:
        user = place.people[who]
        User.objects.filter(pk=user.pk).update(username=who)
        user.refresh_from_db()
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        page = person(**DESK).new_page()
        page.goto("/tasks/")
        page.get_by_label("用户名").fill(who)
        page.get_by_label("密码").fill(PASSWORD)
        press(page, "登录")
        if "/2fa/" in page.url:  # this post asks for two steps
            set_up_codes(page)
            page.goto("/tasks/")
        expect(page.get_by_role("heading", level=1)).to_have_text("待办")
        return page

    return sign_in


@pytest.fixture
def on_phone(person: Callable[..., BrowserContext], place: Place, clock: Clock) -> Callable[[str], Page]:
    """`on_phone("lane_head")`: somebody enrols their phone by a one-time link and begins."""

    def enrol(who: str) -> Page:
        _enrolment, token = actions.issue_enrolment(user=place.people[who], issued_by=None, now=clock.now())
        page = person(**PHONE).new_page()
        page.goto(f"/enrol/{token}/")
        page.get_by_label("设一个六位数字密码").fill(PIN)
        page.get_by_label("再输一次").fill(PIN)
        page.get_by_role("button", name="绑定这部手机").click()
        page.get_by_role("button", name="开始使用").click()
        page.wait_for_url("**/tasks/")
        return page

    return enrol
