"""A case's time: suspended and resumed, extended by somebody above, nudged, and never begun anew by an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.states import State
from xiangli.cases.tests.acting import (
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
    seat_ids,
    told,
)
from xiangli.cases.tests.factories import SINCE, Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.matters.queries import history
from xiangli.territory.actions import appoint
from xiangli.territory.models import Level, Unit
from xiangli.territory.rules import day_of

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county
DAY = timedelta(days=1)


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def due_of(reported: Receipted) -> datetime:
    due = clock_of(reported, "put_right").due_at
    assert due is not None
    return due


# ------------------------------------------------------------------------------------------------------- suspend


def test_suspend_case_holds_the_promise_still_and_resume_case_gives_back_what_was_left(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    due, director = due_of(reported), place.actor("village_director")
    with clock.set_to(MONDAY + hours(10)):
        actions.suspend_case(an_act(director, reported, "等配件到货"), days=5)
    row, end = clock_of(reported, "put_right"), clock_of(reported, "suspension")
    matter = now_of(reported)
    assert (row.due_at, row.pauses[-1][1]) == (None, None)
    assert (end.amount, end.kind) == (5, "calendar_days")
    assert (matter.state, matter.next_clock, matter.next_clock_at) == (
        State.SUSPENDED,
        "suspension",
        end.due_at,
    )
    assert matter.handler_id == place.people["lane_head"].pk  # whoever had it has it
    assert told("suspend_case") == {"张巷长": 1}
    assert reporters_told() == ["suspend_case"]
    with clock.set_to(MONDAY + hours(34)):
        actions.resume_case(an_act(place.actor("lane_head"), reported))
    assert now_of(reported).state == State.IN_PROGRESS
    assert due_of(reported) == due + DAY
    assert live(reported) == {"put_right"}
    assert [change[:2] for change in last_event(reported).data["clocks"]] == [
        ["stop", "suspension"],
        ["resume", "put_right"],
    ]


def test_a_suspension_ends_by_itself_and_the_clock_goes_on_where_it_stood(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    due, director = due_of(reported), place.actor("village_director")
    actions.suspend_case(an_act(director, reported, "等配件到货"), days=3)
    end = clock_of(reported, "suspension").due_at
    assert end == datetime(2026, 11, 19, 16, 0, tzinfo=UTC)  # the end of Thursday in the county
    fire_until(end)
    assert now_of(reported).state == State.IN_PROGRESS
    assert due_of(reported) == due + (end - MONDAY)
    assert events(reported)[-1] == "end_suspension"
    assert told("end_suspension") == {"张巷长": 1}


def test_what_nobody_had_taken_waits_to_be_taken_after_a_suspension(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.suspend_case(an_act(place.actor("grid_head"), reported, "等雨停"), days=1)
    actions.resume_case(an_act(place.actor("lane_head"), reported))
    assert now_of(reported).state == State.ASSIGNED
    assert live(reported) == {"put_right"}  # somebody has responded: whoever said what it waits for


@pytest.mark.parametrize("days", [None, 0, -1, 31])
def test_suspend_case_asks_for_days_within_the_limit(place: Place, days: int | None) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    with refusal("days_range") as refused:
        actions.suspend_case(an_act(place.actor("village_director"), reported, "等配件"), days=days)
    assert refused.value.field == "days"
    assert "30" in str(refused.value.reason)
    assert live(reported) == {"put_right"}


def test_suspend_case_is_refused(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    with refusal("not_permitted"):
        actions.suspend_case(an_act(place.actor("lane_head"), reported, "等配件"), days=3)
    with refusal("note_missing"):
        actions.suspend_case(an_act(place.actor("grid_head"), reported), days=3)
    for state in (State.REPORTED, State.TO_VERIFY, State.RESOLVED, State.CLOSED):
        other = bring_to(place, state)
        with refusal("wrong_state"):
            actions.suspend_case(an_act(place.actor("village_director"), other, "等配件"), days=3)


def test_danger_does_not_wait(place: Place) -> None:
    reported = make_report(place.lane, "danger_now")
    with refusal("danger"):
        actions.suspend_case(an_act(place.actor("village_director"), reported, "等配件"), days=1)


def test_acts_on_time_by_the_same_form_twice_are_once(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    head, director = place.actor("lane_head"), place.actor("village_director")
    suspend, resume = an_act(director, reported, "等配件"), an_act(head, reported)
    ask, decide = an_act(head, reported, "等配件"), an_act(director, reported)
    for _ in range(2):
        actions.suspend_case(suspend, days=2)
    for _ in range(2):
        actions.resume_case(resume)
    for _ in range(2):
        actions.ask_extension(ask, days=1)
    for _ in range(2):
        actions.decide_extension(decide, approved=True)
    assert events(reported)[2:] == ["suspend_case", "resume_case", "ask_extension", "decide_extension"]
    assert case_of(reported).extensions.get().days == 1
    assert clock_of(reported, "put_right").extended == 24


# ------------------------------------------------------------------------------------------------------- extend


def test_ask_extension_and_decide_extension_add_the_days_to_the_clock(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    due = due_of(reported)
    actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件后天才到"), days=2)
    assert told("ask_extension") == {"王网格": 1}  # the nearest post above that may decide
    assert due_of(reported) == due  # asking adds nothing
    actions.decide_extension(an_act(place.actor("grid_head"), reported), approved=True)
    row = clock_of(reported, "put_right")
    assert (row.due_at, row.amount, row.extended, row.started_at) == (due + 2 * DAY, 120, 48, MONDAY)
    assert told("decide_extension") == {"张巷长": 1}
    assert reporters_told() == ["decide_extension"]
    assert now_of(reported).state == State.IN_PROGRESS


def test_decide_extension_against_it_says_why_and_changes_nothing(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    due, grid = due_of(reported), place.actor("grid_head")
    actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件后天才到"), days=2)
    with refusal("note_missing"):
        actions.decide_extension(an_act(grid, reported), approved=False)
    actions.decide_extension(an_act(grid, reported, "村里有备用的，今天来取"), approved=False)
    assert due_of(reported) == due
    assert case_of(reported).extensions.get().approved is False
    assert told("decide_extension") == {"张巷长": 1}
    assert not reporters_told()
    with refusal("nothing_asked"):
        actions.decide_extension(an_act(grid, reported), approved=True)


def test_ask_extension_after_the_breach_is_refused(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    due = due_of(reported)
    for moment in (due, due + hours(1)):
        with clock.set_to(moment), refusal("breached"):  # even before a worker has come to it
            actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件没到"), days=1)
    fire_until(due)
    with clock.set_to(due + hours(1)), refusal("breached"):
        actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件没到"), days=1)


def test_an_extension_asked_in_time_and_approved_late_counts_from_where_the_clock_stood(place: Place) -> None:
    """The wait for an answer is not the handler's: red turns green again, and the way up is called off."""
    reported = bring_to(place, State.IN_PROGRESS)
    due = due_of(reported)
    with clock.set_to(due - hours(1)):
        actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件后天才到"), days=3)
    fire_until(due)
    assert live(reported) == {"put_right", "escalate"}
    with clock.set_to(due + hours(5)):
        actions.decide_extension(an_act(place.actor("grid_head"), reported), approved=True)
    row = clock_of(reported, "put_right")
    assert (row.due_at, row.stage) == (due + 3 * DAY, "green")
    assert live(reported) == {"put_right"}
    fire_until(due + 2 * DAY)
    assert now_of(reported).holder_unit_id == place.lane.pk


