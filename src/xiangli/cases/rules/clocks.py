"""Which clocks run in which state of a case, and by what limits. Facts in, changes out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from xiangli.cases.states import ClockName, State
from xiangli.kernel.clocks import Kind, Length

C, S = ClockName, State


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit as it was in force on a case's day, with the rule it comes from."""

    length: Length
    source: str

    @property
    def days(self) -> int:
        """The length in days, rounded up."""
        return days_of(self.length.amount, self.length.kind)


# What a day is in each kind of measure: people ask for days, whatever the clock counts.
PER_DAY: Final[Mapping[str, int]] = {
    Kind.MINUTES: 24 * 60,
    Kind.HOURS: 24,
    Kind.DUTY_HOURS: 8,
    Kind.WORKING_DAYS: 1,
    Kind.CALENDAR_DAYS: 1,
}


def days_of(amount: int, kind: str) -> int:
    """A length in days, rounded up."""
    return -(-amount // PER_DAY[kind])


# A county may delete a limit by mistake; no case is ever without a clock for that.
_WITHOUT_A_ROW: Final = Bound(Length(72, Kind.HOURS), "临猗县社会治理办法：慢的3天内必须解决（2018）")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a category in force on one day, by the name of what they bound."""

    bounds: Mapping[str, Bound] = field(default_factory=dict)

    def of(self, name: str) -> Bound:
        """The limit of this name; where a county has none, the longest that any matter may take (72 hours)."""
        return self.bounds.get(name, _WITHOUT_A_ROW)


# Clocks of the loop itself: what each state runs, and what it holds still. Nothing else of the loop runs.
RUNS: Final[Mapping[State, frozenset[ClockName]]] = {
    S.REPORTED: frozenset({C.RESPOND, C.PUT_RIGHT}),
    S.ASSIGNED: frozenset({C.RESPOND, C.PUT_RIGHT}),
    S.IN_PROGRESS: frozenset({C.PUT_RIGHT}),
    S.SUSPENDED: frozenset({C.SUSPENSION}),
    S.TO_VERIFY: frozenset({C.VERIFY}),
    S.RESOLVED: frozenset({C.FEED_BACK}),
}
HOLDS: Final[Mapping[State, frozenset[ClockName]]] = {
    S.SUSPENDED: frozenset({C.PUT_RIGHT}),
    S.TO_VERIFY: frozenset({C.PUT_RIGHT}),  # while another person looks, the handler's time stands still
}
LOOP: Final = frozenset({C.RESPOND, C.PUT_RIGHT, C.VERIFY, C.FEED_BACK, C.SUSPENSION})
BACKGROUND: Final = frozenset({C.ESCALATE, C.PART})  # not what a list shows as the time left
# a breach of these brings the level above in
BREACHES: Final = frozenset({C.RESPOND, C.PUT_RIGHT, C.VERIFY, C.FEED_BACK, C.ANSWER})


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the clocks as a case enters a state, each a list of names."""

    start: tuple[ClockName, ...] = ()
    stop: tuple[str, ...] = ()
    pause: tuple[ClockName, ...] = ()
    resume: tuple[ClockName, ...] = ()


def plan(state: str, live: Collection[str], *, begins: bool = False) -> Plan:
    """The changes that bring the clocks in `live` to what `state` runs.

    A round begins with the report and with each reopening: then all clocks start anew. Within a round the time to
    respond starts once only: whoever returns or hands up a case wins no time by it.
    """
    if state not in RUNS:
        return Plan(stop=tuple(sorted(live)))
    runs, holds = RUNS[State(state)], HOLDS.get(State(state), frozenset())
    wanted = runs if begins else runs - {C.RESPOND, C.SUSPENSION}
    gone = set(live) if begins else {name for name in live if name in LOOP and name not in runs | holds}
    stays = set(live) - gone
    return Plan(
        start=tuple(name for name in ClockName if name in wanted and name not in stays),
        stop=tuple(sorted(gone)),
        pause=tuple(name for name in ClockName if name in holds and name in stays),
        resume=tuple(name for name in ClockName if name in runs and name in stays),
    )
