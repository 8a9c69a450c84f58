"""What a change of units would do, before it is done: a preview and the change itself read the same plan."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import COMMAND_LINE, Line, check_dates, check_day
from xiangli.territory.models import Appointment, Unit
from xiangli.territory.rules import END_UNIT, Actor, day_of, in_force, is_label, line_of, overlap

MERGE: Final = "merge_units"
SPLIT: Final = "split_unit"
END: Final = "end_unit"
MOST_PARTS: Final = 6


@dataclass(frozen=True, slots=True)
class Ending:
    """A unit that ends, and the units that take over from it."""

    unit: Unit
    successors: tuple[Unit, ...]


# A mover is told, inside the transaction, which units end: (endings, first day without them, now). Modules above
# register one for what they keep there: open matters, say. A previewer says beforehand what that will be; the
# successors may not be stored yet.
Mover = Callable[[Sequence[Ending], date, datetime], None]
Previewer = Callable[[Sequence[Ending], date, datetime], Sequence[Line]]
movers: list[Mover] = []
previewers: list[Previewer] = []


def register_mover(mover: Mover) -> None:
    """Called once by the app config of a module that must move what it keeps in a unit that ends."""
    if mover not in movers:
        movers.append(mover)


def register_previewer(previewer: Previewer) -> None:
    """Called once by the app config of a module that says beforehand what its mover will move."""
    if previewer not in previewers:
        previewers.append(previewer)


@dataclass(frozen=True, slots=True)
class Named:
    """A unit that is to be opened, by how it is called; `code` is its statutory one, where it has one."""

    name: str
    short_name: str = ""
    name_en: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merge, a split or an end does. The units of `opened` are not stored yet; those above stand before those
    below. `heirs` are the units whose people, numbers, nights and ground go on in one new unit: all that lie below
    the changed ones, and one that is simply set up anew."""

    kind: str
    on: date
    authority: str
    endings: tuple[Ending, ...]
    tops: tuple[Unit, ...]  # what is merged, split or ended; the other endings lie below
    opened: tuple[Unit, ...] = ()
    heirs: Mapping[UUID, Unit] = field(default_factory=dict)
    grows: Unit | None = None  # a unit that stood before, and takes the others in

    @property
    def below(self) -> list[tuple[Unit, Unit]]:
        """Each unit that lies below, and the one that is opened in its place."""
        own = {unit.pk for unit in self.tops}
        return [(one.unit, one.successors[0]) for one in self.endings if one.unit.pk not in own]


def plan_merge(
    *,
    by: Actor | None,
    units: Sequence[Unit],
    on: date,
    into: Unit | Named,
    now: datetime,
    lock: bool = False,
) -> Plan:
    """Several units become one: a new one, or one beside them that stands already. Everything below is opened anew
    under it, because a path never changes.

    Raises Refused: no_units, into_itself, not_siblings, successor_ended, name_taken, code_in_force, and what every
    change refuses (`_check`).
    """
    wanted = {unit.pk for unit in units}
    if not wanted:
        raise Refused("no_units", _("请先选要合并的单位。"))
    old = into if isinstance(into, Unit) else None
    if old is not None and old.pk in wanted:
        raise Refused("into_itself", _("“%(unit)s”不能并入它自己；请另选。") % {"unit": old.short_name})
    read = _read([*wanted, *([old.pk] if old else [])], on, lock=lock)
    tops = [read.by_id[pk] for pk in sorted(wanted, key=lambda pk: read.by_id[pk].path)]
    first = tops[0]
    for unit in [*tops, *([read.by_id[old.pk]] if old else [])]:
        if (unit.parent_id, unit.level_id) != (first.parent_id, first.level_id):
            raise Refused(
                "not_siblings",
                _("“%(one)s”和“%(other)s”不在同一个上级下面，或者不是同一级；只能合并同一上级的同级单位。")
                % {"one": first.short_name, "other": unit.short_name},
            )
    authority = _check(by, tops, read, on, now)
    parent = read.parent_of(first)
    if old is not None:
        target = read.by_id[old.pk]
        if not in_force(target.valid_from, None, on) or target.valid_to is not None:
            raise Refused("successor_ended", _("接续单位“%(unit)s”在这一天不存在；请另选。") % {
                "unit": target.short_name
            })  # fmt: skip
    else:
        assert isinstance(into, Named)
        target = _new_unit(into, tops, parent, read, on)
        _check_names([into], ending=wanted, parent=parent, read=read, on=on)
    maker = _Below(read, on)
    maker.under(target, [(top, child) for top in tops for child in read.below(top)])
    succeeded = len(tops) == 1 and old is None  # one unit, set up anew: its people go on
    return Plan(
        kind=MERGE,
        on=on,
        authority=authority,
        endings=(*(Ending(top, (target,)) for top in tops), *maker.endings),
        tops=tuple(tops),
        opened=(*([] if old else [target]), *maker.opened),
        heirs={**({first.pk: target} if succeeded else {}), **maker.heirs},
        grows=target if old else None,
    )


