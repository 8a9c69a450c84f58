"""Plates and boards on paper: what stands on them, when they are out of date, and who prints them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import translation
from pypdf import PdfReader
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.kernel import clock, jobs
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Job, LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.models import PlatePrint, PrintKind, Standing, Unit
from xiangli.territory.pages import plates as pages
from xiangli.territory.queries import Which, paper
from xiangli.territory.tests.factories import SINCE, Small, make_county

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 22)


@pytest.fixture
def small() -> Small:
    return make_county()


@pytest.fixture(autouse=True)
def now() -> Any:
    moment = datetime.fromisoformat("2026-11-22T10:00:00+08:00")
    with clock.set_to(moment):
        yield moment


def signed_in(small: Small, post: str, unit: Unit) -> Client:
    client = Client()
    client.force_login(small.seat(post, unit, "值班员").user)
    return client


def read(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(content)).pages]


def plate(unit: Unit) -> queries.Sheet:
    (sheet,) = queries.sheets_to_print(unit, PrintKind.PLATE, Which.ONE, at=clock.now())
    return sheet


def board(unit: Unit) -> queries.Sheet:
    (sheet,) = queries.sheets_to_print(unit, PrintKind.BOARD, Which.ONE, at=clock.now())
    return sheet


def printed(small: Small, unit: Unit) -> queries.Actor:
    """Print everything at and under `unit`, as the county's desk does."""
    desk = (
        User.objects.filter(display_name="县值班").first()
        or small.seat("county_desk", small.county, "县值班").user
    )
    actor = queries.actor_for(desk, at=clock.now())
    actions.record_print(by=actor, unit=unit, sheets=queries.sheets(unit, at=clock.now()), now=clock.now())
    return actor


def stale(unit: Unit) -> set[tuple[str, str]]:
    return {
        (one.sheet.unit.short_name, one.sheet.kind) for one in queries.hung(unit, at=clock.now()) if one.stale
    }


# -- what stands on them


def test_a_plate_says_who_answers_for_what_and_where_its_code_leads(small: Small) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    small.seat("lane_head", small.lane, "李代理", standing=Standing.DEPUTY)
    small.seat("grid_head", small.grid, "赵网格")
    actions.set_duty_number(unit=small.lane, post=small.posts["lane_head"], phone="0359-0000001")
    content = (
        signed_in(small, "village_director", small.village).get(f"/units/{small.lane.pk}/plate/").content
    )
    (page,) = read(content)
    code = small.lane.plate_code or ""
    for words in (
        "绛县 · 横水镇 · 横北村 · 第一网格",
        "一巷",
        "街巷长 姚建国",
        "代理：李代理",
        "0359-0000001",
        "横水镇横北村第一网格一巷",
        "环境卫生",
        "第一网格 网格长 赵网格",
        f"{code[:4]} {code[4:]}",
        f"/p/{code}/",
        "110 报警 119 火警 120 急救 12345 政务热线",
        "2026-11-22 印制",
        "公章",
    ):
        assert words in page, words


def test_a_plate_of_a_lane_without_a_head_says_who_answers_meanwhile(small: Small) -> None:
    small.seat("grid_head", small.grid, "赵网格")
    actions.set_duty_number(unit=small.grid, post=small.posts["grid_head"], phone="0359-0000002")
    (page,) = read(queries.pdf_of([plate(small.lane)], at=clock.now()))
    assert "暂缺" in page
    assert "现由第一网格 网格长负责" in page
    assert page.count("0359-0000002") == 2


@pytest.mark.parametrize(("size", "points"), [("a4", (595, 842)), ("a3", (842, 1191))])
def test_a_plate_is_one_page_of_its_size_however_much_stands_on_it(
    small: Small, size: str, points: tuple[int, int]
) -> None:
    long = "欧阳" * 10
    Unit.objects.filter(pk=small.lane.pk).update(
        short_name="幸福家园小区（北区）三号楼东侧通往小学的那条无名小巷"
    )
    for code, unit in (("lane_head", small.lane), ("grid_head", small.grid)):
        small.seat(code, unit, long)
        for _number in range(3):
            small.seat(code, unit, long, standing=Standing.DEPUTY)
        actions.set_duty_number(unit=unit, post=small.posts[code], phone="0359-00000001")
    content = queries.pdf_of([plate(small.lane)], size=size, at=clock.now())
    (page,) = PdfReader(BytesIO(content)).pages
    assert tuple(round(float(length)) for length in page.mediabox[2:]) == points
    assert "印制" in page.extract_text()


