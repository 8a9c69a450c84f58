"""Moments at which something happens by itself: rows that say what and when, fired once by whichever worker comes
first, whether or not anybody holds the matter.

A row is fired in one transaction with everything that its firing writes, so a worker that is killed leaves the row
as it was, and several workers never fire the same one. A worker sleeps until the next moment and is woken when a
nearer one is set (docs/adr/0013).
"""

import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Final, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Min
from django.utils.module_loading import autodiscover_modules

from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due
from xiangli.kernel.outbox import ATTEMPTS, Waiting, delay

# Neither a wall clock that is set while a worker sleeps, nor a word that got lost, delays anything by more than this.
LONGEST_SLEEP: Final = timedelta(seconds=5)
AGAIN: Final = timedelta(seconds=1)  # after which what was locked is looked at again
CHANNEL: Final = "xiangli_timers"
_STOP_S: Final = 0.5  # within which a sleeping worker notices that it is to stop

# Called with subjects whose moment has come, in the order of their moments, and the present moment.
Fire = Callable[[Sequence[UUID], datetime], Collection[UUID]]
F = TypeVar("F", bound=Fire)

_SET: Final = (
    "INSERT INTO kernel_due AS due (id, kind, subject, at, attempts, last_error)"
    " SELECT new.id, %s, new.subject, new.at, 0, ''"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS new (id, subject, at)"
    " ON CONFLICT (kind, subject)"
    " DO UPDATE SET at = EXCLUDED.at, attempts = 0, last_error = '', stuck_at = NULL"
)
_SET_AND_WAKE: Final = f"WITH there AS ({_SET}) SELECT pg_notify('{CHANNEL}', '')"

_log = logging.getLogger(__name__)
_handlers: dict[str, Fire] = {}


# -- setting


def due(kind: str, subject: UUID, at: datetime) -> Due:
    """A moment as a row that the caller writes together with others (kernel.rows), for a subject that is new.

    Nobody is woken: a moment nearer than `LONGEST_SLEEP` may be late by as much. Limits are minutes or more.
    """
    return Due(kind=kind, subject=subject, at=at)


def set_due(kind: str, subject: UUID, at: datetime) -> None:
    """Let `kind` happen to `subject` at `at` and at no other moment; one statement in the caller's transaction.

    The caller holds the lock on the subject's own row. What was stuck tries again.
    """
    set_many(kind, {subject: at})


def cancel(kind: str, subject: UUID) -> None:
    """Let `kind` not happen to `subject`; one statement. The caller holds the lock on the subject's own row."""
    set_many(kind, {subject: None})


def set_many(kind: str, moments: Mapping[UUID, datetime | None]) -> None:
    """Set the moments of many subjects in one statement, and in another take away those of whom it is None."""
    subjects = [subject for subject, at in moments.items() if at is not None]
    ats = [at for at in moments.values() if at is not None]
    never = [subject for subject, at in moments.items() if at is None]
    with connection.cursor() as cursor:
        if subjects:
            # All commits that carry a word queue behind one lock of the whole database (docs/adr/0013): only those
            # for which a sleeping worker would be late send one.
            near = min(ats) - clock.now() < LONGEST_SLEEP
            cursor.execute(_SET_AND_WAKE if near else _SET, [kind, [new_id() for _ in ats], subjects, ats])
        if never:
            cursor.execute("DELETE FROM kernel_due WHERE kind = %s AND subject = ANY(%s)", [kind, never])


# -- registering, in the `tasks` of each module


def handler(kind: str) -> Callable[[F], F]:
    """Register what happens to the subjects of `kind` at their moments.

    The function runs in the transaction that claimed them. It locks what it changes with SKIP LOCKED and returns the
    subjects that it could not lock: they are looked at again in a second. For the others it may set the next moment;
    a row that it left as it was has fired, and goes. If it raises, what it wrote is undone, and the subjects are
    tried in smaller and smaller groups, until those that fail stand alone.
    """

    def register(function: F) -> F:
        if _handlers.setdefault(kind, function) is not function:
            raise ValueError(f"timer {kind!r} has a handler already")
        return function

    return register


# -- firing


@dataclass(slots=True)
class _Round:
    """What became of one batch of rows, by their ids."""

    claimed: int = 0
    done: list[Due] = field(default_factory=list)
    busy: list[Due] = field(default_factory=list)  # somebody had their subjects locked
    failed: list[Due] = field(default_factory=list)


def fire_once(now: datetime, limit: int = 500) -> int:
    """Fire up to `limit` moments that have come by `now`, the oldest first, and return how many were fired or failed.

    Not counted are those whose subjects somebody had locked.
    """
    fired = _fire(now, limit, ())
    return len(fired.done) + len(fired.failed)


def _fire(now: datetime, limit: int, leave: Collection[UUID]) -> _Round:
    """One batch in one transaction, without the rows in `leave`."""
    _load_handlers()
    found = _Round()
    with transaction.atomic():
        come = Due.objects.select_for_update(skip_locked=True).filter(stuck_at=None, at__lte=now)
        if leave:
            come = come.exclude(pk__in=leave)
        by_kind: defaultdict[str, list[Due]] = defaultdict(list)
        for row in come.order_by("at", "id")[:limit]:
            by_kind[row.kind].append(row)
            found.claimed += 1
        for rows in by_kind.values():
            _fire_together(rows, now, found)
        _settle(found, now)
    return found


