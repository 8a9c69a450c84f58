from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.notices import rules
from xiangli.notices.rules import (
    ATTEMPTS,
    MOST,
    WITHIN,
    Leaving,
    clean_address,
    delay,
    fill,
    leaves_at,
    masked,
    places_in,
    plan,
)

CHINA = ZoneInfo("Asia/Shanghai")
MINUTE = timedelta(minutes=1)
NIGHT = (time(22), time(7))

moments = st.datetimes(
    min_value=datetime(2024, 1, 1),  # noqa: DTZ001  # the strategy wants naive bounds
    max_value=datetime(2028, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.sampled_from([UTC, CHINA, ZoneInfo("America/New_York")]),
)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def china(text: str) -> datetime:
    return datetime.strptime(text, "%m-%d %H:%M").replace(year=2026, tzinfo=CHINA)


# -- quiet hours


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        ("11-22 21:59", "11-22 21:59"),
        ("11-22 22:00", "11-23 07:00"),
        ("11-22 23:59", "11-23 07:00"),
        ("11-23 00:00", "11-23 07:00"),
        ("11-23 06:59", "11-23 07:00"),
        ("11-23 07:00", "11-23 07:00"),
        ("11-30 22:30", "12-01 07:00"),
    ],
)
def test_at_night_a_message_waits_for_the_morning(now: str, leaves: str) -> None:
    assert leaves_at(china(now), NIGHT) == china(leaves)
    assert leaves_at(china(now), NIGHT, danger=True) == china(now)
    assert leaves_at(china(now), None) == china(now)


def test_quiet_hours_may_lie_within_a_day() -> None:
    noon = (time(12), time(14, 30))
    assert leaves_at(china("11-22 12:00"), noon) == china("11-22 14:30")
    assert leaves_at(china("11-22 11:59"), noon) == china("11-22 11:59")
    assert leaves_at(china("11-22 14:30"), noon) == china("11-22 14:30")


@given(moments, times, times)
def test_what_leaves_never_leaves_in_quiet_hours_and_never_later_than_their_end(
    now: datetime, start: time, end: time
) -> None:
    if start == end:
        return
    at = leaves_at(now, (start, end))
    assert at >= now

    # Minute by minute, by the clock on the wall: is it quiet?
    def quiet(moment: datetime) -> bool:
        minutes = moment.astimezone(CHINA).hour * 60 + moment.astimezone(CHINA).minute
        first, last = start.hour * 60 + start.minute, end.hour * 60 + end.minute
        return (minutes - first) % 1440 < (last - first) % 1440

    assert not quiet(at)
    if at != now:
        assert quiet(now)
        assert quiet(at - MINUTE)
        assert at - now <= timedelta(hours=24)


# -- the digest


@given(st.lists(st.integers(0, 600), max_size=60).map(sorted))
def test_no_ten_minutes_see_more_than_three_leave_and_nothing_is_lost(seconds: list[int]) -> None:
    """Arrivals within some ten minutes, planned as the action does; a held message takes along until it leaves."""
    start = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    leavings: dict[UUID, Leaving] = {}
    carried: dict[UUID, int] = {}
    for second in seconds:
        now = start + second * timedelta(seconds=5)
        planned = plan(leavings.values(), now)
        assert planned.at >= now
        assert planned.at - now <= WITHIN
        if planned.joins is not None:
            assert leavings[planned.joins].at == planned.at
            carried[planned.joins] += 1
            continue
        one = Leaving(new_id(), planned.at, planned.held)
        leavings[one.id], carried[one.id] = one, 1
    assert sum(carried.values()) == len(seconds)
    left = sorted(one.at for one in leavings.values())
    assert all(later - earlier >= WITHIN for earlier, later in zip(left, left[MOST:], strict=False))


