"""Acts of the reporter, who holds the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from xiangli.cases import rules
from xiangli.cases.actions.common import REPORTER, done_before, enter
from xiangli.cases.models import Case
from xiangli.cases.queries import facts_of
from xiangli.cases.states import State
from xiangli.kernel import clock
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MeToo
from xiangli.matters.queries import not_found, subjects_of
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import who_answers


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
    held.case.confirmed_at = held.now
    held.case.save(update_fields=["confirmed_at"])
    matters.record(
        held.matter,
        "confirm_case",
        by=REPORTER,
        at=held.now,
        data={"from": held.matter.state, "to": State.CLOSED},
        event_id=act_id,
    )
    if held.matter.state == State.CLOSED:
        held.matter.save(update_fields=["event_seq", "event_head"])
    else:
        enter(held.matter, held.case, State.CLOSED, now=held.now)
    _tell_handler(held, "confirm_case")


@transaction.atomic
def reopen_case(code: str, *, act_id: UUID, note: str) -> None:
    """The reporter says it is not put right, and why: it goes back to who answers for the place today."""
    if (held := _open_by_code(code, act_id, "reopen_case")) is None:
        return
    note = rules.check_note("reopen_case", note)
    matter, case = held.matter, held.case
    answer = who_answers(
        Unit.objects.get(pk=matter.place_id), case.category.duty, at=held.now, excluding=subjects_of(matter)
    )
    state = (
        State.ASSIGNED
        if matter.visibility == Visibility.ORDINARY and not answer.alarm and not matter.off_map
        else State.REPORTED
    )
    matters.hold(matter, answer, at=held.now)
    matter.alarm = "off_map" if matter.off_map else answer.alarm
    case.reopened += 1
    case.confirmed_at = None
    case.outcome = ""
    case.save(update_fields=["reopened", "confirmed_at", "outcome"])
    matters.record(
        matter,
        "reopen_case",
        by=REPORTER,
        at=held.now,
        data={"from": matter.state, "to": state, "seat": answer.seat},
        words={"note": note},
        event_id=act_id,
    )
    enter(matter, case, state, now=held.now)
    if not answer.outside:
        matters.tell(matter, "reopen_case", now=held.now, seat=answer.seat)


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
    matters.record(
        held.matter,
        "evaluate_case",
        by=REPORTER,
        at=held.now,
        data={"rating": rating},
        words={"note": note},
        event_id=act_id,
    )
    held.matter.save(update_fields=["event_seq", "event_head"])
    _tell_handler(held, "evaluate_case")


@transaction.atomic
def withdraw_case(code: str, *, act_id: UUID, note: str = "") -> None:
    """The reporter takes the report back, while nobody has resolved it."""
    if (held := _open_by_code(code, act_id, "withdraw_case")) is None:
        return
    note = rules.check_note("withdraw_case", note)
    matters.record(
        held.matter,
        "withdraw_case",
        by=REPORTER,
        at=held.now,
        data={"from": held.matter.state, "to": State.WITHDRAWN},
        words={"note": note},
        event_id=act_id,
    )
    enter(held.matter, held.case, State.WITHDRAWN, now=held.now)
    _tell_handler(held, "withdraw_case")


def _tell_handler(held: _Held, kind: str) -> None:
    whose = held.matter.handler_id or held.case.resolved_by_id
    if whose is not None:
        matters.tell(held.matter, kind, now=held.now, users=[whose])
    elif held.matter.holder_post_id is not None:
        matters.tell(held.matter, kind, now=held.now, seat=held.matter.holder_seat)


@transaction.atomic
def say_me_too(matter_id: UUID, *, place_path: str, client_id: UUID) -> int:
    """Somebody else saw the same, on the same plate: counted once a phone. Returns the count."""
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
    _row, created = MeToo.objects.get_or_create(pk=client_id, defaults={"matter": matter, "at": now})
    if created:
        matter.me_too += 1
        matters.record(matter, "me_too", by=By(authority="plate"), at=now, data={"me_too": matter.me_too})
        matter.save(update_fields=["me_too", "event_seq", "event_head"])
    return matter.me_too
