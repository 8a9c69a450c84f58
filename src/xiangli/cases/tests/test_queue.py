"""The queue of a desk with cases in it: the filters, what came meanwhile, several given at once, paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.cases import actions
from xiangli.cases.actions import import_responsibilities
from xiangli.cases.queries.routing import forget_routes
from xiangli.cases.tests.factories import SINCE, Place, add_organ, an_act, make_place, make_report
from xiangli.cases.tests.test_statements import counted, growing, same_cost, shape, signed_in
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.actions import keep_words, save_filter
from xiangli.matters.models import Matter, SavedFilter
from xiangli.territory.actions import appoint
from xiangli.territory.queries import forget_scopes

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
QUEUE, ASSIGN = "/desk/", "/desk/assign/"


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(MONDAY):
        yield


@pytest.fixture
def place() -> Place:
    forget_scopes()
    forget_routes()
    return make_place()


def numbers(client: Client, query: str = "") -> list[int]:
    response = client.get(f"{QUEUE}?{query}")
    assert response.status_code == 200
    return [int(found) for found in re.findall(r"<td>(\d{6,})</td>", response.content.decode())]


# ------------------------------------------------------------------------------------------------- filters


def test_place_and_days_narrow_and_stand_in_the_form(place: Place) -> None:
    with clock.set_to(MONDAY - timedelta(days=3)):
        friday = make_report(place.lane)
    today = make_report(place.lane2, "traffic")
    village = signed_in(place, "village_director")
    assert set(numbers(village)) == {friday.matter.number, today.matter.number}
    assert numbers(village, "since=2026-11-14") == [today.matter.number]
    assert numbers(village, "until=2026-11-13") == [friday.matter.number]
    assert numbers(village, "topic=traffic") == [today.matter.number]
    grid = place.grid.path
    assert set(numbers(village, f"unit={grid}")) == {friday.matter.number, today.matter.number}
    assert numbers(village, f"unit={place.lane2.path}") == [today.matter.number]  # below what is chosen
    body = village.get(f"{QUEUE}?unit={place.lane2.path}&since=2026-11-14").content.decode()
    assert f'<option value="{place.lane2.path}" selected>' in body
    assert 'value="2026-11-14"' in body


def test_what_is_no_choice_of_this_person_narrows_nothing_and_is_said(place: Place) -> None:
    mine = make_report(place.lane)
    elsewhere = make_place("14/08/29/")
    director = signed_in(place, "village_director")
    for query in (
        f"unit={elsewhere.village.path}",
        f"unit={place.county.path}",
        "topic=nonsense",
        "state=nonsense",
        "since=yesterday",
        "lamp=blue",
    ):
        assert numbers(director, query) == [mine.matter.number], query
    body = director.get(f"{QUEUE}?unit={elsewhere.village.path}").content.decode()
    assert "没有按它筛选" in body
    body = director.get(f"{QUEUE}?since=2026-11-16&until=2026-11-01").content.decode()
    assert "结束日期在开始日期之前" in body


def test_a_search_looks_among_the_closed_ones_too(place: Place) -> None:
    open_one = make_report(place.lane, words="路灯不亮，晚上看不见")
    ended = make_report(place.lane2, words="路灯又坏了")
    actions.withdraw_case(ended.code, act_id=new_id())
    keep_words()
    director = signed_in(place, "village_director")
    assert numbers(director) == [open_one.matter.number]
    assert numbers(director, "state=closed") == [ended.matter.number]
    assert set(numbers(director, "text=路灯")) == {open_one.matter.number, ended.matter.number}
    assert numbers(director, "text=路灯&state=open") == [open_one.matter.number]
    assert numbers(director, f"text={ended.matter.number}") == [ended.matter.number]


def test_counters_tell_ordinary_open_matters_and_lead_back(place: Place) -> None:
    late = make_report(place.lane)
    Matter.objects.filter(pk=late.matter.pk).update(next_clock_at=MONDAY - timedelta(hours=1))
    make_report(place.lane, "service_complaint", words="巷长从来不管")
    body = signed_in(place, "town_desk").get(QUEUE).content.decode()
    assert "全部 <b>1</b>" in body
    assert re.search(r'href="\?lamp=red">.*?已超时</span></span> <b>1</b>', body)
    body = signed_in(place, "town_desk").get(f"{QUEUE}?lamp=red&topic=environment").content.decode()
    assert 'href="?topic=environment" aria-current="true"' in body  # pressed again, it lets all in
    assert numbers(signed_in(place, "town_desk"), "lamp=red") == [late.matter.number]


# ------------------------------------------------------------------------------------------------- kept filters


def test_a_filter_is_kept_as_the_address_has_it_and_replaced_by_its_name(place: Place) -> None:
    director = signed_in(place, "village_director")
    address = reverse("matters:save_filter")
    form = {"name": " 路上 ", "query": "topic=traffic&cursor=forged&next=http://elsewhere/&state=nonsense"}
    assert director.post(address, form)["Location"] == f"{QUEUE}?topic=traffic"
    assert director.post(address, form | {"query": "lamp=red"}).status_code == 302
    assert list(SavedFilter.objects.values_list("name", "query")) == [("路上", "lamp=red")]
    for wrong in (
        {"name": "", "query": ""},
        {"name": "长" * 41, "query": ""},
        {"name": "好", "query": "x" * 501},
    ):
        assert director.post(address, wrong).status_code == 400
    assert SavedFilter.objects.count() == 1


def test_a_filter_is_its_owners_alone(place: Place) -> None:
    owner, other = place.people["village_director"], signed_in(place, "town_desk")
    for name in ("红灯", "路上"):
        save_filter(user_id=owner.pk, name=name, query="lamp=red", now=MONDAY)
    kept = SavedFilter.objects.get(name="红灯")
    rename, delete = (reverse(f"matters:{verb}_filter", args=[kept.pk]) for verb in ("rename", "delete"))
    assert "红灯" not in other.get(QUEUE).content.decode()
    assert "红灯" not in other.get(reverse("matters:filters")).content.decode()
    assert other.post(rename, {"name": "我的"}).status_code == 404
    assert other.post(delete).status_code == 404
    mine = signed_in(place, "village_director")
    assert "您已经有一个叫这个名字的筛选" in mine.post(rename, {"name": "路上"}).content.decode()
    assert mine.post(rename, {"name": "急的"}).status_code == 302
    assert mine.post(delete).status_code == 302
    assert list(SavedFilter.objects.values_list("name", flat=True)) == ["路上"]


def test_a_twenty_first_filter_is_refused(place: Place) -> None:
    owner = place.people["village_director"]
    for number in range(20):
        save_filter(user_id=owner.pk, name=f"第 {number}", query="", now=MONDAY)
    client = signed_in(place, "village_director")
    answer = client.post(reverse("matters:save_filter"), {"name": "再一个", "query": "lamp=red"})
    assert answer.status_code == 409
    assert "最多保存 20 个" in answer.content.decode()
    assert (
        client.post(reverse("matters:save_filter"), {"name": "第 3", "query": "lamp=red"}).status_code == 302
    )
    assert SavedFilter.objects.count() == 20


# ------------------------------------------------------------------------------------------------- news


def news(client: Client, query: str = "", **headers: str) -> dict[str, Any]:
    answer = client.get(f"/desk/news/?{query}", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/event-stream")
    lines = dict(line.split(": ", 1) for line in answer.content.decode().strip().split("\n"))
    assert lines["retry"] == "4000"
    return {"id": lines["id"], **json.loads(lines.get("data", '{"count": 0, "ids": []}'))}


def test_news_tell_what_came_since_in_this_view_and_nothing_else(place: Place) -> None:
    make_report(place.lane)
    client = signed_in(place, "village_director")
    since = (MONDAY + timedelta(minutes=5)).isoformat().replace("+", "%2B")
    with clock.set_to(MONDAY + timedelta(minutes=10)):
        mine = make_report(place.lane2, "traffic")
        make_report(place.lane, "service_complaint", words="巷长从来不管")  # goes to the town, unseen here
        make_report(make_place("14/08/29/").lane)
        told = news(client, f"since={since}")
        assert told["ids"] == [str(mine.matter.pk)]
        assert told["count"] == 1
        assert news(client, f"since={since}&topic=environment")["count"] == 0
        assert news(client, f"since={since}&state=closed")["count"] == 0
        assert news(client, f"since={since}&text=路灯")["count"] == 0
    with clock.set_to(MONDAY + timedelta(minutes=11)):
        told = news(
            client, f"since={since}", **{"Last-Event-ID": told["id"]}
        )  # may be told twice within seconds
    with clock.set_to(MONDAY + timedelta(minutes=12)):
        assert news(client, f"since={since}", **{"Last-Event-ID": told["id"]})["count"] == 0
        for nonsense in ("", "yesterday", "2026-99-99T00:00", "2026-11-16T06:00:00"):
            assert news(client, f"since={nonsense}")["count"] == 0


def test_what_is_given_to_an_organ_is_news_there(place: Place) -> None:
    add_organ(place)
    reported = make_report(place.lane, "facilities")
    client = signed_in(place, "organ_desk")
    with clock.set_to(MONDAY + timedelta(minutes=20)):
        assert news(client, "since=2026-11-16T06:10:00%2B00:00")["count"] == 0
        organ = place.actor("organ_desk").held[0]
        act = an_act(place.actor("town_desk"), reported, "归水务局管")
        actions.transfer_case(act, unit_id=organ.unit_id, post_id=organ.post_id)
        assert news(client, "since=2026-11-16T06:10:00%2B00:00")["ids"] == [str(reported.matter.pk)]


def test_rows_that_came_are_shown_behind_the_fence(place: Place) -> None:
    mine = make_report(place.lane)
    other = make_report(make_place("14/08/29/").lane)
    client = signed_in(place, "village_director")
    body = client.get(f"{QUEUE}?arrived={mine.matter.pk},{other.matter.pk},nonsense").content.decode()
    assert re.findall(r"<td>(\d{6,})</td>", body) == [str(mine.matter.number)]
    assert "<html" not in body


def test_a_page_that_asks_for_news_keeps_no_left_desk_signed_in(place: Place) -> None:
    client = signed_in(place, "village_director")
    client.get(QUEUE)
    for minutes in range(2, 30, 2):
        with clock.set_to(MONDAY + timedelta(minutes=minutes)):
            assert client.get("/desk/news/", headers={"Accept": "text/event-stream"}).status_code == 200
    with clock.set_to(MONDAY + timedelta(minutes=31)):
        answer = client.get("/desk/news/", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]


# ------------------------------------------------------------------------------------------------- several at once


def plan(client: Client, reported: list[Any], choice: str, note: str = "") -> Any:
    form = {"m": [one.matter.number for one in reported], "choice": choice, "note": note, "back": "lamp=red"}
    return client.post(ASSIGN, form)


def hidden(body: str) -> dict[str, list[str]]:
    """The fields of the form that gives them."""
    found: dict[str, list[str]] = {}
    form = body[body.index('<form id="do"') :]
    for name, value in re.findall(
        r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[: form.index("</form>")]
    ):
        found.setdefault(name, []).append(value)
    return found


def offered(client: Client, reported: list[Any]) -> dict[str, str]:
    query = "&".join(f"m={one.matter.number}" for one in reported)
    answer = client.get(f"{ASSIGN}?{query}&back=lamp%3Dred")
    assert answer.status_code == 200, answer.content.decode()
    options = re.findall(r'<option value="([0-9a-f-]{36})">([^<]+)</option>', answer.content.decode())
    return {label: value for value, label in options}


def test_each_goes_to_the_post_of_its_own_place(place: Place) -> None:
    first, second = make_report(place.lane), make_report(place.lane2)
    for one in (first, second):
        actions.hand_up_case(an_act(place.actor("village_director"), one, "请村里看"))
    town = signed_in(place, "town_desk")
    posts = offered(town, [first, second])
    assert "庙上村 村文书（钱文书）" in posts
    lanes = next(label for label in posts if label.startswith("街巷长"))
    assert "分到 2 个岗位" in lanes
    answer = plan(town, [first, second], posts[lanes])
    body = answer.content.decode()
    assert "会交办 2 件" in body
    assert "交给 一巷 街巷长（张巷长）" in body
    assert "交给 二巷 街巷长（李巷长）" in body
    assert Matter.objects.filter(state="assigned").count() == 0  # only looked at
    form = hidden(body)
    for _again in range(2):  # pressed twice
        done = town.post(ASSIGN, form)
        assert "已交办 2 件" in done.content.decode()
    seats = {f"{unit.pk}:{place.posts['lane_head'].pk}" for unit in (place.lane, place.lane2)}
    assert set(Matter.objects.values_list("holder_seat", flat=True)) == seats
    assert set(Matter.objects.values_list("turn", flat=True)) == {2}  # handed up, and given once
    assert 'href="/desk/?lamp=red"' in done.content.decode()


def test_one_that_is_refused_leaves_the_others(place: Place) -> None:
    first, second = make_report(place.lane), make_report(place.lane2)
    town = signed_in(place, "town_desk")
    posts = offered(town, [first, second])
    form = hidden(plan(town, [first, second], posts["庙上村 村文书（钱文书）"]).content.decode())
    actions.take_case(an_act(place.actor("lane_head"), first))  # meanwhile
    body = town.post(ASSIGN, form).content.decode()
    assert "已交办 1 件" in body
    assert "1 件没有办成" in body
    assert "张巷长" in body  # who was first
    assert Matter.objects.get(pk=first.matter.pk).state == "in_progress"
    assert Matter.objects.get(pk=second.matter.pk).holder_unit_id == place.village.pk


def test_what_cannot_be_given_says_why_and_what_is_not_seen_is_not_there(place: Place) -> None:
    ordinary = make_report(place.lane)
    private = make_report(place.lane, "service_complaint", words="巷长从来不管")
    closed = make_report(place.lane2)
    actions.withdraw_case(closed.code, act_id=new_id())
    elsewhere = make_report(make_place("14/08/29/").lane)
    town = signed_in(place, "town_desk")
    posts = offered(town, [ordinary, private, closed, elsewhere])
    body = plan(
        town, [ordinary, private, closed, elsewhere], posts["庙上村 村文书（钱文书）"]
    ).content.decode()
    assert "会交办 1 件" in body
    assert "2 件不动" in body
    assert "不公开的事项要一件一件看过再交办" in body
    assert "已撤回" in body
    assert str(elsewhere.matter.number) not in body
    form = hidden(body)
    assert form["m"] == [str(ordinary.matter.number)]
    # and a forged form is refused by the action itself
    seat = form[f"to-{ordinary.matter.number}"][0]
    number = str(private.matter.number)
    forged = {
        "step": "do",
        "m": number,
        f"to-{number}": seat,
        f"act-{number}": str(new_id()),
        f"seen-{number}": "0",
    }
    town.post(ASSIGN, forged)
    assert Matter.objects.get(pk=private.matter.pk).holder_seat != seat
    outside = f"{elsewhere.matter.holder_unit_id}:{place.posts['lane_head'].pk}"
    number = str(ordinary.matter.number)
    forged = {
        "step": "do",
        "m": number,
        f"to-{number}": outside,
        f"act-{number}": str(new_id()),
        f"seen-{number}": "0",
    }
    assert "没有办成" in town.post(ASSIGN, forged).content.decode()
    assert Matter.objects.get(pk=ordinary.matter.pk).turn == 0


def test_a_choice_beside_the_list_of_responsibilities_takes_a_reason(place: Place) -> None:
    content = "事项类别,发生在,由谁负责,起,止,依据\n环境卫生,街巷,村文书,2026-01-01,,清单\n".encode()
    assert import_responsibilities(content, county=place.county, now=clock.now()).sound
    reported = make_report(place.lane)
    town = signed_in(place, "town_desk")
    posts = offered(town, [reported])
    lane_head = next(value for label, value in posts.items() if label.startswith("一巷 街巷长"))
    body = plan(town, [reported], lane_head).content.decode()
    assert "请写明为什么" in body
    assert "会交办 0 件" in body
    body = plan(town, [reported], lane_head, "文书出差").content.decode()
    assert "会交办 1 件" in body
    assert "已交办 1 件" in town.post(ASSIGN, hidden(body)).content.decode()


def test_nothing_and_too_many_are_refused_in_words(place: Place) -> None:
    town = signed_in(place, "town_desk")
    assert "还没有选事项" in town.get(ASSIGN).content.decode()
    many = "&".join(f"m={number}" for number in range(100000, 100051))
    answer = town.get(f"{ASSIGN}?{many}")
    assert answer.status_code == 400
    assert "一次最多交办 50 件" in answer.content.decode()
    assert town.get(f"{ASSIGN}?m=999999").status_code == 404
    answer = signed_in(place, "lane_head").get(f"{ASSIGN}?m=100000")
    assert answer.status_code == 403


@pytest.mark.parametrize("phase", ["choose", "look"])
def test_offering_costs_the_same_with_1_and_30_rows(place: Place, phase: str) -> None:
    town, sent = signed_in(place, "town_desk"), {}
    reported = [make_report(place.lane if number % 2 else place.lane2) for number in range(30)]
    choice = str(place.posts["village_clerk"].pk)
    assert all(one.matter.number for one in reported)  # read now, not within what is counted
    town.get(QUEUE)
    for rows in (1, 30):
        asked = reported[:rows]
        with counted() as found:
            if phase == "look":
                body = plan(town, asked, choice).content.decode()
                assert f"会交办 {rows} 件" in body
            else:
                offered(town, asked)
        sent[rows] = found
    assert len(sent[1]) == len(sent[30]), shape(sent[30])
    assert len(sent[30]) <= 12, shape(sent[30])


# ------------------------------------------------------------------------------------------------- paper, and what it costs


def test_the_list_on_paper_keeps_what_is_private_to_number_and_category(place: Place) -> None:
    private = make_report(place.lane, "service_complaint", words="巷长从来不管")
    ordinary = make_report(place.lane)
    body = signed_in(place, "town_desk").get("/desk/print/").content.decode()
    lines = re.findall(r"<tr><td>.*?</tr>", body, re.DOTALL)
    assert len(lines) == 2
    line = next(one for one in lines if str(private.matter.number) in one)
    assert "对服务的意见" in line
    assert private.matter.place_name not in line
    assert "街巷长" not in line
    assert ordinary.matter.place_name in next(one for one in lines if str(ordinary.matter.number) in one)
    assert "未办结的一般事项 1 件" in body


@pytest.mark.parametrize(
    ("address", "shows"), [("/desk/print/", 'class="box"'), ("/desk/?text=垃圾", 'href="/cases/')]
)
def test_paper_and_search_cost_the_same_with_1_and_30_rows(place: Place, address: str, shows: str) -> None:
    def grow() -> Iterator[int]:
        for rows in growing(place):
            keep_words()
            yield rows

    same_cost(signed_in(place, "village_director"), address, most=9, grow=grow(), shows=shows)


def test_news_cost_the_same_with_1_and_30_rows(place: Place) -> None:
    client, sent = signed_in(place, "village_director"), {}
    address = "/desk/news/?since=2026-11-16T05:59:00%2B00:00"
    client.get(address)
    for rows in growing(place):
        with counted() as found:
            told = news(client, "since=2026-11-16T05:59:00%2B00:00")
        assert told["count"] == rows
        sent[rows] = found
    assert len(sent[1]) == len(sent[30]) <= 6, shape(sent[30])


def test_somebody_with_posts_in_two_towns_chooses_among_both(place: Place) -> None:
    other = make_place("14/08/29/")
    user = place.people["village_director"]
    appoint(
        user=user,
        unit=other.village,
        post=other.posts["village_director"],
        valid_from=SINCE,
        standing="deputy",
    )
    there = make_report(other.lane)
    make_report(place.lane)
    client = signed_in(place, "village_director")
    assert numbers(client, f"unit={other.village.path}") == [there.matter.number]
