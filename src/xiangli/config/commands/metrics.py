"""`xiangli metrics`"""

import os
import tempfile
from pathlib import Path

import click

from xiangli.config.words import words


@click.command(
    "metrics",
    help=words(
        "以 OpenMetrics 文本给出监控数据：时限、任务和封存落后多少。",
        "Figures for a monitoring system, as OpenMetrics text: how far timers, jobs and seals lag.",
    ),
)
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help=words("写入这个文件（整体替换），而不是打印", "write this file, as a whole, instead of printing"),
)
def command(*, to: Path | None) -> None:
    from xiangli.config.launcher.home import django_ready, embedded

    # Something that is called every minute must not start a database that was stopped.
    if not os.environ.get("DATABASE_URL") and not embedded().answers():
        raise click.ClickException(words("巷里没有在运行。", "Xiangli is not running."))
    with django_ready():
        from xiangli.config.metrics import openmetrics
        from xiangli.kernel import clock

        text = openmetrics(clock.now())
    if to is None:
        click.echo(text, nl=False)
    else:
        _replace(to, text)


def _replace(file: Path, text: str) -> None:
    """Whoever reads the file meanwhile finds the old one or the new one, never half of it."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        new.write(text)
    Path(new.name).chmod(0o644)  # the collector is another user, and nothing here is secret
    Path(new.name).replace(file)
