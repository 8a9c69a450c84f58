"""Orders from other platforms: read, taken once, bounded by their deadline, answered."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook

from xiangli.cases import actions
from xiangli.cases.actions.orders import (
    end_source,
    import_orders,
    open_source,
    source_to_import,
    take_replies,
)
from xiangli.cases.models import ExternalOrder, OrderSource
from xiangli.cases.queries.orders import (
    annotated_orders,
    order_scopes,
    order_template,
    orders_of,
    read_orders,
    replies_to,
    reply_workbook,
    source_of_token,
)
from xiangli.cases.rules.orders import OUTSIDE_LIMIT, Verdict
from xiangli.cases.states import Channel, State
from xiangli.cases.tests.acting import refusal
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import chance, clock
from xiangli.kernel.models import LedgerEvent
from xiangli.matters.models import Matter, MatterClock
from xiangli.territory.queries.places import forget_places

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in Shanghai
HEAD = ("工单编号", "诉求内容", "地址", "诉求类别", "办结时限", "来电人", "来电号码", "别的列")


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    forget_places()
    with clock.set_to(MONDAY), chance.set_to(99):
        yield


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def source(place: Place) -> OrderSource:
    return source_to_import(
        actor=place.actor("town_desk"), county=place.county, code="12345", name="", now=MONDAY
    )


def workbook(*rows: Sequence[Any], head: Sequence[Any] = HEAD) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (head, *rows):
        sheet.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def row(
    number: Any = "WY001", words: str = "路灯不亮好几天了", place: Any = "庙上村二巷", *more: Any
) -> list[Any]:
    return [number, words, place, *more]


def brought(place: Place, source: OrderSource, *rows: Sequence[Any], **more: Any) -> Any:
    return import_orders(workbook(*rows), source=source, actor=place.actor("town_desk"), **more)


# ------------------------------------------------------------------------------------------------- taking


def test_an_order_becomes_a_case_with_its_number_and_deadline(place: Place, source: OrderSource) -> None:
    done = brought(
        place,
        source,
        row("WY001", "路灯不亮", "庙上村二巷老戏台旁", "公共设施", "2026-11-17 18:00", "陈大妈", 13800000001),
    )
    assert (done.written, done.refused) == (1, {})
    order = ExternalOrder.objects.select_related("matter__case", "matter__receipt").get()
    matter = order.matter
    assert (order.number, order.deadline) == ("WY001", datetime(2026, 11, 17, 10, 0, tzinfo=UTC))
    assert (matter.place, matter.place_note, matter.topic) == (place.lane2, "老戏台旁", "facilities")
    assert matter.case.channel == Channel.PLATFORM
    assert matter.case.reported_by == place.people["town_desk"]
    assert b"138" not in bytes(matter.receipt.contact or b"")
    first = LedgerEvent.objects.get(stream=matter.pk)
    assert (first.data["source"], first.data["external"]) == ("12345", "WY001")
    assert "13800000001" not in str(first.data)


def test_the_earlier_of_both_deadlines_bounds_the_case(place: Place, source: OrderSource) -> None:
    brought(
        place,
        source,
        row("a", "路灯", "庙上村", None, "2026-11-17 18:00"),
        row("b", "路灯", "庙上村", None, "2027-01-17"),
    )
    sooner, later = (
        MatterClock.objects.get(matter__external_order__number=number, name="put_right") for number in "ab"
    )
    assert (sooner.due_at, sooner.source) == (datetime(2026, 11, 17, 10, 0, tzinfo=UTC), OUTSIDE_LIMIT)
    assert later.due_at == MONDAY + timedelta(hours=72)
    assert later.source != OUTSIDE_LIMIT


def test_a_deadline_that_has_passed_is_taken_and_binds_nobody_here(place: Place, source: OrderSource) -> None:
    done = brought(place, source, row("a", "路灯", "庙上村", None, "2026-11-10"))
    assert done.read.judged[0].verdict == Verdict.LATE
    assert "已经过了" in done.read.judged[0].note
    kept = MatterClock.objects.get(name="put_right")
    assert kept.due_at == MONDAY + timedelta(hours=72)
    assert ExternalOrder.objects.get().deadline == datetime(2026, 11, 10, 16, 0, tzinfo=UTC)


def test_the_same_number_is_taken_once_whatever_it_says(place: Place, source: OrderSource) -> None:
    assert brought(place, source, row("a"), row("b"), row("a", "别的话")).written == 2
    again = brought(place, source, row("a", "又变了"), row("b", "", "月亮上"), row("c"))
    assert [one.verdict for one in again.read.judged] == [Verdict.KNOWN, Verdict.KNOWN, Verdict.NEW]
    assert again.written == 1
    assert Matter.objects.count() == ExternalOrder.objects.count() == 3


def test_two_platforms_may_use_one_number(place: Place, source: OrderSource) -> None:
    other = source_to_import(
        actor=place.actor("town_desk"), county=place.county, code="", name="市级平台", now=MONDAY
    )
    brought(place, source, row("a"))
    assert brought(place, other, row("a")).written == 1
    same = source_to_import(
        actor=place.actor("town_desk"), county=place.county, code="", name=" 市级平台", now=MONDAY
    )
    assert same == other


def test_what_ended_takes_nothing_more(place: Place, source: OrderSource) -> None:
    assert end_source(county=place.county, code="12345", now=MONDAY)
    source.refresh_from_db()
    with refusal("source_ended"):
        brought(place, source, row("a"))
    assert not end_source(county=place.county, code="12345", now=MONDAY)


def test_a_row_with_a_fault_keeps_the_others_back_until_somebody_says_so(
    place: Place, source: OrderSource
) -> None:
    rows = row("a"), row("b", "路灯", "月亮上")
    with refusal("orders_wrong"):
        brought(place, source, *rows)
    assert not Matter.objects.exists()
    assert brought(place, source, *rows, faults_too=True).written == 1


def test_only_whoever_brings_orders_in_does_so_in_their_own_territory(
    place: Place, source: OrderSource
) -> None:
    other = make_place("14/08/27/")
    forget_places()
    with refusal("forbidden_orders"):
        import_orders(workbook(row("a")), source=source, actor=place.actor("village_director"))
    with refusal("forbidden_orders"):
        import_orders(workbook(row("a")), source=source, actor=other.actor("town_desk"))
    assert order_scopes(place.actor("lane_head")) == []
    # a county's address is not known to a town beside it
    read = read_orders(
        workbook(row("a", "路灯", "横水镇庙上村")), source=None, paths=[other.lane.path], now=MONDAY
    )
    assert read.judged[0].verdict == Verdict.WRONG


# ------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        (row(None), "工单编号", "空着"),
        (row(2026111600000000123), "工单编号", "设成文本"),
        (row("x" * 61), "工单编号", "最多 60 个字符"),
        (row("a", ""), "诉求内容", "请写几个字"),
        (row("a", "字" * 2001), "诉求内容", None),
        (row("a", "路灯", None), "地址", "空着"),
        (row("a", "路灯", "庙下村"), "地址", "是不是“庙上村”"),
        (row("a", "路灯", "火星北路"), "地址", "不在您的辖区内"),
        (row("a", "路灯", "庙上村", "检举控告"), "诉求类别", "没有“检举控告”这一类"),
        (row("a", "路灯", "庙上村", "对服务的意见"), "诉求类别", "不能这样转来"),
        (row("a", "路灯", "庙上村", None, "下周三"), "办结时限", "不是日期"),
        (row("a", "路灯", "庙上村", None, "2026-02-30"), "办结时限", "不是日期"),
        (row("a", "路灯", "庙上村", None, None, "甲" * 41), "来电人", "最多 40 字"),
        (row("a", "路灯", "庙上村", None, None, None, "没有电话"), "来电号码", "只能是数字"),
        (row("a", "路灯", "庙上村" + "很" * 70 + "远"), "地址", None),
    ],
)
def test_a_fault_names_its_cell_and_how_to_mend_it(
    place: Place, cells: list[Any], column: str, words: str | None
) -> None:
    if words is None and column == "诉求内容":
        with refusal("file_cell"):
            read_orders(workbook(cells), source=None, paths=[place.county.path], now=MONDAY)
        return
    read = read_orders(workbook(cells), source=None, paths=[place.county.path], now=MONDAY)
    [judged] = read.judged
    if words is None:
        assert judged.verdict == Verdict.NEW
        return
    assert judged.verdict == Verdict.WRONG
    assert [read.heading(fault.column) for fault in judged.faults] == [column]
    assert words in judged.faults[0].words
    assert not read.sound


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ("2026-11-25", datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),
        ("2026年11月25日", datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),
        ("2026/11/25 18:00", datetime(2026, 11, 25, 10, 0, tzinfo=UTC)),
        ("2026.11.25 18：00：30", datetime(2026, 11, 25, 10, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 25, 18, 0), datetime(2026, 11, 25, 10, 0, tzinfo=UTC)),  # noqa: DTZ001  # as a workbook holds it
        (datetime(2026, 11, 25), datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),  # noqa: DTZ001  # as above
        (None, None),
    ],
)
def test_a_deadline_is_understood_as_platforms_write_it(
    place: Place, written: Any, deadline: datetime | None
) -> None:
    cells = row("a", "路灯", "庙上村", None, written)
    [judged] = read_orders(workbook(cells), source=None, paths=[place.county.path], now=MONDAY).judged
    assert judged.line is not None
    assert judged.line.deadline == deadline


def test_a_formula_is_never_run_and_a_table_of_another_kind_is_refused(place: Place) -> None:
    def read(content: bytes) -> Any:
        return read_orders(content, source=None, paths=[place.county.path], now=MONDAY)

    [judged] = read(workbook(row('=HYPERLINK("http://x","a")'))).judged
    assert judged.verdict == Verdict.WRONG  # a formula without a kept value is an empty cell
    with refusal("columns_missing"):
        read(workbook(["a", "b"], head=("编号", "内容")))
    with refusal("columns_twice"):
        read(workbook(["a", "b", "c", "d"], head=("编号", "工单编号", "内容", "地址")))
    with refusal("file_encoding"):
        read("工单编号,内容,地址\na,路灯,庙上村".encode("utf-16"))
    with refusal("file_old"):
        read(b"\xd0\xcf\x11\xe0" + b"\0" * 100)
    gbk = read("工单编号,内容,地址\na,路灯,庙上村".encode("gb18030"))
    assert gbk.judged[0].verdict == Verdict.NEW


def test_every_row_has_its_verdict_before_anything_is_written_and_in_the_workbook(
    place: Place, source: OrderSource
) -> None:
    brought(place, source, row("old"))
    content = workbook(
        row("new"), row("old"), row("new", "别的"), row("bad", "路灯", "月亮上", "没有这类"),
        row("late", "路灯", "庙上村", None, "2026-01-01"),
    )  # fmt: skip
    read = read_orders(content, source=source, paths=[place.county.path], now=MONDAY)
    assert read.totals == {
        Verdict.NEW: 1, Verdict.LATE: 1, Verdict.KNOWN: 1, Verdict.TWICE: 1, Verdict.WRONG: 1,
    }  # fmt: skip
    assert Matter.objects.count() == 1
    sheet = load_workbook(io.BytesIO(annotated_orders(read))).worksheets[0]
    said = [[str(cell or "") for cell in cells] for cells in sheet.iter_rows(values_only=True)]
    assert said[0][-2:] == ["结果", "说明"]
    assert [cells[-2] for cells in said[1:]] == [
        "可以写入",
        "已导入过",
        "文件里重复",
        "有错",
        "可以写入，对方期限已过",
    ]
    assert "没有“月亮上”" in said[4][-1]
    assert "没有“没有这类”" in said[4][-1]
    # the annotated one is read again as it is: what was added is nothing of the orders
    stream = io.BytesIO()
    load_workbook(io.BytesIO(annotated_orders(read))).save(stream)
    assert (
        read_orders(stream.getvalue(), source=source, paths=[place.county.path], now=MONDAY).totals
        == read.totals
    )


def test_many_rows_are_read_in_as_many_statements_as_one(place: Place, source: OrderSource) -> None:
    def statements(count: int) -> int:
        forget_places()
        content = workbook(*(row(f"n{number}") for number in range(count)))
        with CaptureQueriesContext(connection) as queries:
            read = read_orders(content, source=source, paths=[place.county.path], now=MONDAY)
        assert read.totals[Verdict.NEW] == count
        return len(queries)

    assert statements(1) == statements(300) == 3


def test_the_template_is_an_order_table(place: Place) -> None:
    book = load_workbook(io.BytesIO(order_template([place.county.path], now=MONDAY)))
    assert [cell.value for cell in book.worksheets[0][1]][:3] == ["工单编号", "反映内容", "地点"]
    assert "公共设施" in [cells[0] for cells in book.worksheets[1].iter_rows(values_only=True)]


# ------------------------------------------------------------------------------------------------- answering


def close(place: Place, number: str, words: str = "已经换了新灯，请放心") -> Matter:
    matter = Matter.objects.get(external_order__number=number)
    reported = actions.Receipted(code="", matter=matter, again=False)
    desk = place.actor("village_director")
    actions.handle_on_spot(an_act(desk, reported, "换了灯泡"))
    actions.close_case(an_act(desk, reported, words))
    matter.refresh_from_db()
    return matter


def test_a_reply_is_due_when_closed_and_says_what_the_reporter_was_told(
    place: Place, source: OrderSource
) -> None:
    brought(place, source, row("a", "想法", "庙上村", "意见建议"), row("b", "想法", "庙上村", "意见建议"))
    desk = place.actor("town_desk")
    assert [one.number for one in orders_of(desk).order_by("number")] == ["a", "b"]
    with refusal("no_replies"):
        take_replies(desk)
    matter = close(place, "a")
    assert [one.number for one in orders_of(desk, "due")] == ["a"]
    [reply] = take_replies(desk)
    assert (reply.order.number, reply.words, reply.state) == ("a", "已经换了新灯，请放心", "已办结")
    assert reply.by.startswith("庙上村")
    order = ExternalOrder.objects.get(number="a")
    assert (order.replied_at, order.replied_by) == (MONDAY, place.people["town_desk"])
    assert not orders_of(desk, "due").exists()
    assert [one.number for one in orders_of(desk, "replied")] == ["a"]
    assert [one.order.number for one in take_replies(desk, again_since=MONDAY)] == ["a"]
    book = load_workbook(io.BytesIO(reply_workbook([reply], by="周值班", when="2026-11-16 14:00")))
    cells = [str(cell.value) for cell in book.worksheets[0][2]]
    assert cells[:3] == ["a", "12345 热线", str(matter.number)]
    assert "周值班 2026-11-16 14:00 导出" in str(book.worksheets[1]["A2"].value)


def test_what_is_closed_anew_is_answered_anew(place: Place, source: OrderSource) -> None:
    brought(place, source, row("a", "想法", "庙上村", "意见建议"))
    desk = place.actor("town_desk")
    matter = close(place, "a")
    take_replies(desk)
    Matter.objects.filter(pk=matter.pk).update(closed_at=None, state=State.ASSIGNED)
    assert [one.number for one in orders_of(desk)] == ["a"]
    assert not orders_of(desk, "replied").exists()
    with clock.set_to(MONDAY + timedelta(hours=1)):
        close(place, "a", "又修了一次")
        [reply] = take_replies(desk)
    assert reply.words == "又修了一次"


def test_what_was_declined_says_where_to_go(place: Place, source: OrderSource) -> None:
    brought(place, source, row("a", "想法", "庙上村", "意见建议"))
    matter = Matter.objects.get()
    desk = place.actor("town_desk")
    actions.decline_case(
        an_act(desk, actions.Receipted("", matter, again=False), "不归这里管"), where="县住建局 0359-1234567"
    )
    [reply] = take_replies(desk)
    assert reply.words == "不归这里管\n可以去这里办：县住建局 0359-1234567"


def test_what_went_into_another_is_answered_with_its_end(place: Place, source: OrderSource) -> None:
    first = make_report(place.village, "voices")
    with clock.set_to(MONDAY + timedelta(minutes=1)):
        brought(place, source, row("a", "想法", "庙上村", "意见建议"))
    matter = Matter.objects.get(external_order__number="a")
    desk, town = place.actor("village_director"), place.actor("town_desk")
    actions.merge_case(
        an_act(desk, actions.Receipted("", matter, again=False), "同一件"), number=first.matter.number
    )
    assert not orders_of(town, "due").exists()
    actions.handle_on_spot(an_act(desk, first, "办了"))
    actions.close_case(an_act(desk, first, "都办好了"))
    [reply] = take_replies(town)
    assert reply.words == f"和编号 {first.matter.number} 是同一件事，已并在一起办。\n都办好了"


def test_nobody_reads_orders_of_another_territory(place: Place, source: OrderSource) -> None:
    other = make_place("14/08/27/")
    brought(place, source, row("a"))
    assert not orders_of(other.actor("town_desk")).exists()
    assert not orders_of(place.actor("village_director")).exists()
    assert orders_of(place.actor("county_desk")).count() == 1
    with refusal("forbidden_orders"):
        take_replies(place.actor("village_director"))


def test_replies_cost_the_same_for_one_and_for_many(place: Place, source: OrderSource) -> None:
    brought(place, source, *(row(f"n{number}", "想法", "庙上村", "意见建议") for number in range(4)))
    for number in range(4):
        close(place, f"n{number}")
    due = orders_of(place.actor("town_desk"), "due")

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(replies_to(due[:count])) == count
        return len(queries)

    assert statements(1) == statements(4) == 2


def test_a_source_gets_a_new_token_and_the_old_one_is_worth_nothing(place: Place) -> None:
    source, token = open_source(county=place.county, code="city", name="市平台", now=MONDAY)
    assert source_of_token(token) == source
    _same, other = open_source(county=place.county, code="city", name="", now=MONDAY)
    assert source_of_token(token) is None
    assert source_of_token(other) == source
    assert OrderSource.objects.get().name == "市平台"
    assert token.encode() not in bytes(OrderSource.objects.get().token_digest or b"")
    end_source(county=place.county, code="city", now=MONDAY)
    assert source_of_token(other) is None
    with refusal("source_code"):
        open_source(county=place.county, code="市 平台", name="", now=MONDAY)
