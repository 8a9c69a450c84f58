from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import identify_hasher
from django.test import Client

from xiangli.accounts import actions, queries
from xiangli.accounts.models import Device, Enrolment
from xiangli.accounts.tests.conftest import Clock
from xiangli.accounts.tests.factories import PASSWORD, PIN, START, enrolled_phone, make_user
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused

pytestmark = pytest.mark.django_db


def enrol(token: str, pin: str = PIN) -> Device:
    return actions.enrol_device(token=token, pin=pin, label="Android", today=START.date(), now=START)[0]


def test_issue_enrolment_keeps_a_digest_only() -> None:
    enrolment, token = actions.issue_enrolment(user=make_user(), issued_by=None, now=START)
    assert len(token) >= 43
    kept = Enrolment.objects.get(pk=enrolment.pk)
    assert token.encode() not in bytes(kept.token_digest)
    assert bytes(kept.token_digest) == queries.digest(token)
    assert kept.expires_at - START == timedelta(hours=72)


def test_issue_enrolment_ends_the_link_before() -> None:
    user = make_user()
    first = actions.issue_enrolment(user=user, issued_by=None, now=START)[1]
    second = actions.issue_enrolment(user=user, issued_by=None, now=START)[1]
    with pytest.raises(Refused) as refused:
        enrol(first)
    assert refused.value.code == "link_revoked"
    assert enrol(second).user == user


def test_issue_enrolment_refuses_somebody_who_left() -> None:
    user = make_user()
    user.is_active = False
    user.save()
    with pytest.raises(Refused) as refused:
        actions.issue_enrolment(user=user, issued_by=None, now=START)
    assert refused.value.code == "account_inactive"


def test_enrol_device_keeps_secrets_hashed() -> None:
    token = actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1]
    device, secret = actions.enrol_device(
        token=token, pin=PIN, label="Android", today=START.date(), now=START
    )
    assert identify_hasher(device.pin).algorithm == "argon2"
    assert bytes(device.key_digest) == queries.digest(secret)
    assert queries.live_device(secret) == device


@pytest.mark.parametrize("pin", ["123456", "000000", "850314", "12345"])
def test_enrol_device_with_an_easy_pin_leaves_the_link_usable(pin: str) -> None:
    token = actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1]
    with pytest.raises(Refused) as refused:
        enrol(token, pin)
    assert refused.value.field == "pin"
    assert not Device.objects.exists()
    assert enrol(token) == Device.objects.get()


def test_enrol_device_works_once() -> None:
    token = actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1]
    enrol(token)
    with pytest.raises(Refused) as refused:
        enrol(token)
    assert refused.value.code == "link_used"
    assert Device.objects.count() == 1


def test_check_pin_ends_the_enrolment_at_the_fifth_wrong_one() -> None:
    device = enrol(actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1])
    codes = []
    for _ in range(5):
        with pytest.raises(Refused) as refused:
            actions.check_pin(device_id=device.pk, pin="135792", now=START)
        codes.append(refused.value.code)
    assert codes == ["pin_wrong"] * 4 + ["device_revoked"]
    with pytest.raises(Refused):
        actions.check_pin(device_id=device.pk, pin=PIN, now=START)
    assert not queries.devices_of(device.user_id).exists()


def test_check_pin_forgets_wrong_ones_after_a_right_one() -> None:
    device = enrol(actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1])
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Refused):
                actions.check_pin(device_id=device.pk, pin="135792", now=START)
        actions.check_pin(device_id=device.pk, pin=PIN, now=START)
    device.refresh_from_db()
    assert (device.pin_failures, device.revoked_at) == (0, None)


def test_revoke_device_refuses_another_persons_phone() -> None:
    device = enrol(actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1])
    with pytest.raises(Refused) as refused:
        actions.revoke_device(user=make_user("李强"), device_id=device.pk, now=START)
    assert refused.value.code == "not_found"
    assert queries.devices_of(device.user_id).exists()


def test_change_pin_of_another_persons_phone_changes_nothing() -> None:
    device = enrol(actions.issue_enrolment(user=make_user(), issued_by=None, now=START)[1])
    with pytest.raises(Refused):
        actions.change_pin(device_id=device.pk, user=make_user("李强"), pin="739158")
    actions.check_pin(device_id=device.pk, pin=PIN, now=START)
    with pytest.raises(Refused):
        actions.change_pin(device_id=new_id(), user=device.user, pin="739158")


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        ("ab", PASSWORD, "username"),
        ("有 空格", PASSWORD, "username"),
        ("wangfang", PASSWORD, "username"),  # taken, in other letters
        ("newcomer", "short", "password"),
        ("newcomer", "password123", "password"),
        ("longusername", "longusername1", "password"),
    ],
)
def test_enrol_desk_refuses_poor_names_and_passwords(username: str, password: str, field: str) -> None:
    make_user("别人", username="WangFang")
    user = make_user()
    token = actions.issue_enrolment(user=user, issued_by=None, now=START)[1]
    with pytest.raises(Refused) as refused:
        actions.enrol_desk(token=token, username=username, password=password, now=START)
    assert refused.value.field == field
    user.refresh_from_db()
    assert not user.has_usable_password()


def test_set_password_keeps_the_name_there_is() -> None:
    user = make_user(username="wangfang")
    changed = actions.set_password(user=user, username="somebody-else", password=PASSWORD)
    assert changed.username == "wangfang"
    assert changed.check_password(PASSWORD)
    assert identify_hasher(changed.password).algorithm == "argon2"


def test_demo_people_exist() -> None:
    make_user()
    assert not queries.demo_people_exist()
    user = make_user("李强")
    user.is_demo = True
    user.save()
    assert queries.demo_people_exist()


def test_close_account_ends_every_way_in_and_every_session(clock: Clock) -> None:
    user = make_user(username="wangfang", password=PASSWORD)
    phone, desk = enrolled_phone(user), Client()
    assert desk.post("/login/", {"login": "wangfang", "password": PASSWORD}).status_code == 302
    actions.issue_enrolment(user=user, issued_by=None, now=START)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    assert phone.get("/me/").status_code == desk.get("/me/").status_code == 200
    actions.close_account(user_id=user.pk, now=START)
    for signed_in in (phone, desk):
        assert signed_in.get("/me/").headers["Location"].startswith("/login/")
    assert not Device.objects.filter(revoked_at=None).exists()
    assert not Enrolment.objects.filter(used_at=None, revoked_at=None).exists()
    assert not Authenticator.objects.exists()
    with pytest.raises(Refused) as refused:
        actions.issue_enrolment(user=user, issued_by=None, now=START)
    assert refused.value.code == "account_inactive"
    actions.reopen_account(user_id=user.pk)
    user.refresh_from_db()
    assert user.is_active
    assert not user.has_usable_password()  # a new link, a new beginning
    # the old session does not come back to life
    assert desk.get("/me/").headers["Location"].startswith("/login/")


def test_new_person_has_a_name_of_their_own_to_sign_in_by() -> None:
    person = actions.new_person(display_name="王芳", username="WangFang")
    assert person.username == "wangfang"
    assert not person.has_usable_password()
    for name, code in (("wangfang", "username_taken"), ("x", "username_form"), ("a b c", "username_form")):
        with pytest.raises(Refused) as refused:
            actions.new_person(display_name="某人", username=name)
        assert refused.value.code == code
