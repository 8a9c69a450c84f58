"""The clocks of a matter against the arithmetic: whatever befalls a matter, its rows say what kernel.clocks says of
their start, their limit and their pauses.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import Kind, Length, amber, deadline
from xiangli.kernel.ids import new_id
from xiangli.matters.actions import Clocks, pauses_of
from xiangli.matters.models import Matter

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
NAME = "put_right"
# kinds that need no county's hours, so that no row is read
KINDS = st.sampled_from([Kind.MINUTES, Kind.HOURS, Kind.WORKING_DAYS, Kind.CALENDAR_DAYS])
# what somebody does, how long after the last, by a clock that now and then is set back an hour or forward a day
STEPS = st.tuples(
    st.sampled_from(["pause", "resume", "pause", "resume", "extend", "edit", "start again", "recompute"]),
    st.one_of(st.integers(0, 3000), st.sampled_from([-60, 24 * 60])),
)


def a_matter() -> Matter:
    return Matter(pk=new_id(), workflow="case")


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=KINDS, amount=st.integers(1, 40), steps=st.lists(STEPS, min_size=4, max_size=12))
def test_only_pauses_and_extensions_move_a_deadline(
    kind: Kind, amount: int, steps: list[tuple[str, int]]
) -> None:
    matter = a_matter()
    clocks = Clocks(matter)
    row = clocks.start(NAME, Length(amount, kind), at=START, source="s")
    now = START
    for what, minutes in steps:
        now += timedelta(minutes=minutes)
        before = row.due_at, row.amber_at, row.started_at, row.amount, list(row.pauses)
        match what:
            case "pause":
                clocks.pause(NAME, at=now)
            case "resume":
                clocks.resume(NAME, at=now)
            case "extend":
                clocks.extend(NAME, 2)
            case "edit":
                matter.number, matter.alarm = minutes, "vacant"  # whatever is no clock
                clocks.settle()
            case "start again":
                assert clocks.start(NAME, Length(1, Kind.MINUTES), at=now, source="t") is row
            case _:
                clocks.recompute(row, now=now)
        if what in ("edit", "start again", "recompute"):
            assert before == (row.due_at, row.amber_at, row.started_at, row.amount, list(row.pauses))
        assert (row.due_at is None) == clocks.is_paused(row)
        if not clocks.is_paused(row):
            limit, calendar, pauses = Length(row.amount, kind), calendar_of(""), pauses_of(row)
            found = deadline(START, limit, calendar=calendar, pauses=pauses, roll_over=True)
            assert (row.due_at, row.provisional) == (found.at, found.provisional)
            assert row.amber_at == amber(START, limit, calendar=calendar, pauses=pauses, roll_over=True)
            if before[0] is not None:
                assert row.due_at is not None
                assert row.due_at >= before[0]


def test_a_pause_that_ends_before_it_began_is_none() -> None:
    """The wall clock was set back between: nobody loses a minute, and resuming does not fail."""
    clocks = Clocks(a_matter())
    row = clocks.start(NAME, Length(48, Kind.HOURS), at=START, source="s")
    due = row.due_at
    clocks.pause(NAME, at=START + timedelta(hours=5))
    clocks.resume(NAME, at=START + timedelta(hours=4))
    assert row.due_at == due
    # nor does a pause that begins, by a clock set back, within the one before it
    clocks.pause(NAME, at=START + timedelta(hours=6))
    clocks.resume(NAME, at=START + timedelta(hours=8))
    clocks.pause(NAME, at=START + timedelta(hours=7))
    clocks.resume(NAME, at=START + timedelta(hours=9))
    assert row.due_at == START + timedelta(hours=48 + 2 + 1)
