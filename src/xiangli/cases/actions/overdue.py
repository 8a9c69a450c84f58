"""What clocks do by themselves: amber, red, a level up. Set-wise: a flood of them costs a few statements, and its
people one line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Model, OuterRef

from xiangli.cases import rules
from xiangli.cases.actions.common import (
    DUTY_CLOSE,
    TOP,
    WAITS_FOR_DESK,
    clocks_of,
    run_clocks,
    run_escalation,
)
from xiangli.cases.actions.timing import state_resumed
from xiangli.cases.actions.ways import next_on_list, told_besides
from xiangli.cases.models import Case, Part
from xiangli.cases.queries import limits_of
from xiangli.cases.states import OPEN_STATES, ClockName, State
from xiangli.kernel import outbox
from xiangli.kernel.calendar import published_years
from xiangli.kernel.clocks import SHANGHAI, announced_with
from xiangli.kernel.models import LedgerPayload, OutboxMessage
from xiangli.kernel.rows import insert, update
from xiangli.matters import actions as matters
from xiangli.matters.actions import By, Clocks, save_clocks
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterSubject
from xiangli.matters.states import GrantKind, Stage, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import who_answers
from xiangli.territory.rules import OUTSIDE, Answer

BY_CLOCK: Final = By(authority="rule:clock")
_LINE: Final = 2000  # cases that one line of the digest stands for at the most
BY_CALENDAR: Final = By(authority="rule:calendar")
_SAVED: Final = (
    *(
        "state",
        "holder_unit",
        "holder_post",
        "holder_seat",
        "handler",
        "alarm",
        "next_clock",
        "next_clock_at",
        "next_amber_at",
    ),
    *("changed_at", "turn", "event_seq", "event_head"),
)


@dataclass(slots=True)
class _Batch:
    """Cases whose moment has come, what is known of them, and what is to be told; each question is asked once."""

    now: datetime
    subjects: dict[UUID, set[UUID]]
    units: dict[UUID, Unit]
    matters: Sequence[UUID] = ()
    parts: dict[UUID, Part] | None = None  # read when the first is asked for
    answers: dict[tuple[Any, ...], Answer] = field(default_factory=dict)
    # by kind, seat and users: the matters, each once, in their order
    told: dict[tuple[str, str, tuple[UUID, ...]], dict[UUID, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    happened: list[Model] = field(default_factory=list)
    moved: list[UUID] = field(default_factory=list)
    granted: list[MatterGrant] = field(default_factory=list)
    supervised: set[tuple[UUID, str]] = field(default_factory=set)

    def above(self, matter: Matter, case: Case) -> Answer | None:
        """The seat that a case goes to next: of a sealed one the next on its list; of any other whoever answers
        one level above the holder, never a subject; None at the top, and outside the county."""
        if matter.holder_post_id is None:
            return None
        if matter.visibility == Visibility.SEALED:
            return self._next_on_list(matter)
        unit = self.units[matter.holder_unit_id]
        if unit.parent_id is None or unit.pk == matter.county_id:
            return None
        excluding = set(self.subjects.get(matter.pk, ()))
        if matter.state == State.TO_VERIFY and case.resolved_by_id is not None:
            excluding.add(case.resolved_by_id)  # who checks is another person
        duty = DUTY_CLOSE if matter.state in WAITS_FOR_DESK else case.category.duty
        key = (unit.parent_id, duty, frozenset(excluding), matter.danger)
        if key not in self.answers:
            assert unit.parent is not None
            self.answers[key] = who_answers(
                unit.parent, duty, at=self.now, excluding=excluding, urgent=matter.danger
            )
        found = self.answers[key]
        # an ordinary case stays where it is, in red; what everybody inside is a subject of goes outside
        return None if found.outside and not self.subjects.get(matter.pk) else found

    def _next_on_list(self, matter: Matter) -> Answer | None:
        key = (matter.pk, "list", matter.holder_seat)
        if key not in self.answers:
            self.answers[key] = next_on_list(matter, at=self.now, excluding=self.subjects.get(matter.pk, ()))
        return self.answers[key]

    def part(self, row: MatterClock) -> Part | None:
        """The share whose clock this is. One statement for all."""
        if self.parts is None:
            self.parts = {part.pk: part for part in Part.objects.filter(case__in=self.matters, done_at=None)}
        return self.parts.get(row.about) if row.about else None

    def tell(
        self,
        matter: Matter,
        kind: str,
        *,
        seat: str = "",
        user: UUID | None = None,
        besides: Collection[UUID] = (),
    ) -> None:
        """Have `user` told, else the seat; and with it those `besides`. Once, whatever clocks say the same."""
        if user is not None:
            self.told[kind, "", (user,)][matter.pk] = None
        elif seat and seat != OUTSIDE:
            self.told[kind, seat, tuple(besides)][matter.pk] = None

    def tell_holder(self, matter: Matter, kind: str) -> None:
        self.tell(matter, kind, seat=matter.holder_seat, user=matter.handler_id)

    def supervise(self, matter: Matter, seat: str) -> None:
        """Let the level above in, once."""
        if seat != OUTSIDE and (matter.pk, seat) not in self.supervised:
            self.supervised.add((matter.pk, seat))
            self.granted.append(
                MatterGrant(matter=matter, seat=seat, kind=GrantKind.SUPERVISOR, granted_at=self.now)
            )

    def messages(self) -> list[OutboxMessage]:
        """One for each that is told of one kind: of one matter or, in a flood, of many."""
        rows = []
        for (kind, seat, users), told in self.told.items():
            ids = list(told)
            what: dict[str, Any] = {"matter": ids[0]} if len(ids) == 1 else {"matters": ids}
            rows.append(
                outbox.message(
                    "notices.tell", {**what, "kind": kind, "seat": seat, "users": list(users)}, now=self.now
                )
            )
        return rows


def fire_clocks(subjects: Sequence[UUID], now: datetime) -> set[UUID]:
    """Do what the clocks of these cases ask for at `now`, and return those that somebody has locked just now:
    they are looked at again. Called inside the timers' transaction; a dozen statements whatever the number."""
    open_ones = Matter.objects.open().filter(workflow="case", pk__in=subjects)
    rows = list(open_ones.select_for_update(skip_locked=True, of=("self",)).order_by("pk"))
    locked = {row.pk for row in rows}
    left = (
        set(open_ones.exclude(pk__in=locked).values_list("pk", flat=True))
        if len(rows) < len(subjects)
        else set()
    )
    if not rows:
        return left
    cases = Case.objects.select_related("category").in_bulk(list(locked))
    clocks = Clocks.load_many(rows, background=rules.BACKGROUND)
    batch = _batch_of(rows, now)
    changed = [row for row in rows if _fire(row, cases[row.pk], clocks[row.pk], batch)]
    # rows of one table side by side: they are all inserted in one statement
    happened = sorted(batch.happened, key=lambda row: isinstance(row, LedgerPayload))
    insert([*happened, *batch.granted, *batch.messages()])
    update(changed, _SAVED)
    if batch.moved:  # what is returned from up there goes to the level above, not to whoever gave it below
        Case.objects.filter(pk__in=batch.moved).update(given_by="")
    save_clocks(list(clocks.values()))
    return left


