"""Taking a case in hand, putting it right, checking and closing it. Each act is one transaction, by one
appointment, under the lock on the matter."""

from __future__ import annotations

import json

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import (
    DUTY_CLOSE,
    by_staff,
    give_days_to_answer,
    invalid_act_id,
    tell_reporters,
)
from xiangli.cases.actions.opening import Act, Opened, attach, move, open_case
from xiangli.cases.actions.ways import next_on_list
from xiangli.cases.queries import facts_of
from xiangli.cases.states import CLOSE_CASE, REVEAL_CONTACT, State
from xiangli.kernel import chance, clock
from xiangli.kernel.ledger import event_exists
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.models import Receipt
from xiangli.matters.queries import open_text, seats_on, subjects_of
from xiangli.matters.rules import authority_over
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import seats_by_name, who_answers
from xiangli.territory.rules import OUTSIDE


@transaction.atomic
def accept_case(act: Act) -> None:
    """The desk receives the case and keeps it to be handled in its own seat: 受理."""
    if (opened := open_case(act, "accept_case")) is None:
        return
    matter = opened.matter
    matters.hold(matter, opened.held, at=opened.now)
    matter.alarm = ""
    move(opened, act, "accept_case", State.ASSIGNED, data={"seat": matter.holder_seat})


@transaction.atomic
def take_case(act: Act) -> None:
    """The actor takes the case in hand: 接单. From now on only this person resolves it."""
    if (opened := open_case(act, "take_case")) is None:
        return
    matter = opened.matter
    matter.handler_id = opened.user
    matter.alarm = ""
    move(opened, act, "take_case", State.IN_PROGRESS, data={"seat": matter.holder_seat})


@transaction.atomic
def claim_case(act: Act) -> None:
    """The head of a section takes the lead in a case of the section, before anybody took it: 领办 (#9, #55)."""
    if (opened := open_case(act, "claim_case")) is None:
        return
    matter, before = opened.matter, opened.matter.holder_seat
    outside = matter.holder_post_id is None
    matters.hold(matter, opened.held, at=opened.now)
    matter.handler_id = opened.user
    matter.alarm = ""
    move(opened, act, "claim_case", State.IN_PROGRESS, data={"seat": matter.holder_seat, "from_seat": before})
    if not outside and before != matter.holder_seat:
        matters.tell(matter, "claim_case", now=opened.now, seat=before)


@transaction.atomic
def arrive_case(act: Act) -> None:
    """Somebody is on the spot: 到场 (#54, #58). The moment counts; where they stood is not kept."""
    if (opened := open_case(act, "arrive_case")) is None:
        return
    if opened.case.arrived_at is None:
        opened.case.arrived_at = opened.now
        opened.case.save(update_fields=["arrived_at"])
    move(opened, act, "arrive_case", opened.matter.state)


@transaction.atomic
def resolve_case(act: Act, *, outcome: str = "") -> None:
    """What was wrong is put right, in words and with the photos that the category asks for: 处理完成. `outcome`
    says how it came out (#60); "" is put right."""
    if (opened := open_case(act, "resolve_case")) is None:
        return
    _resolve(opened, act, "resolve_case", outcome)


@transaction.atomic
def handle_on_spot(act: Act, *, outcome: str = "") -> None:
    """Take and resolve in one step: 当场处理. `outcome` as of resolve_case; "" is handled on the spot."""
    if (opened := open_case(act, "handle_on_spot")) is None:
        return
    _resolve(opened, act, "handle_on_spot", outcome)


