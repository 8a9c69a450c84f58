"""`xiangli address`: where a person is reached."""

from __future__ import annotations

import sys

import click

from xiangli.config.commands.channel import check_kind, found_person, ready
from xiangli.config.words import words


@click.command(
    "address",
    help=words(
        "登记一个人在通道上的号码或账号（终端上询问，或从标准输入读一行）。PERSON 是登录名、姓名或编号。",
        "Register where a person is reached by a channel: asked for at a terminal, else one line of standard input. PERSON is a "
        "name to sign in by, a full name or an id.",
    ),
)
@click.argument("person")
@click.argument("kind")
@click.option("--forget", is_flag=True, help=words("删去登记的号码或账号", "delete what is registered"))
def command(person: str, kind: str, *, forget: bool) -> None:
    with ready():
        from xiangli.kernel import clock
        from xiangli.notices.actions import forget_address, set_address
        from xiangli.notices.rules import masked

        check_kind(kind)
        user = found_person(person)
        if forget:
            gone = forget_address(user_id=user.pk, kind=kind)
            click.echo(
                words("已删去。", "deleted.") if gone else words("没有登记。", "nothing was registered.")
            )
            return
        # Not an argument: the shell would keep it in its history.
        typed = click.prompt(kind, type=str) if sys.stdin.isatty() else sys.stdin.readline()
        set_address(user_id=user.pk, kind=kind, address=typed, now=clock.now())
        shown = masked(kind, typed.strip())
        click.echo(words(f"{user.display_name}：{kind} {shown}", f"{user.display_name}: {kind} {shown}"))
