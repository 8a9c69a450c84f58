"""Units change: merged, split, ended, renamed. Each change is one transaction, whose statements do not grow with
the units below, and leaves one event in the stream of every unit it touches. None of them can be undone."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.kernel import clock, outbox
from xiangli.kernel.ledger import Chain
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.kernel.rows import insert
from xiangli.territory.actions.common import Line, lock, record
from xiangli.territory.actions.grounds import joined
from xiangli.territory.actions.plans import (
    MERGE,
    Named,
    Plan,
    authority_above,
    movers,
    plan_end,
    plan_merge,
    plan_split,
    previewers,
)
from xiangli.territory.models import (
    Absence,
    Appointment,
    Boundary,
    DutyNumber,
    OnCall,
    Succession,
    Unit,
)
from xiangli.territory.queries.places import forget_places
from xiangli.territory.queries.scopes import forget_scopes
from xiangli.territory.rules import Actor, day_of, in_force, overlap, plate_code_from

GROW: Final = "territory.grow"  # a unit takes in the ground of others on the day they become one
_CHINA: Final = ZoneInfo("Asia/Shanghai")


def merge_units(*, by: Actor | None = None, units: Sequence[Unit], on: date, into: Unit | Named) -> Plan:
    """Merge units of one level under one parent into a new one, or into one of their siblings; `on` is the first
    day without them. Whatever lies below them is opened anew under it, with its people; old plates lead on.

    Raises Refused as `plan_merge`.
    """
    now = clock.now()
    with transaction.atomic():
        plan = plan_merge(by=by, units=units, on=on, into=into, now=now, lock=True)
        _carry_out(plan, by, now)
    return plan


def split_unit(
    *, by: Actor | None = None, unit: Unit, on: date, parts: Sequence[Named], goes: Mapping[UUID, int]
) -> Plan:
    """Split a unit into new ones; `goes` names for each unit right below it the part it goes to.

    Raises Refused as `plan_split`.
    """
    now = clock.now()
    with transaction.atomic():
        plan = plan_split(by=by, unit=unit, on=on, parts=parts, goes=goes, now=now, lock=True)
        _carry_out(plan, by, now)
    return plan


def end_unit(*, by: Actor | None = None, unit: Unit, on: date, successors: Sequence[Unit]) -> Unit:
    """End a unit: `on` is the first day without it. Its successors answer from then on, its old plate leads
    to them, its appointments end, and every module moves what it keeps there. History keeps its place: the
    path stays.

    Raises Refused as `plan_end`: no_successor, successor_ended, has_units, unit_ended, dates, not_permitted …
    """
    now = clock.now()
    with transaction.atomic():
        plan = plan_end(by=by, unit=unit, on=on, successors=successors, now=now, lock=True)
        _carry_out(plan, by, now)
    return plan.tops[0]


def rename_unit(
    *,
    by: Actor | None = None,
    unit: Unit,
    on: date,
    name: str,
    short_name: str = "",
    name_en: str = "",
    code: str = "",
) -> Unit:
    """Say what a unit has been called since `on`. Names are what is shown: the old ones stand in the ledger, and in
    what was said at the time.

    Raises Refused: unit_ended, not_yet, dates, unchanged, name_taken, code_in_force, own_unit, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked = lock(unit)
        authority = authority_above(by, locked)
        if not in_force(locked.valid_from, locked.valid_to, day_of(now)):
            raise Refused("unit_ended", _("“%(unit)s”现在不存在，不能更名。") % {"unit": locked.short_name})
        if on > day_of(now):
            raise Refused("not_yet", _("更名当天起才能登记；请到 %(day)s 再来办。") % {"day": on}, field="on")
        if on < locked.valid_from:
            raise Refused("dates", _("“%(unit)s”从 %(day)s 起才有；请选那天或以后的日期。") % {
                "unit": locked.short_name, "day": locked.valid_from
            }, field="on")  # fmt: skip
        new = {"name": name, "short_name": short_name or name, "name_en": name_en, "code": code}
        old = {key: getattr(locked, key) for key in new}
        if old == new:
            raise Refused("unchanged", _("名称和代码都没有改动。"), field="name")
        for other in Unit.objects.filter(parent=locked.parent_id, short_name=new["short_name"]).exclude(
            pk=locked.pk
        ):
            if overlap(other.valid_from, other.valid_to, on, None):
                raise Refused("name_taken", _("这里已经有“%(name)s”了；请换一个名称。") % {
                    "name": other.short_name
                }, field="short_name")  # fmt: skip
        if code and code != old["code"]:
            for other in Unit.objects.filter(code=code).exclude(pk=locked.pk):
                if overlap(other.valid_from, other.valid_to, on, None):
                    raise Refused("code_in_force", _("代码 %(code)s 现由“%(unit)s”使用；须先结束旧单位。") % {
                        "code": code, "unit": other.short_name
                    }, field="code")  # fmt: skip
        for key, value in new.items():
            setattr(locked, key, value)
        locked.save(update_fields=list(new))
        record(locked, "rename_unit", by, authority, now, {"on": on.isoformat(), "old": old, "new": new})
    _forget()
    return locked


