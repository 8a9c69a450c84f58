"""The town prints what hangs on its walls; somebody else takes over a lane, and the page says what to print again."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import follow
from xiangli.accounts.models import User
from xiangli.cases.tests.factories import Place
from xiangli.territory.actions import appoint, end_appointment
from xiangli.territory.models import Appointment
from xiangli.territory.rules import day_of

pytestmark = pytest.mark.journey


def printed(page: Page, button: str) -> list[str]:
    """Press a button that prints into another tab: the words on each page of the PDF, which this browser keeps
    instead of showing it."""
    with page.expect_download() as kept:
        page.get_by_role("button", name=button).click()
    content = kept.value.path().read_bytes()
    return [sheet.extract_text() for sheet in PdfReader(BytesIO(content)).pages]


def test_what_a_change_of_staff_made_stale_is_printed_again(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    place.people["town_admin"] = place.seat("town_admin", place.town, "畅管理")
    page = at_desk("town_admin")
    follow(page.get_by_role("link", name="公示牌", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("公示牌 · 横水镇")
    expect(page.get_by_role("row", name="庙上村")).to_contain_text("2 张：过期 0，没印过 2")
    eyes.look(page, desk=True)

    # The whole town: the plates, and the board of its village
    sheets = printed(page, "打印 A4 横水镇 公示牌 全部")
    assert len(sheets) == 2
    assert "街巷长 张巷长" in sheets[0]
    assert "0359-6520001" in sheets[0]
    assert f"/p/{place.lane2.plate_code}/" in sheets[1]
    (board,) = printed(page, "打印 A2 横水镇 责任公示 全部")
    assert "赵主任" in board
    page.reload()
    expect(page.get_by_role("row", name="庙上村")).to_contain_text("2 张，都与现在一致")
    expect(page.get_by_text("没有过期的")).to_be_visible()

    # Somebody else takes over the first lane
    today = day_of(clock.now())
    before = Appointment.objects.get(user=place.people["lane_head"])
    end_appointment(appointment=before, on=today)
    post = place.posts["lane_head"]
    appoint(
        user=User.objects.create_user(display_name="冯巷长"), unit=place.lane, post=post, valid_from=today
    )
    page.reload()
    expect(page.get_by_role("row", name="庙上村 第一网格 一巷")).to_contain_text("2026-11-16 起街巷长换了人")
    expect(page.get_by_role("row").filter(has_text="责任公示").filter(has_text="看样")).to_contain_text(
        "已过期"
    )
    expect(page.get_by_role("row", name="二巷")).to_have_count(0)
    eyes.look(page, "plates", desk=True)

    # Only what is due is printed, and then it is not due any more
    (again,) = printed(page, "打印 A4 横水镇 公示牌 过期和没印的")
    assert "街巷长 冯巷长" in again
    page.reload()
    expect(page.get_by_role("row", name="庙上村 第一网格 一巷")).to_have_count(0)
    (board,) = printed(page, "打印 A2 庙上村 责任公示")
    assert "冯巷长" in board
    page.reload()
    expect(page.get_by_text("没有过期的")).to_be_visible()

    # The village by itself, lane by lane
    follow(page.get_by_role("link", name="庙上村", exact=True))
    expect(page.get_by_role("row", name="一巷")).to_contain_text("与现在一致")
    expect(page.get_by_role("row", name="二巷")).to_contain_text("没有值班电话")
    eyes.look(page, desk=True)
