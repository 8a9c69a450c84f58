"""The only writers of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from datetime import date, datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from xiangli.accounts import rules
from xiangli.accounts.models import Device, Enrolment, User
from xiangli.accounts.queries import digest
from xiangli.accounts.rules import LinkFault, PinFault
from xiangli.kernel.refusals import Refused

_LINK_REASONS = {
    LinkFault.USED: _("这个链接已经用过了，每个链接只能用一次。请向发链接的人（村委会或综治中心）再要一个。"),
    LinkFault.REVOKED: _(
        "这个链接已被更新的链接代替。请用最新的那个；找不到，就向发链接的人（村委会或综治中心）再要一个。"
    ),
    LinkFault.EXPIRED: _(
        "这个链接已过期：发出后 72 小时内有效。请向发链接的人（村委会或综治中心）再要一个。"
    ),
}
_REVOKED = _("这部手机已解除绑定。要再用，请向村委会或综治中心要一个新链接。")
_PIN_REASONS = {
    PinFault.NOT_SIX_DIGITS: _("请输入六位数字。"),
    PinFault.EASY: _("这个数字太容易被猜到。请换一个不连续、不重复的六位数字。"),
    PinFault.LIKE_A_DATE: _("这个数字像生日或年月，最容易被猜到。请换一个六位数字。"),
}


@transaction.atomic
def issue_enrolment(*, user: User, issued_by: User | None, now: datetime) -> tuple[Enrolment, str]:
    """A link by which `user` enrols one phone or desk within 72 hours, and its token, which is kept nowhere.

    Earlier links of the person that were not used end. `issued_by` None: on the command line. Raises Refused
    for somebody who left.
    """
    user = User.objects.select_for_update().get(pk=user.pk)  # two links made at once: one stays
    if not user.is_active:
        raise Refused("account_inactive", _("这个人的账号已停用，不能发链接。请先恢复任职。"))
    Enrolment.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=now)
    token = secrets.token_urlsafe(32)
    enrolment = Enrolment.objects.create(
        user=user,
        token_digest=digest(token),
        issued_by=issued_by,
        issued_at=now,
        expires_at=now + rules.LINK_LASTS,
    )
    return enrolment, token


@transaction.atomic
def enrol_device(*, token: str, pin: str, label: str, today: date, now: datetime) -> tuple[Device, str]:
    """Make a phone the person's own by a link's token: the device, and the secret for the phone's cookie.

    Raises Refused when the link does not open, or when the PIN is too easy (the link stays usable).
    """
    enrolment = _use_link(token, now=now, check=lambda user: check_pin_choice(pin))
    secret = secrets.token_urlsafe(32)
    device = Device.objects.create(
        user=enrolment.user,
        label=label[:80],
        key_digest=digest(secret),
        pin=make_password(pin),
        enrolled_at=now,
        seen_on=today,
    )
    return device, secret


@transaction.atomic
def enrol_desk(*, token: str, username: str, password: str, now: datetime) -> User:
    """Set the name and password for a shared computer by a link's token. Raises Refused as `enrol_device`
    and `set_password` do."""
    enrolment = _use_link(token, now=now, check=lambda user: _check_credentials(user, username, password))
    _write_credentials(enrolment.user, username, password)
    return enrolment.user


@transaction.atomic
def set_password(*, user: User, username: str, password: str) -> User:
    """Set the password, and the name to sign in by where there is none yet. Raises Refused when either may
    not be chosen.

    Sessions at other desks end; enrolled phones stay.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    _check_credentials(locked, username, password)
    _write_credentials(locked, username, password)
    return locked


def check_pin_choice(pin: str) -> None:
    """Raises Refused when `pin` is too easy."""
    if fault := rules.pin_fault(pin):
        raise Refused(f"pin_{fault}", _PIN_REASONS[fault], field="pin")


def check_pin(*, device_id: UUID, pin: str, now: datetime) -> None:
    """Check the PIN of an enrolled phone. Raises Refused when it is wrong; the fifth time in a row the phone
    is enrolled no longer."""
    with transaction.atomic():  # a wrong PIN is counted, so the refusal comes after
        device = Device.objects.select_for_update(of=("self",)).filter(pk=device_id, revoked_at=None).first()
        right = device is not None and check_password(pin, device.pin)
        if device is not None and not right:
            device.pin_failures += 1
            if device.pin_failures >= rules.PIN_FAILURES:
                device.revoked_at = now
            device.save(update_fields=["pin_failures", "revoked_at"])
        elif device is not None and device.pin_failures:
            device.pin_failures = 0
            device.save(update_fields=["pin_failures"])
    if device is None or device.revoked_at is not None:
        raise Refused("device_revoked", _REVOKED)
    if not right:
        left = rules.PIN_FAILURES - device.pin_failures
        raise Refused(
            "pin_wrong",
            _("密码不对。再输错 %(left)d 次，这部手机就要重新绑定。") % {"left": left},
            field="pin",
            left=left,
        )


