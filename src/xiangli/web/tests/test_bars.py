"""A clock drawn: where its stretches lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from xiangli.web.bars import Stretch, bar_of

START = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_running_clock_ends_where_it_is_due() -> None:
    bar = bar_of(START, START + 10 * HOUR, now=START + 4 * HOUR, amber_at=START + 8 * HOUR)
    assert bar.gone == Stretch("0.00%", "40.00%")
    assert (bar.amber, bar.due, bar.now) == ("80.00%", "100.00%", "40.00%")
    assert (bar.pauses, bar.added, bar.over) == ((), None, None)


def test_one_that_is_over_ends_now_and_shows_by_how_much() -> None:
    bar = bar_of(START, START + 8 * HOUR, now=START + 10 * HOUR)
    assert bar.gone == Stretch("0.00%", "80.00%")
    assert bar.over == Stretch("80.00%", "20.00%")
    assert bar.due == "80.00%"


def test_one_that_stands_still_has_no_end() -> None:
    pause = (START + 4 * HOUR, None)
    bar = bar_of(START, None, now=START + 8 * HOUR, pauses=[pause])
    assert bar.pauses == (Stretch("40.00%", "40.00%"),)
    assert bar.gone == Stretch("0.00%", "80.00%")
    assert (bar.due, bar.amber) == ("", "")


def test_pauses_that_ended_and_what_extensions_added() -> None:
    pause = (START + HOUR, START + 3 * HOUR)
    bar = bar_of(START, START + 10 * HOUR, now=START + 4 * HOUR, pauses=[pause], added=0.5)
    assert bar.pauses == (Stretch("10.00%", "20.00%"),)
    assert bar.added == Stretch("50.00%", "50.00%")


_MINUTES = st.integers(-10_000, 100_000).map(lambda minutes: timedelta(minutes=minutes))


@given(now=_MINUTES, due=st.none() | _MINUTES, amber=st.none() | _MINUTES, pause=st.none() | _MINUTES)
def test_nothing_ever_stands_out_of_the_bar(
    now: timedelta, due: timedelta | None, amber: timedelta | None, pause: timedelta | None
) -> None:
    """Clocks are set back and forward; a limit may lie before its start after a calendar was mended."""
    bar = bar_of(
        START,
        None if due is None else START + due,
        now=START + now,
        amber_at=None if amber is None else START + amber,
        pauses=[] if pause is None else [(START + pause, None)],
    )
    for stretch in (bar.gone, *bar.pauses, *filter(None, (bar.over, bar.added))):
        begins, width = float(stretch.x[:-1]), float(stretch.width[:-1])
        assert 0 <= begins <= 100
        assert 0 <= width <= 100.01 - begins
    for tick in filter(None, (bar.amber, bar.due, bar.now)):
        assert 0 <= float(tick[:-1]) <= 100
