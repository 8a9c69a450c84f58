from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.web.rules import AMBER_AT_MOST, Colour, Near, Unit, lamp_of, nearness, span_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 6, 20, tzinfo=UTC)  # 14:20 in Shanghai
_ONE = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1), Unit.DAY: timedelta(days=1)}
lengths = st.timedeltas(min_value=timedelta(days=-4000), max_value=timedelta(days=4000))
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is beside it


@given(lengths)
def test_span_never_promises_more_than_there_is_nor_loses_a_whole_unit(length: timedelta) -> None:
    span = span_of(length)
    said = span.count * _ONE[span.unit]
    assert span.count >= 1
    assert said <= max(abs(length), timedelta(minutes=1))
    assert abs(length) - said < _ONE[span.unit]


@given(lengths)
def test_span_is_the_same_before_and_after(length: timedelta) -> None:
    assert span_of(length) == span_of(-length)


@pytest.mark.parametrize(
    ("length", "count", "unit"),
    [
        (timedelta(seconds=1), 1, Unit.MINUTE),
        (timedelta(minutes=59, seconds=59), 59, Unit.MINUTE),
        (timedelta(hours=1), 1, Unit.HOUR),
        (timedelta(hours=47, minutes=59), 47, Unit.HOUR),
        (timedelta(hours=48), 2, Unit.DAY),
    ],
)
def test_span_changes_its_unit_at_the_edges(length: timedelta, count: int, unit: Unit) -> None:
    assert (span_of(length).count, span_of(length).unit) == (count, unit)


@given(moments, moments, moments, moments)
def test_lamp_only_ever_moves_from_green_over_amber_to_red(
    since: datetime, due: datetime, first: datetime, later: datetime
) -> None:
    order = [Colour.GREEN, Colour.AMBER, Colour.RED]
    earlier, later = sorted((first, later))
    before, after = lamp_of(due, now=earlier, since=since), lamp_of(due, now=later, since=since)
    assert order.index(before.colour) <= order.index(after.colour)


def test_lamp_is_red_from_the_very_moment_and_off_without_a_clock() -> None:
    assert lamp_of(NOW, now=NOW).colour is Colour.RED
    assert lamp_of(NOW, now=NOW - timedelta(microseconds=1)).colour is Colour.AMBER
    assert lamp_of(None, now=NOW).colour is Colour.OFF
    assert lamp_of(None, now=NOW).span is None


def test_lamp_turns_amber_in_the_last_quarter_but_never_earlier_than_a_day() -> None:
    since = NOW - timedelta(hours=6)
    assert lamp_of(NOW + timedelta(hours=2, seconds=1), now=NOW, since=since).colour is Colour.GREEN
    assert lamp_of(NOW + timedelta(hours=2), now=NOW, since=since).colour is Colour.AMBER
    month = NOW - timedelta(days=30)
    assert lamp_of(NOW + AMBER_AT_MOST, now=NOW, since=month).colour is Colour.AMBER
    assert lamp_of(NOW + AMBER_AT_MOST + timedelta(minutes=1), now=NOW, since=month).colour is Colour.GREEN


@pytest.mark.parametrize(
    ("at", "near"),
    [
        ("2026-11-22T00:00:00+08:00", Near.TODAY),
        ("2026-11-21T16:00:00+00:00", Near.TODAY),  # the day of the zone, not of UTC
        ("2026-11-21T23:59:59+08:00", Near.YESTERDAY),
        ("2026-11-23T00:00:00+08:00", Near.TOMORROW),
        ("2026-11-24T00:00:00+08:00", Near.THIS_YEAR),
        ("2026-01-01T00:00:00+08:00", Near.THIS_YEAR),
        ("2025-12-31T23:59:00+08:00", Near.OTHER_YEAR),
    ],
)
def test_nearness_names_the_day_of_the_zone(at: str, near: Near) -> None:
    assert nearness(datetime.fromisoformat(at), now=NOW, zone=SHANGHAI) is near


@given(moments, moments)
def test_nearness_yesterday_is_tomorrow_seen_from_the_other_side(one: datetime, other: datetime) -> None:
    opposite = {Near.YESTERDAY: Near.TOMORROW, Near.TOMORROW: Near.YESTERDAY}
    there, back = nearness(one, now=other, zone=SHANGHAI), nearness(other, now=one, zone=SHANGHAI)
    assert opposite.get(there, there) is back
