"""Tables of appointments and of units: read with a verdict for each row, handed back annotated, and as templates to
fill in. Nothing is written here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_ROWS_OF_JOB, Cell, Sheet
from xiangli.kernel.tables import Heading, Judged, Say, Table, day_in, nothing, read_table, template, text_in
from xiangli.territory.models import Appointment, County, Level, Post, Standing, Unit
from xiangli.territory.queries.gazetteer import Gazetteer, Known
from xiangli.territory.rules import (
    APPOINT_STAFF,
    END_UNIT,
    Actor,
    appointer,
    in_force,
    is_label,
    is_telephone,
    overlap,
)

_EVER: Final = date.max
_DAY: Final = timedelta(days=1)
_STEP: Final = 500  # rows between two looks at how far it is
_YES: Final = frozenset({"是", "新", "新人", "y", "yes", "1", "true"})
_STANDINGS: Final = {
    "": Standing.HOLDER,
    "负责人": Standing.HOLDER,
    "负责": Standing.HOLDER,
    "holder": Standing.HOLDER,
    "代理": Standing.DEPUTY,
    "deputy": Standing.DEPUTY,
}

PEOPLE: Final = (
    Heading(
        "unit",
        "单位",
        ("所在单位", "unit"),
        needed=True,
        hint=gettext_lazy("路径、代码，或“北姚村 二巷”这样的名称"),
    ),
    Heading(
        "post",
        "岗位",
        ("职务", "post"),
        needed=True,
        hint=gettext_lazy("岗位的名称或代码；从下拉里选最不会错"),
    ),
    Heading(
        "name", "姓名", ("name",), needed=True, hint=gettext_lazy("已经在岗的人按姓名认；有同名的写登录名")
    ),
    Heading(
        "username",
        "登录名",
        ("用户名", "username"),
        hint=gettext_lazy("在共用电脑上登录的人才有；用来认同名的人"),
    ),
    Heading("new", "新人", ("new",), hint=gettext_lazy("写“是”：和已有的同名人不是同一个人")),
    Heading("standing", "任职", ("standing",), hint=gettext_lazy("负责人，或代理；不写是负责人")),
    Heading("since", "起", ("从", "起始日期", "from"), needed=True, hint=gettext_lazy("第一天，不早于今天")),
    Heading(
        "until", "止", ("到", "截止日期", "to", "until"), hint=gettext_lazy("最后一天，含当天；可以空着")
    ),
    Heading(
        "phone",
        "值班电话",
        ("电话", "phone"),
        hint=gettext_lazy("岗位的值班电话，印上公示牌；不写私人手机号"),
    ),
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


@dataclass(slots=True)
class Person:
    """Who a row speaks of: somebody who is there, or is to be."""

    id: UUID
    name: str
    username: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """An appointment that a row asks for."""

    unit: Known
    post: Post
    person: Person
    standing: str
    since: date
    until: date | None  # the first day without it
    phone: str
    authority: str


@dataclass(frozen=True, slots=True)
class WantedUnit:
    """A unit that a row asks for."""

    unit: Known
    level: Level
    name_en: str
    authority: str


PEOPLE_KIND: Final = "people"
UNITS_KIND: Final = "units"
_VERBS: Final = {PEOPLE_KIND: APPOINT_STAFF, UNITS_KIND: END_UNIT}


def may_import(actor: Actor, what: str) -> bool:
    """Whether the actor fills posts, or opens units, anywhere: then from a table, too."""
    return what in _VERBS and any(_VERBS[what] in held.permissions for held in actor.held)


def check_may_import(actor: Actor, what: str) -> None:
    """Refused (forbidden_import) unless `may_import`."""
    if not may_import(actor, what):
        raise Refused("forbidden_import", _("您的岗位不导入这张表；请找乡镇或县里管岗位的人。"))


def _county(actor: Actor, permission: str) -> UUID:
    """The county in which the actor does this: a person's posts of one kind lie in one."""
    return next(held.county_id for held in actor.held if permission in held.permissions)


def _paths(actor: Actor, permission: str) -> Q:
    """What lies in the units where the actor does this."""
    within = Q(pk__in=[])
    for held in actor.held:
        if permission in held.permissions:
            within |= Q(path__startswith=held.unit_path)
    return within


