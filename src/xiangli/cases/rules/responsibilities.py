"""The rows of a list of responsibilities (权责清单) as people write them: what each says, what is wrong with
it and how to mend it, and what it changes in the list that stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused

MAX_SOURCE: Final = 200
_DAY: Final = timedelta(days=1)
_EVER: Final = date.max


class Column(StrEnum):
    """A column; its value is the heading that our own workbooks carry."""

    CATEGORY = "事项类别"
    LEVEL = "发生在"
    POST = "由谁负责"
    ORGAN = "部门"
    FROM = "起"
    TO = "止"
    SOURCE = "依据"


# Other headings that are understood, beside our own; a remark in brackets behind one is nothing of it.
_ALSO: Final = {
    Column.CATEGORY: ("类别", "category"),
    Column.LEVEL: ("层级", "level"),
    Column.POST: ("岗位", "负责岗位", "post", "responsible"),
    Column.ORGAN: ("责任部门", "organ"),
    Column.FROM: ("起始日期", "生效日期", "from"),
    Column.TO: ("截止日期", "until", "to"),
    Column.SOURCE: ("来源", "source"),
}
_NEEDED: Final = (Column.CATEGORY, Column.LEVEL, Column.POST, Column.FROM, Column.SOURCE)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a cell may name, by its code or by any of its names."""

    code: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return self.names[0] if self.names else self.code


@dataclass(frozen=True, slots=True)
class KnownCategory(Named):
    id: UUID
    ordinary: bool  # worked on openly in the territory; others go along paths of their own


@dataclass(frozen=True, slots=True)
class KnownLevel(Named):
    upward: frozenset[str]  # codes of the level itself and of those above it


@dataclass(frozen=True, slots=True)
class KnownPost(Named):
    id: UUID
    levels: frozenset[str]  # codes of the levels it may stand on
    handles: bool  # it may take a case in hand


@dataclass(frozen=True, slots=True)
class KnownOrgan(Named):
    id: UUID
    level: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a county's list may speak of."""

    categories: Sequence[KnownCategory]
    levels: Sequence[KnownLevel]
    posts: Sequence[KnownPost]
    organs: Sequence[KnownOrgan]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: for this category, reported in a unit of this level, this post answers (of the organ, where
    one is named), from a day until the day before `valid_to`."""

    category: UUID
    level: str
    post: UUID
    organ: UUID | None
    valid_from: date
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the list that stands."""

    id: UUID
    line: Line


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one cell, and how to mend it."""

    column: Column
    words: str


class Verdict(StrEnum):
    NEW = "new"
    SAME = "same"  # stands already: nothing to do
    ENDS = "ends"  # stands already, and its last day changes
    WRONG = "wrong"


@dataclass(slots=True)
class Judged:
    """One row and what was found: `note` says in words what it does."""

    number: int
    line: Line | None
    faults: list[Fault] = field(default_factory=list)
    verdict: Verdict = Verdict.WRONG
    note: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sound list changes: lines to add, and the last day's morrow of lines that stand (None: open)."""

    new: list[Line]
    ends: dict[UUID, date | None]


# ------------------------------------------------------------------------------------------------------- headings and words


