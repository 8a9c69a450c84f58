"""What people do on pages again and again."""

from __future__ import annotations

from collections.abc import Mapping

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Locator, Page

from tests.journeys import scenes
from xiangli.territory.models import Unit

PIN = "482913"
PASSWORD = "lane-lamp-river-7"


def report(
    page: Page,
    plate: Unit,
    words: str = "二巷口有一堆垃圾，好几天了",
    category: str = "环境卫生",
    *,
    photo: bytes | None = None,
    phone: str = "",
) -> str:
    """Report from a plate, and read the query code off the receipt: 16 digits."""
    page.goto(f"/p/{plate.plate_code}/")
    page.get_by_role("button", name="我要上报").click()
    if photo:
        page.get_by_label("照片").set_input_files([scenes.upload("巷口.jpg", photo)])
    page.get_by_label("什么事", exact=True).fill(words)
    pick(page, category)
    if phone:
        page.get_by_role("textbox", name="电话").fill(phone)
    page.get_by_role("button", name="上报", exact=True).click()
    return code_on(page)


def pick(page: Page, category: str) -> None:
    page.get_by_role("radio", name=category).check()


def code_on(page: Page) -> str:
    """The query code on the receipt that the page shows."""
    page.wait_for_url("**/receipt/")
    return "".join(char for char in page.locator(".code").inner_text() if char.isdigit())


def act(page: Page, name: str, about: str = "") -> Locator:
    """The form of an act on the page of a case, opened; `about` tells which, of several parts or orders."""
    labelled = f'details:has(> summary > span:text-is("{name}"))'
    plain = f'details:has(> summary:not(:has(> span)):has-text("{name}"))'
    form = page.locator(f"{labelled}, {plain}", has_text=about).first
    folded = page.locator("details.more:not([open])", has=form)
    if folded.count():
        folded.locator("> summary").click()
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def press(page: Page, name: str, *, within: Locator | None = None) -> None:
    """Press a button and wait for the page that answers."""
    asked = within is not None and within.locator("form[data-confirm]").count()
    with page.expect_navigation():
        (within or page).get_by_role("button", name=name, exact=True).click()
        if asked:  # what cannot be undone is asked once more
            page.locator("dialog[open]").get_by_role("button", name=name, exact=True).click()


def follow(link: Locator) -> None:
    """Follow a link and wait for the page it leads to: a click alone may return while the old page still stands."""
    with link.page.expect_navigation():
        link.click()


def do(
    page: Page,
    name: str,
    note: str = "",
    *,
    after: bytes | None = None,
    seat: str = "",
    field: str = "处理后照片",
    seat_label: str = "由谁办",
    typed: Mapping[str, str] | None = None,
) -> None:
    """Carry out an act of a case by its button; `field` is the label of the photos, `typed` what goes into other
    fields by their labels."""
    form = act(page, name)
    if seat:
        form.get_by_label(seat_label).select_option(label=seat)
    for label, words in (typed or {}).items():
        form.get_by_label(label).fill(words)
    if after:
        form.get_by_label(field).set_input_files([scenes.upload("处理后.jpg", after)])
    if note:
        form.locator("textarea").fill(note)
    press(page, name, within=form)


def set_up_codes(page: Page) -> None:
    """Add an authenticator app by the secret that the page shows, as whoever cannot scan does."""
    press(page, "开启验证码应用")
    secret = page.locator("main .code").first.inner_text()
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    page.get_by_label("应用上显示的六位验证码").fill(code)
    press(page, "开启")


def open_case(page: Page, words: str, *, where: str = "/desk/") -> None:
    """Go to a list and open the case whose title begins with `words`."""
    page.goto(where)
    address = page.get_by_role("link", name=words).first.get_attribute("href")
    assert address  # at a wide desk a click opens the summary beside the list
    page.goto(address)
    page.wait_for_url("**/cases/**")
