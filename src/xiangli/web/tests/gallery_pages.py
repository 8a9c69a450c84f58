"""Sample pages that use every component of the kit; tests render them, and axe reads them in each look."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from django import forms
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory
from django.utils import translation

from xiangli.kernel import clock

_FOLDER: Final = Path(__file__).parent / "gallery"
PAGES: Final = sorted(file.stem for file in _FOLDER.glob("*.html"))
NOW: Final = datetime.fromisoformat("2026-11-22T14:20:00+08:00")
_DOT: Final = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/%3E"


class SampleForm(forms.Form):
    photos = forms.FileField(
        label="照片",
        required=False,
        help_text="最多 9 张。",
        widget=forms.FileInput(
            attrs={"data-photos": "", "data-most": "9", "data-too-many": "最多 9 张。", "accept": "image/*"}
        ),
    )
    words = forms.CharField(label="什么事", widget=forms.Textarea, help_text="说清楚是什么、在哪儿就行。")
    category = forms.ChoiceField(
        label="类别",
        widget=forms.RadioSelect,
        choices=[("waste", "垃圾清运"), ("light", "路灯"), ("road", "道路"), ("other", "其他情况")],
    )
    place = forms.CharField(label="具体位置", required=False)
    phone = forms.CharField(
        label="电话",
        required=False,
        help_text="只用来就这件事联系您。",
        widget=forms.TextInput({"inputmode": "tel"}),
    )
    agree = forms.BooleanField(label="办好后给我打电话", required=False)
    when = forms.ChoiceField(label="什么时候方便", choices=[("day", "白天"), ("evening", "晚上")])


def render_page(name: str, look: str = "", language: str = "zh-hans") -> str:
    """The sample page `name` in `look` and `language`, at NOW."""
    request = RequestFactory().get("/sample/")
    request.COOKIES["xl_look"] = look
    return render_for(request, name, language)


def render_for(request: HttpRequest, name: str, language: str) -> str:
    """The sample page `name` as the answer to `request`."""
    template = engines["django"].from_string((_FOLDER / f"{name}.html").read_text(encoding="utf-8"))
    with patch.object(clock, "now", return_value=NOW), translation.override(language):
        return str(template.render(_context(), request))


def _context() -> dict[str, Any]:
    form = SampleForm({"words": "", "category": "waste", "when": "day"})
    photo = {"url": "#", "thumbnail_url": _DOT, "alt": "处理前的巷口"}
    return {
        "form": form,
        "photo": photo,
        "photos": [photo, photo, photo],
        "since": NOW - timedelta(days=2),
        "late": NOW - timedelta(days=2, hours=3),
        "soon": NOW + timedelta(hours=5, minutes=30),
        "far": NOW + timedelta(days=3),
        "hour_ago": NOW - timedelta(hours=1),
        "day_ago": NOW - timedelta(days=1),
        "week_ago": NOW - timedelta(days=7),
        "year_ago": NOW - timedelta(days=400),
        "entries": [
            {
                "at": NOW - timedelta(days=1),
                "title": "上报",
                "by": "反映人",
                "words": "巷口垃圾没人清。",
                "mark": "camera",
            },
            {"at": NOW - timedelta(hours=2), "title": "接单", "by": "张建国（巷长）", "photos": [photo]},
            {"at": NOW, "title": "处理完成", "by": "张建国（巷长）", "words": "已清走，路面冲洗过。"},
        ],
    }
