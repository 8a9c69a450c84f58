"""The only writers of territory: units, appointments, absences, duty numbers. Each runs in one transaction
and leaves an event in the unit's stream of the ledger."""

import secrets
import tomllib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.accounts import actions as accounts
from xiangli.accounts.models import Enrolment
from xiangli.kernel import clock
from xiangli.kernel.ledger import Chain
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.territory import presets as _presets
from xiangli.territory.models import (
    Absence,
    Appointment,
    County,
    DutyNumber,
    Level,
    Post,
    Scheme,
    Standing,
    Succession,
    Unit,
)
from xiangli.territory.rules import (
    APPOINT_STAFF,
    END_UNIT,
    ENROL_STAFF,
    Actor,
    day_of,
    in_force,
    is_label,
    may_enrol,
    needs_second_factor,
    overlap,
    plate_code_from,
)

COMMAND_LINE = "command line"  # the authority of an administrator at the machine

# A mover is told, inside the transaction, that a unit ends: (unit, its successors, first day without it,
# now). Modules above register one for what they keep there: open matters, say.
Mover = Callable[[Unit, Sequence[Unit], date, datetime], None]
_movers: list[Mover] = []


def check_dates(valid_from: date, valid_to: date | None) -> None:
    """Refused (dates) when the first day without it does not come after the first day with it."""
    if valid_to is not None and valid_to <= valid_from:
        raise Refused("dates", _("结束日期须晚于开始日期 %(day)s。") % {"day": valid_from}, field="valid_to")


def presets() -> list[str]:
    """The codes of the packaged schemes."""
    return sorted(
        file.name.removesuffix(".toml") for file in files(_presets).iterdir() if file.name.endswith(".toml")
    )


def load_preset(code: str) -> Scheme:
    """Write the packaged scheme `code` (levels and posts), or bring a loaded one up to date; nothing is
    removed.

    Raises Refused (no_preset) with the codes there are.
    """
    if code not in presets():
        raise Refused(
            "no_preset",
            _("没有“%(code)s”这个层级方案；现有：%(all)s。") % {"code": code, "all": "、".join(presets())},
        )
    wanted = tomllib.loads(files(_presets).joinpath(f"{code}.toml").read_text(encoding="utf-8"))
    sets: dict[str, list[str]] = wanted["sets"]

    def spelt_out(words: list[str]) -> list[str]:
        """A list in which "@name" stands for a set of words."""
        return [word for item in words for word in (sets[item[1:]] if item.startswith("@") else [item])]

    with transaction.atomic():
        scheme, _created = Scheme.objects.update_or_create(
            code=code, defaults={"name": wanted["name"], "name_en": wanted["name_en"]}
        )
        levels: dict[str, Level] = {}
        for row in wanted["levels"]:
            key, parent = row.pop("code"), row.pop("parent", None)
            levels[key], _created = Level.objects.update_or_create(
                scheme=scheme, code=key, defaults={**row, "parent": levels[parent] if parent else None}
            )
        for row in wanted["posts"]:
            key = row.pop("code")
            row["duties"], row["permissions"] = spelt_out(row["duties"]), spelt_out(row["permissions"])
            Post.objects.update_or_create(scheme=scheme, code=key, defaults=row)
    return scheme


def register_mover(mover: Mover) -> None:
    """Called once by the app config of a module that must move what it keeps in a unit that ends."""
    if mover not in _movers:
        _movers.append(mover)


