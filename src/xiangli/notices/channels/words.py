"""What a message says outside the app, in the person's language. It never raises and never shows a brace: what cannot be
said as it was meant is said neutrally, and the log tells of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _

from xiangli.notices.rules import fill
from xiangli.notices.states import DIGEST, GROUPS, NEUTRAL, TEST, ChannelKind, template_of, words_of

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """A message made: its words, what they were made of, and whether it had to be said neutrally."""

    text: str
    places: Mapping[str, str]
    fell_back: bool = False


def say(
    *,
    kind: str,
    what: str,
    facts: Mapping[str, Any],
    count: int,
    danger: bool,
    reporter: bool,
    link: str,
    made_at: datetime,
    language: str,
) -> Said:
    """The words of one delivery of `kind`. `facts` are those of the matter: number, category, lane."""
    with translation.override(language or "zh-hans"):
        places = {
            **{name: str(facts[name]) for name in ("number", "category", "lane") if facts.get(name)},
            "link": link,
            "says": str(words_of(what)),
            "count": str(count),
            # The moment makes two messages of one matter two texts: DingTalk shows a text once a day.
            "at": f"{made_at.astimezone(_CHINA):%H:%M}",
        }
        neutral = _neutral(kind, reporter=reporter)
        template = _template(kind, what, count=count, reporter=reporter) or neutral
        text, fell_back = fill(template, places), False
        if text is None:
            _log.warning(
                "notices: a message of %r by %s lacks something it names; said neutrally", what, kind
            )
            text, fell_back = fill(neutral, places) or _("有一件事项请您查看。"), True
        if danger and not reporter:
            text = _("【紧急】") + text
        if what in (NEUTRAL, DIGEST, TEST):  # what stands as a mail's subject says no more than the message
            places["says"] = _("巷里消息")
        return Said(text, places, fell_back)


def _template(kind: str, what: str, *, count: int, reporter: bool) -> str | None:
    if what == TEST:
        return _("这是巷里的一条测试消息，收到就说明通道是通的。（{at}）")
    if what == NEUTRAL and (count == 1 or reporter or kind == ChannelKind.VOICE):
        return None
    if reporter:
        found = template_of(what, reporter=True)
        return None if found is None else str(found)
    if kind in GROUPS:
        return (
            _("{number} {category} {lane} {link}")
            if count == 1
            else _("{count} 件事项有了新进展：{link}（{at}）")
        )
    if kind == ChannelKind.VOICE:
        if count > 1:
            return _("{says}，共 {count} 件。请马上打开巷里查看。")
        return _("{says}。{category}，{lane}。请马上打开巷里查看。")
    if what in (DIGEST, NEUTRAL):
        return _("您有 {count} 件事项有了新进展：{link}（{at}）")
    if count > 1:
        return _("{says}，共 {count} 件：{link}（{at}）")
    found = template_of(what)
    return _("{says}：{category}，{lane}，编号 {number}。{link}（{at}）") if found is None else str(found)


def _neutral(kind: str, *, reporter: bool) -> str:
    if reporter:
        return _("您反映的事项有了新进展，请凭查询码查看：{link}")
    if kind == ChannelKind.VOICE:
        return _("有一件紧急事项，请马上打开巷里查看。")
    return _("有一件事项请您查看：{link}（{at}）")
