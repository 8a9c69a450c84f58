"""The icons, drawn for this project on a grid of 24: strokes only, in the colour of the words beside them."""

from __future__ import annotations

from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_SHAPES = {
    "alert": '<path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.1"/>',
    "back": '<path d="M14.5 5.5 8 12l6.5 6.5"/>',
    "bell": '<path d="M6 17h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v4.5zM10.5 20h3"/>',
    "camera": '<path d="M3.5 8h4L9 5.5h6L16.5 8h4v11h-17z"/><circle cx="12" cy="13" r="3.5"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3.2 2"/>',
    "chart": '<path d="M4 20h16M7 16v-5M12 16V6M17 16v-8"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "copy": '<path d="M8.5 8.5H20V20H8.5zM15.5 8.5V4H4v11.5h4.5"/>',
    "download": '<path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14"/>',
    "house": '<path d="M3.5 11.5 12 4.5l8.5 7M6 10v10h12V10M10 20v-5.5h4V20"/>',
    "inbox": '<path d="m4 13 2.5-8h11L20 13v6H4zM4 13h5l1 2.5h4l1-2.5h5"/>',
    "list": '<path d="M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4 6.5v.1M4 12v.1M4 17.5v.1"/>',
    "lock": '<path d="M5.5 11h13v9h-13zM8 11V8a4 4 0 0 1 8 0v3"/>',
    "map": '<path d="m3.5 6 5.5-2 6 2.5 5.5-2V18L15 20l-6-2.5-5.5 2zM9 4v13.5M15 6.5V20"/>',
    "next": '<path d="M9.5 5.5 16 12l-6.5 6.5"/>',
    "pause": '<path d="M9 6v12M15 6v12"/>',
    "people": '<circle cx="9" cy="8.5" r="3.2"/><path d="M3 19.5c.6-4 2.8-5.5 6-5.5s5.4 1.5 6 5.5'
    'M15.5 5.7a3.2 3.2 0 0 1 0 5.6M17 14.3c2.3.5 3.6 2.2 4 5.2"/>',
    "phone": '<path d="M4.5 4.5c-.5 8.5 6.5 15.5 15 15l.5-4.5-4.5-1.5-2 2c-2.2-1-4-2.8-5-5l2-2L9 4z"/>',
    "pin": '<path d="M12 21c-4-4.6-6.5-8-6.5-11.3a6.5 6.5 0 0 1 13 0C18.5 13 16 16.4 12 21z"/>'
    '<circle cx="12" cy="9.7" r="2.3"/>',
    "print": '<path d="M7 8V3.5h10V8M7 17H3.5V8h17v9H17M7 14h10v6.5H7z"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "star": '<path d="m12 3.5 2.6 5.4 5.9.8-4.3 4.1 1 5.9L12 16.9l-5.2 2.8 1-5.9L3.5 9.7l5.9-.8z"/>',
    "user": '<circle cx="12" cy="8" r="3.8"/><path d="M4.5 20c.8-4.2 3.5-6 7.5-6s6.7 1.8 7.5 6"/>',
}


@cache
def svg(name: str) -> SafeString:
    """The icon `name`, hidden from screen readers: a word always stands beside it. KeyError: no such icon."""
    shape = mark_safe(_SHAPES[name])  # noqa: S308  # our own drawing, above
    # Size and stroke stand here too: on a slow line the page may come before its style sheet.
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor"'
        ' stroke-width="2" aria-hidden="true" focusable="false">{}</svg>',
        shape,
    )
