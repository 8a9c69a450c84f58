"""The rows of orders from other platforms as their workbooks carry them: what each says, what is wrong with it
and how to mend it. The same shape is asked of what a platform sends by itself."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from xiangli.cases.rules.loop import check_words
from xiangli.kernel.refusals import Refused

MAX_NUMBER: Final = 60
MAX_NOTE: Final = 120
MAX_NAME: Final = 40
OUTSIDE_LIMIT: Final = "外来工单期限"  # the source of a clock that another platform's deadline bounds
_CHINA: Final = ZoneInfo("Asia/Shanghai")
# A spreadsheet keeps fifteen digits of a number; of a longer one the last are zeros by now.
_EXACT: Final = 10**15


class Column(StrEnum):
    """A column; its value is the heading that our own workbooks carry."""

    NUMBER = "工单编号"
    WORDS = "反映内容"
    PLACE = "地点"
    NOTE = "具体位置"
    CATEGORY = "事项类别"
    DEADLINE = "办结期限"
    NAME = "联系人"
    PHONE = "联系电话"


# Headings by which platforms call the same.
_ALSO: Final = {
    Column.NUMBER: ("编号", "工单号", "诉求编号", "受理编号", "流水号", "number"),
    Column.WORDS: ("内容", "诉求内容", "事项内容", "问题描述", "工单内容", "words"),
    Column.PLACE: ("地址", "事发地址", "事发地点", "问题地址", "诉求地址", "place"),
    Column.NOTE: ("位置说明", "place_note"),
    Column.CATEGORY: ("类别", "诉求类别", "category"),
    Column.DEADLINE: ("期限", "办理期限", "截止时间", "办结时限", "要求办结时间", "deadline"),
    Column.NAME: ("姓名", "诉求人", "来电人", "反映人", "name"),
    Column.PHONE: ("电话", "来电号码", "联系方式", "phone"),
}
_NEEDED: Final = (Column.NUMBER, Column.WORDS, Column.PLACE)


@dataclass(frozen=True, slots=True)
class Line:
    """What one order says: its number there, the words, the unit it lies in, the code of its category."""

    number: str
    words: str
    place: UUID
    place_note: str
    category: str
    deadline: datetime | None
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one cell, and how to mend it."""

    column: Column
    words: str


class Verdict(StrEnum):
    NEW = "new"
    LATE = "late"  # may be written; its deadline has passed
    KNOWN = "known"  # imported before
    TWICE = "twice"  # stands further up in the same file
    WRONG = "wrong"


WRITTEN: Final = (Verdict.NEW, Verdict.LATE)


@dataclass(slots=True)
class Judged:
    """One row and what was found: `note` says in words what becomes of it, `ours` is our number of one that was
    imported before."""

    row: int
    number: str
    line: Line | None
    faults: list[Fault] = field(default_factory=list)
    verdict: Verdict = Verdict.WRONG
    note: str = ""
    ours: int | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """What a written address was read as: `fault` where it leads to no one place; `note` is what it says beyond."""

    unit: UUID | None
    note: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Readers:
    """How an address and a category are understood: by the places and the categories of the county. The category
    is a code; None: there is none of this name, or it may not be reported here."""

    place: Callable[[str], Meant]
    category: Callable[[str], str | None]
    categories: Sequence[str]  # names, to choose from
    usual: str  # the code of what has no category


def plain(words: object) -> str:
    """As words are compared: full and half width, case and spaces make no difference."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", str(words or ""))).casefold()


def find_columns(header: Sequence[object]) -> dict[Column, int]:
    """Where each column stands. Columns that are nothing of ours stay unread. Raises Refused: columns_missing,
    columns_twice."""
    known = {plain(word): column for column in Column for word in (column, *_ALSO[column])}
    found: dict[Column, int] = {}
    for position, words in enumerate(header):
        column = known.get(plain(re.sub("[（(].*", "", str(words or ""))))
        if column is None:
            continue
        if column in found:
            raise Refused("columns_twice", _("表头里“%(column)s”有两列，请删去一列。") % {"column": column})
        found[column] = position
    if missing := [column for column in _NEEDED if column not in found]:
        raise Refused(
            "columns_missing",
            _("表头里缺少：%(missing)s。第一行要写表头，可以先下载空表对照。")
            % {"missing": "、".join(missing)},
        )
    return found


def read_line(cells: Mapping[Column, object], readers: Readers) -> tuple[str, Line | None, list[Fault]]:
    """The number, what one order says, and what is wrong with it: None where anything is."""
    faults: list[Fault] = []
    number = _number(cells.get(Column.NUMBER), faults)
    words = _said(cells.get(Column.WORDS))
    try:
        words = check_words(words)
    except Refused as refused:
        faults.append(Fault(Column.WORDS, str(refused.reason)))
    unit, note = _place(cells, readers, faults)
    category = _category(_said(cells.get(Column.CATEGORY)), readers, faults)
    deadline = read_moment(cells.get(Column.DEADLINE), faults)
    name = _said(cells.get(Column.NAME))
    if len(name) > MAX_NAME:
        faults.append(Fault(Column.NAME, _("最多 %(most)d 字。") % {"most": MAX_NAME}))
    phone = _phone(_said(cells.get(Column.PHONE)), faults)
    if faults or unit is None:
        return number, None, faults
    return number, Line(number, words, unit, note, category, deadline, name, phone), []


def _said(cell: object) -> str:
    """A cell as text; a whole number without the point that a spreadsheet gave it."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


