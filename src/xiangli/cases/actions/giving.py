"""Giving a case to somebody: assign, transfer, hand up, return, handle together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import whose
from xiangli.cases.actions.opening import Act, Opened, move, named, open_case, seat_above
from xiangli.cases.actions.ways import told_besides
from xiangli.cases.models import Part
from xiangli.cases.queries import facts_of, limits_of, responsible_for
from xiangli.cases.states import ClockName, State
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.queries import seats_on, subject_places
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import organ_seats, people_in_seats, seat_people, seats_under
from xiangli.territory.rules import Answer


@transaction.atomic
def assign_case(act: Act, *, unit_id: UUID, post_id: UUID) -> None:
    """Give the case to a seat inside the assigner's own unit: 交办. Never to one that a subject of the
    matter sits in."""
    if (opened := open_case(act, "assign_case")) is None:
        return
    # Any manned seat under the unit whose post lets the actor assign.
    seats = seats_under(opened.held.unit_path, at=opened.now)
    _give(opened, act, "assign_case", _chosen(seats, unit_id, post_id))


@transaction.atomic
def transfer_case(act: Act, *, unit_id: UUID, post_id: UUID) -> None:
    """Give the case to the organ of the county whose business it is, with the reason: 转派."""
    if (opened := open_case(act, "transfer_case")) is None:
        return
    seats = organ_seats(opened.matter.county_id, at=opened.now)
    _give(opened, act, "transfer_case", _chosen(_listed(opened, seats), unit_id, post_id))


def _chosen(seats: list[Answer], unit_id: UUID, post_id: UUID) -> Answer:
    target = next((seat for seat in seats if (seat.unit_id, seat.post_id) == (unit_id, post_id)), None)
    if target is None:
        raise Refused("seat_outside", _("这个岗位不在您的辖区内，或者现在没有人，请另选。"), field="seat")
    return target


def _listed(opened: Opened, seats: list[Answer]) -> list[Answer]:
    """Of a sealed matter, the seats on its list: passing it out of one's own unit lets nobody else in."""
    if opened.matter.visibility != Visibility.SEALED:
        return seats
    on_list = seats_on(opened.matter)
    return [seat for seat in seats if seat.seat in on_list]


def _check_subjects(opened: Opened, target: Answer) -> None:
    if opened.subjects and target.post_id is not None:
        rules.check_seat_free_of_subjects(
            seat_people(target.unit_id, target.post_id, at=opened.now),
            target.unit_path,
            subjects=opened.subjects,
            subject_paths=set().union(*subject_places(opened.matter, at=opened.now).values()),
        )


def _give(opened: Opened, act: Act, action: str, target: Answer) -> None:
    matter = opened.matter
    _check_subjects(opened, target)
    more = _free_choice(opened, target)
    opened.case.given_by = opened.held.seat
    opened.case.save(update_fields=["given_by", "free_choices"])
    matters.hold(matter, target, at=opened.now)
    matter.alarm = ""
    data: Mapping[str, Any] = {"seat": target.seat, **more}
    move(opened, act, action, State.ASSIGNED, data=data, words={"target": named(target)})
    matters.tell(matter, action, now=opened.now, seat=target.seat)


def _free_choice(opened: Opened, target: Answer) -> dict[str, Any]:
    """Whether the list of responsibilities names another seat: then the choice takes a reason, and is counted.
    Whoever sits in the seat that it names passes on what is theirs as they see fit."""
    matter, case = opened.matter, opened.case
    place = Unit.objects.get(pk=matter.place_id)
    found = responsible_for(place, case.category, at=opened.now, excluding=opened.subjects)
    if found.listed_seat == opened.held.seat:
        return {}
    if not rules.check_free_choice(found.listed_seat, target.seat, opened.note):
        return {}
    case.free_choices += 1
    return {"free_choice": True, **rules.route_data(found.route)}


@transaction.atomic
def hand_up_case(act: Act) -> None:
    """What cannot be put right here goes to whoever answers one level above, with the reason: 上报."""
    if (opened := open_case(act, "hand_up_case")) is None:
        return
    _send_up(opened, act, "hand_up_case", seat_above(opened, opened.case.category.duty))


