"""What a merge or a split of units moves: the open cases of the unit that ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from math import hypot
from typing import Any

from django.db.models import Q

from xiangli.cases.models import Case
from xiangli.cases.queries import CHINA
from xiangli.cases.states import State
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter
from xiangli.matters.queries import subjects_of
from xiangli.territory.models import Unit
from xiangli.territory.queries import spoken_name, who_answers

BY_RULE = By(authority="rule:unit-ended")


def move_cases(unit: Unit, successors: Sequence[Unit], on: date, now: datetime) -> None:
    """Give every open case that lies in `unit`, or is held there, to a successor: the nearest one where there are several. Called by
    territory inside its transaction. Closed cases keep their place. What somebody of the ended unit had in hand waits to be taken again."""
    at = max(now, datetime.combine(on, time(), CHINA))
    known = {
        row.pk: row
        for row in Unit.objects.select_related("parent__parent__parent").filter(
            pk__in=[s.pk for s in successors]
        )
    }
    units = [known[successor.pk] for successor in successors]
    open_here = (
        Matter.objects.open()
        .filter(Q(place=unit) | Q(holder_unit=unit), workflow="case")
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    categories = {
        case.pk: case.category
        for case in Case.objects.select_related("category").filter(matter__in=open_here)
    }
    for matter in open_here:
        successor = min(units, key=lambda row: _distance(matter, row))
        if matter.place_id == unit.pk:
            matter.place, matter.place_path = successor, successor.path
            matter.place_name = spoken_name(successor)[:80]
        data: dict[str, Any] = {"from_unit": str(unit.pk), "to_unit": str(successor.pk)}
        if matter.holder_unit_id == unit.pk:
            answer = who_answers(successor, categories[matter.pk].duty, at=at, excluding=subjects_of(matter))
            matters.hold(matter, answer, at=now)
            if matter.state == State.IN_PROGRESS:
                # The post that had it in hand is gone, and with it the right to act.
                data |= {"from": matter.state, "to": State.ASSIGNED}
                matter.state = State.ASSIGNED
            data["seat"] = answer.seat
            if not answer.outside:
                matters.tell(matter, "assign_case", now=now, seat=answer.seat)
        matters.record(matter, "move_case", by=BY_RULE, at=now, data=data)
        matter.turn += 1
        matter.changed_at = now
        matter.save()


def _distance(matter: Matter, unit: Unit) -> float:
    if matter.lat is None or matter.lng is None or unit.lat is None or unit.lng is None:
        return 0.0
    return hypot(matter.lat - unit.lat, matter.lng - unit.lng)