class _Named:
    """Things that a cell names by code or by name; a name that two bear names neither."""

    def __init__(self, things: list[Any]) -> None:
        self._known: dict[str, list[Any]] = defaultdict(list)
        for thing in things:
            for word in {thing.code, thing.name, thing.name_en.casefold()}:
                self._known[word].append(thing)
        self.all = things

    def find(self, words: str) -> Any | None:
        found = self._known.get(words) or self._known.get(words.casefold()) or []
        return found[0] if len(found) == 1 else None

    @property
    def names(self) -> str:
        return "、".join(thing.name for thing in self.all)


# ---------------------------------------------------------------------------------------------------- appointments


@dataclass(slots=True)
class _Standing:
    """An appointment that stands, or that an earlier row asks for."""

    user: UUID
    name: str
    standing: str
    since: date
    until: date | None
    row: int = 0  # of the table; 0: it stands


def read_appointments(content: bytes, *, actor: Actor, today: date, say: Say = nothing) -> Table[Wanted]:
    """The rows of a table of appointments with their verdicts, against what stands. Raises Refused for a file that
    cannot be read. Six statements, whatever the rows."""
    read = read_table(content, PEOPLE, most=MAX_ROWS_OF_JOB)
    county = _county(actor, APPOINT_STAFF)
    units = Gazetteer.of(_paths(actor, APPOINT_STAFF), county)
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county)
    posts = _Named(list(Post.objects.filter(scheme=scheme).order_by("order", "code")))
    people = _People(actor, taken=_usernames(read))
    judged = []
    for done, row in enumerate(read.rows):
        if done % _STEP == 0:
            say(done, len(read.rows))
        judged.append(_judge_appointment(row.number, read.cells(row), actor, units, posts, people, today))
    _weigh(judged, _seats(judged, today))
    say(len(read.rows), len(read.rows))
    return Table(PEOPLE, read.header, read.columns, read.rows, judged)


def _usernames(read: Any) -> set[str]:
    at = read.columns.get("username")
    return set() if at is None else {text_in(row.cell(at)).lower() for row in read.rows} - {""}


class _People:
    """Who is there: the people of the actor's units, by name, and whoever has one of the table's names to sign in
    by. A name that is nobody's yet becomes one new person, whichever rows bear it."""

    def __init__(self, actor: Actor, *, taken: set[str]) -> None:
        within = Q(pk__in=[])
        for held in actor.held:
            if APPOINT_STAFF in held.permissions:
                within |= Q(unit__path__startswith=held.unit_path)
        here = Exists(Appointment.objects.filter(within, user=OuterRef("pk")))
        users = get_user_model()._default_manager
        self._by_name: dict[str, list[Person]] = defaultdict(list)
        self._by_username: dict[str, Person] = {}
        rows = users.filter(here).values_list("pk", "display_name", "username").order_by("pk")
        for pk, name, username in rows.iterator(chunk_size=5000):
            person = Person(pk, name, username or "")
            self._by_name[name].append(person)
            if username:
                self._by_username[username] = person
        # names of people elsewhere: taken, and nobody the actor knows
        self._elsewhere = set(
            users.filter(username__in=taken)
            .exclude(username__in=list(self._by_username))
            .values_list("username", flat=True)
        )

    def find(self, row: Judged[Any], name: str, username: str, *, is_new: bool) -> Person | None:
        username = username.lower()
        if username in self._elsewhere:
            row.wrong("username", _("这个登录名已有人用，那个人不在您的辖区。请换一个，或请县里办理调动。"))
            return None
        if username and (known := self._by_username.get(username)) is not None:
            if known.name != name:
                row.wrong("username", _("这个登录名是%(name)s的，和姓名对不上。") % {"name": known.name})
                return None
            return known
        bearers = [] if is_new else self._by_name[name]
        if username and bearers:
            row.wrong(
                "username",
                _("已有叫%(name)s的人，登录名不是这个；不是同一个人的，在“新人”写“是”。") % {"name": name},
            )
            return None
        if len(bearers) > 1:
            row.wrong("name", _("有 %(count)d 位叫%(name)s，请写登录名；都不是的，在“新人”写“是”。") % {
                "count": len(bearers), "name": name,
            })  # fmt: skip
            return None
        if bearers:
            return bearers[0]
        if username and not (
            3 <= len(username) <= 60 and username.replace("_", "").replace("-", "").replace(".", "").isalnum()
        ):
            row.wrong("username", _("用户名要 3 到 60 个字，可用汉字、字母、数字和 . _ -。"))
            return None
        person = Person(new_id(), name, username, is_new=True)
        if username:
            self._by_username[username] = person
        if not is_new:
            self._by_name[name].append(person)
        return person


