"""The pages of staff: what a form keeps when it is refused, what stands among the tasks, what a filter holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.models import Extension, Order, Part
from xiangli.cases.pages.staff import DONE
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import chance, clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.territory.actions import appoint
from xiangli.territory.models import Appointment

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in the county


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(MONDAY), chance.set_to(99):
        yield


@pytest.fixture
def place() -> Place:
    made = make_place()
    add_organ(made)
    return made


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    return client


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def case_page(place: Place, who: str, reported: Receipted) -> str:
    return page(signed_in(place, who), reverse("cases:case", args=[reported.matter.pk]))


def send(place: Place, who: str, reported: Receipted, action: str, **fields: object) -> tuple[int, str]:
    """Send an act's form as the page of now would, whatever else is typed."""
    form = {
        "act_id": str(new_id()),
        "seen": str(Matter.objects.get(pk=reported.matter.pk).turn),
        **{key: str(value) for key, value in fields.items()},
    }
    response = signed_in(place, who).post(reverse("cases:act", args=[reported.matter.pk, action]), form)
    return response.status_code, response.content.decode()


def field_error(body: str, name: str) -> str:
    """What stands at a field as its error."""
    found = re.search(rf'id="{name}-[0-9a-f-]+_error">.*?<span>(.*?)</span>', body, re.DOTALL)
    return found[1] if found else ""


def seat(place: Place, who: str) -> str:
    return place.actor(who).held[0].seat


def ids(seat_name: str) -> dict[str, UUID]:
    unit, post = seat_name.split(":")
    return {"unit_id": UUID(unit), "post_id": UUID(post)}


# ------------------------------------------------------------------------------------------------- what is refused is kept


def taken(place: Place) -> Receipted:
    reported = make_report(place.lane)
    actions.take_case(an_act(place.actor("lane_head"), reported))
    return reported


@pytest.mark.parametrize(
    ("days", "said"),
    [("0", "请写 1 到"), ("-3", "请写 1 到"), ("9999", "请写 1 到"), ("三天", "只用数字"), ("", "请写 1 到")],
)
def test_days_that_cannot_be_stand_at_their_field_with_the_words_kept(
    place: Place, days: str, said: str
) -> None:
    reported = taken(place)
    for who, action in (("grid_head", "suspend_case"), ("lane_head", "ask_extension")):
        status, body = send(place, who, reported, action, note="等零件从市里来", days=days)
        assert status in (400, 409)
        assert said in field_error(body, "days")
        assert "等零件从市里来" in body
        assert f'value="{days}"' in body or not days
    assert Matter.objects.get(pk=reported.matter.pk).state == "in_progress"


def test_a_number_of_another_case_that_cannot_be_stands_at_its_field(place: Place) -> None:
    reported = make_report(place.lane)
    for number in ("0", "九", "100000000", str(2**70), str(reported.matter.number), ""):
        status, body = send(place, "village_clerk", reported, "merge_case", number=number, note="同一件")
        assert status in (400, 409), number
        assert field_error(body, "number"), number
        assert "同一件" in body


def test_declining_asks_where_to_go_and_keeps_what_was_written(place: Place) -> None:
    reported = make_report(place.lane)
    status, body = send(place, "village_clerk", reported, "decline_case", note="不归这里管", where=" ")
    assert (status, "可以去哪里办" in field_error(body, "where")) == (409, True)
    assert "不归这里管" in body
    status, body = send(place, "village_clerk", reported, "decline_case", note="", where="县住建局")
    assert status == 409
    assert field_error(body, "note")
    assert 'value="县住建局"' in body


def test_of_two_orders_the_one_that_was_answered_badly_stays_open(place: Place) -> None:
    reported = taken(place)
    for who in ("town_desk", "county_desk"):
        actions.supervise_case(an_act(place.actor(who), reported, f"{who} 要求今天报进展"))
    orders = list(Order.objects.order_by("ordered_at", "pk"))
    body = case_page(place, "lane_head", reported)
    assert body.count('name="order"') == 2
    assert "county_desk 要求今天报进展" in body
    status, body = send(place, "lane_head", reported, "answer_order", order=orders[1].pk, note="")
    assert status == 409
    opened = re.findall(r'<details name="act" open>.*?name="order" value="([0-9a-f-]+)"', body, re.DOTALL)
    assert opened == [str(orders[1].pk)]
    assert send(place, "lane_head", reported, "answer_order", order=orders[1].pk, note="在办")[0] == 302
    assert send(place, "lane_head", reported, "answer_order", order=orders[1].pk, note="又在办")[0] == 409


