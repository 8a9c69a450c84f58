"""What waits for somebody in a post, and what they look after."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Length

from xiangli.cases.models import Extension, Order, Part
from xiangli.cases.states import DECIDE_EXTENSION
from xiangli.matters.models import MatterQuerySet
from xiangli.matters.queries import inbox
from xiangli.territory.models import Appointment
from xiangli.territory.rules import Actor, day_of


def tasks_of(actor: Actor, *, at: datetime) -> MatterQuerySet:
    """Open matters that wait for this actor: taken by them, or lying in a seat of theirs and taken by nobody; a
    part that a seat of theirs was asked for, an order that they have to answer, an extension that is theirs to
    decide. Each row says which of the last three (`part_asked`, `order_asked`, `extension_asked`)."""
    parts, orders, extensions = _parts(actor), _orders(actor), _extensions(actor, at)
    mine = Q(handler=actor.user_id) | Q(handler=None, holder_seat__in=actor.seats)
    return (
        inbox(actor)
        .open()
        .filter(mine | Q(_among(parts)) | Q(_among(orders)) | Q(_among(extensions)))
        .annotate(
            part_asked=_has(parts),
            order_asked=_has(orders),
            extension_asked=_has(extensions),
        )
    )


def _parts(actor: Actor) -> QuerySet[Part]:
    return Part.objects.filter(done_at=None, seat__in=actor.seats)


def _orders(actor: Actor) -> QuerySet[Order]:
    """Unanswered ones of whatever this actor has, or put right; nobody answers their own."""
    has_it = (
        Q(case__matter__handler=actor.user_id)
        | Q(case__matter__holder_seat__in=actor.seats)
        | Q(case__resolved_by=actor.user_id)
    )
    return Order.objects.filter(has_it, answered_at=None).exclude(by_user=actor.user_id)


def _extensions(actor: Actor, at: datetime) -> QuerySet[Extension]:
    """Undecided ones for which a post of this actor is the nearest above the holder's unit in which somebody who
    did not ask may decide."""
    holder, day = "case__matter__holder_unit__path", day_of(at)
    in_between = (
        Appointment.objects.annotate(below=ExpressionWrapper(OuterRef(holder), output_field=CharField()))
        .filter(
            Q(valid_to=None) | Q(valid_to__gt=day),
            valid_from__lte=day,
            user__is_active=True,
            post__permissions__contains=[DECIDE_EXTENSION],
            below__startswith=F("unit__path"),
        )
        .exclude(unit__path=F("below"))
        .exclude(user=OuterRef("asked_by"))
        .annotate(depth=Length("unit__path"))
    )
    above = Q(pk__in=[])
    for held in actor.held:
        if DECIDE_EXTENSION in held.permissions:
            under = Q(**{f"{holder}__startswith": held.unit_path}) & ~Q(**{holder: held.unit_path})
            above |= under & Q(~Exists(in_between.filter(depth__gt=len(held.unit_path))))
    return Extension.objects.filter(above, decided_at=None).exclude(asked_by=actor.user_id)


def _among(rows: QuerySet[Any]) -> Func:
    """Whether the matter is one of those that the rows hang on. As an array, which is read once and looked up by
    the key: beside OR, an EXISTS would have every open matter read."""
    return Func(
        F("pk"),
        ArraySubquery(rows.values("case")),
        template="%(expressions)s)",
        arg_joiner=" = ANY (",
        output_field=BooleanField(),
    )


def _has(rows: QuerySet[Any]) -> Exists:
    return Exists(rows.filter(case=OuterRef("pk")))


def is_amber(now: datetime) -> Q:
    """Four fifths of the clock are gone, and it has not run out."""
    return Q(next_amber_at__lte=now, due_at__gt=now)


def is_red(now: datetime) -> Q:
    return Q(due_at__lte=now)
