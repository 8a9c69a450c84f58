"""Somebody leaves: what they have in hand waits for whoever is there now."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.actions import Act
from xiangli.cases.models import Part
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, make_place, make_report
from xiangli.kernel import clock, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.matters.models import Matter, MatterGrant
from xiangli.matters.queries import history
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint, off_board, preview_leaving
from xiangli.territory.models import Appointment, Standing
from xiangli.territory.rules import Actor, day_of


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def today() -> date:
    return day_of(clock.now())


def an_act(actor: Actor, matter: Matter, note: str = "") -> Act:
    return Act(actor=actor, matter_id=matter.pk, act_id=new_id(), note=note)


def leave(place: Place, who: str) -> None:
    off_board(user=place.people[who], on=today())


def now_of(matter: Matter) -> Matter:
    return Matter.objects.get(pk=matter.pk)


def told(kind: str) -> set[object]:
    while outbox.work_once(clock.now()):
        pass
    return set(Notice.objects.filter(kind=kind).values_list("user_id", flat=True))


def counts(place: Place, who: str) -> list[int]:
    lines = preview_leaving(by=None, user=place.people[who], on=today()).lines
    return [line.count for line in lines][:4]


def test_what_is_in_hand_goes_back_to_the_seat_where_somebody_is(place: Place) -> None:
    deputy = place.seat("lane_head", place.lane, "副巷长", standing=Standing.DEPUTY)
    matter = make_report(place.lane).matter
    actions.take_case(an_act(place.actor("lane_head"), matter))
    assert counts(place, "lane_head") == [1, 0, 0, 0]
    leave(place, "lane_head")
    matter = now_of(matter)
    assert (matter.state, matter.handler_id) == (State.ASSIGNED, None)
    assert matter.holder_unit_id == place.lane.pk
    event = LedgerEvent.objects.filter(stream=matter.pk).latest("seq")
    assert (event.kind, event.authority, event.actor) == ("release_case", "rule:left", None)
    assert told("release_case") == {deputy.pk}


def test_where_nobody_remains_it_goes_to_whoever_answers_now(place: Place) -> None:
    taken, waiting = make_report(place.lane).matter, make_report(place.lane).matter
    actions.take_case(an_act(place.actor("lane_head"), taken))
    assert counts(place, "lane_head") == [1, 1, 0, 0]
    leave(place, "lane_head")
    for matter in (now_of(taken), now_of(waiting)):
        assert (matter.state, matter.handler_id, matter.alarm) == (State.REPORTED, None, "vacant")
        assert matter.holder_unit_id == place.grid.pk
    assert told("reseat_case") == {place.people["grid_head"].pk}


def test_what_is_not_ordinary_moves_and_is_counted_for_nobody(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint").matter
    actions.take_case(an_act(place.actor("town_desk"), complaint))
    assert counts(place, "town_desk") == [0, 0, 0, 0]
    leave(place, "town_desk")
    matter = now_of(complaint)
    assert matter.handler_id is None
    assert matter.holder_unit_id != place.lane.pk


def test_a_share_that_was_asked_for_goes_to_whoever_answers_there_now(place: Place) -> None:
    matter = make_report(place.lane).matter
    actions.hand_up_case(an_act(place.actor("lane_head"), matter, note="请上级办"))
    actions.take_case(an_act(place.actor("grid_head"), matter))
    actions.handle_together(
        an_act(place.actor("grid_head"), matter, note="请来人"),
        unit_id=place.lane2.pk,
        post_id=place.posts["lane_head"].pk,
    )
    assert counts(place, "lane_head_2") == [0, 0, 1, 0]
    leave(place, "lane_head_2")
    part = Part.objects.get()
    # the grid's head, who would answer for the lane now, leads already: told, and may write it down for them
    assert part.unit_id == place.lane2.pk
    assert told("part_left") == {place.people["grid_head"].pk}


def test_a_share_goes_up_where_another_leads(place: Place) -> None:
    matter = make_report(place.lane).matter
    actions.assign_case(
        an_act(place.actor("town_desk"), matter, note="交村里办"),
        unit_id=place.village.pk,
        post_id=place.posts["village_director"].pk,
    )
    actions.take_case(an_act(place.actor("village_director"), matter))
    actions.handle_together(
        an_act(place.actor("village_director"), matter, note="请来人"),
        unit_id=place.lane2.pk,
        post_id=place.posts["lane_head"].pk,
    )
    leave(place, "lane_head_2")
    part = Part.objects.get()
    assert part.unit_id == place.grid.pk
    assert part.done_at is None
    assert MatterGrant.objects.filter(matter=matter, seat=part.seat, ended_at=None).exists()
    assert history(now_of(matter))[-1].kind == "move_part"
    assert place.people["grid_head"].pk in told("handle_together")


def test_release_takes_a_case_from_whoever_has_no_post_any_more(place: Place) -> None:
    place.seat("lane_head", place.lane, "副巷长", standing=Standing.DEPUTY)
    matter = make_report(place.lane).matter
    actions.take_case(an_act(place.actor("lane_head"), matter))
    assert actions.release_cases(clock.now()) == 0
    # an appointment for a time, over by itself
    Appointment.objects.filter(user=place.people["lane_head"]).update(valid_to=today())
    assert actions.release_cases(clock.now()) == 1
    assert now_of(matter).handler_id is None
    assert actions.release_cases(clock.now()) == 0


def test_whoever_stays_in_another_post_keeps_what_they_still_see(place: Place) -> None:
    head = place.people["lane_head"]
    matter = make_report(place.lane).matter
    actions.take_case(an_act(place.actor("lane_head"), matter))
    appoint(user=head, unit=place.grid, post=place.posts["grid_worker"], valid_from=today())
    Appointment.objects.filter(user=head, unit=place.lane).update(valid_to=today())
    actions.move_leaving(head.pk, clock.now() + timedelta(minutes=1))
    assert now_of(matter).handler_id == head.pk
