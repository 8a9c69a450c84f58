"""Shared readers of notices. A person reads their own and nobody else's; a desk, what did not arrive in its territory."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from xiangli.kernel import crypto
from xiangli.notices.channels import Line
from xiangli.notices.models import Address, Channel, Delivery, Notice, Preference
from xiangli.notices.rules import masked
from xiangli.notices.states import (
    GROUPS,
    PERSONAL,
    RETRY_DELIVERY,
    ChannelKind,
    DeliveryState,
    within_reach,
)
from xiangli.territory.queries.common import in_english, on_day
from xiangli.territory.rules import Actor, day_of


def unread_count(actor: Actor) -> int:
    """How many notices the actor has not read, counted to 99. One statement."""
    return Notice.objects.filter(user=actor.user_id, read_at=None)[:99].count() if actor else 0


def inbox(actor: Actor) -> QuerySet[Notice]:
    """The actor's own notices, to be paged newest first by ("-at", "-id")."""
    return Notice.objects.filter(user=actor.user_id) if actor else Notice.objects.none()


# -- what is kept encrypted


def seal_settings(county: UUID, kind: str, settings: dict[str, Any]) -> bytes:
    return crypto.seal(json.dumps(settings).encode(), scope=county, context=f"notices.channel:{kind}")


def line_of(channel: Channel) -> Line:
    """A channel, opened. Raises crypto.Unreadable."""
    opened = crypto.open_sealed(
        bytes(channel.settings), scope=channel.county_id, context=f"notices.channel:{channel.kind}"
    )
    key = f"{channel.pk}:{channel.changed_at.timestamp()}"
    return Line(channel.pk, ChannelKind(channel.kind), json.loads(opened), key)


def seal_address(user: UUID, kind: str, address: str) -> bytes:
    # Bound to the person, who may serve in several counties.
    return crypto.seal(address.encode(), scope=user, context=f"notices.address:{kind}")


def open_address(row: Address) -> str:
    """Raises crypto.Unreadable."""
    return crypto.open_sealed(
        bytes(row.address), scope=row.user_id, context=f"notices.address:{row.kind}"
    ).decode()


def seal_reporter(county: UUID, delivery: UUID, phone: str) -> bytes:
    return crypto.seal(phone.encode(), scope=county, context=f"notices.delivery:{delivery}")


def open_reporter(row: Delivery) -> str:
    """The number of a reporter. Raises crypto.Unreadable, for one that was emptied too."""
    return crypto.open_sealed(
        bytes(row.address or b""), scope=row.county_id, context=f"notices.delivery:{row.pk}"
    ).decode()


# -- one's own channels


@dataclass(frozen=True, slots=True)
class Mine:
    """One channel as its person sees it. `address` is masked, "" where none is kept; `offered`: a county of theirs has
    opened it."""

    kind: ChannelKind
    offered: bool
    address: str
    wanted: bool


def my_channels(actor: Actor) -> list[Mine]:
    """The channels that the actor's counties offer, or that the actor has an address for. Two statements."""
    counties = {held.county_id for held in actor.held}
    offered = set(
        Channel.objects.filter(county__in=counties, enabled=True, kind__in=PERSONAL).values_list(
            "kind", flat=True
        )
    )
    kept = {row.kind: row for row in Address.objects.filter(user=actor.user_id)} if actor else {}
    found = []
    for kind in PERSONAL:
        row = kept.get(kind)
        if row is None and kind not in offered:
            continue
        found.append(Mine(kind, kind in offered, _masked(row) if row else "", row.wanted if row else False))
    return found


def _masked(row: Address) -> str:
    try:
        return masked(row.kind, open_address(row))
    except crypto.Unreadable:
        return "?"


def texts_reporters(county: UUID | None) -> bool:
    """Whether the county sends text messages to whoever left a number: nobody is promised what no channel brings.
    One statement."""
    return Channel.objects.filter(county=county, enabled=True, kind=ChannelKind.SMS).exists()


