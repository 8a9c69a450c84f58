"""Documents on paper: PDF out of a typst template and data.

A template lies in `<module>/documents/<name>.typ` and begins with `#import "/web/documents/kit.typ": *`, which gives
it `data` (what the caller passed), `sheet` (the page: title, print date, page numbers) and the shapes that documents
share. Whatever a person typed arrives as a string of `data` and is set as it stands: it is never markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import typst
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from pypdf import PdfReader, PdfWriter

from xiangli.kernel import clock

_ROOT: Final = Path(__file__).resolve().parents[2]  # the package: a template reads nothing outside it
_FONTS: Final = _ROOT / "web" / "static" / "dist" / "fonts"
_FACE: Final = "Noto Sans SC"
_PPI: Final = 96.0


def pdf(name: str, data: Mapping[str, Any], *, at: datetime | None = None) -> bytes:
    """The document `name` ("territory/plates" is territory/documents/plates.typ) filled with `data`: anything JSON
    holds, and dates, UUIDs and lazy words.

    `at` is the moment of printing, now unless said. The same data at the same moment in the same language gives the
    same bytes. Fonts are embedded; nothing of the machine's own is used.

    Raises ImproperlyConfigured when the front end, which brings the fonts, is not built.
    """
    made = typst.compile(**_asked(name, data, at), format="pdf")
    assert isinstance(made, bytes)
    return made


def pdf_in_parts(name: str, parts: Iterable[Mapping[str, Any]], *, at: datetime | None = None) -> bytes:
    """One PDF of many pages, made a part at a time so that a thousand pages need no more memory than one part: the
    document `name` with each of `parts`, one after the other. Page numbers begin anew with each; the title is the
    first's. For paper: without the tags by which a screen reader finds its way, which would be half of it."""
    whole = PdfWriter()
    for data in parts:
        made = typst.compile(**_asked(name, data, at), format="pdf", pdf_tags=False)
        _forget()
        assert isinstance(made, bytes)
        part = PdfReader(BytesIO(made))
        if not whole.pages:
            whole.add_metadata(dict(part.metadata or {}))
        whole.append(part)
    out = BytesIO()
    whole.write(out)
    return out.getvalue()


def _forget() -> None:
    """Let typst give up what it laid out: it keeps that until ten more documents are made, in case they are alike."""
    for _document in range(11):
        typst.compile(b"", font_paths=_fonts(), ignore_system_fonts=True, format="pdf")


def png(name: str, data: Mapping[str, Any], *, at: datetime | None = None, ppi: float = _PPI) -> list[bytes]:
    """The same document as pictures, one a page: for looking at."""
    made = typst.compile(**_asked(name, data, at), format="png", ppi=ppi)
    return list(made) if isinstance(made, list) else [made]


def pdf_response(content: bytes, filename: str) -> HttpResponse:
    """A PDF to be shown by the browser, and kept under `filename`, which may be Chinese."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = str(content_disposition_header(False, filename))
    return response


def _asked(name: str, data: Mapping[str, Any], at: datetime | None) -> dict[str, Any]:
    printed = localtime(at or clock.now())
    module, _slash, template = name.rpartition("/")
    kit = {
        "lang": (get_language() or "zh-hans").split("-")[0],
        "printed": _("%(day)s 印制") % {"day": date_format(printed, "Y-m-d")},
        "page": _("第 {page} 页，共 {pages} 页"),
    }
    return {
        "input": str(_ROOT / module / "documents" / f"{template}.typ"),
        "root": str(_ROOT),
        "font_paths": _fonts(),
        "ignore_system_fonts": True,
        "sys_inputs": {
            "data": json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False),
            "kit": json.dumps(kit, ensure_ascii=False),
        },
        "timestamp": int(printed.timestamp()),
    }


@cache
def _fonts() -> typst.Fonts:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_FONTS)])
    if _FACE not in fonts.families():
        raise ImproperlyConfigured("the fonts of documents are not there: run `make frontend`")
    return fonts
