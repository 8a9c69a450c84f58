"""Tables of units: a row may name what a row before it opens."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xiangli.kernel.ids import new_id
from xiangli.kernel.sheets import MAX_ROWS_OF_JOB, Cell, Sheet
from xiangli.kernel.tables import Heading, Judged, Say, Table, nothing, read_table, template, text_in
from xiangli.territory.models import County, Level, Unit
from xiangli.territory.queries.gazetteer import Gazetteer, Known
from xiangli.territory.queries.workbooks.common import STEP, Named, county_of, day_of_row, units_of
from xiangli.territory.rules import (
    END_UNIT,
    Actor,
    is_label,
    overlap,
)

UNITS: Final = (
    Heading(
        "parent",
        "上级单位",
        ("上级", "parent"),
        needed=True,
        hint=gettext_lazy("路径、代码或名称；可以是表里前面一行"),
    ),
    Heading("level", "层级", ("level",), needed=True, hint=gettext_lazy("层级的名称或代码")),
    Heading(
        "label", "编号", ("label",), hint=gettext_lazy("路径的最后一步，如 02；不写就取下一个没用过的两位数")
    ),
    Heading("name", "名称", ("全称", "name"), needed=True, hint=gettext_lazy("正式的名称：北姚村委会")),
    Heading("short_name", "简称", ("short name",), hint=gettext_lazy("人们怎么叫：北姚村；不写同名称")),
    Heading("name_en", "英文名称", ("english name",), hint=gettext_lazy("可以空着")),
    Heading("code", "代码", ("统计代码", "code"), hint=gettext_lazy("统计用区划代码，没有就空着")),
    Heading("since", "起", ("从", "起始日期", "from"), needed=True, hint=gettext_lazy("第一天")),
)


@dataclass(frozen=True, slots=True)
class WantedUnit:
    """A unit that a row asks for."""

    unit: Known
    level: Level
    name_en: str
    authority: str


def read_units(content: bytes, *, actor: Actor, today: date, say: Say = nothing) -> Table[WantedUnit]:
    """The rows of a table of units with their verdicts, against what stands; a row may name what a row before it
    opens. Raises Refused for a file that cannot be read. Five statements, whatever the rows."""
    read = read_table(content, UNITS, most=MAX_ROWS_OF_JOB)
    county = county_of(actor, END_UNIT)
    units = Gazetteer.of(units_of(actor, END_UNIT), county)
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county)
    levels = Named(list(Level.objects.filter(scheme=scheme).order_by("rank", "code")))
    at = read.columns.get("code")
    codes = set() if at is None else {text_in(row.cell(at)) for row in read.rows} - {""}
    taken: dict[str, list[tuple[str, date, date | None]]] = defaultdict(list)
    for code, name, since, until in Unit.objects.filter(code__in=codes).values_list(
        "code", "short_name", "valid_from", "valid_to"
    ):
        taken[code].append((name, since, until))
    siblings = _Siblings(units)
    judged = []
    for done, row in enumerate(read.rows):
        if done % STEP == 0:
            say(done, len(read.rows))
        one = _judge_unit(row.number, read.cells(row), actor, units, levels, taken, siblings)
        if one.item is not None and not one.same:
            units.add(one.item.unit)
            siblings.add(one.item.unit, row.number)
            if one.item.unit.code:
                taken[one.item.unit.code].append((one.item.unit.short_name, one.item.unit.valid_from, None))
        judged.append(one)
    say(len(read.rows), len(read.rows))
    return Table(UNITS, read.header, read.columns, read.rows, judged)


class _Siblings:
    """The units below each: by name, and the next free number; what was used once is used."""

    def __init__(self, units: Gazetteer) -> None:
        self._units = units
        self._last: dict[str, int] = {}
        self._named: dict[tuple[UUID | None, str], list[tuple[Known, int]]] = defaultdict(list)
        for unit in units.by_id.values():
            self._named[unit.parent_id, unit.short_name].append((unit, 0))

    def add(self, unit: Known, row: int) -> None:
        """Let a unit be known that a row opens."""
        self._named[unit.parent_id, unit.short_name].append((unit, row))

    def named(self, parent: Known, short_name: str, since: date) -> tuple[Known, int] | None:
        """The unit of this name below `parent`, and the row that opens it (0: it stands)."""
        there = self._named.get((parent.id, short_name), [])
        return next((one for one in there if overlap(one[0].valid_from, one[0].valid_to, since, None)), None)

    def label_after(self, path: str) -> str:
        number = self._last.get(path, 0) + 1
        while f"{path}{number:02d}/" in self._units.by_path:
            number += 1
        self._last[path] = number
        return f"{number:02d}"


def _judge_unit(
    number: int,
    cells: dict[str, Cell],
    actor: Actor,
    units: Gazetteer,
    levels: Named,
    taken: dict[str, list[tuple[str, date, date | None]]],
    siblings: _Siblings,
) -> Judged[WantedUnit]:
    row: Judged[WantedUnit] = Judged(number)
    said = {key: text_in(cell) for key, cell in cells.items() if key != "since"}
    since = day_of_row(row, cells, "since", needed=True)
    parent, why = units.find(said["parent"], since) if said.get("parent") else (None, _("请写上级单位。"))
    if why:
        row.wrong("parent", why)
    if parent is not None and parent.valid_to is not None:
        row.wrong(
            "parent",
            _("“%(unit)s”已定于 %(day)s 撤并；请到那天以后，在接续它的单位下面设立。")
            % {"unit": parent.short_name, "day": parent.valid_to},
        )
    level: Level | None = levels.find(said.get("level", ""))
    if level is None:
        row.wrong("level", _("没有这一级。本县有：%(all)s。") % {"all": levels.names})
    elif parent is not None and level.parent_id != parent.level_id:
        fitting = "、".join(one.name for one in levels.all if one.parent_id == parent.level_id)
        row.wrong("level", _("“%(level)s”不能设在“%(unit)s”下面；那里可以设：%(all)s。") % {
            "level": level.name, "unit": parent.short_name, "all": fitting or _("没有下一级"),
        })  # fmt: skip
    name, short = said.get("name", ""), said.get("short_name", "") or said.get("name", "")
    if not name or len(name) > 80 or len(short) > 80:
        row.wrong("name", _("请写名称，最多 80 字。"))
    if len(said.get("name_en", "")) > 120:
        row.wrong("name_en", _("最多 120 字。"))
    code, label = said.get("code", ""), said.get("label", "").lower()
    if len(label) == 1 and label.isdigit():
        label = f"0{label}"  # a program took "02" for a number
    if label and not is_label(label):
        row.wrong("label", _("编号只能用 1 到 8 个数字或小写字母，如“02”。"))
    if len(code) > 20:
        row.wrong("code", _("代码最多 20 位。"))
    held = actor.authority(END_UNIT, parent.path) if parent is not None else None
    if row.faults or not (parent and level and since and held):
        return row
    twin = siblings.named(parent, short, since)
    if twin is not None and not twin[1] and (not label or twin[0].path == f"{parent.path}{label}/"):
        row.item = WantedUnit(twin[0], level, "", held.authority)
        row.same, row.note = True, _("已有这个单位：%(path)s。") % {"path": twin[0].path}
        return row
    if twin is not None:
        where = _("第 %(row)d 行") % {"row": twin[1]} if twin[1] else twin[0].path
        row.wrong("name", _("“%(unit)s”下面已经有“%(name)s”（%(where)s），请换一个名称。") % {
            "unit": parent.short_name, "name": short, "where": where,
        })  # fmt: skip
    elif label and f"{parent.path}{label}/" in units.by_path:
        row.wrong(
            "label",
            _("编号 %(label)s 用过了；撤销的单位也不再让出编号，请换一个，或不写。") % {"label": label},
        )
    for other, begin, end in taken.get(code, ()) if code else ():
        if overlap(begin, end, since, None):
            row.wrong(
                "code",
                _("代码 %(code)s 现由“%(unit)s”使用；须先结束旧单位。") % {"code": code, "unit": other},
            )
            break
    if row.faults:
        return row
    path = f"{parent.path}{label or siblings.label_after(parent.path)}/"
    if len(path) > 120:
        row.wrong("label", _("层级太深，路径超过 120 字。"))
        return row
    unit = Known(new_id(), path, code, name, short, level.pk, level.code, since, None, parent.id)
    row.item = WantedUnit(unit, level, said.get("name_en", ""), held.authority)
    row.note = _("开设 %(path)s。") % {"path": path}
    return row


def units_template(*, actor: Actor, today: date) -> bytes:
    """An empty table of units that offers the county's levels."""
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county_of(actor, END_UNIT))
    levels = Level.objects.filter(scheme=scheme).order_by("rank", "code")
    offered = Sheet("层级", [[_("名称"), _("代码")], *([level.name, level.code] for level in levels)])
    notes = [
        _("一行开设一个单位，上级写在前面。先逐行检查，您确认以后才写入；今天是 %(day)s。") % {"day": today}
    ]
    return template(_("单位"), UNITS, [offered], notes)