def language_of(user_id: UUID) -> str:
    """The language somebody chose for messages outside the app; "" for none."""
    return Preference.objects.filter(user=user_id).values_list("language", flat=True).first() or ""


def on_call_now(users: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Those of `users` whom the roster names at `at`. One statement."""
    people = get_user_model().objects.filter(
        pk__in=users, on_call__ended_at=None, on_call__starts__lte=at, on_call__ends__gt=at
    )
    return set(people.values_list("pk", flat=True))


# -- what did not arrive


def may_look_after(actor: Actor) -> bool:
    return any(RETRY_DELIVERY in held.permissions for held in actor.held)


def undelivered(actor: Actor, *, at: datetime) -> QuerySet[Delivery]:
    """What could not be delivered and waits for a person, as far as the actor's posts look after it: to be paged by
    ("-made_at", "-id").

    A county's desk looks after everybody in the county and after groups, a town's after those who serve under it; what
    went to a reporter, and what is about one matter, only where the actor may see the matter.
    """
    mine, day = Q(pk=None), day_of(at)
    for held in actor.held:
        if RETRY_DELIVERY not in held.permissions:
            continue
        if held.unit_id == held.county_id:
            mine |= Q(county=held.county_id)
            continue
        under = get_user_model().objects.filter(
            on_day(day, "appointments__"),
            pk=OuterRef("user"),
            appointments__unit__path__startswith=held.unit_path,
        )
        to_reporter = Q(user=None) & ~Q(kind__in=GROUPS)
        mine |= Q(county=held.county_id) & (to_reporter | Q(Exists(under)))
    seen = within_reach(actor, "about")
    open_to_all = Q(about=None) & (Q(user__isnull=False) | Q(kind__in=GROUPS))
    return Delivery.objects.filter(mine, seen | open_to_all, state=DeliveryState.DEAD).select_related("user")


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody in the units of a desk: whom it may ask to tell a person."""

    id: UUID
    name: str


def colleagues(actor: Actor, *, at: datetime) -> list[Colleague]:
    """The people who hold or cover a post in the units in which the actor looks after deliveries, the actor among
    them. One statement."""
    units = [held.unit_id for held in actor.held if RETRY_DELIVERY in held.permissions]
    day = day_of(at)
    people = (
        get_user_model()
        .objects.filter(on_day(day, "appointments__"), appointments__unit__in=units, is_active=True)
        .distinct()
        .order_by("display_name", "pk")
    )
    return [Colleague(person.pk, person.display_name) for person in people]


def posts_of(users: Collection[UUID], *, at: datetime) -> dict[UUID, str]:
    """The first post of each of `users`, as people say it: "庙上村 村委会主任". One statement; none for nobody."""
    if not users:
        return {}
    held = "appointments__"
    title = f"{held}post__name_en" if in_english() else f"{held}post__name"
    rows = (
        get_user_model()
        .objects.filter(on_day(day_of(at), held), pk__in=users)
        .order_by("pk", f"{held}post__order")
        .values_list("pk", f"{held}unit__short_name", title)
    )
    found: dict[UUID, str] = {}
    for user, unit, post in rows:
        found.setdefault(user, f"{unit} {post}")
    return found


# -- for the doctor


def dead_letters() -> list[tuple[str, str, int]]:
    """What waits for a person: county, kind of channel, how many. One statement."""
    rows = (
        Delivery.objects.filter(state=DeliveryState.DEAD)
        .values_list("county__short_name", "kind")
        .annotate(count=Count("pk"))
        .order_by("county__short_name", "kind")
    )
    return list(rows)


def channels(county: UUID | None = None) -> QuerySet[Channel]:
    """The channels that were opened, all counties' or one's."""
    found = Channel.objects.select_related("county").order_by("county__path", "kind")
    return found if county is None else found.filter(county=county)
