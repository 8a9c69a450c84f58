"""The clerk on the telephone: words, place by search, category suggested, and what to tell the caller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.sessions import BACKEND
from xiangli.cases.pages.staff.report import reportable
from xiangli.cases.rules.suggesting import cues, suggest
from xiangli.cases.states import Channel
from xiangli.cases.tests.factories import Place, make_place, make_report
from xiangli.cases.tests.test_statements import statements
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.matters.queries import code_for, open_text
from xiangli.matters.rules import group_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(datetime(2026, 11, 16, 6, 0, tzinfo=UTC)):
        yield


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def desk(place: Place) -> Client:
    return signed_in(place, "town_desk")


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    return client


def call(place: Place, **more: str) -> dict[str, str]:
    return {
        "client_id": str(new_id()),
        "words": "二巷口的路灯不亮了",
        "place": str(place.lane2.pk),
        "q": "二巷",
        "category": "facilities",
        "channel": "phone",
        **more,
    }


INTAKE = "/intake/"


def test_a_call_becomes_a_case_and_the_caller_is_told_its_number(place: Place, desk: Client) -> None:
    form = call(place, name="陈大妈", phone="138 0000 0001", place_note="第三户门前")
    answer = desk.post(INTAKE, form, follow=True)
    matter = Matter.objects.select_related("case", "receipt").get()
    assert answer.redirect_chain == [(reverse("cases:taken_down", args=[matter.pk]), 302)]
    body = answer.content.decode()
    assert str(matter.number) in body
    assert "庙上村 二巷，第三户门前" in body
    assert "记下一位" in body
    assert (matter.place, matter.case.channel) == (place.lane2, Channel.PHONE)
    assert matter.case.reported_by == place.people["town_desk"]
    kept = json.loads(open_text(matter, "contact", bytes(matter.receipt.contact or b"")))
    assert (kept["name"], kept["phone"]) == ("陈大妈", "13800000001")
    assert "13800000001" not in body
    code = code_for(matter.pk)
    assert code not in body
    assert group_code(code) not in body


def test_without_scripts_the_place_is_found_and_nothing_is_sent(place: Place, desk: Client) -> None:
    form = {**call(place), "place": "", "find": "1", "q": "庙上", "words": "只写了一半"}
    answer = desk.post(INTAKE, form)
    body = answer.content.decode()
    assert answer.status_code == 200
    assert "只写了一半" in body
    assert body.count('name="place"') == 4  # the village, its grid, two lanes
    assert 'role="alert" id' not in body
    assert not Matter.objects.exists()


def test_one_place_that_answers_is_chosen_and_of_several_one_must_be(place: Place, desk: Client) -> None:
    several = desk.post(INTAKE, {**call(place), "place": "", "q": "庙上"})
    assert several.status_code == 400
    assert "请选定一个" in several.content.decode()
    nowhere = desk.post(INTAKE, {**call(place), "place": "", "q": "月亮上"})
    assert "没有找到“月亮上”" in nowhere.content.decode()
    assert not Matter.objects.exists()
    assert desk.post(INTAKE, {**call(place), "place": "", "q": "李巷长"}).status_code == 302
    assert Matter.objects.get().place == place.lane2


def test_the_category_is_suggested_with_its_reason_and_a_person_decides(place: Place, desk: Client) -> None:
    answer = desk.post(INTAKE, {**call(place), "category": ""})
    body = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="facilities" checked' in body
    assert "话里有“路灯”，按这些词选的，不对请改。" in body
    assert not Matter.objects.exists()
    kept = desk.post(INTAKE, {**call(place), "category": "voices", "words": ""}).content.decode()
    assert 'value="voices" checked' in kept


def test_danger_words_stand_on_top_and_sending_still_works(place: Place, desk: Client) -> None:
    body = desk.post(INTAKE, call(place, words="二巷着火了，有人困在屋里"), follow=True).content.decode()
    assert 'href="tel:119"' in body
    matter = Matter.objects.get()
    assert matter.alarm == "danger"


@pytest.mark.parametrize("given", ["", "not-a-place", "00000000-0000-7000-8000-000000000000"])
def test_no_place_is_no_report(place: Place, desk: Client, given: str) -> None:
    answer = desk.post(INTAKE, {**call(place), "place": given, "q": ""})
    assert answer.status_code == 400
    assert "请找到地方并选定" in answer.content.decode()
    assert not Matter.objects.exists()


def test_a_place_of_another_town_is_nowhere(place: Place, desk: Client) -> None:
    other = make_place("14/08/27/")
    answer = desk.post(INTAKE, {**call(place), "place": str(other.lane.pk), "q": ""})
    assert answer.status_code == 400
    assert not Matter.objects.exists()
    found = desk.get("/intake/places/", {"q": "一巷", "place": str(other.lane.pk)}).content.decode()
    assert str(other.lane.pk) not in found
    assert str(place.lane.pk) in found


def test_the_chosen_place_stays_in_sight_while_another_is_sought(place: Place, desk: Client) -> None:
    found = desk.get("/intake/places/", {"q": "一巷", "place": str(place.lane2.pk)}).content.decode()
    assert f'value="{place.lane2.pk}" checked' in found
    assert f'value="{place.lane.pk}">' in found


def test_a_landmark_is_found_by_what_was_written_of_a_place(place: Place, desk: Client) -> None:
    make_report(place.lane2, place_note="老戏台旁")
    make_report(place.lane2, place_note="老戏台后面")
    make_report(place.lane, "service_complaint", place_note="老戏台里")
    make_report(make_place("14/08/27/").lane, place_note="老戏台对面")
    found = desk.get("/intake/places/", {"q": "老戏台"}).content.decode()
    assert found.count('name="place"') == 1
    assert f'value="{place.lane2.pk}" checked' in found
    assert "有人写过：老戏台后面" in found
    assert "没有找到" in desk.get("/intake/places/", {"q": "戏"}).content.decode()
    lane_head = signed_in(place, "lane_head")
    assert 'name="place"' not in lane_head.get("/intake/places/", {"q": "老戏台"}).content.decode()


def test_out_of_a_group_only_with_consent(place: Place, desk: Client) -> None:
    answer = desk.post(INTAKE, call(place, channel="group"))
    assert "要发的人同意才能转来" in answer.content.decode()
    assert desk.post(INTAKE, call(place, channel="group", consent="on")).status_code == 302


def test_a_report_of_ones_own_is_no_call(place: Place, desk: Client) -> None:
    for channel in ("staff", "plate", "platform", ""):
        assert desk.post(INTAKE, call(place, channel=channel)).status_code == 400
    assert not Matter.objects.exists()


def test_pressed_twice_is_one_call_and_another_call_on_an_old_form_is_said(
    place: Place, desk: Client
) -> None:
    form = call(place)
    assert desk.post(INTAKE, form)["Location"] == desk.post(INTAKE, form)["Location"]
    assert Matter.objects.count() == 1
    other = desk.post(INTAKE, {**form, "words": "另一位说水管漏了"})
    assert other.status_code == 400
    assert "再按一次提交" in other.content.decode()
    assert form["client_id"] not in other.content.decode()


def test_whoever_may_not_report_takes_no_calls(place: Place) -> None:
    head = signed_in(place, "lane_head")
    assert head.get(INTAKE).status_code == 200  # in their own lane they may
    assert signed_in(place, "village_officer").get(INTAKE).status_code == 200
    assert Client().get(INTAKE).status_code == 302


def test_the_pages_cost_the_same_whatever_is_there(place: Place, desk: Client) -> None:
    one, many = "/intake/places/?q=二巷", "/intake/places/?q=庙上"
    statements(desk, one)
    assert len(statements(desk, INTAKE)) <= 6
    assert len(statements(desk, one)) == len(statements(desk, many)) <= 6
    desk.post(INTAKE, call(place))
    first = Matter.objects.get()
    before = len(statements(desk, reverse("cases:taken_down", args=[first.pk])))
    for _each in range(3):
        desk.post(INTAKE, call(place))
    assert len(statements(desk, reverse("cases:taken_down", args=[first.pk]))) == before <= 12


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("垃圾桶满了好几天", "environment"),
        ("路口老有大货车乱停", "traffic"),
        ("下水道堵了", "facilities"),
        ("井盖没了", "hazards"),
        ("你好", None),
        ("", None),
    ],
)
def test_words_speak_for_a_category(words: str, code: str | None) -> None:
    found = suggest(words, list(cues()))
    assert (found.code if found else None) == code
    assert suggest(words, []) is None


def test_every_cue_speaks_for_a_category_that_may_be_reported(place: Place) -> None:
    assert set(cues()) <= {row.code for row in reportable()}