def _judge_appointment(
    number: int,
    cells: dict[str, Cell],
    actor: Actor,
    units: Gazetteer,
    posts: _Named,
    people: _People,
    today: date,
) -> Judged[Wanted]:
    row: Judged[Wanted] = Judged(number)
    said = {key: text_in(cell) for key, cell in cells.items() if key not in {"since", "until"}}
    since, last = _day(row, cells, "since", needed=True), _day(row, cells, "until")
    if since is not None and since < today:
        row.wrong(
            "since",
            _("已经过去了。请从今天（%(today)s）起；确要补登的，请县里用命令行补。") % {"today": today},
        )
    until = last + _DAY if last is not None and last != _EVER else None
    if since is not None and last is not None and last < since:
        row.wrong("until", _("最后一天早于第一天。"))
    unit = None
    if not said.get("unit"):
        row.wrong("unit", _("请写单位。"))
    else:
        unit, why = units.find(said["unit"], since)
        if why:
            row.wrong("unit", why)
    held = appointer(actor, unit.path) if unit is not None else None
    if unit is not None and held is None:
        row.wrong("unit", _("本单位的岗位由上一级任命。"))
    post: Post | None = posts.find(said.get("post", ""))
    if post is None:
        row.wrong("post", _("没有这个岗位。本县有：%(all)s。") % {"all": posts.names})
    elif unit is not None and unit.level not in post.levels:
        fitting = "、".join(one.name for one in posts.all if unit.level in one.levels)
        row.wrong("post", _("“%(post)s”不设在“%(unit)s”这一级；这一级有：%(all)s。") % {
            "post": post.name, "unit": unit.short_name, "all": fitting or _("没有岗位"),
        })  # fmt: skip
    standing = _STANDINGS.get(said.get("standing", "").casefold())
    if standing is None:
        row.wrong("standing", _("请写“负责人”或“代理”，不写是负责人。"))
    phone = said.get("phone", "")
    if not is_telephone(phone):
        row.wrong("phone", _("这不是电话号码：请写成 0359-6520001 这样的值班电话。"))
    name = said.get("name", "")
    person = None
    if not name or len(name) > 60:
        row.wrong("name", _("请写姓名，最多 60 字。"))
    else:
        is_new = said.get("new", "").casefold() in _YES
        person = people.find(row, name, said.get("username", ""), is_new=is_new)
    if person is not None and person.id == actor.user_id:
        row.wrong("name", _("自己的任职自己不能改；请上一级管岗位的人办理。"))
    if row.faults or not (unit and post and person and since and standing and held):
        return row
    if unit.valid_to is not None and (until is None or until > unit.valid_to):
        until = unit.valid_to
    row.item = Wanted(unit, post, person, standing, since, until, phone, held.authority)
    return row


def _day(row: Judged[Any], cells: dict[str, Cell], key: str, *, needed: bool = False) -> date | None:
    try:
        day = day_in(cells.get(key))
    except ValueError:
        row.wrong(key, _("请写成 2026-11-22 这样的日期。"))
        return None
    if day is None and needed:
        row.wrong(key, _("请填日期。"))
    return day


_Seats = dict[tuple[UUID, UUID], list[_Standing]]


def _seats(judged: list[Judged[Wanted]], today: date) -> _Seats:
    """Who stands, now or later, in the seats that the rows speak of. One statement."""
    units = {row.item.unit.id for row in judged if row.item is not None}
    seats: _Seats = defaultdict(list)
    rows = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=today), unit__in=units)
    for unit, post, user, name, standing, since, until in rows.values_list(
        "unit_id", "post_id", "user_id", "user__display_name", "standing", "valid_from", "valid_to"
    ):
        seats[unit, post].append(_Standing(user, name, standing, since, until))
    return seats


