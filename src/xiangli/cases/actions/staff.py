"""Acts of staff on a case. Each is one transaction, by one appointment, under the lock on the matter."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import DUTY_CLOSE, by_staff, done_before, enter, invalid_act_id
from xiangli.cases.models import Case
from xiangli.cases.queries import facts_of, last_act
from xiangli.cases.states import CLOSE_CASE, REVEAL_CONTACT, TABLE, State
from xiangli.kernel import clock
from xiangli.kernel.ledger import event_exists
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.models import Matter, Receipt
from xiangli.matters.queries import open_text, seats_on, subject_places, subjects_of
from xiangli.matters.rules import authority_over
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.territory.models import Post, Unit
from xiangli.territory.queries import seat_people, seats_under, who_answers
from xiangli.territory.rules import Actor, Answer, Held


@dataclass(frozen=True, slots=True)
class Act:
    """One act of staff on a case: whose, on which, by which form. `act_id` is the form's own: pressing twice
    is once.

    `seen` is the matter's turn when the form was drawn; None where the caller has no form (command line,
    tests).
    """

    actor: Actor
    matter_id: UUID
    act_id: UUID
    note: str = ""
    seen: int | None = None
    photos_before: Sequence[StoredFile] = field(default_factory=tuple)
    photos_after: Sequence[StoredFile] = field(default_factory=tuple)


@dataclass(slots=True)
class _Open:
    """A locked case and what the checks before every act have found."""

    matter: Matter
    case: Case
    held: Held
    now: datetime
    subjects: set[UUID]
    note: str


def _open_case(act: Act, action: str) -> _Open | None:
    """Lock, then check fence, permission, turn, state and words, in this order. None: this very act was
    done before."""
    matter = matters.lock_matter(act.matter_id, actor=act.actor)
    if done_before(matter, act.act_id, action, user_id=act.actor.user_id):
        return None
    case = Case.objects.select_related("category").get(pk=matter.pk)
    subjects = subjects_of(matter)
    permission = TABLE[action].permission
    assert permission is not None  # acts of staff only
    held = authority_over(
        act.actor,
        permission,
        place_path=matter.place_path,
        ordinary=matter.visibility == Visibility.ORDINARY,
        seats=seats_on(matter),
        is_subject=act.actor.user_id in subjects,
    )
    if held is None:
        raise Refused(
            "not_permitted",
            _("您的岗位不能“%(action)s”，请联系村里或乡镇值班台。") % {"action": TABLE[action].label},
        )
    if act.seen is not None and act.seen != matter.turn:
        rules.check_turn(act.seen, matter.turn, last=last_act(matter))
    rules.check_state(action, matter.state)
    return _Open(matter, case, held, clock.now(), subjects, rules.check_note(action, act.note))


def _move(
    opened: _Open,
    act: Act,
    action: str,
    state: str,
    *,
    data: dict[str, Any],
    words: dict[str, Any] | None = None,
) -> UUID:
    """Write the transition: the event, then the row with its new state, clock and head. Returns the
    event's id."""
    matter, now = opened.matter, opened.now
    event = matters.record(
        matter,
        action,
        by=by_staff(opened.held, act.actor),
        at=now,
        data={"from": matter.state, "to": state, **data},
        words={"note": opened.note, **(words or {})},
        event_id=act.act_id,
    )
    enter(matter, opened.case, state, now=now)
    return event.pk


def _attach(opened: _Open, act: Act, event_id: UUID) -> None:
    """Photos of before and after, under one event; positions run on so that none collides."""
    matters.attach_photos(opened.matter, act.photos_before, PhotoRole.BEFORE, event_id=event_id)
    matters.attach_photos(
        opened.matter, act.photos_after, PhotoRole.AFTER, event_id=event_id, start=len(act.photos_before) + 1
    )


