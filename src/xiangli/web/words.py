"""Times in the words people use, in the active language and the cell's time zone, as plain text."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from xiangli.web.rules import Colour, Lamp, Near, Span, Unit, nearness


def exact_words(at: datetime) -> str:
    """The exact local time: 2025年11月22日 14:20."""
    return date_format(timezone.localtime(at), pgettext("日期格式", "Y年n月j日 H:i"))


def day_words(at: datetime, *, now: datetime) -> str:
    """The day: 今天, 昨天, 11月22日."""
    local = timezone.localtime(at)
    match nearness(at, now=now, zone=timezone.get_current_timezone()):
        case Near.TODAY:
            return _("今天")
        case Near.YESTERDAY:
            return _("昨天")
        case Near.TOMORROW:
            return _("明天")
        case Near.THIS_YEAR:
            return date_format(local, pgettext("日期格式", "n月j日"))
        case Near.OTHER_YEAR:
            return date_format(local, pgettext("日期格式", "Y年n月j日"))


def when_words(at: datetime, *, now: datetime) -> str:
    """When something was or will be: 今天 14:20, 昨天 9:05; farther away only the day, 11月22日."""
    if nearness(at, now=now, zone=timezone.get_current_timezone()) in (Near.THIS_YEAR, Near.OTHER_YEAR):
        return day_words(at, now=now)
    return deadline_words(at, now=now)


def deadline_words(at: datetime, *, now: datetime) -> str:
    """A moment that must be exact: 明天 09:00, 11月24日 09:00."""
    return _("%(day)s %(time)s") % {"day": day_words(at, now=now), "time": f"{timezone.localtime(at):%H:%M}"}


def until_words(at: datetime, *, now: datetime) -> str:
    """By when something is due: 明天 09:00; what is due as a day ends is due at 今天 24:00, which nobody takes for
    the night before."""
    local = timezone.localtime(at)
    if (local.hour, local.minute, local.second) != (0, 0, 0):
        return deadline_words(at, now=now)
    day = day_words(at - timedelta(minutes=1), now=now)
    return _("%(day)s %(time)s") % {"day": day, "time": "24:00"}


def span_words(span: Span) -> str:
    """5 小时, 2 天."""
    match span.unit:
        case Unit.MINUTE:
            return ngettext("%(count)d 分钟", "%(count)d 分钟", span.count) % {"count": span.count}
        case Unit.HOUR:
            return ngettext("%(count)d 小时", "%(count)d 小时", span.count) % {"count": span.count}
        case Unit.DAY:
            return ngettext("%(count)d 天", "%(count)d 天", span.count) % {"count": span.count}


def left_words(lamp: Lamp) -> str:
    """还剩 5 小时, 已超时 2 天; nothing where no clock runs."""
    if lamp.span is None:
        return ""
    words = _("已超时 %(span)s") if lamp.colour is Colour.RED else _("还剩 %(span)s")
    return words % {"span": span_words(lamp.span)}


def lamp_words(lamp: Lamp) -> str:
    """What stands beside the lamp: 正常, 将到期 还剩 5 小时, 已超时 2 天."""
    match lamp.colour:
        case Colour.GREEN:
            return _("正常")
        case Colour.AMBER:
            return _("将到期 %(left)s") % {"left": left_words(lamp)}
        case Colour.RED:
            return left_words(lamp)
        case Colour.OFF:
            return _("不计时")
