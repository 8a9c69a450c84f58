"""A clock as a bar: where its stretches lie, in hundredths of its width. Pure; data and `now` in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_LEAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the bar: where it begins and how wide it is, as SVG says it ("12.5%")."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A clock drawn from its start to its end: how much is gone, what of it stood still, what extensions added,
    and where it turns amber, is due, and is now. "" and nothing where there is no such thing."""

    gone: Stretch
    pauses: tuple[Stretch, ...] = ()
    added: Stretch | None = None
    over: Stretch | None = None  # past its time
    amber: str = ""
    due: str = ""
    now: str = ""


def bar_of(
    start: datetime,
    due_at: datetime | None,
    *,
    now: datetime,
    amber_at: datetime | None = None,
    pauses: Sequence[tuple[datetime, datetime | None]] = (),
    added: float = 0.0,
) -> Bar:
    """Draw a clock that began at `start`. The bar ends at `due_at`, or now where that is later; a clock that
    stands still (no `due_at`) ends a fifth after now, because nobody knows its end. `added` is the share of its
    time that extensions are, 0 to 1."""
    now = max(now, start)
    beyond = now + (now - start) / 4
    end = max(beyond if due_at is None else max(due_at, now), start + _LEAST)
    whole = (end - start).total_seconds()

    def at(moment: datetime) -> float:
        return min(max((moment - start).total_seconds() / whole, 0.0), 1.0)

    def stretch(since: datetime, until: datetime) -> Stretch:
        return Stretch(_percent(at(since)), _percent(max(at(until) - at(since), 0.0)))

    return Bar(
        gone=stretch(start, now if due_at is None else min(now, due_at)),
        pauses=tuple(stretch(since, until or now) for since, until in pauses),
        added=stretch(due_at - (due_at - start) * added, due_at) if due_at and added else None,
        over=stretch(due_at, now) if due_at and now > due_at else None,
        amber=_percent(at(amber_at)) if amber_at and due_at else "",
        due=_percent(at(due_at)) if due_at else "",
        now=_percent(at(now)),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"