def _weigh(judged: list[Judged[Wanted]], seats: _Seats) -> None:
    """Each row against what stands and the rows before it; deputies last, because their holder may stand further
    down."""
    sound = [row for row in judged if row.item is not None]
    for row in sorted(sound, key=lambda row: row.item is not None and row.item.standing == Standing.DEPUTY):
        want = row.item
        assert want is not None
        seat = seats[want.unit.id, want.post.pk]
        _weigh_one(row, want, seat)
        if not row.faults and not row.same:
            seat.append(
                _Standing(want.person.id, want.person.name, want.standing, want.since, want.until, row.number)
            )


def _weigh_one(row: Judged[Wanted], want: Wanted, seat: list[_Standing]) -> None:
    for other in seat:
        if not overlap(other.since, other.until, want.since, want.until):
            continue
        if other.user == want.person.id:
            covers = other.since <= want.since and other.until == want.until
            if covers and other.standing == want.standing and not other.row:
                row.same, row.note = True, _("已经在这个岗位上，不用再写。")
            else:
                row.wrong("name", _("%(name)s这段时间已在这个岗位上%(where)s。") % {
                    "name": want.person.name, "where": _where(other),
                })  # fmt: skip
            return
        if want.post.single and want.standing == Standing.HOLDER == other.standing:
            row.wrong("post", _("这段时间由%(name)s担任%(where)s；请先结束其任职，或写“代理”。") % {
                "name": other.name, "where": _where(other),
            })  # fmt: skip
            return
    if want.standing == Standing.DEPUTY and not any(
        one.standing == Standing.HOLDER and in_force(one.since, one.until, want.since) for one in seat
    ):
        row.wrong("standing", _("这个岗位那天没有负责人，代理不知替谁。"))
        return
    row.note = (
        _("新建这个人，再任命；之后请发开通链接。")
        if want.person.is_new
        else _("任命已有的%(name)s。") % {"name": want.person.name}
    )


def _where(other: _Standing) -> str:
    return _("（第 %(row)d 行）") % {"row": other.row} if other.row else ""


def appointments_template(*, actor: Actor, today: date) -> bytes:
    """An empty table of appointments that offers the county's posts."""
    scheme = County.objects.values_list("scheme", flat=True).get(pk=_county(actor, APPOINT_STAFF))
    posts = Post.objects.filter(scheme=scheme).order_by("order", "code")
    offered = Sheet("岗位", [[_("名称"), _("代码")], *([post.name, post.code] for post in posts)])
    notes = [_("一行写一个人担任一个岗位。先逐行检查，您确认以后才写入；今天是 %(day)s。") % {"day": today}]
    return template(_("任职"), PEOPLE, [offered], notes)


# ----------------------------------------------------------------------------------------------------------- units


def read_units(content: bytes, *, actor: Actor, today: date, say: Say = nothing) -> Table[WantedUnit]:
    """The rows of a table of units with their verdicts, against what stands; a row may name what a row before it
    opens. Raises Refused for a file that cannot be read. Five statements, whatever the rows."""
    read = read_table(content, UNITS, most=MAX_ROWS_OF_JOB)
    county = _county(actor, END_UNIT)
    units = Gazetteer.of(_paths(actor, END_UNIT), county)
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county)
    levels = _Named(list(Level.objects.filter(scheme=scheme).order_by("rank", "code")))
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
        if done % _STEP == 0:
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
    levels: _Named,
    taken: dict[str, list[tuple[str, date, date | None]]],
    siblings: _Siblings,
) -> Judged[WantedUnit]:
    row: Judged[WantedUnit] = Judged(number)
    said = {key: text_in(cell) for key, cell in cells.items() if key != "since"}
    since = _day(row, cells, "since", needed=True)
    parent, why = units.find(said["parent"], since) if said.get("parent") else (None, _("请写上级单位。"))
    if why:
        row.wrong("parent", why)
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
    scheme = County.objects.values_list("scheme", flat=True).get(pk=_county(actor, END_UNIT))
    levels = Level.objects.filter(scheme=scheme).order_by("rank", "code")
    offered = Sheet("层级", [[_("名称"), _("代码")], *([level.name, level.code] for level in levels)])
    notes = [
        _("一行开设一个单位，上级写在前面。先逐行检查，您确认以后才写入；今天是 %(day)s。") % {"day": today}
    ]
    return template(_("单位"), UNITS, [offered], notes)