def _batch_of(rows: Collection[Matter], now: datetime) -> _Batch:
    ids = [row.pk for row in rows]
    private = [row.pk for row in rows if row.visibility != Visibility.ORDINARY]
    subjects: dict[UUID, set[UUID]] = defaultdict(set)
    if private:
        for matter_id, user in MatterSubject.objects.filter(matter__in=private).values_list(
            "matter_id", "user_id"
        ):
            subjects[matter_id].add(user)
    wanted = {row.holder_unit_id for row in rows} | {row.county_id for row in rows}
    units = Unit.objects.select_related("parent").in_bulk(list(wanted))
    there = MatterGrant.objects.filter(matter__in=ids, kind=GrantKind.SUPERVISOR, ended_at=None)
    return _Batch(now, subjects, units, ids, supervised=set(there.values_list("matter_id", "seat")))


def _fire(matter: Matter, case: Case, clocks: Clocks, batch: _Batch) -> bool:
    """What has come due on one case, the oldest first; True where its row changed."""
    now, before = batch.now, matter.event_seq
    for row in sorted(clocks.rows, key=lambda row: (row.due_at or now, row.started_at)):
        if row not in clocks.rows or clocks.is_paused(row) or row.stage == Stage.RED:
            continue
        if row.due_at is not None and row.due_at <= now:
            if row.name == ClockName.SUSPENSION:
                _end_suspension(matter, case, clocks, batch)
            elif row.name == ClockName.ESCALATE:
                _move_up(matter, case, clocks, batch)
            else:
                _breach(matter, case, clocks, row, batch)
        elif row.stage == Stage.GREEN and row.amber_at is not None and row.amber_at <= now:
            clocks.reach(row, Stage.AMBER)
            if row.name not in (ClockName.SUSPENSION, ClockName.ESCALATE):
                _record(matter, "amber_case", clocks, batch, {"clock": row.name})
                _tell_owner(matter, "amber_case", row, batch)
    clocks.settle()
    return matter.event_seq != before


