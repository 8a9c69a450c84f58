"""`{% vite_asset "desk/main.js" %}`: the tags of one entry of the front end's build."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

DIST: Final = Path(__file__).resolve().parent.parent / "static" / "dist"


@cache
def _manifest() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((DIST / "manifest.json").read_bytes())
    except FileNotFoundError as error:
        raise ImproperlyConfigured("the front end is not built: run `make frontend`") from error
    return found


@register.simple_tag
@cache
def vite_asset(entry: str) -> SafeString:
    """The script or style sheet built from `entry` (its path under frontend/), styles it imports included.

    Raises ImproperlyConfigured when the front end was not built or has no such entry.
    """
    try:
        built = _manifest()[entry]
    except KeyError as error:
        raise ImproperlyConfigured(f"the front end's build has no entry {entry}") from error
    sheets = built.get("css", [])
    if built["file"].endswith(".css"):
        sheets = [built["file"]]
    tags = format_html_join("", '<link rel="stylesheet" href="{}">', ((_address(sheet),) for sheet in sheets))
    if built["file"].endswith(".js"):
        tags += format_html('<script type="module" src="{}"></script>', _address(built["file"]))
    return tags


def _address(file: str) -> str:
    return static(f"dist/{file}")