def grow(unit_id: UUID, others: Collection[UUID]) -> None:
    """Let a unit take in the ground of others, which have become one with it. Twice is as once."""
    with transaction.atomic():
        unit = Unit.objects.select_for_update(of=("self",)).select_related("level").get(pk=unit_id)
        rings = {row.unit_id: row for row in Boundary.objects.filter(unit__in=[unit_id, *others])}
        own = rings.get(unit_id)
        if own is None or unit.valid_to is not None or set(others) - rings.keys():
            return
        ring = joined([row.ring for row in rings.values()])
        if ring is not None:
            own.ring, own.synthetic = ring, any(row.synthetic for row in rings.values())
            own.save(update_fields=["ring", "synthetic"])


# ------------------------------------------------------------------------------------------------------- beforehand


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose appointment ends with a unit."""

    name: str
    post: str
    unit: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change touches, so that somebody can say yes to it."""

    plan: Plan
    leaving: tuple[Person, ...]  # who holds no post there afterwards
    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        """Stands in the form that says yes: another one by then means that the change is another one."""
        return (
            f"{self.plan.on.isoformat()}:{len(self.plan.endings)}:{len(self.plan.opened)}:{len(self.leaving)}"
        )


def preview(plan: Plan, *, now: datetime) -> Preview:
    """What `plan` would do. Six statements, and what modules above ask; writes nothing."""
    posts = (
        _appointments(plan).select_related("user", "post", "unit").order_by("unit__path", "post__order", "id")
    )
    held = list(posts)
    staying = [row for row in held if row.unit_id in plan.heirs]
    leaving = [row for row in held if row.unit_id not in plan.heirs]
    nights = list(_nights(plan, now).values_list("unit_id", flat=True))
    kept = sum(unit in plan.heirs for unit in nights)
    numbers = DutyNumber.objects.filter(unit__in=list(plan.heirs)).count() if plan.heirs else 0
    plates = sum(unit.level is not None and unit.level.has_plate for unit in plan.opened)
    old_plates = sum(ending.unit.plate_code is not None for ending in plan.endings)
    ground = _ground(plan)
    lines = [
        Line(
            _("下级单位"),
            len(plan.below),
            _("在新单位下面重新设立，名称照旧，编号另编") if plan.below else "",
        ),
        Line(_("随下级单位接着任职"), len(staying), _("同一个人、同一个岗位，从那天起") if staying else ""),
        Line(_("任职到那天为止"), len(leaving), _("要接着干的，请在新单位另行任命") if leaving else ""),
        Line(_("值班安排"), len(nights), _roster_words(kept, len(nights) - kept)),
        Line(_("值班电话"), numbers, _("照旧") if numbers else ""),
        Line(_("要新挂的公示牌"), plates, _("请在“公示牌”里打印") if plates else ""),
        Line(_("旧公示牌"), old_plates, _("扫码仍能用，直接到接续的单位") if old_plates else ""),
        Line(_("边界"), len(ground), _("由原来的边界合成或照旧") if ground else _("界线待绘")),
    ]
    for previewer in previewers:
        lines += previewer(plan.endings, plan.on, now)
    people = tuple(Person(row.user.display_name, row.post.name, row.unit.short_name) for row in leaving)
    return Preview(plan, people, tuple(lines))


