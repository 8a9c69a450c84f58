"""Danger words on pages: the box that says what to ring, and the list for the phone, which looks at what is
typed by itself: nothing is sent before somebody sends it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from xiangli.cases.rules import dangers_in
from xiangli.cases.rules.danger import NUMBERS, word_list


@lru_cache(maxsize=1)
def _list() -> bytes:
    return json.dumps(word_list().compact(), ensure_ascii=False, separators=(",", ":")).encode()


# Packed although secrets must not be: it is the same for everybody, and 2G is slow.
@require_GET
@gzip_page
@cache_control(public=True, max_age=24 * 3600)
def danger_words(request: HttpRequest) -> HttpResponse:
    """The list as regular expressions of JavaScript; nobody's words are asked for."""
    return HttpResponse(_list(), content_type="application/json")


def danger_box(words: str | None) -> dict[str, Any]:
    """What `cases/_danger.html` shows: whether these words tell of danger, and the numbers with their names,
    the one that fits first."""
    danger = dangers_in(words or "")
    names = {"110": _("报警"), "119": _("火警"), "120": _("急救")}
    numbers = danger.numbers if danger else NUMBERS
    return {"danger": danger, "danger_numbers": [(number, names[number]) for number in numbers]}