@transaction.atomic
def return_case(act: Act) -> None:
    """Send the case back to the seat it was given by, or else to the one above, with the reason: 退回."""
    if (opened := open_case(act, "return_case")) is None:
        return
    _send_up(opened, act, "return_case", _giver(opened) or seat_above(opened, opened.case.category.duty))


def _giver(opened: Opened) -> Answer | None:
    """The seat that gave the case, while somebody sits there whom it is not about."""
    seat = opened.case.given_by
    if not seat or seat == opened.matter.holder_seat:
        return None
    people = people_in_seats([seat], at=opened.now)[seat]
    if not people or people & opened.subjects:
        return None
    unit_id, _colon, post_id = seat.partition(":")
    unit = Unit.objects.get(pk=unit_id)
    return Answer(
        unit_id=unit.pk, unit_path=unit.path, unit_name=unit.short_name, seat=seat, post_id=UUID(post_id)
    )


def _send_up(opened: Opened, act: Act, action: str, above: Answer) -> None:
    matter = opened.matter
    rules.check_handler(action, facts_of(matter, opened.case), opened.user)
    opened.case.given_by = ""
    opened.case.save(update_fields=["given_by"])
    matters.hold(matter, above, at=opened.now)
    matter.alarm = "off_map" if matter.off_map else above.alarm
    move(opened, act, action, State.REPORTED, data={"seat": above.seat}, words={"target": named(above)})
    matters.tell(matter, action, now=opened.now, seat=above.seat, users=told_besides(matter, above))


@transaction.atomic
def handle_together(act: Act, *, unit_id: UUID, post_id: UUID) -> None:
    """Ask another seat to do its share by a time of its own: 协同. The holder goes on leading."""
    if (opened := open_case(act, "handle_together")) is None:
        return
    matter, case = opened.matter, opened.case
    seats = [
        *seats_under(opened.held.unit_path, at=opened.now),
        *organ_seats(matter.county_id, at=opened.now),
    ]
    target = _chosen(_listed(opened, seats), unit_id, post_id)
    _check_subjects(opened, target)
    if target.seat == matter.holder_seat:
        raise Refused("leads", _("这个岗位正是牵头的岗位，不用再请它协同。"), field="seat")
    if case.parts.filter(seat=target.seat, done_at=None).exists():
        raise Refused("asked", _("已经请过这个岗位协同，正在等它报告结果。"), field="seat")
    part = Part.objects.create(
        case=case, unit_id=unit_id, post_id=post_id, seat=target.seat, asked_at=opened.now
    )
    bound = limits_of(case.category, on=matter.reported_at).of(ClockName.PART)
    opened.clocks.start(ClockName.PART, bound.length, at=opened.now, source=bound.source, about=part.pk)
    matters.grant_seat(matter, target.seat, GrantKind.TOGETHER, at=opened.now)
    data = {"seat": target.seat, "part": str(part.pk)}
    move(opened, act, "handle_together", matter.state, data=data, words={"target": named(target)})
    matters.tell(matter, "handle_together", now=opened.now, seat=target.seat)


@transaction.atomic
def finish_part(act: Act, *, part_id: UUID) -> None:
    """The seat that was asked says what it did; or the one who leads says it for them: 协同完成."""
    if (opened := open_case(act, "finish_part")) is None:
        return
    matter = opened.matter
    part = opened.case.parts.filter(pk=part_id, done_at=None).first()
    if part is None:
        raise Refused("part_done", _("这一份协同已经报告过结果了。"), field="part")
    leads = matter.handler_id == opened.user or (
        matter.handler_id is None and opened.held.seat == matter.holder_seat
    )
    if part.seat not in act.actor.seats and not leads:
        raise Refused("not_handler", _("协同的结果由被请的岗位自己写，或由牵头人代写。"))
    part.done_at = opened.now
    part.save(update_fields=["done_at"])
    opened.clocks.stop(ClockName.PART, at=opened.now, about=part.pk)
    move(opened, act, "finish_part", matter.state, data={"seat": part.seat, "part": str(part.pk)})
    matters.tell(matter, "finish_part", now=opened.now, **whose(opened.matter))
