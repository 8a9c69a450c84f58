"""A finger instead of a number: a lane head adds a passkey, proves herself with it, and signs in by it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import PHONE, accessibility_findings
from xiangli.accounts import actions
from xiangli.accounts.models import Device, User
from xiangli.kernel import clock

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

PIN = "482913"


def lend_a_finger(page: Page) -> None:
    """Give the browser a sensor that recognises its owner."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_lane_head_uses_a_finger_instead_of_her_pin(person: Callable[..., BrowserContext]) -> None:
    user = User.objects.create_user(display_name="王芳")
    token = actions.issue_enrolment(user=user, issued_by=None, now=clock.now())[1]
    page = person(**PHONE).new_page()
    lend_a_finger(page)

    page.goto(f"/enrol/{token}/")
    assert accessibility_findings(page) == []
    page.get_by_label("设一个六位数字密码").fill(PIN)
    page.get_by_label("再输一次").fill(PIN)
    page.get_by_role("button", name="绑定这部手机").click()

    page.get_by_role("button", name="用指纹或面容代替数字").click()
    assert accessibility_findings(page) == []
    page.get_by_role("button", name="开始").click()
    page.wait_for_url("**/me/")
    expect(page.get_by_text("通行密钥（1 个）")).to_be_visible()

    page.goto("/reauth/?next=/me/pin/")
    page.get_by_role("button", name="用指纹、面容或安全密钥").click()
    page.wait_for_url("**/passkeys/reauth/**")
    assert accessibility_findings(page) == []
    page.get_by_role("button", name="用指纹、面容或安全密钥").click()
    page.wait_for_url("**/me/pin/")

    page.goto("/logout/")
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/login/")
    assert Device.objects.get().revoked_at is not None
    page.get_by_role("button", name="用指纹、面容或安全密钥登录").click()
    page.wait_for_url(lambda address: "/login" not in address)
    page.goto("/me/")
    expect(page.get_by_text("王芳")).to_be_visible()
