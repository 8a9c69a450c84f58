"""A county's list of responsibilities as a workbook: read with a verdict for each row, handed back annotated,
exported, and as a template to fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.cases.models import Category, Responsibility
from xiangli.cases.rules.responsibilities import (
    Changes,
    Column,
    Judged,
    Known,
    KnownCategory,
    KnownLevel,
    KnownOrgan,
    KnownPost,
    Line,
    Named,
    Standing,
    Verdict,
    count,
    find_columns,
    read_line,
    weigh,
)
from xiangli.kernel.sheets import Cell, Row, Sheet, read_rows, workbook_of
from xiangli.matters.states import Visibility
from xiangli.territory.models import County, Level, Post, Unit, UnitKind
from xiangli.territory.rules import ORGAN

# What an annotated workbook adds behind the columns; read again, it is nothing of the list.
_RESULT: Final = ("结果", "怎么改")
_TAKE: Final = "take_case"


@dataclass(frozen=True, slots=True)
class ReadList:
    """A list as it was read: its header, its rows as they were written, what was found in each, and what it
    would change."""

    header: Row
    columns: Mapping[Column, int]
    rows: Sequence[Row]
    judged: Sequence[Judged]
    changes: Changes

    @property
    def sound(self) -> bool:
        """Whether no row has a fault: only then is anything written."""
        return not any(row.faults for row in self.judged)

    def heading(self, column: Column) -> str:
        """A column by the name that it bears in this file; by ours where it is missing."""
        return str(self.header.cell(self.columns[column]) if column in self.columns else column)

    @property
    def totals(self) -> dict[Verdict, int]:
        return count(self.judged)


def read_responsibilities(content: bytes, *, county: Unit, today: date) -> ReadList:
    """The rows of a list (.xlsx or .csv) with their verdicts, against what stands in the county. Writes
    nothing. Raises Refused for a file that cannot be read at all (see `kernel.sheets`) or has not the columns
    (columns_missing, columns_twice). Six statements."""
    header, *rows = read_rows(content)
    columns = find_columns(header.cells)
    known = _known(county, today)
    judged = []
    for row in rows:
        line, faults = read_line({column: row.cell(at) for column, at in columns.items()}, known)
        judged.append(Judged(row.number, line, faults))
    changes = weigh(judged, _standing(county), today=today)
    return ReadList(header, columns, rows, judged, changes)


def _known(county: Unit, today: date) -> Known:
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county.pk)
    levels = {level.pk: level for level in Level.objects.filter(scheme=scheme).order_by("rank", "code")}

    def upward(level: Level) -> frozenset[str]:
        codes = {level.code}
        while level.parent_id is not None:
            level = levels[level.parent_id]
            codes.add(level.code)
        return frozenset(codes)

    return Known(
        categories=[
            KnownCategory(
                row.code, (row.name, row.name_en), row.pk, ordinary=row.visibility == Visibility.ORDINARY
            )
            for row in Category.objects.order_by("order", "code")
        ],
        levels=[
            KnownLevel(level.code, (level.name, level.name_en), upward(level))
            for level in levels.values()
            if level.code != ORGAN
        ],
        posts=[
            KnownPost(
                post.code,
                (post.name, post.name_en),
                post.pk,
                frozenset(post.levels),
                handles=_TAKE in post.permissions,
            )
            for post in Post.objects.filter(scheme=scheme).order_by("order", "code")
        ],
        organs=[
            KnownOrgan(
                unit.path, tuple(filter(None, (unit.short_name, unit.name, unit.name_en))), unit.pk, ORGAN
            )
            for unit in Unit.objects.filter(
                Q(valid_to=None) | Q(valid_to__gt=today), county=county, kind=UnitKind.ORGAN
            ).order_by("path")
        ],
    )


def _standing(county: Unit) -> list[Standing]:
    return [
        Standing(
            row.pk,
            Line(
                row.category_id,
                row.level,
                row.post_id,
                row.organ_id,
                row.valid_from,
                row.valid_to,
                row.source,
            ),
        )
        for row in Responsibility.objects.filter(county=county)
    ]


def annotated_workbook(read: ReadList) -> bytes:
    """The list as it was brought, with what was found in each row behind it; faults are shown in their
    cells."""
    heads = [str(cell or "") for cell in read.header.cells]
    kept = [at for at, head in enumerate(heads) if head not in _RESULT]
    said = {
        Verdict.NEW: _("可以写入"),
        Verdict.SAME: _("已有"),
        Verdict.ENDS: _("可以写入"),
        Verdict.WRONG: _("有错"),
    }
    rows: list[list[Cell]] = [[*(heads[at] for at in kept), *_RESULT]]
    marked = set()
    for row, judged in zip(read.rows, read.judged, strict=True):
        why = "\n".join(f"{read.heading(fault.column)}：{fault.words}" for fault in judged.faults)
        for fault in judged.faults:
            if fault.column in read.columns:
                marked.add((len(rows), kept.index(read.columns[fault.column])))
        rows.append([*(row.cell(at) for at in kept), said[judged.verdict], why or judged.note])
    return workbook_of([Sheet(_("权责清单"), rows, marked=marked)])


def responsibility_workbook(county: Unit, *, today: date) -> bytes:
    """The lines in force and to come, as they would be imported again: then nothing changes."""
    known = _known(county, today)
    levels = {one.code: _written(one, known.levels) for one in known.levels}
    names: dict[UUID, str] = {}
    for things in (known.categories, known.posts, known.organs):
        names |= {one.id: _written(one, things) for one in things}
    rows: list[list[Cell]] = [list(Column)]
    lines = Responsibility.objects.filter(Q(valid_to=None) | Q(valid_to__gt=today), county=county)
    for line in lines.order_by("category__order", "category__code", "level", "valid_from"):
        said: dict[Column, Cell] = {
            Column.CATEGORY: names[line.category_id],
            Column.LEVEL: levels.get(line.level, line.level),
            Column.POST: names.get(line.post_id),
            Column.ORGAN: names.get(line.organ_id) if line.organ_id else None,
            Column.FROM: line.valid_from,
            Column.TO: line.valid_to - timedelta(days=1) if line.valid_to else None,
            Column.SOURCE: line.source,
        }
        rows.append([said[column] for column in Column])
    return workbook_of([Sheet(_("权责清单"), rows), *_offered(known)])


def _written(one: Named, things: Sequence[Named]) -> str:
    """How a thing is written so that it is understood again: by name, unless another bears it too."""
    return str(one) if sum(str(one) in other.names for other in things) == 1 else one.code


def template_workbook(county: Unit, *, today: date) -> bytes:
    """An empty list that offers what the county has: its categories, levels, posts and organs."""
    known = _known(county, today)
    offered = _offered(known)
    choices = dict(enumerate(offered[: len(Column)]))
    notes: list[list[Cell]] = [
        [_("怎么填")],
        [_("一行写一类事项发生在一级时由谁负责。名称或代码都可以；从下拉里选最不会错。")],
        [_("由谁负责：事发地这一级或上面最近一级的这个岗位；写了部门，就由部门的岗位办，这一格可以空着。")],
        [_("起：从这天起按这一行办。以后要改，另写一行，起写新的日期；旧的一行自动到前一天为止，不删除。")],
        [_("止：管用的最后一天，可以空着。")],
        [_("依据：哪份文件，或哪次会议定的；办理记录里会写明。")],
        [_("没有写到的事项，按岗位职责分派。清单里不写人名。")],
    ]
    return workbook_of(
        [Sheet(_("权责清单"), [list(Column)], choices=choices), *offered, Sheet(_("说明"), notes)]
    )


def _offered(known: Known) -> list[Sheet]:
    """What may be written in the first four columns, a sheet for each."""
    lists: list[tuple[str, list[list[Cell]]]] = [
        (
            Column.CATEGORY,
            [[_written(one, known.categories), one.code] for one in known.categories if one.ordinary],
        ),
        (Column.LEVEL, [[_written(one, known.levels), one.code] for one in known.levels]),
        (Column.POST, [[_written(one, known.posts), one.code] for one in known.posts if one.handles]),
        (Column.ORGAN, [[_written(one, known.organs), one.code] for one in known.organs]),
    ]
    return [Sheet(str(title), [[_("名称"), _("代码")], *rows]) for title, rows in lists]
