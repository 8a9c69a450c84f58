"""Tables that people bring in files (.xlsx, .csv), and workbooks that they get back.

A file is a stranger's: its size, what it unpacks to, its rows and its columns are bounded. Formulas, macros and
links to other files are never followed; of a formula, the value that the program kept beside it is read.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused

# openpyxl is imported where it is used: a quarter of a second that only those wait who bring a workbook.
if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_UNPACKED: Final = 16 * 1024 * 1024  # a list of 5,000 rows takes a tenth of it
MAX_PARTS: Final = 200  # files packed in a workbook
MAX_SHEETS: Final = 50
MAX_ROWS: Final = 5000  # without the header
MAX_ROWS_OF_JOB: Final = 20_000  # where somebody waits with a bar instead of a page
MAX_COLUMNS: Final = 50
MAX_CELL: Final = 2000  # characters

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"  # a workbook, to a browser

_LAST_ROW: Final = 1_048_576  # of any sheet: a row that says it stands further down is not believed
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"  # .xls, and every workbook with a password
_ZIP: Final = b"PK\x03\x04"
_SHEET_NAMED: Final = re.compile(rb"<(?:\w+:)?sheet[\s/>]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})  # marks that come along when words are copied

Cell = str | int | float | bool | date | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not blank. `number` is the one beside it in the person's own program (in a .csv, of the
    line it ends on); `cells` are trimmed, a blank one is None, and none is blank at the end."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, column: int) -> Cell:
        """What stands in a column, from 0; None also beyond the last."""
        return self.cells[column] if column < len(self.cells) else None


def read_rows(content: bytes, *, most: int = MAX_ROWS) -> list[Row]:
    """The rows of the first sheet of an .xlsx workbook, or of a .csv file (UTF-8, or GB 18030 as programs here
    save it); which of the two it is, the content says. At least one; at most `most` below the header.

    Raises Refused: file_large, file_old, file_unreadable, file_encoding, file_rows, file_columns, file_cell,
    file_empty.
    """
    if len(content) > MAX_BYTES:
        raise Refused("file_large", _("文件超过 5 MB，请删去用不到的工作表和图片再试。"))
    if content.startswith(_OLD_EXCEL):
        raise Refused("file_old", _("这是旧版 .xls 或加了密码的文件，请去掉密码、另存为 .xlsx 再试。"))
    rows = list(_kept(_of_workbook(content) if content.startswith(_ZIP) else _of_csv(content), most))
    if not rows:
        raise Refused("file_empty", _("文件里没有内容。请把清单放在第一张工作表，第一行写表头。"))
    return rows


def _kept(found: Iterable[tuple[int, Sequence[Any]]], most: int) -> Iterator[Row]:
    kept = 0
    for number, raw in found:
        if raw.count(None) == len(raw):
            continue  # one row far down brings a million such
        cells = [_cell(value, number) for value in raw]
        while cells and cells[-1] is None:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise Refused("file_columns", _("第 %(row)d 行超过 50 列，请删去多余的列。") % {"row": number})
        kept += 1
        if kept > most + 1:
            raise Refused("file_rows", _("超过 %(most)d 行，请分成几个文件。") % {"most": most})
        yield Row(number, tuple(cells))


def _cell(value: Any, number: int) -> Cell:
    if isinstance(value, datetime):
        return value.date() if value.time() == time.min else value.isoformat(" ")
    if value is None or isinstance(value, bool | int | float | date):
        return value
    words = " ".join(plain(str(value)).split())
    if len(words) > MAX_CELL:
        raise Refused("file_cell", _("第 %(row)d 行有一格超过 2000 字，请删短。") % {"row": number})
    return words or None


def plain(words: str) -> str:
    """Without what nobody sees and no workbook holds: control characters, marks of direction, zero widths."""
    return "".join(
        char if char.isspace() or unicodedata.category(char) not in _INVISIBLE else "" for char in words
    )


def _of_csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decoded(content), newline=""))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        raise _unreadable() from None


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Refused("file_encoding", _("读不懂这个文件。请另存为 .xlsx，或 UTF-8 编码的 .csv，再试。"))


def _unreadable() -> Refused:
    return Refused("file_unreadable", _("读不懂这个文件，可能已损坏。请用表格软件打开，另存为 .xlsx 再试。"))


def _of_workbook(content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    from openpyxl import load_workbook

    try:
        _check_parts(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of features that are left out: nothing here shows them
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            # Bounds of our own: what the sheet says of its size is a stranger's word, too.
            rows = sheet.iter_rows(max_row=_LAST_ROW, max_col=MAX_COLUMNS + 1, values_only=True)
            yield from enumerate(rows, start=1)
    except Refused:
        raise
    except Exception as error:  # a file made to break the reader does it in whatever way it finds
        raise _unreadable() from error


def _check_parts(content: bytes) -> None:
    """Before anything is unpacked, what it would unpack to: zipfile never gives more than a part declares."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise Refused("file_large", _("文件解开后太大，请只留清单这一张工作表，另存后再试。"))
        # The reader looks into each sheet that is named, and a thousand names may lead to one large part.
        if sum(len(_SHEET_NAMED.findall(archive.read(part))) for part in parts) > MAX_SHEETS:
            raise Refused("file_large", _("工作表太多，请只留清单这一张工作表，另存后再试。"))


# ------------------------------------------------------------------------------------------------------- what they get back


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet to write: `rows`, of which the first is the header; `marked` cells (row, column, from 0) are
    shown as wrong; in a column of `choices` the program offers what stands in the first column of that sheet."""

    title: str
    rows: Sequence[Sequence[Cell]]
    marked: Collection[tuple[int, int]] = ()
    choices: Mapping[int, Sheet] = field(default_factory=dict)


def workbook_of(sheets: Sequence[Sheet]) -> bytes:
    """An .xlsx workbook with these sheets. Words stay words, also where they begin like a formula."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _write(book.create_sheet(sheet.title), sheet)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _write(page: Worksheet, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter, quote_sheetname
    from openpyxl.worksheet.datavalidation import DataValidation

    wrong, head = PatternFill("solid", fgColor="FFD6D6"), Font(bold=True)
    wrapped = Alignment(vertical="top", wrap_text=True)
    widths: dict[int, int] = {}
    for number, row in enumerate(sheet.rows):
        for column, value in enumerate(row):
            cell = page.cell(number + 1, column + 1)
            if isinstance(value, str):
                cell.value = value = plain(value)
                cell.data_type = "s"
                cell.alignment = wrapped
            else:
                cell.value = value
            if isinstance(value, date):
                cell.number_format = "yyyy-mm-dd"
            if number == 0:
                cell.font = head
            if (number, column) in sheet.marked:
                cell.fill = wrong
            widths[column] = max(widths.get(column, 0), _width(value))
    for column, width in widths.items():
        page.column_dimensions[get_column_letter(column + 1)].width = min(max(width + 2, 12), 60)
    page.freeze_panes = "A2"
    for column, other in sheet.choices.items():
        if len(other.rows) < 2:
            continue
        offered = DataValidation(
            type="list",
            formula1=f"{quote_sheetname(other.title)}!$A$2:$A${len(other.rows)}",
            allow_blank=True,
        )
        letter = get_column_letter(column + 1)
        offered.add(f"{letter}2:{letter}{MAX_ROWS + 1}")
        page.add_data_validation(offered)


def _width(value: Cell) -> int:
    """In the widths of a digit: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in str(value or ""))
