"""Sending what waits. Three steps: claim under a lock, ask the providers with no transaction open, write how it ended.

Each delivery ends once in our rows. Outside it is at least once: a worker killed between a provider's yes and our
row leaves a lease behind, and when that has run out the message is sent again.
"""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from xiangli.kernel import clock, crypto
from xiangli.kernel.outbox import message
from xiangli.kernel.rows import insert
from xiangli.notices.actions.telling import TOPIC, quiet_of
from xiangli.notices.channels import Batch, Line, Message, send_all
from xiangli.notices.channels.words import Said, say
from xiangli.notices.models import Address, Channel, Delivery, Preference
from xiangli.notices.queries import line_of, open_address, open_reporter
from xiangli.notices.rules import ATTEMPTS, Quiet, delay, leaves_at
from xiangli.notices.states import GROUPS, TEST, DeliveryState, Fault

ROUND: Final = 100  # deliveries that one errand takes
LEASE: Final = timedelta(seconds=90)  # longer than a round lasts, shorter than an errand's own

_log = logging.getLogger(__name__)

Ends = dict[UUID, Fault | None]


def deliver(now: datetime) -> int:
    """Send what waits, danger first; returns how many deliveries were taken up. Never call it in a transaction."""
    rows, quiet = _claim(now)
    if not rows:
        return 0
    ready, ends = _make_ready(rows)
    ends |= send_all(ready)
    said = {one.id: one for batch in ready for one in batch.messages}
    _write(
        rows, ends, fell_back={pk for pk in said if said[pk].fell_back}, quiet=quiet, full=len(rows) == ROUND
    )
    return len(rows)


@transaction.atomic
def _claim(now: datetime) -> tuple[list[Delivery], dict[UUID, Quiet | None]]:
    """Take what is due, under a lease. What would leave in quiet hours (a worker was away) waits for their end."""
    due = Delivery.objects.filter(state=DeliveryState.WAITING, not_before__lte=now)
    first = due.order_by("-danger", "not_before", "pk").values("pk")[:ROUND]
    # Locked in the one order in which telling locks them, too; sent in that of their moments.
    mine = due.filter(pk__in=first).select_for_update(of=("self",)).select_related("county__profile")
    found = sorted(mine.order_by("user_id", "pk"), key=lambda row: (not row.danger, row.not_before, row.pk))
    taken, quiet = [], {}
    for row in found:
        profile = getattr(row.county, "profile", None)
        quiet[row.county_id] = hours = quiet_of(profile.quiet_hours if profile else None)
        at = leaves_at(now, hours, danger=row.danger)
        if at > now:
            row.not_before = at
        else:
            row.attempts, row.not_before = row.attempts + 1, now + LEASE
            taken.append(row)
    if found:
        Delivery.objects.bulk_update(found, ["attempts", "not_before"])
        later = {row.not_before for row in found if row not in taken}
        insert(message(TOPIC, {}, now=now, available_at=at) for at in sorted(later))
    return taken, quiet


def _make_ready(rows: Sequence[Delivery]) -> tuple[list[Batch], Ends]:
    """Words and addresses of what was taken, by channel; and what cannot go at all. Three statements."""
    ends: Ends = {}
    lines = _lines(rows, ends)
    users = {row.user_id for row in rows if row.user_id}
    addresses = {(row.user_id, row.kind): row for row in Address.objects.filter(user__in=users)}
    languages = dict(Preference.objects.filter(user__in=users).values_list("user_id", "language"))
    batches: dict[tuple[UUID, str], list[Message]] = defaultdict(list)
    for row in rows:
        if row.pk in ends:
            continue
        try:
            to = _address(row, addresses)
        except crypto.Unreadable:
            ends[row.pk] = Fault.UNREADABLE
            continue
        if to is None:
            ends[row.pk] = Fault.NO_ADDRESS
            continue
        language = languages.get(row.user_id, "") if row.user_id else ""
        said = words_of_delivery(row, language)
        batches[row.county_id, row.kind].append(Message(row.pk, to, said.text, said.places, said.fell_back))
    urgent = {(row.county_id, row.kind) for row in rows if row.danger}
    return [Batch(lines[key], messages, key in urgent) for key, messages in batches.items()], ends


