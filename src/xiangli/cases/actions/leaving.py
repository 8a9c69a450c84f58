"""What somebody who leaves has in hand: it goes back to the seat it was taken in, or to whoever answers now."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from xiangli.cases.actions.common import WAITS_FOR_DESK, step, whose
from xiangli.cases.actions.reseating import open_cases, reseat, reseat_cases
from xiangli.cases.models import Case, Order, Part
from xiangli.cases.states import State
from xiangli.matters import actions as matters
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MatterQuerySet
from xiangli.matters.queries import subjects_of
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.actions import Line
from xiangli.territory.models import Appointment
from xiangli.territory.queries import actor_for, in_post, people_in_seats, who_answers
from xiangli.territory.rules import day_of, seat_of

BY_RULE = By(authority="rule:left")


def preview_leaving(user_id: UUID, now: datetime) -> list[Line]:
    """What somebody's leaving moves. What is private or sealed is moved, too, and counted for nobody."""
    ordinary = open_cases().filter(visibility=Visibility.ORDINARY)
    seats = _seats_of(user_id)
    alone = [seat for seat, users in people_in_seats(seats, at=now).items() if users <= {user_id}]
    parts = Part.objects.filter(done_at=None, seat__in=alone, case__matter__in=ordinary)
    orders = Order.objects.filter(
        Q(case__matter__handler=user_id) | Q(case__matter__holder_seat__in=alone),
        answered_at=None,
        case__matter__in=ordinary,
    )
    waiting = ordinary.filter(holder_seat__in=alone).exclude(handler=user_id)
    return [
        Line(_("手里正在办的事项（退回岗位，由接替的人办）"), ordinary.filter(handler=user_id).count()),
        Line(_("岗位上等着办的事项（没有别人在岗，转给现在负责的人）"), waiting.count()),
        Line(_("请他的岗位协同的事项（转给现在负责的人）"), parts.count()),
        Line(_("等他答复的督办（随事项移交）"), orders.count()),
    ]


def move_leaving(user_id: UUID, now: datetime) -> None:
    """Take out of somebody's hand what they can no longer see, and out of the seats they left empty what waits there.
    Called by territory inside its transaction, after the posts ended."""
    user = get_user_model()._default_manager.get(pk=user_id)
    mine = open_cases().filter(handler=user)
    visible = mine.visible_to(actor_for(user, at=now)).values_list("pk", flat=True)
    _release(mine.exclude(pk__in=list(visible)), now)
    left = _seats_of(user_id, ended_by=now)
    reseat_cases(now, seats=left)
    _move_parts(left, now)


def release_cases(now: datetime) -> int:
    """Take cases out of the hands of people who hold no post any more, whichever way it ended; returns how many."""
    holders = set(open_cases().exclude(handler=None).values_list("handler_id", flat=True).distinct())
    gone = holders - in_post(holders, at=now)
    with transaction.atomic():
        return _release(open_cases().filter(handler__in=gone), now) if gone else 0


def _seats_of(user_id: UUID, *, ended_by: datetime | None = None) -> list[str]:
    rows = Appointment.objects.filter(user=user_id)
    if ended_by is not None:
        rows = rows.filter(valid_to__lte=day_of(ended_by))
    return [seat_of(unit, post) for unit, post in rows.values_list("unit_id", "post_id").distinct()]


def _release(cases: MatterQuerySet, now: datetime) -> int:
    released = 0
    for matter in cases.select_for_update(of=("self",)).order_by("pk"):
        manned = people_in_seats([matter.holder_seat], at=now)[matter.holder_seat] - subjects_of(matter)
        if not manned and reseat(matter, now):
            released += 1
            continue
        case = Case.objects.select_related("category").get(pk=matter.pk)
        state = State(matter.state)
        if state not in WAITS_FOR_DESK and state != State.SUSPENDED:
            state = State.ASSIGNED
        matter.handler_id = None
        step(matter, case, "release_case", state, by=BY_RULE, now=now, data={"seat": matter.holder_seat})
        matters.tell(matter, "release_case", now=now, **whose(matter))
        released += 1
    return released


def _move_parts(seats: list[str], now: datetime) -> None:
    """Shares that empty seats were asked for: to whoever answers there now; otherwise whoever leads is told, who
    may write down the result for them."""
    empty = [seat for seat, users in people_in_seats(seats, at=now).items() if not users]
    rows = Part.objects.filter(done_at=None, seat__in=empty, case__matter__in=open_cases())
    for part in rows.select_related("unit", "case__category").order_by("pk"):
        matter = Matter.objects.select_for_update(of=("self",)).get(pk=part.case_id)
        answer = who_answers(part.unit, part.case.category.duty, at=now, excluding=subjects_of(matter))
        asked = part.case.parts.filter(done_at=None, seat=answer.seat).exists()
        # of what is not ordinary nobody new learns by a rule
        closed_circle = matter.visibility != Visibility.ORDINARY
        if closed_circle or asked or answer.post_id is None or answer.seat == matter.holder_seat:
            matters.tell(matter, "part_left", now=now, **whose(matter))
            continue
        part.unit_id, part.post_id, part.seat = answer.unit_id, answer.post_id, answer.seat
        part.save(update_fields=["unit", "post", "seat"])
        matters.grant_seat(matter, answer.seat, GrantKind.TOGETHER, at=now)
        step(
            matter, part.case, "move_part", matter.state, by=BY_RULE, now=now,
            data={"seat": answer.seat, "part": str(part.pk)},
        )  # fmt: skip
        matters.tell(matter, "handle_together", now=now, seat=answer.seat)
