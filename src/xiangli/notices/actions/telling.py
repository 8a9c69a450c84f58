"""Telling: a line in the app for each person, and what goes out to them by the channels of their county."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from xiangli.kernel.outbox import message
from xiangli.kernel.rows import insert
from xiangli.notices.models import Address, Channel, Delivery, Notice
from xiangli.notices.queries import on_call_now, seal_reporter
from xiangli.notices.rules import WITHIN, Leaving, Plan, Quiet, leaves_at, plan
from xiangli.notices.states import (
    DIGEST,
    GROUPS,
    NEUTRAL,
    ORDINARY,
    PERSONAL,
    SEALED,
    ChannelKind,
    DeliveryState,
    barred_from,
    is_group_news,
)
from xiangli.territory.queries import people_in_seats
from xiangli.territory.rules import OUTSIDE, parse_quiet_hours

TOPIC: Final = "notices.deliver"
FACTS: Final = ("number", "category", "lane")
GATHER: Final = timedelta(
    minutes=1
)  # what a group is told in a minute goes as one: robots may speak 20 times in it
QUIET: Final = "22:00-07:00"  # where a county's own hours cannot be read
_HELD: Final = "held"  # in a Delivery's facts: it takes others along while it waits

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tell:
    """What the outbox message `message` says: that `kind` happened `about` a matter (or in a flood, to all of
    `matters`), to whoever sits in `seat` and to `users`.

    `county` opens the ways out of the app; `facts` (number, category, lane) are what may be said there, of a
    matter whose `visibility` is ordinary.
    """

    message: UUID
    about: UUID | None
    kind: str
    seat: str = ""
    users: frozenset[UUID] = frozenset()
    matters: tuple[UUID, ...] = ()
    county: UUID | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    visibility: str = ORDINARY
    danger: bool = False

    @property
    def all(self) -> tuple[UUID, ...]:
        return self.matters or ((self.about,) if self.about else ())


def tell(tells: Sequence[Tell], *, now: datetime) -> int:
    """Write one notice of each to each person in its seat now and to each of its users, and queue what goes out to
    them; returns how many notices that was. The same few statements, whatever the number.

    Told twice by the same message, a person has one notice. An outside organ has no inbox here. Whom a matter
    is about is told nothing, whatever seat they sit in by now.
    """
    seated = people_in_seats({one.seat for one in tells if one.seat and one.seat != OUTSIDE}, at=now)
    barred = barred_from({matter for one in tells for matter in one.all})
    told = [
        (one, user, count)
        for one in tells
        for user in sorted(one.users | seated.get(one.seat, set()))
        if (count := sum(user not in barred.get(matter, ()) for matter in one.all))
    ]
    if any(one.county for one in tells):
        before = set(
            Notice.objects.filter(message__in=[one.message for one in tells]).values_list("message", "user")
        )
    else:
        before = set()
    Notice.objects.bulk_create(
        [
            Notice(message=one.message, user_id=user, about=_about(one), kind=one.kind, at=now, count=count)
            for one, user, count in told
        ],
        ignore_conflicts=True,
    )
    if any(one.county for one in tells):
        _queue([row for row in told if (row[0].message, row[1]) not in before], now)
    return len(told)


def _about(one: Tell) -> UUID | None:
    return one.all[0] if len(one.all) == 1 else None


def tell_reporter(
    *,
    county: UUID,
    phone: str,
    what: str,
    facts: Mapping[str, str],
    about: UUID,
    danger: bool,
    now: datetime,
    visibility: str = ORDINARY,
    asked: bool = False,
) -> Delivery | None:
    """Queue an SMS to somebody who reported, in the caller's transaction; None where none may go: the county sends
    none, the matter is sealed, or it is private and they did not ask (`asked`). Three statements.

    The number is kept encrypted until it is sent or given up, and no longer.
    """
    if visibility == SEALED or (visibility != ORDINARY and not asked):
        return None
    ways = _ways({county})
    if ChannelKind.SMS not in ways.kinds[county]:
        return None
    row = _delivery(
        county=county,
        kind=ChannelKind.SMS,
        what=what if visibility == ORDINARY else NEUTRAL,
        facts=_facts(facts) if visibility == ORDINARY else {},
        about=about,
        danger=danger,
        now=now,
        at=leaves_at(now, ways.quiet[county], danger=danger),
    )
    row.address = seal_reporter(county, row.pk, phone)
    insert([row, message(TOPIC, {}, now=now, available_at=row.not_before)])
    return row


# -- what goes out


@dataclass(frozen=True, slots=True)
class _Ways:
    """What the counties have opened, and when each is quiet."""

    kinds: Mapping[UUID, set[str]]
    quiet: Mapping[UUID, Quiet | None]


def _ways(counties: Collection[UUID]) -> _Ways:
    kinds: dict[UUID, set[str]] = defaultdict(set)
    quiet: dict[UUID, Quiet | None] = {}
    rows = Channel.objects.filter(county__in=counties, enabled=True)
    for county, kind, hours in rows.values_list("county_id", "kind", "county__profile__quiet_hours"):
        kinds[county].add(kind)
        quiet[county] = quiet_of(hours)
    return _Ways(kinds, quiet)


def quiet_of(hours: str | None) -> Quiet | None:
    """A county's quiet hours, None where it keeps none; the usual ones where its own cannot be read: nobody is rung
    at night by a slip.
    """
    if hours is not None and not hours.strip():
        return None
    try:
        return parse_quiet_hours(QUIET if hours is None else hours)
    except ValueError:
        _log.warning("notices: a county's quiet hours cannot be read; keeping %s", QUIET)
        return parse_quiet_hours(QUIET)


def _queue(told: Sequence[tuple[Tell, UUID, int]], now: datetime) -> None:
    ways = _ways({one.county for one, _user, _count in told if one.county})
    if not ways.kinds:
        return
    wishes = _wishes(told, ways, now)
    made, joined = _for_persons(wishes, ways, now)
    news, more = _for_groups(told, ways, now)
    Delivery.objects.bulk_create(made + news)
    touched = joined + more
    if touched:
        Delivery.objects.bulk_update(touched, ["what", "about", "facts", "count"])
    moments = {row.not_before for row in [*made, *news, *touched]}
    insert(message(TOPIC, {}, now=now, available_at=at) for at in sorted(moments))


@dataclass(frozen=True, slots=True)
class _Wish:
    one: Tell
    user: UUID
    kind: str
    count: int


def _wishes(told: Sequence[tuple[Tell, UUID, int]], ways: _Ways, now: datetime) -> list[_Wish]:
    """Who is to be told what by which channel: each thing once, whatever number of messages say it."""
    users = {user for _one, user, _count in told}
    rows = (
        # The lock on the addresses lets one worker at a time count what a person got.
        Address.objects.select_for_update()
        .filter(user__in=users, kind__in=set().union(*ways.kinds.values()) & set(PERSONAL))
        .order_by("pk")
        .values_list("user_id", "kind", "wanted")
    )
    addresses: dict[UUID, dict[str, bool]] = defaultdict(dict)
    for user, kind, wanted in rows:
        addresses[user][kind] = wanted
    endangered = {user for one, user, _count in told if one.danger}
    on_call = on_call_now(endangered, at=now) if endangered else set()
    found: dict[tuple[Any, ...], _Wish] = {}
    for one, user, count in told:
        if one.county is None:
            continue
        for kind, wanted in addresses[user].items():
            if kind not in ways.kinds[one.county] or (kind == ChannelKind.SMS and one.visibility == SEALED):
                continue
            if kind == ChannelKind.VOICE:
                # Rung for danger alone; who is on call cannot switch that off.
                wanted = one.danger and (wanted or user in on_call)
            if wanted:
                found.setdefault((user, kind, one.all, one.kind), _Wish(one, user, kind, count))
    return list(found.values())


def _for_persons(
    wishes: Sequence[_Wish], ways: _Ways, now: datetime
) -> tuple[list[Delivery], list[Delivery]]:
    """New rows, and rows that took others along."""
    held, leavings = _leaving(wishes, now)
    made: list[Delivery] = []
    joined: dict[UUID, Delivery] = {}
    for wish in wishes:
        one = wish.one
        assert one.county is not None  # _wishes left the others out
        at = leaves_at(now, ways.quiet[one.county], danger=one.danger)
        near = leavings[wish.user, wish.kind]
        planned = Plan(at) if one.danger else plan(near, at)
        if planned.joins is not None:
            row = held[planned.joins]
            _take_along(row, one, wish.count)
            joined[row.pk] = row
            continue
        at = planned.at
        if planned.held:
            # To the full minute, so that a flood needs few wakers; and not into the night.
            at = leaves_at(_full_minute(at), ways.quiet[one.county])
        row = _of(one, wish.kind, count=wish.count, now=now, at=at, held=planned.held)
        row.user_id = wish.user
        made.append(row)
        if not one.danger:
            near.append(Leaving(row.pk, at, planned.held))
            held[row.pk] = row
    new = {row.pk for row in made}
    return made, [row for pk, row in joined.items() if pk not in new]


def _leaving(
    wishes: Sequence[_Wish], now: datetime
) -> tuple[dict[UUID, Delivery], dict[tuple[UUID | None, str], list[Leaving]]]:
    """What each person got in the last minutes, or waits for: locked, so that what waits does not leave meanwhile."""
    rows = (
        Delivery.objects.select_for_update()
        .filter(
            Q(state=DeliveryState.WAITING) | Q(state=DeliveryState.SENT, sent_at__gt=now - WITHIN),
            user__in={wish.user for wish in wishes},
            kind__in={wish.kind for wish in wishes},
            danger=False,
            made_at__gt=now - timedelta(days=1),
        )
        .order_by("user_id", "pk")  # as sending locks them: neither waits for the other for ever
    )
    held: dict[UUID, Delivery] = {}
    leavings: dict[tuple[UUID | None, str], list[Leaving]] = defaultdict(list)
    for row in rows if wishes else ():
        waits = row.state == DeliveryState.WAITING and row.attempts == 0 and bool(row.facts.get(_HELD))
        leavings[row.user_id, row.kind].append(Leaving(row.pk, row.sent_at or row.not_before, waits))
        held[row.pk] = row
    return held, leavings


def _for_groups(
    told: Iterable[tuple[Tell, UUID, int]], ways: _Ways, now: datetime
) -> tuple[list[Delivery], list[Delivery]]:
    """What the county's group robots say: of ordinary matters, what is news to a group, and danger."""
    news: dict[tuple[Any, ...], Tell] = {}
    for one, _user, _count in told:
        if one.county and one.visibility == ORDINARY and (one.danger or is_group_news(one.kind)):
            for kind in ways.kinds[one.county] & set(GROUPS):
                news.setdefault((one.county, kind, one.all, one.kind), one)
    if not news:
        return [], []
    waiting = Delivery.objects.select_for_update().filter(
        state=DeliveryState.WAITING,
        county__in={county for county, *_rest in news},
        kind__in=GROUPS,
        user=None,
        danger=False,
        attempts=0,
    )
    rows = {(row.county_id, row.kind): row for row in waiting.order_by("not_before", "pk")}
    old, made = {row.pk for row in rows.values()}, []
    for (county, kind, *_rest), one in news.items():
        row = None if one.danger else rows.get((county, kind))
        if row is not None:
            _take_along(row, one, len(one.all))
            continue
        at = now if one.danger else leaves_at(now + GATHER, ways.quiet[county])
        row = _of(one, kind, count=len(one.all), now=now, at=at, held=not one.danger)
        made.append(row)
        if not one.danger:
            rows[county, kind] = row
    return made, [row for row in rows.values() if row.pk in old]


