"""Looking at a page as its people do: on a narrow phone and at a desk, light, dark and in large type.

With XIANGLI_PICTURES=1 a look that has a name is kept in docs/how-to/pictures; a usual run writes nothing.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from typing import Final

from PIL import Image
from playwright.sync_api import Page

from tests.support.browser import ROOT, accessibility_findings

PICTURES: Final = ROOT / "docs" / "how-to" / "pictures"
MOST_BYTES: Final = 120_000
NARROW: Final = {"width": 360, "height": 780}
DESK: Final = {"width": 1440, "height": 900}

_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Looker:
    """Looks at pages and keeps what is wrong with them, so that one test can tell it all at once."""

    findings: list[str] = field(default_factory=list)

    def look(self, page: Page, name: str = "", *, desk: bool = False, whole: bool = True) -> None:
        """Run axe over the page in every look; on 360 px no part may stand out sideways. `name` takes the
        picture: of the whole page, or of what the screen shows.
        """
        self.findings += findings_of(page, desk=desk)
        if name:
            take_picture(page, name, whole=whole)


def findings_of(page: Page, *, desk: bool = False) -> list[str]:
    """What is wrong with a page, a line each: width and look, then what axe or the measure says."""
    before, found = page.viewport_size, []
    for width in (NARROW, DESK) if desk else (NARROW,):
        page.set_viewport_size(width)  # type: ignore[arg-type]  # a plain dict of two numbers
        # Paper is always black on white.
        on_paper = page.locator("body.on-paper").count()
        for look in ("light",) if on_paper else ("light", "dark", "elder"):
            page.evaluate("look => document.documentElement.dataset.look = look", look)
            where = f"{page.url} {width['width']} {look}"
            found += [f"{where}: {line}" for line in accessibility_findings(page)]
            if (wider := page.evaluate(_WIDER)) > 0:
                found.append(f"{where}: {wider} px wider than the screen")
    page.evaluate("delete document.documentElement.dataset.look")
    if before:
        page.set_viewport_size(before)
    return found


def take_picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Keep the page as docs/how-to/pictures/<name>.png, small enough for a repository."""
    if os.environ.get("XIANGLI_PICTURES") != "1":
        return
    page.evaluate("document.activeElement?.blur()")
    before = page.viewport_size
    if whole and before:  # what sticks to the screen's edge stands at the page's end, not across its middle
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": before["width"], "height": max(height, before["height"])})
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    if before:
        page.set_viewport_size(before)
    if image.width == 780:  # a phone's two points to a pixel
        image = image.resize((520, image.height * 2 // 3), Image.Resampling.LANCZOS)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64):
        _few_colours(image, colours).save(PICTURES / f"{name}.png", optimize=True)
        if (PICTURES / f"{name}.png").stat().st_size <= MOST_BYTES:
            break


def _few_colours(image: Image.Image, count: int) -> Image.Image:
    """The picture in `count` colours. The most frequent ones, which are the page's own, stay exact."""
    seen = sorted(image.getcolors(image.width * image.height) or [], key=lambda row: row[0], reverse=True)
    exact = [channel for _times, colour in seen[: count // 4] for channel in _channels(colour)]
    rest = image.quantize(count - len(exact) // 3, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(exact + rest)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _channels(colour: object) -> tuple[int, int, int]:
    assert isinstance(colour, tuple)  # of an RGB picture
    red, green, blue = colour
    return red, green, blue
