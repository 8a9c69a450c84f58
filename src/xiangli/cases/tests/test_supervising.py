"""Supervision: an order with its own time to answer, whoever gave it and whoever has the case by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.models import Order
from xiangli.cases.states import OPEN_STATES, State
from xiangli.cases.tests.acting import (
    bring_to,
    case_of,
    clock_of,
    events,
    fire_until,
    leave,
    live,
    now_of,
    refusal,
    seat_ids,
    told,
)
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import MatterClock

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def order_of(reported: Receipted) -> Order:
    return case_of(reported).orders.get()


def test_supervise_case_orders_whoever_has_it_to_answer_in_time(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "群众反映多次，请三天内办好"))
    order, row = order_of(reported), clock_of(reported, "answer")
    assert (row.about, row.amount, row.kind) == (order.pk, 2, "working_days")
    assert (order.by_seat, order.ordered_at) == (place.actor("town_desk").seats[0], MONDAY)
    assert now_of(reported).state == State.IN_PROGRESS
    assert told("supervise_case") == {"张巷长": 1}
    with refusal("note_missing"):
        actions.answer_order(an_act(place.actor("lane_head"), reported), order_id=order.pk)
    actions.answer_order(
        an_act(place.actor("lane_head"), reported, "配件明天到，后天办完"), order_id=order.pk
    )
    assert order_of(reported).answered_by_id == place.people["lane_head"].pk
    assert live(reported) == {"put_right"}
    assert told("answer_order") == {"周值班": 1}
    with refusal("answered"):
        actions.answer_order(an_act(place.actor("lane_head"), reported, "再答一次"), order_id=order.pk)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_supervise_case_in_every_open_state(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    actions.supervise_case(an_act(place.actor("county_desk"), reported, "请抓紧"))
    assert now_of(reported).state == state
    assert clock_of(reported, "answer").due_at is not None


@pytest.mark.parametrize("state", [State.CLOSED, State.DECLINED, State.WITHDRAWN, State.MERGED])
def test_what_is_over_is_not_supervised(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    with refusal("wrong_state"):
        actions.supervise_case(an_act(place.actor("county_desk"), reported, "请抓紧"))


def test_supervise_case_is_refused(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    for who in ("lane_head", "grid_head", "village_officer"):
        with refusal("not_permitted"):
            actions.supervise_case(an_act(place.actor(who), reported, "请抓紧"))
    with refusal("note_missing"):
        actions.supervise_case(an_act(place.actor("town_desk"), reported))
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请抓紧"))
    with refusal("ordered"):  # one order of a seat at a time
        actions.supervise_case(an_act(place.actor("town_desk"), reported, "再催一遍"))
    actions.supervise_case(
        an_act(place.actor("county_desk"), reported, "县里也要答复")
    )  # another seat's is its own
    assert case_of(reported).orders.count() == 2


def test_nobody_supervises_what_lies_in_their_own_hands(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.take_case(an_act(place.actor("village_director"), reported))
    with refusal("own_work"):
        actions.supervise_case(an_act(place.actor("village_director"), reported, "请抓紧"))


def test_an_order_is_answered_by_whoever_has_the_case_and_by_nobody_else(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请抓紧"))
    order = order_of(reported)
    for who in ("grid_head", "village_director"):
        with refusal("not_handler"):
            actions.answer_order(an_act(place.actor(who), reported, "在办"), order_id=order.pk)
    with refusal("answered"):
        actions.answer_order(an_act(place.actor("lane_head"), reported, "在办"), order_id=new_id())
    actions.assign_case(
        an_act(place.actor("grid_head"), reported), **seat_ids(place, "lane_head", place.lane2)
    )
    actions.answer_order(an_act(place.actor("lane_head_2"), reported, "刚接手，明天办好"), order_id=order.pk)


def test_acts_of_supervision_by_the_same_form_twice_are_once(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    order_act = an_act(place.actor("town_desk"), reported, "请抓紧")
    for _ in range(2):
        actions.supervise_case(order_act)
    answer_act = an_act(place.actor("lane_head"), reported, "在办")
    for _ in range(2):
        actions.answer_order(answer_act, order_id=order_of(reported).pk)
    assert events(reported)[2:] == ["supervise_case", "answer_order"]
    assert told("supervise_case") == {"张巷长": 1}


def test_the_answer_goes_to_the_post_when_the_supervisor_has_left_office(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请抓紧"))
    with clock.set_to(MONDAY + timedelta(days=1)):
        leave(place, "town_desk")
        place.people["town_desk_2"] = place.seat("town_desk", place.town, "卫值班")
        actions.answer_order(
            an_act(place.actor("lane_head"), reported, "已经买到配件"), order_id=order_of(reported).pk
        )
        assert told("answer_order") == {"卫值班": 1}


def test_an_order_of_a_seat_that_has_emptied_can_still_be_answered(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请抓紧"))
    with clock.set_to(MONDAY + timedelta(days=1)):
        leave(place, "town_desk")
        actions.answer_order(
            an_act(place.actor("lane_head"), reported, "在办"), order_id=order_of(reported).pk
        )
        assert not told("answer_order")
    assert live(reported) == {"put_right"}


def test_an_order_that_nobody_answers_brings_the_level_above_in(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请抓紧"))
    MatterClock.objects.filter(name="put_right").update(amount=9000)
    due = clock_of(reported, "answer").due_at
    assert due == datetime(2026, 11, 18, 16, 0, tzinfo=UTC)  # two working days after the day of the order
    fire_until(due)
    assert clock_of(reported, "answer").stage == "red"
    assert told("overdue_case") == {"王网格": 1}
    assert told("overdue_yours") == {"张巷长": 1}
    assert "escalate" in live(reported)
    with clock.set_to(due):
        actions.answer_order(
            an_act(place.actor("lane_head"), reported, "对不起，在办"), order_id=order_of(reported).pk
        )
    assert "escalate" not in live(reported)  # answered, though late: it climbs no further for it


def test_an_order_ends_where_the_case_comes_to_its_own_seat(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("village_director"), reported, "请抓紧"))
    actions.supervise_case(an_act(place.actor("county_desk"), reported, "请抓紧"))
    actions.resolve_case(an_act(place.actor("lane_head"), reported, "已经办好"))
    assert now_of(reported).holder_seat == place.actor("village_director").seats[0]
    left = case_of(reported).orders.get(answered_at=None)
    assert left.by_seat == place.actor("county_desk").seats[0]
    assert clock_of(reported, "answer").about == left.pk
    # who put it right answers what was asked of them
    actions.answer_order(an_act(place.actor("lane_head"), reported, "今天办好了"), order_id=left.pk)


def test_an_order_lapses_with_the_case(place: Place) -> None:
    reported = bring_to(place, State.RESOLVED)
    actions.supervise_case(an_act(place.actor("county_desk"), reported, "请说明"))
    actions.confirm_case(reported.code, act_id=new_id())
    assert not live(reported)
    assert not case_of(reported).orders.filter(answered_at=None).exists()
    actions.reopen_case(reported.code, act_id=new_id(), note="又坏了")
    actions.supervise_case(an_act(place.actor("county_desk"), reported, "这次请抓紧"))