def test_extensions_add_no_more_than_the_limit_in_all(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    head, grid = place.actor("lane_head"), place.actor("grid_head")
    for days in (None, 0, -2, 4):
        with refusal("days_range"):
            actions.ask_extension(an_act(head, reported, "配件没到"), days=days)
    actions.ask_extension(an_act(head, reported, "配件没到"), days=2)
    with refusal("asked"):
        actions.ask_extension(an_act(head, reported, "再多几天"), days=1)
    actions.decide_extension(an_act(grid, reported), approved=True)
    with refusal("days_range"):
        actions.ask_extension(an_act(head, reported, "还是没到"), days=2)
    actions.ask_extension(an_act(head, reported, "还是没到"), days=1)
    actions.decide_extension(an_act(grid, reported), approved=True)
    with refusal("extended"):
        actions.ask_extension(an_act(head, reported, "又没到"), days=1)


def test_an_extension_is_decided_by_somebody_else_above(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    lane_head = place.people["lane_head"]
    appoint(
        user=lane_head,
        unit=place.village,
        post=place.posts["village_director"],
        valid_from=day_of(MONDAY),
        standing="deputy",
    )
    with refusal("not_handler"):  # whoever has it asks
        actions.ask_extension(an_act(place.actor("grid_head"), reported, "配件没到"), days=1)
    actions.ask_extension(an_act(place.actor("lane_head"), reported, "配件没到"), days=1)
    with refusal("own_work"):  # another post, the same person
        actions.decide_extension(an_act(place.actor("lane_head"), reported), approved=True)
    with refusal("not_permitted"):
        actions.decide_extension(an_act(place.actor("village_officer"), reported), approved=True)
    with refusal("not_found"):
        actions.decide_extension(an_act(place.actor("lane_head_2"), reported), approved=True)


def test_an_extension_is_not_decided_at_the_holders_own_level(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.hand_up_case(an_act(place.actor("lane_head"), reported, "本巷办不了"))
    actions.hand_up_case(an_act(place.actor("grid_head"), reported, "本网格办不了"))
    actions.take_case(an_act(place.actor("village_director"), reported))
    actions.ask_extension(an_act(place.actor("village_director"), reported, "等批文"), days=1)
    assert told("ask_extension") == {"周值班": 1}
    with refusal("not_above"):
        actions.decide_extension(an_act(place.actor("village_clerk"), reported), approved=True)
    actions.decide_extension(an_act(place.actor("county_desk"), reported), approved=True)


def test_nobody_above_the_county_gives_more_time(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    county = place.actor("county_desk")
    actions.assign_case(an_act(county, reported), **seat_ids(place, "county_desk", place.county))
    actions.take_case(an_act(county, reported))
    with refusal("top"):
        actions.ask_extension(an_act(county, reported, "等批文"), days=1)


def test_an_organ_asks_the_county_for_more_time(place: Place) -> None:
    organ = add_organ(place)
    reported = make_report(place.lane, "voices")
    actions.transfer_case(
        an_act(place.actor("town_desk"), reported, "归水务局管"), **seat_ids(place, "organ_desk", organ)
    )
    actions.take_case(an_act(place.actor("organ_desk"), reported))
    actions.ask_extension(an_act(place.actor("organ_desk"), reported, "要停水一天"), days=1)
    assert told("ask_extension") == {"吴值班": 1}
    with refusal("not_above"):
        actions.decide_extension(an_act(place.actor("town_desk"), reported), approved=True)
    actions.decide_extension(an_act(place.actor("county_desk"), reported), approved=True)


def test_the_post_that_decides_can_see_what_about_though_the_place_is_anothers(place: Place) -> None:
    """A case lent to the next village: its head asks the director there, whose territory does not hold the place."""
    grid2 = Unit(
        parent=place.town, level=Level.objects.get(scheme=place.posts["lane_head"].scheme, code="village"),
        path=place.town.path + "201/", name="宋庄村", short_name="宋庄村", valid_from=SINCE, county=place.county,
    )  # fmt: skip
    grid2.save(force_insert=True)
    lane3 = Unit(
        parent=grid2, level=place.lane.level, path=grid2.path + "01/", name="三巷", short_name="三巷",
        valid_from=SINCE, county=place.county,
    )  # fmt: skip
    lane3.save(force_insert=True)
    place.people["director_2"] = place.seat("village_director", grid2, "陈主任")
    place.people["lane_head_3"] = place.seat("lane_head", lane3, "黄巷长")
    reported = make_report(place.lane, "voices")
    actions.assign_case(an_act(place.actor("town_desk"), reported), **seat_ids(place, "lane_head", lane3))
    actions.take_case(an_act(place.actor("lane_head_3"), reported))
    assert not Matter.objects.visible_to(place.actor("director_2")).exists()
    actions.ask_extension(an_act(place.actor("lane_head_3"), reported, "等配件"), days=1)
    assert told("ask_extension") == {"陈主任": 1}
    actions.decide_extension(an_act(place.actor("director_2"), reported), approved=True)


def test_what_nobody_decided_lapses_with_the_round(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    head = place.actor("lane_head")
    actions.ask_extension(an_act(head, reported, "配件没到"), days=2)
    actions.resolve_case(an_act(head, reported, "借到配件，已经修好"))
    actions.reopen_case(reported.code, act_id=new_id(), note="又坏了")
    with refusal("nothing_asked"):
        actions.decide_extension(an_act(place.actor("grid_head"), reported), approved=True)
    actions.take_case(an_act(head, reported))
    actions.ask_extension(an_act(head, reported, "要买新的"), days=2)
    assert "ask_extension" in [
        row.kind for row in history(now_of(reported))
    ]  # what was asked stays in the record


# ------------------------------------------------------------------------------------------------------- nudge


def test_nudge_case_once_a_day_tells_whoever_has_it(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.nudge_case(reported.code, act_id=new_id(), note="还没人来")
    assert told("nudge_case") == {"张巷长": 1}
    with refusal("nudged"):
        actions.nudge_case(reported.code, act_id=new_id())
    with clock.set_to(datetime(2026, 11, 16, 15, 59, tzinfo=UTC)), refusal("nudged"):
        actions.nudge_case(reported.code, act_id=new_id())
    with clock.set_to(datetime(2026, 11, 16, 16, 0, tzinfo=UTC)):  # midnight in the county
        actions.nudge_case(reported.code, act_id=new_id())
    assert now_of(reported).turn == 0  # nobody's form is outdated by it
    assert live(reported) == {"respond", "put_right"}


def test_nudge_case_by_the_same_form_twice_is_once(place: Place) -> None:
    reported, act_id = make_report(place.lane, "voices"), new_id()
    for _ in range(2):
        actions.nudge_case(reported.code, act_id=act_id)
    assert events(reported) == ["report_case", "nudge_case"]


def test_nudge_case_tells_the_supervisor_too_and_each_once(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请三天内办好"))
    actions.nudge_case(reported.code, act_id=new_id())
    assert told("nudge_case") == {"张巷长": 1, "周值班": 1}


def test_nudge_case_of_a_new_round_tells_who_has_it_now_and_not_who_had_it(place: Place) -> None:
    reported = bring_to(place, State.RESOLVED)
    for _ in range(2):
        actions.reopen_case(reported.code, act_id=new_id(), note="没解决")
        if now_of(reported).holder_unit_id == place.lane.pk:
            actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "又看了"))
    assert now_of(reported).holder_unit_id == place.grid.pk
    actions.nudge_case(reported.code, act_id=new_id())
    assert told("nudge_case") == {"王网格": 1}


@pytest.mark.parametrize(
    "state", [State.RESOLVED, State.CLOSED, State.DECLINED, State.WITHDRAWN, State.MERGED]
)
def test_nudge_case_is_for_what_is_still_to_be_put_right(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    with refusal("wrong_state"):
        actions.nudge_case(reported.code, act_id=new_id())


# ------------------------------------------------------------------------------------------------------- edits


def test_no_edit_within_a_round_begins_a_clock_anew(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    head, grid, director = (place.actor(who) for who in ("lane_head", "grid_head", "village_director"))
    steps: list[Callable[[], None]] = [
        lambda: actions.hand_up_case(an_act(head, reported, "本巷办不了")),
        lambda: actions.accept_case(an_act(grid, reported)),
        lambda: actions.assign_case(an_act(grid, reported), **seat_ids(place, "lane_head", place.lane)),
        lambda: actions.take_case(an_act(head, reported)),
        lambda: actions.suspend_case(an_act(director, reported, "等配件"), days=2),
        lambda: actions.resume_case(an_act(head, reported)),
        lambda: actions.return_case(an_act(head, reported, "不归我管")),
        lambda: actions.handle_on_spot(an_act(grid, reported, "已经办好")),
    ]
    for number, step in enumerate(steps):
        with clock.set_to(MONDAY + hours(number)):
            step()
        if number < len(steps) - 1:
            assert clock_of(reported, "put_right").started_at == MONDAY
    with clock.set_to(MONDAY + hours(9)):
        actions.reopen_case(reported.code, act_id=new_id(), note="没解决")  # this does: a new round
    assert clock_of(reported, "put_right").started_at == MONDAY + hours(9)
    assert live(reported) == {"respond", "put_right"}