def test_the_fourth_is_held_and_takes_the_rest_along() -> None:
    now = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    three = [Leaving(new_id(), now + n * MINUTE, False) for n in range(3)]
    fourth = plan(three, now + 3 * MINUTE)
    assert (fourth.at, fourth.joins, fourth.held) == (now + WITHIN, None, True)
    held = Leaving(new_id(), fourth.at, True)
    assert plan([*three, held], now + 9 * MINUTE).joins == held.id
    # It left at ten past, and so did the first of the three: there is room again.
    assert plan([*three, Leaving(held.id, held.at, False)], now + 12 * MINUTE).joins is None


def test_what_waits_for_a_distant_moment_holds_nothing_back() -> None:
    now = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    tomorrow = [Leaving(new_id(), now + timedelta(hours=9), True) for _n in range(5)]
    assert plan(tomorrow, now) == rules.Plan(now)


# -- trying again


def test_eight_attempts_last_for_hours_and_danger_is_known_within_minutes() -> None:
    waits = [delay(n, 0, danger=False) for n in range(1, ATTEMPTS)]
    assert all(b == 3 * a for a, b in pairwise(waits))
    assert timedelta(hours=4) < sum(waits, timedelta()) < timedelta(hours=6)
    urgent = [delay(n, 0, danger=True) for n in range(1, ATTEMPTS)]
    assert sum(urgent, timedelta()) < timedelta(minutes=3)
    assert delay(1, 1, danger=False) == timedelta(seconds=12)


# -- words


@pytest.mark.parametrize(
    "template", ["{name}", "{number!r}", "{number:>5}", "{0}", "{number.real}", "{", "{lane} }", "{}"]
)
def test_a_template_names_its_places_plainly(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        places_in(template)
    assert fill(template, dict.fromkeys(rules.PLACES, "x")) is None


def test_a_template_is_filled_whole_or_not_at_all() -> None:
    assert fill("{says}：{lane}", {"says": "交给您", "lane": "二巷"}) == "交给您：二巷"
    assert fill("{says}：{lane}", {"says": "交给您"}) is None
    assert fill("{says}：{lane}", {"says": "交给您", "lane": ""}) is None
    assert fill("没有空格", {}) == "没有空格"


@given(st.text(), st.text())
def test_what_is_filled_in_is_not_read_as_a_template(lane: str, says: str) -> None:
    if lane and says:
        assert fill("{says}|{lane}", {"says": says, "lane": lane}) == f"{says}|{lane}"


# -- addresses


@pytest.mark.parametrize(
    ("kind", "typed", "kept", "shown"),
    [
        ("sms", " 138-0000-1234 ", "13800001234", "138****1234"),
        ("sms", "+86 13800001234", "13800001234", "138****1234"),
        ("voice", "0359-6520001", "03596520001", "035****0001"),
        ("voice", "13800001234", "13800001234", "138****1234"),
        ("email", "wang.fang@example.cn", "wang.fang@example.cn", "w***@example.cn"),
        ("wecom", "WangFang", "WangFang", "W***"),
        ("dingtalk", "manager4471", "manager4471", "m***"),
    ],
)
def test_an_address_is_kept_clean_and_shown_masked(kind: str, typed: str, kept: str, shown: str) -> None:
    assert clean_address(kind, typed) == kept
    assert masked(kind, kept) == shown


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("sms", "1380000123"),
        ("sms", "0359-6520001"),
        ("sms", "23800001234"),
        ("sms", "1380000１234"),
        ("voice", "6520001"),
        ("email", "wang"),
        ("email", "wang@example"),
        ("email", "wang@example.cn\nBcc: all@example.cn"),
        ("email", "a" * 250 + "@example.cn"),
        ("wecom", "@all"),
        ("wecom", "wang|@all"),
        ("wecom", "王芳"),
        ("dingtalk", "a,b"),
        ("dingtalk", ""),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_in_words(kind: str, typed: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_address(kind, typed)
    assert refused.value.code == "invalid_address"
    assert refused.value.field == "address"


def test_a_group_has_no_address() -> None:
    with pytest.raises(ValueError, match="no addresses"):
        clean_address("wecom_group", "x")
