"""Acts upon a case's time: suspend, resume, ask for more, decide."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import tell_reporters, whose
from xiangli.cases.actions.opening import Act, Opened, move, open_case
from xiangli.cases.models import Extension
from xiangli.cases.queries import facts_of, limits_of
from xiangli.cases.states import DECIDE_EXTENSION, ClockName, State
from xiangli.kernel.clocks import Kind, Length
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.models import Matter, MatterClock
from xiangli.matters.states import GrantKind, Stage, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import who_can


@transaction.atomic
def suspend_case(act: Act, *, days: int | None) -> None:
    """The case waits for something, for so many days: 挂起. The time to put it right stands still meanwhile, and
    the suspension has a clock of its own, which ends it."""
    if (opened := open_case(act, "suspend_case")) is None:
        return
    bound = limits_of(opened.case.category, on=opened.matter.reported_at).of(ClockName.SUSPENSION)
    if (clock := opened.clocks.live(ClockName.PUT_RIGHT)) is not None and clock.stage == Stage.RED:
        raise Refused("breached", _("已经超时，不能再挂起。请抓紧办理，或者上报。"))
    wanted = rules.check_suspension(
        facts_of(opened.matter, opened.case), days, most=bound.days - _days_suspended(opened.matter)
    )
    opened.clocks.start(
        ClockName.SUSPENSION, Length(wanted, Kind.CALENDAR_DAYS), at=opened.now, source=bound.source
    )
    move(opened, act, "suspend_case", State.SUSPENDED, data={"days": wanted})
    matters.tell(opened.matter, "suspend_case", now=opened.now, **whose(opened.matter))
    tell_reporters(opened.matter, "suspend_case", now=opened.now)


def _days_suspended(matter: Matter) -> int:
    """The days that were taken by suspensions before, whether or not all were needed."""
    taken = MatterClock.objects.filter(matter=matter, name=ClockName.SUSPENSION).aggregate(days=Sum("amount"))
    return int(taken["days"] or 0)


@transaction.atomic
def resume_case(act: Act) -> None:
    """What was waited for is there: the clock goes on where it stood. 恢复办理."""
    if (opened := open_case(act, "resume_case")) is None:
        return
    move(opened, act, "resume_case", state_resumed(opened.matter))


def state_resumed(matter: Matter) -> State:
    """Where a suspended case goes on: with whoever had taken it, or waiting to be taken."""
    return State.IN_PROGRESS if matter.handler_id is not None else State.ASSIGNED


@transaction.atomic
def ask_extension(act: Act, *, days: int | None) -> None:
    """The handler asks for more time, before it has run out, with the reason: 申请延期. A post above decides."""
    if (opened := open_case(act, "ask_extension")) is None:
        return
    matter, case = opened.matter, opened.case
    rules.check_handler("ask_extension", facts_of(matter, case), opened.user)
    if matter.visibility != Visibility.ORDINARY:
        # To ask would let in a post above that has nothing to do with it.
        raise Refused("private", _("不公开的事项不能延期，请按期办理。"))
    if (asked := case.extensions.filter(decided_at=None).first()) is not None:
        if asked.asked_by_id == opened.user:
            raise Refused("asked", _("已经申请过延期，正等上级批准。"))
        asked.delete()  # by whoever had the case before
    wanted = rules.check_extension(
        days, most=_days_left(opened), due_at=_put_right_due(opened), now=opened.now
    )
    unit = Unit.objects.select_related("parent").get(pk=matter.holder_unit_id)
    above = (
        who_can(unit.parent, DECIDE_EXTENSION, at=opened.now, excluding=opened.subjects | {opened.user})
        if unit.parent and unit.pk != matter.county_id
        else None
    )
    if above is None:
        raise Refused("top", _("上面没有可以批准延期的岗位，请按期办理。"))
    extension = Extension.objects.create(case=case, days=wanted, asked_at=opened.now, asked_by_id=opened.user)
    move(opened, act, "ask_extension", matter.state, data={"days": wanted, "extension": str(extension.pk)})
    matters.let_in(matter, above, GrantKind.SUPERVISOR, at=opened.now)
    matters.tell(matter, "ask_extension", now=opened.now, seat=above.seat)


@transaction.atomic
def decide_extension(act: Act, *, approved: bool) -> None:
    """Somebody else in a post above says yes or no: 审批延期. Yes adds the days to the clock."""
    if (opened := open_case(act, "decide_extension")) is None:
        return
    matter, case = opened.matter, opened.case
    extension = case.extensions.filter(decided_at=None).first()
    if extension is None:
        raise Refused("nothing_asked", _("这件事项没有待批的延期申请。"))
    if opened.user in (extension.asked_by_id, matter.handler_id):  # who asked, or has the case since
        raise Refused("own_work", _("自己申请的延期要由上级的另一个人批准。"))
    held = rules.held_above(act.actor, DECIDE_EXTENSION, Unit.objects.get(pk=matter.holder_unit_id).path)
    if held is None:
        raise Refused("not_above", _("延期由上一级岗位批准，您的岗位不在承办单位之上。"))
    opened.held = held
    if not approved and not opened.note:
        raise Refused("note_missing", _("不同意延期，请写明理由。"), field="note")
    clock = opened.clocks.live(ClockName.PUT_RIGHT)
    if approved and clock is not None:
        # Decided late, it still counts from where the clock stood: the wait for an answer is not the handler's.
        opened.clocks.extend(ClockName.PUT_RIGHT, extension.days * rules.PER_DAY[clock.kind])
    extension.decided_at, extension.decided_by_id, extension.approved = opened.now, opened.user, approved
    extension.save(update_fields=["decided_at", "decided_by", "approved"])
    data = {"approved": approved, "days": extension.days, "extension": str(extension.pk)}
    move(opened, act, "decide_extension", matter.state, data=data)
    matters.tell(matter, "decide_extension", now=opened.now, users=[extension.asked_by_id])
    if approved:
        tell_reporters(matter, "decide_extension", now=opened.now)


def _put_right_due(opened: Opened) -> datetime | None:
    row = opened.clocks.live(ClockName.PUT_RIGHT)
    return row.due_at if row else None


def _days_left(opened: Opened) -> int:
    """How many days extensions may still add, by the limit in force on the case's day."""
    bound = limits_of(opened.case.category, on=opened.matter.reported_at).of(ClockName.EXTENSION)
    row = opened.clocks.live(ClockName.PUT_RIGHT)
    used = rules.days_of(row.extended, row.kind) if row else 0
    return bound.days - used