def _number(cell: object, faults: list[Fault]) -> str:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        why = _(
            "编号太长，表格软件把它改成了数字，末几位可能已经丢了。请把这一列设成文本，再从对方平台导出一次。"
        )
        faults.append(Fault(Column.NUMBER, why))
        return _said(cell)
    number = _said(cell)
    if not number:
        faults.append(Fault(Column.NUMBER, _("这一格空着，请写对方平台的编号。")))
    elif len(number) > MAX_NUMBER:
        faults.append(Fault(Column.NUMBER, _("编号最多 %(most)d 个字符，请核对。") % {"most": MAX_NUMBER}))
        return number[:MAX_NUMBER]
    return number


def _place(cells: Mapping[Column, object], readers: Readers, faults: list[Fault]) -> tuple[UUID | None, str]:
    address, note = _said(cells.get(Column.PLACE)), _said(cells.get(Column.NOTE))
    if not address:
        faults.append(Fault(Column.PLACE, _("这一格空着，请写在哪个村、哪条巷。")))
        return None, ""
    meant = readers.place(address)
    if meant.fault:
        faults.append(Fault(Column.PLACE, meant.fault))
    note = " ".join(filter(None, (meant.note, note)))
    if len(note) > MAX_NOTE:
        faults.append(Fault(Column.NOTE, _("具体位置最多 %(most)d 字，请写短一些。") % {"most": MAX_NOTE}))
    return meant.unit, note


def _category(said: str, readers: Readers, faults: list[Fault]) -> str:
    if not said:
        return readers.usual
    found = readers.category(said)
    if found is None:
        why = _("没有“%(said)s”这一类，或者不能这样转来。可以写：%(all)s；不写就按“其他情况”。")
        faults.append(Fault(Column.CATEGORY, why % {"said": said, "all": "、".join(readers.categories)}))
    return found or readers.usual


_WRITTEN: Final = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T\s]*(?:(\d{1,2})[:：时](\d{1,2})?分?(?:[:：](\d{1,2})(?:\.\d+)?)?)?"
)


def read_moment(cell: object, faults: list[Fault]) -> datetime | None:
    """A deadline as it is written, in Chinese time; a day alone means until it ends."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, date):  # a sheet's reader leaves a time of day in words
        return _end_of(cell)
    match = _WRITTEN.fullmatch(unicodedata.normalize("NFKC", str(cell)).strip())
    try:
        if match is not None:
            year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
            found = date(year or 0, month or 0, day or 0)
            if 2000 <= found.year <= 2100:
                if hour is None:
                    return _end_of(found)
                return datetime(
                    found.year, found.month, found.day, hour, minute or 0, second or 0, tzinfo=_CHINA
                )
    except ValueError:
        pass
    why = _("“%(said)s”不是日期或时间，请写成 2026-11-25 或 2026-11-25 18:00 这样。")
    faults.append(Fault(Column.DEADLINE, why % {"said": cell}))
    return None


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_CHINA) + timedelta(days=1)


def _phone(typed: str, faults: list[Fault]) -> str:
    digits = re.sub(r"[\s\-()（）]", "", typed)
    if digits and not re.fullmatch(r"\+?\d{5,18}", digits):
        faults.append(
            Fault(Column.PHONE, _("电话号码只能是数字，比如 13800000000 或 0359-1234567；没有就空着。"))
        )
        return ""
    return digits


def weigh(rows: Iterable[Judged], known: Mapping[str, int], *, now: datetime) -> None:
    """Fill in each row's verdict: `known` are our numbers of the orders that were imported before, by theirs. What
    was imported before is known whatever the row says by now: the first one stands."""
    first: dict[str, int] = {}
    for judged in rows:
        if judged.number in known:
            judged.verdict, judged.faults = Verdict.KNOWN, []
            judged.ours = known[judged.number]
            judged.note = _("以前导入过，编号 %(number)s，不再写入。") % {"number": judged.ours}
        elif judged.number and judged.number in first:
            judged.verdict, judged.faults = Verdict.TWICE, []
            judged.note = _("和第 %(row)d 行是同一个工单编号，不再写入。") % {"row": first[judged.number]}
        else:
            if judged.number:
                first[judged.number] = judged.row
            line = judged.line
            if line is None:
                judged.verdict, judged.note = Verdict.WRONG, ""
            elif line.deadline is not None and line.deadline <= now:
                judged.verdict = Verdict.LATE
                judged.note = _("可以写入。对方的期限已经过了，会标成已超时；本县的时限从现在起算。")
            else:
                judged.verdict, judged.note = Verdict.NEW, _("可以写入。")


def count(rows: Iterable[Judged]) -> dict[Verdict, int]:
    """How many rows of each verdict."""
    totals = Counter(row.verdict for row in rows)
    return {verdict: totals[verdict] for verdict in Verdict}
