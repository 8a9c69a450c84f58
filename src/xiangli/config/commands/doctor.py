"""`xiangli doctor`"""

import os
from collections import Counter

import click

from xiangli.config.words import words


@click.command(
    "doctor", help=words("检查这台机器上的问题并说明如何处理。", "What is wrong here and how to mend it.")
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--lang", type=click.Choice(["zh", "en"]), help=words("语言", "language"))
@click.pass_context
def command(ctx: click.Context, *, host: str, port: int, lang: str | None) -> None:
    if lang:
        os.environ["XIANGLI_LANG"] = lang
    from xiangli.config.doctor import Level, examine

    signs = {
        Level.OK: click.style("✓", fg="green"),
        Level.WARN: click.style("!", fg="yellow"),
        Level.FAIL: click.style("✗", fg="red"),
    }
    count: Counter[Level] = Counter()
    for finding in examine(host=host, port=port):
        count[finding.level] += 1
        click.echo(f"{signs[finding.level]} {finding.name}: {finding.found}")
        if finding.mend:
            click.echo(f"    {words('处理', 'mend')}: {finding.mend}")
    click.echo(
        words(
            f"{count[Level.OK]} 项正常，{count[Level.WARN]} 项提醒，{count[Level.FAIL]} 项有问题",
            f"{count[Level.OK]} ok, {count[Level.WARN]} to watch, {count[Level.FAIL]} wrong",
        )
    )
    ctx.exit(1 if count[Level.FAIL] else 0)