def test_an_unknown_size_is_a4(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    content = client.get(f"/units/{small.lane.pk}/plate/", {"size": "A0<script>"}).content
    assert round(float(PdfReader(BytesIO(content)).pages[0].mediabox[2])) == 595


def test_paper_is_chinese_whoever_prints_it_and_the_same_plate(small: Small) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    chinese = plate(small.lane)
    with translation.override("en"):
        english = plate(small.lane)
        content = queries.pdf_of([english], at=clock.now())
    assert english.digest == chinese.digest
    assert "街巷长 姚建国" in read(content)[0]
    assert content == queries.pdf_of([chinese], at=clock.now())


def test_a_board_says_who_is_responsible_in_the_village_and_below(small: Small) -> None:
    for code, unit, name in (
        ("village_director", small.village, "姚秀兰"),
        ("village_officer", small.village, "许警官"),
        ("legal_adviser", small.village, "方律师"),
        ("grid_head", small.grid, "赵网格"),
        ("grid_worker", small.grid, "钱网格"),
        ("lane_head", small.lane, "姚建国"),
    ):
        small.seat(code, unit, name)
    content = (
        signed_in(small, "village_clerk", small.village).get(f"/units/{small.village.pk}/board/").content
    )
    (page,) = read(content)
    for words in (
        "横北村",
        "姚秀兰",
        "驻村民警许警官",
        "法律顾问方律师",
        "网格长赵网格",
        "网格员钱网格",
        "姚建国",
        "现由第一网格网格长",  # of the second lane, where nobody is
        "2026-11-22印制",
        "横北村第1页",
    ):
        assert words in "".join(page.split()), words
    assert "村文书" in page  # whoever asked for it holds that post
    assert "联村干部" not in page  # nobody does, and nobody misses them
    width, height = PdfReader(BytesIO(content)).pages[0].mediabox[2:]
    assert (round(float(width)), round(float(height))) == (1191, 1684)


def test_boards_of_many_lanes_run_on_and_each_counts_its_own_pages(small: Small) -> None:
    for number in range(140):
        actions.open_unit(
            parent=small.grid,
            level=small.levels["lane"],
            label=f"x{number}",
            name=f"巷{number}",
            valid_from=SINCE,
        )
    sheet = board(small.village)
    pages = read(queries.pdf_of([sheet, sheet], at=clock.now()))
    assert len(pages) >= 4
    assert [page.count("横北村 第 1 页") for page in pages].count(1) == 2
    assert all(f"巷 {number} " in "".join(pages) for number in (0, 77, 139))


def test_many_are_set_a_part_at_a_time_into_one_pdf(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "_PART", dict.fromkeys(PrintKind, 2))
    for number in range(3):
        actions.open_unit(
            parent=small.grid,
            level=small.levels["lane"],
            label=f"x{number}",
            name=f"巷{number}",
            valid_from=SINCE,
        )
    sheets = queries.sheets_to_print(small.town, PrintKind.PLATE, Which.ALL, at=clock.now())
    said: list[int] = []
    content = queries.pdf_of(sheets, at=clock.now(), say=said.append)
    assert said == [0, 2, 4]
    assert [page.split("\n")[1] for page in read(content)] == ["一巷", "二巷", "巷 0", "巷 1", "巷 2"]
    metadata = PdfReader(BytesIO(content)).metadata
    assert metadata is not None
    assert metadata.title == "第一网格 公示牌 5 块"


# -- out of date


def test_what_a_change_of_staff_made_stale_is_listed_and_printing_clears_it(small: Small) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    small.seat("lane_head", small.lane_two, "李卫东")
    assert stale(small.county) == set()  # never printed is not out of date
    printed(small, small.county)
    assert stale(small.county) == set()
    with clock.set_to(clock.now() + timedelta(days=3)):
        actions.end_appointment(appointment=head, on=date(2026, 11, 24))
        assert stale(small.county) == {("一巷", "plate"), ("横北村", "board")}
        (row,) = [one for one in queries.hung(small.lane, at=clock.now()) if one.stale]
        assert (row.since, row.changed) == (date(2026, 11, 24), "街巷长")
        printed(small, small.lane)
        assert stale(small.county) == {("横北村", "board")}
        printed(small, small.town)
        assert stale(small.county) == set()


def test_a_deputy_a_number_and_a_name_make_it_stale(small: Small) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    printed(small, small.county)
    small.seat("lane_head", small.lane, "李代理", standing=Standing.DEPUTY, since=TODAY)
    assert stale(small.county) == {("一巷", "plate"), ("横北村", "board")}
    printed(small, small.county)
    small.seat("legal_adviser", small.village, "方律师")
    printed(small, small.county)
    actions.set_duty_number(unit=small.village, post=small.posts["legal_adviser"], phone="0359-0000003")
    assert stale(small.county) == {("一巷", "plate"), ("二巷", "plate"), ("横北村", "board")}
    printed(small, small.county)
    Unit.objects.filter(pk=small.grid.pk).update(short_name="东网格")
    assert stale(small.county) == {("一巷", "plate"), ("二巷", "plate"), ("横北村", "board")}
    changed = [one for one in queries.hung(small.lane_two, at=clock.now()) if one.stale]
    assert [(one.since, one.changed) for one in changed] == [(None, "")]


def test_an_absence_is_no_reason_to_print(small: Small) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    small.seat("lane_head", small.lane, "李代理", standing=Standing.DEPUTY)
    printed(small, small.county)
    actions.record_absence(appointment=head, starts=clock.now() - timedelta(hours=1), ends=None)
    assert stale(small.county) == set()
    assert "姚建国" in read(queries.pdf_of([plate(small.lane)], at=clock.now()))[0]


def test_a_neighbours_staff_changes_nothing_here(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    printed(small, small.county)
    other.seat("lane_head", other.lane, "某人", since=TODAY)
    other.seat("county_leader", other.county, "某人", since=TODAY)
    small.seat("county_leader", small.county, "某人", since=TODAY)  # stands on no plate and no board
    assert stale(small.county) == set()


@pytest.mark.parametrize("lanes", [0, 2, 30])
def test_a_whole_county_is_judged_in_four_statements(
    small: Small, lanes: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(lanes):
        lane = actions.open_unit(
            parent=small.grid,
            level=small.levels["lane"],
            label=f"x{number}",
            name=f"巷{number}",
            valid_from=SINCE,
        )
        small.seat("lane_head", lane, "某人")
    printed(small, small.county)
    small.seat("grid_head", small.grid, "赵网格", since=TODAY)
    with django_assert_num_queries(4):
        found = queries.hung(small.county, at=clock.now())
    assert sum(one.stale for one in found) == lanes + 3


# -- the action


def test_record_print_keeps_the_last_one_and_one_event(small: Small) -> None:
    actor = printed(small, small.village)
    printed(small, small.village)
    rows = PlatePrint.objects.order_by("unit__path", "kind")
    assert [(row.unit_id, row.kind) for row in rows] == [
        (small.village.pk, "board"),
        (small.lane.pk, "plate"),
        (small.lane_two.pk, "plate"),
    ]
    assert {row.printed_by_id for row in rows} == {actor.user_id}
    assert LedgerEvent.objects.filter(stream=small.village.pk, kind="record_print").count() == 2


def test_record_print_is_for_the_desks_of_this_territory(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    for code, unit in (("village_director", other.village), ("lane_head", small.lane)):
        held = (small if unit is small.lane else other).seat(code, unit, "某人")
        actor = queries.actor_for(held.user, at=clock.now())
        with pytest.raises(Refused) as refused:
            actions.record_print(
                by=actor,
                unit=small.village,
                sheets=queries.sheets(small.village, at=clock.now()),
                now=clock.now(),
            )
        assert refused.value.code == "not_permitted"
    assert not PlatePrint.objects.exists()


def test_record_print_of_what_lies_elsewhere_keeps_nothing(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    actor = queries.actor_for(small.seat("village_director", small.village, "某人").user, at=clock.now())
    actions.record_print(
        by=actor, unit=small.village, sheets=queries.sheets(other.village, at=clock.now()), now=clock.now()
    )
    assert not PlatePrint.objects.exists()


# -- the pages


def test_print_plate_is_for_the_desks_of_this_territory(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    clients = signed_in(other, "town_desk", other.town), signed_in(small, "village_officer", small.village)
    for address in (f"/units/{small.lane.pk}/plate/", f"/units/{small.village.pk}/board/"):
        assert Client().get(address).status_code == 302
        for client in clients:
            assert client.get(address).status_code == 404


def test_print_plate_of_what_has_none(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    actions.end_unit(unit=small.lane, on=date(2025, 1, 1), successors=[small.lane_two])
    for unit_id in (small.grid.pk, small.lane.pk, small.village.pk, new_id()):
        assert client.get(f"/units/{unit_id}/plate/").status_code == 404
    assert client.get(f"/units/{small.lane_two.pk}/board/").status_code == 404


def test_looking_at_a_plate_is_not_printing_it(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    assert client.get(f"/units/{small.lane.pk}/plate/").status_code == 200
    assert not PlatePrint.objects.exists()


@pytest.mark.parametrize("lanes", [1, 3])
def test_plates_lists_what_hangs_in_as_many_statements(
    small: Small, lanes: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed_in(small, "village_director", small.village)
    for number in range(lanes):
        lane = actions.open_unit(
            parent=small.grid,
            level=small.levels["lane"],
            label=f"x{number}",
            name=f"巷{number}",
            valid_from=SINCE,
        )
        small.seat("lane_head", lane, f"头{number}")
    printed(small, small.village)
    small.seat("grid_head", small.grid, "赵网格", since=TODAY)
    with django_assert_max_num_queries(14):
        page = client.get("/plates/").content.decode()
    assert f"过期 {lanes + 2}，没印过 0" in page
    assert "头0" in page
    assert "2026-11-22 起网格长换了人" in page


def test_plates_of_a_county_counts_its_towns_and_lists_what_is_out_of_date(small: Small) -> None:
    client = signed_in(small, "county_desk", small.county)
    page = client.get("/plates/").content.decode()
    assert "横水镇" in page
    assert "2 张：过期 0，没印过 2" in page
    assert "没有过期的" in page
    printed(small, small.county)
    small.seat("lane_head", small.lane, "姚建国", since=TODAY)
    page = client.get("/plates/").content.decode()
    assert "2 张：过期 1，没印过 0" in page
    assert "横北村 第一网格 一巷" in page
    village = client.get("/plates/", {"unit": str(small.village.pk)}).content.decode()
    assert "与现在一致" in village


def test_plates_says_that_a_lane_has_no_number(small: Small) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    page = signed_in(small, "village_director", small.village).get("/plates/").content.decode()
    assert "没有值班电话" in page


def test_plates_is_for_who_prints_and_of_ones_own_territory(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    assert Client().get("/plates/").status_code == 302
    assert signed_in(small, "lane_head", small.lane).get("/plates/").status_code == 403
    client = signed_in(small, "village_director", small.village)
    for unit in (other.village.pk, small.town.pk, new_id(), "kein-uuid"):
        assert client.get("/plates/", {"unit": str(unit)}).status_code == 404


def _print(client: Client, unit_id: UUID, **said: str) -> Any:
    return client.post(f"/plates/{unit_id}/", {"kind": "plate", "which": "all", "size": "a4", **said})


def test_record_print_gives_a_village_at_once(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    answer = _print(client, small.village.pk)
    assert answer["Content-Type"] == "application/pdf"
    assert len(read(answer.content)) == 2
    assert "filename*=utf-8''" in answer["Content-Disposition"]
    assert PlatePrint.objects.count() == 2
    # nothing is due any more
    again = _print(client, small.village.pk, which="due")
    assert again.status_code == 302
    small.seat("lane_head", small.lane, "姚建国", since=TODAY)
    (page,) = read(_print(client, small.village.pk, which="due").content)
    assert "姚建国" in page
    assert len(read(_print(client, small.lane_two.pk, which="one").content)) == 1
    assert len(read(_print(client, small.village.pk, kind="board", size="").content)) == 1


@pytest.mark.parametrize("wrong", [{"kind": "poster"}, {"which": "some"}, {"size": "a0"}])
def test_record_print_of_what_is_not_offered(small: Small, wrong: dict[str, str]) -> None:
    client = signed_in(small, "village_director", small.village)
    assert _print(client, small.village.pk, **wrong).status_code == 409
    assert not PlatePrint.objects.exists()


def test_record_print_outside_ones_territory(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    client = signed_in(small, "village_director", small.village)
    for unit_id in (other.village.pk, small.town.pk, new_id()):
        assert _print(client, unit_id).status_code == 404
    assert not PlatePrint.objects.exists()


def test_record_print_of_many_is_a_job_with_one_pdf(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "DIRECT", dict.fromkeys(PrintKind, 1))
    client = signed_in(small, "town_desk", small.town)
    answer = _print(client, small.town.pk, size="a3")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/jobs/")
    assert not PlatePrint.objects.exists()
    assert jobs.run_one(clock.now(), watched=False)
    page = client.get(answer["Location"]).content.decode()
    assert "横水镇：2 张，已记为今天印制。" in page
    content = client.get(f"{answer['Location']}file/").content
    assert len(read(content)) == 2
    assert PlatePrint.objects.count() == 2


def test_a_job_of_somebody_who_no_longer_may_prints_nothing(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "DIRECT", dict.fromkeys(PrintKind, 1))
    held = small.seat("town_desk", small.town, "值班员")
    client = Client()
    client.force_login(held.user)
    _print(client, small.town.pk)
    with clock.set_to(clock.now() + timedelta(days=1)):
        actions.end_appointment(appointment=held, on=date(2026, 11, 23))
        assert jobs.run_one(clock.now(), watched=False)
    job = Job.objects.get()
    assert job.state == Job.State.FAILED
    assert "已经不归您印" in job.verdict
    assert not PlatePrint.objects.exists()
