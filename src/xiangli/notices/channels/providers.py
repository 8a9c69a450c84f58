"""Which provider serves which kind of channel, and the settings that each asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.channels import dingtalk, wecom
from xiangli.notices.channels.gateway import Gateway
from xiangli.notices.channels.mail import Mail
from xiangli.notices.channels.web import Line, Message
from xiangli.notices.states import ChannelKind


class Provider(Protocol):
    """One county's channel at its provider, for one round of sending."""

    async def send(self, message: Message) -> None:
        """Return when the provider took the message. Raises Undelivered."""


PROVIDERS: Final[Mapping[str, Callable[[Line, httpx.AsyncClient], Provider]]] = {
    ChannelKind.WECOM: wecom.WeCom,
    ChannelKind.WECOM_GROUP: wecom.WeComGroup,
    ChannelKind.DINGTALK: dingtalk.DingTalk,
    ChannelKind.DING_GROUP: dingtalk.DingGroup,
    ChannelKind.SMS: Gateway,
    ChannelKind.VOICE: Gateway,
    ChannelKind.EMAIL: Mail,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name at the provider, what it holds, and what it is where nobody says (None: it must be said)."""

    name: str
    type: type = str
    secret: bool = False
    default: Any = None


def _base(address: str) -> Field:
    return Field("base", default=address)


_GATEWAY: Final = (
    Field("url"),
    Field("headers", dict, secret=True, default={}),
    Field("body", dict, secret=True),  # some gateways want their password in it
    Field("code"),  # where in the answer its verdict stands: "code", "data.status"
    Field("good", list),
    Field("unknown", list, default=[]),  # verdicts that say: no such number
    Field("busy", list, default=[]),  # … later
    Field("denied", list, default=[]),  # … wrong password, no money left
)
_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    ChannelKind.WECOM: (
        Field("corp_id"),
        Field("agent_id", int),
        Field("secret", secret=True),
        _base(wecom.BASE),
    ),
    ChannelKind.WECOM_GROUP: (Field("key", secret=True), _base(wecom.BASE)),
    ChannelKind.DINGTALK: (
        Field("app_key"),
        Field("agent_id", int),
        Field("app_secret", secret=True),
        _base(dingtalk.BASE),
    ),
    ChannelKind.DING_GROUP: (
        Field("token", secret=True),
        Field("secret", secret=True, default=""),
        _base(dingtalk.BASE),
    ),
    ChannelKind.SMS: _GATEWAY,
    ChannelKind.VOICE: _GATEWAY,
    ChannelKind.EMAIL: (
        Field("host"),
        Field("port", int, default=465),
        Field("security", default="tls"),  # tls, starttls, none
        Field("username", default=""),
        Field("password", secret=True, default=""),
        Field("sender"),
    ),
}


def fields_of(kind: str) -> tuple[Field, ...]:
    """The settings of a kind of channel, in the order in which one is asked for them."""
    return _FIELDS[kind]


def check_settings(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are kept, defaults filled in. Raises Refused("channel_settings"), which quotes no value."""
    fields = {field.name: field for field in _FIELDS[kind]}
    if strange := given.keys() - fields.keys():
        raise _refused(_("没有这些设置：%(names)s；可用的是 %(all)s。"), names=strange, all=fields)
    kept: dict[str, Any] = {}
    for name, field in fields.items():
        value = given.get(name, field.default)
        if field.type is int and isinstance(value, str) and value.isdecimal():
            value = int(value)
        if value is None or (value in ("", [], {}) and field.default is None):
            raise _refused(_("还缺设置 %(names)s；要有 %(all)s。"), names=[name], all=fields)
        if not isinstance(value, field.type) or isinstance(value, bool):
            raise _refused(
                _("设置 %(names)s 的类型不对，应为 %(all)s。"), names=[name], all=[field.type.__name__]
            )
        kept[name] = value
    for name in ("base", "url"):
        if name in kept:
            kept[name] = kept[name].rstrip("/") if name == "base" else kept[name]
            if not _safe(kept[name]):
                raise _refused(
                    _("%(names)s 要以 https:// 开头（本机的服务可用 http）。"), names=[name], all=()
                )
    if kind == ChannelKind.EMAIL and kept["security"] not in ("tls", "starttls", "none"):
        raise _refused(_("security 要写 tls、starttls 或 none。"), names=(), all=())
    if "body" in kept and "{to}" not in str(kept["body"]):
        raise _refused(_("body 里没有 {to}：短信或电话不知道发给谁。"), names=(), all=())
    return kept


def _safe(address: str) -> bool:
    parts = urlsplit(address)
    ours = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and ours))


def _refused(words: str, *, names: Any, all: Any) -> Refused:
    return Refused(
        "channel_settings",
        words.replace("%(names)s", "、".join(sorted(names))).replace("%(all)s", "、".join(all)),
    )
