"""`xiangli channel`: a county's ways out of the app."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from xiangli.config.words import words

if TYPE_CHECKING:
    from xiangli.territory.models import Unit

_COUNTY = click.option(
    "--county",
    "code",
    required=True,
    metavar="CODE",
    help=words("县的代码，如 140821", "the county's code, such as 140821"),
)


@click.group(
    "channel",
    help=words(
        "县里通知用的通道：企业微信、钉钉、短信、邮件、语音电话、群机器人。",
        "The channels by which a county tells people: WeCom, DingTalk, SMS, e-mail, voice calls, group robots.",
    ),
)
def command() -> None:
    pass


@command.command(
    "set",
    help=words(
        "开通一个通道，或换它的设置。在终端上逐项询问（密钥不显示）；否则从标准输入读 JSON。",
        "Open a channel, or change its settings: asked for one by one at a terminal (secrets are not shown), else read as JSON "
        "from standard input.",
    ),
)
@click.argument("kind")
@_COUNTY
def set_(kind: str, code: str) -> None:
    with ready():
        from xiangli.kernel import clock
        from xiangli.notices.actions import open_channel

        county = _county(code)
        check_kind(kind)
        given = _asked(kind) if sys.stdin.isatty() else _piped()
        open_channel(county=county.pk, kind=kind, settings=given, now=clock.now())
        click.echo(
            words(
                f"{county.short_name} 已开通 {kind}。发一条试试：xiangli channel test {kind} --county {code} --to 登录名",
                f"{kind} is open in {county.name_en or county.short_name}. Try it: xiangli channel test {kind} --county {code} --to NAME",
            )
        )


def _asked(kind: str) -> dict[str, Any]:
    from xiangli.notices.channels import fields_of

    given: dict[str, Any] = {}
    for field in fields_of(kind):
        structured = field.type in (dict, list)
        default = json.dumps(field.default) if structured and field.default is not None else field.default
        hint = " (JSON)" if structured else ""
        said = click.prompt(
            field.name + hint,
            default=default,
            hide_input=field.secret,
            show_default=not field.secret,
            type=str,
        )
        given[field.name] = _parsed(said) if structured else said
    return given


def _piped() -> dict[str, Any]:
    given = _parsed(sys.stdin.read())
    if not isinstance(given, dict):
        raise click.ClickException(
            words("标准输入要是一个 JSON 对象。", "standard input must be one JSON object.")
        )
    return given


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # what was typed is not quoted: it holds secrets
        raise click.ClickException(words("不是 JSON，读不懂。", "this is no JSON.")) from None


@command.command("close", help=words("关闭一个通道；设置保留。", "Close a channel; its settings stay."))
@click.argument("kind")
@_COUNTY
def close(kind: str, code: str) -> None:
    with ready():
        from xiangli.kernel import clock
        from xiangli.notices.actions import close_channel

        if not close_channel(county=_county(code).pk, kind=kind, now=clock.now()):
            raise click.ClickException(words(f"{kind} 没有开通。", f"{kind} is not open."))
        click.echo(words("已关闭。", "closed."))


@command.command("list", help=words("列出开通的通道。", "List the channels."))
def list_() -> None:
    with ready():
        from xiangli.notices.queries import channels, dead_letters

        dead = {(county, kind): count for county, kind, count in dead_letters()}
        for channel in channels():
            state = words("开通", "open") if channel.enabled else words("已关闭", "closed")
            count = dead.get((channel.county.short_name, channel.kind), 0)
            line = f"{channel.county.code} {channel.county.short_name}  {channel.kind}  {state}  {channel.changed_at:%Y-%m-%d}"
            click.echo(line + (words(f"  {count} 条没有送到", f"  {count} not delivered") if count else ""))


@command.command(
    "test",
    help=words(
        "马上发一条测试消息：给 --to 的人登记的地址，或给群。",
        "Send one message now: to the address that --to has registered, or to the group.",
    ),
)
@click.argument("kind")
@_COUNTY
@click.option(
    "--to",
    "person",
    metavar="PERSON",
    help=words("登录名、姓名或编号", "a name to sign in by, a full name or an id"),
)
def test(kind: str, code: str, person: str | None) -> None:
    with ready():
        from xiangli.kernel import clock
        from xiangli.notices.actions import try_channel
        from xiangli.notices.states import GROUPS

        check_kind(kind)
        if kind not in GROUPS and person is None:
            raise click.UsageError(words("请用 --to 说明发给谁。", "say whom to send it to: --to."))
        user = None if kind in GROUPS or person is None else found_person(person)
        fault = try_channel(
            county=_county(code).pk, kind=kind, user_id=user.pk if user else None, now=clock.now()
        )
        if fault is not None:
            raise click.ClickException(f"{fault.label} ({fault.value})")
        click.echo(words("对方收下了，请看有没有收到。", "the provider took it; look whether it arrives."))


def found_person(called: str) -> Any:
    """The one person who is called so. Raises ClickException for nobody and for several."""
    from xiangli.accounts.queries import people_called

    found = people_called(called)
    if len(found) == 1:
        return found[0]
    several = "".join(f"\n  {user.pk}  {user.display_name}  {user.username or ''}" for user in found)
    raise click.ClickException(
        words(
            f"有几个人叫“{called}”，请用编号再试：{several}" if found else f"没有找到“{called}”。",
            f"several people are called {called}; try again with one of these ids:{several}"
            if found
            else f"nobody is called {called}.",
        )
    )


def _county(code: str) -> Unit:
    from xiangli.kernel import clock
    from xiangli.territory.queries import unit_at

    unit = unit_at(code, at=clock.now())
    if unit is None or unit.county_id != unit.pk:
        raise click.ClickException(
            words(
                f"没有代码为 {code} 的县。请用六位行政区划代码，例如 140821。",
                f"no county has the code {code}; use six digits, such as 140821.",
            )
        )
    return unit


def check_kind(kind: str) -> None:
    from xiangli.notices.states import ChannelKind

    if kind not in ChannelKind.values:
        every = ", ".join(ChannelKind.values)
        raise click.ClickException(
            words(f"没有通道 {kind}；可用的：{every}。", f"there is no channel {kind}; there are {every}.")
        )


@contextmanager
def ready() -> Iterator[None]:
    """Django, its words in the language of the command line, and refusals as errors of the command."""
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.utils import translation

        from xiangli.kernel.refusals import Refused

        with translation.override(words("zh-hans", "en")):
            try:
                yield
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
