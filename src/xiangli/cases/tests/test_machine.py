"""The loop driven at random: any person, any act, in any order, while time passes and people come and go. What
is refused changes nothing, and what happens leaves every case whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from xiangli.cases import actions
from xiangli.cases.actions import Act, Receipted
from xiangli.cases.models import Case, Extension, Order, Part
from xiangli.cases.states import TABLE
from xiangli.cases.tests import whole
from xiangli.cases.tests.factories import Place, add_organ, make_place, make_report, make_sections
from xiangli.kernel import clock, ledger, timers
from xiangli.kernel.files import MEDIA_TYPE
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due, LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterLink, MatterPhoto, MeToo
from xiangli.matters.queries import chain_heads, seats_on
from xiangli.territory.actions import appoint, end_appointment, record_absence, set_on_call
from xiangli.territory.models import Appointment, Standing
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import day_of

START = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
CATEGORIES = ("voices", "hazards", "facilities", "environment", "danger_now", "service_complaint")
BY_STAFF = sorted(row.action for row in TABLE.values() if row.permission)
BY_REPORTER = sorted(row.action for row in TABLE.values() if row.by_reporter)
TABLES = [
    rows._meta.db_table
    for rows in (
        *(Matter, MatterClock, MatterGrant, MatterLink, MatterPhoto, MeToo, Due),
        *(Case, Part, Order, Extension, LedgerEvent, OutboxMessage),
    )
]
GONE = timedelta(days=3650)

# A walk is drawn as the seed of a die: what hypothesis draws by itself stays near the beginning of every list.
picks = st.integers(0, 2**32).map(Random)
any_case = st.integers(0, 5)
words = st.sampled_from(["", "写明情况：已经去看过"])
Draw = Callable[[int], None]


class Loop(RuleBasedStateMachine):
    place: ClassVar[Place]  # made once; each run is rolled back to it
    draw_number: ClassVar[Draw]
    done: ClassVar[Counter[str]]  # how often each act succeeded, over all runs

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.reports: list[Receipted] = []
        self.last: Callable[[], Any] | None = None
        self.checked: dict[UUID, int] = {}  # up to which event a case was found whole
        self.away: set[str] = set()  # who has left their post
        self.tried: Counter[str] = Counter()  # the likely acts, of which the rare ones go first
        self.who = sorted(self.place.people)
        self.around = ExitStack()
        self.around.enter_context(transaction.atomic())
        self.photo = StoredFile.objects.create(
            scope=self.place.county.pk, name="0" * 64, size=1, media_type=MEDIA_TYPE, width=1, height=1,
            created_at=START, touched_at=START + GONE,
        )  # fmt: skip

    def teardown(self) -> None:
        try:
            with clock.set_to(self.now):
                self.checked.clear()
                self.every_case_is_whole()
                whole.check_fence(self.place.people.values(), now=self.now)
                assert actions.mend_clocks(self.now) == 0, "a case had no clock"
                while ledger.seal_once(self.now):
                    pass
                assert ledger.verify_ledger(stream_heads=chain_heads).ok
                self.done.update(LedgerEvent.objects.values_list("kind", flat=True))
        finally:
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
        self.now += timedelta(seconds=1)  # no two things at once, or they could not be told apart
        return True

    def picture(self) -> dict[str, str]:
        """All that an act may change: a digest of each table. One statement."""
        digests = (
            f"SELECT '{table}', md5(string_agg(md5(row::text), '' ORDER BY md5(row::text))) FROM {table} row"  # noqa: S608  # our own tables
            for table in TABLES
        )
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(digests))
            return dict(cursor.fetchall())

    def case(self, n: int) -> Receipted:
        return self.reports[n % len(self.reports)]

    @initialize(category=st.sampled_from(CATEGORIES))
    def first(self, category: str) -> None:
        self.report(category, True)

    @rule(category=st.sampled_from(CATEGORIES), first_lane=st.booleans())
    def report(self, category: str, first_lane: bool) -> None:
        if len(self.reports) < 4:
            with clock.set_to(self.now):
                lane = self.place.lane if first_lane else self.place.lane2
                self.reports.append(make_report(lane, category, contact_phone="13800000000"))
            self.now += timedelta(seconds=1)

    @rule(n=any_case, action=st.sampled_from(BY_STAFF), note=words, photos=st.booleans(), pick=picks)
    def staff_act(self, n: int, action: str, note: str, photos: bool, pick: Random) -> None:
        """Anybody tries anything."""
        self.by_staff(self.case(n), action, pick.choice(self.who), note, photos, pick)

    @rule(n=any_case, pick=picks)
    def likely_acts(self, n: int, pick: Random) -> None:
        for _ in range(12):
            reported = self.case(n)
            if pick.randrange(2 if self.state_of(reported) == "suspended" else 6):
                self.likely_act(reported, pick)
            else:
                self.until_its_next_moment(reported)
            self.every_case_is_whole()

    @rule(n=any_case, pick=picks)
    def more_likely_acts(self, n: int, pick: Random) -> None:
        self.likely_acts(n, pick)

    def likely_act(self, reported: Receipted, pick: Random) -> None:
        """Somebody who may does what the table allows now, in good faith: so the walk goes deep."""
        matter = Matter.objects.select_related("case").get(pk=reported.matter.pk)
        asked_for = {
            "decide_extension": matter.case.extensions.filter(decided_at=None),
            "answer_order": matter.case.orders.filter(answered_at=None),
            "finish_part": matter.case.parts.filter(done_at=None),
            "merge_case": Matter.objects.open().filter(visibility="ordinary").exclude(pk=matter.pk),
        }
        rows = [
            row.action
            for row in TABLE.from_state(matter.state)
            if not row.by_rule and (row.action != "withdraw_case" or not pick.randrange(9))
            if row.action not in asked_for or asked_for[row.action].exists()
        ]
        if not rows:
            return
        answers = [action for action in rows if action in asked_for]
        rarest = min(self.tried[action] for action in rows)
        rare = [action for action in rows if self.tried[action] <= rarest + 1]
        action = pick.choice(answers if answers and not pick.randrange(3) else rare)
        self.tried[action] += 1
        if TABLE[action].by_reporter:
            self.by_reporter(reported, action, "还没有解决，请再来看", 3)
            return
        seats, able = seats_on(matter), []
        for name in self.who:
            actor = actor_for(self.place.people[name], at=self.now)
            path = matter.place_path if matter.visibility == "ordinary" else ""
            if actor.may(action, path or "-", seats=seats):
                able.append(name)
        handling = [name for name in able if self.place.people[name].pk == matter.handler_id]
        if action in ("resolve_case", "ask_extension", "answer_order", "hand_up_case") and handling:
            able = handling
        own = [name for name in able if self.place.people[name].pk == matter.case.resolved_by_id]
        if action == "verify_case" and own and not pick.randrange(3):
            able = own  # who must not
        if able:
            self.by_staff(reported, action, pick.choice(able), "已经去看过，办好了", True, pick)

    def by_staff(
        self, reported: Receipted, action: str, name: str, note: str, photos: bool, pick: Random
    ) -> None:
        pictures = (self.photo,) if photos else ()
        act = Act(
            actor=actor_for(self.place.people[name], at=self.now), matter_id=reported.matter.pk, act_id=new_id(),
            note=note, photos_before=pictures, photos_after=pictures,
        )  # fmt: skip
        type(self).draw_number(pick.choice([0, 99]))
        more = self.fields(reported, action, pick)
        self.do(lambda: getattr(actions, action)(act, **more))

    def fields(self, reported: Receipted, action: str, pick: Random) -> dict[str, Any]:
        """What the form of an act asks for besides words."""
        case = Case.objects.get(pk=reported.matter.pk)
        if action in ("assign_case", "transfer_case", "handle_together"):
            of = Appointment.objects.order_by("unit__path", "post__code").values_list(
                "unit", "post", "post__code"
            )
            organs = [(unit, post) for unit, post, code in of if code == "organ_desk"]
            seats = organs if action == "transfer_case" else [(unit, post) for unit, post, _code in of]
            unit, post = pick.choice(list(dict.fromkeys(seats)))
            return {"unit_id": unit, "post_id": post}
        if action in ("suspend_case", "ask_extension"):
            return {"days": pick.choice([1, 2, None, 0, 60])}
        if action == "merge_case":
            numbers = [one.matter.number for one in self.reports if one.matter.pk != case.pk]
            return {"number": pick.choice([*numbers, None, case.matter.number])}
        if action == "finish_part":
            return {"part_id": first_of(case.parts.filter(done_at=None))}
        if action == "answer_order":
            return {"order_id": first_of(case.orders.filter(answered_at=None))}
        if action == "verify_case":
            return {"passed": pick.random() < 0.5}
        if action == "decide_extension":
            return {"approved": True}
        return {"where": "请到县自然资源局窗口办理"} if action == "decline_case" else {}

    @rule(n=any_case, action=st.sampled_from(BY_REPORTER), note=words, rating=st.none() | st.integers(1, 5))
    def reporter_act(self, n: int, action: str, note: str, rating: int | None) -> None:
        self.by_reporter(self.case(n), action, note, rating)

    def by_reporter(self, reported: Receipted, action: str, note: str, rating: int | None) -> None:
        act_id = new_id()
        more: dict[str, Any] = {} if action == "confirm_case" else {"note": note}
        if action == "evaluate_case":
            more["rating"] = rating
        self.do(lambda: getattr(actions, action)(reported.code, act_id=act_id, **more))

    @rule(n=any_case, pick=picks, which=st.sampled_from(["me_too", "reveal", "press_again"]))
    def other_act(self, n: int, pick: Random, which: str) -> None:
        if which == "me_too":
            self.me_too(n, pick.choice(["", "13900000000"]))
        elif which == "reveal":
            self.reveal(n, pick)
        else:
            self.press_again()

    def me_too(self, n: int, phone: str) -> None:
        reported, said = self.case(n), new_id()
        path = reported.matter.place_path
        self.do(lambda: actions.say_me_too(reported.matter.pk, place_path=path, client_id=said, phone=phone))

    def reveal(self, n: int, pick: Random) -> None:
        name = pick.choice(self.who)
        actor = actor_for(self.place.people[name], at=self.now)
        act = Act(actor=actor, matter_id=self.case(n).matter.pk, act_id=new_id(), note="回访处理结果")
        if self.do(lambda: actions.reveal_contact(act)):
            assert any("reveal_contact" in held.permissions for held in actor.held)
        self.last = None  # a contact is shown once

    def press_again(self) -> None:
        """The last act once more, by the very same form: nothing happens, and nobody is scolded."""
        if self.last is not None:
            before = self.picture()
            with clock.set_to(self.now):
                self.last()
            assert self.picture() == before

    # --- time passes

    @rule(minutes=st.integers(1, 6000), behind=st.booleans())
    def time_passes(self, minutes: int, behind: bool) -> None:
        """Each moment is fired as it comes; or a worker that was away fires them all late."""
        until = self.now + timedelta(minutes=minutes)
        if behind:
            self.now = until
        while (due := Due.objects.filter(at__lte=until).order_by("at").first()) is not None:
            self.now = max(self.now, due.at)
            self.fire()
        self.now = until

    def until_its_next_moment(self, reported: Receipted) -> None:
        due = Due.objects.filter(subject=reported.matter.pk).first()
        if due is not None:
            self.time_passes(max(1, 1 + (due.at - self.now) // timedelta(minutes=1)), False)

    def state_of(self, reported: Receipted) -> str:
        return Matter.objects.values_list("state", flat=True).get(pk=reported.matter.pk)

    def fire(self) -> None:
        with clock.set_to(self.now):
            assert timers.fire_once(self.now)
            assert not Due.objects.filter(attempts__gt=0).exists(), "a handler failed"
        self.last = None
        self.checked.clear()

    # --- people come and go

    @rule(pick=picks, hours=st.integers(1, 14), what=st.integers(0, 4))
    def somebody_comes_or_goes(self, pick: Random, hours: int, what: int) -> None:
        if what == 0:
            self.somebody_leaves(pick, looked_through=pick.random() < 0.5)
        elif what == 1:
            self.somebody_comes_back(pick)
        elif what == 2:
            self.somebody_is_away(pick, hours)
        elif what == 3:
            self.somebody_is_on_call(pick, hours)
        else:
            self.reseat()

    def somebody_leaves(self, pick: Random, looked_through: bool) -> None:
        there = sorted(set(self.who) - self.away)
        if len(there) < 4:
            return
        name = pick.choice(there)
        held = Appointment.objects.filter(user=self.place.people[name], valid_to=None).get()
        if held.valid_from < day_of(self.now):
            with clock.set_to(self.now):
                end_appointment(appointment=held, on=day_of(self.now))
            self.away.add(name)
            self.last = None
        if looked_through:
            self.reseat()

    def somebody_comes_back(self, pick: Random) -> None:
        if not self.away:
            return
        name = pick.choice(sorted(self.away))
        was = Appointment.objects.filter(user=self.place.people[name]).order_by("valid_from").last()
        assert was is not None
        with clock.set_to(self.now):
            appoint(
                user=was.user,
                unit=was.unit,
                post=was.post,
                valid_from=day_of(self.now),
                standing=was.standing,
            )
        self.away.discard(name)

    def somebody_is_away(self, pick: Random, hours: int) -> None:
        name = pick.choice(self.who)
        held = Appointment.objects.filter(user=self.place.people[name], valid_to=None).first()
        if held is not None:
            with clock.set_to(self.now), suppress(Refused):  # away already
                record_absence(appointment=held, starts=self.now, ends=self.now + timedelta(hours=hours))

    def somebody_is_on_call(self, pick: Random, hours: int) -> None:
        name, where = pick.choice(self.who), pick.choice(self.who)
        seat = Appointment.objects.filter(user=self.place.people[where]).first()
        assert seat is not None
        with clock.set_to(self.now), suppress(Refused):  # on call already, or no seat of a roster
            set_on_call(
                unit=seat.unit, post=seat.post, user=self.place.people[name],
                starts=self.now, ends=self.now + timedelta(hours=hours),
            )  # fmt: skip
        self.last = None

    def reseat(self) -> None:
        """What the worker does every ten minutes: nobody waits where nobody sits."""
        with clock.set_to(self.now):
            actions.reseat_cases(self.now)
            assert actions.reseat_cases(self.now) == 0
            for matter in Matter.objects.open():
                whole.check_nobody_waits_in_vain(matter, now=self.now)
        self.last = None

    # --- what always holds

    @invariant()
    def every_case_is_whole(self) -> None:
        with clock.set_to(self.now):
            changed = [
                matter
                for matter in Matter.objects.select_related("case__category")
                if self.checked.get(matter.pk) != matter.event_seq
            ]
            for matter in changed:
                whole.check(matter, now=self.now)
                self.checked[matter.pk] = matter.event_seq


def first_of(rows: QuerySet[Any]) -> UUID:
    """The key of one of the rows; where there is none, one that no row has."""
    row = rows.order_by("pk").first()
    return row.pk if row else UUID(int=0)


def _drive(place: Place, draw: Draw, *, examples: int, steps: int, fixed: bool = False) -> Counter[str]:
    Loop.place, Loop.draw_number, Loop.done = place, staticmethod(draw), Counter()
    run_state_machine_as_test(
        Loop,
        settings=settings(
            max_examples=examples,
            derandomize=fixed,
            # a failure of the fixed sample is told at once; shrinking it takes minutes
            phases=[Phase.generate] if fixed else list(Phase),
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    assert not connection.needs_rollback
    return Loop.done


def with_lanes() -> Place:
    place = make_place()
    place.people["deputy"] = place.seat("lane_head", place.lane, "褚代理", standing=Standing.DEPUTY)
    place.people["town_desk_2"] = place.seat("town_desk", place.town, "卫值班")
    return place


def drive_both(draw: Draw, *, examples: int, steps: int, fixed: bool = False) -> set[str]:
    """Counties with lanes, and with sections, whose heads may claim a case. Returns the acts never come to."""
    done: Counter[str] = Counter()
    for make in (with_lanes, make_sections):
        with transaction.atomic():
            with clock.set_to(START):
                place = make()
                place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
                add_organ(place)
            done += _drive(place, draw, examples=examples, steps=steps, fixed=fixed)
            transaction.set_rollback(True)
    return set(TABLE) - set(done)


# A walk that never came to most acts would say little.


def test_the_loop_holds_whatever_people_do(db: None, draw: Draw) -> None:
    assert len(drive_both(draw, examples=20, steps=15, fixed=True)) <= 3


@pytest.mark.long
def test_the_loop_holds_whatever_people_do_at_length(db: None, draw: Draw) -> None:
    assert drive_both(draw, examples=150, steps=25) == set()