def _of(one: Tell, kind: str, *, count: int, now: datetime, at: datetime, held: bool) -> Delivery:
    assert one.county is not None  # without one nothing goes out
    open_ = one.visibility == ORDINARY
    facts = _facts(one.facts) if open_ and len(one.all) == 1 else {}
    return _delivery(
        county=one.county,
        kind=kind,
        what=one.kind if open_ else NEUTRAL,
        facts=facts | ({_HELD: True} if held else {}),
        about=_about(one),
        danger=one.danger,
        now=now,
        at=at,
        count=count,
    )


def _delivery(
    *,
    county: UUID,
    kind: str,
    what: str,
    facts: dict[str, Any],
    about: UUID | None,
    danger: bool,
    now: datetime,
    at: datetime,
    count: int = 1,
) -> Delivery:
    return Delivery(
        county_id=county,
        kind=kind,
        what=what,
        facts=facts,
        about=about,
        danger=danger,
        made_at=now,
        not_before=at,
        count=count,
    )


def _take_along(row: Delivery, one: Tell, count: int) -> None:
    """One more in a message that waits. Several of one matter stay about it; else it only says how many."""
    if row.about is None or row.about != _about(one):
        row.about = None
    row.what, row.facts, row.count = DIGEST, {_HELD: True}, row.count + count


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What may leave the house, and nothing that happens to stand beside it."""
    return {name: str(facts[name]) for name in FACTS if facts.get(name)}


def _full_minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
