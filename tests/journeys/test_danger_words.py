"""Danger words while a resident types: what to ring comes to the top of the form, and sending still works."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import code_on, pick, press
from tests.support.browser import PHONE
from xiangli.cases.tests.factories import Place
from xiangli.matters.models import Matter

pytestmark = pytest.mark.journey

BOX = ".urgent"


def _numbers(page: Page) -> list[str]:
    return [str(link.get_attribute("href")) for link in page.locator(f"{BOX} a").all()]


def test_danger_words_bring_the_number_that_fits_to_the_top_and_stop_nothing(
    place: Place, clock: Clock, eyes: Looker, phone: Page
) -> None:
    phone.goto(f"/p/{place.lane2.plate_code}/report/", wait_until="networkidle")
    asked: list[Request] = []
    phone.on("request", lambda request: asked.append(request))
    words = phone.get_by_label("什么事", exact=True)
    words.press_sequentially("路灯不亮，还有股煤气味", delay=5)

    # Gas: the fire brigade first. The focus stays in the words, and the box in sight.
    box = phone.get_by_role("alert").filter(has_text="请马上打电话")
    expect(box).to_be_visible()
    expect(box).to_be_in_viewport()
    expect(words).to_be_focused()
    assert _numbers(phone) == ["tel:119", "tel:120", "tel:110"]
    eyes.look(phone, "report-danger", whole=False)

    # Other words, another number; calm words, none
    words.fill("有人拿刀砍人")
    expect(phone.locator(f"{BOX} a").first).to_have_attribute("href", "tel:110")
    words.fill("路灯不亮，火锅店油烟大")
    expect(phone.locator(BOX)).to_be_hidden()

    # Only the list was fetched, once; no word left the phone
    assert [(request.method, urlsplit(request.url).path) for request in asked] == [
        ("GET", "/danger-words.json")
    ]
    assert all(request.post_data is None and not urlsplit(request.url).query for request in asked)

    # And it can be sent as ever; the receipt says what to ring, too
    words.fill("二巷口着火了")
    expect(phone.locator(f"{BOX} a").first).to_have_attribute("href", "tel:119")
    pick(phone, "环境卫生")
    press(phone, "上报")
    code_on(phone)
    expect(phone.locator(BOX)).to_be_visible()
    assert _numbers(phone)[0] == "tel:119"
    eyes.look(phone)
    assert Matter.objects.count() == 1


def test_without_a_script_the_form_that_comes_back_and_the_receipt_say_it(
    place: Place, clock: Clock, eyes: Looker, person: Callable[..., BrowserContext]
) -> None:
    page = person(**PHONE, java_script_enabled=False).new_page()
    page.goto(f"/p/{place.lane2.plate_code}/report/")
    expect(page.locator(BOX)).to_be_hidden()
    page.get_by_label("什么事", exact=True).fill("有人落水")
    pick(page, "环境卫生")
    page.get_by_role("textbox", name="电话").fill("不知道")  # no number: the form comes back
    press(page, "上报")
    expect(page.locator(BOX)).to_be_visible()
    assert _numbers(page)[0] == "tel:119"
    page.get_by_role("textbox", name="电话").fill("")
    press(page, "上报")
    code_on(page)
    expect(page.locator(BOX)).to_be_visible()


def test_a_list_that_does_not_come_stops_nothing(place: Place, clock: Clock, phone: Page) -> None:
    phone.route("**/danger-words.json", lambda route: route.abort())
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    phone.get_by_label("什么事", exact=True).press_sequentially("着火了", delay=5)
    phone.wait_for_timeout(800)
    expect(phone.locator(BOX)).to_be_hidden()
    pick(phone, "环境卫生")
    press(phone, "上报")
    code_on(phone)
    expect(phone.locator(BOX)).to_be_visible()
