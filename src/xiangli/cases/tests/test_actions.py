"""The closed loop, act by act."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from xiangli.cases import actions
from xiangli.cases.states import State
from xiangli.cases.tests.acting import a_photo
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.queries import history
from xiangli.territory.actions import end_appointment
from xiangli.territory.models import Appointment


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def test_a_report_reaches_the_lane_head_and_comes_back_put_right(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert (matter.state, matter.holder_unit_id) == (State.ASSIGNED, place.lane.pk)
    assert matter.place_name == "庙上村 一巷"
    head = place.actor("lane_head")
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "已经和邻居说好，路灯下的凳子搬回来了"))
    matter.refresh_from_db()
    assert (matter.state, matter.holder_unit_id) == (State.RESOLVED, place.village.pk)
    actions.confirm_case(reported.code, act_id=new_id())
    matter.refresh_from_db()
    assert matter.state == State.CLOSED
    assert matter.closed_at is not None
    assert matter.next_clock == ""
    assert [row.kind for row in history(matter)] == [
        "report_case",
        "take_case",
        "resolve_case",
        "confirm_case",
    ]
    assert LedgerEvent.objects.filter(stream=matter.pk).count() == matter.event_seq == 4


def test_the_same_report_twice_is_one_matter_with_one_code(place: Place) -> None:
    client_id = new_id()
    first = make_report(place.lane, client_id=client_id)
    again = make_report(place.lane, client_id=client_id)
    assert (again.code, again.again, again.matter.pk) == (first.code, True, first.matter.pk)
    assert Matter.objects.count() == 1
    assert LedgerEvent.objects.filter(kind="report_case").count() == 1


def test_two_people_at_once_one_wins_and_the_other_is_told_who(place: Place) -> None:
    reported = make_report(place.lane)
    seen = Matter.objects.get(pk=reported.matter.pk).turn
    actions.take_case(an_act(place.actor("lane_head"), reported, seen=seen))
    with pytest.raises(Refused) as refused:
        actions.take_case(an_act(place.actor("grid_head"), reported, seen=seen))
    assert refused.value.code == "changed"
    assert "张巷长" in str(refused.value.reason)
    assert Matter.objects.get(pk=reported.matter.pk).handler_id == place.people["lane_head"].pk


def test_a_complaint_passes_over_everybody_on_the_plate(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint", words="巷长从来不管")
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert matter.holder_unit_id == place.town.pk
    assert matter.title == "对服务的意见"
    subjects = {place.people[who].pk for who in ("lane_head", "grid_head", "village_officer")}
    assert set(matter.subjects.values_list("user_id", flat=True)) == subjects
    for who in ("lane_head", "grid_head", "village_director", "county_desk"):
        assert not Matter.objects.visible_to(place.actor(who)).exists(), who
    assert Matter.objects.visible_to(place.actor("town_desk")).get() == matter


def test_a_report_gives_its_number_at_once(place: Place) -> None:
    reported = make_report(place.lane)
    assert reported.matter.number == Matter.objects.get(pk=reported.matter.pk).number


def test_a_reopened_case_wants_a_new_photo_of_after(place: Place) -> None:
    """How it looked after the first try proves nothing of the second; how it looked before stays true."""
    head = place.actor("lane_head")
    reported = make_report(place.lane, "environment", photos=[a_photo(place, 1)])
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "清走了", photos_after=[a_photo(place, 2)]))
    actions.reopen_case(reported.code, act_id=new_id(), note="还在那里")
    actions.take_case(an_act(head, reported))
    with pytest.raises(Refused) as refused:
        actions.resolve_case(an_act(head, reported, "真的清走了"))
    assert refused.value.code == "photo_after_missing"
    actions.resolve_case(an_act(head, reported, "真的清走了", photos_after=[a_photo(place, 3)]))


def test_a_case_that_goes_up_past_an_empty_seat_says_so(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    for who in ("grid_head", "lane_head_2"):
        held = Appointment.objects.get(user=place.people[who])
        end_appointment(appointment=held, on=clock.now().date())
    actions.return_case(an_act(place.actor("lane_head"), reported, "不归我管"))
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert (matter.holder_unit_id, matter.alarm) == (place.village.pk, "vacant")


def test_who_is_assigned_a_case_of_the_next_lane_sees_and_handles_it(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    next_head = place.actor("lane_head_2")
    assert not Matter.objects.visible_to(next_head).exists()
    seat = (place.lane2.pk, place.posts["lane_head"].pk)
    actions.assign_case(an_act(place.actor("grid_head"), reported), unit_id=seat[0], post_id=seat[1])
    assert Matter.objects.visible_to(next_head).get().pk == reported.matter.pk
    actions.take_case(an_act(next_head, reported))
    actions.resolve_case(an_act(next_head, reported, "已经办好"))


def test_the_record_speaks_chinese_whatever_the_actor_reads(place: Place) -> None:
    reported = make_report(place.lane)
    with override("en"):
        actions.return_case(an_act(place.actor("lane_head"), reported, "not here"))
    last = history(Matter.objects.get(pk=reported.matter.pk))[-1]
    assert (last.post, last.words["target"]) == ("一巷 街巷长", "第一网格 网格长")
