"""Pure rules of notices: when a message may leave, what joins a digest, how often to try, what an address looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from string import Formatter
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.states import ChannelKind

ATTEMPTS: Final = 8  # then a person looks
MOST: Final = 3  # messages to one person by one channel WITHIN; the rest go as one
WITHIN: Final = timedelta(minutes=10)

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_FIRST_DELAY: Final = timedelta(seconds=15)
_URGENT_DELAYS: Final = (timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20))

Quiet = tuple[time, time]  # from, until: local times of day


# -- when


def leaves_at(now: datetime, quiet: Quiet | None, *, danger: bool = False) -> datetime:
    """When a message made at `now` may leave: at once, or when the quiet hours end. Danger waits for nothing."""
    if quiet is None or danger:
        return now
    start, end = quiet
    local = now.astimezone(_CHINA)
    today = local.replace(hour=start.hour, minute=start.minute, second=start.second, microsecond=0)
    for begins in (today - timedelta(days=1), today):
        ends = datetime.combine(begins.date(), end, tzinfo=_CHINA)
        ends += timedelta(days=1) if start > end else timedelta(0)
        if begins <= local < ends:
            return ends.astimezone(UTC)
    return now


@dataclass(frozen=True, slots=True)
class Leaving:
    """A message that left, or will leave, at `at`; `open`: it is held back and still takes others along."""

    id: UUID
    at: datetime
    open: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one more message: it joins `joins`; else it leaves at `at`, `held` back to take others along."""

    at: datetime
    joins: UUID | None = None
    held: bool = False


def plan(leavings: Iterable[Leaving], at: datetime) -> Plan:
    """What becomes of a message that may leave at `at`, beside those to the same person by the same channel.

    MOST leave by themselves; the next is held until the first of these is WITHIN old, and takes along what
    comes meanwhile. So no stretch of WITHIN sees more than MOST leave.
    """
    near = sorted((one for one in leavings if at - WITHIN < one.at <= at + WITHIN), key=lambda one: one.at)
    if len(near) < MOST:
        return Plan(at)
    taking = next((one for one in reversed(near) if one.open and one.at >= at), None)
    if taking is not None:
        return Plan(taking.at, joins=taking.id)
    return Plan(near[-MOST].at + WITHIN, held=True)


def delay(attempts: int, chance: float, *, danger: bool) -> timedelta:
    """How long to wait after the `attempts`-th failure, less up to a fifth by `chance` (0 to 1).

    Threefold each time from 15 seconds, so that eight attempts outlast four hours of a provider's fault. Danger is
    tried again within seconds, and after three minutes a person learns that it did not arrive.
    """
    if danger:
        longest = _URGENT_DELAYS[attempts - 1] if attempts <= len(_URGENT_DELAYS) else timedelta(seconds=30)
    else:
        longest = _FIRST_DELAY * 3 ** min(attempts - 1, ATTEMPTS)
    return longest * (1 - chance / 5)


# -- words

PLACES: Final = ("number", "category", "lane", "link", "says", "count", "at")  # what a template may name


def places_in(template: str) -> set[str]:
    """The places a template names. Raises ValueError for one it may not name, a format, or a loose brace."""
    named: set[str] = set()
    for _text, name, form, conversion in Formatter().parse(template):
        if name is None:
            continue
        if name not in PLACES or form or conversion:
            raise ValueError(f"a template may name {', '.join(PLACES)}, plainly; not {{{name}}}")
        named.add(name)
    return named


def fill(template: str, places: Mapping[str, str]) -> str | None:
    """The template with its places filled; None when one is missing or empty, or the template is broken: a message
    never shows a brace. What is filled in is not read as a template again.
    """
    try:
        if not all(places.get(name) for name in places_in(template)):
            return None
    except ValueError:
        return None
    return template.format_map(places)


# -- addresses

_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE: Final = re.compile(r"0[0-9]{9,11}")
_MAILBOX: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# Begins with a letter or digit: "@all" would be everybody.
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@$+-]{0,63}")

_FAULTS: Final = {
    ChannelKind.SMS: _("短信要发到手机号码：11 位，以 1 开头。"),
    ChannelKind.VOICE: _("请填手机号码（11 位），或带区号的固定电话，如 0359-6520001。"),
    ChannelKind.EMAIL: _("请填邮箱地址，如 name@example.cn。"),
    ChannelKind.WECOM: _(
        "请填企业微信里的账号（不是姓名或手机号显示名）：字母、数字和 _ . @ -，不超过 64 位。"
    ),
    ChannelKind.DINGTALK: _(
        "请填钉钉里的员工 UserID：字母、数字和 _ . @ -，不超过 64 位；可问单位的钉钉管理员。"
    ),
}


def clean_address(kind: str, typed: str) -> str:
    """An address as it is kept, from what somebody typed. Raises Refused("invalid_address") in words."""
    text = typed.strip()
    if kind in (ChannelKind.SMS, ChannelKind.VOICE):
        text = re.sub(r"[\s()（）-]", "", text).removeprefix("+86")
        right = _MOBILE.fullmatch(text) or (kind == ChannelKind.VOICE and _LANDLINE.fullmatch(text))
    elif kind == ChannelKind.EMAIL:
        right = len(text) <= 254 and _MAILBOX.fullmatch(text)
    elif kind in (ChannelKind.WECOM, ChannelKind.DINGTALK):
        right = _ACCOUNT.fullmatch(text)
    else:
        raise ValueError(f"{kind} has no addresses of persons")
    if not right:
        raise Refused("invalid_address", _FAULTS[ChannelKind(kind)], field="address")
    return text


def masked(kind: str, address: str) -> str:
    """As much of an address as its owner needs to know it by: 138****5678, w***@example.cn."""
    if kind in (ChannelKind.SMS, ChannelKind.VOICE):
        return f"{address[:3]}****{address[-4:]}" if len(address) > 8 else "****"
    name, at, host = address.partition("@")
    return f"{name[:1]}***{at}{host}"
