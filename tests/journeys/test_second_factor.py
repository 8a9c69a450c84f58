"""Two steps at a desk, as a post asks for them: an app, codes on paper for the day without a phone, and a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.looking import Looker
from tests.journeys.people import PASSWORD, follow, press
from tests.journeys.test_passkey import lend_a_finger
from tests.support.browser import DESK
from xiangli.accounts.models import User
from xiangli.cases.tests.factories import Place

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NAME = "town_desk"


def sign_in(page: Page) -> None:
    page.goto("/login/?next=/tasks/")
    page.get_by_label("用户名").fill(NAME)
    page.get_by_label("密码").fill(PASSWORD)
    press(page, "登录")


def give(page: Page, code: str) -> None:
    """Type a code at the second step."""
    page.get_by_label("验证码").fill(code)
    press(page, "登录")


def app_code(secret: str) -> str:
    """What the app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_two_steps_by_app_by_paper_and_by_key(
    place: Place, person: Callable[..., BrowserContext], eyes: Looker
) -> None:
    user = User.objects.get(pk=place.people[NAME].pk)
    assert user.require_second_factor  # the post reads reporters' numbers
    user.username = NAME
    user.set_password(PASSWORD)
    user.save()

    # The first time: a password alone opens nothing but the page to set up a second step.
    page = person(**DESK).new_page()
    sign_in(page)
    assert page.url.endswith("/2fa/")
    expect(page.get_by_text("您的岗位要求两步登录")).to_be_visible()
    for closed in ("/tasks/", "/desk/", "/notices/"):
        page.goto(closed)
        assert page.url.endswith("/2fa/"), closed
    follow(page.get_by_role("button", name="开启验证码应用"))
    eyes.look(page, desk=True)
    expect(page.get_by_role("img", name="二维码")).to_be_visible()
    secret = page.locator("main .code").first.inner_text()
    page.get_by_label("应用上显示的六位验证码").fill("000000")
    press(page, "开启")
    expect(page.locator("main [role=alert], main .errors").first).to_be_visible()
    page.get_by_label("应用上显示的六位验证码").fill(app_code(secret))
    press(page, "开启")

    # Codes for paper, shown at once.
    assert page.url.endswith("/2fa/codes/")
    eyes.look(page, desk=True)
    paper = page.locator("li.code").all_inner_texts()
    assert len(set(paper)) == 10
    page.goto("/tasks/")
    expect(page.get_by_role("heading", level=1)).to_have_text("待办")

    # Another computer: the password, then the app.
    other = person(**DESK).new_page()
    sign_in(other)
    expect(other.get_by_role("heading", level=1)).to_have_text("第二步：确认是您本人")
    other.goto("/tasks/")
    assert "/2fa/authenticate/" in other.url  # half a sign-in is none
    give(other, "000000")
    expect(other.get_by_text("验证码不对")).to_be_visible()
    give(other, app_code(secret))
    expect(other.get_by_role("heading", level=1)).to_have_text("待办")

    # The day without the phone: a code from the paper, which is good for once.
    third = person(**DESK).new_page()
    sign_in(third)
    give(third, paper[3])
    expect(third.get_by_role("heading", level=1)).to_have_text("待办")
    fourth = person(**DESK).new_page()
    sign_in(fourth)
    give(fourth, paper[3])
    expect(fourth.get_by_text("验证码不对")).to_be_visible()

    # A key: then neither password nor code.
    lend_a_finger(page)
    page.goto("/2fa/passkeys/add/")
    with page.expect_navigation():
        page.get_by_role("button", name="开始").click()
    page.goto("/logout/")
    press(page, "退出登录")
    page.get_by_role("button", name="用指纹、面容或安全密钥登录").click()
    page.wait_for_url(lambda address: "/login" not in address)
    page.goto("/tasks/")
    expect(page.get_by_role("heading", level=1)).to_have_text("待办")
