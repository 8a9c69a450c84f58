"""`xiangli calendar`: a year's days as the State Council's office announced them, entered by hand."""

from __future__ import annotations

import csv
import sys
from datetime import date
from pathlib import Path

import click

from xiangli.config.words import words


@click.command(
    "calendar",
    help=words(
        "录入一年的放假和调休安排（--file：CSV 或 .xlsx，三列 day,working,name），取代这一年原有的。不写 --file 时，打印已有的。",
        "Enter a year's holidays and the days worked to make up for them (--file: CSV or .xlsx with the columns "
        "day,working,name) in place of those it had. Without --file, print those it has.",
    ),
)
@click.option(
    "--year",
    required=True,
    type=click.IntRange(2000, 2100),
    help=words("哪一年的通知", "of which year's announcement"),
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=words(
        "每行一天：日期、是否上班（1 或 0）、节日名称", "a day a line: date, worked (1 or 0), holiday"
    ),
)
@click.option("--source", help=words("依据，如 “国办发明电〔2026〕9号”", "the announcement, by its number"))
def command(*, year: int, file: Path | None, source: str | None) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        if file is None:
            _show(year)
        else:
            _enter(year, file, source or f"手工录入：{file.name}")


def _show(year: int) -> None:
    from xiangli.kernel.announced import COLUMNS
    from xiangli.kernel.calendar import year_of

    source, days = year_of(year)
    if not source:
        raise click.ClickException(words(f"{year} 年还没有录入。", f"{year} has not been entered."))
    click.echo(words(f"依据：{source}", f"source: {source}"), err=True)
    writer = csv.writer(sys.stdout, lineterminator="\n")  # as --file reads it
    writer.writerow(COLUMNS)
    writer.writerows((one.day, int(one.working), one.name) for one in days)


def _enter(year: int, file: Path, source: str) -> None:
    from django.utils import translation

    from xiangli.kernel.announced import read_days
    from xiangli.kernel.calendar import publish_year
    from xiangli.kernel.refusals import Refused
    from xiangli.kernel.sheets import read_rows

    try:
        with translation.override(words("zh-hans", "en")):
            days, faults = read_days(read_rows(file.read_bytes()), year)
    except Refused as refused:
        raise click.ClickException(f"{file}: {refused}") from refused
    if faults:
        refused_in_words = words(
            "什么也没有改动。请改正后重试：", "nothing was changed. Mend this and try again:"
        )
        raise click.ClickException("\n".join([f"{file}: {refused_in_words}", *faults]))
    try:
        changes = publish_year(year, days, source=source[:200])
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        words(
            f"{year} 年：新增 {len(changes.added)} 天，改 {len(changes.changed)} 天，删去 {len(changes.removed)} 天。依据：{source}",
            f"{year}: {len(changes.added)} days added, {len(changes.changed)} changed, "
            f"{len(changes.removed)} removed. Source: {source}",
        )
    )
    for mark, changed in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
        for one in changed:
            click.echo(f"{mark} {one.day} {_weekday(one.day)} {_said(one.working)} {one.name}")


def _weekday(day: date) -> str:
    return words("星期" + "一二三四五六日"[day.weekday()], f"{day:%A}")


def _said(working: bool) -> str:
    return words("上班", "worked") if working else words("放假", "free")
