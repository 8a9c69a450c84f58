"""Pages of orders from elsewhere, and what platforms send by themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions
from xiangli.cases.actions.orders import end_source, open_source
from xiangli.cases.models import ExternalOrder, OrderSource
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.cases.tests.test_orders import close, row, workbook
from xiangli.cases.tests.test_statements import statements
from xiangli.kernel import chance, clock, jobs
from xiangli.kernel.models import Job, JobFile, LedgerEvent
from xiangli.matters.models import Matter
from xiangli.territory.queries.places import forget_places

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    forget_places()
    with clock.set_to(MONDAY), chance.set_to(99):
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


def upload(client: Client, place: Place, content: bytes, **more: str) -> Any:
    file = SimpleUploadedFile("工单.xlsx", content)
    form = {"county": str(place.county.pk), "source": "12345", "name": "", **more}
    return client.post("/orders/import/", {**form, "file": file})


# ------------------------------------------------------------------------------------------------- pages


def test_a_workbook_is_checked_mended_and_imported(place: Place, desk: Client) -> None:
    checked = upload(desk, place, workbook(row("a"), row("b", "水管漏水", "月亮上")))
    page = desk.get(checked["Location"])
    body = page.content.decode()
    assert "还没有写入任何一行" in body
    assert "没有“月亮上”" in body
    assert "只导入没有错的 1 行，1 行先不写" in body
    assert not Matter.objects.exists()
    book = load_workbook(io.BytesIO(desk.get(checked["Location"] + "annotated.xlsx").content))
    assert next(cells[-1].value for cells in book.worksheets[0].iter_rows()) == "说明"
    mended = upload(desk, place, workbook(row("a"), row("b", "水管漏水", "庙上村")))
    assert "导入 2 行" in desk.get(mended["Location"]).content.decode()
    done = desk.post(mended["Location"], follow=True)
    assert "导入了 2 件，0 件以前导入过或重复。" in done.content.decode()
    assert "水管漏水" in done.content.decode()
    again = upload(desk, place, workbook(row("a"), row("b", "水管漏水", "庙上村")))
    assert "已导入过或重复</dt><dd>2</dd>" in desk.get(again["Location"]).content.decode()
    assert ExternalOrder.objects.count() == 2


def test_only_the_sound_rows_where_somebody_says_so(place: Place, desk: Client) -> None:
    checked = upload(desk, place, workbook(row("a"), row("b", "路灯", "月亮上")))
    refused = desk.post(checked["Location"], follow=True)
    assert "一行也没有写入" in refused.content.decode()
    assert not Matter.objects.exists()
    desk.post(checked["Location"], {"faults_too": "1"})
    assert Matter.objects.count() == 1


def test_many_rows_are_written_by_a_job_with_a_bar(place: Place, desk: Client) -> None:
    checked = upload(desk, place, workbook(*(row(f"n{number}") for number in range(101))))
    answer = desk.post(checked["Location"])
    assert answer["Location"].startswith("/jobs/")
    assert not Matter.objects.exists()
    while jobs.run_one(clock.now(), watched=False):
        pass
    assert Matter.objects.count() == 101
    assert "导入了 101 件" in desk.get(answer["Location"]).content.decode()
    assert not Job.objects.exclude(state="done").exists()


def test_a_workbook_is_seen_by_who_brought_it_and_by_nobody_else_and_not_in_clear(
    place: Place, desk: Client
) -> None:
    checked = upload(desk, place, workbook(row("a", "路灯", "庙上村", None, None, "陈大妈", "13800000001")))
    assert signed_in(place, "county_desk").get(checked["Location"]).status_code == 404
    assert b"13800000001" not in desk.get(checked["Location"]).content
    assert b"PK" not in bytes(JobFile.objects.get().content)[:2]
    with clock.set_to(MONDAY + timedelta(days=1, minutes=1)):
        assert signed_in(place, "town_desk").get(checked["Location"]).status_code == 404


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "这个文件是空的"),
        (b"PK\x03\x04nonsense", "读不懂这个文件"),
        ("编号,内容\na,b".encode(), "表头里缺少：地点"),
        (b"\xff\xfe\x00\x00\x00", "读不懂这个文件"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_at_the_file(
    place: Place, desk: Client, content: bytes, words: str
) -> None:
    answer = upload(desk, place, content)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Job.objects.exists()
    assert not OrderSource.objects.exists()


def test_another_platform_has_a_name(place: Place, desk: Client) -> None:
    assert "请写这个平台叫什么" in upload(desk, place, workbook(row()), source="-").content.decode()
    checked = upload(desk, place, workbook(row()), source="-", name="市级平台")
    desk.post(checked["Location"])
    assert ExternalOrder.objects.get().source.name == "市级平台"
    assert "市级平台" in desk.get("/orders/import/").content.decode()
    other = make_place("14/08/27/")
    assert upload(desk, other, workbook(row())).status_code == 400  # no county of this person's


def test_the_list_goes_by_the_platforms_deadline_and_says_what_is_late(place: Place, desk: Client) -> None:
    rows = (
        row("later", "甲处", "庙上村", None, "2026-11-30"),
        row("past", "乙处", "庙上村", None, "2026-11-10"),
        row("none", "丙处", "庙上村"),
    )
    done = desk.post(upload(desk, place, workbook(*rows))["Location"], follow=True)
    assert "导入了 3 件" in done.content.decode()
    body = desk.get("/orders/").content.decode()
    assert body.index(">past<") < body.index(">later<") < body.index(">none<")
    assert "已超时 5 天" in body
    assert (
        "对方期限"
        in desk.get(reverse("cases:case", args=[Matter.objects.get(title="乙处").pk])).content.decode()
    )
    assert signed_in(place, "village_director").get("/orders/").status_code == 403


def test_replies_are_taken_away_once_by_a_job(place: Place, desk: Client) -> None:
    desk.post(upload(desk, place, workbook(row("a", "想法", "庙上村", "意见建议")))["Location"])
    close(place, "a")
    assert "导出答复" in desk.get("/orders/?which=due").content.decode()
    answer = desk.post("/orders/replies/")
    while jobs.run_one(clock.now(), watched=False):
        pass
    file = desk.get(answer["Location"] + "file/")
    cells = [str(cell.value) for cell in load_workbook(io.BytesIO(file.content)).worksheets[0][2]]
    assert cells[0] == "a"
    assert "已经换了新灯，请放心" in cells
    assert "没有要答复的工单" in desk.get("/orders/?which=due").content.decode()
    assert ">a<" in desk.get("/orders/?which=replied").content.decode()
    assert signed_in(place, "county_desk").get(answer["Location"] + "file/").status_code == 404
    none = desk.post("/orders/replies/")
    jobs.run_one(clock.now(), watched=False)
    assert "现在没有要答复的工单" in desk.get(none["Location"]).content.decode()


def test_the_list_costs_the_same_for_one_and_for_three(place: Place, desk: Client) -> None:
    desk.post(upload(desk, place, workbook(row("a")))["Location"])
    statements(desk, "/orders/")
    one = len(statements(desk, "/orders/"))
    desk.post(upload(desk, place, workbook(row("b"), row("c")))["Location"])
    desk.get("/orders/")
    assert len(statements(desk, "/orders/")) == one <= 5


# ------------------------------------------------------------------------------------------------- the endpoint

API = "/api/orders/"


@pytest.fixture
def token(place: Place) -> str:
    return open_source(county=place.county, code="12345", name="12345 热线", now=MONDAY)[1]


def order(**more: Any) -> dict[str, Any]:
    return {"number": "WY001", "words": "路灯不亮", "place": "横水镇庙上村二巷", **more}


def send(token: str, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return Client().post(
        API, content, content_type="application/json", headers={"Authorization": f"Bearer {token}", **headers}
    )


def test_a_platform_sends_an_order_and_gets_our_number(place: Place, token: str) -> None:
    body = order(category="facilities", deadline="2026-11-17T18:00:00", name="陈大妈", phone="13800000001")
    answer = send(token, body)
    matter = Matter.objects.select_related("case").get()
    assert (answer.status_code, answer.json()) == (
        200,
        {"number": str(matter.number), "again": False, "late": False},
    )
    assert matter.external_order.deadline == datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
    assert (matter.place, matter.topic, matter.case.reported_by) == (place.lane2, "facilities", None)
    event = LedgerEvent.objects.get(stream=matter.pk)
    assert event.authority == f"source:{OrderSource.objects.get().pk}"
    assert event.actor is None
    again = send(token, order(words="后来改了说法"))
    assert again.json() == {"number": str(matter.number), "again": True, "late": False}
    assert Matter.objects.count() == 1
    page = signed_in(place, "town_desk").get(reverse("cases:case", args=[matter.pk])).content.decode()
    assert "12345 热线" in page
    assert "WY001" in page


def test_a_deadline_that_has_passed_is_taken_and_said(place: Place, token: str) -> None:
    answer = send(token, order(deadline="2026-11-01T00:00:00+08:00"))
    assert (answer.status_code, answer.json()["late"]) == (200, True)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (order(number=""), "number", "空着"),
        (order(words=""), "words", "请写几个字"),
        (order(words="字" * 2001), "words", "最多 2000 字"),
        (order(place="月亮上"), "place", "没有“月亮上”"),
        (order(category="accusations"), "category", "没有“accusations”这一类"),
        (order(phone="没有"), "phone", "只能是数字"),
        (order(deadline="下周三"), "deadline", "格式不对"),
        (order(number=5), "number", "格式不对"),
        (order(extra=1), "", "没有“extra”这个字段"),
        ({"number": "a", "place": "庙上村"}, "words", "缺少 words"),
        ([], "", "读不懂"),
        ("{", "", "读不懂"),
        (b"\xff\xfe", "", "读不懂"),
        ('{"number":"a\\u0000","words":"\\u0000","place":"庙上村"}', "words", "请写几个字"),
        ('{"number":"\\ud800","words":"b","place":"庙上村"}', "", ""),
    ],
)
def test_an_error_names_the_field_and_how_to_mend_it(
    place: Place, token: str, body: Any, field: str, words: str
) -> None:
    answer = send(token, body)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert field in [one["field"] for one in errors]
    assert words in "".join(one["error"] for one in errors)
    assert not Matter.objects.exists()


def test_what_is_too_large_is_not_read(place: Place, token: str) -> None:
    answer = send(token, order(words="字" * 40000))
    assert answer.status_code == 413
    assert "最多 32 KB" in answer.json()["errors"][0]["error"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer xl_wrong", "Basic eDp5", "xl_wrong"])
def test_without_the_token_of_a_source_nothing_is_taken_whoever_has_signed_in(
    place: Place, token: str, header: str
) -> None:
    for client in (Client(), signed_in(place, "county_desk")):
        answer = client.post(
            API, json.dumps(order()), content_type="application/json", headers={"Authorization": header}
        )
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert client.get("/api/orders/replies", headers={"Authorization": header}).status_code == 401
    assert not Matter.objects.exists()


def test_a_token_of_a_source_that_ended_is_worth_nothing_and_guessing_waits(place: Place, token: str) -> None:
    end_source(county=place.county, code="12345", now=MONDAY)
    for _each in range(20):
        assert send(token, order()).status_code == 401
    waiting = send(token, order())
    assert (waiting.status_code, waiting["Retry-After"]) == (429, "600")


def test_a_source_brings_orders_into_its_own_county_only(place: Place, token: str) -> None:
    other = make_place("14/08/27/")
    answer = send(token, order(place=str(other.village.code)))
    assert answer.status_code == 422
    assert not Matter.objects.exists()


def test_a_platform_fetches_what_ended_and_says_by_asking_on_that_it_has_it(place: Place, token: str) -> None:
    def fetch(since: str = "", key: str = token) -> Any:
        return Client().get(
            "/api/orders/replies", {"since": since}, headers={"Authorization": f"Bearer {key}"}
        )

    for number in ("a", "b"):
        send(token, order(number=number, category="voices", place="庙上村"))
    assert fetch().json() == {"replies": [], "next": "", "more": False}
    close(place, "a")
    assert fetch().json()["replies"] == []  # closed a moment ago: not settled yet
    with clock.set_to(MONDAY + timedelta(minutes=1)):
        got = fetch().json()
        assert [(one["number"], one["state"], one["words"]) for one in got["replies"]] == [
            ("a", "closed", "已经换了新灯，请放心")
        ]
        assert fetch().json() == got  # asked again, told again
        assert ExternalOrder.objects.get(number="a").replied_at is None
        close(place, "b", "也好了")
    with clock.set_to(MONDAY + timedelta(minutes=2)):
        after = fetch(got["next"]).json()
        assert [one["number"] for one in after["replies"]] == ["b"]
        assert ExternalOrder.objects.get(number="a").replied_at == MONDAY + timedelta(minutes=2)
        assert ExternalOrder.objects.get(number="b").replied_at is None
        done = fetch(after["next"]).json()
        assert (done["replies"], done["next"]) == ([], after["next"])
        assert fetch("made-up").status_code == 422
        other = open_source(county=place.county, code="city", name="市平台", now=MONDAY)[1]
        assert fetch(got["next"], other).status_code == 422  # another's mark
        assert fetch("", other).json()["replies"] == []


def test_what_went_into_another_case_is_told_when_that_one_is_over(place: Place, token: str) -> None:
    def fetch(since: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return Client().get("/api/orders/replies", {"since": since}, headers=headers).json()

    first = make_report(place.village, "voices")
    with clock.set_to(MONDAY + timedelta(minutes=1)):
        send(token, order(number="a", category="voices", place="庙上村"))
        send(token, order(number="b", category="voices", place="庙上村"))
        merged = Matter.objects.get(external_order__number="a")
        desk = place.actor("village_director")
        actions.merge_case(
            an_act(desk, actions.Receipted("", merged, again=False), "同一件"), number=first.matter.number
        )
    with clock.set_to(MONDAY + timedelta(minutes=2)):
        close(place, "b")
    with clock.set_to(MONDAY + timedelta(minutes=3)):
        got = fetch()
        assert [one["number"] for one in got["replies"]] == ["b"]
    with clock.set_to(MONDAY + timedelta(minutes=4)):
        assert fetch(got["next"])["replies"] == []
        actions.handle_on_spot(an_act(desk, first, "办了"))
        actions.close_case(an_act(desk, first, "都办好了"))
    with clock.set_to(MONDAY + timedelta(minutes=5)):
        [late] = fetch(got["next"])["replies"]
        assert (late["number"], late["state"]) == ("a", "merged")
        assert late["words"].endswith("都办好了")
        assert ExternalOrder.objects.get(number="a").replied_at is None


def test_orders_travel_the_usual_way(place: Place, token: str) -> None:
    send(token, order(category="voices", place="庙上村"))
    matter = Matter.objects.get()
    desk = place.actor("village_director")
    actions.take_case(an_act(desk, actions.Receipted("", matter, again=False)))
    matter.refresh_from_db()
    assert matter.handler == place.people["village_director"]
