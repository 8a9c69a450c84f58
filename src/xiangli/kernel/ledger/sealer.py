"""Sealing: each scope's new events, in batches, into one chain of seals a scope.

An action chains its own stream only; a chain of the whole scope inside its transaction would make all writers
of a county wait for each other. The price is a tail of some seconds that is not sealed yet, and
`verify_ledger` names it.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Min

from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger.forms import GENESIS, seal_hash
from xiangli.kernel.ledger.heads import local_day, publish_heads
from xiangli.kernel.models import LedgerEvent, LedgerSeal

PAUSE: Final = timedelta(seconds=2)  # sealed within 5 seconds is what is promised
BATCH: Final = 1000  # events

_log = logging.getLogger(__name__)


def seal_once(now: datetime) -> int:
    """Seal everything that is new, and return how many events that was. A scope that another sealer has at
    hand is left to it.
    """
    scopes = list(LedgerEvent.objects.filter(seal=None).values_list("scope", flat=True).distinct())
    return sum(_seal_scope(scope, now) for scope in scopes)


def _seal_scope(scope: UUID, now: datetime) -> int:
    count = 0
    while sealed := _seal_batch(scope, now):
        count += sealed
        if sealed < BATCH:
            break
    return count


def _seal_batch(scope: UUID, now: datetime) -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Not a lock on the last seal's row: the role that serves may not update seals, and there is no
            # row before the first.
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"xiangli/seal/{scope}"]
            )
            row = cursor.fetchone()
        if row is None or not row[0]:
            return 0
        # By id, which an auditor can sort again. An event whose transaction ended late goes into a later
        # seal.
        events = list(
            LedgerEvent.objects.filter(scope=scope, seal=None)
            .order_by("id")
            .values_list("id", "hash")[:BATCH]
        )
        if not events:
            return 0
        last = LedgerSeal.objects.filter(scope=scope).order_by("-number").first()
        before = bytes(last.hash) if last else GENESIS
        seal = LedgerSeal(
            id=new_id(),
            scope=scope,
            number=last.number + 1 if last else 1,
            at=now,
            events_count=len(events),
            prev_hash=before,
        )
        seal.hash = seal_hash(
            id=seal.id,
            scope=scope,
            number=seal.number,
            at=now,
            prev_hash=before,
            events=[(event_id, bytes(hashed)) for event_id, hashed in events],
        )
        seal.save(force_insert=True)
        LedgerEvent.objects.filter(pk__in=[event_id for event_id, _ in events]).update(seal=seal)
        return len(events)


def run_sealer(stop: threading.Event) -> None:
    """Seal every two seconds until `stop` is set; publish the heads at the start, each new day, and at the
    end. Waits out a database that is away.
    """
    published: date | None = None
    ending = False
    while not ending:
        ending = stop.wait(PAUSE.total_seconds())  # the last round comes after the stop
        now = clock.now()
        try:
            seal_once(now)
            if ending or local_day(now) != published:
                publish_heads(now)
                published = local_day(now)
        except (OperationalError, InterfaceError) as error:
            _log.warning("sealer: the database is away (%s)", type(error).__qualname__)
            connection.close()


@dataclass(frozen=True, slots=True)
class Tail:
    """Events that are not sealed yet: how many, and when the oldest happened (None: all are sealed)."""

    count: int
    oldest: datetime | None


def unsealed_tail(scope: UUID | None = None) -> Tail:
    """The tail of one scope, or of all. A sealer that lives keeps it within seconds."""
    events = LedgerEvent.objects.filter(seal=None, **({"scope": scope} if scope else {}))
    found = events.aggregate(count=Count("pk"), oldest=Min("at"))
    return Tail(found["count"], found["oldest"])