def _plain(words: object) -> str:
    """As words are compared: full and half width, case and spaces make no difference."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", str(words or ""))).casefold()


def find_columns(header: Sequence[object]) -> dict[Column, int]:
    """Where each column stands. Columns that are nothing of ours stay unread. Raises Refused: columns_missing,
    columns_twice."""
    known = {_plain(word): column for column in Column for word in (column, *_ALSO[column])}
    found: dict[Column, int] = {}
    for position, words in enumerate(header):
        column = known.get(_plain(re.sub("[（(].*", "", str(words or ""))))
        if column is None:
            continue
        if column in found:
            raise Refused("columns_twice", _("表头里“%(column)s”有两列，请删去一列。") % {"column": column})
        found[column] = position
    if missing := [column for column in _NEEDED if column not in found]:
        raise Refused(
            "columns_missing",
            _("表头里缺少：%(missing)s。请照 xiangli responsibilities template 给的表头填写。")
            % {"missing": "、".join(missing)},
        )
    return found


_Thing = TypeVar("_Thing", bound=Named)


def _named(words: object, column: Column, things: Sequence[_Thing], faults: list[Fault]) -> _Thing | None:
    """The one thing that a cell names. A code names before a name does."""
    said = _plain(words)
    if not said:
        faults.append(Fault(column, _("这一格空着，请填写。")))
        return None
    found = [thing for thing in things if _plain(thing.code) == said]
    found = found or [thing for thing in things if said in map(_plain, thing.names)]
    if len(found) == 1:
        return found[0]
    if found:
        codes = "、".join(thing.code for thing in found)
        faults.append(
            Fault(column, _("“%(said)s”有几个，请改写代码：%(codes)s。") % {"said": words, "codes": codes})
        )
        return None
    names = list(map(str, things))
    near = get_close_matches(str(words), names, n=1)
    if near:
        why = _("没有“%(said)s”，是不是“%(near)s”？") % {"said": words, "near": near[0]}
    elif names:
        why = _("没有“%(said)s”，可以写：%(all)s。") % {"said": words, "all": "、".join(names[:12])}
    else:
        why = _("没有“%(said)s”，本县还没有可写的；请先建立，或让这一格空着。") % {"said": words}
    faults.append(Fault(column, why))
    return None


_WRITTEN: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d\d)(\d\d)")


def _date(value: object, column: Column, faults: list[Fault]) -> date | None:
    if isinstance(value, date):
        found: date | None = value
    else:
        match = _WRITTEN.fullmatch(_plain(value))
        try:
            found = date(*(int(part) for part in match.groups() if part)) if match else None
        except ValueError:
            found = None
    if found is None or not 2000 <= found.year <= 2100:
        said = "" if value is None else value
        faults.append(Fault(column, _("“%(said)s”不是日期，请写成 2026-01-01 这样。") % {"said": said}))
        return None
    return found


def read_line(cells: Mapping[Column, object], known: Known) -> tuple[Line | None, list[Fault]]:
    """What one row says; None and why not, where anything of it is wrong."""
    faults: list[Fault] = []
    category = _named(cells.get(Column.CATEGORY), Column.CATEGORY, known.categories, faults)
    level = _named(cells.get(Column.LEVEL), Column.LEVEL, known.levels, faults)
    organ = None
    if cells.get(Column.ORGAN) is not None:
        organ = _named(cells[Column.ORGAN], Column.ORGAN, known.organs, faults)
    post = _post(cells, known, organ, faults)
    if category is not None and not category.ordinary:
        # rights.md: complaints and sealed matters go along paths of their own, past whoever they are about
        why = _("“%(name)s”不按清单分派，有自己的去向；请删去这一行。") % {"name": category}
        faults.append(Fault(Column.CATEGORY, why))
    if post is not None:
        _check_post(post, level, organ, faults)
    since = _date(cells.get(Column.FROM), Column.FROM, faults)
    until = None
    if cells.get(Column.TO) is not None:
        until = _date(cells[Column.TO], Column.TO, faults)
        if since and until and until < since:
            faults.append(Fault(Column.TO, _("止早于起；止是管用的最后一天，请核对。")))
    source = str(cells.get(Column.SOURCE) or "")
    if not source:
        faults.append(Fault(Column.SOURCE, _("请写依据：哪份文件，或哪次会议定的。")))
    elif len(source) > MAX_SOURCE:
        faults.append(Fault(Column.SOURCE, _("依据最多 200 字，请删短。")))
    if faults:
        return None, faults
    # whatever is missing has left a fault
    assert category is not None
    assert level is not None
    assert post is not None
    assert since is not None
    to = until + _DAY if until else None
    return Line(category.id, level.code, post.id, organ.id if organ else None, since, to, source), []


def _post(
    cells: Mapping[Column, object], known: Known, organ: KnownOrgan | None, faults: list[Fault]
) -> KnownPost | None:
    said = cells.get(Column.POST)
    if said is None and organ is not None:
        # an organ is most often named alone, and has one post
        of_organ = [post for post in known.posts if organ.level in post.levels]
        if len(of_organ) == 1:
            return of_organ[0]
    return _named(said, Column.POST, known.posts, faults)


def _check_post(
    post: KnownPost, level: KnownLevel | None, organ: KnownOrgan | None, faults: list[Fault]
) -> None:
    if not post.handles:
        why = _("“%(post)s”不能接单办理，请写能办的岗位。") % {"post": post}
        faults.append(Fault(Column.POST, why))
    elif organ is not None:
        if organ.level not in post.levels:
            why = _("“%(post)s”不设在部门里；请写部门的岗位，或让“部门”空着。") % {"post": post}
            faults.append(Fault(Column.POST, why))
    elif level is not None and not post.levels & level.upward:
        why = _("“%(post)s”不设在%(level)s，也不设在它上面；请写这一级或上级的岗位，或写明部门。")
        faults.append(Fault(Column.POST, why % {"post": post, "level": level}))


# ------------------------------------------------------------------------------------------------------- against what stands


@dataclass(slots=True)
class _Entry:
    """One line of a category and level in time: it stands, it is asked for, or both."""

    since: date
    standing: Standing | None = None
    asked: Judged | None = None
    end: date | None = None

    @property
    def was(self) -> date | None:
        """The day from which what stands no longer holds."""
        return self.standing.line.valid_to if self.standing else None


def weigh(rows: Iterable[Judged], standing: Iterable[Standing], *, today: date) -> Changes:
    """Set what the rows ask for beside what stands, fill in each row's verdict, and say what changes.

    A line that starts later ends the one before it on that day; a row that stands already changes nothing; a
    day that has passed is never judged anew, because cases were routed by what stood then. Rows that have a
    fault already are passed over.
    """
    found: dict[tuple[UUID, str], dict[date, _Entry]] = {}
    for one in standing:
        key = (one.line.category, one.line.level)
        found.setdefault(key, {})[one.line.valid_from] = _Entry(one.line.valid_from, one)
    for row in rows:
        if row.line is not None and not row.faults:
            _place(row, row.line, found.setdefault((row.line.category, row.line.level), {}))
    changes = Changes([], {})
    for entries in found.values():
        _settle([entries[since] for since in sorted(entries)], changes, today)
    return changes


def _place(row: Judged, line: Line, entries: dict[date, _Entry]) -> None:
    """Find the row its place in time, unless that day is taken by something else."""
    entry = entries.setdefault(line.valid_from, _Entry(line.valid_from))
    if entry.asked is not None:
        why = _("与第 %(other)d 行是同一类别、同一级、同一天起；请删去一行。") % {"other": entry.asked.number}
        row.faults.append(Fault(Column.FROM, why))
        return
    if entry.standing is not None:
        stands = entry.standing.line
        if (stands.post, stands.organ, stands.source) != (line.post, line.organ, line.source):
            why = _("这一天起已有一行，写的是别的岗位、部门或依据；已有的行不改，请另定一个日期起。")
            row.faults.append(Fault(Column.FROM, why))
            return
    entry.asked = row


def _settle(entries: list[_Entry], changes: Changes, today: date) -> None:
    before: _Entry | None = None
    for entry, after in zip(entries, [*entries[1:], None], strict=True):
        _end(entry, after)
        if entry.standing is not None and entry.end != entry.was:
            # days from the earlier of both ends on are judged anew
            if min(entry.end or _EVER, entry.was or _EVER) < today:
                _past(entry, after)
            changes.ends[entry.standing.id] = entry.end
        if entry.asked is not None:
            _say(entry.asked, entry, before)
            if entry.standing is None and entry.asked.line is not None:
                changes.new.append(replace(entry.asked.line, valid_to=entry.end))
        before = entry


def _end(entry: _Entry, after: _Entry | None) -> None:
    line = entry.asked.line if entry.asked else entry.standing.line if entry.standing else None
    assert line is not None  # an entry is there because a line is
    entry.end = line.valid_to
    if after is None or (entry.end is not None and entry.end <= after.since):
        return
    if entry.asked is not None and entry.end is not None:
        why = _("下一行从 %(day)s 起，止最晚写到前一天；或者让止空着。") % {"day": after.since}
        entry.asked.faults.append(Fault(Column.TO, why))
    entry.end = after.since


def _past(entry: _Entry, after: _Entry | None) -> None:
    """Who asks for it: the row that says when the line ends, or the new one that would end it."""
    said = entry.asked is not None and entry.asked.line is not None and entry.asked.line.valid_to is not None
    if not said and after is not None and after.standing is None and after.asked is not None:
        why = _("那天已经过去，当时按另一行办；起请写今天或以后。")
        after.asked.faults.append(Fault(Column.FROM, why))
    elif entry.asked is not None:
        why = _("已经过去的日子不改：止请写昨天或以后；已经结束的行请另写一行，起写今天或以后。")
        entry.asked.faults.append(Fault(Column.TO, why))


def _say(row: Judged, entry: _Entry, before: _Entry | None) -> None:
    if entry.standing is None:
        row.verdict, row.note = Verdict.NEW, _("新增。")
        if before is not None and before.standing is not None and before.end != before.was and before.end:
            days = {"since": before.since, "day": before.end - _DAY}
            row.note = _("新增；%(since)s 起的一行到 %(day)s 为止。") % days
    elif entry.end == entry.was:
        row.verdict, row.note = Verdict.SAME, _("已有，不变。")
    else:
        row.verdict = Verdict.ENDS
        row.note = (
            _("已有；改为到 %(day)s 为止。") % {"day": entry.end - _DAY}
            if entry.end
            else _("已有；改为一直管用。")
        )
    if row.faults:
        row.verdict, row.note = Verdict.WRONG, ""


def count(rows: Iterable[Judged]) -> dict[Verdict, int]:
    """How many rows of each verdict."""
    totals = dict.fromkeys(Verdict, 0)
    for row in rows:
        totals[row.verdict] += 1
    return totals
