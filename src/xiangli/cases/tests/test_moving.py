"""A unit ends: its open cases follow to the successor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.matters.models import Matter
from xiangli.matters.queries import history, my_tasks
from xiangli.territory.actions import end_unit
from xiangli.territory.rules import day_of


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def test_open_cases_follow_a_merged_lane_and_closed_ones_stay(place: Place) -> None:
    waiting, taken, done = (make_report(place.lane) for _ in range(3))
    actions.take_case(an_act(place.actor("lane_head"), taken))
    actions.withdraw_case(done.code, act_id=an_act(place.actor("lane_head"), done).act_id)

    end_unit(unit=place.lane, on=day_of(clock.now()), successors=[place.lane2])

    moved = Matter.objects.get(pk=waiting.matter.pk)
    assert (moved.place_id, moved.holder_unit_id, moved.state) == (
        place.lane2.pk,
        place.lane2.pk,
        State.ASSIGNED,
    )
    assert moved.place_name == "庙上村 二巷"
    assert [row.kind for row in history(moved)] == ["report_case", "move_case"]
    assert Matter.objects.visible_to(place.actor("lane_head_2")).filter(pk=moved.pk).exists()
    assert not Matter.objects.visible_to(place.actor("lane_head")).exists()
    actions.take_case(an_act(place.actor("lane_head_2"), waiting))

    again = Matter.objects.get(pk=taken.matter.pk)
    assert (again.state, again.handler_id) == (State.ASSIGNED, None)
    assert Matter.objects.get(pk=done.matter.pk).place_id == place.lane.pk


def test_a_unit_that_ends_tomorrow_keeps_its_cases_until_then(place: Place) -> None:
    reported = make_report(place.lane)
    tomorrow = clock.now() + timedelta(days=1)
    end_unit(unit=place.lane, on=day_of(tomorrow), successors=[place.lane2])
    assert Matter.objects.get(pk=reported.matter.pk).holder_unit_id == place.lane.pk
    assert actions.move_ended_cases(clock.now()) == 0
    with clock.set_to(tomorrow):
        assert actions.move_ended_cases(tomorrow) == 1
    moved = Matter.objects.get(pk=reported.matter.pk)
    assert (moved.place_id, moved.holder_unit_id) == (place.lane2.pk, place.lane2.pk)


def test_a_resolved_case_goes_to_the_desk_and_leaves_the_resolver_s_tasks(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    head = place.actor("lane_head")
    actions.handle_on_spot(an_act(head, reported, "说好了"))
    assert not my_tasks(head).exists()
    assert my_tasks(place.actor("village_director")).get().pk == reported.matter.pk
