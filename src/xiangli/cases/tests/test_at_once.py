"""Two people at once, or a person and a clock: one of them wins, the other is told, and the case is whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.states import State
from xiangli.cases.tests import whole
from xiangli.cases.tests.acting import bring_to, case_of, clock_of, events, now_of, seat_ids, together
from xiangli.cases.tests.factories import an_act, make_place, make_report, make_sections
from xiangli.kernel import clock, timers
from xiangli.kernel.models import Due
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterLink

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county
ROUNDS = 4


@pytest.fixture
def monday(transactional_db: None) -> Iterator[None]:
    with clock.set_to(MONDAY):
        yield


def outcome(results: list[Refused | None]) -> list[str]:
    return sorted("done" if result is None else result.code for result in results)


def fire(moment: datetime) -> None:
    timers.fire_once(moment)


def check_whole(*cases: Receipted) -> None:
    for reported in cases:
        whole.check(now_of(reported), now=clock.now())


@pytest.mark.usefixtures("monday")
def test_two_section_heads_claim_at_once() -> None:
    place = make_sections()
    for _ in range(ROUNDS):
        reported = make_report(place.lane, "voices")
        heads = [place.actor("section_head"), place.actor("section_head_2")]
        acts = [an_act(head, reported) for head in heads]
        results = together(*[partial(actions.claim_case, act) for act in acts])
        assert outcome(results) == ["done", "wrong_state"]
        winner = heads[results.index(None)]
        assert now_of(reported).handler_id == winner.user_id
        assert events(reported) == ["report_case", "claim_case"]
        check_whole(reported)


@pytest.mark.usefixtures("monday")
def test_two_cases_are_merged_into_each_other_at_once() -> None:
    """Both ways round: neither waits for the other for ever, and no circle comes of it."""
    place = make_place()
    for _ in range(ROUNDS):
        one, other = make_report(place.lane, "voices"), make_report(place.lane, "voices")
        director, clerk = place.actor("village_director"), place.actor("village_clerk")
        there, back = an_act(director, one), an_act(clerk, other)
        results = together(
            partial(actions.merge_case, there, number=other.matter.number),
            partial(actions.merge_case, back, number=one.matter.number),
        )
        assert outcome(results) == ["done", "merge_closed"]
        assert sorted([now_of(one).state, now_of(other).state]) == [State.ASSIGNED, State.MERGED]
        check_whole(one, other)
    assert MatterLink.objects.count() == ROUNDS


@pytest.mark.usefixtures("monday")
def test_three_cases_are_merged_in_a_circle_at_once() -> None:
    place = make_place()
    for _ in range(ROUNDS):
        ring = [make_report(place.lane, "voices") for _ in range(3)]
        desk = place.actor("village_director")
        acts = [an_act(desk, reported) for reported in ring]
        works = [
            partial(actions.merge_case, act, number=ring[n - 2].matter.number) for n, act in enumerate(acts)
        ]
        results = together(*works)
        assert set(outcome(results)) == {"done", "merge_closed"}
        assert Matter.objects.open().filter(pk__in=[reported.matter.pk for reported in ring]).count() >= 1
        check_whole(*ring)


@pytest.mark.usefixtures("monday")
def test_taking_a_case_at_the_very_moment_its_clock_runs_out() -> None:
    """Whichever comes first: nothing is lost, nothing is said twice, and who took it has it."""
    place = make_place()
    for _ in range(ROUNDS):
        reported = make_report(place.lane, "voices")
        due = clock_of(reported, "respond").due_at
        assert due is not None
        with clock.set_to(due):
            act = an_act(place.actor("lane_head"), reported)
            together(partial(actions.take_case, act), partial(fire, due))
            while timers.fire_once(due):
                pass
            matter = now_of(reported)
            assert (matter.state, matter.handler_id) == (State.IN_PROGRESS, place.people["lane_head"].pk)
            assert events(reported).count("overdue_case") <= 1
            check_whole(reported)
        Due.objects.all().delete()


@pytest.mark.usefixtures("monday")
def test_what_somebody_has_open_is_left_to_them_and_looked_at_again() -> None:
    """The clock does not wait for a lock: it comes back."""
    place = make_place()
    reported, other = make_report(place.lane, "voices"), make_report(place.lane, "voices")
    due = clock_of(reported, "respond").due_at
    assert due is not None
    locked, let_go = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Matter.objects.select_for_update().get(pk=reported.matter.pk)
                locked.set()
                let_go.wait(20)
        finally:
            connection.close()

    holding = Thread(target=hold)
    holding.start()
    assert locked.wait(20)
    with clock.set_to(due):
        assert timers.fire_once(due) == 1  # the other one
        assert "overdue_case" not in events(reported)
        assert "overdue_case" in events(other)
        let_go.set()
        holding.join()
        assert timers.fire_once(due) == 1
        assert events(reported).count("overdue_case") == events(other).count("overdue_case") == 1
        check_whole(reported, other)


@pytest.mark.usefixtures("monday")
def test_two_workers_fire_the_same_moment_once() -> None:
    place = make_place()
    cases = [make_report(place.lane, "voices") for _ in range(12)]
    due = clock_of(cases[-1], "respond").due_at
    assert due is not None
    with clock.set_to(due):
        fired = together(*[partial(timers.fire_once, due, 4)] * 4)
        while timers.fire_once(due):
            pass
        assert all(isinstance(count, int) for count in fired)
        for reported in cases:
            assert events(reported) == ["report_case", "overdue_case"]
        check_whole(*cases)


@pytest.mark.usefixtures("monday")
def test_an_extension_is_decided_both_ways_at_once() -> None:
    place = make_place()
    for _ in range(ROUNDS):
        reported = bring_to(place, State.IN_PROGRESS)
        actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件没到"), days=1)
        yes = an_act(place.actor("grid_head"), reported)
        no = an_act(place.actor("village_director"), reported, "抓紧办")
        results = together(
            partial(actions.decide_extension, yes, approved=True),
            partial(actions.decide_extension, no, approved=False),
        )
        assert outcome(results) == ["done", "nothing_asked"]
        approved = results[0] is None
        assert case_of(reported).extensions.get().approved is approved
        assert clock_of(reported, "put_right").extended == (24 if approved else 0)
        check_whole(reported)


@pytest.mark.usefixtures("monday")
def test_a_share_is_reported_by_two_at_once_and_counts_once() -> None:
    place = make_place()
    for _ in range(ROUNDS):
        reported = bring_to(place, State.IN_PROGRESS)
        actions.handle_together(
            an_act(place.actor("village_director"), reported, "一起办"),
            **seat_ids(place, "lane_head", place.lane2),
        )
        part = case_of(reported).parts.get()
        acts = [an_act(place.actor(who), reported, "办好了") for who in ("lane_head", "lane_head_2")]
        results = together(*[partial(actions.finish_part, act, part_id=part.pk) for act in acts])
        assert outcome(results) == ["done", "part_done"]
        check_whole(reported)


@pytest.mark.usefixtures("monday")
def test_one_seat_orders_twice_at_once_and_two_seats_each_once() -> None:
    place = make_place()
    place.people["town_desk_2"] = place.seat("town_desk", place.town, "卫值班")
    for _ in range(ROUNDS):
        reported = bring_to(place, State.IN_PROGRESS)
        acts = [
            an_act(place.actor(who), reported, "请抓紧")
            for who in ("town_desk", "town_desk_2", "county_desk")
        ]
        results = together(*[partial(actions.supervise_case, act) for act in acts])
        assert outcome(results) == ["done", "done", "ordered"]
        assert case_of(reported).orders.count() == 2
        check_whole(reported)
