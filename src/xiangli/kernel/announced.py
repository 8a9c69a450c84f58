"""A year's holidays and days worked to make up for them, as somebody types them off the announcement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from xiangli.kernel.calendar import Exceptional
from xiangli.kernel.clocks import announced_with
from xiangli.kernel.sheets import Cell, Row

COLUMNS: Final = {"day": {"day", "日期"}, "working": {"working", "上班"}, "name": {"name", "名称"}}
_YES: Final = {"1", "true", "yes", "是", "班", "上班"}
_NO: Final = {"0", "false", "no", "否", "休", "放假"}
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_NAME: Final = 40  # characters
# 全国年节及纪念日放假办法, Art 2: those of the same date each year, as they have been since 1999.
_FIXED: Final = ((1, 1, "元旦"), (5, 1, "劳动节"), (10, 1, "国庆节"), (10, 2, "国庆节"), (10, 3, "国庆节"))


def read_days(rows: Sequence[Row], year: int) -> tuple[list[Exceptional], list[str]]:
    """The days of a year's announcement that are not what their weekday says, and what is wrong, line by line, in the
    active language.

    Weekend days that are free, which an announcement names among a holiday's, are left out.
    """
    header, *others = rows
    names = [str(cell).lower() for cell in header.cells]
    columns = {
        column: [i for i, name in enumerate(names) if name in said] for column, said in COLUMNS.items()
    }
    if any(len(found) != 1 for found in columns.values()):
        return [], [_("第一行要写表头：day,working,name（或 日期,上班,名称）")]
    found: dict[date, tuple[int, Exceptional | None]] = {}
    faults = []
    for row in others:
        day, working, name = (row.cell(columns[column][0]) for column in COLUMNS)
        try:
            at, one = _read(day, working, name, year)
            if at in found:
                raise ValueError(_("%(day)s 在第 %(line)d 行已有") % {"day": at, "line": found[at][0]})
            found[at] = row.number, one
        except ValueError as error:
            faults.append(_("第 %(line)d 行：%(fault)s") % {"line": row.number, "fault": error})
    days = [one for _line, one in found.values() if one is not None]
    return days, faults or _missing(year, {one.day for one in days if not one.working})


def weekday(day: date) -> str:
    """星期一."""
    return date_format(day, "l")


def _read(day: Cell, working: Cell, name: Cell, year: int) -> tuple[date, Exceptional | None]:
    """The day, and what is exceptional about it, if anything; ValueError in words for a line that cannot be."""
    at = _date(day)
    if announced_with(at) != year:
        raise ValueError(
            _("%(day)s 不在 %(year)d 年的通知里：应在 %(first)s 至 %(last)s 之间")
            % {"day": at, "year": year, "first": date(year - 1, 12, 25), "last": date(year, 12, 24)}
        )
    said = str(working).lower()
    if said not in _YES | _NO:
        raise ValueError(_("“上班”一栏要写 1 或 0，现在是 %(found)s") % {"found": working})
    if not isinstance(name, str) or len(name) > _NAME:
        raise ValueError(_("名称要写 1 到 %(most)d 个字") % {"most": _NAME})
    works, weekend = said in _YES, at.weekday() >= 5
    if works and not weekend:
        raise ValueError(
            _("%(day)s 是%(weekday)s，本来就上班；日期写对了吗？") % {"day": at, "weekday": weekday(at)}
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
    raise ValueError(_("日期读不懂：%(found)s，请写成 2027-01-31") % {"found": cell})


def _missing(year: int, free: set[date]) -> list[str]:
    """Half a year must not pass for one that is announced: deadlines would be counted by it for good."""
    return [
        _("%(day)s（%(weekday)s）是法定的%(name)s，文件里没有")
        % {"day": day, "weekday": weekday(day), "name": name}
        for month, number, name in _FIXED
        if (day := date(year, month, number)).weekday() < 5 and day not in free
    ]
