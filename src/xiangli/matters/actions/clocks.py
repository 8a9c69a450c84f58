"""The clocks of a locked matter: started, paused, resumed, extended and stopped by the workflow, which writes
what changed into the event that changed it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from xiangli.kernel import rows, timers
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import Kind, Length, Pause, WorkingCalendar, amber, deadline
from xiangli.kernel.models import Due
from xiangli.matters.models import Matter, MatterClock
from xiangli.matters.states import Stage
from xiangli.territory.queries import DUTY_HOURS, duty_hours_of

_CHANGING = ("amount", "extended", "pauses", "due_at", "amber_at", "provisional", "stage", "stopped_at")
_PLAIN = (Kind.MINUTES, Kind.HOURS, Kind.CALENDAR_DAYS)  # counted without a county's hours


def timer_of(workflow: str) -> str:
    """The kind of timer that fires the clocks of a workflow's matters."""
    return f"{workflow}.clock"


class Clocks:
    """The clocks that a matter has running, its row being locked (or new).

    `changes` says, for the event, what was done: [what, clock, due at]. Nothing is written before `save`.
    """

    def __init__(self, matter: Matter, live: Iterable[MatterClock] = (), *, background: Collection[str] = ()):
        self.matter = matter
        self.rows = list(live)
        self.changes: list[list[str | None]] = []
        self._background = background  # clocks that a list does not show
        self._new: list[MatterClock] = []
        self._changed: dict[UUID, MatterClock] = {}

    @classmethod
    def load(cls, matter: Matter, *, background: Collection[str] = ()) -> Clocks:
        """Those of one matter. One statement."""
        live = MatterClock.objects.filter(matter=matter, stopped_at=None).order_by("started_at", "id")
        return cls(matter, live, background=background)

    @classmethod
    def load_many(
        cls, matters: Collection[Matter], *, background: Collection[str] = ()
    ) -> dict[UUID, Clocks]:
        """Those of many matters, by matter. One statement."""
        found: dict[UUID, list[MatterClock]] = {matter.pk: [] for matter in matters}
        for row in MatterClock.objects.filter(matter__in=list(found), stopped_at=None).order_by(
            "started_at", "id"
        ):
            found[row.matter_id].append(row)
        return {matter.pk: cls(matter, found[matter.pk], background=background) for matter in matters}

    # -- asking

    def live(self, name: str, about: UUID | None = None) -> MatterClock | None:
        """The clock of this name that has not been stopped; paused or not."""
        return next((row for row in self.rows if (row.name, row.about) == (name, about)), None)

    def is_paused(self, row: MatterClock) -> bool:
        return bool(row.pauses) and row.pauses[-1][1] is None

    def next_moment(self) -> datetime | None:
        """When the next of them turns amber or red; None where all that will has happened."""
        moments = [moment for row in self.rows if (moment := _next_of(row)) is not None]
        return min(moments, default=None)

    # -- changing

    def start(
        self, name: str, length: Length, *, at: datetime, source: str, about: UUID | None = None
    ) -> MatterClock:
        """Let a clock run from `at`. A live one of the same name and subject stays as it is: nothing that is
        edited begins anew."""
        if (known := self.live(name, about)) is not None:
            return known
        row = MatterClock(
            matter=self.matter,
            name=name,
            about=about,
            amount=length.amount,
            kind=length.kind,
            source=source,
            started_at=at,
            pauses=[],
        )
        self._reckon(row)
        self.rows.append(row)
        self._new.append(row)
        self._say("start", row)
        return row

    def stop(self, name: str, *, at: datetime, about: UUID | None = None) -> None:
        """End a clock; nothing where none of the name runs."""
        if (row := self.live(name, about)) is None:
            return
        if self.is_paused(row):
            row.pauses = [*row.pauses[:-1], [row.pauses[-1][0], at.isoformat()]]
        row.stopped_at = at
        self.rows.remove(row)
        self._touch(row, "stop")

    def pause(self, name: str, *, at: datetime) -> None:
        """Stop the count; it goes on where it was with `resume`."""
        row = self.live(name)
        if row is None or self.is_paused(row):
            return
        if row.pauses:  # the wall clock may have been set back since: pauses lie apart
            at = max(at, datetime.fromisoformat(row.pauses[-1][1]))
        row.pauses = [*row.pauses, [at.isoformat(), None]]
        row.due_at = row.amber_at = None
        self._touch(row, "pause")

    def resume(self, name: str, *, at: datetime) -> None:
        """Count on: the deadline moves by what the pause took."""
        row = self.live(name)
        if row is None or not self.is_paused(row):
            return
        since = row.pauses[-1][0]
        at = max(at, datetime.fromisoformat(since))  # as above
        row.pauses = [*row.pauses[:-1], [since, at.isoformat()]]
        self._reckon(row)
        self._touch(row, "resume")

    def extend(self, name: str, amount: int) -> None:
        """Add to a live clock's limit, in its own kind."""
        row = self.live(name)
        assert row is not None  # the rule has asked
        row.amount += amount
        row.extended += amount
        row.stage = Stage.GREEN
        self._reckon(row)
        self._touch(row, "extend")

    def recompute(self, row: MatterClock, *, now: datetime) -> None:
        """Count again by the calendar as it is known now. What was red by a wrong day is so no more."""
        before = row.due_at
        self._reckon(row)
        if row.due_at is not None and row.due_at > now:
            row.stage = Stage.GREEN
        if row.due_at != before:
            self._touch(row, "recompute")
        else:
            self._changed[row.pk] = row

    def reach(self, row: MatterClock, stage: Stage) -> None:
        """A clock has come to its next stage."""
        row.stage = stage
        self._touch(row, str(stage))

    # -- writing

    def settle(self) -> None:
        """Set on the matter's (unsaved) row which clock runs out next, for lists."""
        shown = [row for row in self.rows if row.due_at is not None and row.name not in self._background]
        first = min(shown, key=lambda row: row.due_at or row.started_at, default=None)
        self.matter.next_clock = first.name if first else ""
        self.matter.next_clock_at = first.due_at if first else None
        self.matter.next_amber_at = first.amber_at if first else None

    def born(self) -> list[MatterClock | Due]:
        """The rows of a new matter, which travel beside its own."""
        moment = self.next_moment()
        due = [timers.due(timer_of(self.matter.workflow), self.matter.pk, moment)] if moment else []
        return [*self._new, *due]

    def save(self) -> None:
        """Write what changed, and when the next moment is."""
        save_clocks([self])

    # -- counting

    def _reckon(self, row: MatterClock) -> None:
        if self.is_paused(row):
            row.due_at = row.amber_at = None
            return
        length, calendar = Length(row.amount, Kind(row.kind)), self._calendar(Kind(row.kind))
        pauses = pauses_of(row)
        # A period that ends on a day of rest ends with the next working day (Civil Code, Art 203).
        found = deadline(row.started_at, length, calendar=calendar, pauses=pauses, roll_over=True)
        row.due_at, row.provisional = found.at, found.provisional
        row.amber_at = amber(row.started_at, length, calendar=calendar, pauses=pauses, roll_over=True)

    def _calendar(self, kind: Kind) -> WorkingCalendar:
        return calendar_of(DUTY_HOURS if kind in _PLAIN else duty_hours_of(self.matter.county_id))

    def _touch(self, row: MatterClock, what: str) -> None:
        if row not in self._new:
            self._changed[row.pk] = row
        self._say(what, row)

    def _say(self, what: str, row: MatterClock) -> None:
        self.changes.append([what, row.name, row.due_at.isoformat() if row.due_at else None])


