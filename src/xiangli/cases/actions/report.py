"""Report: a matter is born in the seat that answers for its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import DUTY_CLOSE, DUTY_COMPLAINTS, by_staff
from xiangli.cases.actions.ways import told_besides
from xiangli.cases.models import Case, Category, ExternalOrder, OrderSource
from xiangli.cases.queries import responsible_for
from xiangli.cases.rules.orders import OUTSIDE_LIMIT
from xiangli.cases.states import REPORT_CASE, Channel, ClockName, Intake, State
from xiangli.kernel import clock
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import Kind, Length
from xiangli.kernel.clocks import deadline as deadline_of
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.actions import By, Clocks
from xiangli.matters.models import Matter, Receipt
from xiangli.matters.queries import code_for, digest_of, history, seal_text
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import duty_hours_of, people_on_plate, who_answers
from xiangli.territory.rules import IMPORT_ORDERS, Actor


@dataclass(frozen=True, slots=True)
class FromElsewhere:
    """What another platform says of a matter that it hands over: its own number and, where it sets one, the moment
    by which it wants an answer."""

    source: OrderSource
    number: str
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reports. `client_id` is made by the phone or the form: a resend of it is the same report.

    `place` is the unit of the plate, or of the point; `point` is (latitude, longitude) in degrees, WGS-84.
    """

    client_id: UUID
    category: Category
    limits: rules.Limits
    words: str
    place: Unit
    place_name: str
    channel: Channel
    point: tuple[float, float] | None = None
    off_map: bool = False
    place_note: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    consent: bool = False  # whoever wrote it in a group agreed that it is passed on
    order: FromElsewhere | None = None  # another platform handed it over
    photos: Sequence[StoredFile] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Receipted:
    """What the reporter gets back: the code, the number, and whether this was a resend of a report that
    already stood."""

    code: str
    matter: Matter
    again: bool


def report_case(report: Report, *, actor: Actor | None = None) -> Receipted:
    """A report becomes a matter in the seat that answers for its place, with a receipt. The same `client_id`
    gives the same receipt.

    Refused when the category is closed, the words are missing, the id was used for another report, or what comes
    out of a group comes without consent. `actor` is the member of staff who reports, for themselves or for who
    told them; None for a resident.
    """
    code = code_for(report.client_id)
    # What is written in one statement is a transaction of its own, and spares the server two round trips.
    in_one = report.category.visibility == Visibility.ORDINARY and not report.photos
    whole = nullcontext() if in_one and not connection.in_atomic_block else transaction.atomic()
    try:
        with whole:
            matter = _report(report, code, actor=actor, now=clock.now())
    except IntegrityError:
        # The receipt's digest is unique: this very report was acknowledged before (a resend costs the roll-
        # back, the first report nothing).
        if (known := sent_before(report.client_id, report.words, by=actor)) is None:
            raise
        return known
    return Receipted(code=code, matter=matter, again=False)


def sent_before(client_id: UUID, words: str, *, by: Actor | None = None) -> Receipted | None:
    """The receipt of a report that stands already; None when there is none.

    Refused when the words are others: a browser that went back may send the form of one report with the
    words of the next, and that one must not be taken for a resend and lost. Refused when somebody else sends
    it, too: whoever reports as staff is given no code, so that nobody confirms their own work as a resident.
    """
    code = code_for(client_id)
    found = Matter.objects.filter(receipt__code_digest=digest_of(code)).select_related("case")
    known = next(iter(found), None)
    if known is None:
        return None
    first = history(known)[0]
    others = known.case.reported_by_id != (by.user_id if by else None)
    if others or (not first.erased and first.words.get("words") != words.strip()):
        raise Refused(
            "sent_before",
            _(
                "这张表单刚才已经发出过一件，编号 %(number)s。如果这是另一件事，请再按一次提交；"
                "如果是同一件，不用再发，凭回执看进展。"
            )
            % {"number": known.number},
        )
    return Receipted(code=code, matter=known, again=True)


