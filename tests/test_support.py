"""What the journeys stand on is itself sound: a real browser, real Chinese faces, nothing from outside."""

import pytest
from playwright.sync_api import Error, Page, expect

from tests.support.browser import accessibility_findings

pytestmark = pytest.mark.journey


def test_a_page_comes_to_the_phone_with_its_styles(phone: Page) -> None:
    failed: list[str] = []
    phone.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    phone.goto("/no-such-page/")
    expect(phone.locator("html")).to_have_attribute("lang", "zh-hans")
    assert phone.evaluate("document.styleSheets.length") > 0
    assert [url for url in failed if not url.endswith("/no-such-page/")] == []
    assert accessibility_findings(phone) == []


def test_accessibility_findings_are_found(phone: Page) -> None:
    phone.set_content('<html lang="zh"><title>巷</title><main><h1>巷</h1><img src="data:,"></main></html>')
    assert [line.split(":")[0] for line in accessibility_findings(phone)] == ["image-alt"]


def test_chinese_is_drawn_and_not_boxed(desk: Page) -> None:
    """A face without the character draws the same box for each."""
    drawn = desk.evaluate(
        """() => [..."巷里庙"].map((character) => {
             const canvas = document.createElement("canvas");
             const context = canvas.getContext("2d");
             context.font = "40px sans-serif";
             context.fillText(character, 10, 60);
             return canvas.toDataURL();
           })"""
    )
    assert len(set(drawn)) == 3


def test_no_page_reaches_another_host(desk: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        desk.goto("http://example.org/")
