"""The town opens a reporter's contact: for a reason, after proving who asks, and the reporter sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import PASSWORD, act, open_case, press, report
from xiangli.cases.tests.factories import Place

pytestmark = pytest.mark.journey

NUMBER = "13800000000"
WHY = "核对井盖的准确位置"


def test_a_contact_is_opened_at_the_town_and_its_owner_sees_by_whom(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    code = report(phone, place.lane2, "井盖没了", "安全隐患", phone=NUMBER)

    # The lane head learns that there is one, and no more
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "井盖没了", where="/tasks/")
    expect(lane_head.locator("main")).to_contain_text("由乡镇值班台保管")
    assert NUMBER not in lane_head.content()

    # The town gives a reason, and is asked for the password again after five minutes
    town = at_desk("town_desk")
    clock.forward(minutes=6)
    open_case(town, "井盖没了")
    assert NUMBER not in town.content()
    form = act(town, "查看反映人的联系方式")
    form.get_by_label("为什么要联系").fill(WHY)
    press(town, "查看", within=form)
    expect(town.get_by_role("heading", level=1)).to_have_text("请再确认是您本人")
    eyes.look(town, desk=True, whole=False)
    town.get_by_label("密码").fill(PASSWORD)
    press(town, "确认")
    form = act(town, "查看反映人的联系方式")
    form.get_by_label("为什么要联系").fill(WHY)
    press(town, "查看", within=form)
    expect(town.get_by_role("status")).to_contain_text(NUMBER)
    eyes.look(town, desk=True)

    # It is shown once
    town.goto(town.url.replace("reveal_contact/", ""))
    assert NUMBER not in town.content()

    # And the reporter reads who looked, and why
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("查看了反映人的联系方式")
    expect(phone.locator(".timeline")).to_contain_text("周值班")
    expect(phone.locator(".timeline")).to_contain_text(WHY)
    eyes.look(phone)
