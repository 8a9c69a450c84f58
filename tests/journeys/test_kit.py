"""The kit in a browser: no accessibility finding in any look, and what scripts add to pages that work without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support import browser as support
from xiangli.web.tests.gallery_pages import PAGES

pytestmark = [pytest.mark.journey, pytest.mark.urls("xiangli.web.tests.urls"), pytest.mark.django_db]
LOOKS = ["", "light", "dark", "elder"]


def _complaints(page: Page) -> list[str]:
    """What the browser says on its console: a refused style or script stands there."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize("look", LOOKS)
def test_no_finding_and_no_complaint_in_any_look(person: Callable[..., BrowserContext], look: str) -> None:
    context = person(**support.PHONE)
    if look:
        context.add_cookies([{"name": "xl_look", "value": look, "url": str(_base(context))}])
    page = context.new_page()
    said = _complaints(page)
    for name in PAGES:
        page.goto(f"/sample/{name}/")
        assert support.accessibility_findings(page) == [], name
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{name} scrolls sideways by {too_wide} px"
    assert said == []


def _base(context: BrowserContext) -> str:
    page = context.new_page()
    page.goto("/robots.txt")
    address = page.url
    page.close()
    return address


def test_the_dark_of_the_device_is_followed_unless_a_look_was_chosen(
    person: Callable[..., BrowserContext],
) -> None:
    page = person(**support.PHONE, color_scheme="dark").new_page()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    page.goto("/sample/plate/")
    assert page.evaluate(ground) == "rgb(20, 25, 24)"
    assert support.accessibility_findings(page) == []
    page.get_by_role("button", name="浅色").click()
    page.goto("/sample/plate/")
    assert page.evaluate(ground) == "rgb(251, 250, 247)"


def test_large_type_is_20_px_and_targets_are_44(phone: Page) -> None:
    phone.goto("/sample/tasks/")
    phone.context.add_cookies([{"name": "xl_look", "value": "elder", "url": phone.url}])
    phone.goto("/sample/tasks/")
    assert phone.evaluate("getComputedStyle(document.body).fontSize") == "20px"
    for look in ("elder", "light"):
        phone.context.add_cookies([{"name": "xl_look", "value": look, "url": phone.url}])
        for name in ("plate", "report", "tasks", "receipt"):
            phone.goto(f"/sample/{name}/")
            small = phone.evaluate(
                """() => [...document.querySelectorAll('a[href], button, select, summary, input:not([type=hidden])')]
                     .filter((one) => one.getClientRects().length && !one.closest('.flash, .skip, label'))
                     .filter((one) => !one.matches('.skip') && one.getBoundingClientRect().height < 44)
                     .map((one) => one.outerHTML.slice(0, 80))"""
            )
            assert small == [], (look, name)


def test_photos_are_shown_counted_and_taken_out_again(phone: Page, tmp_path: Path) -> None:
    said = _complaints(phone)
    phone.goto("/sample/report/")
    phone.evaluate("document.querySelector('[data-photos]').multiple = true")
    files = []
    for number in range(11):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(bytes.fromhex(_PNG))
    photos = phone.locator("input[data-photos]")
    photos.set_input_files(files[:2])
    expect(phone.locator(".photos img")).to_have_count(2)
    photos.set_input_files(files[2:])
    expect(phone.locator(".photos img")).to_have_count(9)
    expect(phone.get_by_role("alert").filter(has_text="最多 9 张。")).to_be_visible()
    phone.locator(".photos button").first.click()
    expect(phone.locator(".photos img")).to_have_count(8)
    assert photos.evaluate("(input) => input.files.length") == 8
    assert said == []


_PNG = (
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "f8cf500f0003860180dd89d0790000000049454e44ae426082"
)


def test_words_typed_stay_after_a_reload_and_contacts_do_not(phone: Page) -> None:
    phone.goto("/sample/report/")
    phone.get_by_label("什么事").fill("巷口垃圾没人清")
    phone.get_by_label("路灯").check()
    phone.get_by_role("textbox", name="电话").fill("13800000000")
    phone.reload()
    expect(phone.get_by_label("什么事")).to_have_value("巷口垃圾没人清")
    expect(phone.get_by_label("路灯")).to_be_checked()
    expect(phone.get_by_role("textbox", name="电话")).to_have_value("")
    assert "13800000000" not in phone.evaluate("JSON.stringify(sessionStorage)")


