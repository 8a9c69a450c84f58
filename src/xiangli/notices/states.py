"""Channels, how a delivery may end, and what modules above register here: the kinds of notices are their verbs, and what
a notice is about is theirs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from xiangli.territory.rules import Actor

RETRY_DELIVERY: Final = "retry_delivery"  # the permission to look after what did not arrive


class ChannelKind(models.TextChoices):
    WECOM = "wecom", _("企业微信")
    DINGTALK = "dingtalk", _("钉钉")
    SMS = "sms", _("短信")
    EMAIL = "email", _("邮件")
    VOICE = "voice", _("语音电话")
    WECOM_GROUP = "wecom_group", _("企业微信群机器人")
    DING_GROUP = "ding_group", _("钉钉群机器人")


PERSONAL: Final = (
    ChannelKind.WECOM,
    ChannelKind.DINGTALK,
    ChannelKind.SMS,
    ChannelKind.EMAIL,
    ChannelKind.VOICE,
)
GROUPS: Final = (ChannelKind.WECOM_GROUP, ChannelKind.DING_GROUP)


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("待发送")
    SENT = "sent", _("已发出")
    DEAD = "dead", _("没有送到")
    SETTLED = "settled", _("已由人转告")


class Fault(models.TextChoices):
    """Why a delivery failed. A code of ours, never the provider's words: these may quote the message."""

    NO_ANSWER = "no_answer", _("对方的服务没有应答")
    BROKEN = "broken", _("对方的服务出了故障")
    NONSENSE = "nonsense", _("对方的回答看不懂，可能地址设错了")
    BUSY = "busy", _("发得太多太快，对方要求稍后再发")
    CREDENTIALS = "credentials", _("通道的密钥、权限或设置不对，请系统管理员检查")
    REFUSED = "refused", _("对方不收，没有说明原因")
    UNKNOWN = "unknown", _("没有这个账号或号码，或它不在可发的范围内")
    NO_ADDRESS = "no_address", _("本人没有登记这个通道的账号或号码")
    NO_CHANNEL = "no_channel", _("县里没有开通这个通道，或已关闭")
    UNREADABLE = "unreadable", _("存的设置或号码打不开，请系统管理员重新登记")
    WORDS = "words", _("内容不全，改发了一句通用的话")  # of one that was sent all the same

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help before somebody mends it."""
        return self in (Fault.UNKNOWN, Fault.NO_ADDRESS, Fault.NO_CHANNEL, Fault.UNREADABLE)


# What a Delivery's `what` says where it is no verb.
NEUTRAL: Final = "neutral"  # of a private or sealed matter: not even the verb leaves the house
DIGEST: Final = "digest"  # several
TEST: Final = "test"  # of the administrator

# Of a matter, as the payload of an effect says it; matters above has the same words.
ORDINARY: Final = "ordinary"
PRIVATE: Final = "private"
SEALED: Final = "sealed"

Describe = Callable[[Actor, Collection[UUID]], Mapping[UUID, str]]
Barred = Callable[[Collection[UUID]], Mapping[UUID, set[UUID]]]


@dataclass(frozen=True, slots=True)
class Known:
    """What the module that owns a matter knows of it for whoever is told outside the app: the county whose ways
    lead there, and what may be said."""

    county: UUID
    visibility: str
    danger: bool
    facts: Mapping[str, str]  # number, category, lane: plain names


Knows = Callable[[Collection[UUID]], Mapping[UUID, Known]]
Reach = Callable[[Actor], models.QuerySet[Any]]

_OTHER = _("有一件事项有了新进展")
_words: dict[str, Any] = {}
_describers: list[Describe] = []
_barred: list[Barred] = []
_reaches: list[Reach] = []
_knows: list[Knows] = []
_urgent: set[str] = set()
_templates: dict[str, Any] = {}
_reporter_templates: dict[str, Any] = {}
_group_news: set[str] = set()


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


def register_templates(templates: Mapping[str, Any], *, reporter: bool = False) -> None:
    """What a message of a kind says outside the app, where the usual frame around its words will not do; with
    `reporter`, what the person who reported is told.

    {"close_case": _("您反映的{category}（{lane}）已办结，请凭查询码查看：{link}")}. The places that a template may name
    are those of rules.PLACES; what names another is refused here, at the start.
    """
    from xiangli.notices.rules import places_in  # it speaks of the channels above

    registry = _reporter_templates if reporter else _templates
    for kind, template in templates.items():
        places_in(str(template))
        if registry.setdefault(kind, template) != template:
            raise ValueError(f"kind {kind!r} has a template already")


def template_of(kind: str, *, reporter: bool = False) -> Any:
    """The template of a kind; None where nobody registered any."""
    return (_reporter_templates if reporter else _templates).get(kind)


def register_group_news(kinds: Collection[str]) -> None:
    """Called by a workflow: of which verbs the county's group robots speak. Danger is always told there."""
    _group_news.update(kinds)


def is_group_news(kind: str) -> bool:
    return kind in _group_news


def register_urgent(kinds: Collection[str]) -> None:
    """Called by a workflow: which verbs are urgent where there is danger. Of the others people are told as usual:
    nobody is rung at night because a dangerous matter was evaluated."""
    _urgent.update(kinds)


def is_urgent(kind: str) -> bool:
    return kind in _urgent


def register_knows(knows: Knows) -> None:
    """Called by a module that owns what notices are about. `knows` says, in one or two statements, what may leave
    the app of those."""
    if knows not in _knows:
        _knows.append(knows)


def known_of(about: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of these for telling outside."""
    found: dict[UUID, Known] = {}
    for each in _knows if about else ():
        found.update(each(about))
    return found


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


def register_reach(reach: Reach) -> None:
    """Called by a module that owns what notices are about. `reach` gives the rows that the actor may see, by their
    keys: the desk that looks after what did not arrive sees no more of it than of the matter.
    """
    if reach not in _reaches:
        _reaches.append(reach)


def within_reach(actor: Actor, column: str) -> models.Q:
    """Rows whose `column` names something that the actor may see."""
    found = models.Q()
    for reach in _reaches:
        found |= models.Q(models.Exists(reach(actor).filter(pk=models.OuterRef(column))))
    return found if _reaches else models.Q(pk=None)
