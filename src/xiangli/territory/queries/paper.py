"""Plates and boards as a PDF."""

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import segno
from django.utils import translation

from xiangli.territory.models import PrintKind
from xiangli.territory.queries.prints import PAPER, Sheet
from xiangli.web import documents

SIZES: Final = ("a4", "a3")  # of plates; a board is A2
_TEMPLATES: Final = {PrintKind.PLATE: "territory/plates", PrintKind.BOARD: "territory/boards"}
_PART: Final = {PrintKind.PLATE: 40, PrintKind.BOARD: 8}  # set at a time: what bounds the memory

Say = Callable[[int], None]  # how many of them are set


def pdf_of(sheets: Sequence[Sheet], *, size: str = "a4", at: datetime, say: Say = lambda done: None) -> bytes:
    """Plates, or boards, of one kind as one PDF in their order, printed at `at`; plates in `size`. `say` hears how many
    of them are set."""
    kinds = {sheet.kind for sheet in sheets}
    if len(kinds) != 1:
        raise ValueError("a document holds plates or boards")
    kind = kinds.pop()
    template, most = _TEMPLATES[kind], _PART[kind]

    def part(first: int) -> dict[str, Any]:
        say(first)
        drawn = [
            {**sheet.content, "qr": _qr(sheet.content["link"])} for sheet in sheets[first : first + most]
        ]
        return {"title": _title(sheets), "size": size, "sheets": drawn}

    with translation.override(PAPER):
        if len(sheets) <= most:
            return documents.pdf(template, part(0), at=at)
        return documents.pdf_in_parts(template, map(part, range(0, len(sheets), most)), at=at)


def filename_of(sheets: Sequence[Sheet], size: str) -> str:
    """What the PDF is called when it is kept: 庙上村 二巷 A4.pdf."""
    return f"{_title(sheets)} {'A2' if sheets[0].kind == PrintKind.BOARD else size.upper()}.pdf"


def _title(sheets: Sequence[Sheet]) -> str:
    first: dict[str, Any] = dict(sheets[0].content)
    words = "公示牌" if sheets[0].kind == PrintKind.PLATE else "责任公示"
    if len(sheets) == 1:
        return f"{first['line'][-1] if first['line'] else ''} {first['name']} {words}".strip()
    common = [names[0] for names in zip(*(sheet.content["line"] for sheet in sheets)) if len(set(names)) == 1]  # noqa: B905  # as far as the shortest goes
    return f"{common[-1] if common else ''} {words} {len(sheets)} 块".strip()


def _qr(link: str) -> str:
    """A QR that still reads with a quarter of it scratched off, as SVG without a margin: the template leaves it."""
    picture = BytesIO()
    segno.make(link, error="q").save(picture, kind="svg", border=0, xmldecl=False, svgns=True, scale=1)
    return picture.getvalue().decode()
