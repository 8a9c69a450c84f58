"""The loop driven at random: any person, any act, in any order. What is refused changes nothing, and what
happens leaves every case whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from xiangli.cases import actions, rules
from xiangli.cases.actions import Act, Receipted
from xiangli.cases.models import Case
from xiangli.cases.queries import limits_of
from xiangli.cases.states import OPEN_STATES, TABLE, State
from xiangli.cases.tests.factories import Place, make_place, make_report
from xiangli.kernel import clock, ledger
from xiangli.kernel.files import MEDIA_TYPE
from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger.chain import hash_of
from xiangli.kernel.models import LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterPhoto, MatterSubject
from xiangli.matters.queries import chain_heads, history
from xiangli.territory.models import Standing
from xiangli.territory.queries import actor_for, seat_people
from xiangli.territory.rules import OUTSIDE, seat_of

START = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
STAFF = (
    "lane_head",
    "lane_head_2",
    "deputy",
    "grid_head",
    "village_director",
    "village_clerk",
    "town_desk",
    "county_desk",
)
CATEGORIES = ("voices", "hazards", "facilities", "environment", "service_complaint")
BY_STAFF = sorted(row.action for row in TABLE.values() if not row.by_reporter)
BY_REPORTER = sorted(row.action for row in TABLE.values() if row.by_reporter)

any_case, who, words = (
    st.integers(0, 5),
    st.sampled_from(STAFF),
    st.sampled_from(["", "写明情况：已经去看过"]),
)


class Loop(RuleBasedStateMachine):
    place: ClassVar[Place]  # made once; each run is rolled back to it
    done: ClassVar[Counter[str]]  # how often each act succeeded, over all runs

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.reports: list[Receipted] = []
        self.last: Callable[[], Any] | None = None
        self.around = ExitStack()
        self.around.enter_context(transaction.atomic())
        row = StoredFile.objects.create(
            scope=self.place.county.pk, name="0" * 64, size=1, media_type=MEDIA_TYPE, width=1, height=1,
            created_at=START, touched_at=START + timedelta(days=3650),
        )  # fmt: skip
        self.photo = row

    def teardown(self) -> None:
        with clock.set_to(self.now):
            while ledger.seal_once(self.now):
                pass
            assert ledger.verify_ledger(stream_heads=chain_heads).ok
        transaction.set_rollback(True)
        self.around.close()

    # --- what people do

    def do(self, act: Callable[[], Any]) -> bool:
        """Try an act; what is refused has changed nothing. Whether it was done."""
        before, refusal = self.picture(), None
        try:
            with clock.set_to(self.now):
                act()
        except Refused as refused:
            refusal = refused
        if refusal is not None:
            assert str(refusal.reason).strip()
            assert self.picture() == before
            return False
        self.last = act
        return True

    def picture(self) -> tuple[Any, ...]:
        """All that an act may change."""
        return (
            list(Matter.objects.order_by("pk").values()),
            list(Case.objects.order_by("pk").values()),
            LedgerEvent.objects.count(),
            OutboxMessage.objects.count(),
            MatterPhoto.objects.count(),
        )

    @initialize(category=st.sampled_from(CATEGORIES))
    def first(self, category: str) -> None:
        self.report(category, True)

    @rule(category=st.sampled_from(CATEGORIES), first_lane=st.booleans())
    def report(self, category: str, first_lane: bool) -> None:
        if len(self.reports) < 4:
            with clock.set_to(self.now):
                lane = self.place.lane if first_lane else self.place.lane2
                self.reports.append(make_report(lane, category, contact_phone="13800000000"))

    @rule(
        n=any_case,
        action=st.sampled_from(BY_STAFF),
        name=who,
        note=words,
        photos=st.booleans(),
        data=st.data(),
    )
    def staff_act(self, n: int, action: str, name: str, note: str, photos: bool, data: st.DataObject) -> None:
        """Anybody tries anything."""
        self.by_staff(self.reports[n % len(self.reports)], action, name, note, photos, data)

    @rule(n=any_case, times=st.integers(1, 8), data=st.data())
    def likely_acts(self, n: int, times: int, data: st.DataObject) -> None:
        for _ in range(times):
            self.likely_act(self.reports[n % len(self.reports)], data)
            self.every_case_is_whole()

    def likely_act(self, reported: Receipted, data: st.DataObject) -> None:
        """Somebody who sees the case does what the table allows now, in good faith: so the walk goes deep."""
        matter = Matter.objects.get(pk=reported.matter.pk)
        rows = [row for row in TABLE.from_state(matter.state) if row.action != "withdraw_case"]
        if not rows:
            return
        row = data.draw(st.sampled_from(rows))
        if row.by_reporter:
            self.by_reporter(reported, row.action, "还没有解决，请再来看", 3)
            return
        seeing = [
            name
            for name in STAFF
            if Matter.objects.visible_to(actor_for(self.place.people[name], at=self.now))
            .filter(pk=matter.pk)
            .exists()
        ]
        handling = [name for name in seeing if self.place.people[name].pk == matter.handler_id]
        if seeing:
            name = data.draw(
                st.sampled_from(handling if row.action == "resolve_case" and handling else seeing)
            )
            self.by_staff(reported, row.action, name, "已经去看过，办好了", True, data)

    def by_staff(
        self, reported: Receipted, action: str, name: str, note: str, photos: bool, data: st.DataObject
    ) -> None:
        pictures = (self.photo,) if photos else ()
        act = Act(
            actor=actor_for(self.place.people[name], at=self.now), matter_id=reported.matter.pk, act_id=new_id(),
            note=note, photos_before=pictures, photos_after=pictures,
        )  # fmt: skip
        more: dict[str, Any] = {}
        if action == "assign_case":
            unit = data.draw(
                st.sampled_from([self.place.lane, self.place.lane2, self.place.village, self.place.town])
            )
            post = {self.place.village: "village_director", self.place.town: "town_desk"}.get(
                unit, "lane_head"
            )
            more = {"unit_id": unit.pk, "post_id": self.place.posts[post].pk}
        elif action == "verify_case":
            more = {"passed": data.draw(st.booleans())}
        if self.do(lambda: getattr(actions, action)(act, **more)):
            self.done[action] += 1

    @rule(n=any_case, action=st.sampled_from(BY_REPORTER), note=words, rating=st.none() | st.integers(1, 5))
    def reporter_act(self, n: int, action: str, note: str, rating: int | None) -> None:
        self.by_reporter(self.reports[n % len(self.reports)], action, note, rating)

    def by_reporter(self, reported: Receipted, action: str, note: str, rating: int | None) -> None:
        act_id = new_id()
        more: dict[str, Any] = {} if action == "confirm_case" else {"note": note}
        if action == "evaluate_case":
            more["rating"] = rating
        if self.do(lambda: getattr(actions, action)(reported.code, act_id=act_id, **more)):
            self.done[action] += 1

    @rule(n=any_case, name=who)
    def reveal(self, n: int, name: str) -> None:
        reported = self.reports[n % len(self.reports)]
        actor = actor_for(self.place.people[name], at=self.now)
        act = Act(actor=actor, matter_id=reported.matter.pk, act_id=new_id(), note="回访处理结果")
        if self.do(lambda: actions.reveal_contact(act)):
            assert name == "town_desk"
        self.last = None  # a contact is shown once

    @rule(minutes=st.integers(1, 6000))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def press_again(self) -> None:
        """The last act once more, by the very same form: nothing happens, and nobody is scolded."""
        if self.last is not None:
            before = self.picture()
            with clock.set_to(self.now):
                self.last()
            assert self.picture() == before

    # --- what always holds

    @invariant()
    def every_case_is_whole(self) -> None:
        with clock.set_to(self.now):
            for matter in Matter.objects.select_related("case__category"):
                self.holder(matter)
                self.clocks(matter)
                self.events(matter)
                self.fence(matter)

    def holder(self, matter: Matter) -> None:
        if matter.holder_post_id is None:
            assert matter.holder_seat == OUTSIDE
        else:
            assert matter.holder_seat == seat_of(matter.holder_unit_id, matter.holder_post_id)
        if matter.state in OPEN_STATES:  # somebody has it in hand exactly while it is worked on
            assert (matter.handler_id is not None) == (matter.state == State.IN_PROGRESS)

    def clocks(self, matter: Matter) -> None:
        limits = limits_of(matter.case.category, on=matter.reported_at)
        expected = rules.next_clock(matter.state, limits, reported_at=matter.reported_at)
        assert (matter.next_clock, matter.next_clock_at) == (expected.name, expected.at)
        assert (matter.closed_at is None) == (matter.state not in (State.CLOSED, State.WITHDRAWN))
        assert matter.reported_at <= matter.changed_at <= self.now

    def events(self, matter: Matter) -> None:
        found = list(LedgerEvent.objects.filter(stream=matter.pk).order_by("seq"))
        assert [event.seq for event in found] == list(range(1, matter.event_seq + 1))
        assert bytes(matter.event_head) == bytes(found[-1].hash) == hash_of(found[-1])
        assert found[0].kind == "report_case"
        state, resolver, turns = found[0].data["to"], None, 0
        for event in found[1:]:
            if "to" not in event.data:
                continue
            row = TABLE[event.kind]
            assert event.data["from"] == state
            assert state in row.sources
            assert event.data["to"] in row.targets
            if event.kind == "verify_case":
                assert event.actor != resolver
            if event.kind in ("resolve_case", "handle_on_spot"):
                resolver = event.actor
            turns += event.data["to"] != state or event.kind != "confirm_case"
            state = event.data["to"]
        assert (state, turns) == (matter.state, matter.turn)
        assert len(history(matter)) == len(found)

    def fence(self, matter: Matter) -> None:
        subjects: set[UUID] = set(
            MatterSubject.objects.filter(matter=matter).values_list("user_id", flat=True)
        )
        assert bool(subjects) == (matter.visibility != "ordinary")
        assert matter.handler_id not in subjects
        for name in STAFF:
            user = self.place.people[name]
            if user.pk in subjects:
                assert (
                    not Matter.objects.visible_to(actor_for(user, at=self.now)).filter(pk=matter.pk).exists()
                )
        if matter.holder_post_id is not None:  # whoever has the ball sees it
            people = set(seat_people(matter.holder_unit_id, matter.holder_post_id, at=self.now))
            assert not people & subjects
            for user in self.place.people.values():
                if user.pk in people:
                    assert (
                        Matter.objects.visible_to(actor_for(user, at=self.now)).filter(pk=matter.pk).exists()
                    )


def _drive(place: Place, *, examples: int, steps: int, fixed: bool = False) -> None:
    Loop.place, Loop.done = place, Counter()
    run_state_machine_as_test(
        Loop,
        settings=settings(
            max_examples=examples,
            derandomize=fixed,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    assert not connection.needs_rollback
    assert set(Loop.done) == set(TABLE), "a walk that never came to some act says little"


@pytest.fixture
def place(db: None) -> Place:
    with clock.set_to(START):
        place = make_place()
        place.people["deputy"] = place.seat("lane_head", place.lane, "褚代理", standing=Standing.DEPUTY)
    return place


def test_the_loop_holds_whatever_people_do(place: Place) -> None:
    _drive(place, examples=15, steps=30, fixed=True)


@pytest.mark.long
def test_the_loop_holds_whatever_people_do_at_length(place: Place) -> None:
    _drive(place, examples=100, steps=60)
