"""What a notice says. The kinds are the verbs of the workflows above, so these register their words here."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from xiangli.territory.rules import Actor


class ChannelKind(models.TextChoices):
    WECOM = "wecom", _("企业微信")
    DINGTALK = "dingtalk", _("钉钉")
    SMS = "sms", _("短信")
    EMAIL = "email", _("邮件")
    VOICE = "voice", _("语音电话")
    WECOM_GROUP = "wecom_group", _("企业微信群机器人")
    DING_GROUP = "ding_group", _("钉钉群机器人")


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("待发送")
    SENT = "sent", _("已发出")
    DEAD = "dead", _("没有送到")
    SETTLED = "settled", _("已由人转告")


Describe = Callable[[Actor, Collection[UUID]], Mapping[UUID, str]]
Barred = Callable[[Collection[UUID]], Mapping[UUID, set[UUID]]]

_OTHER = _("有一件事项有了新进展")
_words: dict[str, Any] = {}
_describers: list[Describe] = []
_barred: list[Barred] = []


def register_words(words: Mapping[str, Any]) -> None:
    """Called once by each workflow's app config: what a notice of each kind says.

    {"assign_case": _("有事项交给您办理")}. A kind that has other words already is refused.
    """
    for kind, said in words.items():
        if _words.setdefault(kind, said) != said:
            raise ValueError(f"kind {kind!r} has words already")


def words_of(kind: str) -> Any:
    """The sentence of a kind; a plain one where nobody registered any."""
    return _words.get(kind, _OTHER)


def register_describer(describe: Describe) -> None:
    """Called by a module that owns what notices are about. `describe` names, in one statement, those of the
    ids that the actor may see; what it leaves out stays unnamed: a notice outlives the right to look.
    """
    if describe not in _describers:
        _describers.append(describe)


def describe(actor: Actor, about: Collection[UUID]) -> dict[UUID, str]:
    """The names of what the actor may see."""
    named: dict[UUID, str] = {}
    for each in _describers if about else ():
        named.update(each(actor, about))
    return named


def register_barred(barred: Barred) -> None:
    """Called by a module that owns what notices are about. `barred` says, in one statement, who must not even
    learn that something happened there: a seat's people change after it was given the matter.
    """
    if barred not in _barred:
        _barred.append(barred)


def barred_from(about: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The users who are told nothing, by what they are told nothing of."""
    found: dict[UUID, set[UUID]] = {}
    for each in _barred:
        for key, users in each(about).items():
            found.setdefault(key, set()).update(users)
    return found
