"""A Chromium for tests: the one unpacked by `make browser`, or the one XIANGLI_CHROMIUM names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
UNPACKED: Final = ROOT / ".cache" / "chromium"

_FLAGS: Final = (
    "--no-sandbox",  # its sandbox needs rights that a container and an ordinary user may lack
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    # A page that asks another host for anything fails in the test as it would in a village without the world.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1440, "height": 900}}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser. Raises FileNotFoundError with what to do when none is there."""
    given = os.environ.get("XIANGLI_CHROMIUM")
    executable = Path(given) if given else UNPACKED / "chromium"
    if not executable.exists():
        raise FileNotFoundError(
            f"no browser at {executable}: run `make browser`, or set XIANGLI_CHROMIUM to one"
        )
    environment: dict[str, str | float | bool] = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(UNPACKED),  # its crash reports and caches stay out of the person's home
        "LANG": "zh_CN.UTF-8",
    }
    if not given:
        environment |= {
            "LD_LIBRARY_PATH": str(UNPACKED / "al2023" / "lib"),
            "FONTCONFIG_FILE": str(UNPACKED / "fonts.conf"),
        }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, headless=True, args=list(_FLAGS), env=environment
        )
        try:
            yield browser
        finally:
            browser.close()


def context(browser: Browser, address: str, **device: Any) -> BrowserContext:
    """A fresh person at the site `address`: no cookies, in Chinese, in China; waits at most 10 s for
    anything.
    """
    made = browser.new_context(
        base_url=address, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce", **device
    )
    made.set_default_timeout(10_000)
    return made


def accessibility_findings(page: Page) -> list[str]:
    """What axe finds wrong on the page as it stands, a line each; empty is right."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']} at {node['target']}" for one in found for node in one["nodes"]]