def _report(report: Report, code: str, *, actor: Actor | None, now: datetime) -> Matter:
    category, place = report.category, report.place
    if place.county_id is None:
        raise Refused("no_county", _("这个地方还没有开通，请拨打 12345。"), field="place")
    if category.intake != Intake.OPEN:
        raise Refused("category_closed", _("这类事项暂不在这里受理，请拨打页面上的电话。"), field="category")
    words = rules.check_words(report.words)
    contact = {"name": report.contact_name, "phone": report.contact_phone}
    left = any(contact.values())
    rules.check_channel(
        report.channel,
        by_staff=actor is not None,
        consent=report.consent,
        contact=left,
        order=report.order is not None,
    )
    ordinary = category.visibility == Visibility.ORDINARY
    subjects: set[UUID] = set()
    if category.duty == DUTY_COMPLAINTS:
        subjects = people_on_plate(place, at=now)
    found = responsible_for(place, category, at=now, excluding=subjects, urgent=category.danger)
    answer = found.answer
    routed = bool(answer.alarm) or report.off_map or answer.outside
    # In the seat that answers for the very place it waits to be handled; elsewhere it waits to be received
    # and passed on.
    state = State.REPORTED if routed or not ordinary else State.ASSIGNED
    danger = rules.dangers_in(words) if ordinary and not category.danger else None
    matter = Matter(
        county_id=place.county_id,
        workflow="case",
        topic=category.code,
        state=state,
        visibility=category.visibility,
        title=rules.title_of(words) if ordinary else category.name,
        danger=category.danger,
        place=place,
        place_path=place.path,
        reported_path=place.path,
        place_name=report.place_name[:80],
        place_note=report.place_note,
        lat=report.point[0] if report.point else place.lat,
        lng=report.point[1] if report.point else place.lng,
        off_map=report.off_map,
        alarm="danger" if danger else "off_map" if report.off_map else answer.alarm,
        reported_at=now,
        changed_at=now,
    )
    matters.put_in_seat(matter, answer)
    by = _by(report, actor)
    told_staff: dict[str, Any] = {}
    if actor is not None or report.order is not None:
        # The code is given to nobody, or whoever reports might confirm their own work.
        contact["no_code"] = "yes"
        told_staff = {"channel": report.channel}
        if report.channel == Channel.GROUP:
            told_staff["consent"] = report.consent
        if report.order is not None:
            told_staff |= {"source": report.order.source.code, "external": report.order.number}
    receipt = Receipt(
        matter=matter,
        code_digest=digest_of(code),
        contact=seal_text(matter, "contact", json.dumps(contact)) if left else None,
    )
    case = Case(matter=matter, category=category, channel=report.channel, reported_by_id=by.user_id)
    clocks = Clocks(matter, background=rules.BACKGROUND)
    for name in rules.plan(state, (), begins=True).start:
        bound = report.limits.of(name)
        if name == ClockName.PUT_RIGHT and report.order is not None:
            bound = _bounded(bound, report.order.deadline, matter=matter, now=now)
        clocks.start(name, bound.length, at=now, source=bound.source)
    clocks.settle()
    seat = "" if answer.outside else answer.seat
    told = matters.message_of(matter, "report_case", now=now, seat=seat, users=told_besides(matter, answer))
    if danger:
        # A clerk looks at once, at any hour; the report itself goes its way (never blocked, never re-routed by a word).
        desk = who_answers(place, DUTY_CLOSE, at=now, urgent=True)
        told += matters.message_of(
            matter, "danger_words", now=now, seat="" if desk.outside else desk.seat, users=desk.on_call
        )
    # What is born here is born in one statement: the event, its words, the matter and all that hangs on it.
    event = matters.record(
        matter,
        "report_case",
        by=by,
        at=now,
        data={
            "to": state,
            "category": category.code,
            "place": str(place.pk),
            "seat": answer.seat,
            # the published rule by which it was routed, and the line of the list
            **rules.route_data(found.route),
            "alarm": matter.alarm,
            "photos": len(report.photos),
            **told_staff,
            **({"danger": danger.kind} if danger else {}),
            **matters.as_data(clocks),
        },
        words={"words": words},
        beside=[
            matter,
            receipt,
            case,
            *_order_of(report, matter, now=now),
            *clocks.born(),
            *matters.grants_of(matter, answer, at=now),
            *told,
        ],
    )
    if subjects:
        matters.name_subjects(matter, subjects)
    matters.attach_photos(matter, report.photos, PhotoRole.REPORT, event_id=event.pk)
    return matter


def _by(report: Report, actor: Actor | None) -> By:
    if actor is not None:
        permission = REPORT_CASE if report.order is None else IMPORT_ORDERS
        if held := actor.authority(permission, report.place.path):
            return by_staff(held, actor)
    elif report.order is not None:
        source = report.order.source
        return By(authority=f"source:{source.pk}", post=source.name)
    return By(authority="plate")


def _bounded(bound: rules.Bound, deadline: datetime | None, *, matter: Matter, now: datetime) -> rules.Bound:
    """The time to put it right, but no longer than another platform gives. What it sent too late has the usual
    time: nobody here can keep a moment that has passed."""
    if deadline is None:
        return bound
    minutes = int((deadline - now).total_seconds() // 60)
    calendar = calendar_of(duty_hours_of(matter.county_id))
    usual = deadline_of(now, bound.length, calendar=calendar, roll_over=True).at
    if minutes < 1 or deadline >= usual:
        return bound
    return rules.Bound(Length(minutes, Kind.MINUTES), OUTSIDE_LIMIT)


def _order_of(report: Report, matter: Matter, *, now: datetime) -> list[ExternalOrder]:
    if (order := report.order) is None:
        return []
    return [
        ExternalOrder(
            source=order.source,
            number=order.number,
            matter=matter,
            deadline=order.deadline,
            received_at=now,
        )
    ]
