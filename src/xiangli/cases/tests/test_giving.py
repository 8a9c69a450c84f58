"""Giving a case to somebody, and taking it: who has it afterwards, what its clocks do, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from xiangli.cases import actions
from xiangli.cases.states import ClockName, State
from xiangli.cases.tests.acting import (
    bring_to,
    case_of,
    clock_of,
    events,
    fire_until,
    hours,
    last_event,
    leave,
    live,
    now_of,
    refusal,
    reporters_told,
    seat_ids,
    told,
)
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report, make_sections
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter, MatterClock
from xiangli.territory.actions import end_appointment, record_absence
from xiangli.territory.models import Appointment
from xiangli.territory.rules import day_of

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


@pytest.fixture
def sections(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_sections()


# ------------------------------------------------------------------------------------------------------- accept and take


def test_accept_case_keeps_it_in_the_desks_own_seat(place: Place) -> None:
    reported = bring_to(place, State.REPORTED)
    began = clock_of(reported, "respond").started_at
    actions.accept_case(an_act(place.actor("grid_head"), reported))
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id, matter.alarm) == (State.ASSIGNED, place.grid.pk, "")
    assert matter.handler_id is None  # nobody has it in hand yet
    assert clock_of(reported, "respond").started_at == began == matter.reported_at
    assert last_event(reported).data["seat"] == matter.holder_seat


@pytest.mark.parametrize(
    ("state", "who", "code"),
    [
        (State.ASSIGNED, "grid_head", "wrong_state"),
        (State.IN_PROGRESS, "grid_head", "wrong_state"),
        (State.REPORTED, "lane_head", "not_permitted"),
        (State.REPORTED, "lane_head_2", "not_found"),
        (State.REPORTED, "village_officer", "not_permitted"),
    ],
)
def test_accept_case_is_refused(place: Place, state: State, who: str, code: str) -> None:
    reported = bring_to(place, state)
    with refusal(code):
        actions.accept_case(an_act(place.actor(who), reported))


def test_take_case_ends_the_wait_for_a_response_and_nothing_else(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    due = clock_of(reported, "put_right").due_at
    with clock.set_to(MONDAY + hours(1)):
        actions.take_case(an_act(place.actor("lane_head"), reported))
    assert live(reported) == {"put_right"}
    assert clock_of(reported, "put_right").due_at == due
    assert [change[:2] for change in last_event(reported).data["clocks"]] == [["stop", "respond"]]


# ------------------------------------------------------------------------------------------------------- claim


def test_claim_case_takes_the_lead_from_the_group(sections: Place) -> None:
    reported = make_report(sections.lane, "voices")
    head = sections.actor("section_head")
    actions.claim_case(an_act(head, reported))
    matter = now_of(reported)
    assert (matter.state, matter.handler_id) == (State.IN_PROGRESS, head.user_id)
    assert matter.holder_unit_id == sections.grid.pk
    assert live(reported) == {"put_right"}
    assert told("claim_case") == {"张组长": 1}
    actions.resolve_case(an_act(head, reported, "已经办好"))


def test_claim_case_of_ones_own_seat_tells_nobody(sections: Place) -> None:
    reported = make_report(sections.lane, "voices")
    actions.hand_up_case(an_act(sections.actor("lane_head"), reported, "本组办不了"))
    actions.hand_up_case(an_act(sections.actor("village_director"), reported, "本村办不了"))
    actions.claim_case(an_act(sections.actor("section_head"), reported))
    assert not told("claim_case")


def test_claim_case_by_two_heads_of_the_section_is_one_claim(sections: Place) -> None:
    reported = make_report(sections.lane, "voices")
    first, second = sections.actor("section_head"), sections.actor("section_head_2")
    seen = now_of(reported).turn
    actions.claim_case(an_act(first, reported, seen=seen))
    with refusal("changed") as refused:
        actions.claim_case(an_act(second, reported, seen=seen))
    assert "王片长" in str(refused.value.reason)
    with refusal("wrong_state"):
        actions.claim_case(an_act(second, reported))
    assert now_of(reported).handler_id == first.user_id


@pytest.mark.parametrize("who", ["lane_head", "village_director", "town_desk", "county_desk"])
def test_claim_case_is_for_heads_of_sections(sections: Place, who: str) -> None:
    reported = make_report(sections.lane, "voices")
    with refusal("not_permitted"):
        actions.claim_case(an_act(sections.actor(who), reported))


# ------------------------------------------------------------------------------------------------------- arrive


def test_arrive_case_stamps_the_first_presence_and_moves_nothing(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    clocks = list(MatterClock.objects.order_by("pk").values())
    with clock.set_to(MONDAY + hours(1)):
        actions.arrive_case(an_act(place.actor("lane_head"), reported))
    with clock.set_to(MONDAY + hours(2)):
        actions.arrive_case(an_act(place.actor("grid_head"), reported))
    assert case_of(reported).arrived_at == MONDAY + hours(1)
    assert now_of(reported).state == State.ASSIGNED
    assert list(MatterClock.objects.order_by("pk").values()) == clocks
    assert events(reported) == ["report_case", "arrive_case", "arrive_case"]
    assert not {"lat", "lng", "place"} & set(last_event(reported).data)  # where they stood is not kept


# ------------------------------------------------------------------------------------------------------- assign and transfer


def test_assign_case_while_it_is_worked_on_asks_for_nobodys_response_again(place: Place) -> None:
    """Whoever hands it round wins no time."""
    reported = bring_to(place, State.IN_PROGRESS)
    due = clock_of(reported, "put_right").due_at
    with clock.set_to(MONDAY + hours(5)):
        actions.assign_case(
            an_act(place.actor("grid_head"), reported), **seat_ids(place, "lane_head", place.lane2)
        )
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id, matter.handler_id) == (State.ASSIGNED, place.lane2.pk, None)
    assert live(reported) == {"put_right"}
    assert clock_of(reported, "put_right").due_at == due
    assert told("assign_case") == {"李巷长": 1}
    assert case_of(reported).given_by == place.actor("grid_head").seats[0]


def test_transfer_case_gives_it_to_the_organ_whose_business_it_is(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    water = place.actor("organ_desk")
    assert not Matter.objects.visible_to(water).exists()
    with refusal("note_missing"):
        actions.transfer_case(
            an_act(place.actor("town_desk"), reported), **seat_ids(place, "organ_desk", organ)
        )
    actions.transfer_case(
        an_act(place.actor("town_desk"), reported, "供水归水务局管"), **seat_ids(place, "organ_desk", organ)
    )
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id) == (State.ASSIGNED, organ.pk)
    assert told("transfer_case") == {"水经办": 1}
    for who in ("organ_desk", "lane_head", "town_desk"):  # and whose place it is goes on seeing it
        assert Matter.objects.visible_to(place.actor(who)).get() == matter
    actions.take_case(an_act(water, reported))
    actions.resolve_case(an_act(water, reported, "管道已经修好"))
    assert now_of(reported).state == State.RESOLVED


@pytest.mark.parametrize("who", ["lane_head", "grid_head", "organ_desk"])
def test_transfer_case_is_for_desks(place: Place, who: str) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    actions.transfer_case(
        an_act(place.actor("town_desk"), reported, "归水务局管"), **seat_ids(place, "organ_desk", organ)
    )
    with refusal("not_permitted"):
        actions.transfer_case(
            an_act(place.actor(who), reported, "转给别人"), **seat_ids(place, "organ_desk", organ)
        )


def test_transfer_case_goes_to_organs_of_this_county_with_somebody_in_them(place: Place) -> None:
    organ = add_organ(place)
    other = make_place("14/08/27/")
    abroad = add_organ(other, name="交通局")
    reported = make_report(place.lane, "voices")
    leave(place, "organ_desk")
    for unit in (organ, abroad, place.village):
        with refusal("seat_outside"):
            actions.transfer_case(
                an_act(place.actor("town_desk"), reported, "归他们管"), **seat_ids(place, "organ_desk", unit)
            )


def test_what_an_organ_returns_goes_back_to_whoever_transferred_it(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    actions.transfer_case(
        an_act(place.actor("village_director"), reported, "归水务局管"),
        **seat_ids(place, "organ_desk", organ),
    )
    actions.return_case(an_act(place.actor("organ_desk"), reported, "不归水务局管，是物业的"))
    matter = now_of(reported)
    assert (matter.state, matter.holder_seat) == (State.REPORTED, place.actor("village_director").seats[0])
    assert told("return_case") == {"赵主任": 1}


# ------------------------------------------------------------------------------------------------------- hand up and return


def test_hand_up_case_goes_level_by_level_to_the_county_and_no_further(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    way = ["lane_head", "grid_head", "village_director", "town_desk"]
    units = [place.grid, place.village, place.town, place.county]
    for who, unit in zip(way, units, strict=True):
        actions.hand_up_case(an_act(place.actor(who), reported, "本级办不了"))
        matter = now_of(reported)
        assert (matter.state, matter.holder_unit_id) == (State.REPORTED, unit.pk)
    assert told("hand_up_case") == {"王网格": 1, "赵主任": 1, "周值班": 1, "吴值班": 1}
    with refusal("top"):
        actions.hand_up_case(an_act(place.actor("county_desk"), reported, "本级办不了"))
    assert clock_of(reported, "respond").started_at == MONDAY  # one promise, whoever has it


def test_hand_up_case_by_an_organ_goes_to_the_county(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    actions.transfer_case(
        an_act(place.actor("town_desk"), reported, "归水务局管"), **seat_ids(place, "organ_desk", organ)
    )
    actions.take_case(an_act(place.actor("organ_desk"), reported))
    actions.hand_up_case(an_act(place.actor("organ_desk"), reported, "要县里协调"))
    assert now_of(reported).holder_unit_id == place.county.pk


def test_what_somebody_has_in_hand_is_not_handed_up_by_another(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    for action in (actions.hand_up_case, actions.return_case):
        with refusal("not_handler"):
            action(an_act(place.actor("grid_head"), reported, "交上去"))


def test_what_is_returned_goes_past_a_giver_who_has_left(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.assign_case(
        an_act(place.actor("grid_head"), reported), **seat_ids(place, "lane_head", place.lane2)
    )
    leave(place, "grid_head")
    actions.return_case(an_act(place.actor("lane_head_2"), reported, "不归我管"))
    matter = now_of(reported)
    assert (matter.holder_unit_id, matter.alarm) == (place.village.pk, "vacant")


# ------------------------------------------------------------------------------------------------------- handle together


def test_handle_together_asks_another_seat_by_a_time_of_its_own(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    helper = place.actor("lane_head_2")
    assert not Matter.objects.visible_to(helper).exists()
    actions.handle_together(
        an_act(place.actor("village_director"), reported, "请帮忙清理路口"),
        **seat_ids(place, "lane_head", place.lane2),
    )
    part = case_of(reported).parts.get()
    matter, row = now_of(reported), clock_of(reported, "part")
    assert (row.about, row.amount, row.kind) == (part.pk, 2, "working_days")
    assert (matter.state, matter.holder_unit_id) == (
        State.IN_PROGRESS,
        place.lane.pk,
    )  # who leads still leads
    assert matter.next_clock == "put_right"  # a list shows the promise to the reporter
    assert told("handle_together") == {"李巷长": 1}
    assert Matter.objects.visible_to(helper).get() == matter
    with refusal("parts_open"):
        actions.resolve_case(an_act(place.actor("lane_head"), reported, "已经办好"))
    with refusal("note_missing"):
        actions.finish_part(an_act(helper, reported), part_id=part.pk)
    actions.finish_part(an_act(helper, reported, "路口清理好了"), part_id=part.pk)
    assert told("finish_part") == {"张巷长": 1}
    assert live(reported) == {"put_right"}
    with refusal("part_done"):
        actions.finish_part(an_act(helper, reported, "路口清理好了"), part_id=part.pk)
    actions.resolve_case(an_act(place.actor("lane_head"), reported, "已经办好"))


def test_two_seats_may_help_each_with_a_clock_of_its_own(place: Place) -> None:
    organ = add_organ(place)
    reported = bring_to(place, State.IN_PROGRESS)
    director = place.actor("village_director")
    for code, unit in (("lane_head", place.lane2), ("organ_desk", organ)):
        actions.handle_together(an_act(director, reported, "请一起办"), **seat_ids(place, code, unit))
    parts = {part.unit_id: part for part in case_of(reported).parts.all()}
    rows = MatterClock.objects.filter(matter=reported.matter.pk, name=ClockName.PART, stopped_at=None)
    assert {row.about for row in rows} == {part.pk for part in parts.values()}
    actions.finish_part(an_act(place.actor("organ_desk"), reported, "已经关阀"), part_id=parts[organ.pk].pk)
    assert {row.about for row in rows.all()} == {parts[place.lane2.pk].pk}


def test_handle_together_is_refused(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    director, helper = place.actor("village_director"), seat_ids(place, "lane_head", place.lane2)
    with refusal("note_missing"):
        actions.handle_together(an_act(director, reported), **helper)
    with refusal("leads"):
        actions.handle_together(
            an_act(director, reported, "一起办"), **seat_ids(place, "lane_head", place.lane)
        )
    with refusal("seat_outside"):
        actions.handle_together(
            an_act(director, reported, "一起办"), **seat_ids(place, "town_desk", place.town)
        )
    with refusal("not_permitted"):
        actions.handle_together(an_act(place.actor("lane_head"), reported, "一起办"), **helper)
    actions.handle_together(an_act(director, reported, "一起办"), **helper)
    with refusal("asked"):
        actions.handle_together(an_act(director, reported, "再请一次"), **helper)


def test_a_share_is_reported_by_whoever_was_asked_or_by_the_one_who_leads(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.handle_together(
        an_act(place.actor("village_director"), reported, "一起办"),
        **seat_ids(place, "lane_head", place.lane2),
    )
    part = case_of(reported).parts.get()
    with refusal("not_handler"):
        actions.finish_part(an_act(place.actor("grid_head"), reported, "他们办好了"), part_id=part.pk)
    actions.finish_part(an_act(place.actor("lane_head"), reported, "二巷口头报告办好了"), part_id=part.pk)
    assert case_of(reported).parts.get().done_at == MONDAY


def test_an_overdue_share_is_its_seats_and_the_leaders_matter_and_brings_nobody_else_in(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.handle_together(
        an_act(place.actor("village_director"), reported, "一起办"),
        **seat_ids(place, "lane_head", place.lane2),
    )
    MatterClock.objects.filter(name="put_right").update(amount=9000)
    fire_until(clock_of(reported, "part").due_at or MONDAY)
    assert clock_of(reported, "part").stage == "red"
    assert told("overdue_yours")["李巷长"] == 1
    assert told("overdue_case")["张巷长"] == 1


def test_a_share_lapses_with_the_case_and_a_new_round_owes_nothing(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    director = place.actor("village_director")
    actions.handle_together(an_act(director, reported, "一起办"), **seat_ids(place, "lane_head", place.lane2))
    actions.decline_case(an_act(director, reported, "不归我们管"), where="请到供电所")
    assert not live(reported)
    actions.reopen_case(reported.code, act_id=new_id(), note="供电所说归村里管")
    assert live(reported) == {"respond", "put_right"}
    assert not case_of(reported).parts.filter(done_at=None).exists()
    actions.take_case(an_act(place.actor("village_director"), reported))
    actions.resolve_case(an_act(place.actor("village_director"), reported, "已经办好"))


# ------------------------------------------------------------------------------------------------------- all of them


def test_every_act_of_giving_by_the_same_form_twice_is_once(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    steps: list[tuple[str, Callable[..., None], str, dict[str, Any]]] = [
        ("lane_head", actions.arrive_case, "", {}),
        ("lane_head", actions.hand_up_case, "本巷办不了", {}),
        ("grid_head", actions.accept_case, "", {}),
        ("grid_head", actions.handle_together, "一起办", seat_ids(place, "lane_head", place.lane2)),
        ("village_director", actions.assign_case, "", seat_ids(place, "lane_head", place.lane)),
        ("lane_head", actions.return_case, "不归我管", {}),
        ("village_director", actions.transfer_case, "归水务局管", seat_ids(place, "organ_desk", organ)),
        ("organ_desk", actions.take_case, "", {}),
    ]
    for who, action, note, fields in steps:
        act = an_act(place.actor(who), reported, note, seen=now_of(reported).turn)
        for _ in range(2):
            action(act, **fields)
    part = case_of(reported).parts.get()
    done = an_act(place.actor("lane_head_2"), reported, "办好了", seen=now_of(reported).turn)
    for _ in range(2):
        actions.finish_part(done, part_id=part.pk)
    kinds = [action.__name__ for _who, action, _note, _fields in steps]
    assert events(reported) == ["report_case", *kinds, "finish_part"]
    assert not reporters_told()  # what desks do among themselves is nobody else's news


def test_a_case_is_never_left_where_all_deputies_are_away(place: Place) -> None:
    """Nobody below is there today, neither holder nor deputy: the level above has it at once, and says why."""
    deputy = place.seat("lane_head", place.lane, "褚代理", standing="deputy")
    for user in (deputy, place.people["lane_head"], place.people["grid_head"]):
        held = Appointment.objects.get(user=user)
        record_absence(appointment=held, starts=MONDAY, ends=MONDAY + timedelta(days=2))
    reported = make_report(place.lane, "voices")
    matter = now_of(reported)
    assert (matter.holder_unit_id, matter.alarm, matter.state) == (place.village.pk, "vacant", State.REPORTED)
    assert told("report_case") == {"赵主任": 1}


def test_when_nobody_at_all_is_there_the_topmost_answers_rather_than_nobody(place: Place) -> None:
    for held in Appointment.objects.all():
        record_absence(appointment=held, starts=MONDAY, ends=MONDAY + timedelta(days=2))
    reported = make_report(place.lane, "voices")
    matter = now_of(reported)
    assert (matter.holder_unit_id, matter.alarm) == (place.county.pk, "vacant")


def test_an_appointment_that_ended_gives_no_authority_today(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    held = Appointment.objects.get(user=place.people["grid_head"])
    end_appointment(appointment=held, on=day_of(MONDAY))
    with refusal("not_found"):
        actions.assign_case(
            an_act(place.actor("grid_head"), reported), **seat_ids(place, "lane_head", place.lane2)
        )
