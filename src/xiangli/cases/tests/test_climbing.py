"""What is left alone climbs, whatever it is: ordinary, private, sealed, in the night, behind a late worker, with
the wall clock set back or forward."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.states import State
from xiangli.cases.tests import whole
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
    reporters_told,
    seat_ids,
    told,
)
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import clock, timers
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterSubject
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.actions import set_on_call
from xiangli.territory.models import Unit
from xiangli.territory.rules import OUTSIDE, seat_of

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county
DAY = timedelta(days=1)


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def way_of(reported: Receipted) -> list[str]:
    """The seats that a case has lain in, by its events."""
    found = LedgerEvent.objects.filter(stream=reported.matter.pk, data__has_key="seat").order_by("seq")
    return [event.data["seat"] for event in found if event.kind != "supervise_case"]


def seat(place: Place, code: str, unit: Unit) -> str:
    return seat_of(unit.pk, place.posts[code].pk)


# ------------------------------------------------------------------------------------------------------- amber, red, up


def test_each_step_is_told_to_the_right_people_once(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    first = clock_of(reported, "respond")
    assert first.amber_at is not None
    assert first.due_at is not None
    fire_until(first.amber_at)
    assert told("amber_case") == {"张巷长": 1}
    assert clock_of(reported, "respond").stage == "amber"
    fire_until(first.due_at)
    assert told("overdue_yours") == {"张巷长": 1}
    assert told("overdue_case") == {"王网格": 1}
    assert last_event(reported).data["supervisor"] == seat(place, "grid_head", place.grid)
    up = clock_of(reported, "escalate")
    assert up.due_at == first.due_at + hours(24)
    fire_until(up.due_at)
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id) == (State.REPORTED, place.grid.pk)
    assert told("moved_from_you") == {"张巷长": 1}
    assert told("move_up_case") == {"王网格": 1}
    assert told("overdue_case") == {"王网格": 1, "赵主任": 1}  # and the next above is brought in
    assert clock_of(reported, "respond").started_at == MONDAY  # one promise, red, whoever has it
    assert not reporters_told()


def test_what_is_taken_in_hand_climbs_no_further_for_the_response(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    due = clock_of(reported, "respond").due_at
    assert due is not None
    fire_until(due)
    with clock.set_to(due + hours(1)):
        actions.take_case(an_act(place.actor("lane_head"), reported))
    assert live(reported) == {"put_right"}
    fire_until(due + hours(40))
    assert now_of(reported).holder_unit_id == place.lane.pk


def test_at_the_top_it_stays_red_until_a_named_person_takes_it(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    fire_until(MONDAY + 30 * DAY)
    matter = now_of(reported)
    assert (matter.holder_unit_id, matter.alarm) == (place.county.pk, "top")
    assert not Due.objects.exists()
    for day in (31, 32):
        with clock.set_to(MONDAY + day * DAY):
            assert actions.tell_top(clock.now()) == 1
    assert told("top_case") == {"吴值班": 2}  # each morning; that it came to them was told when it did
    assert told("move_up_case")["吴值班"] == 1
    with clock.set_to(MONDAY + 33 * DAY):
        actions.take_case(an_act(place.actor("county_desk"), reported))
        assert actions.tell_top(clock.now()) == 0
    assert now_of(reported).alarm == ""
    assert clock_of(reported, "put_right").stage == "red"  # late it is all the same


@pytest.mark.parametrize(("state", "name"), [(State.TO_VERIFY, "verify"), (State.RESOLVED, "feed_back")])
def test_what_waits_for_a_desk_climbs_from_desk_to_desk_as_it_is(
    place: Place, state: State, name: str
) -> None:
    reported = bring_to(place, state)
    due = clock_of(reported, name).due_at
    assert due is not None
    fire_until(due + hours(24))
    matter = now_of(reported)
    assert (matter.state, matter.holder_unit_id) == (state, place.town.pk)
    assert told("move_up_case") == {"周值班": 1}
    assert matter.handler_id is None
    assert case_of(reported).resolved_by_id == place.people["lane_head"].pk


def test_what_is_suspended_climbs_only_by_other_clocks(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.suspend_case(an_act(place.actor("village_director"), reported, "等汛期过去"), days=30)
    fire_until(MONDAY + 29 * DAY)
    assert now_of(reported).holder_unit_id == place.lane.pk
    assert "overdue_case" not in events(reported)


def test_an_organ_that_does_nothing_has_the_county_above_it(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    actions.transfer_case(
        an_act(place.actor("town_desk"), reported, "归水务局管"), **seat_ids(place, "organ_desk", organ)
    )
    fire_until(MONDAY + 5 * DAY)
    assert now_of(reported).holder_unit_id == place.county.pk
    assert told("moved_from_you") == {"水经办": 1}


def test_a_vacant_level_is_passed_over(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    leave(place, "grid_head")
    fire_until(MONDAY + 4 * DAY)
    assert seat(place, "village_director", place.village) in way_of(reported)
    assert seat(place, "grid_head", place.grid) not in way_of(reported)


def test_an_unassigned_case_climbs_like_any_other(place: Place) -> None:
    """Nobody below was ever there."""
    leave(place, "lane_head", "grid_head")
    reported = make_report(place.lane, "voices")
    assert (now_of(reported).state, now_of(reported).alarm) == (State.REPORTED, "vacant")
    fire_until(MONDAY + 30 * DAY)
    assert now_of(reported).holder_unit_id == place.county.pk


# ------------------------------------------------------------------------------------------------------- danger at night


def test_danger_at_night_climbs_by_the_minute_and_asks_who_is_on_call(place: Place) -> None:
    night = datetime(2026, 11, 16, 18, 0, tzinfo=UTC)  # 02:00 in the county
    with clock.set_to(night):
        place.people["on_call"] = place.seat("village_clerk", place.village, "夜班员", standing="deputy")
        set_on_call(
            unit=place.town, post=place.posts["town_desk"], user=place.people["on_call"],
            starts=night - hours(1), ends=night + hours(5),
        )  # fmt: skip
        reported = make_report(place.lane, "danger_now")
    with clock.set_to(night):
        assert told("report_case") == {"张巷长": 1, "夜班员": 1}
    due = clock_of(reported, "respond").due_at
    assert due == night + timedelta(minutes=10)
    moved = fire_until(due + timedelta(minutes=31))
    assert now_of(reported).holder_unit_id == place.town.pk
    assert len(moved) < 20
    with clock.set_to(night + hours(1)):
        assert told("move_up_case") == {"王网格": 1, "赵主任": 1, "周值班": 1, "夜班员": 3}  # at each level
        actions.take_case(an_act(place.actor("on_call"), reported))
    assert now_of(reported).handler_id == place.people["on_call"].pk


# ------------------------------------------------------------------------------------------------------- private and sealed


def test_a_complaint_climbs_past_its_subjects_and_is_seen_by_nobody_it_passes(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint", words="巷长从来不管")
    assert now_of(complaint).holder_unit_id == place.town.pk
    fire_until(MONDAY + 20 * DAY)
    matter = now_of(complaint)
    assert matter.holder_seat == seat(place, "county_supervision", place.county)
    assert Matter.objects.visible_to(place.actor("county_supervision")).get() == matter
    for who in ("lane_head", "grid_head", "village_director", "county_desk"):
        assert not Matter.objects.visible_to(place.actor(who)).exists(), who
    for kind in ("overdue_case", "move_up_case", "amber_case", "overdue_yours"):
        assert set(told(kind)) <= {"周值班", "郑督查"}, kind


def test_a_complaint_about_everybody_at_the_top_leaves_the_county(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint", words="都不管")
    MatterSubject.objects.create(matter=complaint.matter, user=place.people["county_supervision"])
    fire_until(MONDAY + 20 * DAY)
    matter = now_of(complaint)
    assert (matter.holder_seat, matter.holder_post_id) == (OUTSIDE, None)
    assert not told("move_up_case")
    assert not Matter.objects.visible_to(place.actor("county_supervision")).exists()
    assert not Due.objects.exists()
    with clock.set_to(MONDAY + 21 * DAY):
        assert actions.tell_top(clock.now()) == 0  # the organ outside is no seat of ours


def sealed(place: Place, *seats: str, about: UUID | None = None) -> Receipted:
    """A matter with an access list, as an accusation will be: its categories are closed until their fence stands,
    so it is made of rows. It lies in the first seat."""
    reported = make_report(place.lane, "service_complaint", words="有人收钱不办事")
    matter = reported.matter
    MatterGrant.objects.filter(matter=matter).delete()
    for number, one in enumerate(seats):
        MatterGrant.objects.create(
            matter=matter, seat=one, kind=GrantKind.SEALED, granted_at=MONDAY + timedelta(seconds=number)
        )
    unit, _colon, post = seats[0].partition(":")
    Matter.objects.filter(pk=matter.pk).update(
        visibility=Visibility.SEALED, holder_seat=seats[0], holder_unit_id=unit, holder_post_id=post
    )
    if about is not None:
        MatterSubject.objects.create(matter=matter, user_id=about)
    return reported


def test_a_sealed_matter_goes_along_its_list_and_then_out_of_the_county(place: Place) -> None:
    place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
    # declared in this order: not up the tree, for it begins at the county
    posts = [
        ("county_supervision", place.county),
        ("town_head", place.town),
        ("village_clerk", place.village),
    ]
    seats = [seat(place, code, unit) for code, unit in posts]
    accusation = sealed(place, *seats)
    fire_until(MONDAY + 30 * DAY)
    assert way_of(accusation)[1:] == [*seats[1:], OUTSIDE]
    assert told("move_up_case") == {"冯镇长": 1, "钱文书": 1}
    for kind in ("overdue_case", "overdue_yours", "amber_case", "moved_from_you"):
        assert set(told(kind)) <= {"郑督查", "冯镇长", "钱文书"}, kind
    for who in ("town_desk", "county_desk", "village_director", "lane_head"):
        assert not Matter.objects.visible_to(place.actor(who)).exists(), who
    assert now_of(accusation).holder_seat == OUTSIDE
    assert not Due.objects.exists()
    fire_until(MONDAY + 60 * DAY)
    assert now_of(accusation).holder_seat == OUTSIDE


def test_a_sealed_matter_passes_over_its_subject_and_an_empty_seat(place: Place) -> None:
    place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
    posts = [
        ("county_supervision", place.county),
        ("town_head", place.town),  # its subject
        ("village_clerk", place.village),  # has left
        ("county_desk", place.county),
    ]
    seats = [seat(place, code, unit) for code, unit in posts]
    accusation = sealed(place, *seats, about=place.people["town_head"].pk)
    leave(place, "village_clerk")
    fire_until(MONDAY + 30 * DAY)
    assert way_of(accusation)[1:] == [seats[3], OUTSIDE]
    assert "冯镇长" not in told("move_up_case") + told("overdue_case")


# ------------------------------------------------------------------------------------------------------- the wall clock


def picture() -> tuple[object, ...]:
    return (
        list(Matter.objects.order_by("pk").values()),
        list(MatterClock.objects.order_by("pk").values()),
        list(Due.objects.order_by("pk").values()),
        LedgerEvent.objects.count(),
    )


def test_a_clock_set_back_an_hour_fires_nothing_twice(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    due = clock_of(reported, "respond").due_at
    assert due is not None
    fire_until(due)
    before = picture()
    for moment in (due - hours(1), due - timedelta(minutes=1), due):
        with clock.set_to(moment):
            assert timers.fire_once(moment) == 0
    assert picture() == before
    fire_until(due + hours(1))
    assert events(reported).count("overdue_case") == 1


def test_a_clock_set_forward_a_day_fires_each_thing_once(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    due = clock_of(reported, "respond").due_at
    assert due is not None
    late = due + hours(23)  # amber and red have passed; the way up has not begun to run
    with clock.set_to(late):
        while timers.fire_once(late):
            pass
    assert events(reported) == ["report_case", "overdue_case"]
    assert (
        clock_of(reported, "escalate").started_at == late
    )  # the second limit runs from when people were told
    assert told("overdue_yours") == {"张巷长": 1}
    with clock.set_to(due + hours(1)):  # and the clock is set right again
        assert timers.fire_once(due + hours(1)) == 0
    assert events(reported) == ["report_case", "overdue_case"]


def test_acts_under_a_clock_set_back_leave_the_case_whole(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    head, director = place.actor("lane_head"), place.actor("village_director")
    with clock.set_to(MONDAY + hours(2)):
        actions.take_case(an_act(head, reported))
        actions.suspend_case(an_act(director, reported, "等配件"), days=2)
    with clock.set_to(MONDAY + hours(1)):  # an hour before it was suspended
        actions.resume_case(an_act(head, reported))
        actions.suspend_case(an_act(director, reported, "还要等"), days=2)
        actions.resume_case(an_act(head, reported))
    with clock.set_to(MONDAY + hours(3)):
        actions.resolve_case(an_act(head, reported, "已经办好"))
        whole.check(now_of(reported), now=clock.now())


# ------------------------------------------------------------------------------------------------------- a flood


def test_a_flood_costs_a_few_statements_and_its_people_one_line_each(place: Place) -> None:
    def fire(count: int) -> int:
        with clock.set_to(MONDAY):
            for _ in range(count):
                make_report(place.lane, "voices")
        due = MatterClock.objects.filter(name="respond", stopped_at=None).latest("due_at").due_at
        assert due is not None
        with (
            clock.set_to(due),
            CaptureQueriesContext(
                connection,
            ) as sent,
        ):
            assert timers.fire_once(due) == count
        Matter.objects.all().delete()
        Due.objects.all().delete()
        return len(sent)

    fire(1)  # what a process reads once is read
    few, many = fire(2), fire(40)
    assert many <= few + 2
    # one of the first, then one for each flood, however many lie in it
    assert told("overdue_case") == {"王网格": 3}
