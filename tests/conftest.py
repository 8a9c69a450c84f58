"""Fixtures of the journeys: a browser, and a person's page on a phone or at a desk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from tests.support import browser as support


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the run."""
    # Playwright's plain API runs a loop in this thread, and Django then takes every statement for one in a
    # coroutine. There is none: a test waits for the browser before it goes on.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with support.chromium() as running:
        yield running


@pytest.fixture
def person(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., BrowserContext]]:
    """Makes people: `person(**PHONE)` or `person(**DESK)`, each with cookies of their own, at the live
    server.
    """
    made: list[BrowserContext] = []

    def make(**device: object) -> BrowserContext:
        made.append(support.context(browser, live_server.url, **device))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def phone(person: Callable[..., BrowserContext]) -> Page:
    """A page on somebody's phone."""
    return person(**support.PHONE).new_page()


@pytest.fixture
def desk(person: Callable[..., BrowserContext]) -> Page:
    """A page on a desk's screen."""
    return person(**support.DESK).new_page()