def _fire_together(rows: Sequence[Due], now: datetime, found: _Round) -> None:
    """Fire rows of one kind in a savepoint; if that fails, each half of them by itself."""
    try:
        with transaction.atomic():
            fire = _handlers.get(rows[0].kind)
            if fire is None:
                raise UnknownTimerError
            busy = frozenset(fire([row.subject for row in rows], now))
    except Exception as error:  # whatever a handler raises stays with its subjects
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise  # the database is gone, no subject at fault: the rows are as they were
        if len(rows) > 1:
            half = len(rows) // 2
            _fire_together(rows[:half], now, found)
            _fire_together(rows[half:], now, found)
            return
        _fail(rows[0], now, type(error).__qualname__)
        found.failed.append(rows[0])
        return
    for row in rows:
        (found.busy if row.subject in busy else found.done).append(row)


def _fail(row: Due, now: datetime, error: str) -> None:
    row.attempts += 1
    row.last_error = error[:300]  # the class alone: an error's words may hold what a resident wrote
    row.at = now + delay(row.attempts, random.random())  # noqa: S311  # spreading load is no secret
    row.stuck_at = now if row.attempts >= ATTEMPTS else None
    _log.log(
        logging.ERROR if row.stuck_at else logging.WARNING,
        "timers: %s of %s failed, attempt %d: %s",
        row.kind,
        row.subject,
        row.attempts,
        error,
    )


def _settle(found: _Round, now: datetime) -> None:
    """Take away what has fired, and put off what failed."""
    if found.done:
        with connection.cursor() as cursor:
            # Fired is what still has the moment it was claimed with: one that the handler moved stays, even one moved
            # to a moment that has passed (a second limit, after the clock was set forward), which is the next to fire.
            cursor.execute(
                "DELETE FROM kernel_due d USING unnest(%s::uuid[], %s::timestamptz[]) AS claimed (id, at)"
                " WHERE d.id = claimed.id AND d.at = claimed.at",
                [[row.pk for row in found.done], [row.at for row in found.done]],
            )
    if found.failed:
        Due.objects.bulk_update(found.failed, ["attempts", "last_error", "at", "stuck_at"])


class UnknownTimerError(Exception):
    """No handler is registered for the kind."""


def run_timers(stop: threading.Event) -> None:
    """Fire what comes until `stop` is set; returns after the batch at hand. Waits out a database that is away."""
    _load_handlers()
    while not stop.is_set():
        try:
            _watch(stop)
        except (OperationalError, InterfaceError) as error:
            _log.warning("timers: the database is away (%s)", type(error).__qualname__)
            connection.close()
            stop.wait(LONGEST_SLEEP.total_seconds())


def _watch(stop: threading.Event) -> None:
    """Fire and sleep on one connection, for as long as it stands."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")  # before the first look: what is set after it wakes us
    busy: set[UUID] = set()
    again = 0.0  # when, on the monotonic clock, the busy ones are looked at again
    while not stop.is_set():
        if time.monotonic() >= again:
            busy.clear()
        found = _fire(clock.now(), 500, busy)
        if found.busy:
            if not busy:
                again = time.monotonic() + AGAIN.total_seconds()
            busy.update(row.pk for row in found.busy)
        if not found.claimed:
            _sleep(stop, _until_next(clock.now()))


def _until_next(now: datetime) -> timedelta:
    """How long there is nothing to do, as far as one can know."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT at FROM kernel_due WHERE stuck_at IS NULL ORDER BY at LIMIT 1) <= %s,"
            " (SELECT at FROM kernel_due WHERE stuck_at IS NULL AND at > %s ORDER BY at LIMIT 1)",
            [now, now],
        )
        passed, following = cursor.fetchone()
    # What has passed and is still there was locked, or is in the hands of another worker, who may be killed.
    longest = AGAIN if passed else LONGEST_SLEEP
    return min(longest, following - now) if following else longest


def _sleep(stop: threading.Event, length: timedelta) -> None:
    """Sleep on the connection: until the time is over, a word comes, or the worker is to stop."""
    until = time.monotonic() + length.total_seconds()
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        with connection.wrap_database_errors:
            words = list(connection.connection.notifies(timeout=min(left, _STOP_S), stop_after=1))
        if words:
            return


@cache
def _load_handlers() -> None:
    autodiscover_modules("tasks")


# -- seeing


def waiting(now: datetime) -> Waiting:
    """What has come and has not fired. A worker that lives keeps `oldest` within seconds."""
    found = Due.objects.filter(stuck_at=None, at__lte=now).aggregate(count=Count("pk"), oldest=Min("at"))
    return Waiting(found["count"], found["oldest"])


def stuck(limit: int = 100) -> list[Due]:
    """Moments that were given up after ten attempts, the oldest first."""
    return list(Due.objects.filter(stuck_at__isnull=False).order_by("stuck_at")[:limit])


def count_stuck() -> int:
    """How many moments were given up."""
    return Due.objects.filter(stuck_at__isnull=False).count()


def retry(due_id: UUID, *, now: datetime) -> bool:
    """Let a stuck moment try again, with all its attempts. False: it is not stuck (any more)."""
    found = Due.objects.filter(pk=due_id, stuck_at__isnull=False)
    return bool(found.update(stuck_at=None, attempts=0, at=now))