def _lines(rows: Sequence[Delivery], ends: Ends) -> dict[tuple[UUID, str], Line]:
    channels = Channel.objects.filter(county__in={row.county_id for row in rows}, enabled=True)
    lines: dict[tuple[UUID, str], Line] = {}
    shut: set[tuple[UUID, str]] = set()
    for channel in channels:
        try:
            lines[channel.county_id, channel.kind] = line_of(channel)
        except crypto.Unreadable:
            shut.add((channel.county_id, channel.kind))
    for row in rows:
        if (key := (row.county_id, row.kind)) not in lines:
            ends[row.pk] = Fault.UNREADABLE if key in shut else Fault.NO_CHANNEL
    return lines


def _address(row: Delivery, addresses: dict[tuple[UUID, str], Address]) -> str | None:
    if row.kind in GROUPS:
        return ""
    if row.user_id is None:
        return open_reporter(row)
    found = addresses.get((row.user_id, row.kind))
    return open_address(found) if found else None


def words_of_delivery(row: Delivery, language: str) -> Said:
    """What a delivery says. Its link asks who it is before it shows anything."""
    reporter = row.user_id is None and row.kind not in GROUPS
    path = f"/m/{row.about}/" if row.about else "/notices/"
    return say(
        kind=row.kind,
        what=row.what,
        facts=row.facts,
        count=row.count,
        danger=row.danger,
        reporter=reporter,
        # a reporter types the query code there
        link=settings.PUBLIC_URL.rstrip("/") + ("/t/" if reporter else path),
        made_at=row.made_at,
        language=language,
    )


@transaction.atomic
def _write(
    rows: Sequence[Delivery], ends: Ends, *, fell_back: set[UUID], quiet: dict[UUID, Quiet | None], full: bool
) -> None:
    """Write how each ended, and wake somebody for what is to be tried again. Three statements."""
    now = clock.now()  # asking took its time
    mine = {row.pk: row.attempts for row in rows}
    changed, wake = [], {now} if full else set()
    # Drawn once: what failed in one round is tried again in one, and wakes somebody once.
    chance = random.random()  # noqa: S311  # spreading load is no secret
    for row in (
        Delivery.objects.select_for_update()
        .filter(pk__in=mine, state=DeliveryState.WAITING)
        .order_by("user_id", "pk")
    ):
        if row.pk in ends and ends[row.pk] is None:
            row.state, row.sent_at, row.address = DeliveryState.SENT, now, None
            row.last_error = Fault.WORDS if row.pk in fell_back else ""
        elif row.attempts != mine[row.pk]:
            continue  # our lease ran out: another worker has it
        elif (fault := ends.get(row.pk)) is None:  # its turn did not come
            row.attempts, row.not_before = row.attempts - 1, now
            wake.add(now)
        else:
            row.last_error = fault
            if fault.permanent or row.attempts >= ATTEMPTS:
                row.state, row.address = DeliveryState.DEAD, None
            else:
                again = now + delay(row.attempts, chance, danger=row.danger)
                row.not_before = leaves_at(again, quiet[row.county_id], danger=row.danger)
                wake.add(row.not_before)
        changed.append(row)
    if changed:
        Delivery.objects.bulk_update(
            changed, ["state", "sent_at", "address", "last_error", "attempts", "not_before"]
        )
    for kind in sorted({row.kind for row in changed if row.state == DeliveryState.DEAD}):
        dead = [row for row in changed if row.kind == kind and row.state == DeliveryState.DEAD]
        _log.warning(
            "notices: %d by %s could not be delivered: %s",
            len(dead),
            kind,
            ", ".join(sorted({row.last_error for row in dead})),
        )
    insert(message(TOPIC, {}, now=now, available_at=at) for at in sorted(wake))


def try_channel(*, county: UUID, kind: str, user_id: UUID | None, now: datetime) -> Fault | None:
    """Send one message now, past queue and quiet hours, to somebody's own address or (None) to the group: how it ended.

    Nothing is kept of it. For an administrator who has just opened the channel.
    """
    row = Delivery(
        county_id=county, kind=kind, user_id=user_id, what=TEST, danger=False, made_at=now, not_before=now
    )
    ready, ends = _make_ready([row])
    return (ends | send_all([Batch(batch.line, batch.messages, urgent=True) for batch in ready])).get(row.pk)
