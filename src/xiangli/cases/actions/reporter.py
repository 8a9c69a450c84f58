"""Acts of the reporter, who holds the receipt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from xiangli.cases import rules
from xiangli.cases.actions.common import REPORTER, done_before, give_days_to_answer, step, whose
from xiangli.cases.actions.ways import next_on_list, told_besides
from xiangli.cases.models import Case
from xiangli.cases.queries import facts_of, responsible_for
from xiangli.cases.states import State
from xiangli.kernel import clock
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MeToo
from xiangli.matters.queries import not_found, seal_text, subjects_of, supervisors_of
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import who_answers
from xiangli.territory.rules import Answer, day_of


@dataclass(slots=True)
class _Held:
    matter: Matter
    case: Case
    now: datetime


def _open_by_code(code: str, act_id: UUID, action: str) -> _Held | None:
    """Lock by the receipt and check the state. None: this very act was done before."""
    matter = matters.lock_matter_by_code(code)
    if done_before(matter, act_id, action, user_id=None):
        return None
    rules.check_state(action, matter.state)
    return _Held(matter, Case.objects.select_related("category").get(pk=matter.pk), clock.now())


@transaction.atomic
def confirm_case(code: str, *, act_id: UUID) -> None:
    """The reporter says it is put right. A resolved case is closed by that: nobody need feed back what the
    reporter has seen."""
    if (held := _open_by_code(code, act_id, "confirm_case")) is None:
        return
    rules.check_confirm(facts_of(held.matter, held.case))
    rules.check_in_time(held.case.confirm_until, held.now)
    held.case.confirmed_at = held.now
    held.case.save(update_fields=["confirmed_at"])
    if held.case.confirm_until is None:  # it ends now: who has confirmed may still find it was not so
        give_days_to_answer(held.matter, held.case, now=held.now)
    if held.matter.state == State.CLOSED:
        _note(held, "confirm_case", act_id, {"from": State.CLOSED, "to": State.CLOSED})
    else:
        step(held.matter, held.case, "confirm_case", State.CLOSED, by=REPORTER, now=held.now, event_id=act_id)
    _tell_resolver(held, "confirm_case")


@transaction.atomic
def reopen_case(code: str, *, act_id: UUID, note: str) -> None:
    """The reporter says it is not put right, and why: it goes back to who answers for the place today; the
    second time, and after it was declined, to the level above."""
    if (held := _open_by_code(code, act_id, "reopen_case")) is None:
        return
    note = rules.check_note("reopen_case", note)
    matter, case = held.matter, held.case
    rules.check_in_time(case.confirm_until, held.now)
    answer = _who_handles_again(held)
    state = (
        State.ASSIGNED
        if matter.visibility == Visibility.ORDINARY
        and not answer.alarm
        and not matter.off_map
        and matter.state != State.DECLINED
        and not case.reopened
        else State.REPORTED
    )
    matters.hold(matter, answer, at=held.now)
    matter.alarm = "off_map" if matter.off_map else answer.alarm
    case.reopened += 1
    case.confirmed_at = case.confirm_until = None
    case.outcome = case.settled_level = case.given_by = ""
    case.save(
        update_fields=["reopened", "confirmed_at", "confirm_until", "outcome", "settled_level", "given_by"]
    )
    step(
        matter,
        case,
        "reopen_case",
        state,
        by=REPORTER,
        now=held.now,
        data={"seat": answer.seat, "times": case.reopened},
        words={"note": note},
        event_id=act_id,
        begins=True,
    )
    if not answer.outside:
        besides = told_besides(matter, answer)
        matters.tell(matter, "reopen_case", now=held.now, seat=answer.seat, users=besides)


def _who_handles_again(held: _Held) -> Answer:
    matter, case, subjects = held.matter, held.case, subjects_of(held.matter)
    if matter.visibility == Visibility.SEALED:
        again = case.reopened or matter.state == State.DECLINED
        return next_on_list(matter, at=held.now, excluding=subjects, after=None if again else "")
    place = Unit.objects.get(pk=matter.place_id)
    answer = responsible_for(
        place, case.category, at=held.now, excluding=subjects, urgent=matter.danger
    ).answer
    if not case.reopened and matter.state != State.DECLINED:
        return answer
    # Whoever declined it, or put it right twice over, does not judge it again.
    below = matter.holder_unit_id if matter.state == State.DECLINED else answer.unit_id
    unit = Unit.objects.select_related("parent").get(pk=below)
    if unit.parent is None or unit.pk == matter.county_id:
        return answer
    above = who_answers(
        unit.parent, case.category.duty, at=held.now, excluding=subjects, urgent=matter.danger
    )
    return answer if above.outside and matter.visibility == Visibility.ORDINARY else above


@transaction.atomic
def evaluate_case(code: str, *, act_id: UUID, note: str = "", rating: int | None = None) -> None:
    """The reporter's words, with stars if they like. The last evaluation counts; each one stays in the
    record."""
    if (held := _open_by_code(code, act_id, "evaluate_case")) is None:
        return
    note = rules.check_note("evaluate_case", note)
    rules.check_rating(rating, note)
    held.case.rating = rating
    held.case.save(update_fields=["rating"])
    _note(held, "evaluate_case", act_id, {"rating": rating}, note)
    _tell_resolver(held, "evaluate_case")


@transaction.atomic
def nudge_case(code: str, *, act_id: UUID, note: str = "") -> None:
    """The reporter asks where it stays: 催办, once a day. Whoever has it is told, and whoever supervises it."""
    if (held := _open_by_code(code, act_id, "nudge_case")) is None:
        return
    note = rules.check_note("nudge_case", note)
    today = day_of(held.now)
    rules.check_nudge(held.case.nudged_on, today)
    held.case.nudged_on = today
    held.case.save(update_fields=["nudged_on"])
    _note(held, "nudge_case", act_id, {}, note)
    told = whose(held.matter)
    matters.tell(held.matter, "nudge_case", now=held.now, **told)
    for seat in set(supervisors_of(held.matter)) - {told.get("seat")}:
        matters.tell(held.matter, "nudge_case", now=held.now, seat=seat)


@transaction.atomic
def withdraw_case(code: str, *, act_id: UUID, note: str = "") -> None:
    """The reporter takes the report back, while nobody has resolved it."""
    if (held := _open_by_code(code, act_id, "withdraw_case")) is None:
        return
    note = rules.check_note("withdraw_case", note)
    step(
        held.matter,
        held.case,
        "withdraw_case",
        State.WITHDRAWN,
        by=REPORTER,
        now=held.now,
        words={"note": note},
        event_id=act_id,
    )
    matters.tell(held.matter, "withdraw_case", now=held.now, **whose(held.matter))


def _note(held: _Held, action: str, act_id: UUID, data: dict[str, Any], note: str = "") -> None:
    """An act that changes nothing of where the case stands: the event, and the head of its chain."""
    matters.record(
        held.matter, action, by=REPORTER, at=held.now, data=data, words={"note": note}, event_id=act_id
    )
    held.matter.save(update_fields=["event_seq", "event_head"])


def _tell_resolver(held: _Held, kind: str) -> None:
    """Whoever put it right; of what was declined, whoever has it."""
    resolver = held.case.resolved_by_id if held.matter.state in (State.RESOLVED, State.CLOSED) else None
    told = {"users": [resolver]} if resolver else whose(held.matter)
    matters.tell(held.matter, kind, now=held.now, **told)


@transaction.atomic
def say_me_too(matter_id: UUID, *, place_path: str, client_id: UUID, phone: str = "") -> int:
    """Somebody else saw the same, on the same plate: counted once a phone. Whoever leaves a number is told how
    it ended. Returns the count."""
    matter = (
        Matter.objects.public_in(place_path)
        .open()
        .filter(pk=matter_id, case__category__public=True)
        .select_for_update(of=("self",))
        .first()
    )
    if matter is None:
        raise not_found()
    now = clock.now()
    contact = seal_text(matter, "contact", json.dumps({"phone": phone, "no_code": "yes"})) if phone else None
    _row, created = MeToo.objects.get_or_create(
        pk=client_id, defaults={"matter": matter, "at": now, "contact": contact}
    )
    if created:
        matter.me_too += 1
        matters.record(matter, "me_too", by=By(authority="plate"), at=now, data={"me_too": matter.me_too})
        matter.save(update_fields=["me_too", "event_seq", "event_head"])
    return matter.me_too
