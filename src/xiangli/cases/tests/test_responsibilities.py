"""Importing, exporting and annotating a county's list of responsibilities."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from xiangli.cases.actions import import_responsibilities
from xiangli.cases.models import Category, Responsibility
from xiangli.cases.queries import (
    annotated_workbook,
    forget_routes,
    read_responsibilities,
    responsibility_workbook,
    template_workbook,
    who_is_responsible,
)
from xiangli.cases.rules.responsibilities import Column, Verdict
from xiangli.cases.tests.factories import Place, make_place
from xiangli.cases.tests.test_routing import make_organ
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import Cell, Sheet, read_rows, workbook_of
from xiangli.territory.actions import load_preset, presets
from xiangli.territory.models import County, Post, Unit, UnitKind
from xiangli.territory.rules import day_of

pytestmark = pytest.mark.django_db

HEAD: list[Cell] = list(Column)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_routes()
    yield
    forget_routes()


@pytest.fixture
def place() -> Place:
    return make_place()


def workbook(*rows: Sequence[Cell]) -> bytes:
    return workbook_of([Sheet("清单", [HEAD, *rows])])


def sound(place: Place) -> bytes:
    return workbook(
        ["环境卫生", "街巷", "街巷长", None, date(2026, 1, 1), None, "绛县权责清单（2026）"],
        ["environment", "village", "village_director", None, "2026-01-01", None, "绛县权责清单（2026）"],
        ["公共设施", "街巷", None, "城管局", "2026年1月1日", "2027-12-31", "县政府常务会议纪要〔2026〕3号"],
    )


def lines() -> list[tuple[Any, ...]]:
    return list(
        Responsibility.objects.order_by("category__order", "level", "valid_from").values_list(
            "category__code", "level", "post__code", "organ__short_name", "valid_from", "valid_to", "source"
        )
    )


def test_a_list_is_imported_and_decides_from_then_on(place: Place) -> None:
    organ = make_organ(place)
    person = place.seat("organ_desk", organ, "城管小周")
    facilities = Category.objects.get(code="facilities")
    now = clock.now()
    assert who_is_responsible(place.lane, facilities, at=now).user_id == place.people["lane_head"].pk
    read = import_responsibilities(sound(place), county=place.county, now=now)
    assert read.sound
    assert read.totals[Verdict.NEW] == 3
    assert lines() == [
        ("environment", "lane", "lane_head", None, date(2026, 1, 1), None, "绛县权责清单（2026）"),
        ("environment", "village", "village_director", None, date(2026, 1, 1), None, "绛县权责清单（2026）"),
        (
            "facilities", "lane", "organ_desk", "城管局", date(2026, 1, 1), date(2028, 1, 1),
            "县政府常务会议纪要〔2026〕3号",
        ),
    ]  # fmt: skip
    # at once where it ran, without waiting for what is kept to grow old
    assert who_is_responsible(place.lane, facilities, at=now).user_id == person.pk


def test_the_same_file_twice_changes_nothing(place: Place) -> None:
    make_organ(place)
    import_responsibilities(sound(place), county=place.county, now=clock.now())
    before = list(Responsibility.objects.order_by("pk").values())
    read = import_responsibilities(sound(place), county=place.county, now=clock.now())
    assert {row.verdict for row in read.judged} == {Verdict.SAME}
    assert list(Responsibility.objects.order_by("pk").values()) == before


def test_one_wrong_row_and_nothing_is_written(place: Place) -> None:
    content = workbook(
        ["环境卫生", "街巷", "街巷长", None, "2026-01-01", None, "清单"],
        ["环境卫生", "村", "街巷长", None, "2026-01-01", None, "清单"],
    )
    read = import_responsibilities(content, county=place.county, now=clock.now())
    assert not read.sound
    assert not Responsibility.objects.exists()
    assert [(row.number, [fault.column for fault in row.faults]) for row in read.judged] == [
        (2, []),
        (3, [Column.POST]),
    ]


def test_a_later_line_ends_the_one_before_it_and_nothing_is_deleted(place: Place) -> None:
    today = day_of(clock.now())
    first = workbook(["环境卫生", "街巷", "街巷长", None, "2026-01-01", None, "旧"])
    later = workbook(["环境卫生", "街巷", "网格长", None, today + 9 * DAY, None, "新"])
    import_responsibilities(first, county=place.county, now=clock.now())
    read = import_responsibilities(later, county=place.county, now=clock.now())
    assert read.judged[0].note == f"新增；2026-01-01 起的一行到 {today + 8 * DAY} 为止。"
    assert [(row[2], row[4], row[5]) for row in lines()] == [
        ("lane_head", date(2026, 1, 1), today + 9 * DAY),
        ("grid_head", today + 9 * DAY, None),
    ]
    category = Category.objects.get(code="environment")
    for days, who in ((8, "lane_head"), (9, "grid_head")):
        answer = who_is_responsible(place.lane, category, at=clock.now() + days * DAY)
        assert answer.user_id == place.people[who].pk
    # the first file again: what came later stays
    assert import_responsibilities(first, county=place.county, now=clock.now()).totals[Verdict.SAME] == 1
    assert len(lines()) == 2


def test_ends_are_moved_before_lines_are_added_so_that_no_day_has_two(place: Place) -> None:
    today = day_of(clock.now())
    days = [today + number * DAY for number in (1, 5, 9)]
    first = workbook(*(["环境卫生", "街巷", "街巷长", None, day, None, "旧"] for day in days))
    import_responsibilities(first, county=place.county, now=clock.now())
    later = workbook(*(["环境卫生", "街巷", "网格长", None, day + 2 * DAY, None, "新"] for day in days))
    assert import_responsibilities(later, county=place.county, now=clock.now()).sound
    starts = [row[4] for row in lines()]
    assert starts == sorted([*days, *(day + 2 * DAY for day in days)])
    assert [row[5] for row in lines()] == [*starts[1:], None]


def test_a_list_is_the_countys_own(place: Place) -> None:
    other = make_place("14/08/21/")
    make_organ(other, "水务局")
    content = workbook(["环境卫生", "街巷", None, "水务局", "2026-01-01", None, "清单"])
    assert not import_responsibilities(content, county=place.county, now=clock.now()).sound
    assert import_responsibilities(content, county=other.county, now=clock.now()).sound
    assert set(Responsibility.objects.values_list("county", flat=True)) == {other.county.pk}


def test_a_list_that_names_people_is_not_taken(place: Place) -> None:
    """rights.md: nothing of a person goes into routing. Whoever holds a post is found when it is asked."""
    content = workbook(["环境卫生", "街巷", "张巷长", None, "2026-01-01", None, "清单"])
    read = import_responsibilities(content, county=place.county, now=clock.now())
    assert "没有“张巷长”" in read.judged[0].faults[0].words


def test_private_and_sealed_categories_keep_their_own_way(place: Place) -> None:
    for number, category in enumerate(Category.objects.exclude(visibility="ordinary")):
        content = workbook([category.code, "街巷", "街巷长", None, "2026-01-01", None, "清单"])
        read = import_responsibilities(content, county=place.county, now=clock.now())
        assert [fault.column for fault in read.judged[0].faults] == [Column.CATEGORY], number
    assert not Responsibility.objects.exists()


def test_reading_costs_the_same_for_3_and_300_rows(
    place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_organ(place)
    today = day_of(clock.now())
    many = workbook(
        *(
            ["环境卫生", "街巷", ("街巷长", "网格长")[number % 2], None, today + number * DAY, None, "清单"]
            for number in range(300)
        )
    )
    for content in (sound(place), many):
        with django_assert_num_queries(6):
            assert read_responsibilities(content, county=place.county, today=today).sound


def test_a_file_that_is_no_list_is_refused(place: Place) -> None:
    for content, code in ((b"a,b\n1,2\n", "columns_missing"), (b"PK\x03\x04", "file_unreadable")):
        with pytest.raises(Refused) as refused:
            import_responsibilities(content, county=place.county, now=clock.now())
        assert refused.value.code == code


# ------------------------------------------------------------------------------------------------------- workbooks


def test_the_annotated_workbook_says_what_is_wrong_in_its_row_and_can_be_mended(place: Place) -> None:
    content = workbook(
        ["环境卫生", "街巷", "街巷长", None, "2026-01-01", None, "清单"],
        ["=1+1", "街巷", "街巷长", None, "明年", None, "清单"],
    )
    today = day_of(clock.now())
    read = read_responsibilities(content, county=place.county, today=today)
    annotated = annotated_workbook(read)
    header, first, second = read_rows(annotated)
    assert header.cells == (*HEAD, "结果", "怎么改")
    assert first.cells[-2:] == ("可以写入", "新增。")
    assert second.cell(7) == "有错"
    assert "事项类别：没有“=1+1”" in str(second.cell(8))
    assert "起：“明年”不是日期" in str(second.cell(8))
    page = load_workbook(io.BytesIO(annotated)).worksheets[0]
    red = {cell.coordinate for row in page.iter_rows() for cell in row if cell.fill.fill_type}
    assert red == {"A3", "E3"}
    assert page["A3"].data_type == "s"  # somebody's words, and no formula
    # mended in the annotated file itself
    page["A3"], page["E3"] = "交通秩序", date(2026, 1, 1)
    stream = io.BytesIO()
    assert page.parent is not None
    page.parent.save(stream)
    again = read_responsibilities(stream.getvalue(), county=place.county, today=today)
    assert again.sound
    assert read_rows(annotated_workbook(again))[0].cells == header.cells


def test_what_is_exported_can_be_imported_and_changes_nothing(place: Place) -> None:
    make_organ(place)
    today = day_of(clock.now())
    import_responsibilities(sound(place), county=place.county, now=clock.now())
    old = workbook(["交通秩序", "街巷", "网格长", None, "2024-01-01", "2025-12-31", "早就结束"])
    import_responsibilities(old, county=place.county, now=clock.now())
    exported = responsibility_workbook(place.county, today=today)
    rows = read_rows(exported)
    assert [row.cells for row in rows] == [
        tuple(HEAD),
        ("环境卫生", "街巷", "街巷长", None, date(2026, 1, 1), None, "绛县权责清单（2026）"),
        ("环境卫生", "村", "村党支部书记、村委会主任", None, date(2026, 1, 1), None, "绛县权责清单（2026）"),
        ("公共设施", "街巷", "部门经办", "城管局", date(2026, 1, 1), date(2027, 12, 31), "县政府常务会议纪要〔2026〕3号"),
    ]  # fmt: skip
    again = import_responsibilities(exported, county=place.county, now=clock.now())
    assert again.totals[Verdict.SAME] == len(again.judged) == 3


def test_an_organ_with_anothers_name_is_written_by_its_path(place: Place) -> None:
    one, two = make_organ(place), make_organ(place, label="o2/")
    content = workbook(["环境卫生", "街巷", None, two.path, "2026-01-01", None, "清单"])
    assert import_responsibilities(content, county=place.county, now=clock.now()).sound
    exported = responsibility_workbook(place.county, today=day_of(clock.now()))
    assert read_rows(exported)[1].cell(3) == two.path
    by_name = workbook(["环境卫生", "街巷", None, "城管局", "2026-01-01", None, "清单"])
    read = read_responsibilities(by_name, county=place.county, today=day_of(clock.now()))
    assert one.path in read.judged[0].faults[0].words


def test_the_template_offers_what_the_county_has(place: Place) -> None:
    make_organ(place)
    content = template_workbook(place.county, today=day_of(clock.now()))
    book = load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["权责清单", "事项类别", "发生在", "由谁负责", "部门", "说明"]
    assert [row.cells for row in read_rows(content)] == [tuple(HEAD)]
    offered = {
        title: [str(row[0].value) for row in book[title].iter_rows(min_row=2)]
        for title in book.sheetnames[1:5]
    }
    assert "环境卫生" in offered["事项类别"]
    assert "对服务的意见" not in offered["事项类别"]
    assert offered["发生在"] == ["县", "乡镇", "村", "网格", "街巷"]
    assert "街巷长" in offered["由谁负责"]
    assert "驻村民警" not in offered["由谁负责"]
    assert offered["部门"] == ["城管局"]
    formulas = {
        str(one.sqref).split(":")[0]: one.formula1 for one in book["权责清单"].data_validations.dataValidation
    }
    assert set(formulas) == {"A2", "B2", "C2", "D2"}
    # whatever is chosen from it is understood
    every = [
        [name, "街巷", "乡镇（街道）综治中心", None, "2026-01-01", None, "清单"]
        for name in offered["事项类别"]
    ]
    assert read_responsibilities(workbook(*every), county=place.county, today=day_of(clock.now())).sound
    people = {user.display_name for user in place.people.values()}
    said = {str(cell.value) for page in book for row in page.iter_rows() for cell in row}
    assert not people & said


# ------------------------------------------------------------------------------------------------------- the sample we ship


SAMPLES = Path(__file__).parents[1] / "data" / "responsibilities"


def test_our_samples_can_be_imported(place: Place) -> None:
    """One for each scheme that we ship; the county needs the organs that they name."""
    assert {path.stem for path in SAMPLES.glob("*.csv")} == set(presets())
    for number, code in enumerate(sorted(presets())):
        scheme = load_preset(code)
        County.objects.filter(pk=place.county.pk).update(scheme=scheme)
        Responsibility.objects.all().delete()
        place.posts = {post.code: post for post in Post.objects.filter(scheme=scheme)}
        for label, name in enumerate(("城市管理局", "交通运输局", "应急管理局")):
            make_organ(place, name, f"o{number}{label}/")
        read = import_responsibilities(
            (SAMPLES / f"{code}.csv").read_bytes(), county=place.county, now=clock.now()
        )
        assert [(row.number, row.faults) for row in read.judged if row.faults] == [], code
        assert read.totals[Verdict.NEW] == 12
        Responsibility.objects.all().delete()
        Unit.objects.filter(kind=UnitKind.ORGAN).delete()