@transaction.atomic
def assign_case(act: Act, *, unit_id: UUID, post_id: UUID) -> None:
    """Give the case to a seat inside the assigner's own unit: 交办. Never to one that a subject of the
    matter sits in."""
    if (opened := _open_case(act, "assign_case")) is None:
        return
    matter = opened.matter
    # Any manned seat under the unit whose post lets the actor assign.
    target = next(
        (
            seat
            for seat in seats_under(opened.held.unit_path, at=opened.now)
            if (seat.unit_id, seat.post_id) == (unit_id, post_id)
        ),
        None,
    )
    if target is None:
        raise Refused("seat_outside", _("这个岗位不在您的辖区内，或者现在没有人，请另选。"), field="seat")
    if opened.subjects:
        rules.check_seat_free_of_subjects(
            seat_people(unit_id, post_id, at=opened.now),
            target.unit_path,
            subjects=opened.subjects,
            subject_paths=set().union(*subject_places(matter, at=opened.now).values()),
        )
    matters.hold(matter, target, at=opened.now)
    matter.alarm = ""
    _move(
        opened,
        act,
        "assign_case",
        State.ASSIGNED,
        data={"seat": target.seat},
        words={"target": _named(target)},
    )
    matters.tell(matter, "assign_case", now=opened.now, seat=target.seat)


@transaction.atomic
def take_case(act: Act) -> None:
    """The actor takes the case in hand: 接单. From now on only this person resolves it."""
    if (opened := _open_case(act, "take_case")) is None:
        return
    matter = opened.matter
    matter.handler_id = act.actor.user_id
    matter.alarm = ""
    _move(opened, act, "take_case", State.IN_PROGRESS, data={"seat": matter.holder_seat})


@transaction.atomic
def return_case(act: Act) -> None:
    """Send the case back to the seat above, with the reason: 退回."""
    if (opened := _open_case(act, "return_case")) is None:
        return
    matter = opened.matter
    rules.check_handler("return_case", facts_of(matter, opened.case), _user(act.actor))
    above = _seat_above(matter, opened.case.category.duty, opened)
    matters.hold(matter, above, at=opened.now)
    matter.alarm = "off_map" if matter.off_map else above.alarm
    _move(
        opened,
        act,
        "return_case",
        State.REPORTED,
        data={"seat": above.seat},
        words={"target": _named(above)},
    )
    matters.tell(matter, "return_case", now=opened.now, seat=above.seat)


def _named(seat: Answer) -> str:
    """A seat as the record keeps it: in Chinese, whatever language the actor reads."""
    title = (
        Post.objects.filter(pk=seat.post_id).values_list("name", flat=True).first() if seat.post_id else ""
    )
    return f"{seat.unit_name} {title or seat.post_name}"


def _seat_above(matter: Matter, duty: str, opened: _Open, *, excluding: Collection[UUID] = ()) -> Answer:
    """Who answers on `duty` one unit above the holder's, passing over subjects; refused at the county's
    top."""
    unit = Unit.objects.select_related("parent").get(pk=matter.holder_unit_id)
    if unit.parent is None or unit.pk == unit.county_id:
        raise Refused("top", _("您这里已是最上一级，没有可以退回的岗位，请办理或交办。"))
    answer = who_answers(unit.parent, duty, at=opened.now, excluding=opened.subjects | set(excluding))
    if answer.outside:
        raise Refused("top", _("上面没有可以接手的岗位，请办理或交办。"))
    return answer


@transaction.atomic
def resolve_case(act: Act) -> None:
    """What was wrong is put right, in words and with the photos that the category asks for: 处理完成."""
    if (opened := _open_case(act, "resolve_case")) is None:
        return
    _resolve(opened, act, "resolve_case")


@transaction.atomic
def handle_on_spot(act: Act) -> None:
    """Take and resolve in one step: 当场处理."""
    if (opened := _open_case(act, "handle_on_spot")) is None:
        return
    _resolve(opened, act, "handle_on_spot")


def _resolve(opened: _Open, act: Act, action: str) -> None:
    matter, case = opened.matter, opened.case
    facts = facts_of(matter, case, before=len(act.photos_before), after=len(act.photos_after))
    rules.check_handler(action, facts, _user(act.actor))
    rules.check_evidence(facts)
    state = rules.state_when_resolved(facts)
    matter.handler_id = None  # the ball leaves their hand; `resolved_by` says whose work it was
    case.resolved_by_id = act.actor.user_id
    case.resolved_at = opened.now
    case.outcome = rules.outcome_of(action)
    case.save(update_fields=["resolved_by", "resolved_at", "outcome"])
    desk = _desk_after(opened, act, state)
    if desk is not None:
        matters.hold(matter, desk, at=opened.now)
    event_id = _move(
        opened,
        act,
        action,
        state,
        data={"outcome": case.outcome, "photos": len(act.photos_before) + len(act.photos_after)},
    )
    _attach(opened, act, event_id)
    if desk is not None:
        matters.tell(matter, action, now=opened.now, seat=desk.seat)


