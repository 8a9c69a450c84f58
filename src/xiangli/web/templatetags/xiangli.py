"""Tags and filters of every page. What stands in every row is built in Python: faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.web import icons, words
from xiangli.web.looks import LOOKS, look_of
from xiangli.web.navigation import Item
from xiangli.web.rules import Colour, Lamp, lamp_of

register = template.Library()

_LAMP_ICONS = {Colour.GREEN: "check", Colour.AMBER: "clock", Colour.RED: "alert", Colour.OFF: "pause"}


# --- the shell


@register.simple_tag(takes_context=True)
def look(context: Context) -> SafeString | str:
    """The chosen set of tokens, as an attribute of <html>; nothing where the device decides."""
    chosen = look_of(context.get("request"))
    return format_html(' data-look="{}"', chosen) if chosen else ""


@register.inclusion_tag("web/components/language_switch.html", takes_context=True)
def language_switch(context: Context) -> dict[str, Any]:
    """A button to the other language; the page stays the same."""
    return _with_request(context)


@register.inclusion_tag("web/components/look_switch.html", takes_context=True)
def look_switch(context: Context) -> dict[str, Any]:
    """Buttons for usual, large type and dark."""
    return {**_with_request(context), "looks": LOOKS, "current": look_of(context.get("request"))}


@register.inclusion_tag("web/components/tabs.html", takes_context=True)
def tabs(context: Context) -> dict[str, Any]:
    """The phone's tabs."""
    return _menu(context, "tabs")


@register.inclusion_tag("web/components/desk_menu.html", takes_context=True)
def desk_menu(context: Context) -> dict[str, Any]:
    """The desk's left menu."""
    return _menu(context, "menu")


def _menu(context: Context, name: str) -> dict[str, Any]:
    navigation: Callable[[], Mapping[str, list[Item]]] | None = context.get("navigation")
    items = navigation()[name] if navigation else []
    match = getattr(context.get("request"), "resolver_match", None)
    unread = context.get("unread_notices", 0)
    return {
        "items": items,
        "here": match.view_name if match else "",
        "unread": unread() if callable(unread) else unread,
    }


def _with_request(context: Context) -> dict[str, Any]:
    return {"request": context.get("request"), "csrf_token": context.get("csrf_token")}


@register.simple_tag
def icon(name: str) -> SafeString:
    """`{% icon "phone" %}`: a decoration; the word stands beside it."""
    return icons.svg(name)


# --- times and lamps


@register.filter
def when(at: datetime | None) -> SafeString | str:
    """今天 14:20, 昨天 09:05, 11月22日; the exact time on hover and for machines."""
    return "" if at is None else _time(at, words.when_words(at, now=clock.now()))


@register.filter
def deadline(at: datetime | None) -> SafeString | str:
    """明天 09:00, 11月24日 09:00: a moment that must be exact."""
    return "" if at is None else _time(at, words.deadline_words(at, now=clock.now()))


@register.filter
def when_words(at: datetime | None) -> str:
    """The words of `when` without markup, for sentences and attributes."""
    return "" if at is None else words.when_words(at, now=clock.now())


@register.filter
def deadline_words(at: datetime | None) -> str:
    """The words of `deadline` without markup."""
    return "" if at is None else words.deadline_words(at, now=clock.now())


@register.filter
def until_words(at: datetime | None) -> str:
    """今天 24:00: a moment by which something is due, without markup."""
    return "" if at is None else words.until_words(at, now=clock.now())


@register.filter
def listed(several: Iterable[object]) -> str:
    """A few things one after the other, with the mark that the language puts between them: 甲、乙."""
    return pgettext("列举", "、").join(str(one) for one in several)


@register.filter
def time_left(due_at: datetime | None) -> SafeString | str:
    """还剩 5 小时, 已超时 2 天."""
    if due_at is None:
        return ""
    return _time(due_at, words.left_words(lamp_of(due_at, now=clock.now())))


def _time(at: datetime, said: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        words.exact_words(at),
        said,
    )


@register.simple_tag
def lamp(
    due_at: datetime | None, since: datetime | None = None, amber_at: datetime | None = None
) -> SafeString:
    """`{% lamp due_at amber_at=amber_at %}`: colour, icon and word of a running clock; where nobody reckoned when
    it turns amber, `since` gives a guess."""
    lit: Lamp = lamp_of(due_at, now=clock.now(), since=since, amber_at=amber_at)
    said = words.lamp_words(lit)
    return format_html(
        '<span class="lamp {}"{}>{}<span>{}</span></span>',
        lit.colour,
        format_html(' title="{}"', words.exact_words(due_at)) if due_at else "",
        icons.svg(_LAMP_ICONS[lit.colour]),
        said,
    )


