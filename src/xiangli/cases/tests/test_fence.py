"""What a subject, a curious colleague or a forged form must not get out of the loop."""

from __future__ import annotations

import pytest

from xiangli.cases import actions
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint


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