def _resolve(opened: Opened, act: Act, action: str, outcome: str) -> None:
    matter, case = opened.matter, opened.case
    facts = facts_of(matter, case, before=len(act.photos_before), after=len(act.photos_after))
    rules.check_handler(action, facts, opened.user)
    came_out = rules.check_outcome(action, outcome)
    rules.check_evidence(facts)
    if case.parts.filter(done_at=None).exists():
        raise Refused(
            "parts_open",
            _("还有协同的岗位没有报告结果。请等他们完成，或者由您代为写明结果后再提交。"),
        )
    # Drawn now, by a source that nobody can foresee: who knew beforehand would clean up for the sample only.
    why = rules.why_verified(facts, drawn=chance.drawn(100))
    state = State.TO_VERIFY if why else State.RESOLVED
    desk = _desk_after(opened, state)
    if desk is None and why == "sample":
        why, state = "", State.RESOLVED  # nobody else is there to check, and nothing asks for it
        desk = _desk_after(opened, state)
    handled_in = matter.holder_seat  # where it comes back to, should the check find something missing
    matter.handler_id = None  # the ball leaves their hand; `resolved_by` says whose work it was
    matter.alarm = ""
    case.resolved_by_id = opened.user
    case.resolved_at = opened.now
    case.outcome = came_out
    case.settled_level = opened.held.level
    case.save(update_fields=["resolved_by", "resolved_at", "outcome", "settled_level"])
    if desk is not None:
        matters.hold(matter, desk, at=opened.now)
    elif state == State.TO_VERIFY:
        raise Refused(
            "no_checker",
            _("这类事项办完须由另一个人核查，而您这里没有别人可以核查。请先交办给下级岗位，由您来核查。"),
        )
    photos = len(act.photos_before) + len(act.photos_after)
    data = {
        "handled_in": handled_in,
        "outcome": case.outcome,
        "level": case.settled_level,
        "photos": photos,
        "verify": why,
    }
    attach(opened, act, move(opened, act, action, state, data=data))
    if desk is not None:
        matters.tell(matter, action, now=opened.now, seat=desk.seat)
    if state == State.RESOLVED:
        tell_reporters(matter, action, now=opened.now)


def _desk_after(opened: Opened, state: State) -> matters.Seated | None:
    """The seat that checks what was done or gives the feedback; None where nobody inside may: then it stays.
    Who checks is another person than the resolver. Of a matter that is not ordinary as few as possible learn: a
    post that may give the feedback itself does."""
    checked, matter = state == State.TO_VERIFY, opened.matter
    if matter.visibility != Visibility.ORDINARY and not checked and CLOSE_CASE in opened.held.permissions:
        return opened.held
    unit = Unit.objects.get(pk=matter.holder_unit_id)
    passed_over = opened.subjects | ({opened.user} if checked else set())
    desk = (
        next_on_list(matter, at=opened.now, excluding=passed_over)
        if matter.visibility == Visibility.SEALED
        else who_answers(unit, DUTY_CLOSE, at=opened.now, excluding=passed_over)
    )
    return None if desk.outside else desk


@transaction.atomic
def verify_case(act: Act, *, passed: bool) -> None:
    """Somebody else looks and says whether it is put right: 核查. Not passed: back to the person who handled
    it, with the reason."""
    if (opened := open_case(act, "verify_case")) is None:
        return
    matter, case = opened.matter, opened.case
    rules.check_verifier(facts_of(matter, case), opened.user)
    if not passed and not opened.note:
        raise Refused("note_missing", _("没有通过时，请写明还差什么。"), field="note")
    state = State.RESOLVED if passed else State.IN_PROGRESS
    if not passed:
        _give_back(opened)
        case.outcome = case.settled_level = ""
        case.save(update_fields=["outcome", "settled_level"])
    data = {"passed": passed, "photos": len(act.photos_after)}
    attach(opened, act, move(opened, act, "verify_case", state, data=data))
    if case.resolved_by_id is not None:
        matters.tell(matter, "verify_case", now=opened.now, users=[case.resolved_by_id])
    if passed:
        tell_reporters(matter, "verify_case", now=opened.now)


def _give_back(opened: Opened) -> None:
    """The case lies again where it was handled, while somebody sits there, in the hands of whoever handled it."""
    matter, now = opened.matter, opened.now
    done = LedgerEvent.objects.filter(stream=matter.pk, kind__in=("resolve_case", "handle_on_spot"))
    seat = (done.order_by("-seq").values_list("data", flat=True).first() or {}).get("handled_in", "")
    there = seats_by_name([seat] if seat and seat != OUTSIDE else [], at=now, excluding=opened.subjects)
    if there:
        matters.hold(matter, there[0], at=now)
    matter.handler_id = opened.case.resolved_by_id


@transaction.atomic
def close_case(act: Act) -> None:
    """The matter ends with feedback to the reporter: 办结. There is no closing without it (#56). The reporter
    then has some days to confirm or reopen."""
    if (opened := open_case(act, "close_case")) is None:
        return
    give_days_to_answer(opened.matter, opened.case, now=opened.now)
    move(opened, act, "close_case", State.CLOSED, data={"outcome": opened.case.outcome})
    tell_reporters(opened.matter, "close_case", now=opened.now)


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