def test_a_second_press_sends_nothing_more(phone: Page) -> None:
    sent: list[str] = []
    phone.goto("/sample/report/")
    phone.route("**/x", lambda route: sent.append(route.request.method))  # never answered: a slow line
    phone.get_by_label("什么事").fill("路灯不亮")
    phone.get_by_role("button", name="提交").evaluate(
        """(button) => new Promise((done) => {
             button.click();
             setTimeout(() => { button.click(); setTimeout(done, 200); }, 200);
           })"""
    )
    assert sent == ["POST"]


def test_a_dialog_asks_before_the_form_is_sent(desk: Page) -> None:
    sent: list[str] = []
    desk.goto("/sample/desk/")

    def answer(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(body="ok")

    desk.route("**/x", answer)
    desk.get_by_role("button", name="退回").first.click()
    dialog = desk.get_by_role("dialog", name="退回这件事？")
    expect(dialog).to_be_visible()
    assert support.accessibility_findings(desk) == []
    dialog.get_by_role("button", name="再想想").click()
    expect(dialog).to_be_hidden()
    assert sent == []
    desk.get_by_role("button", name="退回").first.click()
    with desk.expect_request("**/x"):
        dialog.get_by_role("button", name="退回").click()
    expect(desk.get_by_text("ok")).to_be_visible()
    assert sent == ["POST"]


def test_the_receipt_is_saved_as_a_picture_and_its_code_copied(phone: Page) -> None:
    said = _complaints(phone)
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.goto("/sample/receipt/")
    phone.get_by_role("button", name="复制").click()
    expect(phone.get_by_role("button", name="已复制")).to_be_visible()
    assert phone.evaluate("navigator.clipboard.readText()") == "4821773019562204"
    with phone.expect_download() as download:
        phone.get_by_role("button", name="存为图片").click()
    assert download.value.suggested_filename == "xiangli-100231.png"
    picture = Path(download.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
    assert said == []


def test_a_refusal_of_a_part_of_the_page_is_said_above_it(desk: Page) -> None:
    desk.goto("/sample/desk/")
    desk.get_by_role("button", name="代为登记").click()
    expect(desk.locator("#notice").get_by_role("alert")).to_contain_text("请从第一页重新看")
    expect(desk.locator("tbody tr")).to_have_count(4)  # the page stays as it was
    assert support.accessibility_findings(desk) == []


def test_the_pin_moves_by_keys_and_writes_its_place_into_the_form(phone: Page) -> None:
    said = _complaints(phone)
    phone.goto("/sample/map/")
    pin = phone.get_by_role("button", name="拖动图钉")
    expect(pin).to_be_visible()
    expect(phone.locator(".map path")).to_have_count(1)  # the lane's outline
    expect(phone.locator("#id_lat")).to_have_value("")  # not moved: the lane itself is the place
    pin.focus()
    phone.keyboard.press("ArrowUp")
    lat, lng = (float(phone.locator(f"#id_{name}").input_value()) for name in ("lat", "lng"))
    assert 0.00003 < lat - 35.15 < 0.00006  # five metres to the north
    assert abs(lng - 110.77) < 0.000001
    assert support.accessibility_findings(phone) == []
    assert said == []


def test_j_and_k_walk_the_queue(desk: Page) -> None:
    desk.goto("/sample/desk/")
    desk.locator("h1").click()
    chosen = desk.locator("[data-row][data-at]")
    expect(chosen).to_contain_text("100229")
    desk.keyboard.press("k")
    expect(chosen).to_contain_text("100230")
    desk.keyboard.press("j")
    desk.keyboard.press("j")
    expect(chosen).to_contain_text("100228")
    desk.keyboard.press("j")
    expect(chosen).to_contain_text("100228")


def test_every_page_works_without_scripts(person: Callable[..., BrowserContext]) -> None:
    page = person(**support.PHONE, java_script_enabled=False).new_page()
    page.goto("/sample/receipt/")
    expect(page.get_by_role("button", name="存为图片")).to_be_hidden()
    page.get_by_role("radio", name="很满意").check(force=True)
    expect(page.get_by_role("radio", name="很满意")).to_be_checked()
    page.get_by_role("button", name="大字").click()
    page.goto("/sample/plate/")
    expect(page.locator("html")).to_have_attribute("data-look", "elder")
    page.get_by_role("button", name="English").click()
    page.goto("/sample/plate/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