def test_an_act_without_its_part_or_order_is_no_whole_form(place: Place) -> None:
    reported = taken(place)
    for action in ("finish_part", "answer_order"):
        status, body = send(place, "lane_head", reported, action, note="做好了")
        assert status in (404, 409)
        assert "Traceback" not in body


def test_each_act_of_staff_says_that_it_is_done_in_both_languages() -> None:
    said = [words() for words in DONE.values()]
    with translation.override("en"):
        english = [words() for words in DONE.values()]
    assert len(set(said)) == len(set(english)) == len(DONE)
    assert not any(re.search("[一-鿿]", words) for words in english)


# ------------------------------------------------------------------------------------------------- what waits for whom


def on_tasks(place: Place, who: str) -> str:
    return page(signed_in(place, who), reverse("cases:tasks"))


def test_a_part_waits_for_the_seat_that_was_asked_until_it_is_done(place: Place) -> None:
    reported = taken(place)
    assert str(reported.matter.number) not in on_tasks(place, "organ_desk")
    actions.handle_together(
        an_act(place.actor("grid_head"), reported, "请看看排水口"), **ids(seat(place, "organ_desk"))
    )
    waiting = on_tasks(place, "organ_desk")
    assert str(reported.matter.number) in waiting
    assert "请您协同" in waiting
    assert "请您协同" not in on_tasks(place, "lane_head")
    body = case_page(place, "organ_desk", reported)
    assert "请看看排水口" in body
    part = Part.objects.get()
    assert send(place, "organ_desk", reported, "finish_part", part=part.pk, note="排水口通了")[0] == 302
    assert str(reported.matter.number) not in on_tasks(place, "organ_desk")
    assert "排水口通了" in case_page(place, "lane_head", reported)


def test_an_order_waits_for_whoever_has_the_case_and_for_who_put_it_right(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请今天报进展"))
    assert "等您答复督办" in on_tasks(place, "lane_head")
    assert "等您答复督办" not in on_tasks(place, "grid_head")
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "已经办好"))
    assert "等您答复督办" in on_tasks(place, "lane_head")  # it lies at the village by now
    order = Order.objects.get()
    actions.answer_order(an_act(place.actor("lane_head"), reported, "办好了"), order_id=order.pk)
    assert str(reported.matter.number) not in on_tasks(place, "lane_head")


def test_an_extension_waits_for_the_nearest_above_who_can_decide(place: Place) -> None:
    reported = taken(place)
    actions.ask_extension(an_act(place.actor("lane_head"), reported, "水泥后天才到"), days=2)
    waits = [who for who in place.people if "等您审批延期" in on_tasks(place, who)]
    assert waits == ["grid_head"]
    # the grid's post falls vacant: the village's has it then, and not the town's
    Appointment.objects.filter(user=place.people["grid_head"]).update(valid_to=MONDAY.date())
    seated = [who for who in place.people if who != "grid_head"]
    waits = [who for who in seated if "等您审批延期" in on_tasks(place, who)]
    assert waits == ["village_director", "village_clerk"]
    actions.decide_extension(an_act(place.actor("village_clerk"), reported), approved=True)
    assert not [who for who in seated if "等您审批延期" in on_tasks(place, who)]


def test_nobody_finds_their_own_request_among_what_they_decide(place: Place) -> None:
    appoint(
        user=place.people["lane_head"],
        unit=place.grid,
        post=place.posts["grid_head"],
        valid_from=MONDAY.date(),
        standing="deputy",
    )
    reported = taken(place)
    actions.ask_extension(an_act(place.actor("lane_head"), reported, "水泥后天才到"), days=2)
    assert "等您审批延期" not in on_tasks(place, "lane_head")
    assert Extension.objects.get().decided_at is None
    assert "act/decide_extension" not in case_page(place, "lane_head", reported)


# ------------------------------------------------------------------------------------------------- filters


def numbers(client: Client, chosen: str) -> set[int]:
    body = page(client, f"{reverse('matters:queue')}?{chosen}")
    return {int(found) for found in re.findall(r"<td>(\d{6,})</td>", body)}


