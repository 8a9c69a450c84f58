from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.accounts import rules
from xiangli.accounts.rules import LinkFault, PinFault

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
moments = st.integers(1_000_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.text(max_size=12))
def test_pin_fault_takes_six_ascii_digits_only(pin: str) -> None:
    six_digits = len(pin) == 6 and all(c in "0123456789" for c in pin)
    assert (rules.pin_fault(pin) is PinFault.NOT_SIX_DIGITS) == (not six_digits)


@pytest.mark.parametrize("pin", ["１２３４５９", "٤٨٢٩١٣", "482 13", "48291", "4829133", "", "4829.1"])
def test_pin_fault_refuses_other_digits_and_lengths(pin: str) -> None:
    assert rules.pin_fault(pin) is PinFault.NOT_SIX_DIGITS


@given(start=st.integers(0, 9), step=st.integers(0, 9))
def test_pin_fault_refuses_every_run(start: int, step: int) -> None:
    assert rules.pin_fault("".join(str((start + i * step) % 10) for i in range(6))) is PinFault.EASY


@given(st.integers(0, 99), st.integers(0, 999))
def test_pin_fault_refuses_repetitions(pair: int, triple: int) -> None:
    assert rules.pin_fault(f"{pair:02}" * 3) is PinFault.EASY
    assert rules.pin_fault(f"{triple:03}" * 2) is PinFault.EASY


@given(st.dates(min_value=date(1930, 1, 1), max_value=date(2069, 12, 31)))
def test_pin_fault_refuses_every_birthday(born: date) -> None:
    assert rules.pin_fault(born.strftime("%y%m%d")) is not None
    assert rules.pin_fault(born.strftime("%Y%m")) is not None


def test_pin_fault_leaves_nine_in_ten() -> None:
    sample = range(0, 1_000_000, 37)
    free = sum(rules.pin_fault(f"{number:06}") is None for number in sample)
    assert free / len(sample) > 0.9


def test_pin_fault_takes_a_good_one() -> None:
    assert rules.pin_fault("482913") is None


@given(issued=moments, waited=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_link_fault_opens_until_72_hours_have_passed(issued: datetime, waited: timedelta) -> None:
    fault = rules.link_fault(
        used_at=None, revoked_at=None, expires_at=issued + rules.LINK_LASTS, now=issued + waited
    )
    assert (fault is None) == (waited < timedelta(hours=72))
    assert fault in (None, LinkFault.EXPIRED)


@given(st.none() | moments, st.none() | moments, moments, moments)
def test_link_fault_never_opens_a_used_or_revoked_link(
    used: datetime | None, revoked: datetime | None, expires: datetime, now: datetime
) -> None:
    fault = rules.link_fault(used_at=used, revoked_at=revoked, expires_at=expires, now=now)
    if used is not None:
        assert fault is LinkFault.USED
    elif revoked is not None:
        assert fault is LinkFault.REVOKED


@pytest.mark.parametrize(("minutes", "out"), [(0, False), (29.9, False), (30, True), (31, True), (600, True)])
def test_idle_too_long_after_thirty_minutes(minutes: float, out: bool) -> None:
    assert rules.idle_too_long(int(NOW.timestamp()), now=NOW + timedelta(minutes=minutes)) is out


@given(moments, st.timedeltas(min_value=timedelta(hours=-1), max_value=timedelta(hours=1)))
def test_is_fresh_counts_the_past_five_minutes_only(proved: datetime, later: timedelta) -> None:
    expected = timedelta(0) <= later < timedelta(minutes=5)
    assert rules.is_fresh(int(proved.timestamp()), now=proved + later) is expected


def test_is_fresh_needs_a_proof() -> None:
    assert rules.is_fresh(None, now=NOW) is False


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_is_loopback_for_this_machine(host: str) -> None:
    assert rules.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "10.0.0.1", "8.8.8.8", "localhost.example.org", "example.org", "::", "unknown"]
)
def test_is_loopback_refuses_all_others(host: str) -> None:
    assert not rules.is_loopback(host)


@pytest.mark.parametrize(
    ("host", "secure", "works"),
    [
        ("localhost", False, True),
        ("xiangli.example.org", True, True),
        ("xiangli.example.org", False, False),
        ("127.0.0.1", False, False),
        ("127.0.0.1", True, False),
        ("[::1]", True, False),
    ],
)
def test_takes_passkeys_wants_a_name_and_a_safe_line(host: str, secure: bool, works: bool) -> None:
    assert rules.takes_passkeys(host, secure=secure) is works


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (Linux; Android 14; V2309A) Chrome/130.0 Mobile Safari/537.36", "Android · Chrome"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            "iPhone · Safari",
        ),
        ("Mozilla/5.0 (Linux; Android 13) Chrome/116.0 MicroMessenger/8.0", "Android · 微信"),
        ("", "?"),
    ],
)
def test_device_label_names_system_and_browser(agent: str, label: str) -> None:
    assert rules.device_label(agent) == label