def open_unit(
    *,
    by: Actor | None = None,
    parent: Unit,
    level: Level,
    label: str,
    name: str,
    short_name: str = "",
    name_en: str = "",
    code: str = "",
    valid_from: date,
    lat: float | None = None,
    lng: float | None = None,
) -> Unit:
    """Open a unit under `parent`, with a plate where its level carries one. `label` is its last step of the
    path ("02"), which is never used again, not even after the unit ended.

    Raises Refused: level_below, label_taken, code_in_force, parent_ended, label, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        above = _lock(parent)
        if not is_label(label):
            raise Refused("label", _("编号只能用 1 到 8 个数字或小写字母，如“02”。"), field="label")
        if level.parent_id != above.level_id:
            raise Refused("level_below", _("“%(level)s”不能设在“%(unit)s”下面；请按本县的层级方案选择。") % {
                "level": level.name, "unit": above.short_name
            })  # fmt: skip
        if not in_force(above.valid_from, above.valid_to, valid_from):
            raise Refused("parent_ended", _("上级单位在这一天不存在；请换一个日期或上级单位。"))
        authority = _authority(by, END_UNIT, above)
        path = f"{above.path}{label}/"
        if Unit.objects.filter(path=path).exists():
            raise Refused(
                "label_taken",
                _("编号 %(label)s 用过了；撤销的单位也不再让出编号，请换一个。") % {"label": label},
            )
        if code:
            check_code_free(code, valid_from)
        unit = Unit.objects.create(
            county_id=above.county_id,
            parent=above,
            level=level,
            path=path,
            code=code,
            name=name,
            short_name=short_name or name,
            name_en=name_en,
            plate_code=_new_plate_code() if level.has_plate else None,
            lat=lat,
            lng=lng,
            valid_from=valid_from,
        )
        _record(unit, "open_unit", by, authority, now, {"path": path, "from": valid_from.isoformat()})
    return unit


def check_code_free(code: str, valid_from: date, valid_to: date | None = None) -> None:
    """One unit in force per statutory code: codes are used again after a merge. Refused: code_in_force."""
    for unit in Unit.objects.filter(code=code):
        if overlap(unit.valid_from, unit.valid_to, valid_from, valid_to):
            raise Refused("code_in_force", _("代码 %(code)s 现由“%(unit)s”使用；须先结束旧单位。") % {
                "code": code, "unit": unit.short_name
            })  # fmt: skip


def _new_plate_code() -> str:
    while True:
        code = plate_code_from(secrets.randbits(35))
        if not Unit.objects.filter(plate_code=code).exists():
            return code


def end_unit(*, by: Actor | None = None, unit: Unit, on: date, successors: Sequence[Unit]) -> Unit:
    """End a unit: `on` is the first day without it. Its successors answer from then on, its old plate leads
    to them, its appointments end, and every module moves what it keeps there. History keeps its place: the
    path stays.

    Raises Refused: no_successor, successor_ended, has_units, unit_ended, dates, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked = _lock(unit)
        if locked.valid_to is not None:
            raise Refused("unit_ended", _("“%(unit)s”已经结束。") % {"unit": locked.short_name})
        check_dates(locked.valid_from, on)
        authority = _authority(by, END_UNIT, locked)
        if not successors:
            raise Refused("no_successor", _("撤并单位须写明由谁接续；一个地方不能没有人负责。"))
        # read again under a lock: one that is just being ended itself is no successor
        wanted = Unit.objects.select_for_update().filter(pk__in=[successor.pk for successor in successors])
        successors = list(wanted.order_by("pk"))
        for successor in successors:
            if successor.pk == locked.pk or not in_force(successor.valid_from, successor.valid_to, on):
                raise Refused(
                    "successor_ended",
                    _("接续单位“%(unit)s”在这一天不存在；请另选。") % {"unit": successor.short_name},
                )
        below = Unit.objects.filter(Q(valid_to=None) | Q(valid_to__gt=on), parent=locked).first()
        if below is not None:
            raise Refused(
                "has_units", _("它下面还有“%(unit)s”；请先结束或改设下级单位。") % {"unit": below.short_name}
            )
        locked.valid_to = on
        locked.save(update_fields=["valid_to"])
        Succession.objects.bulk_create(
            Succession(predecessor=locked, successor=successor, on=on) for successor in successors
        )
        Appointment.objects.filter(unit=locked, valid_from__gte=on).delete()  # they would never begin
        Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=on), unit=locked).update(valid_to=on)
        for mover in _movers:
            mover(locked, successors, on, now)
        _record(
            locked,
            "end_unit",
            by,
            authority,
            now,
            {"on": on.isoformat(), "successors": [s.pk for s in successors]},
        )
    return locked