def plan_split(
    *,
    by: Actor | None,
    unit: Unit,
    on: date,
    parts: Sequence[Named],
    goes: Mapping[UUID, int],
    now: datetime,
    lock: bool = False,
) -> Plan:
    """One unit becomes several new ones. `goes` says of every unit right below which part (from 0 on) it goes to.

    Raises Refused: few_parts, left_nowhere (names the units that go nowhere), name_taken, code_in_force, and what
    every change refuses (`_check`).
    """
    read = _read([unit.pk], on, lock=lock)
    top = read.by_id[unit.pk]
    authority = _check(by, [top], read, on, now)
    if not 2 <= len(parts) <= MOST_PARTS:
        raise Refused(
            "few_parts", _("拆分要写明拆成哪几个单位：至少两个，最多 %(most)d 个。") % {"most": MOST_PARTS}
        )
    children = read.below(top)
    nowhere = [child for child in children if goes.get(child.pk, -1) not in range(len(parts))]
    if nowhere:
        raise Refused(
            "left_nowhere",
            _("这些单位还没有归处：%(units)s。拆分后每一个下级单位都要有上级，请逐个选。")
            % {"units": "、".join(child.short_name for child in nowhere)},
        )
    parent = read.parent_of(top)
    _check_names(parts, ending={top.pk}, parent=parent, read=read, on=on)
    maker, targets = _Below(read, on), []
    for number, part in enumerate(parts):
        own = [child for child in children if goes[child.pk] == number]
        target = _new_unit(part, [top], parent, read, on)
        _put_in_middle(target, own)
        targets.append(target)
        maker.under(target, [(top, child) for child in own])
    return Plan(
        kind=SPLIT,
        on=on,
        authority=authority,
        endings=(Ending(top, tuple(targets)), *maker.endings),
        tops=(top,),
        opened=(*targets, *maker.opened),
        heirs=maker.heirs,
    )


def plan_end(
    *, by: Actor | None, unit: Unit, on: date, successors: Sequence[Unit], now: datetime, lock: bool = False
) -> Plan:
    """A unit with nothing below it ends; others, which stand already, take over.

    Raises Refused: no_successor, successor_ended, has_units, and what every change refuses (`_check`).
    """
    read = _read([unit.pk, *(one.pk for one in successors)], on, lock=lock)
    top = read.by_id[unit.pk]
    authority = _check(by, [top], read, on, now)
    if not successors:
        raise Refused("no_successor", _("撤并单位须写明由谁接续；一个地方不能没有人负责。"))
    following = sorted({read.by_id[one.pk] for one in successors}, key=lambda one: one.path)
    for successor in following:
        # read again under a lock: one that is just being ended itself is no successor
        if successor.pk == top.pk or not in_force(successor.valid_from, successor.valid_to, on):
            raise Refused(
                "successor_ended",
                _("接续单位“%(unit)s”在这一天不存在；请另选。") % {"unit": successor.short_name},
            )
    if children := read.below(top):
        raise Refused(
            "has_units",
            _("它下面还有“%(unit)s”；请先结束或改设下级单位，或者把它并入旁边的单位。")
            % {"unit": children[0].short_name},
        )
    return Plan(kind=END, on=on, authority=authority, endings=(Ending(top, tuple(following)),), tops=(top,))


def authority_above(by: Actor | None, unit: Unit) -> str:
    """By which appointment `by` may change `unit`. Refused (own_unit, not_permitted): a unit is changed by the level
    above it, never by its own people, who would decide on themselves."""
    if by is None:
        return COMMAND_LINE
    above = line_of(unit.path)[-2:-1]
    held = by.authority(END_UNIT, above[0]) if above else None
    if held is not None:
        return held.authority
    if by.may(END_UNIT, unit.path):
        raise Refused(
            "own_unit",
            _("“%(unit)s”是您自己的单位：它的更名和撤并由上一级办理。") % {"unit": unit.short_name},
        )
    raise Refused("not_permitted", _("您的岗位不能办理这件事；请找乡镇或县里管单位的人。"))


def next_label(like: str, used: Collection[str]) -> str:
    """`like` as the last step of a path, or the next free number of its kind: "02" -> "07", "206" -> "225". A label
    is never used again."""
    if like not in used:
        return like
    found = re.fullmatch(r"([a-z]*)(\d+)([0-9a-z]*)", like)
    kind, width = (found[1], len(found[2])) if found else (like[:4], 1)
    numbers = [int(one[1]) for label in used if (one := re.fullmatch(rf"{kind}(\d+)[0-9a-z]*", label))]
    return f"{kind}{max(numbers, default=0) + 1:0{width}d}"


