"""`xiangli calendar`: a year's days as the State Council's office announced them, entered by hand."""

from __future__ import annotations

import csv
import re
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from xiangli.config.words import words

if TYPE_CHECKING:
    from xiangli.kernel.calendar import Exceptional
    from xiangli.kernel.sheets import Cell, Row

_COLUMNS: Final = {"day": {"day", "日期"}, "working": {"working", "上班"}, "name": {"name", "名称"}}
_YES: Final = {"1", "true", "yes", "是", "班", "上班"}
_NO: Final = {"0", "false", "no", "否", "休", "放假"}
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_NAME: Final = 40  # characters
# 全国年节及纪念日放假办法, Art 2: those of the same date each year, as they have been since 1999.
_FIXED: Final = ((1, 1, "元旦"), (5, 1, "劳动节"), (10, 1, "国庆节"), (10, 2, "国庆节"), (10, 3, "国庆节"))


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
    from xiangli.kernel.calendar import year_of

    source, days = year_of(year)
    if not source:
        raise click.ClickException(words(f"{year} 年还没有录入。", f"{year} has not been entered."))
    click.echo(words(f"依据：{source}", f"source: {source}"), err=True)
    writer = csv.writer(sys.stdout, lineterminator="\n")  # as --file reads it
    writer.writerow(_COLUMNS)
    writer.writerows((one.day, int(one.working), one.name) for one in days)


def _enter(year: int, file: Path, source: str) -> None:
    from django.utils import translation

    from xiangli.kernel.calendar import publish_year
    from xiangli.kernel.refusals import Refused
    from xiangli.kernel.sheets import read_rows

    try:
        with translation.override(words("zh-hans", "en")):
            rows = read_rows(file.read_bytes())
    except Refused as refused:
        raise click.ClickException(f"{file}: {refused}") from refused
    days, faults = read_days(rows, year)
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


def read_days(rows: list[Row], year: int) -> tuple[list[Exceptional], list[str]]:
    """The days of a year's announcement that are not what their weekday says, and what is wrong, line by line.

    Weekend days that are free, which an announcement names among a holiday's, are left out.
    """
    header, *others = rows
    names = [str(cell).lower() for cell in header.cells]
    columns = {
        column: [i for i, name in enumerate(names) if name in said] for column, said in _COLUMNS.items()
    }
    if any(len(found) != 1 for found in columns.values()):
        return [], [
            words(
                "第一行要写表头：day,working,name（或 日期,上班,名称）",
                "the first line must name the columns: day,working,name",
            )
        ]
    found: dict[date, tuple[int, Exceptional | None]] = {}
    faults = []
    for row in others:
        day, working, name = (row.cell(columns[column][0]) for column in _COLUMNS)
        try:
            at, one = _read(day, working, name, year)
            if at in found:
                raise ValueError(
                    words(f"{at} 在第 {found[at][0]} 行已有", f"{at} stands in line {found[at][0]} already")
                )
            found[at] = row.number, one
        except ValueError as error:
            faults.append(words(f"第 {row.number} 行：{error}", f"line {row.number}: {error}"))
    days = [one for _, one in found.values() if one is not None]
    return days, faults or _missing(year, {one.day for one in days if not one.working})


def _read(day: Cell, working: Cell, name: Cell, year: int) -> tuple[date, Exceptional | None]:
    """The day, and what is exceptional about it, if anything; ValueError in words for a line that cannot be."""
    from xiangli.kernel.calendar import Exceptional
    from xiangli.kernel.clocks import announced_with

    at = _date(day)
    if announced_with(at) != year:
        raise ValueError(
            words(
                f"{at} 不在 {year} 年的通知里：应在 {year - 1}-12-25 至 {year}-12-24 之间",
                f"{at} is not of the announcement for {year}: it goes from {year - 1}-12-25 to {year}-12-24",
            )
        )
    said = str(working).lower()
    if said not in _YES | _NO:
        raise ValueError(
            words(f"“上班”一栏要写 1 或 0，现在是 {working}", f"working is 1 or 0, and not {working}")
        )
    if not isinstance(name, str) or len(name) > _NAME:
        raise ValueError(words(f"名称要写 1 到 {_NAME} 个字", f"a name has 1 to {_NAME} characters"))
    works, weekend = said in _YES, at.weekday() >= 5
    if works and not weekend:
        raise ValueError(
            words(
                f"{at} 是{_weekday(at)}，本来就上班；日期写对了吗？",
                f"{at} is a {_weekday(at)} and worked anyway: is the date right?",
            )
        )
    return at, Exceptional(at, works, name) if works == weekend else None


def _date(cell: Cell) -> date:
    if isinstance(cell, date):
        return cell
    try:
        if written := _DATE.fullmatch(str(cell)):
            return date(*map(int, written.groups()))
    except ValueError:
        pass  # 31 February
    raise ValueError(
        words(f"日期读不懂：{cell}，请写成 2027-01-31", f"{cell} is no date: write it like 2027-01-31")
    )


def _missing(year: int, free: set[date]) -> list[str]:
    """Half a year must not pass for one that is announced: deadlines would be counted by it for good."""
    return [
        words(
            f"{day}（{_weekday(day)}）是法定的{name}，文件里没有",
            f"{day}, a {_weekday(day)}, is {name} by law and not in the file",
        )
        for month, number, name in _FIXED
        if (day := date(year, month, number)).weekday() < 5 and day not in free
    ]


def _weekday(day: date) -> str:
    return words("星期" + "一二三四五六日"[day.weekday()], f"{day:%A}")


def _said(working: bool) -> str:
    return words("上班", "worked") if working else words("放假", "free")
