"""A case never waits where nobody sits: when its seat empties, it goes to whoever answers today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from xiangli.cases.actions.common import DUTY_CLOSE, WAITS_FOR_DESK, step
from xiangli.cases.actions.ways import next_on_list, told_besides
from xiangli.cases.models import Case
from xiangli.cases.states import State
from xiangli.kernel.models import LedgerEvent
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MatterQuerySet, MatterSubject
from xiangli.matters.queries import subjects_of
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import in_post, people_in_seats, who_answers
from xiangli.territory.rules import OUTSIDE, Answer

BY_RULE = By(authority="rule:seat-empty")


def reseat_cases(now: datetime, *, seats: Collection[str] | None = None) -> int:
    """Give every open case that waits for a seat in which nobody sits who may see it (all have left, or are
    its subjects; its unit ended; it lay outside the county) to whoever answers for it now; returns how many.
    What somebody still in a post has in hand stays in their hand. `seats`: look at these only."""
    moved = 0
    waiting = open_cases() if seats is None else open_cases().filter(holder_seat__in=seats)
    for matter_id in _waiting_for_nobody(waiting, now):
        with transaction.atomic():
            matter = open_cases().select_for_update(of=("self",)).filter(pk=matter_id).first()
            # asked again under the lock: somebody may have assigned it meanwhile
            if matter is not None and _waiting_for_nobody(open_cases().filter(pk=matter_id), now):
                moved += reseat(matter, now)
    return moved


def open_cases() -> MatterQuerySet:
    """Every case that is not over."""
    return Matter.objects.open().filter(workflow="case")


def _waiting_for_nobody(cases: MatterQuerySet, now: datetime) -> list[UUID]:
    """Four statements at most, whatever the rows: the seats are few, and so are cases about somebody."""
    people = people_in_seats(cases.values_list("holder_seat", flat=True).distinct(), at=now)
    about = Exists(MatterSubject.objects.filter(matter=OuterRef("pk")))
    empty = [seat for seat, users in people.items() if not users]
    rows = list(
        cases.filter(Q(holder_seat__in=empty) | about)
        .order_by("pk")
        .values_list("pk", "holder_seat", "state", "handler_id", "subjects__user_id")
    )
    subjects: dict[UUID, set[UUID | None]] = defaultdict(set)
    for pk, _seat, _state, _handler, subject in rows:
        subjects[pk].add(subject)
    working = in_post({handler for _pk, _seat, _state, handler, _subject in rows}, at=now)
    return list(
        dict.fromkeys(
            pk
            for pk, seat, state, handler, _subject in rows
            if not people[seat] - subjects[pk] and (state in WAITS_FOR_DESK or handler not in working)
        )
    )


def reseat(matter: Matter, now: datetime) -> bool:
    """Give a locked case to whoever answers for it now; False: nobody else does."""
    case = Case.objects.select_related("category").get(pk=matter.pk)
    waits, subjects = matter.state in WAITS_FOR_DESK, subjects_of(matter)
    if matter.state == State.TO_VERIFY and case.resolved_by_id is not None:
        subjects = subjects | {case.resolved_by_id}  # who checks is another person
    was_outside = matter.holder_post_id is None
    if was_outside and _climbed_out(matter):
        return False
    answer = _who_has_it_now(matter, DUTY_CLOSE if waits else case.category.duty, now, subjects)
    if answer.seat == matter.holder_seat:
        return False
    matters.hold(matter, answer, at=now)
    matter.alarm = "" if was_outside or answer.outside else "vacant"
    state = State(matter.state) if waits or matter.state == State.SUSPENDED else State.REPORTED
    step(matter, case, "reseat_case", state, by=BY_RULE, now=now, data={"seat": answer.seat})
    if not answer.outside:
        matters.tell(matter, "reseat_case", now=now, seat=answer.seat, users=told_besides(matter, answer))
    return True


def _who_has_it_now(matter: Matter, duty: str, now: datetime, excluding: set[UUID]) -> Answer:
    if matter.visibility == Visibility.SEALED:
        return next_on_list(matter, at=now, excluding=excluding)
    was_outside = matter.holder_post_id is None
    unit = Unit.objects.get(pk=matter.place_id if was_outside else matter.holder_unit_id)
    answer = who_answers(unit, duty, at=now, excluding=excluding, urgent=matter.danger)
    if answer.outside and unit.pk != matter.place_id:
        # nobody is left at the top: rather than leave the county it goes to whoever answers for the place
        place = Unit.objects.get(pk=matter.place_id)
        answer = who_answers(place, duty, at=now, excluding=excluding, urgent=matter.danger)
    return answer


def _climbed_out(matter: Matter) -> bool:
    """Whether it left the county because nobody inside did anything in time: then it does not come back to whom
    it climbed past, only to climb out again."""
    moves = LedgerEvent.objects.filter(stream=matter.pk, data__seat=OUTSIDE)
    return moves.order_by("seq").values_list("kind", flat=True).last() == "move_up_case"