def appoint(
    *,
    by: Actor | None = None,
    user: Any,
    unit: Unit,
    post: Post,
    valid_from: date,
    valid_to: date | None = None,
    standing: str = Standing.HOLDER,
) -> Appointment:
    """Appoint `user` to `post` in `unit` until the day before `valid_to`. `by` None: an administrator on
    the command line.

    Raises Refused: level, scheme, dates, unit_ended, post_taken (names who holds it), appointed_already,
    not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked = _lock(unit)
        check_dates(valid_from, valid_to)
        authority = _authority(by, APPOINT_STAFF, locked)
        county = County.objects.filter(unit=locked.county_id).first()
        if county is None or county.scheme_id != post.scheme_id:
            raise Refused("scheme", _("本县的层级方案里没有“%(post)s”这个岗位。") % {"post": post.name})
        if locked.level is None or locked.level.code not in post.levels:
            raise Refused("level", _("“%(post)s”不设在“%(unit)s”这一级；请换一个单位或岗位。") % {
                "post": post.name, "unit": locked.short_name
            })  # fmt: skip
        if not in_force(locked.valid_from, locked.valid_to, valid_from):
            raise Refused("unit_ended", _("“%(unit)s”在任职开始的那天不存在；请改任到接续它的单位。") % {
                "unit": locked.short_name
            })  # fmt: skip
        if locked.valid_to is not None and (valid_to is None or valid_to > locked.valid_to):
            valid_to = locked.valid_to
        for other in Appointment.objects.select_related("user").filter(unit=locked, post=post):
            if not overlap(other.valid_from, other.valid_to, valid_from, valid_to):
                continue
            if other.user_id == user.pk:
                raise Refused("appointed_already", _("%(name)s这段时间已在这个岗位上；请先结束原任职。") % {
                    "name": other.user.display_name
                })  # fmt: skip
            if post.single and standing == Standing.HOLDER == other.standing:
                raise Refused(
                    "post_taken",
                    _("“%(post)s”从 %(since)s 起由%(name)s担任；请先结束其任职，或任命为代理。")
                    % {"post": post.name, "since": other.valid_from, "name": other.user.display_name},
                    appointment=other.pk,
                )
        appointment = Appointment.objects.create(
            user=user,
            unit=locked,
            post=post,
            standing=standing,
            single=post.single,
            valid_from=valid_from,
            valid_to=valid_to,
            recorded_at=now,
            recorded_by_id=by.user_id if by else None,
        )
        if needs_second_factor(post.permissions) and not user.require_second_factor:
            get_user_model()._default_manager.filter(pk=user.pk).update(require_second_factor=True)
            user.require_second_factor = True
        _record(
            locked, "appoint", by, authority, now,
            {
                "appointment": appointment.pk, "user": user.pk, "post": post.code, "standing": standing,
                "from": valid_from.isoformat(), "to": valid_to.isoformat() if valid_to else None,
            },
        )  # fmt: skip
    return appointment


def end_appointment(*, by: Actor | None = None, appointment: Appointment, on: date) -> Appointment:
    """End an appointment: `on` is the first day without it. Raises Refused: dates, ended_already,
    not_permitted."""
    now = clock.now()
    with transaction.atomic():
        unit = _lock(appointment.unit)
        current = Appointment.objects.select_related("post").get(pk=appointment.pk)
        authority = _authority(by, APPOINT_STAFF, unit)
        if current.valid_to is not None and current.valid_to <= on:
            raise Refused("ended_already", _("这项任职到 %(day)s 已经结束。") % {"day": current.valid_to})
        check_dates(current.valid_from, on)
        current.valid_to = on
        current.save(update_fields=["valid_to"])
        _record(
            unit, "end_appointment", by, authority, now, {"appointment": current.pk, "on": on.isoformat()}
        )
    return current


def record_absence(
    *, by: Actor | None = None, appointment: Appointment, starts: datetime, ends: datetime | None = None
) -> Absence:
    """Say that the person of an appointment is away from `starts` to `ends` (None: until further notice);
    the deputy answers meanwhile. A person says it of oneself; of others, whoever may appoint there.

    Raises Refused: dates, away_already, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        unit = _lock(appointment.unit)
        if ends is not None and ends <= starts:
            raise Refused("dates", _("结束时间须晚于开始时间。"), field="ends")
        own = by is not None and by.user_id == appointment.user_id
        authority = f"appointment:{appointment.pk}" if own else _authority(by, APPOINT_STAFF, unit)
        clash = Q(ends=None) | Q(ends__gt=starts)
        if ends is not None:
            clash &= Q(starts__lt=ends)
        if Absence.objects.filter(clash, appointment=appointment).exists():
            raise Refused("away_already", _("这段时间已经登记过外出；请先更正原来的登记。"))
        absence = Absence.objects.create(appointment=appointment, starts=starts, ends=ends)
        _record(
            unit,
            "record_absence",
            by,
            authority,
            now,
            {"appointment": appointment.pk, "starts": starts, "ends": ends},
        )
    return absence


