"""What a subject, a curious colleague or a forged form must not get out of the loop."""

from __future__ import annotations

import pytest

from xiangli.cases import actions
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint, end_appointment
from xiangli.territory.models import Appointment


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def test_reveal_contact_leaves_an_event_whatever_id_the_form_carries(place: Place) -> None:
    reported = make_report(place.lane, contact_phone="13800000000")
    other = make_report(place.lane2)
    desk = place.actor("town_desk")
    taken = an_act(desk, reported)
    actions.take_case(taken)
    elsewhere = an_act(desk, other)
    actions.take_case(elsewhere)
    for used in (taken.act_id, elsewhere.act_id):
        forged = actions.Act(desk, reported.matter.pk, used, note="核对地点在哪里")
        with pytest.raises(Refused) as refused:
            actions.reveal_contact(forged)
        assert refused.value.code in ("invalid_act_id", "not_found")
    assert not LedgerEvent.objects.filter(kind="reveal_contact").exists()
    assert actions.reveal_contact(an_act(desk, reported, "核对地点在哪里"))["phone"] == "13800000000"
    assert LedgerEvent.objects.filter(kind="reveal_contact").count() == 1


def test_reveal_contact_by_an_old_form_is_refused(place: Place) -> None:
    """The page promises that a contact is shown once: a form kept for later would show it without a trace."""
    reported = make_report(place.lane, contact_phone="13800000000")
    desk = place.actor("town_desk")
    act = an_act(desk, reported, "核对地点在哪里")
    assert actions.reveal_contact(act)["phone"] == "13800000000"
    with pytest.raises(Refused) as refused:
        actions.reveal_contact(act)
    assert refused.value.code == "invalid_act_id"


def test_an_id_used_for_one_act_does_not_pass_for_another(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    head = place.actor("lane_head")
    taken = an_act(head, reported)
    actions.take_case(taken)
    actions.take_case(taken)  # pressed twice: once
    with pytest.raises(Refused) as refused:
        actions.resolve_case(actions.Act(head, reported.matter.pk, taken.act_id, note="已经办好"))
    assert refused.value.code == "invalid_act_id"
    with pytest.raises(Refused) as refused:
        actions.take_case(actions.Act(place.actor("grid_head"), reported.matter.pk, taken.act_id))
    assert refused.value.code == "invalid_act_id"
    actions.resolve_case(an_act(head, reported, "已经办好"))
    confirmed = new_id()
    actions.confirm_case(reported.code, act_id=confirmed)
    actions.confirm_case(reported.code, act_id=confirmed)
    with pytest.raises(Refused) as refused:
        actions.reopen_case(reported.code, act_id=confirmed, note="还没解决")
    assert refused.value.code == "invalid_act_id"


def test_a_subject_who_comes_into_the_seat_later_is_told_nothing(place: Place) -> None:
    """Not even that there is something: neither of what happens from now on, nor of what still waits to be told."""
    complaint = make_report(place.lane, "service_complaint", words="巷长从来不管")
    head = place.people["lane_head"]
    appoint(
        user=head,
        unit=place.town,
        post=place.posts["town_desk"],
        valid_from=clock.now().date(),
        standing="deputy",
    )
    actions.withdraw_case(complaint.code, act_id=new_id())
    while outbox.work_once(clock.now()):
        pass
    told = set(Notice.objects.filter(about=complaint.matter.pk).values_list("user_id", flat=True))
    assert told == {place.people["town_desk"].pk}


def vacate(place: Place, *whom: str) -> None:
    for who in whom:
        held = Appointment.objects.get(user=place.people[who])
        end_appointment(appointment=held, on=clock.now().date())


def test_a_complaint_is_about_those_who_stand_in_as_well(place: Place) -> None:
    """Lane and grid are empty, so the director answers here: the complaint is about the director too."""
    vacate(place, "lane_head", "grid_head")
    complaint = make_report(place.lane, "service_complaint", words="这里从来没有人管")
    subjects = set(complaint.matter.subjects.values_list("user_id", flat=True))
    assert subjects == {place.people["village_director"].pk, place.people["village_officer"].pk}


def test_a_complaint_is_not_assigned_to_those_who_answer_to_its_subject(place: Place) -> None:
    vacate(place, "lane_head")  # so that the seat below is free of subjects by itself
    complaint = make_report(place.lane, "service_complaint", words="网格长从来不管")
    desk = place.actor("town_desk")
    for who, unit in (("lane_head", place.lane2), ("grid_head", place.grid)):
        act = an_act(desk, complaint)
        with pytest.raises(Refused) as refused:
            actions.assign_case(act, unit_id=unit.pk, post_id=place.posts[who].pk)
        assert refused.value.code == "subject_seat"
    # the clerk answers to nobody whom it is about
    clerk = place.posts["village_clerk"]
    actions.assign_case(an_act(desk, complaint), unit_id=place.village.pk, post_id=clerk.pk)


def test_a_complaint_that_is_resolved_stays_with_those_who_know_of_it(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint", words="巷长从来不管")
    clerk, post = place.actor("village_clerk"), place.posts["village_clerk"]
    desk = place.actor("town_desk")
    actions.assign_case(an_act(desk, complaint), unit_id=place.village.pk, post_id=post.pk)
    actions.take_case(an_act(clerk, complaint))
    actions.resolve_case(an_act(clerk, complaint, "已经谈过，以后每天巡一次"))
    matter = Matter.objects.get(pk=complaint.matter.pk)
    assert (matter.state, matter.holder_seat) == (State.RESOLVED, clerk.seats[0])
    assert not Matter.objects.visible_to(place.actor("village_director")).exists()
    actions.close_case(an_act(clerk, complaint, "谢谢您告诉我们"))


def test_a_complaint_about_the_towns_desk_can_be_put_right_by_the_towns_head(place: Place) -> None:
    place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
    appoint(
        user=place.people["lane_head"],
        unit=place.town,
        post=place.posts["town_desk"],
        valid_from=clock.now().date(),
        standing="deputy",
    )
    complaint = make_report(place.lane, "service_complaint", words="巷长从来不管")
    head = place.actor("town_head")
    assert complaint.matter.holder_seat == head.seats[0]
    actions.take_case(an_act(head, complaint))
    actions.resolve_case(an_act(head, complaint, "已经谈过"))
    actions.close_case(an_act(head, complaint, "谢谢您告诉我们"))
