"""Verified by somebody else: always where the category or danger asks for it, otherwise a share that nobody can
foresee. Somebody else is another person, not another post."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.models import Category
from xiangli.cases.queries import forget_known
from xiangli.cases.states import State
from xiangli.cases.tests.acting import (
    bring_to,
    case_of,
    clock_of,
    events,
    hours,
    last_event,
    leave,
    live,
    now_of,
    refusal,
    reporters_told,
    told,
)
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.territory.actions import appoint
from xiangli.territory.rules import day_of

MONDAY = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)  # 09:00 in the county
Draw = Callable[[int], None]


@pytest.fixture
def place(db: None) -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


@pytest.fixture(params=["resolve_case", "handle_on_spot"])
def resolve(request: pytest.FixtureRequest, place: Place) -> Callable[..., Receipted]:
    """Both ways to put a case of the first lane right."""

    def act(category: str = "voices") -> Receipted:
        reported = make_report(place.lane, category)
        head = place.actor("lane_head")
        if request.param == "resolve_case":
            actions.take_case(an_act(head, reported))
        getattr(actions, request.param)(an_act(head, reported, "已经办好"))
        return reported

    return act


@pytest.mark.parametrize(
    ("share", "drawn", "checked"),
    [(10, 0, True), (10, 9, True), (10, 10, False), (0, 0, False), (100, 99, True)],
)
def test_a_share_is_drawn_when_it_is_put_right(
    resolve: Callable[..., Receipted], draw: Draw, share: int, drawn: int, checked: bool
) -> None:
    Category.objects.filter(code="voices").update(verify_share=share)
    forget_known()
    draw(drawn)
    reported = resolve()
    assert now_of(reported).state == (State.TO_VERIFY if checked else State.RESOLVED)
    assert last_event(reported).data["verify"] == ("sample" if checked else "")
    assert live(reported) == ({"put_right", "verify"} if checked else {"feed_back"})


def test_what_a_category_asks_for_is_drawn_by_nobody(resolve: Callable[..., Receipted], draw: Draw) -> None:
    draw(99)
    reported = resolve("work_safety")
    assert last_event(reported).data["verify"] == "category"


def test_danger_is_always_checked(place: Place, draw: Draw) -> None:
    Category.objects.filter(code="danger_now").update(verify=False, verify_share=0, evidence="none")
    forget_known()
    draw(99)
    reported = make_report(place.lane, "danger_now")
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "线已经断电"))
    assert last_event(reported).data["verify"] == "danger"


def test_verify_case_passed_lets_the_reporter_know(place: Place) -> None:
    reported = bring_to(place, State.TO_VERIFY)
    assert not reporters_told()  # it is not put right before somebody has looked
    assert told("resolve_case") == {"赵主任": 1}
    actions.verify_case(an_act(place.actor("village_director"), reported), passed=True)
    assert now_of(reported).state == State.RESOLVED
    assert live(reported) == {"feed_back"}
    assert told("verify_case") == {"张巷长": 1}
    assert reporters_told() == ["verify_case"]


def test_verify_case_not_passed_gives_it_back_with_the_reason_and_the_time_that_was_left(
    place: Place,
) -> None:
    reported = bring_to(place, State.IN_PROGRESS, "work_safety")
    due = clock_of(reported, "put_right").due_at
    assert due is not None
    with clock.set_to(MONDAY + hours(1)):
        actions.resolve_case(an_act(place.actor("lane_head"), reported, "已经加固"))
    assert clock_of(reported, "put_right").due_at is None  # the wait for the check is not the handler's
    with clock.set_to(MONDAY + hours(6)):
        with refusal("note_missing"):
            actions.verify_case(an_act(place.actor("village_director"), reported), passed=False)
        actions.verify_case(an_act(place.actor("village_director"), reported, "还有一根没绑"), passed=False)
        # it lies again where it was handled, not with the desk that looked
        assert now_of(reported).holder_unit_id == place.lane.pk
    matter = now_of(reported)
    assert (matter.state, matter.handler_id) == (State.IN_PROGRESS, place.people["lane_head"].pk)
    assert clock_of(reported, "put_right").due_at == due + hours(5)
    assert told("verify_case") == {"张巷长": 1}
    assert not reporters_told()
    actions.resolve_case(an_act(place.actor("lane_head"), reported, "绑好了"))
    assert now_of(reported).state == State.TO_VERIFY


def test_nobody_verifies_their_own_work_by_another_post(place: Place) -> None:
    appoint(
        user=place.people["lane_head"], unit=place.village, post=place.posts["village_clerk"],
        valid_from=day_of(MONDAY), standing="deputy",
    )  # fmt: skip
    reported = bring_to(place, State.TO_VERIFY)
    assert now_of(reported).holder_seat == place.actor("village_director").seats[0]
    with refusal("own_work") as refused:
        actions.verify_case(an_act(place.actor("lane_head"), reported), passed=True)
    assert "另一位" in str(refused.value.reason)
    actions.verify_case(an_act(place.actor("village_clerk"), reported), passed=True)


def test_what_the_desk_put_right_itself_is_checked_by_another_seat(place: Place) -> None:
    reported = make_report(place.lane, "work_safety")
    actions.handle_on_spot(an_act(place.actor("village_director"), reported, "已经加固"))
    matter = now_of(reported)
    assert matter.state == State.TO_VERIFY
    assert matter.holder_seat == place.actor("village_clerk").seats[0]
    with refusal("own_work"):
        actions.verify_case(an_act(place.actor("village_director"), reported), passed=True)


def test_what_is_only_drawn_needs_no_check_where_nobody_else_is(place: Place, draw: Draw) -> None:
    leave(place, "village_director", "village_clerk", "town_desk")
    draw(0)
    reported = make_report(place.lane, "voices")
    actions.handle_on_spot(an_act(place.actor("county_desk"), reported, "已经办好"))
    assert now_of(reported).state == State.RESOLVED
    assert last_event(reported).data["verify"] == ""


@pytest.mark.parametrize("who", ["lane_head_2", "village_officer", "county_supervision"])
def test_verify_case_is_for_those_who_may(place: Place, who: str) -> None:
    reported = bring_to(place, State.TO_VERIFY)
    with refusal("not_found" if who == "lane_head_2" else "not_permitted"):
        actions.verify_case(an_act(place.actor(who), reported), passed=True)


def test_verify_case_by_the_same_form_twice_is_once(place: Place) -> None:
    reported = bring_to(place, State.TO_VERIFY)
    act = an_act(place.actor("village_director"), reported)
    for _ in range(2):
        actions.verify_case(act, passed=True)
    assert events(reported).count("verify_case") == 1


def test_a_new_round_is_verified_by_another_than_its_new_resolver(place: Place) -> None:
    """Who checked the first try may put the second right; then somebody else checks that."""
    reported = bring_to(place, State.TO_VERIFY)
    clerk, director = place.actor("village_clerk"), place.actor("village_director")
    actions.verify_case(an_act(director, reported), passed=True)
    actions.reopen_case(reported.code, act_id=new_id(), note="架子又松了")
    actions.take_case(an_act(director, reported))
    actions.resolve_case(an_act(director, reported, "重新加固"))
    with refusal("own_work"):
        actions.verify_case(an_act(director, reported), passed=True)
    actions.verify_case(an_act(clerk, reported), passed=True)
    assert case_of(reported).resolved_by_id == director.user_id
