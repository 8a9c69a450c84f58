"""`xiangli source`: platforms that send a county their orders by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    "source",
    help=words(
        "把工单直接发来的平台（12345、上级平台）和它们的令牌。",
        "Platforms that send orders by themselves (12345, a superior one), and their tokens.",
    ),
)
def command() -> None:
    pass


@command.command(
    "add",
    help=words(
        "开通一个平台，给出它的令牌，只显示这一次。已有的平台换一个新令牌，旧的立即作废。",
        "Open a platform and show its token, this once. One that exists gets another token; the old one is worth "
        "nothing from then on.",
    ),
)
@click.argument("source")
@_COUNTY
@click.option("--name", default="", help=words("平台名称，如“12345 热线”", "what people call it"))
def add(source: str, code: str, name: str) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from xiangli.cases.actions.orders import open_source
        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused

        try:
            opened, token = open_source(county=_county(code), code=source, name=name, now=clock.now())
        except Refused as refused:
            raise click.ClickException(str(refused.reason)) from refused
        click.echo(
            words(f"{opened.name} 的令牌（只显示这一次）：", f"The token of {opened.name}, shown this once:")
        )
        click.echo(token)
        click.echo(
            words(
                "请经可靠的途径交给对方。接口说明：docs/how-to/orders-from-elsewhere.md",
                "Hand it over on a safe way. The contract: docs/how-to/orders-from-elsewhere.md",
            )
        )


@command.command("list", help=words("列出平台。令牌不显示。", "List the platforms; no token is shown."))
def list_() -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from xiangli.cases.models import OrderSource

        for source in OrderSource.objects.select_related("county").order_by("county__path", "code"):
            how = (
                words("已停用", "ended")
                if source.ended_at
                else words("有令牌", "has a token")
                if source.token_digest
                else words("只用表格", "by workbook only")
            )
            click.echo(
                f"{source.county.code} {source.county.short_name}  {source.code}  {source.name}  {how}"
            )


@command.command(
    "end",
    help=words(
        "停用一个平台：不再收它的工单，已收的照办照答复。",
        "End a platform: nothing more is taken from it; what was taken is handled and answered.",
    ),
)
@click.argument("source")
@_COUNTY
def end(source: str, code: str) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from xiangli.cases.actions.orders import end_source
        from xiangli.kernel import clock

        if not end_source(county=_county(code), code=source, now=clock.now()):
            raise click.ClickException(words(f"{source} 没有开通。", f"{source} is not open."))
        click.echo(words("已停用。", "ended."))


def _county(code: str) -> Unit:
    from xiangli.kernel import clock
    from xiangli.territory.models import County
    from xiangli.territory.queries import unit_at

    unit = unit_at(code, at=clock.now())
    if unit is None or not County.objects.filter(pk=unit.pk).exists():
        raise click.ClickException(
            words(
                f"没有代码为 {code} 的县。请先用 xiangli import-units 导入。",
                f"no county has the code {code}. Import it first: xiangli import-units.",
            )
        )
    return unit