def _record(
    matter: Matter,
    kind: str,
    clocks: Clocks,
    batch: _Batch,
    data: dict[str, Any],
    state: str = "",
    target: str = "",
) -> None:
    """One event by the clock; it says what became of the clocks since the last."""
    data = {"from": matter.state, "to": state or matter.state, **data, **matters.as_data(clocks)}
    words = {"target": target}
    matters.record(matter, kind, by=BY_CLOCK, at=batch.now, data=data, words=words, later=batch.happened)
    clocks.changes.clear()
    # Amber and red change nothing of what people may do: a form that is being filled in meanwhile still counts.
    matter.turn += bool(state)


def _tell_owner(matter: Matter, kind: str, row: MatterClock, batch: _Batch) -> None:
    """Whose clock it is: the seat asked to handle together has its own; all others are the holder's."""
    if row.name == ClockName.PART and (part := batch.part(row)) is not None:
        batch.tell(matter, kind, seat=part.seat)
    else:
        batch.tell_holder(matter, kind)


def _breach(matter: Matter, case: Case, clocks: Clocks, row: MatterClock, batch: _Batch) -> None:
    """The first breach: the level above becomes supervisor and is told; a shorter clock begins to run."""
    clocks.reach(row, Stage.RED)
    if row.name == ClockName.PART:
        _record(matter, "overdue_case", clocks, batch, {"clock": row.name})
        _tell_owner(matter, "overdue_yours", row, batch)
        batch.tell_holder(matter, "overdue_case")
        return
    above = batch.above(matter, case)
    run_escalation(clocks, limits_of(case.category, on=matter.reported_at), now=batch.now)
    if above is None:
        matter.alarm = TOP
    else:
        batch.supervise(matter, above.seat)
        batch.tell(matter, "overdue_case", seat=above.seat, besides=told_besides(matter, above))
    _record(
        matter,
        "overdue_case",
        clocks,
        batch,
        {"clock": row.name, "supervisor": above.seat if above else "", "alarm": matter.alarm},
    )
    batch.tell_holder(matter, "overdue_yours" if above else "top_case")


def _move_up(matter: Matter, case: Case, clocks: Clocks, batch: _Batch) -> None:
    """The second: the case moves to the level above, and the one above that is brought in."""
    above = batch.above(matter, case)
    clocks.stop(ClockName.ESCALATE, at=batch.now)
    if above is None or above.seat == matter.holder_seat:
        matter.alarm = TOP
        _record(matter, "overdue_case", clocks, batch, {"clock": ClockName.ESCALATE, "alarm": TOP})
        batch.tell_holder(matter, "top_case")
        return
    before, handler = matter.holder_seat, matter.handler_id
    state = State(matter.state) if matter.state in WAITS_FOR_DESK else State.REPORTED
    matters.put_in_seat(matter, above)
    matter.alarm = above.alarm
    if above.unit_id not in batch.units:
        batch.units[above.unit_id] = Unit.objects.select_related("parent").get(pk=above.unit_id)
    inside = matter.visibility == Visibility.ORDINARY and matter.place_path.startswith(above.unit_path)
    if not inside and above.seat != OUTSIDE:
        matters.grant_seat(matter, above.seat, GrantKind.HOLDER, at=batch.now)
    following = batch.above(matter, case)
    run_clocks(clocks, case, state, now=batch.now)
    if following is None:
        matter.alarm = TOP
    data = {"seat": above.seat, "from_seat": before, "supervisor": following.seat if following else ""}
    # a worker speaks Chinese, so the post is named as the record keeps it
    _record(
        matter, "move_up_case", clocks, batch, data, state, f"{above.unit_name} {above.post_name}".strip()
    )
    matter.state = state
    matter.changed_at = batch.now
    batch.moved.append(matter.pk)
    batch.tell(matter, "moved_from_you", seat=before, user=handler)
    batch.tell(matter, "move_up_case", seat=above.seat, besides=told_besides(matter, above))
    if following is not None:
        batch.supervise(matter, following.seat)
        batch.tell(matter, "overdue_case", seat=following.seat)