# ------------------------------------------------------------------------------------------------------- reading


@dataclass(slots=True)
class _Read:
    """The units that a change is about, with everything below them that is there on the day or later, and all that
    stands beside them."""

    by_id: dict[UUID, Unit]
    children: dict[UUID, list[Unit]]
    parents: dict[UUID, Unit]
    labels: dict[UUID, set[str]]  # that were ever used below a unit
    beside: list[Unit]

    def below(self, unit: Unit) -> list[Unit]:
        return self.children.get(unit.pk, [])

    def everything_below(self, unit: Unit) -> list[Unit]:
        return [one for child in self.below(unit) for one in (child, *self.everything_below(child))]

    def parent_of(self, unit: Unit) -> Unit:
        return self.parents[unit.parent_id] if unit.parent_id else unit


def _read(ids: Collection[UUID], on: date, *, lock: bool) -> _Read:
    """Four statements, and two with `lock`. Locked from the top down, so that two changes wait for each other and never cross."""
    named = list(Unit.objects.filter(pk__in=ids).only("path", "parent_id"))
    if len(named) != len(set(ids)):
        raise Refused("not_found", _("没有找到这个单位；请从列表里重新选。"))
    parents = {unit.parent_id for unit in named if unit.parent_id is not None}
    wanted = Q(pk__in=[*ids, *parents])
    for unit in named:
        wanted |= (Q(valid_to=None) | Q(valid_to__gt=on)) & Q(path__startswith=unit.path)
    rows = Unit.objects.select_related("level").filter(wanted).order_by("path")
    if lock:
        _lock_all(rows)
    found = {unit.pk: unit for unit in rows}
    children: dict[UUID, list[Unit]] = defaultdict(list)
    for unit in found.values():
        if unit.parent_id is not None and (unit.valid_to is None or unit.valid_to > on):
            children[unit.parent_id].append(unit)
    labels: dict[UUID, set[str]] = defaultdict(set)
    beside = []
    for unit in Unit.objects.filter(parent__in=[*parents, *ids]).only(
        "path", "parent_id", "short_name", "valid_from", "valid_to"
    ):
        labels[unit.parent_id].add(unit.path.rstrip("/").rpartition("/")[2])  # type: ignore[index]  # it has a parent
        if unit.parent_id in parents:
            beside.append(unit)
    return _Read(found, children, {pk: found[pk] for pk in parents}, labels, beside)


def _lock_all(rows: QuerySet[Unit]) -> None:
    """Lock rows, and what was written below them while this waited for its turn: a statement does not see that."""
    locked: set[UUID] = set()
    while new := set(rows.select_for_update(of=("self",)).values_list("pk", flat=True)) - locked:
        locked |= new


def _check(by: Actor | None, tops: Sequence[Unit], read: _Read, on: date, now: datetime) -> str:
    """Who may; Refused: unit_ended, dates, in_past, not_begun, changes_pending, begun_today, no_parent."""
    authority = ""
    for unit in tops:
        authority = authority_above(by, unit)
        if unit.parent_id is None:
            raise Refused(
                "no_parent", _("“%(unit)s”上面没有单位，不能在这里撤并。") % {"unit": unit.short_name}
            )
        if unit.valid_to is not None:
            raise Refused("unit_ended", _("“%(unit)s”已经结束。") % {"unit": unit.short_name})
        check_dates(unit.valid_from, on)
    check_day(by, on, now, "on")
    concerned = list(tops)
    for unit in tops:
        for below in read.everything_below(unit):
            concerned.append(below)
            if below.valid_from >= on:
                raise Refused(
                    "not_begun",
                    _("它下面的“%(unit)s”到 %(day)s 才设立；请选这以后的日期。")
                    % {"unit": below.short_name, "day": below.valid_from},
                    field="on",
                )
            if below.valid_to is not None:
                raise Refused(
                    "changes_pending",
                    _("它下面的“%(unit)s”已定于 %(day)s 撤并；请选那天或以后的日期。")
                    % {"unit": below.short_name, "day": below.valid_to},
                    field="on",
                )
    if by is not None and on == day_of(now):
        today = (
            Appointment.objects.select_related("user", "post")
            .filter(unit__in=concerned, valid_from=on)
            .first()
        )
        if today is not None:
            raise Refused(
                "begun_today",
                _("%(name)s任%(post)s今天才开始，今天办过的事要记在这项任职上；请选明天起。")
                % {"name": today.user.display_name, "post": today.post.name},
                field="on",
            )
    return authority


