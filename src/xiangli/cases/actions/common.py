"""What the actions of cases share: who acted, whether it was done before, and the one step by which a case
goes from state to state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.models import Case
from xiangli.cases.queries import limits_of
from xiangli.cases.states import ClockName, State
from xiangli.kernel import outbox
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import deadline
from xiangli.kernel.ledger import event_exists
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.actions import By, Clocks
from xiangli.matters.models import Matter
from xiangli.matters.states import Stage, Visibility
from xiangli.territory.queries import duty_hours_of
from xiangli.territory.rules import Actor, Held

DUTY_CLOSE = "close"  # the duty of the desk that verifies and gives feedback
DUTY_COMPLAINTS = "complaints"  # complaints about the service of those who answer here
WAITS_FOR_DESK = (State.TO_VERIFY, State.RESOLVED)  # for the desk that checks or gives the feedback
TOP: Final = "top"  # alarm of a case that is overdue and can go no higher: it waits for a named person

REPORTER = By(authority="receipt")


def by_staff(held: Held, actor: Actor) -> By:
    return By(
        authority=held.authority,
        user_id=actor.user_id,
        name=actor.name,
        post=f"{held.unit_name} {held.post_title or held.post_name}",
    )


def done_before(matter: Matter, act_id: UUID, action: str, *, user_id: UUID | None) -> bool:
    """Whether this very act stands in the ledger already: the same form, matter, verb and person (None: the
    reporter). An id that was used for anything else is refused, or it would pass for an act not done."""
    done = event_exists(act_id)
    if done is None:
        return False
    if (done.stream, done.kind, done.actor) != (matter.pk, action, user_id):
        raise invalid_act_id()
    return True


def invalid_act_id() -> Refused:
    return Refused("invalid_act_id", _("表单编号不对，请刷新页面再试。"))


def clocks_of(matter: Matter) -> Clocks:
    """The clocks of a stored case. One statement."""
    return Clocks.load(matter, background=rules.BACKGROUND)


def run_clocks(clocks: Clocks, case: Case, state: str, *, now: datetime, begins: bool = False) -> None:
    """Bring the clocks to what `state` runs, and the one that brings the level above in with them."""
    limits = limits_of(case.category, on=clocks.matter.reported_at)
    _drop_own_orders(clocks, case, now=now)
    todo = rules.plan(state, {row.name for row in clocks.rows}, begins=begins)
    for name in todo.stop:
        for row in [row for row in clocks.rows if row.name == name]:
            clocks.stop(name, at=now, about=row.about)
    _let_lapse(case, todo.stop, now=now)
    for name in todo.pause:
        clocks.pause(name, at=now)
    for name in todo.resume:
        clocks.resume(name, at=now)
    for name in todo.start:
        bound = limits.of(name)
        clocks.start(name, bound.length, at=now, source=bound.source)
    run_escalation(clocks, limits, now=now)


def _drop_own_orders(clocks: Clocks, case: Case, *, now: datetime) -> None:
    """An order of the very seat that has the case by now waits for nobody else."""
    if not any(row.name == ClockName.ANSWER for row in clocks.rows):
        return
    own = case.orders.filter(answered_at=None, by_seat=clocks.matter.holder_seat)
    for order_id in list(own.values_list("pk", flat=True)):
        clocks.stop(ClockName.ANSWER, at=now, about=order_id)
    own.update(answered_at=now)


def _let_lapse(case: Case, stopped: Collection[str], *, now: datetime) -> None:
    """What somebody was still asked for ends with the clock that waited for it: nobody reports a share in, or
    answers an order on, a case that is over, and nobody decides on more time for what is put right."""
    if ClockName.PART in stopped:
        case.parts.filter(done_at=None).update(done_at=now)
    if ClockName.ANSWER in stopped:
        case.orders.filter(answered_at=None).update(answered_at=now)
    if ClockName.PUT_RIGHT in stopped:
        case.extensions.filter(decided_at=None).delete()


def run_escalation(clocks: Clocks, limits: rules.Limits, *, now: datetime) -> None:
    """While a clock is red, its own shorter one runs until the case moves a level up: #54. At the top, and
    outside the county, there is no level above."""
    overdue = any(
        row.stage == Stage.RED and row.name in rules.BREACHES and not clocks.is_paused(row)
        for row in clocks.rows
    )
    matter = clocks.matter
    # a sealed one goes along its list of posts, wherever they stand
    above = matter.visibility == Visibility.SEALED or matter.holder_unit_id != matter.county_id
    if overdue and above and matter.holder_post_id is not None:
        bound = limits.of(ClockName.ESCALATE)
        clocks.start(ClockName.ESCALATE, bound.length, at=now, source=bound.source)
    else:
        clocks.stop(ClockName.ESCALATE, at=now)
    red = any(row.stage == Stage.RED and row.name in rules.BREACHES for row in clocks.rows)
    if matter.alarm == TOP and not red:
        matter.alarm = ""  # what the top had to answer for is done


def step(
    matter: Matter,
    case: Case,
    action: str,
    state: str,
    *,
    by: By,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    words: Mapping[str, Any] | None = None,
    event_id: UUID | None = None,
    clocks: Clocks | None = None,
    begins: bool = False,
) -> LedgerEvent:
    """One step of a locked case, in which the caller has set what else changes: clocks, event, row. The event
    says what became of the clocks. `begins`: a new round, so that all clocks start anew."""
    clocks = clocks or clocks_of(matter)
    run_clocks(clocks, case, state, now=now, begins=begins)
    event = matters.record(
        matter,
        action,
        by=by,
        at=now,
        data={"from": matter.state, "to": state, **(data or {}), **matters.as_data(clocks)},
        words=words,
        event_id=event_id,
    )
    clocks.settle()
    matter.state = state
    matter.turn += 1
    matter.changed_at = now
    matter.closed_at = now if state not in rules.RUNS else None
    matter.save()
    clocks.save()
    return event


def whose(matter: Matter) -> dict[str, Any]:
    """Who is told what concerns whoever has the case: the person who took it, else the seat it lies in."""
    if matter.handler_id is not None:
        return {"users": [matter.handler_id]}
    return {"seat": matter.holder_seat} if matter.holder_post_id is not None else {}


def give_days_to_answer(matter: Matter, case: Case, *, now: datetime) -> None:
    """Until when the reporter may answer an end, by the limit in force on the case's day."""
    bound = limits_of(case.category, on=matter.reported_at).of(ClockName.CONFIRM)
    calendar = calendar_of(duty_hours_of(matter.county_id))
    case.confirm_until = deadline(now, bound.length, calendar=calendar, roll_over=True).at
    case.save(update_fields=["confirm_until"])


def tell_reporters(matter: Matter, what: str, *, now: datetime) -> None:
    """Have whoever left a contact told, outside, after the transaction: the reporter, each me-too, and the
    reporters of what was merged into it."""
    outbox.put("matters.tell_reporters", {"matter": matter.pk, "kind": what}, now=now)
