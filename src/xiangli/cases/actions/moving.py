"""What a merge or a split of units moves: the open cases of the unit that ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from math import hypot
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from xiangli.cases.actions.common import DUTY_CLOSE, WAITS_FOR_DESK, step
from xiangli.cases.actions.ways import next_on_list, told_besides
from xiangli.cases.models import Case
from xiangli.cases.states import State
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MatterQuerySet
from xiangli.matters.queries import subjects_of
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import spoken_name, successors_of, who_answers
from xiangli.territory.rules import day_of

BY_RULE = By(authority="rule:unit-ended")


def move_cases(unit: Unit, successors: Sequence[Unit], on: date, now: datetime) -> None:
    """Give every open case that lies in `unit`, or is held there, to a successor: the nearest one where there
    are several. Called by territory inside its transaction.

    Closed cases keep their place. What somebody of the ended unit had in hand waits to be taken again. A unit
    that ends on a later day keeps its cases until then: `move_ended_cases` moves them on that day.
    """
    if on > day_of(now):
        return
    known = Unit.objects.select_related("parent__parent__parent").in_bulk([row.pk for row in successors])
    here = Q(place=unit) | Q(holder_unit=unit)
    rows = list(_open().filter(here).select_for_update(of=("self",)).order_by("pk"))
    cases = Case.objects.select_related("category").in_bulk([row.pk for row in rows])
    for matter in rows:
        _move(
            matter, cases[matter.pk], unit, min(known.values(), key=lambda row: _distance(matter, row)), now
        )


def move_ended_cases(now: datetime) -> int:
    """Move the open cases of units that have ended meanwhile, each unit in its own transaction; returns how many units."""
    left = Exists(_open().filter(Q(place=OuterRef("pk")) | Q(holder_unit=OuterRef("pk"))))
    moved = 0
    for unit in Unit.objects.filter(left, valid_to__lte=day_of(now)).order_by("pk"):
        if following := successors_of(unit, day_of(now)):
            with transaction.atomic():
                move_cases(unit, following, unit.valid_to or day_of(now), now)
            moved += 1
    return moved


def _open() -> MatterQuerySet:
    return Matter.objects.open().filter(workflow="case")


def _move(matter: Matter, case: Case, unit: Unit, successor: Unit, now: datetime) -> None:
    data: dict[str, Any] = {"from_unit": str(unit.pk), "to_unit": str(successor.pk)}
    state = State(matter.state)
    if matter.place_id == unit.pk:
        matter.place, matter.place_path = successor, successor.path
        matter.place_name = spoken_name(successor)[:80]
    if matter.holder_unit_id == unit.pk:
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
        data |= {"seat": answer.seat}
        if not answer.outside:
            besides = told_besides(matter, answer)
            matters.tell(matter, "assign_case", now=now, seat=answer.seat, users=besides)
    step(matter, case, "move_case", state, by=BY_RULE, now=now, data=data)


def _distance(matter: Matter, unit: Unit) -> float:
    if matter.lat is None or matter.lng is None or unit.lat is None or unit.lng is None:
        return 0.0
    return hypot(matter.lat - unit.lat, matter.lng - unit.lng)
