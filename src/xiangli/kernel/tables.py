"""Tables that people bring in, judged row by row before anything is written, and handed back with what was found.

A module says which columns there are (`Heading`) and judges the rows; the faults stand in their cells, in words that
say how to mend them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_ROWS_OF_JOB, Cell, Row, Sheet, read_rows, workbook_of

# What an annotated workbook adds behind the columns; read again, it is nothing of the table.
RESULT: Final = ("结果", "怎么改")
_WRITTEN_DAY: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")

Item = TypeVar("Item")
Say = Callable[[int, int], None]  # how many rows of how many


def nothing(done: int, total: int) -> None:
    """Nobody waits to hear how far it is."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: the heading that our own workbooks carry, and others that are understood."""

    key: str
    title: str
    also: tuple[str, ...] = ()
    needed: bool = False
    hint: Any = ""  # words for the sheet that says how to fill it in


class Verdict(StrEnum):
    NEW = "new"  # to be written
    SAME = "same"  # stands already: nothing to do
    WRONG = "wrong"


@dataclass(slots=True)
class Judged(Generic[Item]):
    """One row and what was found in it."""

    number: int
    item: Item | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)  # key of the column, words
    same: bool = False
    note: str = ""  # of a sound row: what it does

    @property
    def verdict(self) -> Verdict:
        if self.faults or self.item is None:
            return Verdict.WRONG
        return Verdict.SAME if self.same else Verdict.NEW

    def wrong(self, column: str, words: str) -> None:
        """Say what is wrong in a column."""
        self.faults.append((column, words))


@dataclass(frozen=True, slots=True)
class Table(Generic[Item]):
    """A table as it was read, with its verdicts."""

    headings: Sequence[Heading]
    header: Row
    columns: Mapping[str, int]
    rows: Sequence[Row]
    judged: Sequence[Judged[Item]]

    @property
    def sound(self) -> bool:
        return all(row.verdict != Verdict.WRONG for row in self.judged)

    @property
    def totals(self) -> dict[Verdict, int]:
        counted = dict.fromkeys(Verdict, 0)
        for row in self.judged:
            counted[row.verdict] += 1
        return counted

    def to_write(self) -> list[Item]:
        """What the sound rows ask for, without what stands already."""
        return [row.item for row in self.judged if row.verdict == Verdict.NEW and row.item is not None]


@dataclass(frozen=True, slots=True)
class Read:
    """The cells of a table, by column; `cells(row)` reads one row."""

    header: Row
    columns: Mapping[str, int]
    rows: list[Row]

    def cells(self, row: Row) -> dict[str, Cell]:
        return {key: row.cell(at) for key, at in self.columns.items()}


def read_table(content: bytes, headings: Sequence[Heading], *, most: int) -> Read:
    """The rows of a workbook or .csv file under these headings. Raises Refused as `sheets.read_rows`, and
    columns_missing, columns_twice."""
    header, *rows = read_rows(content, most=most)
    return Read(header, find_columns(header.cells, headings), rows)


def find_columns(header: Sequence[Cell], headings: Sequence[Heading]) -> dict[str, int]:
    """Where each column stands, from 0; a remark in brackets behind a heading is nothing of it. Raises Refused:
    columns_missing, columns_twice."""
    known = {plain_heading(name): one.key for one in headings for name in (one.title, *one.also)}
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        key = known.get(plain_heading(str(cell or "")))
        if key is None:
            continue
        if key in found:
            raise Refused("columns_twice", _("表头里“%(name)s”有两列，请只留一列。") % {"name": cell})
        found[key] = at
    missing = [one.title for one in headings if one.needed and one.key not in found]
    if missing:
        raise Refused(
            "columns_missing",
            _("表头缺“%(names)s”。请下载空表，照它的第一行写表头。") % {"names": "”“".join(missing)},
        )
    return found


def plain_heading(words: str) -> str:
    """A heading as it is compared: without a remark in brackets, spaces, case."""
    return re.sub(r"[（(].*$|\s", "", unicodedata.normalize("NFKC", words)).casefold()


def day_in(cell: Cell) -> date | None:
    """The day that a cell says: a date, or 2026-11-22, 2026/11/22, 2026年11月22日. None: blank. ValueError: no day."""
    if cell is None or isinstance(cell, date):
        return cell
    match = _WRITTEN_DAY.fullmatch(str(cell).removesuffix(" 00:00:00"))
    if match is None:
        raise ValueError(str(cell))
    return date(*map(int, match.groups()))


def text_in(cell: Cell) -> str:
    """What a cell says, in words; a number without its ".0", for a code that the program took for one."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def annotated(title: str, table: Table[Any]) -> bytes:
    """The table as it was brought, with what was found in each row behind it; faults are shown in their cells."""
    heads = [str(cell or "") for cell in table.header.cells]
    kept = [at for at, head in enumerate(heads) if head not in RESULT]
    titles = {
        one.key: heads[table.columns[one.key]] if one.key in table.columns else one.title
        for one in table.headings
    }
    said = {Verdict.NEW: _("可以写入"), Verdict.SAME: _("已有"), Verdict.WRONG: _("有错")}
    rows: list[list[Cell]] = [[*(heads[at] for at in kept), *RESULT]]
    marked = set()
    for row, judged in zip(table.rows, table.judged, strict=True):
        for column, _words in judged.faults:
            if column in table.columns:
                marked.add((len(rows), kept.index(table.columns[column])))
        why = "\n".join(f"{titles.get(column, column)}：{words}" for column, words in judged.faults)
        rows.append([*(row.cell(at) for at in kept), said[judged.verdict], why or judged.note])
    return workbook_of([Sheet(title, rows, marked=marked)])


def wrong_rows(content: bytes, *, most: int) -> list[tuple[int, str, str]]:
    """Of an annotated workbook, the first rows with a fault: their number in it, how they begin, and what to mend. In
    the language in which it was written."""
    header, *rows = read_rows(content, most=MAX_ROWS_OF_JOB)
    if RESULT[0] not in header.cells:
        return []
    at, bad = header.cells.index(RESULT[0]), _("有错")
    found = [row for row in rows if row.cell(at) == bad][:most]
    return [
        (
            row.number,
            " · ".join(str(cell) for cell in row.cells[: min(at, 3)] if cell),
            str(row.cell(at + 1) or ""),
        )
        for row in found
    ]


def template(
    title: str, headings: Sequence[Heading], offered: Sequence[Sheet], notes: Sequence[str]
) -> bytes:
    """An empty table to fill in: the sheet of each heading in `offered` (by its title) is what its column offers."""
    at = {one.title: number for number, one in enumerate(headings)}
    choices = {at[sheet.title]: sheet for sheet in offered if sheet.title in at}
    said: list[list[Cell]] = [[_("怎么填")]]
    said += [[note] for note in notes]
    said += [[f"{one.title}：{one.hint}"] for one in headings if one.hint]
    return workbook_of(
        [
            Sheet(title, [[one.title for one in headings]], choices=choices),
            *offered,
            Sheet(_("说明"), said),
        ]
    )
