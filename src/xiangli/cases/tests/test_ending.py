"""How a case ends: closed with feedback, declined with where to go instead, merged, withdrawn; and how it opens
again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.states import State
from xiangli.cases.tests.acting import (
    a_photo,
    bring_to,
    case_of,
    clock_of,
    events,
    fire_until,
    hours,
    last_event,
    live,
    now_of,
    refusal,
    reporters_told,
    told,
)
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due
from xiangli.matters.models import Matter, MatterLink
from xiangli.matters.queries import history

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county
ANSWERABLE_UNTIL = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # 7 days on, the end of a Monday in the county


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


# ------------------------------------------------------------------------------------------------------- close


def test_close_case_ends_with_words_to_the_reporter_who_has_seven_days(place: Place) -> None:
    reported = bring_to(place, State.RESOLVED)
    with refusal("note_missing"):
        actions.close_case(an_act(place.actor("village_director"), reported))
    actions.close_case(an_act(place.actor("village_director"), reported, "已经办好，谢谢您"))
    matter = now_of(reported)
    assert (matter.state, matter.closed_at, matter.next_clock) == (State.CLOSED, MONDAY, "")
    assert case_of(reported).confirm_until == ANSWERABLE_UNTIL
    assert not live(reported)
    assert not Due.objects.filter(subject=matter.pk).exists()
    assert reporters_told() == ["resolve_case", "close_case"]


def test_nothing_closes_by_itself_however_long_it_waits(place: Place) -> None:
    reported = bring_to(place, State.RESOLVED)
    fire_until(MONDAY + timedelta(days=60))
    assert now_of(reported).state == State.RESOLVED
    assert clock_of(reported, "feed_back").stage == "red"


@pytest.mark.parametrize("state", [State.REPORTED, State.ASSIGNED, State.IN_PROGRESS, State.TO_VERIFY])
def test_close_case_is_for_what_is_put_right(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    with refusal("wrong_state"):
        actions.close_case(an_act(place.actor("village_director"), reported, "办结"))


# ------------------------------------------------------------------------------------------------------- confirm and reopen


def test_confirm_case_within_the_days(place: Place) -> None:
    late, in_time = bring_to(place, State.CLOSED), bring_to(place, State.CLOSED)
    with clock.set_to(ANSWERABLE_UNTIL):
        actions.confirm_case(in_time.code, act_id=new_id())
    with clock.set_to(ANSWERABLE_UNTIL + timedelta(seconds=1)), refusal("too_late"):
        actions.confirm_case(late.code, act_id=new_id())
    assert case_of(late).confirmed_at is None  # silence: closed, unconfirmed
    assert told("confirm_case") == {"张巷长": 1}


def test_reopen_case_after_the_days_is_refused_and_says_what_to_do(place: Place) -> None:
    closed, declined = bring_to(place, State.CLOSED), bring_to(place, State.DECLINED)
    for reported in (closed, declined):
        assert case_of(reported).confirm_until == ANSWERABLE_UNTIL
        with clock.set_to(ANSWERABLE_UNTIL + timedelta(seconds=1)), refusal("too_late") as refused:
            actions.reopen_case(reported.code, act_id=new_id(), note="还是没解决")
        assert "12345" in str(refused.value.reason)
    with clock.set_to(ANSWERABLE_UNTIL):
        actions.reopen_case(closed.code, act_id=new_id(), note="还是没解决")


def test_whoever_has_confirmed_has_days_to_think_better_of_it_and_no_more(place: Place) -> None:
    first, second = bring_to(place, State.RESOLVED), bring_to(place, State.RESOLVED)
    for reported in (first, second):
        actions.confirm_case(reported.code, act_id=new_id())
        assert case_of(reported).confirm_until == ANSWERABLE_UNTIL
    actions.reopen_case(first.code, act_id=new_id(), note="又坏了")
    with clock.set_to(ANSWERABLE_UNTIL + timedelta(seconds=1)), refusal("too_late"):
        actions.reopen_case(second.code, act_id=new_id(), note="又坏了")


def test_what_waits_for_feedback_can_be_reopened_for_as_long_as_it_waits(place: Place) -> None:
    reported = bring_to(place, State.RESOLVED)
    with clock.set_to(MONDAY + timedelta(days=30)):
        actions.reopen_case(reported.code, act_id=new_id(), note="没解决")


def test_a_second_reopening_goes_to_the_level_above(place: Place) -> None:
    reported = bring_to(place, State.CLOSED)
    actions.reopen_case(reported.code, act_id=new_id(), note="没解决")
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id) == (State.ASSIGNED, place.lane.pk)
    assert told("reopen_case") == {"张巷长": 1}
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "这次办好了"))
    actions.reopen_case(reported.code, act_id=new_id(), note="还是没解决")
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id) == (State.REPORTED, place.grid.pk)
    assert case_of(reported).reopened == 2
    assert told("reopen_case") == {"张巷长": 1, "王网格": 1}


def test_a_reopened_round_has_its_clocks_anew(place: Place) -> None:
    reported = bring_to(place, State.CLOSED)
    with clock.set_to(MONDAY + hours(50)):
        actions.reopen_case(reported.code, act_id=new_id(), note="没解决")
    assert live(reported) == {"respond", "put_right"}
    assert clock_of(reported, "put_right").started_at == MONDAY + hours(50)


# ------------------------------------------------------------------------------------------------------- decline


def test_decline_case_says_why_and_where_to_go_instead(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    desk = place.actor("village_director")
    for where in ("", " ", "县"):
        with refusal("where_missing") as refused:
            actions.decline_case(an_act(desk, reported, "不归村里管"), where=where)
        assert refused.value.field == "where"
    with refusal("note_missing"):
        actions.decline_case(an_act(desk, reported), where="县供电公司，95598")
    actions.decline_case(an_act(desk, reported, "电费归供电公司管"), where="县供电公司，95598")
    matter = now_of(reported)
    assert (matter.state, matter.closed_at) == (State.DECLINED, MONDAY)
    words = history(matter)[-1].words
    assert (words["note"], words["where"]) == ("电费归供电公司管", "县供电公司，95598")
    assert not live(reported)
    assert reporters_told() == ["decline_case"]


def test_what_was_declined_is_judged_by_the_level_above_when_asked_again(place: Place) -> None:
    reported = bring_to(place, State.REPORTED)  # at the grid
    actions.decline_case(an_act(place.actor("village_director"), reported, "不归我们管"), where="县供电公司")
    holder = now_of(reported).holder_unit_id
    actions.reopen_case(reported.code, act_id=new_id(), note="供电公司说归村里管")
    matter = now_of(reported)
    assert holder == place.village.pk  # of whoever declined it
    assert (matter.state, matter.holder_unit_id) == (State.REPORTED, place.town.pk)


@pytest.mark.parametrize("state", [State.REPORTED, State.ASSIGNED])
def test_danger_is_never_declined(place: Place, state: State) -> None:
    reported = bring_to(place, state, "danger_now")
    with refusal("danger"):
        actions.decline_case(an_act(place.actor("town_desk"), reported, "不归我们管"), where="消防队")


@pytest.mark.parametrize("state", [State.IN_PROGRESS, State.SUSPENDED, State.RESOLVED])
def test_what_somebody_has_taken_is_not_declined(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    with refusal("wrong_state"):
        actions.decline_case(an_act(place.actor("town_desk"), reported, "不归我们管"), where="县供电公司")


def test_decline_case_is_for_desks(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    for who in ("lane_head", "grid_head", "county_supervision"):
        with refusal("not_permitted"):
            actions.decline_case(an_act(place.actor(who), reported, "不归我们管"), where="县供电公司")


# ------------------------------------------------------------------------------------------------------- merge


def test_merge_case_goes_into_the_other_with_its_reporters_and_me_toos(place: Place) -> None:
    into, reported = make_report(place.lane), make_report(place.lane, contact_phone="13800000001")
    for _ in range(2):
        actions.say_me_too(
            reported.matter.pk, place_path=place.lane.path, client_id=new_id(), phone="13800000002"
        )
    actions.say_me_too(into.matter.pk, place_path=place.lane.path, client_id=new_id())
    desk = place.actor("village_director")
    actions.take_case(an_act(place.actor("lane_head"), into))
    actions.merge_case(an_act(desk, reported), number=into.matter.number)
    matter, other = now_of(reported), now_of(into)
    assert (matter.state, matter.closed_at, live(reported)) == (State.MERGED, MONDAY, set())
    assert (other.state, other.me_too) == (
        State.IN_PROGRESS,
        1 + 2 + 1,
    )  # its own, the two, and the report itself
    link = MatterLink.objects.get()
    assert (link.matter_id, link.other_id, link.kind) == (matter.pk, other.pk, "merged")
    assert last_event(reported).data["number"] == other.number
    assert (last_event(into).kind, last_event(into).data["number"]) == ("merge_in", matter.number)
    assert told("merge_case") == {"张巷长": 1}
    assert reporters_told() == ["merge_case"]
    actions.resolve_case(  # whose form is not outdated by it
        an_act(
            place.actor("lane_head"),
            into,
            "一起清走了",
            photos_before=[a_photo(place, 1)],
            photos_after=[a_photo(place, 2)],
        )
    )


def test_merge_case_is_refused(place: Place) -> None:
    reported, other = make_report(place.lane, "voices"), make_report(place.lane2, "voices")
    desk = place.actor("village_director")
    complaint = make_report(place.lane, "service_complaint")
    elsewhere = make_report(make_place("14/08/27/").lane, "voices")
    with refusal("merge_self"):
        actions.merge_case(an_act(desk, reported), number=reported.matter.number)
    for number in (None, 0, 999_999_999, complaint.matter.number, elsewhere.matter.number):
        with refusal("merge_unknown") as refused:
            actions.merge_case(an_act(desk, reported), number=number)
        assert refused.value.field == "number"
    with refusal("not_permitted"):
        actions.merge_case(an_act(place.actor("grid_head"), reported), number=other.matter.number)
    with refusal("merge_private"):
        town = place.actor("town_desk")
        actions.merge_case(an_act(town, reported), number=complaint.matter.number)
    actions.withdraw_case(other.code, act_id=new_id())
    with refusal("merge_closed"):
        actions.merge_case(an_act(desk, reported), number=other.matter.number)
    assert now_of(reported).state == State.ASSIGNED
    assert not MatterLink.objects.exists()


def test_merge_in_a_circle_is_refused(place: Place) -> None:
    first, second, third = (make_report(place.lane, "voices") for _ in range(3))
    desk = place.actor("village_director")
    actions.merge_case(an_act(desk, first), number=second.matter.number)
    actions.merge_case(an_act(desk, second), number=third.matter.number)
    for into in (first, second):
        with refusal("merge_closed"):
            actions.merge_case(an_act(desk, third), number=into.matter.number)
    assert now_of(third).me_too == 3 - 1


def test_danger_does_not_disappear_in_a_slower_case(place: Place) -> None:
    danger, ordinary = make_report(place.lane, "danger_now"), make_report(place.lane, "hazards")
    desk = place.actor("village_director")
    with refusal("merge_danger"):
        actions.merge_case(an_act(desk, danger), number=ordinary.matter.number)
    actions.merge_case(an_act(desk, ordinary), number=danger.matter.number)
    assert now_of(danger).state == State.ASSIGNED


def test_ends_by_the_same_form_twice_are_once(place: Place) -> None:
    desk = place.actor("village_director")
    declined, merged, into = (make_report(place.lane, "voices") for _ in range(3))
    decline, merge = an_act(desk, declined, "不归我们管"), an_act(desk, merged)
    for _ in range(2):
        actions.decline_case(decline, where="县供电公司")
        actions.merge_case(merge, number=into.matter.number)
    assert events(declined) == ["report_case", "decline_case"]
    assert events(merged) == ["report_case", "merge_case"]
    assert events(into) == ["report_case", "merge_in"]
    assert now_of(into).me_too == 1
    closed = bring_to(place, State.RESOLVED)
    act, confirm = an_act(desk, closed, "谢谢您"), new_id()
    for _ in range(2):
        actions.close_case(act)
    for _ in range(2):
        actions.confirm_case(closed.code, act_id=confirm)
    assert events(closed)[-2:] == ["close_case", "confirm_case"]


def test_neighbours_no_longer_see_what_went_into_another(place: Place) -> None:
    into, reported = make_report(place.lane), make_report(place.lane)
    actions.merge_case(an_act(place.actor("village_director"), reported), number=into.matter.number)
    with refusal("not_found"):
        actions.say_me_too(reported.matter.pk, place_path=place.lane.path, client_id=new_id())
    assert set(Matter.objects.open().values_list("pk", flat=True)) == {into.matter.pk}


# ------------------------------------------------------------------------------------------------------- withdraw


@pytest.mark.parametrize("state", [State.REPORTED, State.ASSIGNED, State.IN_PROGRESS, State.SUSPENDED])
def test_withdraw_case_tells_whoever_had_it(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    actions.withdraw_case(reported.code, act_id=new_id(), note="已经好了")
    assert not live(reported)
    assert told("withdraw_case") == {"王网格" if state == State.REPORTED else "张巷长": 1}


@pytest.mark.parametrize(
    "state", [State.TO_VERIFY, State.RESOLVED, State.CLOSED, State.DECLINED, State.MERGED]
)
def test_withdraw_case_is_refused_once_it_is_put_right_or_over(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    with refusal("wrong_state"):
        actions.withdraw_case(reported.code, act_id=new_id())