def pauses_of(row: MatterClock) -> list[Pause]:
    """The pauses of a clock as moments."""
    return [
        (datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)
        for start, end in row.pauses
    ]


def _next_of(row: MatterClock) -> datetime | None:
    if row.stage == Stage.GREEN and row.amber_at is not None:
        return row.amber_at
    return row.due_at if row.stage != Stage.RED else None


def save_clocks(many: Collection[Clocks]) -> None:
    """Write the changes of many matters' clocks, in as many statements as for one."""
    changed = [row for clocks in many for row in clocks._changed.values()]
    if changed:
        rows.update(changed, _CHANGING)
    # after those that were stopped: at most one of a name is live
    rows.insert(row for clocks in many for row in clocks._new)
    moments: dict[str, dict[UUID, datetime | None]] = {}
    for clocks in many:
        kind = timer_of(clocks.matter.workflow)
        moments.setdefault(kind, {})[clocks.matter.pk] = clocks.next_moment()
    for kind, by_matter in moments.items():
        timers.set_many(kind, by_matter)
    for clocks in many:
        clocks._new, clocks._changed = [], {}


def as_data(clocks: Clocks) -> dict[str, Any]:
    """What the event says of the clocks."""
    return {"clocks": clocks.changes} if clocks.changes else {}
