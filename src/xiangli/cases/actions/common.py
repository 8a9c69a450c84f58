"""What the actions of cases share."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.models import Case
from xiangli.cases.queries import limits_of
from xiangli.cases.states import State
from xiangli.kernel.ledger import event_exists
from xiangli.kernel.refusals import Refused
from xiangli.matters.actions import By
from xiangli.matters.models import Matter
from xiangli.territory.rules import Actor, Held

DUTY_CLOSE = "close"  # the duty of the desk that verifies and gives feedback
DUTY_COMPLAINTS = "complaints"  # complaints about the service of those who answer here
WAITS_FOR_DESK = (State.TO_VERIFY, State.RESOLVED)  # for the desk that checks or gives the feedback

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


def enter(matter: Matter, case: Case, state: str, *, now: datetime) -> None:
    """Save the matter in its new state, with the clock that runs there."""
    waiting = rules.next_clock(
        state, limits_of(case.category, on=matter.reported_at), reported_at=matter.reported_at
    )
    matter.state = state
    matter.next_clock, matter.next_clock_at = waiting.name, waiting.at
    matter.turn += 1
    matter.changed_at = now
    matter.closed_at = now if state in (State.CLOSED, State.WITHDRAWN) else None
    matter.save()
