"""A county leader with five minutes: reads the figures, goes down to the matters behind one, takes them on paper."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import openpyxl
import pypdf
import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import follow
from xiangli.cases.tests.acting import bring_to
from xiangli.cases.tests.factories import Place, make_report

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def _a_months_work(place: Place, clock: Clock) -> None:
    for _case in range(3):
        bring_to(place, "closed")
        clock.forward(hours=1)
    make_report(place.lane, "environment", words="二巷口有一堆垃圾，好几天了")
    clock.forward(days=12)  # nobody came: it is late
    make_report(place.lane2, "facilities", words="路灯不亮")


def test_a_leader_reads_the_figures_goes_down_to_the_queue_and_takes_them_along(
    at_desk: Callable[[str], Page], place: Place, clock: Clock, eyes: Looker, tmp_path: Path
) -> None:
    clock.at -= timedelta(days=13)  # the third of November
    _a_months_work(place, clock)
    place.people["county_leader"] = place.seat("county_leader", place.county, "卫领导")
    leader = at_desk("county_leader")

    follow(leader.get_by_role("link", name="统计"))
    now = leader.locator("#figures-now")
    expect(now).to_contain_text("未办结的 2 件里")
    expect(leader.get_by_role("row", name="横水镇")).to_contain_text("1 / 2")
    expect(leader.get_by_role("row", name="环境卫生")).to_contain_text("1 / 1")
    expect(leader.locator("main")).to_contain_text("2026-11-01 至 2026-11-30")
    eyes.look(leader, "leader-figures", desk=True)

    # on paper and as a table the same figures
    with leader.expect_download() as sheet:
        leader.get_by_role("button", name="表格").click()
    sheet.value.save_as(tmp_path / "figures.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "figures.xlsx").worksheets[0].iter_rows(values_only=True))
    assert rows[0][:5] == ("单位", "未办结", "其中超时", "收到", "办结")
    assert rows[1][:5] == ("横水镇", 2, 1, 5, 3)
    assert rows[-1][:5] == ("合计", 2, 1, 5, 3)
    address = leader.get_by_role("button", name="A4").get_attribute("href")
    paper = leader.request.get(f"{leader.url.split('/figures/')[0]}{address}")
    words = pypdf.PdfReader(io.BytesIO(paper.body())).pages[0].extract_text()
    assert "横水镇" in words
    assert "1 / 2" in words

    # down to the village, then to the matters behind the number
    follow(leader.get_by_role("row", name="横水镇").get_by_role("link", name="横水镇"))
    expect(leader.get_by_role("heading", level=1)).to_have_text("统计 · 横水镇")
    follow(leader.get_by_role("row", name="庙上村").get_by_role("link", name="1 / 2"))
    expect(leader.locator("main")).to_contain_text("二巷口有一堆垃圾")
    expect(leader.locator("main")).not_to_contain_text("路灯不亮")

    # a time in which nothing was
    leader.goto("/figures/?period=2019")
    expect(leader.locator("main")).to_contain_text("2019 年")
    eyes.look(leader)
    # and a time that is none
    leader.goto("/figures/?period=gestern")
    expect(leader.locator("main")).to_contain_text("不是一段时间")
    eyes.look(leader)