def _roster_words(kept: int, void: int) -> str:
    if kept and void:
        return _("%(kept)d 个照旧，%(void)d 个作废，请在新单位另排") % {"kept": kept, "void": void}
    return _("作废，请在新单位另排") if void else _("照旧") if kept else ""


# ------------------------------------------------------------------------------------------------------- doing


def _carry_out(plan: Plan, by: Actor | None, now: datetime) -> None:
    """One transaction, about twenty statements and what the movers need, whatever lies below."""
    ending = [one.unit.pk for one in plan.endings]
    ground = _ground(plan)
    Unit.objects.filter(pk__in=ending).update(valid_to=plan.on)
    for one in plan.endings:
        one.unit.valid_to = plan.on
    _give_plates(plan.opened)
    Unit.objects.bulk_create(plan.opened)
    Succession.objects.bulk_create(
        Succession(predecessor=one.unit, successor=successor, on=plan.on)
        for one in plan.endings
        for successor in one.successors
    )
    Boundary.objects.bulk_create(ground)
    if plan.grows is not None:
        others = [unit.pk for unit in plan.tops]
        if plan.on <= day_of(now):
            grow(plan.grows.pk, others)
        else:
            takes = {"unit": plan.grows.pk, "others": others}
            outbox.put(GROW, takes, now=now, available_at=_midnight(plan.on))
    _carry_people(plan, by, now)
    _carry_roster(plan, by, now)
    DutyNumber.objects.bulk_create(
        DutyNumber(unit=plan.heirs[row.unit_id], post_id=row.post_id, phone=row.phone)
        for row in (DutyNumber.objects.filter(unit__in=list(plan.heirs)) if plan.heirs else ())
    )
    _record(plan, by, now)
    for mover in movers:
        mover(plan.endings, plan.on, now)
    _forget()


def _forget() -> None:
    """What this process remembers of units; the others do so for a minute at the most."""
    forget_places()
    forget_scopes()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), _CHINA)


def _give_plates(units: Sequence[Unit]) -> None:
    missing = [unit for unit in units if unit.level is not None and unit.level.has_plate]
    while missing:
        codes = {plate_code_from(secrets.randbits(35)) for _unit in missing}
        codes -= set(Unit.objects.filter(plate_code__in=codes).values_list("plate_code", flat=True))
        for unit, code in zip(missing, codes, strict=False):
            unit.plate_code = code
        missing = missing[len(codes) :]


def _ground(plan: Plan) -> list[Boundary]:
    """The boundaries of the units that are opened. What is merged gets one outline; what is split off has none until
    somebody draws it."""
    rings = {
        row.unit_id: row for row in Boundary.objects.filter(unit__in=[one.unit.pk for one in plan.endings])
    }
    found = [
        Boundary(unit=heir, ring=row.ring, rank=row.rank, source=row.source, synthetic=row.synthetic)
        for unit_id, heir in plan.heirs.items()
        if (row := rings.get(unit_id)) is not None
    ]
    of = [rings[unit.pk] for unit in plan.tops if unit.pk in rings]
    if (
        plan.kind != MERGE
        or plan.grows is not None
        or plan.tops[0].pk in plan.heirs
        or len(of) < len(plan.tops)
    ):
        return found
    ring = joined([row.ring for row in of])
    if ring is None:
        return found
    names = "、".join(unit.short_name for unit in plan.tops)
    whole = Boundary(
        unit=plan.opened[0],
        ring=ring,
        rank=of[0].rank,
        source=f"由“{names}”合成"[:120],
        synthetic=any(row.synthetic for row in of),
    )
    return [whole, *found]


def _appointments(plan: Plan) -> Any:
    ending = [one.unit.pk for one in plan.endings]
    return Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=plan.on), unit__in=ending)


