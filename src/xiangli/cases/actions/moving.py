"""What a merge or a split of units moves: the open cases of the unit that ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from math import hypot
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from xiangli.cases.actions.common import DUTY_CLOSE, WAITS_FOR_DESK, step, whose
from xiangli.cases.actions.ways import next_on_list, told_besides
from xiangli.cases.models import Case, Order, Part, Responsibility
from xiangli.cases.queries.routing import forget_routes
from xiangli.cases.states import State
from xiangli.kernel.rows import update
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MatterQuerySet
from xiangli.matters.queries import subjects_of
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.actions import Ending, Line
from xiangli.territory.models import Post, Unit, UnitKind
from xiangli.territory.queries import people_in_seats, spoken_name, successors_of, who_answers
from xiangli.territory.rules import Answer, day_of, seat_of

BY_RULE = By(authority="rule:unit-ended")


def move_cases(endings: Sequence[Ending], on: date, now: datetime) -> None:
    """Give every open case that lies in a unit that ends, or is held there, to a successor: the one it lies in, else
    the nearest where there are several. Called by territory inside its transaction.

    Closed cases keep their place. What somebody of the ended unit had in hand waits to be taken again. A unit
    that ends on a later day keeps its cases until then: `move_ended_cases` moves them on that day.
    """
    _hand_on_lines(endings, on)
    if on > day_of(now):
        return
    successors = {row.pk for ending in endings for row in ending.successors}
    known = Unit.objects.select_related("parent__parent__parent").in_bulk(successors)
    heirs = {ending.unit.pk: [known[row.pk] for row in ending.successors] for ending in endings}
    rows = list(_lying_in(heirs).select_for_update(of=("self",)).order_by("pk"))
    cases = Case.objects.select_related("category").in_bulk([row.pk for row in rows])
    for matter in rows:
        _move(matter, cases[matter.pk], heirs, now)
    _move_shares(endings, now)
    _move_seats(endings, now)


def preview_cases(endings: Sequence[Ending], on: date, now: datetime) -> list[Line]:
    """What of the cases a change touches. Ordinary ones alone are counted: how many of the others there are is for
    nobody to see who has none of them. Two statements at most."""
    units = {ending.unit.pk for ending in endings}
    ordinary = _lying_in(units).filter(visibility=Visibility.ORDINARY)
    counts = ordinary.aggregate(
        here=Count("pk", filter=Q(place__in=units)), elsewhere=Count("pk", filter=~Q(place__in=units))
    )
    several = any(len(ending.successors) > 1 for ending in endings)
    to = (
        _("移到最近的接续单位，重新等人接单")
        if several
        else _("移到接续的单位“%(unit)s”，重新等人接单") % {"unit": endings[0].successors[0].short_name}
    )
    lines = [
        Line(_("没办结的事项"), counts["here"], to if counts["here"] else ""),
        Line(_("发生在别处、由这里的岗位在办的事项"), counts["elsewhere"], to if counts["elsewhere"] else ""),
    ]
    if organs := _organs(endings):
        listed = _lines_of(organs, on).count()
        lines.append(
            Line(
                _("权责清单里写到它的条目"),
                listed,
                (_("请更新权责清单") if several else _("从那天起改由接续的单位")) if listed else "",
            )
        )
    return lines


def move_ended_cases(now: datetime) -> int:
    """Move the open cases of units that have ended meanwhile, each unit in its own transaction; returns how many
    units. The deepest first: where a case lies by then says which successor above holds it."""
    left = Exists(_open().filter(Q(place=OuterRef("pk")) | Q(holder_unit=OuterRef("pk"))))
    asked = Exists(_shares().filter(unit=OuterRef("pk")))
    moved = 0
    ended = Unit.objects.filter(left | asked, valid_to__lte=day_of(now))
    for unit in ended.order_by(Length("path").desc(), "pk"):
        if following := successors_of(unit, day_of(now)):
            with transaction.atomic():
                move_cases([Ending(unit, tuple(following))], unit.valid_to or day_of(now), now)
            moved += 1
    return moved


def _open() -> MatterQuerySet:
    return Matter.objects.open().filter(workflow="case")


def _lying_in(units: Collection[UUID]) -> MatterQuerySet:
    return _open().filter(Q(place__in=units) | Q(holder_unit__in=units))


def _move(matter: Matter, case: Case, heirs: Mapping[UUID, Sequence[Unit]], now: datetime) -> None:
    state, moved = State(matter.state), []
    if matter.place_id in heirs:
        moved.append(matter.place_id)
        place = _nearest(matter, heirs[matter.place_id])
        matter.place, matter.place_path = place, place.path
        matter.place_name = spoken_name(place)[:80]
        moved.append(place.pk)
    data: dict[str, Any] = {}
    if matter.holder_unit_id in heirs:
        successor = _above_or_nearest(matter, heirs[matter.holder_unit_id])
        moved = moved or [matter.holder_unit_id, successor.pk]
        waits = state in WAITS_FOR_DESK
        excluding = subjects_of(matter)
        if state == State.TO_VERIFY and case.resolved_by_id is not None:
            excluding = excluding | {case.resolved_by_id}  # who checks is another person
        duty = DUTY_CLOSE if waits else case.category.duty
        answer = (
            next_on_list(matter, at=now, excluding=excluding)
            if matter.visibility == Visibility.SEALED
            else who_answers(successor, duty, at=now, excluding=excluding, urgent=matter.danger)
        )
        matters.hold(matter, answer, at=now)
        if not waits and state != State.SUSPENDED:
            ordinary = matter.visibility == Visibility.ORDINARY
            state = State.ASSIGNED if ordinary and not answer.alarm and not answer.outside else State.REPORTED
        matter.alarm = answer.alarm
        data = {"seat": answer.seat}
        if not answer.outside:
            besides = told_besides(matter, answer)
            matters.tell(matter, "assign_case", now=now, seat=answer.seat, users=besides)
    data |= {"from_unit": str(moved[0]), "to_unit": str(moved[1])}
    step(matter, case, "move_case", state, by=BY_RULE, now=now, data=data)


def _shares() -> QuerySet[Part]:
    """What seats were asked to do and have not done. Ordinary cases alone: of the others nobody new learns by
    a rule, and whoever leads may write down the result for them."""
    ordinary = _open().filter(visibility=Visibility.ORDINARY)
    return Part.objects.filter(done_at=None, case__matter__in=ordinary)


def _move_shares(endings: Sequence[Ending], now: datetime) -> None:
    """The same seat of the one successor does it, else whoever answers there; where nobody can be asked so, whoever
    leads is told."""
    heirs = {ending.unit.pk: ending.successors for ending in endings}
    for part in _shares().filter(unit__in=heirs).select_related("case__category").order_by("pk"):
        matter = Matter.objects.select_for_update(of=("self",)).get(pk=part.case_id)
        subjects, successor = subjects_of(matter), _above_or_nearest(matter, heirs[part.unit_id])
        seat = seat_of(successor.pk, part.post_id)
        people = people_in_seats([seat], at=now)[seat]
        target = Answer(successor.pk, successor.path, successor.short_name, seat, post_id=part.post_id)
        if not people or people & subjects:
            target = who_answers(successor, part.case.category.duty, at=now, excluding=subjects)
        asked = part.case.parts.filter(done_at=None, seat=target.seat).exists()
        if target.post_id is None or asked or target.seat == matter.holder_seat:
            matters.tell(matter, "part_left", now=now, **whose(matter))
            continue
        data = {"from_unit": str(part.unit_id), "to_unit": str(target.unit_id), "seat": target.seat}
        part.unit_id, part.post_id, part.seat = target.unit_id, target.post_id, target.seat
        part.save(update_fields=["unit", "post", "seat"])
        matters.grant_seat(matter, target.seat, GrantKind.TOGETHER, at=now)
        step(matter, part.case, "move_case", matter.state, by=BY_RULE, now=now, data=data)
        matters.tell(matter, "handle_together", now=now, seat=target.seat)


def _move_seats(endings: Sequence[Ending], now: datetime) -> None:
    """Whoever follows in a seat of the one successor gets the answers to its orders. Four statements at most."""
    one = {row.unit.pk: row.successors[0] for row in endings if len(row.successors) == 1}
    schemes = {row.unit.level.scheme_id for row in endings if row.unit.level is not None}
    posts = Post.objects.filter(scheme__in=schemes, permissions__contains=["supervise_case"])
    seats = {
        seat_of(old, post): seat_of(new.pk, post)
        for post in posts.values_list("pk", flat=True)
        for old, new in one.items()
    }
    waiting = Order.objects.filter(answered_at=None, case__matter__in=_open())
    orders = list(waiting.filter(by_seat__in=seats))
    there = (
        set(waiting.filter(by_seat__in=seats.values()).values_list("case", "by_seat")) if orders else set()
    )
    moved = []
    for order in orders:
        if (order.case_id, seats[order.by_seat]) not in there:
            order.by_seat = seats[order.by_seat]
            there.add((order.case_id, order.by_seat))
            moved.append(order)
    update(moved, ["by_seat"])


def _above_or_nearest(matter: Matter, successors: Sequence[Unit]) -> Unit:
    """Of the units that follow the one which held the case: where it lies by now, else the nearest."""
    above = [unit for unit in successors if matter.place_path.startswith(unit.path)]
    return above[0] if above else _nearest(matter, successors)


def _nearest(matter: Matter, successors: Sequence[Unit]) -> Unit:
    return min(successors, key=lambda unit: _distance(matter, unit))


def _distance(matter: Matter, unit: Unit) -> float:
    if matter.lat is None or matter.lng is None or unit.lat is None or unit.lng is None:
        return 0.0
    return hypot(matter.lat - unit.lat, matter.lng - unit.lng)


def _organs(endings: Sequence[Ending]) -> list[UUID]:
    return [ending.unit.pk for ending in endings if ending.unit.kind == UnitKind.ORGAN]


def _lines_of(organs: Collection[UUID], on: date) -> QuerySet[Responsibility]:
    return Responsibility.objects.filter(Q(valid_to=None) | Q(valid_to__gt=on), organ__in=organs)


def _hand_on_lines(endings: Sequence[Ending], on: date) -> None:
    """What the list of responsibilities gives to an organ that ends, it gives to the one that follows it. Where
    several do, a person decides: until then the duty of the posts does."""
    organs = {ending.unit.pk: ending.successors[0] for ending in endings if len(ending.successors) == 1}
    lines = list(_lines_of(organs.keys() & set(_organs(endings)), on)) if _organs(endings) else []
    if not lines:
        return
    pks = [line.pk for line in lines]
    Responsibility.objects.filter(pk__in=pks, valid_from__gte=on).delete()
    Responsibility.objects.filter(pk__in=pks).update(valid_to=on)
    Responsibility.objects.bulk_create(
        Responsibility(
            county_id=line.county_id,
            category_id=line.category_id,
            level=line.level,
            post_id=line.post_id,
            organ_id=organs[line.organ_id].pk,
            valid_from=max(line.valid_from, on),
            valid_to=line.valid_to,
            source=line.source,
        )
        for line in lines
        if line.organ_id is not None
    )
    forget_routes()
