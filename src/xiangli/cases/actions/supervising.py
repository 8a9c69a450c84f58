"""Supervision: an order with its own time to answer. 督办 (#55)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.cases.actions.common import whose
from xiangli.cases.actions.opening import Act, move, open_case
from xiangli.cases.models import Order
from xiangli.cases.queries import limits_of
from xiangli.cases.states import ClockName
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.states import GrantKind
from xiangli.territory.models import Unit
from xiangli.territory.queries import people_in_seats


@transaction.atomic
def supervise_case(act: Act) -> None:
    """Order whoever has the case to answer for it in time: 督办."""
    if (opened := open_case(act, "supervise_case")) is None:
        return
    matter, case, held = opened.matter, opened.case, opened.held
    if matter.handler_id == opened.user or matter.holder_seat in act.actor.seats:
        raise Refused("own_work", _("这件事项正在您自己手里，不用督办，请直接办理。"))
    if not Unit.objects.get(pk=matter.holder_unit_id).path.startswith(held.unit_path):
        raise Refused("not_above", _("这件事项由上级在办，您的岗位不能督办它。可以催办，或者向上级反映。"))
    if case.orders.filter(by_seat=held.seat, answered_at=None).exists():
        raise Refused("ordered", _("您这里已经督办过，正等承办人答复。"))
    order = Order.objects.create(case=case, by_seat=held.seat, by_user_id=opened.user, ordered_at=opened.now)
    bound = limits_of(case.category, on=matter.reported_at).of(ClockName.ANSWER)
    opened.clocks.start(ClockName.ANSWER, bound.length, at=opened.now, source=bound.source, about=order.pk)
    matters.grant_seat(matter, held.seat, GrantKind.SUPERVISOR, at=opened.now)
    move(opened, act, "supervise_case", matter.state, data={"seat": held.seat, "order": str(order.pk)})
    matters.tell(matter, "supervise_case", now=opened.now, **whose(opened.matter))


@transaction.atomic
def answer_order(act: Act, *, order_id: UUID) -> None:
    """Whoever has the case answers the order: 答复督办."""
    if (opened := open_case(act, "answer_order")) is None:
        return
    matter = opened.matter
    order = opened.case.orders.filter(pk=order_id, answered_at=None).first()
    if order is None:
        raise Refused("answered", _("这条督办已经答复过了。"), field="order")
    has_it = matter.handler_id == opened.user or matter.holder_seat in act.actor.seats
    if not has_it and opened.case.resolved_by_id != opened.user:
        raise Refused("not_handler", _("督办由现在承办的人答复。"))
    if order.by_user_id == opened.user:
        raise Refused("own_work", _("自己下的督办要由承办的另一个人答复。"))
    order.answered_at, order.answered_by_id = opened.now, opened.user
    order.save(update_fields=["answered_at", "answered_by"])
    opened.clocks.stop(ClockName.ANSWER, at=opened.now, about=order.pk)
    move(opened, act, "answer_order", matter.state, data={"order": str(order.pk)})
    # Whoever ordered may have left since: then whoever sits in the post today is told.
    there = order.by_user_id in people_in_seats([order.by_seat], at=opened.now)[order.by_seat]
    if there:
        matters.tell(matter, "answer_order", now=opened.now, users=[order.by_user_id])
    else:
        matters.tell(matter, "answer_order", now=opened.now, seat=order.by_seat)