def _carry_people(plan: Plan, by: Actor | None, now: datetime) -> None:
    rows = list(_appointments(plan))
    following = {
        row.pk: Appointment(
            user_id=row.user_id,
            unit=plan.heirs[row.unit_id],
            post_id=row.post_id,
            standing=row.standing,
            single=row.single,
            valid_from=max(row.valid_from, plan.on),
            valid_to=row.valid_to,
            recorded_at=now,
            recorded_by_id=by.user_id if by else None,
        )
        for row in rows
        if row.unit_id in plan.heirs
    }
    begins = _midnight(plan.on)
    away = [
        Absence(appointment=following[row.appointment_id], starts=max(row.starts, begins), ends=row.ends)
        for row in Absence.objects.filter(Q(ends=None) | Q(ends__gt=begins), appointment__in=list(following))
    ]
    pks = [row.pk for row in rows]
    Appointment.objects.filter(pk__in=pks, valid_from__gte=plan.on).delete()  # they would never begin
    Appointment.objects.filter(pk__in=pks).update(valid_to=plan.on)
    Appointment.objects.bulk_create(following.values())
    Absence.objects.bulk_create(away)


def _nights(plan: Plan, now: datetime) -> Any:
    """Entries of the roster that would be on when the units are gone."""
    ending = [one.unit.pk for one in plan.endings]
    return OnCall.objects.filter(unit__in=ending, ended_at=None, ends__gt=max(_midnight(plan.on), now))


def _carry_roster(plan: Plan, by: Actor | None, now: datetime) -> None:
    begins = max(_midnight(plan.on), now)
    rows = list(_nights(plan, now))
    OnCall.objects.bulk_create(
        OnCall(
            unit=plan.heirs[row.unit_id],
            post_id=row.post_id,
            user_id=row.user_id,
            starts=max(row.starts, begins),
            ends=row.ends,
            recorded_at=now,
            recorded_by_id=by.user_id if by else None,
        )
        for row in rows
        if row.unit_id in plan.heirs
    )
    pks = [row.pk for row in rows]
    if begins > now:  # a night that the change falls into lasts until then
        OnCall.objects.filter(pk__in=pks, starts__lt=begins).update(ends=begins)
        OnCall.objects.filter(pk__in=pks, starts__gte=begins).update(ended_at=now)
    else:
        OnCall.objects.filter(pk__in=pks).update(ended_at=now)


def _record(plan: Plan, by: Actor | None, now: datetime) -> None:
    """One event for each unit, in two statements: their heads are read together, and the events written together."""
    before: dict[UUID, list[UUID]] = {}
    for one in plan.endings:
        for successor in one.successors:
            before.setdefault(successor.pk, []).append(one.unit.pk)
    on, own = plan.on.isoformat(), {unit.pk for unit in plan.tops}
    said: list[tuple[Unit, str, dict[str, Any]]] = [
        (unit, "open_unit", {"path": unit.path, "from": on, "predecessors": before[unit.pk]})
        for unit in plan.opened
    ]
    if plan.grows is not None:
        said.append((plan.grows, plan.kind, {"on": on, "predecessors": before[plan.grows.pk]}))
    said += [
        (
            one.unit,
            plan.kind if one.unit.pk in own else "end_unit",
            {"on": on, "successors": [successor.pk for successor in one.successors]},
        )
        for one in plan.endings
    ]
    streams = [unit.pk for unit, _kind, _data in said]
    heads = LedgerEvent.objects.filter(stream__in=streams).order_by("stream", "-seq").distinct("stream")
    last = {event.stream: event for event in heads}
    events: list[LedgerEvent] = []
    for unit, kind, data in said:
        scope = unit.county_id or unit.pk
        head = last.get(unit.pk)
        chain = Chain(unit.pk, scope, head.seq, bytes(head.hash)) if head else Chain(unit.pk, scope)
        chain.append(kind, at=now, actor=by.user_id if by else None, authority=plan.authority, data=data)
        events += chain.take()[0]
    insert(events)
