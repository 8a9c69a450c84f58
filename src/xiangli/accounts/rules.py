"""Pure rules of accounts: a PIN's strength, whether a link still opens, how long a sign-in lasts. No Django;
data and `now` in."""

from __future__ import annotations

import ipaddress
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

LINK_LASTS: Final = timedelta(hours=72)
IDLE_AT_MOST: Final = timedelta(minutes=30)  # a desk without a person
STAMP_EVERY: Final = timedelta(minutes=1)  # so that reading pages costs no write
DEVICE_COOKIE_LASTS: Final = timedelta(days=400)  # the longest that browsers keep a cookie
FRESH_FOR: Final = timedelta(minutes=5)  # after a PIN, passkey or password

FAILURES: Final = 5  # wrong passwords of one account
FAILURES_WITHIN: Final = timedelta(minutes=15)
DESK_ADDRESS_FAILURES: Final = 20  # of one address: a town office is one address with many desks
PIN_FAILURES: Final = 5  # then the phone is no longer enrolled
LINK_FAILURES: Final = 10  # unknown links asked for from one address within FAILURES_WITHIN

_COMMON: Final = frozenset(
    {"520131", "131420", "147258", "258369", "159753", "147852", "168168", "521521", "110120", "110119"}
)


class PinFault(StrEnum):
    """Why a PIN may not be chosen."""

    NOT_SIX_DIGITS = "not_six_digits"
    EASY = "easy"  # a run, a repetition, one of those that everybody chooses
    LIKE_A_DATE = "like_a_date"  # a birthday is the first thing tried


def pin_fault(pin: str) -> PinFault | None:
    """Why `pin` is refused; None when it may be chosen."""
    if len(pin) != 6 or not (pin.isascii() and pin.isdigit()):
        return PinFault.NOT_SIX_DIGITS
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    repeats = pin == pin[:2] * 3 or pin == pin[:3] * 2
    if len(steps) == 1 or repeats or len(set(pin)) <= 2 or pin in _COMMON:
        return PinFault.EASY
    return PinFault.LIKE_A_DATE if _like_a_date(pin) else None


def _like_a_date(pin: str) -> bool:
    """Year, month and day with two digits each; or a year of the last or this century and a month."""
    year, month, day = int(pin[:2]), int(pin[2:4]), int(pin[4:])
    if pin[:2] in ("19", "20") and 1 <= day <= 12:
        return True
    try:
        date(2000 + year if year < 70 else 1900 + year, month, day)
    except ValueError:
        return False
    return True


class LinkFault(StrEnum):
    """Why an enrolment link does not open."""

    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


def link_fault(
    *, used_at: datetime | None, revoked_at: datetime | None, expires_at: datetime, now: datetime
) -> LinkFault | None:
    """Why a link does not open at `now`; None when it does. A used link says so even when it has expired
    since."""
    if used_at is not None:
        return LinkFault.USED
    if revoked_at is not None:
        return LinkFault.REVOKED
    return LinkFault.EXPIRED if now >= expires_at else None


def idle_too_long(seen: int, *, now: datetime) -> bool:
    """Whether a desk last seen at `seen` (seconds since 1970) has been left alone for 30 minutes or more."""
    return now.timestamp() - seen >= IDLE_AT_MOST.total_seconds()


def stamp_due(seen: int, *, now: datetime) -> bool:
    """Whether the stamp of a desk's last act is old enough to be written again."""
    return now.timestamp() - seen >= STAMP_EVERY.total_seconds()


def is_fresh(proved: int | None, *, now: datetime, lasts: timedelta = FRESH_FOR) -> bool:
    """Whether a proof of identity at `proved` (seconds since 1970; None: never) still counts at `now`."""
    return proved is not None and 0 <= now.timestamp() - proved < lasts.total_seconds()


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without its port, means this machine alone."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def takes_passkeys(host: str, *, secure: bool) -> bool:
    """Whether browsers allow passkeys at this host: a name, not an address, over https; or localhost."""
    name = host.strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return secure or name == "localhost"
    return False


_SYSTEMS: Final = (
    ("harmonyos", "HarmonyOS"),
    ("openharmony", "HarmonyOS"),
    ("android", "Android"),
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("windows", "Windows"),
    ("mac os", "Mac"),
    ("linux", "Linux"),
)
_BROWSERS: Final = (
    ("micromessenger", "微信"),
    ("dingtalk", "钉钉"),
    ("edg", "Edge"),
    ("firefox", "Firefox"),
    ("chrome", "Chrome"),
    ("safari", "Safari"),
)


def device_label(user_agent: str) -> str:
    """What a person recognises a phone by in a list: its system and browser, nothing finer."""
    agent = user_agent.lower()
    found = [next((label for sign, label in signs if sign in agent), None) for signs in (_SYSTEMS, _BROWSERS)]
    return " · ".join(label for label in found if label) or "?"
