"""What people do with links, phones and desks, through the addresses they use."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from xiangli.accounts import sessions
from xiangli.accounts.adapter import SecondFactorAdapter
from xiangli.accounts.models import Device, Enrolment, User
from xiangli.accounts.tests.conftest import Clock
from xiangli.accounts.tests.factories import PASSWORD, PIN, enrolled_phone, make_link, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def sign_in(client: Client, username: str, password: str = PASSWORD, **extra: str) -> Any:
    return client.post("/login/", {"login": username, "password": password, **extra})


def signed_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def desk_of(user: User) -> Client:
    assert user.username is not None
    client = Client()
    assert sign_in(client, user.username).status_code == 302
    return client


# --- the enrolment link


def test_enrol_makes_a_phone_ones_own() -> None:
    user = make_user("王芳")
    link = make_link(user)
    phone = Client()
    page = phone.get(link)
    assert "王芳" in page.content.decode()
    assert page["Cache-Control"].startswith("max-age=0")
    answer = phone.post(link, {"pin": PIN, "pin_again": PIN})
    assert (answer.status_code, answer["Location"]) == (302, "/welcome/")
    cookie = answer.cookies[sessions.DEVICE_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 400 * 86400)
    assert len(cookie.value) >= 43
    assert "王芳" in phone.get("/me/").content.decode()


def test_enrol_by_looking_changes_nothing() -> None:
    link = make_link(make_user())
    for _ in range(3):
        answer = Client().get(link)
        assert answer.status_code == 200
        assert sessions.DEVICE_COOKIE not in answer.cookies
    assert Enrolment.objects.get().used_at is None
    assert not Device.objects.exists()


def test_enrol_with_a_used_link_says_so_and_enrols_nobody() -> None:
    link = make_link(make_user("王芳"))
    Client().post(link, {"pin": PIN, "pin_again": PIN})
    thief = Client()
    for answer in (thief.get(link), thief.post(link, {"pin": PIN, "pin_again": PIN})):
        assert answer.status_code == 409
        assert "用过" in answer.content.decode()
        assert "王芳" not in answer.content.decode()
    assert Device.objects.count() == 1
    assert not signed_in(thief)


def test_enrol_with_an_expired_link_is_refused(clock: Clock) -> None:
    link = make_link(make_user("王芳"))
    clock.forward(hours=72)
    answer = Client().post(link, {"pin": PIN, "pin_again": PIN})
    assert answer.status_code == 409
    assert "过期" in answer.content.decode()
    assert not Device.objects.exists()


def test_enrol_with_a_forged_link_is_counted_and_slowed(clock: Clock) -> None:
    link = make_link(make_user("王芳"))
    guesser = Client()
    answers = [guesser.get(f"/enrol/{'x' * 42}{n}/") for n in range(11)]
    assert [answer.status_code for answer in answers] == [404] * 10 + [429]
    assert all("王芳" not in answer.content.decode() for answer in answers)
    assert guesser.get(link).status_code == 429  # a right guess is no longer told from a wrong one
    assert Client(REMOTE_ADDR="10.1.1.1").get(link).status_code == 200
    clock.forward(minutes=16)
    assert guesser.get(link).status_code == 200


@pytest.mark.parametrize(
    ("pin", "again", "words"),
    [("123456", "123456", "猜到"), ("850314", "850314", "生日"), (PIN, "482914", "不一样"), ("", "", "")],
)
def test_enrol_with_a_poor_pin_asks_again(pin: str, again: str, words: str) -> None:
    answer = Client().post(make_link(make_user()), {"pin": pin, "pin_again": again})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Device.objects.exists()


def test_enrol_desk_sets_a_password_and_leaves_nothing_behind(clock: Clock) -> None:
    user = make_user()
    desk = Client()
    form = {"username": "Wang.Fang", "password": PASSWORD, "password_again": PASSWORD}
    answer = desk.post(make_link(user) + "desk/", form)
    assert answer.status_code == 302
    assert sessions.DEVICE_COOKIE not in answer.cookies
    assert signed_in(desk)
    clock.forward(minutes=31)
    assert not signed_in(desk)
    assert sign_in(Client(), "wang.fang").status_code == 302


def test_enrol_desk_replaces_the_password_but_not_the_second_factor() -> None:
    user = make_user(username="wangfang", password="forgotten-lamp-9")
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    desk = Client()
    form = {"password": PASSWORD, "password_again": PASSWORD}
    assert desk.post(make_link(user) + "desk/", form)["Location"] == "/2fa/authenticate/"
    assert not signed_in(desk)


def test_enrol_rotates_the_session_key() -> None:
    phone = Client()
    phone.get("/login/")
    session = phone.session
    session["planted"] = "yes"
    session.save()
    phone.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    phone.post(make_link(make_user()), {"pin": PIN, "pin_again": PIN})
    assert phone.session.session_key != session.session_key
    assert not Client().session.exists(str(session.session_key))


# --- name and password


def test_sign_in_by_name_and_password_in_any_letters() -> None:
    make_user(username="WangFang", password=PASSWORD)
    client = Client()
    answer = sign_in(client, " WANGFANG ")
    assert (answer.status_code, answer["Location"]) == (302, settings.LOGIN_REDIRECT_URL)
    assert signed_in(client)
    assert answer.cookies[settings.SESSION_COOKIE_NAME]["expires"] == ""  # ends with the browser


def test_sign_in_rotates_the_session_key() -> None:
    make_user(username="wangfang", password=PASSWORD)
    client = Client()
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    sign_in(client, "wangfang")
    assert client.session.session_key != session.session_key
    assert not Client().session.exists(str(session.session_key))


def words_of(answer: Any) -> str:
    return re.sub(r'value="[^"]*"', "", answer.content.decode())


def test_sign_in_tells_a_wrong_password_and_an_unknown_name_alike() -> None:
    make_user(username="wangfang", password=PASSWORD)
    make_user("李强", username="liqiang")  # has no password yet
    answers = [sign_in(Client(), name, "not-the-password") for name in ("wangfang", "nobody-here", "liqiang")]
    assert {answer.status_code for answer in answers} == {200}
    assert len({words_of(answer) for answer in answers}) == 1
    assert "用户名或密码不对" in answers[0].content.decode()


def test_sign_in_locks_a_name_after_five_wrong_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(username="wangfang", password=PASSWORD)
    for n in range(5):  # from different addresses: it is the name that is guarded
        assert (
            "用户名或密码不对"
            in sign_in(Client(REMOTE_ADDR=f"10.0.0.{n}"), "wangfang", "wrong").content.decode()
        )
    locked = sign_in(Client(), "wangfang")
    assert "村委会" in locked.content.decode()
    assert "15 分钟" in locked.content.decode()
    unknown = [sign_in(Client(), "nobody-here", "wrong") for _ in range(6)][-1]
    assert words_of(unknown) == words_of(locked)  # a locked name is not told from one that does not exist

    now = time.time()
    monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda: now + 15 * 60 + 1)
    assert sign_in(Client(), "wangfang").status_code == 302


def test_sign_in_locks_an_address_that_tries_many_names() -> None:
    make_user(username="wangfang", password=PASSWORD)
    for n in range(20):
        sign_in(Client(REMOTE_ADDR="10.0.0.9"), f"name{n}", "wrong")
    assert "15 分钟" in sign_in(Client(REMOTE_ADDR="10.0.0.9"), "wangfang").content.decode()
    assert sign_in(Client(REMOTE_ADDR="10.0.0.10"), "wangfang").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", r"\\evil.example"]
)
def test_sign_in_never_leads_to_another_site(target: str) -> None:
    make_user(username="wangfang", password=PASSWORD)
    answer = sign_in(Client(), "wangfang", next=target)
    assert answer["Location"] == settings.LOGIN_REDIRECT_URL


def test_sign_in_of_somebody_who_left_is_refused() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    user.is_active = False
    user.save()
    client = Client()
    answer = sign_in(client, "wangfang")
    assert answer["Location"] == "/inactive/"
    assert "停用" in client.get("/inactive/").content.decode()
    assert not signed_in(client)


def test_sign_in_forms_are_guarded_against_forgery() -> None:
    make_user(username="wangfang", password=PASSWORD)
    strict = Client(enforce_csrf_checks=True)
    assert sign_in(strict, "wangfang").status_code == 403
    page = strict.get("/login/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    assert sign_in(strict, "wangfang", csrfmiddlewaretoken=token[1]).status_code == 302


def test_demo_people_sign_in_on_loopback_only() -> None:
    user = make_user(username="demo", password=PASSWORD)
    user.is_demo = True
    user.save()
    assert sign_in(Client(headers={"host": "127.0.0.1:8000"}), "demo").status_code == 302
    for client in (
        Client(headers={"host": "testserver"}),
        Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR="10.0.0.1"),
    ):
        assert sign_in(client, "demo").status_code == 403
        assert not signed_in(client)
        assert client.get(make_link(user)).status_code == 403


def test_there_is_no_sign_up_and_no_reset_by_mail() -> None:
    for path in ("/signup/", "/password/reset/", "/email/", "/confirm-email/", "/password/set/"):
        assert Client().get(path).status_code == 404


# --- signing out


def test_sign_out_by_post_only() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    client = desk_of(user)
    assert client.get("/logout/").status_code == 200
    assert signed_in(client)
    client.post("/logout/")
    assert not signed_in(client)


def test_sign_out_gives_the_phone_up() -> None:
    user = make_user()
    phone = enrolled_phone(user)
    phone.post("/logout/")
    assert not signed_in(phone)
    assert Device.objects.get().revoked_at is not None
    assert sessions.DEVICE_COOKIE not in {name for name, kept in phone.cookies.items() if kept.value}


# --- who is it, again


def test_reauth_by_pin_opens_the_page_asked_for(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    assert phone.get("/me/pin/").status_code == 200  # enrolled a moment ago
    clock.forward(minutes=6)
    asked = phone.get("/me/pin/")
    assert asked["Location"] == "/reauth/?next=%2Fme%2Fpin%2F"
    answer = phone.post("/reauth/", {"pin": PIN, "next": "/me/pin/"})
    assert answer["Location"] == "/me/pin/"
    assert phone.get("/me/pin/").status_code == 200


def test_reauth_with_five_wrong_pins_ends_the_enrolment(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    clock.forward(minutes=6)
    for left in (4, 3, 2, 1):
        answer = phone.post("/reauth/", {"pin": "135792", "next": "/me/"})
        assert f"再输错 {left} 次" in answer.content.decode()
    last = phone.post("/reauth/", {"pin": "135792", "next": "/me/"})
    assert last.status_code == 409
    assert "新链接" in last.content.decode()
    assert not signed_in(phone)


def test_reauth_by_password_at_a_desk(clock: Clock) -> None:
    client = desk_of(make_user(username="wangfang", password=PASSWORD))
    clock.forward(minutes=6)
    assert client.get("/me/password/").status_code == 302
    wrong = client.post("/reauth/", {"password": "wrong", "next": "/me/password/"})
    assert "密码不对" in wrong.content.decode()
    assert client.get("/me/password/").status_code == 302
    assert (
        client.post("/reauth/", {"password": PASSWORD, "next": "/me/password/"})["Location"]
        == "/me/password/"
    )
    assert client.get("/me/password/").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/me/", "javascript:alert(1)", "me/"]
)
def test_reauth_never_leads_to_another_site(target: str) -> None:
    phone = enrolled_phone(make_user())
    assert phone.post("/reauth/", {"pin": PIN, "next": target})["Location"] == "/me/"


def test_fresh_required_sends_a_late_form_back_to_its_page(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    clock.forward(minutes=6)
    answer = phone.post(
        "/me/pin/",
        {"pin": "739158", "pin_again": "739158"},
        headers={"referer": "http://testserver/me/pin/?from=menu"},
    )
    assert answer["Location"] == "/reauth/?next=%2Fme%2Fpin%2F%3Ffrom%3Dmenu"
    away = phone.post("/me/pin/", {}, headers={"referer": "https://evil.example/x"})
    assert away["Location"] == "/reauth/?next=%2Fme%2Fpin%2F"


def test_fresh_required_asks_a_visitor_to_sign_in(rf: RequestFactory) -> None:
    @sessions.fresh_required(minutes=5)
    def secret(request: HttpRequest) -> HttpResponse:
        raise AssertionError("opened to a visitor")

    assert secret(Client().get("/login/").wsgi_request)["Location"] == "/login/?next=/login/"


LIBRARY_PAGES = [
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
]


@pytest.mark.parametrize("name", LIBRARY_PAGES)
def test_ways_to_sign_in_change_only_after_a_fresh_proof(name: str, clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    clock.forward(minutes=6)
    assert phone.get(reverse(name))["Location"].startswith("/reauth/")
    assert phone.post(reverse(name))["Location"].startswith("/reauth/")
    assert Client().get(reverse(name))["Location"].startswith("/login/")


# --- second factor


def test_second_factor_app_is_asked_for_after_the_password() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    client = desk_of(user)
    page = client.get("/2fa/app/").content.decode()
    secret = client.session["mfa.totp.secret"]
    assert secret in page
    now = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, now))
    assert client.post("/2fa/app/", {"code": code})["Location"] == "/2fa/codes/"
    kept = Authenticator.objects.get(user=user, type="totp")
    assert secret not in str(kept.data)
    assert SecondFactorAdapter().decrypt(kept.data["secret"]) == secret
    codes = re.findall(r'<li class="code">(\w+)</li>', client.get("/2fa/codes/").content.decode())
    assert len(codes) == 10

    other = Client()
    assert sign_in(other, "wangfang")["Location"] == "/2fa/authenticate/"
    assert not signed_in(other)
    wrong = other.post("/2fa/authenticate/", {"code": "000000"})
    assert "验证码不对" in wrong.content.decode()
    assert other.post("/2fa/authenticate/", {"code": codes[0]}).status_code == 302
    assert signed_in(other)
    again = Client()
    sign_in(again, "wangfang")
    again.post("/2fa/authenticate/", {"code": codes[0]})
    assert not signed_in(again)  # a recovery code works once


def test_second_factor_guesses_are_limited() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    client = Client()
    sign_in(client, "wangfang")
    answers = [client.post("/2fa/authenticate/", {"code": f"00000{n}"}).content.decode() for n in range(6)]
    assert "15 分钟" in answers[-1]


def test_second_factor_asked_by_a_post_comes_first() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    user.require_second_factor = True
    user.save()
    client = desk_of(user)
    assert client.get("/welcome/")["Location"] == "/2fa/"
    assert "两步登录" in client.get("/2fa/").content.decode()
    assert client.get("/2fa/app/").status_code == 200
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    assert client.get("/welcome/").status_code == 200
    assert enrolled_phone(user).get("/welcome/").status_code == 200  # a phone and its PIN are two


def test_passkey_login_offers_a_challenge_and_refuses_a_forged_answer() -> None:
    client = Client(headers={"host": "localhost:8000"})
    assert "passkey_login" in client.get("/login/").content.decode()
    offered = client.get("/2fa/passkeys/login/", headers={"accept": "application/json"}).json()
    assert offered["request_options"]["publicKey"]["rpId"] == "localhost"
    assert offered["request_options"]["publicKey"]["userVerification"] == "required"
    forged = '{"id": "x", "rawId": "x", "type": "public-key", "response": {}}'
    assert client.post("/2fa/passkeys/login/", {"credential": forged})["Location"] == "/login/"
    assert not signed_in(client)


def test_passkeys_are_not_offered_at_an_address_without_a_name() -> None:
    client = Client(headers={"host": "127.0.0.1:8000"})
    assert "passkey_login" not in client.get("/login/").content.decode()
    phone = enrolled_phone(make_user())
    page = phone.get("/2fa/passkeys/add/", headers={"host": "127.0.0.1:8000"}).content.decode()
    assert "用不了通行密钥" in page
    assert "mfa_webauthn_add" not in page
    offered = phone.get("/2fa/passkeys/add/", headers={"host": "localhost:8000"}).content.decode()
    assert '"userVerification": "required"' in offered


# --- me


def test_me_lists_and_revokes_ones_phones() -> None:
    user = make_user()
    lost, phone = enrolled_phone(user), enrolled_phone(user)
    page = phone.get("/me/").content.decode()
    assert page.count("Android · Chrome") >= 2
    assert page.count("就是这部") == 1
    other = Device.objects.exclude(pk=phone.session[sessions.DEVICE]).get()
    assert phone.post(f"/me/devices/{other.pk}/revoke/").status_code == 302
    assert not signed_in(lost)
    assert signed_in(phone)


def test_me_cannot_revoke_somebody_elses_phone() -> None:
    theirs = enrolled_phone(make_user("李强"))
    mine = enrolled_phone(make_user())
    assert mine.post(f"/me/devices/{theirs.session[sessions.DEVICE]}/revoke/").status_code == 404
    assert signed_in(theirs)


def test_change_pin_replaces_the_old_one(clock: Clock) -> None:
    phone = enrolled_phone(make_user())
    assert phone.post("/me/pin/", {"pin": "739158", "pin_again": "739158"})["Location"] == "/me/"
    clock.forward(minutes=6)
    assert phone.post("/reauth/", {"pin": PIN}).status_code == 200
    assert phone.post("/reauth/", {"pin": "739158"}).status_code == 302


def test_set_password_signs_other_desks_out() -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    here, elsewhere, phone = desk_of(user), desk_of(user), enrolled_phone(user)
    new = "another-lamp-4-you"
    assert here.post("/me/password/", {"password": new, "password_again": new})["Location"] == "/me/"
    assert signed_in(here)
    assert signed_in(phone)
    assert not signed_in(elsewhere)
    assert sign_in(Client(), "wangfang").status_code == 200
    assert sign_in(Client(), "wangfang", new).status_code == 302


@pytest.mark.parametrize("path", ["/me/", "/me/pin/", "/me/password/", "/reauth/", "/welcome/", "/2fa/"])
def test_pages_about_oneself_are_closed_to_visitors(path: str) -> None:
    assert Client().get(path)["Location"].startswith("/login/?next=")
