"""What holds of every case at every moment, whatever was done: asked of the rows alone, by a second reckoning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from xiangli.accounts.models import User
from xiangli.cases.models import Case
from xiangli.cases.queries import limits_of
from xiangli.cases.rules import BACKGROUND, BREACHES, LOOP
from xiangli.cases.states import OPEN_STATES, TABLE, ClockName, State
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import Kind, Length, deadline
from xiangli.kernel.ledger.chain import hash_of
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.matters.actions.clocks import pauses_of
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterLink, MatterSubject
from xiangli.matters.queries import history
from xiangli.matters.states import GrantKind, Stage
from xiangli.territory.queries import actor_for, duty_hours_of, people_in_seats
from xiangli.territory.rules import OUTSIDE, seat_of

C, S = ClockName, State
# Written out once more, so that a slip in the rules shows: the clocks that each state has, running or held still.
RUN: Final = {
    S.REPORTED: {C.PUT_RIGHT},
    S.ASSIGNED: {C.PUT_RIGHT},
    S.IN_PROGRESS: {C.PUT_RIGHT},
    S.SUSPENDED: {C.SUSPENSION},
    S.TO_VERIFY: {C.VERIFY},
    S.RESOLVED: {C.FEED_BACK},
}
HELD: Final = {S.SUSPENDED: {C.PUT_RIGHT}, S.TO_VERIFY: {C.PUT_RIGHT}}
WAITS: Final = {S.REPORTED, S.ASSIGNED}  # nobody has responded yet
# What is done to a case by rule and is no transition of its loop: where it may lead from a state.
BESIDES: Final = {
    "reseat_case": {S.REPORTED},
    "release_case": {S.ASSIGNED},
    "move_case": {S.REPORTED, S.ASSIGNED},
}
ENDED_BY: Final = {
    S.CLOSED: {"close_case", "confirm_case"},
    S.DECLINED: {"decline_case"},
    S.WITHDRAWN: {"withdraw_case"},
    S.MERGED: {"merge_case"},
}


def check(matter: Matter, *, now: datetime) -> None:
    """Assert that a stored case is whole. `matter` comes with its case and category."""
    events = list(LedgerEvent.objects.filter(stream=matter.pk).order_by("seq"))
    _holder(matter)
    _events(matter, events)
    _clocks(matter, events)
    _timer(matter)
    _end(matter, events)
    _grants(matter, events)
    assert matter.reported_at <= matter.changed_at <= now
    assert (matter.closed_at is None) == (matter.state in OPEN_STATES)


def _holder(matter: Matter) -> None:
    if matter.holder_post_id is None:
        assert matter.holder_seat == OUTSIDE
    else:
        assert matter.holder_seat == seat_of(matter.holder_unit_id, matter.holder_post_id)
    if matter.state in OPEN_STATES - {
        State.SUSPENDED
    }:  # somebody has it in hand exactly while it is worked on
        assert (matter.handler_id is not None) == (matter.state == State.IN_PROGRESS)


def _events(matter: Matter, events: Sequence[LedgerEvent]) -> None:
    """One chain, and a way through the table from the birth to where the case stands."""
    assert [event.seq for event in events] == list(range(1, matter.event_seq + 1))
    assert bytes(matter.event_head) == bytes(events[-1].hash) == hash_of(events[-1])
    assert events[0].kind == "report_case"
    state, resolver, turns = events[0].data["to"], None, 0
    for event in events[1:]:
        if "to" not in event.data:  # an act that leaves it where it is, and no form is outdated by it
            continue
        assert event.data["from"] == state
        to = event.data["to"]
        if event.kind in BESIDES:
            assert to == state or to in BESIDES[event.kind]
        else:
            row = TABLE[event.kind]
            assert state in row.sources
            assert to in row.targets if row.targets else to == state
            assert (event.actor is None) == (row.by_reporter or row.by_rule)
        if event.kind == "verify_case":
            assert event.actor != resolver
        if event.kind in ("resolve_case", "handle_on_spot"):
            resolver = event.actor
        # amber and red outdate no form: nothing that people may do has changed
        turns += to != state or event.kind not in ("confirm_case", "amber_case", "overdue_case")
        state = to
    assert (state, turns) == (matter.state, matter.turn)


def _clocks(matter: Matter, events: Sequence[LedgerEvent]) -> None:
    """Exactly those of the state, begun with the round and never since."""
    rows = list(MatterClock.objects.filter(matter=matter))
    live = [row for row in rows if row.stopped_at is None]
    still = {row.name for row in live if row.pauses and row.pauses[-1][1] is None}
    by_loop = {row.name for row in live if row.name in LOOP}
    begun, waited = [], True
    for event in events:
        if event.kind in ("report_case", "reopen_case"):
            begun.append(event.at)
            waited = True
        waited = waited and event.data.get("to", S.REPORTED) in WAITS
    if matter.state not in OPEN_STATES:
        assert not live
    else:
        state = S(matter.state)
        response = {C.RESPOND} if waited else set()
        assert by_loop == RUN[state] | HELD.get(state, set()) | response
        assert still == HELD.get(state, set())
        assert {row.about for row in live if row.name == C.PART} == _open(matter.case, "parts", "done_at")
        assert {row.about for row in live if row.name == C.ANSWER} == _open(
            matter.case, "orders", "answered_at"
        )
        own = matter.case.orders.filter(answered_at=None, by_seat=matter.holder_seat)
        assert not own.exists(), "nobody waits for their own answer"
    given = matter.case.extensions.filter(approved=True, asked_at__gte=begun[-1])
    for row in live:
        if row.name == C.PUT_RIGHT:  # in hours
            assert row.extended == 24 * sum(given.values_list("days", flat=True))
    for name in (
        C.RESPOND,
        C.PUT_RIGHT,
    ):  # no edit begins one anew: at most one for each round, from its beginning
        starts = [row.started_at for row in rows if row.name == name]
        assert len(starts) == len(set(starts))
        assert set(starts) <= set(begun)
    limits, calendar = (
        limits_of(matter.case.category, on=matter.reported_at),
        calendar_of(duty_hours_of(matter.county_id)),
    )
    for row in live:
        length = Length(row.amount, Kind(row.kind))
        if row.name != C.SUSPENSION:  # whose length was chosen
            assert length == Length(
                limits.of(row.name).length.amount + row.extended, limits.of(row.name).length.kind
            )
        if row.name in still:
            assert row.due_at is None
        else:
            due = deadline(row.started_at, length, calendar=calendar, pauses=pauses_of(row), roll_over=True)
            assert row.due_at == due.at
    _escalation(matter, live, still)


def _open(case: Case, rows: str, done: str) -> set[UUID]:
    return set(getattr(case, rows).filter(**{done: None}).values_list("pk", flat=True))


def _escalation(matter: Matter, live: Sequence[MatterClock], still: set[str]) -> None:
    """The way up runs exactly while a promise is broken and there is a level above."""
    broken = any(row.stage == Stage.RED and row.name in BREACHES and row.name not in still for row in live)
    inside = matter.holder_post_id is not None
    above = inside and (matter.visibility == "sealed" or matter.holder_unit_id != matter.county_id)
    runs = any(row.name == C.ESCALATE for row in live)
    if runs:
        assert broken
        assert above
    elif broken:
        assert not above or matter.alarm == "top"


def _timer(matter: Matter) -> None:
    """One moment is set for it: when the next clock turns amber or red. What a list shows is the first promise."""
    live = MatterClock.objects.filter(matter=matter, stopped_at=None, due_at__isnull=False)
    moments = [
        row.amber_at if row.stage == Stage.GREEN else row.due_at for row in live if row.stage != Stage.RED
    ]
    rows = Due.objects.filter(kind="case.clock", subject=matter.pk)
    assert list(rows.values_list("at", flat=True)) == ([min(filter(None, moments))] if moments else [])
    assert not rows.filter(attempts__gt=0).exists(), "a clock failed to fire"
    shown = [row for row in live if row.name not in BACKGROUND]
    if shown:
        first = min(row.due_at for row in shown if row.due_at)
        of_it = [(row.name, row.due_at, row.amber_at) for row in shown if row.due_at == first]
        assert (matter.next_clock, matter.next_clock_at, matter.next_amber_at) in of_it
    else:
        assert (matter.next_clock, matter.next_clock_at, matter.next_amber_at) == ("", None, None)


def _end(matter: Matter, events: Sequence[LedgerEvent]) -> None:
    """None ends without its reporter's word, or words to the reporter."""
    assert len(history(matter)) == len(events)
    if matter.state in OPEN_STATES:
        return
    last = [event for event in events if "to" in event.data and event.data["to"] != event.data.get("from")][
        -1
    ]
    assert last.kind in ENDED_BY[S(matter.state)]
    words = next(row.words for row in history(matter) if row.id == last.pk)
    if last.kind in ("close_case", "decline_case"):
        assert words["note"]
        assert matter.case.confirm_until is not None
    if last.kind == "decline_case":
        assert words["where"]
    if last.kind == "merge_case":
        into = MatterLink.objects.get(matter=matter, kind="merged").other
        assert (
            LedgerEvent.objects.filter(stream=into.pk, kind="merge_in", data__from=str(matter.pk)).count()
            == 1
        )


