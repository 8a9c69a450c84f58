"""Documents: what stands in them can be read again, and nothing that was typed is markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import segno
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from pypdf import PdfReader

from xiangli.web import documents

AT = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # the 22nd already, where the counties are


def sample(**changes: Any) -> dict[str, Any]:
    picture = BytesIO()
    segno.make("https://example.org/p/00000000/").save(picture, kind="svg", xmldecl=False, border=0)
    said = {
        "title": "庙上乡 责任公示",
        "words": "公共设施",
        "rows": [["一巷", "姚建国", 3]],
        "qr": picture.getvalue().decode(),
    }
    return {**said, **changes}


def read(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(content)).pages]


def test_chinese_can_be_searched_for_and_copied() -> None:
    (page,) = read(documents.pdf("web/tests/sample", sample(), at=AT))
    for words in ("庙上乡 责任公示", "公共设施", "一巷", "姚建国", "2026-11-22 印制", "第 1 页，共 1 页"):
        assert words in page


def test_its_faces_are_embedded_and_no_others() -> None:
    reader = PdfReader(BytesIO(documents.pdf("web/tests/sample", sample(), at=AT)))
    faces = {}
    for font in reader.pages[0]["/Resources"]["/Font"].values():  # type: ignore[index]  # a dictionary of the PDF
        below = font.get_object()["/DescendantFonts"][0].get_object()
        faces[below["/BaseFont"].split("+")[-1]] = below["/FontDescriptor"]
    assert faces.keys() == {"NotoSansSC-Regular", "NotoSansSC-Bold"}
    assert all("/FontFile2" in face or "/FontFile3" in face for face in faces.values())


@pytest.mark.parametrize(
    "typed",
    [
        '#import "/config/settings.py"',
        "#read(sys.inputs.data)",
        "*粗* _斜_ $x$ = 标题 `码` // 注",
        '"), panic("x',
        "\\u{1F600} <b>粗</b> [方括号]",
        "#" * 50,
    ],
)
def test_what_was_typed_stands_there_as_it_was_typed(typed: str) -> None:
    (page,) = read(documents.pdf("web/tests/sample", sample(words=typed), at=AT))
    assert typed.replace(" ", "") in page.replace(" ", "").replace("\n", "")


def test_the_same_data_at_the_same_moment_is_the_same_document() -> None:
    first = documents.pdf("web/tests/sample", sample(), at=AT)
    assert documents.pdf("web/tests/sample", sample(), at=AT) == first
    assert documents.pdf("web/tests/sample", sample(), at=AT + timedelta(days=1)) != first
    assert documents.pdf("web/tests/sample", sample(words="别的"), at=AT) != first


def test_pages_are_numbered_and_a_table_says_its_head_again() -> None:
    rows = [[f"{number}巷", "姚建国", number] for number in range(120)]
    pages = read(documents.pdf("web/tests/sample", sample(rows=rows), at=AT))
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"第 {number} 页，共 {len(pages)} 页" in page
    assert all("街巷长" in page for page in pages[:-1])


def test_in_english_its_own_words_are_english() -> None:
    with translation.override("en"):
        (page,) = read(documents.pdf("web/tests/sample", sample(), at=AT))
    assert "Page 1 of 1" in page
    assert "Printed on 2026-11-22" in page


def test_pictures_are_one_a_page() -> None:
    pictures = documents.png("web/tests/sample", sample(rows=[["一巷", "某人", 1]] * 120), at=AT, ppi=20)
    assert len(pictures) > 2
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(documents.png("web/tests/sample", sample(), at=AT, ppi=20)) == 1


def test_without_its_fonts_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    documents._fonts.cache_clear()
    monkeypatch.setattr(documents, "_FONTS", tmp_path)
    with pytest.raises(ImproperlyConfigured, match="make frontend"):
        documents.pdf("web/tests/sample", sample(), at=AT)


def test_it_is_kept_under_a_chinese_name() -> None:
    response = documents.pdf_response(b"%PDF-1.7", "庙上村 一巷.pdf")
    assert response["Content-Type"] == "application/pdf"
    assert (
        response["Content-Disposition"]
        == "inline; filename*=utf-8''%E5%BA%99%E4%B8%8A%E6%9D%91%20%E4%B8%80%E5%B7%B7.pdf"
    )


def test_many_parts_are_one_document_in_their_order() -> None:
    parts = [sample(title=f"第{number}部分", words=f"词句{number}") for number in range(3)]
    content = documents.pdf_in_parts("web/tests/sample", parts, at=AT)
    assert [
        number for number, page in enumerate(read(content)) if f"词句{number}" in page.replace(" ", "")
    ] == [0, 1, 2]
    metadata = PdfReader(BytesIO(content)).metadata
    assert metadata is not None
    assert metadata.title == "第0部分"
