"""A row of the queue. A page has a hundred of them, so it is built in Python: a sixth off the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from xiangli.web import icons
from xiangli.web.templatetags.xiangli import deadline, lamp, state, when

register = template.Library()

_ROW = (
    '<tr data-row id="m-{}" data-id="{}">{}<td>{}</td><td>{}</td><td class="what"><a href="{}">{}</a>{}{}</td>'
    "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
)
_PICK = '<td class="pick"><label><input type="checkbox" name="m" value="{}" aria-label="{}"></label></td>'
_DANGER = ' <span class="lamp red">{}<span>{}</span></span>'
_LOCK = ' <span class="state">{} {}</span>'


@register.simple_tag
def queue_row(row: Mapping[str, Any], bulk: object) -> SafeString:
    """`{% queue_row row bulk %}`: what `pages.view.rows_of` gives of a matter; with `bulk`, to be ticked."""
    matter = row["matter"]
    ended = matter.closed_at is not None
    return format_html(
        _ROW,
        matter.number,
        matter.pk,
        format_html(_PICK, matter.number, row["pick"]) if bulk else "",
        lamp(matter.next_clock_at, amber_at=matter.next_amber_at),
        matter.number,
        row["page"],
        matter.title,
        format_html(_DANGER, icons.svg("alert"), _("有危险")) if matter.danger else "",
        format_html(_LOCK, icons.svg("lock"), row["lock"]) if row["lock"] else "",
        row["topic"],
        matter.place_name,
        row["who"],
        when(matter.closed_at) if ended else deadline(matter.next_clock_at),
        state(matter.state, row["label"]),
    )