def _grants(matter: Matter, events: Sequence[LedgerEvent]) -> None:
    """Whoever was asked for something can see what about."""
    seats = set(MatterGrant.objects.filter(matter=matter, ended_at=None).values_list("seat", flat=True))
    supervising = {event.data["supervisor"] for event in events if event.data.get("supervisor")}
    assert supervising - {OUTSIDE} <= set(
        MatterGrant.objects.filter(matter=matter, kind=GrantKind.SUPERVISOR).values_list("seat", flat=True)
    )
    assert set(matter.case.parts.values_list("seat", flat=True)) <= seats
    assert set(matter.case.orders.values_list("by_seat", flat=True)) <= seats


def check_fence(people: Iterable[User], *, now: datetime) -> None:
    """Each of `people` sees exactly what the territory and the grants let through, and nothing about themselves."""
    matters = list(Matter.objects.all())
    subjects: dict[UUID, set[UUID]] = {matter.pk: set() for matter in matters}
    for matter_id, user_id in MatterSubject.objects.values_list("matter_id", "user_id"):
        subjects[matter_id].add(user_id)
    granted: dict[UUID, set[str]] = {matter.pk: set() for matter in matters}
    for matter_id, seat in MatterGrant.objects.filter(ended_at=None).values_list("matter_id", "seat"):
        granted[matter_id].add(seat)
    holders = people_in_seats({matter.holder_seat for matter in matters}, at=now)
    for user in people:
        actor = actor_for(user, at=now)
        seen = set(Matter.objects.visible_to(actor).values_list("pk", flat=True))
        for matter in matters:
            barred = user.pk in subjects[matter.pk]
            may = matter.visibility == "ordinary" and any(
                matter.place_path.startswith(path) for path in actor.scope_paths
            )
            expected = not barred and (may or bool(granted[matter.pk] & set(actor.seats)))
            assert (matter.pk in seen) == expected
            if user.pk in holders[matter.holder_seat] and not barred:
                assert matter.pk in seen, "whoever has the ball sees it"
    for matter in matters:
        # a complaint made where every post stands empty is about nobody
        assert not subjects[matter.pk] or matter.visibility != "ordinary"
        assert matter.handler_id not in subjects[matter.pk]


def check_nobody_waits_in_vain(matter: Matter, *, now: datetime) -> None:
    """After empty seats were looked through: somebody who may see it has an open case, or the organ outside."""
    about = set(MatterSubject.objects.filter(matter=matter).values_list("user_id", flat=True))
    there = people_in_seats([matter.holder_seat], at=now)[matter.holder_seat] - about
    assert there or matter.holder_seat == OUTSIDE or _in_hand(matter, now), matter.holder_seat


def _in_hand(matter: Matter, now: datetime) -> bool:
    return matter.handler is not None and bool(actor_for(matter.handler, at=now).held)
