"""What people do on pages again and again."""

from __future__ import annotations

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
        page.get_by_label("电话").fill(phone)
    page.get_by_role("button", name="上报", exact=True).click()
    return code_on(page)


def pick(page: Page, category: str) -> None:
    page.get_by_role("radio", name=category).check()


def code_on(page: Page) -> str:
    """The query code on the receipt that the page shows."""
    page.wait_for_url("**/receipt/")
    return "".join(char for char in page.locator(".code").inner_text() if char.isdigit())


def act(page: Page, name: str) -> Locator:
    """The form of an act on the page of a case, opened."""
    form = page.locator("details", has=page.locator("summary", has_text=name)).first
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def do(page: Page, name: str, note: str = "", *, after: bytes | None = None) -> None:
    """Carry out an act of a case by its button."""
    form = act(page, name)
    if after:
        form.get_by_label("处理后照片").set_input_files([scenes.upload("处理后.jpg", after)])
    if note:
        form.locator("textarea").fill(note)
    form.get_by_role("button", name=name, exact=True).click()
    page.locator(".flash").first.wait_for()