def _end_suspension(matter: Matter, case: Case, clocks: Clocks, batch: _Batch) -> None:
    """What was waited for has had its days: the case goes on, and its clock where it stood."""
    state = state_resumed(matter)
    run_clocks(clocks, case, state, now=batch.now)
    _record(matter, "end_suspension", clocks, batch, {}, state)
    matter.state, matter.changed_at = state, batch.now
    batch.tell_holder(matter, "end_suspension")


def tell_top(now: datetime) -> int:
    """The county's daily digest: what is overdue at the top and waits for a named person; returns how many."""
    rows = Matter.objects.open().filter(workflow="case", alarm=TOP).exclude(holder_post=None)
    by_seat: dict[str, list[UUID]] = defaultdict(list)
    for pk, seat in rows.order_by("due_at", "id").values_list("pk", "holder_seat"):
        by_seat[seat].append(pk)
    outbox.put_many(
        [
            (
                "notices.tell",
                {"matters": ids[start : start + _LINE], "kind": "top_case", "seat": seat, "users": []},
            )
            for seat, ids in by_seat.items()
            for start in range(0, len(ids), _LINE)
        ],
        now=now,
    )
    return sum(map(len, by_seat.values()))


def mend_clocks(now: datetime) -> int:
    """Give every open case that has no live clock (reported before there were any) those of its state; returns
    how many. What has run out meanwhile is red at once, and goes its way."""
    none_live = ~Exists(MatterClock.objects.filter(matter=OuterRef("pk"), stopped_at=None))
    ids = list(Matter.objects.open().filter(none_live, workflow="case").values_list("pk", flat=True))
    for matter_id in ids:
        with transaction.atomic():
            matter = Matter.objects.open().select_for_update(of=("self",)).filter(pk=matter_id).first()
            if matter is None or matter.state not in OPEN_STATES or (clocks := clocks_of(matter)).rows:
                continue
            case = Case.objects.select_related("category").get(pk=matter_id)
            limits = limits_of(case.category, on=matter.reported_at)
            # from the report, as they would have run; what waits for a desk counts from when it came there
            begun = matter.changed_at if matter.state in WAITS_FOR_DESK else matter.reported_at
            for name in rules.plan(matter.state, (), begins=True).start:
                bound = limits.of(name)
                clocks.start(name, bound.length, at=begun, source=bound.source)
            matters.record(matter, "start_clocks", by=BY_CLOCK, at=now, data=matters.as_data(clocks))
            clocks.settle()
            matter.save()
            clocks.save()
    return len(ids)


def recompute_clocks(now: datetime) -> int:
    """Count the provisional deadlines again by a calendar that has been announced since, each by an event;
    returns how many cases that was."""
    live = MatterClock.objects.filter(stopped_at=None, provisional=True, due_at__isnull=False)
    years = published_years()
    known = [
        matter
        for matter, due in live.values_list("matter_id", "due_at")
        if due is not None and announced_with(due.astimezone(SHANGHAI).date()) in years
    ]
    for matter_id in dict.fromkeys(known):
        with transaction.atomic():
            matter = Matter.objects.open().select_for_update(of=("self",)).filter(pk=matter_id).first()
            if matter is None:
                continue
            clocks = clocks_of(matter)
            for row in clocks.rows:
                if row.provisional:
                    clocks.recompute(row, now=now)
            case = Case.objects.select_related("category").get(pk=matter_id)
            run_escalation(clocks, limits_of(case.category, on=matter.reported_at), now=now)
            if clocks.changes:
                matters.record(
                    matter, "recompute_clocks", by=BY_CALENDAR, at=now, data=matters.as_data(clocks)
                )
            clocks.settle()
            matter.save()
            clocks.save()
    return len(set(known))