def test_filters_by_time_and_by_supervision(place: Place) -> None:
    director = signed_in(place, "village_director")
    late, soon, fresh = (make_report(place.lane) for _ in range(3))
    for reported, left in ((late, -1), (soon, 1), (fresh, 9)):
        Matter.objects.filter(pk=reported.matter.pk).update(
            next_clock_at=MONDAY + timedelta(hours=left), next_amber_at=MONDAY + timedelta(hours=left - 2)
        )
    assert numbers(director, "") == {late.matter.number, soon.matter.number, fresh.matter.number}
    assert numbers(director, "lamp=red") == {late.matter.number}
    assert numbers(director, "lamp=amber") == {soon.matter.number}
    assert numbers(director, "supervised=on") == set()
    actions.supervise_case(an_act(place.actor("village_director"), fresh, "请今天报进展"))
    assert numbers(director, "supervised=on") == {fresh.matter.number}
    assert numbers(signed_in(place, "town_desk"), "supervised=on") == set()
    with clock.set_to(MONDAY + timedelta(hours=1)):  # on the moment it is red, not amber
        director = signed_in(place, "village_director")
        assert numbers(director, "lamp=red") == {late.matter.number, soon.matter.number}
        assert numbers(director, "lamp=amber") == set()


def test_a_case_that_waits_stands_under_suspended(place: Place) -> None:
    reported = taken(place)
    actions.suspend_case(an_act(place.actor("grid_head"), reported, "等零件"), days=2)
    director = signed_in(place, "village_director")
    assert numbers(director, "state=suspended") == {reported.matter.number}
    assert numbers(director, "state=in_progress") == set()


# ------------------------------------------------------------------------------------------------- lineage and alarms


def test_lineage_shows_both_ways_and_only_what_one_may_see(place: Place) -> None:
    first, second = make_report(place.lane), make_report(place.lane2)
    clerk = place.actor("village_clerk")
    actions.merge_case(an_act(clerk, second, "同一堆垃圾"), number=first.matter.number)
    link = reverse("cases:case", args=[first.matter.pk])
    assert link in case_page(place, "village_clerk", second)
    assert reverse("cases:case", args=[second.matter.pk]) in case_page(place, "village_clerk", first)
    # the other lane's head may see what came from his own lane, and no link to what is not his
    assert link not in case_page(place, "lane_head_2", second)
    assert reverse("cases:case", args=[second.matter.pk]) not in case_page(place, "lane_head", first)


def test_only_cases_of_the_same_kind_and_place_that_one_may_see_are_offered_to_merge_into(
    place: Place,
) -> None:
    reported = make_report(place.lane)
    same, elsewhere, other_kind, done = (
        make_report(place.lane),
        make_report(place.lane2),
        make_report(place.lane, "traffic"),
        make_report(place.lane),
    )
    actions.withdraw_case(done.code, act_id=new_id())
    body = case_page(place, "village_clerk", reported)
    assert reverse("cases:case", args=[same.matter.pk]) in body
    for one in (elsewhere, other_kind, done):
        assert reverse("cases:case", args=[one.matter.pk]) not in body
    Matter.objects.filter(pk=reported.matter.pk).update(danger=True)  # that goes into nothing slower
    assert reverse("cases:case", args=[same.matter.pk]) not in case_page(place, "village_clerk", reported)
    Matter.objects.filter(pk=same.matter.pk).update(danger=True)
    assert reverse("cases:case", args=[same.matter.pk]) in case_page(place, "village_clerk", reported)


@pytest.mark.parametrize(
    ("alarm", "said"),
    [
        ("danger", "反映的话里可能有危险"),
        ("vacant", "现在没有人"),
        ("off_map", "最近的单位先接"),
        ("top", "在那以前一直标红"),
    ],
)
def test_alarms_are_said_in_words(place: Place, alarm: str, said: str) -> None:
    reported = make_report(place.lane)
    Matter.objects.filter(pk=reported.matter.pk).update(alarm=alarm)
    assert said in case_page(place, "village_clerk", reported)


def test_after_closing_the_page_says_until_when_the_reporter_may_answer(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "长椅放好了"))
    actions.close_case(an_act(place.actor("village_clerk"), reported, "谢谢提醒"))
    assert "前可以要求重办" in case_page(place, "village_clerk", reported)
    with clock.set_to(MONDAY + timedelta(days=15)):
        assert "没有确认" in case_page(place, "village_clerk", reported)
    with clock.set_to(MONDAY):
        actions.confirm_case(reported.code, act_id=new_id())
    assert "没有确认" not in case_page(place, "village_clerk", reported)