def _check_names(
    parts: Sequence[Named], *, ending: Collection[UUID], parent: Unit, read: _Read, on: date
) -> None:
    staying = {
        unit.short_name
        for unit in read.beside
        if unit.pk not in ending
        and unit.parent_id == parent.pk
        and overlap(unit.valid_from, unit.valid_to, on, None)
    }
    for part in parts:
        said = part.short_name or part.name
        if not said:
            raise Refused("no_name", _("请写新单位的名称。"), field="name")
        if said in staying:
            raise Refused("name_taken", _("这里已经有“%(name)s”了；请换一个名称，或者并入它。") % {
                "name": said
            }, field="name")  # fmt: skip
        staying.add(said)
    codes = [part.code for part in parts if part.code]
    if len(codes) != len(set(codes)):
        raise Refused("code_in_force", _("两个新单位不能用同一个代码。"), field="code")
    if codes:
        for unit in Unit.objects.filter(code__in=codes).exclude(pk__in=ending):
            if overlap(unit.valid_from, unit.valid_to, on, None):
                raise Refused("code_in_force", _("代码 %(code)s 现由“%(unit)s”使用；须先结束旧单位。") % {
                    "code": unit.code, "unit": unit.short_name
                }, field="code")  # fmt: skip


# ------------------------------------------------------------------------------------------------------- making


def _new_unit(called: Named, tops: Sequence[Unit], parent: Unit, read: _Read, on: date) -> Unit:
    """A unit beside `tops`, in their place."""
    used = read.labels[parent.pk]
    like = tops[0].path.rstrip("/").rpartition("/")[2]
    own = called.code[-3:] if parent.code and called.code.startswith(parent.code) else ""
    label = next_label(own if is_label(own) and own not in used else like, used)
    used.add(label)
    unit = Unit(
        kind=tops[0].kind,
        county_id=tops[0].county_id,
        parent=parent,
        level=tops[0].level,
        path=f"{parent.path}{label}/",
        code=called.code,
        name=called.name,
        short_name=called.short_name or called.name,
        name_en=called.name_en,
        is_pseudo=all(one.is_pseudo for one in tops),
        is_synthetic=all(one.is_synthetic for one in tops),
        valid_from=on,
    )
    _put_in_middle(unit, tops)
    return unit


def _put_in_middle(unit: Unit, of: Sequence[Unit]) -> None:
    points = [(one.lat, one.lng) for one in of if one.lat is not None and one.lng is not None]
    if points:
        unit.lat = sum(lat for lat, _lng in points) / len(points)
        unit.lng = sum(lng for _lat, lng in points) / len(points)


class _Below:
    """Opens, under new units, what lay under the old ones: the same names, new labels."""

    def __init__(self, read: _Read, on: date) -> None:
        self.read, self.on = read, on
        self.opened: list[Unit] = []
        self.endings: list[Ending] = []
        self.heirs: dict[UUID, Unit] = {}

    def under(self, target: Unit, children: Sequence[tuple[Unit, Unit]]) -> None:
        """`children` with the changed unit that each lies under. A name that two of those bear on one level is told
        apart by where it is from: "二巷" of two villages becomes "北姚村二巷" and "南姚村二巷"."""
        bearers: dict[tuple[UUID | None, str], set[UUID]] = defaultdict(set)
        for unit in self.read.everything_below(target):
            bearers[unit.level_id, unit.short_name].add(target.pk)
        for top, child in children:
            for unit in (child, *self.read.everything_below(child)):
                bearers[unit.level_id, unit.short_name].add(top.pk)
        self._open(target, children, {key for key, tops in bearers.items() if len(tops) > 1})

    def _open(
        self, parent: Unit, children: Sequence[tuple[Unit, Unit]], shared: Collection[tuple[UUID | None, str]]
    ) -> None:
        used = self.read.labels[parent.pk]
        for top, child in children:
            label = next_label(child.path.rstrip("/").rpartition("/")[2], used)
            used.add(label)
            prefix = top.short_name if (child.level_id, child.short_name) in shared else ""
            new = Unit(
                kind=child.kind,
                county_id=child.county_id,
                parent=parent,
                level=child.level,
                path=f"{parent.path}{label}/",
                code=child.code,
                name=f"{prefix}{child.name}"[:80],
                short_name=f"{prefix}{child.short_name}"[:80],
                name_en=child.name_en,
                lat=child.lat,
                lng=child.lng,
                is_pseudo=child.is_pseudo,
                is_synthetic=child.is_synthetic,
                valid_from=self.on,
            )
            self.opened.append(new)
            self.endings.append(Ending(child, (new,)))
            self.heirs[child.pk] = new
            self._open(new, [(top, one) for one in self.read.below(child)], shared)
