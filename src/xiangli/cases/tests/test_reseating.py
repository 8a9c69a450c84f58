"""People leave their posts: no case waits where nobody sits, and none goes to those it is about."""

from __future__ import annotations

from datetime import date

import pytest

from xiangli.cases import actions
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, outbox
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.queries import history
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint, end_appointment
from xiangli.territory.models import Appointment
from xiangli.territory.rules import day_of


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def today() -> date:
    return day_of(clock.now())


def leave(place: Place, *whom: str) -> None:
    for who in whom:
        for held in Appointment.objects.filter(user=place.people[who]):
            end_appointment(appointment=held, on=today())


def reseat() -> int:
    return actions.reseat_cases(clock.now())


def now_of(matter: Matter) -> Matter:
    return Matter.objects.get(pk=matter.pk)


def test_nothing_moves_while_people_sit_where_cases_wait(place: Place) -> None:
    make_report(place.lane)
    make_report(place.lane, "service_complaint")
    assert reseat() == 0


def test_a_complaint_whose_seat_emptied_goes_up_past_its_subjects(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint")
    leave(place, "town_desk")
    # The subject now holds the seat alone: still nobody there may see it.
    appoint(
        user=place.people["lane_head"], unit=place.town, post=place.posts["town_desk"], valid_from=today()
    )
    assert not Matter.objects.visible_to(place.actor("county_supervision")).exists()
    assert reseat() == 1
    matter = now_of(complaint.matter)
    assert matter.holder_unit_id == place.county.pk
    assert Matter.objects.visible_to(place.actor("county_supervision")).get() == matter
    assert not Matter.objects.visible_to(place.actor("lane_head")).exists()
    assert [row.kind for row in history(matter)] == ["report_case", "reseat_case"]
    while outbox.work_once(clock.now()):
        pass
    told = set(Notice.objects.filter(kind="reseat_case").values_list("user_id", flat=True))
    assert told == {place.people["county_supervision"].pk}
    assert reseat() == 0


def test_a_complaint_that_lay_outside_comes_in_when_somebody_may_have_it(place: Place) -> None:
    leave(place, "town_desk", "county_supervision")
    complaint = make_report(place.lane, "service_complaint")
    assert complaint.matter.holder_post_id is None
    assert reseat() == 0
    place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
    assert reseat() == 1
    assert now_of(complaint.matter).holder_seat == place.actor("town_head").seats[0]


def test_a_report_in_an_empty_lane_goes_up_and_says_why(place: Place) -> None:
    waiting, in_hand = make_report(place.lane, "voices"), make_report(place.lane, "voices")
    by_another = make_report(place.lane, "voices")
    actions.take_case(an_act(place.actor("lane_head"), in_hand))
    actions.take_case(an_act(place.actor("village_clerk"), by_another))
    leave(place, "lane_head")
    assert reseat() == 2
    for reported in (waiting, in_hand):
        matter = now_of(reported.matter)
        assert (matter.state, matter.holder_unit_id) == (State.REPORTED, place.grid.pk)
        assert (matter.handler_id, matter.alarm) == (None, "vacant")
        actions.take_case(an_act(place.actor("grid_head"), reported))
    assert now_of(by_another.matter).handler_id == place.people["village_clerk"].pk


def test_what_waits_for_a_check_waits_for_another_person(place: Place) -> None:
    reported = make_report(place.lane, "work_safety")
    head = place.actor("lane_head")
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "架子已经加固"))
    leave(place, "village_director", "village_clerk")
    assert reseat() == 1
    matter = now_of(reported.matter)
    assert (matter.state, matter.holder_unit_id) == (State.TO_VERIFY, place.town.pk)
    actions.verify_case(an_act(place.actor("town_desk"), reported), passed=True)


def test_nobody_resolves_what_nobody_else_could_check(place: Place) -> None:
    """It would wait for its check for ever; given to somebody below, it can be checked."""
    reported = make_report(place.lane, "work_safety")
    leave(place, "village_director", "village_clerk", "town_desk")
    county = place.actor("county_desk")
    actions.take_case(an_act(county, reported))
    with pytest.raises(Refused) as refused:
        actions.resolve_case(an_act(county, reported, "架子已经加固"))
    assert refused.value.code == "no_checker"
    actions.assign_case(an_act(county, reported), unit_id=place.lane.pk, post_id=place.posts["lane_head"].pk)
    head = place.actor("lane_head")
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "架子已经加固"))
    actions.verify_case(an_act(county, reported), passed=True)


def test_when_the_county_s_seat_empties_the_case_goes_back_to_who_answers_for_the_place(place: Place) -> None:
    """Not out of the county, and not to and fro."""
    reported = make_report(place.lane, "voices")
    desk = place.actor("county_desk")
    actions.assign_case(
        an_act(desk, reported), unit_id=place.county.pk, post_id=place.posts["county_desk"].pk
    )
    leave(place, "county_desk")
    assert reseat() == 1
    matter = now_of(reported.matter)
    assert (matter.state, matter.holder_unit_id, matter.alarm) == (State.REPORTED, place.lane.pk, "vacant")
    assert reseat() == 0
