"""Tables of appointments: each row's verdict against what stands and the rows beside it."""

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
from xiangli.kernel.sheets import MAX_ROWS_OF_JOB, Cell, Sheet
from xiangli.kernel.tables import Heading, Judged, Say, Table, nothing, read_table, template, text_in
from xiangli.territory.models import Appointment, County, Post, Standing
from xiangli.territory.queries.gazetteer import Gazetteer, Known
from xiangli.territory.queries.workbooks.common import STEP, Named, county_of, day_of_row, units_of
from xiangli.territory.rules import (
    APPOINT_STAFF,
    Actor,
    appointer,
    in_force,
    is_telephone,
    overlap,
)

_EVER: Final = date.max
_DAY: Final = timedelta(days=1)
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
    county = county_of(actor, APPOINT_STAFF)
    units = Gazetteer.of(units_of(actor, APPOINT_STAFF), county)
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county)
    posts = Named(list(Post.objects.filter(scheme=scheme).order_by("order", "code")))
    people = _People(actor, taken=_usernames(read))
    judged = []
    for done, row in enumerate(read.rows):
        if done % STEP == 0:
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
    posts: Named,
    people: _People,
    today: date,
) -> Judged[Wanted]:
    row: Judged[Wanted] = Judged(number)
    said = {key: text_in(cell) for key, cell in cells.items() if key not in {"since", "until"}}
    since, last = day_of_row(row, cells, "since", needed=True), day_of_row(row, cells, "until")
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
    scheme = County.objects.values_list("scheme", flat=True).get(pk=county_of(actor, APPOINT_STAFF))
    posts = Post.objects.filter(scheme=scheme).order_by("order", "code")
    offered = Sheet("岗位", [[_("名称"), _("代码")], *([post.name, post.code] for post in posts)])
    notes = [_("一行写一个人担任一个岗位。先逐行检查，您确认以后才写入；今天是 %(day)s。") % {"day": today}]
    return template(_("任职"), PEOPLE, [offered], notes)