@register.simple_tag
def state(code: str, label: Any) -> SafeString:
    """`{% state matter.state label %}`: a state as a badge; the word is the workflow's."""
    return format_html('<span class="state {}">{}</span>', code.replace("_", "-"), label)


# --- places, phones, codes


@register.simple_tag
def place(name: str, path: Iterable[str] | str = "") -> SafeString:
    """`{% place "庙上村 二巷" path %}`: as people say it; the full path on hover and for screen readers."""
    full = path if isinstance(path, str) else " › ".join(path)
    if not full or full == name:
        return format_html('<span class="place">{}</span>', name)
    return format_html(
        '<span class="place" title="{}">{}<span class="unseen"> ({})</span></span>', full, name, full
    )


@register.simple_tag
def phone(number: str, label: Any = "") -> SafeString | str:
    """A duty number to tap; nothing where there is none."""
    if not number:
        return ""
    digits = "".join(c for c in number if c.isdigit() or c == "+")
    name = format_html('<span class="unseen">{} </span>', label) if label else ""
    return format_html('<a class="phone" href="tel:{}">{}{}{}</a>', digits, icons.svg("phone"), name, number)


@register.simple_tag
def copy_button(text: str, label: Any = "") -> SafeString:
    """Copies `text`; shown only where scripts run."""
    return format_html(
        '<button type="button" class="quiet" data-copy="{}" data-done="{}" hidden>{}<span>{}</span></button>',
        text,
        _("已复制"),
        icons.svg("copy"),
        label or _("复制"),
    )


@register.simple_tag
def print_button(label: Any = "") -> SafeString:
    """Prints the page; shown only where scripts run (the browser's own menu prints too)."""
    return format_html(
        '<button type="button" data-print hidden>{}<span>{}</span></button>',
        icons.svg("print"),
        label or _("打印"),
    )


@register.simple_tag
def picture_button(of: str, name: str, label: Any = "") -> SafeString:
    """Saves the element with the id `of` as `name`.png (ASCII, for any phone); shown only where scripts run."""
    return format_html(
        '<button type="button" class="outline" data-picture="{}" data-name="{}" hidden>{}<span>{}</span>'
        "</button>",
        of,
        name,
        icons.svg("download"),
        label or _("存为图片"),
    )


# --- forms


@register.inclusion_tag("web/components/field.html")
def field(bound: BoundField, optional: bool | None = None) -> dict[str, Any]:
    """`{% field form.words %}`: label, hint, error and widget, tied together. `optional=False` hides 选填."""
    kind = getattr(bound.field.widget, "input_type", "")
    return {
        "field": bound,
        "optional": not bound.field.required if optional is None else optional,
        "group": bool(getattr(bound.field.widget, "use_fieldset", False)),
        "tick": kind == "checkbox" and not getattr(bound.field.widget, "use_fieldset", False),
    }


@register.inclusion_tag("web/components/form_errors.html")
def form_errors(form: Any) -> dict[str, Any]:
    """What is wrong with the whole form, on its top, with a link to each field that needs a change."""
    return {"form": form, "fields": [bound for bound in form if bound.errors]}


STARS: Mapping[int, Any] = {
    1: gettext_lazy("很不满意"),
    2: gettext_lazy("不满意"),
    3: pgettext_lazy("评价", "一般"),
    4: gettext_lazy("满意"),
    5: gettext_lazy("很满意"),
}


@register.inclusion_tag("web/components/rating.html")
def rating(name: str = "rating", legend: Any = "", value: int | None = None) -> dict[str, Any]:
    """Five stars as radio buttons with a word each; works without scripts."""
    return {"name": name, "legend": legend or _("您满意吗？"), "stars": STARS.items(), "value": value}


@register.simple_tag
def stars(value: int | None) -> SafeString | str:
    """A rating given: its stars and its word."""
    if not value:
        return ""
    return format_html(
        '<span class="stars"><span aria-hidden="true">{}</span> {}</span>',
        "★" * value + "☆" * (5 - value),
        STARS[value],
    )


@register.simple_tag
def fresh_id() -> str:
    """A new id for a form, so that pressing twice is once."""
    return str(new_id())