def set_duty_number(*, by: Actor | None = None, unit: Unit, post: Post, phone: str) -> DutyNumber:
    """Say on which telephone a post of a unit is on duty. Never a private number: it stands on the plate."""
    now = clock.now()
    with transaction.atomic():
        locked = _lock(unit)
        authority = _authority(by, APPOINT_STAFF, locked)
        number, _created = DutyNumber.objects.update_or_create(
            unit=locked, post=post, defaults={"phone": phone}
        )
        _record(locked, "set_duty_number", by, authority, now, {"post": post.code})
    return number


def issue_enrolment(*, by: Actor, user_id: UUID, now: datetime) -> tuple[Any, Enrolment, str]:
    """Hand out the one-time link of a person below the actor's unit: the person, the enrolment, its token.

    Raises Refused: not_found for anybody outside the actor's territory, not_permitted for somebody who also
    holds a post at the actor's level or above, account_inactive.
    """
    with transaction.atomic():
        standing = list(
            Appointment.objects.select_related("user", "unit")
            .filter(Q(valid_to=None) | Q(valid_to__gt=day_of(now)), user=user_id)
            .order_by("unit__path", "id")
        )
        below = [a for a in standing if may_enrol(by, [a.unit.path])]
        if by.user_id is None or not below:
            raise Refused("not_found", _("您的辖区里没有这个人。请核对名单，或先请管岗位的人任命。"))
        if not may_enrol(by, [a.unit.path for a in standing]):
            raise Refused(
                "not_permitted",
                _("%(name)s还有与您同级或上级的岗位，链接要由上一级（乡镇或县综治中心）来发。")
                % {"name": below[0].user.display_name},
            )
        unit = _lock(below[0].unit)
        authority = _authority(by, ENROL_STAFF, unit)
        issuer = get_user_model()._default_manager.get(pk=by.user_id)
        enrolment, token = accounts.issue_enrolment(user=below[0].user, issued_by=issuer, now=now)
        _record(unit, "issue_enrolment", by, authority, now, {"user": user_id, "enrolment": enrolment.pk})
    return below[0].user, enrolment, token


def _lock(unit: Unit) -> Unit:
    """The unit's row, locked: appointments and changes of one unit follow each other."""
    return Unit.objects.select_for_update(of=("self",)).select_related("level").get(pk=unit.pk)


def _authority(by: Actor | None, permission: str, unit: Unit) -> str:
    if by is None:
        return COMMAND_LINE
    held = by.authority(permission, unit.path)
    if held is None:
        raise Refused("not_permitted", _("您的岗位不能办理这件事；请找乡镇或县里管岗位的人。"))
    return held.authority


def _record(
    unit: Unit, kind: str, by: Actor | None, authority: str, now: datetime, data: dict[str, Any]
) -> None:
    """Append one event to the unit's stream, under the lock on its row. Its head is read from the ledger:
    units change a few times in their life, so they carry no head of their own."""
    last = LedgerEvent.objects.filter(stream=unit.pk).order_by("-seq").first()
    scope: UUID = unit.county_id or unit.pk
    chain = (
        Chain(stream=unit.pk, scope=scope, seq=last.seq, head=bytes(last.hash))
        if last
        else Chain(unit.pk, scope)
    )
    chain.append(kind, at=now, actor=by.user_id if by else None, authority=authority, data=data)
    chain.save()
