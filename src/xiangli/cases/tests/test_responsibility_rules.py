"""Rows of a list of responsibilities: what they say, what is wrong with them, what they change. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xiangli.cases.rules.responsibilities import (
    Changes,
    Column,
    Judged,
    Known,
    KnownCategory,
    KnownLevel,
    KnownOrgan,
    KnownPost,
    Line,
    Standing,
    Verdict,
    count,
    find_columns,
    read_line,
    weigh,
)
from xiangli.cases.rules.routing import Route, check_free_choice, is_free_choice, route_data
from xiangli.kernel.refusals import Refused

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)


def uuid(number: int) -> UUID:
    return UUID(int=number)


UP = frozenset({"county", "town", "village", "lane"})
KNOWN = Known(
    categories=[
        KnownCategory("environment", ("环境卫生", "Cleanliness"), uuid(1), ordinary=True),
        KnownCategory("traffic", ("交通秩序", "Traffic"), uuid(2), ordinary=True),
        KnownCategory("street", ("交通秩序",), uuid(3), ordinary=True),
        KnownCategory("service_complaint", ("对服务的意见",), uuid(4), ordinary=False),
    ],
    levels=[
        KnownLevel("lane", ("街巷", "lane"), UP),
        KnownLevel("village", ("村", "village"), UP - {"lane"}),
    ],
    posts=[
        KnownPost("lane_head", ("街巷长", "lane head"), uuid(11), frozenset({"lane"}), handles=True),
        KnownPost("town_desk", ("综治中心",), uuid(12), frozenset({"town"}), handles=True),
        KnownPost("officer", ("驻村民警",), uuid(13), frozenset({"village"}), handles=False),
        KnownPost("organ_desk", ("部门经办",), uuid(14), frozenset({"organ"}), handles=True),
    ],
    organs=[KnownOrgan("", ("城市管理局", "城管局"), uuid(21), "organ")],
)
SOUND: dict[Column, object] = {
    Column.CATEGORY: "环境卫生",
    Column.LEVEL: "街巷",
    Column.POST: "街巷长",
    Column.FROM: date(2026, 1, 1),
    Column.SOURCE: "绛县权责清单（2026）",
}


def changed(**cells: object) -> dict[Column, object]:
    return SOUND | {Column[name]: value for name, value in cells.items()}


# ------------------------------------------------------------------------------------------------------- headings


def test_columns_are_found_by_their_headings_in_any_order_and_language() -> None:
    assert find_columns(["依据", "事项类别", "备注", "发生在", "由谁负责", "部门", "起", "止（最后一天）"]) == {
        Column.SOURCE: 0, Column.CATEGORY: 1, Column.LEVEL: 3, Column.POST: 4, Column.ORGAN: 5, Column.FROM: 6, Column.TO: 7,
    }  # fmt: skip
    assert set(find_columns(["Category", "LEVEL", "post", "from", " source "])) == {
        Column.CATEGORY, Column.LEVEL, Column.POST, Column.FROM, Column.SOURCE,
    }  # fmt: skip


def test_a_missing_or_doubled_column_is_named() -> None:
    with pytest.raises(Refused) as missing:
        find_columns(["事项类别", "发生在", None, "起"])
    assert missing.value.code == "columns_missing"
    assert "由谁负责、依据" in str(missing.value.reason)
    with pytest.raises(Refused) as twice:
        find_columns(["事项类别", "类别", "发生在", "由谁负责", "起", "依据"])
    assert twice.value.code == "columns_twice"
    assert "事项类别" in str(twice.value.reason)


# ------------------------------------------------------------------------------------------------------- one row


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"CATEGORY": "environment"},
        {"CATEGORY": "ＥＮＶＩＲＯＮＭＥＮＴ"},
        {"CATEGORY": "cleanliness", "LEVEL": "lane", "POST": "Lane Head"},
        {"CATEGORY": "环境 卫生"},
        {"FROM": "2026-01-01"},
        {"FROM": "2026/1/1"},
        {"FROM": "2026.1.1"},
        {"FROM": "2026年1月1日"},
        {"FROM": 20260101},
    ],
)
def test_a_row_is_understood_by_code_or_name(cells: dict[str, object]) -> None:
    line, faults = read_line(changed(**cells), KNOWN)
    assert faults == []
    assert line == Line(uuid(1), "lane", uuid(11), None, date(2026, 1, 1), None, "绛县权责清单（2026）")


def test_the_last_day_is_the_last_on_which_a_line_holds() -> None:
    line, _faults = read_line(changed(TO="2026-12-31"), KNOWN)
    assert line is not None
    assert line.valid_to == date(2027, 1, 1)
    line, _faults = read_line(changed(TO="2026-01-01"), KNOWN)
    assert line is not None
    assert line.valid_to == date(2026, 1, 2)


@pytest.mark.parametrize("post", ["部门经办", None])
def test_an_organ_brings_its_post(post: str | None) -> None:
    line, faults = read_line(changed(POST=post, ORGAN="城管局"), KNOWN)
    assert faults == []
    assert line is not None
    assert (line.post, line.organ) == (uuid(14), uuid(21))


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"CATEGORY": None}, "CATEGORY", "请填写"),
        ({"CATEGORY": "环境卫"}, "CATEGORY", "是不是“环境卫生”"),
        ({"CATEGORY": "天气"}, "CATEGORY", "可以写：环境卫生"),
        ({"CATEGORY": "交通秩序"}, "CATEGORY", "traffic、street"),
        ({"CATEGORY": "对服务的意见"}, "CATEGORY", "不按清单分派"),
        ({"LEVEL": "小区"}, "LEVEL", "可以写：街巷、村"),
        ({"POST": None}, "POST", "请填写"),
        ({"POST": "张三"}, "POST", "可以写：街巷长"),
        ({"POST": "驻村民警", "LEVEL": "村"}, "POST", "不能接单"),
        ({"LEVEL": "村"}, "POST", "“街巷长”不设在村，也不设在它上面"),
        ({"ORGAN": "城管局"}, "POST", "不设在部门里"),
        ({"POST": "部门经办"}, "POST", "写明部门"),
        ({"ORGAN": "水务局"}, "ORGAN", "可以写：城市管理局"),
        ({"FROM": None}, "FROM", "2026-01-01 这样"),
        ({"FROM": "明年"}, "FROM", "“明年”不是日期"),
        ({"FROM": "2026-02-30"}, "FROM", "不是日期"),
        ({"FROM": 45658}, "FROM", "“45658”不是日期"),
        ({"FROM": "1926-01-01"}, "FROM", "不是日期"),
        ({"TO": "2025-12-31"}, "TO", "止早于起"),
        ({"TO": "以后"}, "TO", "不是日期"),
        ({"SOURCE": None}, "SOURCE", "请写依据"),
        ({"SOURCE": "字" * 201}, "SOURCE", "最多 200 字"),
    ],
)
def test_a_fault_names_its_cell_and_how_to_mend_it(cells: dict[str, object], column: str, says: str) -> None:
    line, faults = read_line(changed(**cells), KNOWN)
    assert line is None
    assert [fault.column for fault in faults] == [Column[column]]
    assert says in faults[0].words


def test_every_fault_of_a_row_is_said_at_once() -> None:
    _line, faults = read_line({}, KNOWN)
    assert {fault.column for fault in faults} == set(Column) - {Column.ORGAN, Column.TO}


def test_a_county_without_organs_says_so() -> None:
    known = Known(KNOWN.categories, KNOWN.levels, KNOWN.posts, [])
    _line, faults = read_line(changed(POST="部门经办", ORGAN="城管局"), known)
    assert "还没有可写的" in faults[0].words


# ------------------------------------------------------------------------------------------------------- against what stands

JAN, JUL, NEXT = date(2026, 1, 1), date(2026, 7, 1), date(2027, 1, 1)


def line(since: date, post: int = 11, *, to: date | None = None, level: str = "lane") -> Line:
    return Line(uuid(1), level, uuid(post), None, since, to, "清单")


def stands(since: date, post: int = 11, *, to: date | None = None, key: int = 100) -> Standing:
    return Standing(uuid(key), line(since, post, to=to))


def weighed(lines: list[Line], *standing: Standing) -> tuple[list[Judged], Changes]:
    rows = [Judged(number, one) for number, one in enumerate(lines, start=2)]
    return rows, weigh(rows, standing, today=TODAY)


def verdicts(rows: list[Judged]) -> list[Verdict]:
    return [row.verdict for row in rows]


def test_first_lines_are_added_as_they_stand_even_from_days_that_have_passed() -> None:
    rows, changes = weighed([line(JAN), line(JAN, level="village")])
    assert verdicts(rows) == [Verdict.NEW, Verdict.NEW]
    assert changes == Changes([line(JAN), line(JAN, level="village")], {})


def test_a_later_line_ends_the_one_before_it_on_that_day() -> None:
    rows, changes = weighed([line(NEXT, 12)], stands(JAN))
    assert verdicts(rows) == [Verdict.NEW]
    assert rows[0].note == "新增；2026-01-01 起的一行到 2026-12-31 为止。"
    assert changes == Changes([line(NEXT, 12)], {uuid(100): NEXT})


def test_a_line_put_before_another_ends_where_that_one_begins() -> None:
    rows, changes = weighed([line(JUL)], stands(NEXT, 12))
    assert verdicts(rows) == [Verdict.NEW]
    assert changes == Changes([line(JUL, to=NEXT)], {})


def test_several_versions_in_one_file_follow_each_other() -> None:
    _rows, changes = weighed([line(NEXT, 12), line(JAN), line(JUL, 12)])
    assert changes.new == [line(JAN, to=JUL), line(JUL, 12, to=NEXT), line(NEXT, 12)]


def test_what_stands_already_changes_nothing() -> None:
    rows, changes = weighed([line(JAN)], stands(JAN))
    assert verdicts(rows) == [Verdict.SAME]
    assert changes == Changes([], {})


def test_an_older_file_again_changes_nothing_of_what_came_later() -> None:
    rows, changes = weighed([line(JAN)], stands(JAN, to=NEXT), stands(NEXT, 12, key=101))
    assert verdicts(rows) == [Verdict.SAME]
    assert changes == Changes([], {})


def test_a_last_day_ends_a_line_and_may_be_moved() -> None:
    rows, changes = weighed([line(JAN, to=NEXT)], stands(JAN))
    assert verdicts(rows) == [Verdict.ENDS]
    assert "到 2026-12-31 为止" in rows[0].note
    assert changes.ends == {uuid(100): NEXT}
    rows, changes = weighed([line(JAN)], stands(JAN, to=NEXT))
    assert (rows[0].note, changes.ends) == ("已有；改为一直管用。", {uuid(100): None})
    # the earliest end: today is free of it from its midnight on
    assert weighed([line(JAN, to=TODAY)], stands(JAN))[1].ends == {uuid(100): TODAY}


@pytest.mark.parametrize(
    ("asked", "standing", "column", "says"),
    [
        ([line(JUL, 12)], [stands(JAN)], Column.FROM, "那天已经过去"),
        ([line(JAN), line(JUL, 12)], [stands(JAN)], Column.FROM, "那天已经过去"),
        ([line(TODAY - DAY, 12)], [stands(JAN)], Column.FROM, "起请写今天或以后"),
        ([line(JAN, to=JUL)], [stands(JAN)], Column.TO, "已经过去的日子不改"),
        ([line(JAN)], [stands(JAN, to=JUL)], Column.TO, "已经结束的行请另写一行"),
        ([line(JAN, 12)], [stands(JAN)], Column.FROM, "另定一个日期起"),
        ([line(NEXT), line(NEXT)], [], Column.FROM, "与第 2 行"),
        ([line(NEXT), line(NEXT, 12)], [], Column.FROM, "与第 2 行"),
        ([line(JAN, to=NEXT + DAY), line(NEXT, 12)], [], Column.TO, "下一行从 2027-01-01 起"),
        ([line(JAN, to=NEXT + DAY)], [stands(NEXT, 12)], Column.TO, "下一行从 2027-01-01 起"),
    ],
)
def test_what_cannot_stand_is_refused_in_its_row(
    asked: list[Line], standing: list[Standing], column: Column, says: str
) -> None:
    rows, _changes = weighed(asked, *standing)
    wrong = [row for row in rows if row.faults]
    assert len(wrong) == 1
    assert wrong[0].verdict == Verdict.WRONG
    assert count(rows)[Verdict.WRONG] == 1
    assert [fault.column for fault in wrong[0].faults] == [column]
    assert says in wrong[0].faults[0].words


def test_from_today_on_a_line_may_be_replaced() -> None:
    rows, changes = weighed([line(TODAY, 12)], stands(JAN))
    assert verdicts(rows) == [Verdict.NEW]
    assert changes.ends == {uuid(100): TODAY}


def test_a_row_with_a_fault_is_passed_over() -> None:
    wrong = Judged(2, None)
    changes = weigh([wrong, Judged(3, line(JAN))], [], today=TODAY)
    assert changes.new == [line(JAN)]
    assert wrong.verdict == Verdict.WRONG


# Days around today, near enough to meet.
_days = st.integers(-4, 8).map(lambda days: TODAY + days * DAY)
_lines = st.builds(
    lambda since, length, post, level: line(
        since, post, to=since + length * DAY if length else None, level=level
    ),
    _days,
    st.integers(0, 5),
    st.sampled_from([11, 12]),
    st.sampled_from(["lane", "village"]),
)


def after(standing: list[Standing], changes: Changes, first: int) -> list[Standing]:
    """The list as it stands after the changes."""
    kept = [
        Standing(one.id, replace(one.line, valid_to=changes.ends.get(one.id, one.line.valid_to)))
        for one in standing
    ]
    return kept + [Standing(uuid(first + number), one) for number, one in enumerate(changes.new)]


def holds(standing: list[Standing], day: date, level: str) -> list[UUID]:
    return [
        one.id
        for one in standing
        if one.line.level == level
        and one.line.valid_from <= day
        and (one.line.valid_to is None or day < one.line.valid_to)
    ]


@settings(max_examples=400)
@given(st.lists(st.lists(_lines, max_size=4), min_size=1, max_size=4))
def test_whatever_is_brought_one_line_holds_a_day_the_past_stays_and_twice_is_once(
    files: list[list[Line]],
) -> None:
    standing: list[Standing] = []
    span = [TODAY + days * DAY for days in range(-6, 16)]
    for turn, lines in enumerate(files):
        rows, changes = weighed(lines, *standing)
        if any(row.faults for row in rows):
            continue  # nothing of such a file is written
        before, standing = standing, after(standing, changes, 1000 * (turn + 1))
        for level in ("lane", "village"):
            for day in span:
                now_holds = holds(standing, day, level)
                assert len(now_holds) <= 1
                if day < TODAY and holds(before, day, level):
                    assert now_holds == holds(before, day, level)
        for one in standing:
            assert one.line.valid_to is None or one.line.valid_to > one.line.valid_from
        rows, changes = weighed(lines, *standing)
        assert {row.verdict for row in rows} <= {Verdict.SAME}
        assert changes == Changes([], {})


# ------------------------------------------------------------------------------------------------------- choosing freely


def test_a_choice_is_free_where_it_departs_from_the_list() -> None:
    assert is_free_choice("a:b", "a:c")
    assert not is_free_choice("a:b", "a:b")
    assert not is_free_choice("", "a:c")  # the list names nobody


def test_a_free_choice_needs_a_reason() -> None:
    assert check_free_choice("a:b", "a:c", "网格长正在现场") is True
    assert check_free_choice("a:b", "a:b", "") is False
    assert check_free_choice("", "a:c", "") is False
    with pytest.raises(Refused) as refused:
        check_free_choice("a:b", "a:c", "  ")
    assert (refused.value.code, refused.value.field) == ("free_choice_reason", "note")


def test_an_event_names_the_rule_and_the_line() -> None:
    route = Route(uuid(7), uuid(11), None, "", "清单", JAN)
    assert route_data(route) == {"rule": "responsibility-list", "line": str(uuid(7))}
    assert route_data(None) == {"rule": "place-and-duty"}


def test_nothing_of_a_person_goes_into_routing() -> None:
    """rights.md: place, duty, the dated list and clocks decide. A line and a route speak of posts and organs."""
    fields: set[Any] = {
        *Line.__dataclass_fields__,
        *Route.__dataclass_fields__,
        *(column.name for column in Column),
    }
    for name in fields:
        assert not {"user", "person", "holder", "name", "phone"} & set(str(name).lower().split("_")), name
