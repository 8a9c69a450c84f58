"""What clocks and grants must not do: send a case astray, tell twice, climb over whoever took it, or lend power."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from xiangli.cases import actions
from xiangli.cases.models import Order
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import clock, outbox, timers
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterSubject
from xiangli.matters.states import GrantKind, Visibility
from xiangli.notices.models import Notice
from xiangli.territory.actions import end_appointment, set_on_call
from xiangli.territory.models import Appointment
from xiangli.territory.rules import OUTSIDE, day_of, seat_of

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in the county


@pytest.fixture
def place() -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def work() -> None:
    while outbox.work_once(clock.now()):
        pass


def fire_until(moment: datetime) -> None:
    """Let time pass: fire each moment as it comes."""
    while (due := Due.objects.filter(at__lte=moment).order_by("at").first()) is not None:
        with clock.set_to(due.at):
            assert timers.fire_once(due.at)
            work()


def leave(place: Place, *whom: str) -> None:
    for who in whom:
        for held in Appointment.objects.filter(user=place.people[who]):
            end_appointment(appointment=held, on=day_of(clock.now()))


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__display_name", flat=True))


def now_of(pk: UUID) -> Matter:
    return Matter.objects.get(pk=pk)


def refusal(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda refused: refused.code == code)


def test_a_check_that_nobody_above_may_do_stays_in_the_county(place: Place) -> None:
    """Only the resolver sits at the top: an ordinary case waits there in red, and leaves the county for nobody."""
    reported = make_report(place.lane, "work_safety")
    county = place.actor("county_desk")
    actions.take_case(an_act(county, reported))
    actions.resolve_case(an_act(county, reported, "架子已经加固"))
    fire_until(MONDAY + timedelta(days=40))
    matter = now_of(reported.matter.pk)
    assert matter.holder_seat != OUTSIDE
    assert (matter.state, matter.holder_unit_id, matter.alarm) == (State.TO_VERIFY, place.town.pk, "top")


def test_what_climbed_out_of_the_county_does_not_come_back_to_whom_it_climbed_past(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint")
    leave(place, "county_supervision")
    moment = MONDAY
    while now_of(reported.matter.pk).holder_seat != OUTSIDE:
        moment += timedelta(days=1)
        assert moment < MONDAY + timedelta(days=40)
        fire_until(moment)
    with clock.set_to(moment):
        assert actions.reseat_cases(moment) == 0
    assert now_of(reported.matter.pk).holder_seat == OUTSIDE


def test_two_limits_missed_at_once_are_one_matter_to_whoever_is_told(place: Place) -> None:
    """After days without a worker, and for what was open before there were clocks."""
    reported = make_report(place.lane)
    with clock.set_to(MONDAY + timedelta(days=5)):
        assert timers.fire_once(clock.now()) == 1
        work()
    rows = Notice.objects.filter(kind__in=("overdue_yours", "overdue_case"))
    assert sorted(rows.values_list("user__display_name", "count", "about")) == [
        ("张巷长", 1, reported.matter.pk),
        ("王网格", 1, reported.matter.pk),
    ]


def test_an_order_ends_when_the_case_comes_to_whoever_gave_it(place: Place) -> None:
    """Nobody answers their own order, and a case that was taken in time climbs no further for it."""
    reported = make_report(place.lane)
    clerk = place.actor("village_clerk")
    actions.assign_case(
        an_act(clerk, reported), unit_id=place.village.pk, post_id=place.posts["village_director"].pk
    )
    director = place.actor("village_director")
    actions.take_case(an_act(director, reported))
    actions.ask_extension(an_act(director, reported, "等材料"), days=3)
    actions.decide_extension(an_act(place.actor("town_desk"), reported), approved=True)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请说明进展"))
    moment = MONDAY
    while now_of(reported.matter.pk).holder_unit_id != place.town.pk:
        moment += timedelta(hours=6)
        assert moment < MONDAY + timedelta(days=6)
        fire_until(moment)
    assert not Order.objects.filter(answered_at=None).exists()
    with clock.set_to(moment):
        actions.take_case(an_act(place.actor("town_desk"), reported))
    live = set(MatterClock.objects.filter(stopped_at=None).values_list("name", flat=True))
    assert live == {"put_right"}


def test_nobody_decides_on_more_time_for_themselves(place: Place) -> None:
    """Nor on what somebody else had asked for, once they have the case in hand."""
    reported = make_report(place.lane)
    head, grid = place.actor("lane_head"), place.actor("grid_head")
    actions.take_case(an_act(head, reported))
    actions.ask_extension(an_act(head, reported, "等材料"), days=2)
    actions.assign_case(an_act(grid, reported), unit_id=place.lane.pk, post_id=place.posts["lane_head"].pk)
    actions.take_case(an_act(grid, reported))
    with refusal("own_work"):
        actions.decide_extension(an_act(grid, reported), approved=True)
    actions.decide_extension(an_act(place.actor("village_clerk"), reported), approved=True)


def test_whoever_helps_does_their_share_and_nothing_else(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane)
    clerk, helper = place.actor("village_clerk"), place.actor("organ_desk")
    actions.handle_together(
        an_act(clerk, reported, "请一起看"), unit_id=organ.pk, post_id=place.posts["organ_desk"].pk
    )
    with refusal("not_permitted"):
        actions.take_case(an_act(helper, reported))
    with refusal("not_permitted"):
        actions.suspend_case(an_act(helper, reported, "等等再说"), days=2)
    with refusal("not_permitted"):
        actions.decline_case(an_act(helper, reported, "不归我们"), where="水务局窗口")
    actions.arrive_case(an_act(helper, reported))
    part = reported.matter.case.parts.get()
    actions.finish_part(an_act(helper, reported, "管道已经疏通"), part_id=part.pk)


def test_who_helped_may_all_once_the_case_is_theirs(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane)
    seat = {"unit_id": organ.pk, "post_id": place.posts["organ_desk"].pk}
    clerk = place.actor("village_clerk")
    actions.handle_together(an_act(clerk, reported, "请一起看"), **seat)
    actions.transfer_case(an_act(clerk, reported, "归水务局管"), **seat)
    actions.take_case(an_act(place.actor("organ_desk"), reported))
    assert now_of(reported.matter.pk).state == State.IN_PROGRESS


def seal(place: Place, pk: UUID, *seats: str) -> None:
    """A sealed matter with its list of posts, the first of which holds it."""
    at = clock.now()
    for number, seat in enumerate(seats):
        MatterGrant.objects.create(
            matter_id=pk, seat=seat, kind=GrantKind.SEALED, granted_at=at + timedelta(seconds=number)
        )
    unit, _colon, post = seats[0].partition(":")
    Matter.objects.filter(pk=pk).update(
        visibility=Visibility.SEALED, holder_seat=seats[0], holder_unit=unit, holder_post=post
    )


def test_sealed_goes_up_along_its_list_and_never_up_the_tree(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint")
    MatterGrant.objects.filter(matter=reported.matter).delete()
    first = seat_of(place.village.pk, place.posts["village_clerk"].pk)
    second = seat_of(place.county.pk, place.posts["county_supervision"].pk)
    seal(place, reported.matter.pk, first, second)
    clerk = place.actor("village_clerk")
    actions.hand_up_case(an_act(clerk, reported, "村里办不了"))
    assert now_of(reported.matter.pk).holder_seat == second
    assert set(MatterGrant.objects.values_list("seat", flat=True)) == {first, second}


def test_sealed_in_an_empty_seat_goes_to_the_next_on_its_list(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint")
    MatterGrant.objects.filter(matter=reported.matter).delete()
    first = seat_of(place.village.pk, place.posts["village_clerk"].pk)
    second = seat_of(place.county.pk, place.posts["county_supervision"].pk)
    seal(place, reported.matter.pk, first, second)
    leave(place, "village_clerk")
    assert actions.reseat_cases(clock.now()) == 1
    assert now_of(reported.matter.pk).holder_seat == second
    leave(place, "county_supervision")
    assert actions.reseat_cases(clock.now()) == 1
    assert now_of(reported.matter.pk).holder_seat == OUTSIDE
    assert set(MatterGrant.objects.values_list("seat", flat=True)) == {first, second}


def test_sealed_passes_over_a_seat_in_which_its_subject_is_on_call(place: Place) -> None:
    officer = place.people["village_officer"]
    reported = make_report(place.lane, "service_complaint")
    MatterGrant.objects.filter(matter=reported.matter).delete()
    assert MatterSubject.objects.filter(matter=reported.matter, user=officer).exists()
    first = seat_of(place.village.pk, place.posts["village_clerk"].pk)
    second = seat_of(place.town.pk, place.posts["town_desk"].pk)
    third = seat_of(place.county.pk, place.posts["county_supervision"].pk)
    seal(place, reported.matter.pk, first, second, third)
    set_on_call(
        unit=place.town,
        post=place.posts["town_desk"],
        user=officer,
        starts=MONDAY,
        ends=MONDAY + timedelta(hours=12),
    )
    actions.hand_up_case(an_act(place.actor("village_clerk"), reported, "村里办不了"))
    assert now_of(reported.matter.pk).holder_seat == third


def test_sealed_is_passed_to_nobody_off_its_list(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "service_complaint")
    MatterGrant.objects.filter(matter=reported.matter).delete()
    first = seat_of(place.village.pk, place.posts["village_clerk"].pk)
    seal(place, reported.matter.pk, first)
    desk = {"unit_id": organ.pk, "post_id": place.posts["organ_desk"].pk}
    clerk = place.actor("village_clerk")
    with refusal("seat_outside"):
        actions.transfer_case(an_act(clerk, reported, "归水务局管"), **desk)
    actions.take_case(an_act(clerk, reported))
    with refusal("seat_outside"):
        actions.handle_together(an_act(clerk, reported, "请一起看"), **desk)


def test_asking_for_time_lets_nobody_into_what_is_sealed(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint")
    MatterGrant.objects.filter(matter=reported.matter).delete()
    first = seat_of(place.village.pk, place.posts["village_clerk"].pk)
    seal(place, reported.matter.pk, first)
    clerk = place.actor("village_clerk")
    actions.take_case(an_act(clerk, reported))
    with refusal("private"):
        actions.ask_extension(an_act(clerk, reported, "还在了解情况"), days=2)
    work()
    assert told("ask_extension") == []
    assert set(MatterGrant.objects.values_list("seat", flat=True)) == {first}


def test_danger_does_not_vanish_into_what_is_not_dangerous(place: Place) -> None:
    rubbish = make_report(place.lane)
    danger = make_report(place.lane, "danger_now")
    clerk = place.actor("village_clerk")
    with refusal("merge_danger"):
        actions.merge_case(an_act(clerk, danger), number=now_of(rubbish.matter.pk).number)
    actions.merge_case(an_act(clerk, rubbish), number=now_of(danger.matter.pk).number)


def test_whoever_is_on_call_hears_of_danger_that_comes_back_or_up(place: Place) -> None:
    """At night the holders may be away; whoever has the night answers, and nobody further up is woken instead."""
    set_on_call(
        unit=place.town,
        post=place.posts["town_desk"],
        user=place.people["village_officer"],
        starts=MONDAY,
        ends=MONDAY + timedelta(hours=12),
    )
    reported = make_report(place.lane, "danger_now")
    actions.hand_up_case(an_act(place.actor("lane_head"), reported, "一个人处理不了"))
    work()
    assert told("hand_up_case") == sorted(["王网格", "孙警官"])
    fire_until(MONDAY + timedelta(minutes=25))
    assert "孙警官" in told("move_up_case")


def test_danger_that_is_reopened_is_told_to_whoever_is_on_call(place: Place) -> None:
    set_on_call(
        unit=place.town,
        post=place.posts["town_desk"],
        user=place.people["village_officer"],
        starts=MONDAY,
        ends=MONDAY + timedelta(hours=12),
    )
    reported = make_report(place.lane, "voices")
    Matter.objects.filter(pk=reported.matter.pk).update(danger=True)
    head = place.actor("lane_head")
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "已经拉线围好"))
    actions.verify_case(an_act(place.actor("village_clerk"), reported), passed=True)
    actions.reopen_case(reported.code, act_id=new_id(), note="线又断了")
    work()
    assert "孙警官" in told("reopen_case")


def test_the_top_s_alarm_ends_with_what_it_stood_for(place: Place) -> None:
    reported = make_report(place.lane, "work_safety")
    head = place.actor("lane_head")
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "架子已经加固"))
    fire_until(MONDAY + timedelta(days=60))
    matter = now_of(reported.matter.pk)
    assert (matter.state, matter.alarm) == (State.TO_VERIFY, "top")
    with clock.set_to(MONDAY + timedelta(days=60)):
        actions.verify_case(an_act(place.actor("county_desk"), reported), passed=True)
        assert now_of(reported.matter.pk).alarm == ""
        assert actions.tell_top(clock.now()) == 0


def test_a_nudge_tells_each_seat_once(place: Place) -> None:
    reported = make_report(place.lane)
    fire_until(MONDAY + timedelta(hours=40))  # the grid has it now, and was its supervisor before
    assert now_of(reported.matter.pk).holder_unit_id == place.grid.pk
    with clock.set_to(MONDAY + timedelta(hours=41)):
        actions.nudge_case(reported.code, act_id=new_id())
        work()
    assert told("nudge_case") == sorted(["王网格", "赵主任"])
    assert LedgerEvent.objects.filter(kind="nudge_case").count() == 1


def test_the_first_promise_is_not_merged_away(place: Place) -> None:
    """Into what was reported later, or has been put right already, nothing goes."""
    first = make_report(place.lane, "traffic")
    with clock.set_to(clock.now() + timedelta(hours=1)):
        later = make_report(place.lane, "traffic")
        director = place.actor("village_director")
        with refusal("merge_later"):
            actions.merge_case(an_act(director, first), number=Matter.objects.get(pk=later.matter.pk).number)
        actions.handle_on_spot(an_act(place.actor("lane_head"), first, "劝离了"))
        with refusal("merge_closed"):
            actions.merge_case(an_act(director, later), number=Matter.objects.get(pk=first.matter.pk).number)


def test_a_suspension_neither_hides_a_breach_nor_lasts_for_ever(place: Place) -> None:
    reported = make_report(place.lane, "traffic")
    director, start = place.actor("village_director"), clock.now()
    with clock.set_to(start + timedelta(hours=1)):
        actions.suspend_case(an_act(director, reported, "等供电所"), days=20)
        actions.resume_case(an_act(director, reported))
        with refusal("days_range"):
            actions.suspend_case(an_act(director, reported, "再等等"), days=11)
        actions.suspend_case(an_act(director, reported, "再等等"), days=10)
        actions.resume_case(an_act(director, reported))
        with refusal("suspended"):
            actions.suspend_case(an_act(director, reported, "还要等"), days=1)
    other = make_report(place.lane, "traffic")
    with clock.set_to(start + timedelta(days=5)):
        timers.fire_once(clock.now())
        with refusal("breached"):
            actions.suspend_case(an_act(director, other, "等供电所"), days=2)


def test_the_village_gives_the_town_no_orders(place: Place) -> None:
    reported = make_report(place.lane, "traffic")
    for who in ("lane_head", "grid_head", "village_director"):
        actions.hand_up_case(an_act(place.actor(who), reported, "办不了"))
    with refusal("not_above"):
        actions.supervise_case(an_act(place.actor("village_director"), reported, "请抓紧"))
    actions.supervise_case(an_act(place.actor("county_desk"), reported, "请抓紧"))


def test_a_form_that_is_being_filled_in_outlives_amber_and_red(place: Place) -> None:
    reported = make_report(place.lane, "traffic")
    seen = Matter.objects.get(pk=reported.matter.pk).turn
    with clock.set_to(clock.now() + timedelta(hours=13)):
        timers.fire_once(clock.now())
        assert Matter.objects.get(pk=reported.matter.pk).alarm == ""
        actions.take_case(an_act(place.actor("lane_head"), reported, seen=seen))
