"""Files that strangers bring: read or refused, never more."""

from __future__ import annotations

import io
import random
import time
import zipfile
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from xiangli.kernel import sheets
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import Cell, Row, Sheet, read_rows, workbook_of


def book(*rows: list[Any]) -> bytes:
    made = Workbook()
    page = made.active
    assert page is not None
    for row in rows:
        page.append(row)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def with_part(content: bytes, name: str, change: Any) -> bytes:
    """The same workbook with one part changed; one that is not there is added."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        names = old.namelist()
        for part in names:
            body = old.read(part)
            new.writestr(part, change(body) if part == name else body)
        if name not in names:
            new.writestr(name, change(b""))
    return stream.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(Refused) as raised:
        read_rows(content)
    assert str(raised.value.reason)
    return raised.value.code


SHEET = "xl/worksheets/sheet1.xml"


def test_a_workbook_is_read_with_the_numbers_of_its_own_rows() -> None:
    content = book(["类别", " 起 "], [], ["环境卫生", date(2026, 1, 1)], [None, "  "], [3, 1.5, True, None])
    assert read_rows(content) == [
        Row(1, ("类别", "起")),
        Row(3, ("环境卫生", date(2026, 1, 1))),
        Row(5, (3, 1.5, True)),
    ]
    assert read_rows(content)[1].cell(1) == date(2026, 1, 1)
    assert read_rows(content)[1].cell(9) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_is_read_in_the_encodings_it_is_saved_in(encoding: str) -> None:
    content = "类别,起\r\n\r\n环境卫生,2026-01-01\r\n".encode(encoding)
    assert read_rows(content) == [Row(1, ("类别", "起")), Row(3, ("环境卫生", "2026-01-01"))]


def test_what_nobody_sees_is_left_out() -> None:
    content = "\u200b环境\u202e卫\u0007生 \u3000 好,\u00a0".encode()
    assert read_rows(content) == [Row(1, ("环境卫生 好",))]


def test_a_formula_is_not_worked_out_and_no_link_is_followed() -> None:
    content = book(["a"], ["=1+1"], ['=WEBSERVICE("http://127.0.0.1:9/")'], ["b"])
    assert read_rows(content) == [Row(1, ("a",)), Row(4, ("b",))]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\xd0\xcf\x11\xe0 old", "file_old"),
        (b"PK\x03\x04 and nothing of a workbook", "file_unreadable"),
        (b"\xff\xfe\x00\x00\x81", "file_encoding"),
        (b"a\0b", "file_encoding"),
        (b"x" * (sheets.MAX_BYTES + 1), "file_large"),
        (("a,b\n" * (sheets.MAX_ROWS + 2)).encode(), "file_rows"),
        (("a," * 60 + "b").encode(), "file_columns"),
        (b"a" * (sheets.MAX_CELL + 1), "file_cell"),
        (b'"' + b"a" * 200_000, "file_unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_a_workbook_without_its_parts_is_refused() -> None:
    assert refused(with_part(book(["a"]), SHEET, lambda body: b"<worksheet")) == "file_unreadable"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "a")
    assert refused(stream.getvalue()) == "file_unreadable"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = with_part(book(["a"]), "xl/media/bomb.png", lambda body: b"\0" * 40_000_000)
    assert len(bomb) < 100_000
    began = time.process_time()
    assert refused(bomb) == "file_large"
    assert time.process_time() - began < 0.2


def test_a_part_that_lies_about_its_size_gives_no_more_than_it_says() -> None:
    bomb = bytearray(
        with_part(book(["a"]), SHEET, lambda body: body.replace(b"</sheetData>", b" " * 30_000_000))
    )
    true = (30_000_000).to_bytes(4, "little")
    with zipfile.ZipFile(io.BytesIO(bytes(bomb))) as archive:
        true = archive.getinfo(SHEET).file_size.to_bytes(4, "little")
    lying = bytes(bomb).replace(true, (1000).to_bytes(4, "little"))
    assert refused(lying) == "file_unreadable"


def test_entities_are_not_multiplied() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    content = with_part(book(["a"]), SHEET, lambda body: laughs + body[body.index(b"<worksheet") :])
    assert refused(content) == "file_unreadable"


def test_a_row_far_down_and_a_cell_far_out_cost_nothing() -> None:
    def far(body: bytes) -> bytes:
        row = b'<row r="999999999999"><c r="A999999999999" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
        return body.replace(b"</sheetData>", row)

    began = time.process_time()
    assert read_rows(with_part(book(["a"]), SHEET, far)) == [Row(1, ("a",))]
    wide = with_part(book(["a"]), SHEET, lambda body: body.replace(b'r="A1"', b'r="XFD1"'))
    assert refused(wide) == "file_empty"
    assert time.process_time() - began < 2


def test_a_thousand_sheets_in_one_part_are_refused() -> None:
    content = with_part(
        book(["a"]),
        "xl/workbook.xml",
        lambda body: body.replace(b"<sheets>", b"<sheets>" + b"<sheet />" * 1000),
    )
    assert refused(content) == "file_large"


def test_a_size_that_the_sheet_only_says_is_not_believed() -> None:
    content = book(["a", "b"], ["c", "d"])
    assert read_rows(with_part(content, SHEET, lambda body: body.replace(b'ref="A1:B2"', b'ref="A1"'))) == [
        Row(1, ("a", "b")),
        Row(2, ("c", "d")),
    ]


def test_a_broken_file_is_read_or_refused() -> None:
    """Whatever bytes are turned over: rows, or a refusal in words; never another error."""
    dice = random.Random(20261122)
    sound = book(["类别", "起"], *[[f"第{n}类", date(2026, 1, 1), n] for n in range(40)])
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        parts = archive.namelist()
    seen = set()
    for turn in range(300):

        def broken(body: bytes) -> bytes:
            bytes_ = bytearray(body)
            for _byte in range(dice.choice((1, 3, 30))):
                bytes_[dice.randrange(min(4, len(bytes_) - 1), len(bytes_))] = dice.randrange(256)
            return bytes(bytes_)

        # the file as a whole, or one of its parts within a sound archive
        content = broken(sound) if turn % 3 == 0 else with_part(sound, dice.choice(parts), broken)
        try:
            read_rows(content)
            seen.add("read")
        except Refused as error:
            seen.add(error.code)
    assert {"read", "file_unreadable"} <= seen


def test_a_workbook_keeps_words_as_words() -> None:
    rows: list[list[Cell]] = [["类别", "起"], ["=1+1", date(2026, 1, 1)], ["+86", None], ["@x\u0007", 3]]
    choices = Sheet("可选", [["类别"], ["环境卫生"], ["交通秩序"]])
    content = workbook_of([Sheet("清单", rows, marked={(1, 0)}, choices={0: choices}), choices])
    assert read_rows(content) == [
        Row(1, ("类别", "起")),
        Row(2, ("=1+1", date(2026, 1, 1))),
        Row(3, ("+86",)),
        Row(4, ("@x", 3)),
    ]
    page = load_workbook(io.BytesIO(content)).worksheets[0]
    assert page["A2"].data_type == "s"
    assert page["A2"].fill.fgColor.rgb == "00FFD6D6"
    assert page["A3"].fill.fill_type is None
    assert page.data_validations.dataValidation[0].formula1 == "'可选'!$A$2:$A$3"