def change_pin(*, device_id: UUID, user: User, pin: str) -> None:
    """Give a phone a new PIN. Raises Refused when it is too easy or the phone is enrolled no longer."""
    check_pin_choice(pin)
    changed = Device.objects.filter(pk=device_id, user=user, revoked_at=None).update(
        pin=make_password(pin), pin_failures=0
    )
    if not changed:
        raise Refused("device_revoked", _REVOKED)


def revoke_device(*, user: User, device_id: UUID, now: datetime) -> None:
    """Take a phone off a person's account: it is signed out at its next page. Raises Refused for another
    person's phone."""
    if not Device.objects.filter(pk=device_id, user=user).exists():
        raise Refused("not_found", _("没有这部手机。它可能已经解除绑定，请刷新页面再看。"))
    Device.objects.filter(pk=device_id, user=user, revoked_at=None).update(revoked_at=now)


def note_device_seen(*, device: Device, today: date) -> None:
    """Keep the day on which a phone was last used, so that its owner can tell an old one."""
    Device.objects.filter(pk=device.pk).update(seen_on=today)


@transaction.atomic
def close_account(*, user_id: UUID, now: datetime) -> User:
    """Let somebody who left sign in no longer: desks are signed out, phones, links, password and second factors end.
    The name stays, because the record names who did what. Coming back takes a new link."""
    user = User.objects.select_for_update().get(pk=user_id)
    user.is_active = False
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])
    Device.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
    Enrolment.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=now)
    Authenticator.objects.filter(user=user).delete()
    return user


@transaction.atomic
def reopen_account(*, user_id: UUID) -> None:
    """Let somebody who left, and is appointed again, be given a new link. Waits for a closing that is under way."""
    user = User.objects.select_for_update().only("is_active").get(pk=user_id)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])


def revoke_links(*, user_id: UUID, issuers: Collection[UUID], now: datetime) -> None:
    """Let the links of a person end that these people made and nobody has used."""
    if issuers:
        unused = Enrolment.objects.filter(user=user_id, issued_by__in=issuers, used_at=None, revoked_at=None)
        unused.update(revoked_at=now)


def _use_link(token: str, *, now: datetime, check: Callable[[User], None]) -> Enrolment:
    """Lock a link, see that it opens, run `check` on its person, and mark it used."""
    enrolment = (
        Enrolment.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(token_digest=digest(token), user__is_active=True)
        .first()
    )
    if enrolment is None:
        raise unknown_link()
    check_link(enrolment, now=now)
    check(enrolment.user)
    enrolment.used_at = now
    enrolment.save(update_fields=["used_at"])
    return enrolment


def check_link(enrolment: Enrolment, *, now: datetime) -> None:
    """Raises Refused when a link does not open at `now`."""
    fault = rules.link_fault(
        used_at=enrolment.used_at, revoked_at=enrolment.revoked_at, expires_at=enrolment.expires_at, now=now
    )
    if fault:
        raise Refused(f"link_{fault}", _LINK_REASONS[fault])


def unknown_link() -> Refused:
    """The refusal of a token that no link has: it says nothing about anybody."""
    return Refused(
        "not_found",
        _("没有这个链接。请看看是不是少复制了一段；不行的话，请向发链接的人（村委会或综治中心）再要一个。"),
    )


def new_person(*, display_name: str, username: str = "") -> User:
    """Somebody new, who has no way in yet: that takes an enrolment link. Raises Refused for a name to sign in by that
    may not be chosen."""
    name = username.strip().lower()
    if name:
        _check_username(name)
    return User.objects.create_user(display_name=display_name, username=name or None)


def _check_username(name: str) -> None:
    if not 3 <= len(name) <= 60 or not name.replace("_", "").replace("-", "").replace(".", "").isalnum():
        raise Refused(
            "username_form",
            _("用户名要 3 到 60 个字，可用汉字、字母、数字和 . _ -。"),
            field="username",
        )
    if User.objects.filter(username=name).exists():
        raise Refused("username_taken", _("这个用户名已有人用，请换一个。"), field="username")


def _check_credentials(user: User, username: str, password: str) -> None:
    name = user.username or username.strip().lower()
    if not user.username:
        _check_username(name)
    try:
        validate_password(password, User(username=name, display_name=user.display_name))
    except ValidationError as error:
        raise Refused("password_weak", " ".join(error.messages), field="password") from error


def _write_credentials(user: User, username: str, password: str) -> None:
    user.username = user.username or username.strip().lower()
    user.set_password(password)
    user.save(update_fields=["username", "password"])