def _desk_after(opened: _Open, act: Act, state: State) -> matters.Seated | None:
    """The seat that checks what was done or gives the feedback; None where nobody inside may give it: it
    stays. Who checks is another person than the resolver; refused where there is none, or it would wait for
    ever. Of a matter that is not ordinary as few as possible learn: a
    post that may give the feedback itself does."""
    checked, matter = state == State.TO_VERIFY, opened.matter
    if matter.visibility != Visibility.ORDINARY and not checked and CLOSE_CASE in opened.held.permissions:
        return opened.held
    unit = Unit.objects.get(pk=matter.holder_unit_id)
    passed_over = opened.subjects | ({_user(act.actor)} if checked else set())
    desk = who_answers(unit, DUTY_CLOSE, at=opened.now, excluding=passed_over)
    if desk.outside and checked:
        raise Refused(
            "no_checker",
            _("这类事项办完须由另一个人核查，而您这里没有别人可以核查。请先交办给下级岗位，由您来核查。"),
        )
    return None if desk.outside else desk


def _user(actor: Actor) -> UUID:
    assert actor.user_id is not None  # the fence lets nobody else through
    return actor.user_id


@transaction.atomic
def verify_case(act: Act, *, passed: bool) -> None:
    """Somebody else looks and says whether it is put right: 核查. Not passed: back to the person who handled
    it, with the reason."""
    if (opened := _open_case(act, "verify_case")) is None:
        return
    matter, case = opened.matter, opened.case
    rules.check_verifier(facts_of(matter, case), _user(act.actor))
    if not passed and not opened.note:
        raise Refused("note_missing", _("没有通过时，请写明还差什么。"), field="note")
    state = State.RESOLVED if passed else State.IN_PROGRESS
    if not passed:
        matter.handler_id = case.resolved_by_id
    event_id = _move(
        opened, act, "verify_case", state, data={"passed": passed, "photos": len(act.photos_after)}
    )
    _attach(opened, act, event_id)
    if case.resolved_by_id is not None:
        matters.tell(matter, "verify_case", now=opened.now, users=[case.resolved_by_id])


@transaction.atomic
def close_case(act: Act) -> None:
    """The matter ends with feedback to the reporter: 办结. There is no closing without it (#56)."""
    if (opened := _open_case(act, "close_case")) is None:
        return
    _move(opened, act, "close_case", State.CLOSED, data={"outcome": opened.case.outcome})


@transaction.atomic
def reveal_contact(act: Act) -> dict[str, str]:
    """The reporter's contact, opened at the town for a reason that stays in the record: {"name", "phone"}.

    Until the register of looks stands, only a post with `reveal_contact` may, and each opening is an event.
    """
    matter = matters.lock_matter(act.matter_id, actor=act.actor)
    subjects = subjects_of(matter)
    held = authority_over(
        act.actor,
        REVEAL_CONTACT,
        place_path=matter.place_path,
        ordinary=matter.visibility == Visibility.ORDINARY,
        seats=seats_on(matter),
        is_subject=act.actor.user_id in subjects,
    )
    if held is None:
        raise Refused(
            "not_permitted", _("反映人的联系方式只由乡镇值班台打开；需要联系时，请把要说的话交给他们转达。")
        )
    reason = rules.check_reason(act.note)
    receipt = Receipt.objects.get(pk=matter.pk)
    if receipt.contact is None:
        raise Refused("no_contact", _("反映人没有留联系方式；回复写在事项里，对方凭查询码能看到。"))
    # Not even the same form twice: each opening is an event, or a form kept for later would open it unseen.
    if event_exists(act.act_id) is not None:
        raise invalid_act_id()
    matters.record(
        matter,
        "reveal_contact",
        by=by_staff(held, act.actor),
        at=clock.now(),
        data={},
        words={"note": reason},
        event_id=act.act_id,
    )
    matter.save(update_fields=["event_seq", "event_head"])
    contact: dict[str, str] = json.loads(open_text(matter, "contact", bytes(receipt.contact)))
    return contact
