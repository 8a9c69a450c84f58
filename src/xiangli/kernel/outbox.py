"""Effects that leave after the transaction: written in it as rows, done later by a worker, retried, visible
when stuck.

The worker looks every second instead of being woken by NOTIFY: a NOTIFY would cost every report a statement
and, in PostgreSQL, a lock that all committing transactions of the database share; a look at an empty queue is
one read of a small partial index.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, F, Min
from django.utils.module_loading import autodiscover_modules

from xiangli.kernel import clock
from xiangli.kernel.canonical import plain
from xiangli.kernel.models import OutboxMessage

POLL: Final = timedelta(seconds=1)
ATTEMPTS: Final = 10  # then a person looks
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(hours=1)
LEASE: Final = timedelta(minutes=1)  # after which a message whose worker was killed is taken up again
LEASE_OF_JOB: Final = timedelta(hours=1)  # a nightly job may take long
LEASE_OF_ERRAND: Final = timedelta(minutes=2)
KEEP_DONE: Final = timedelta(days=7)
_PERIODIC: Final = "periodic:"

Handler = Callable[[OutboxMessage, datetime], object]
BatchHandler = Callable[[Sequence[OutboxMessage], datetime], object]
Work = Callable[[datetime], object]
H = TypeVar("H", bound=Handler)
B = TypeVar("B", bound=BatchHandler)
W = TypeVar("W", bound=Work)

_log = logging.getLogger(__name__)
_handlers: dict[str, Handler] = {}
_batches: dict[str, BatchHandler] = {}
_errands: dict[str, Handler] = {}
_jobs: dict[str, "Job"] = {}


# -- putting in


def put(
    topic: str, payload: Mapping[str, Any], *, now: datetime, available_at: datetime | None = None
) -> OutboxMessage:
    """Write one effect in the caller's transaction (one statement). `payload`: ids and codes only, nothing
    personal.

    It is handled from `available_at` on, at once by default, and never if the transaction fails.
    """
    return put_many([(topic, payload)], now=now, available_at=available_at)[0]


def put_many(
    rows: Iterable[tuple[str, Mapping[str, Any]]], *, now: datetime, available_at: datetime | None = None
) -> list[OutboxMessage]:
    """Write several effects (topic, payload) in one statement."""
    return OutboxMessage.objects.bulk_create(
        [message(topic, payload, now=now, available_at=available_at) for topic, payload in rows]
    )


def message(
    topic: str, payload: Mapping[str, Any], *, now: datetime, available_at: datetime | None = None
) -> OutboxMessage:
    """One effect as a row that the caller writes, together with others (kernel.rows)."""
    return OutboxMessage(
        topic=topic, payload=plain(payload), created_at=now, available_at=available_at or now
    )


# -- registering, in the `tasks` of each module


def handler(topic: str) -> Callable[[H], H]:
    """Register who handles `topic`. The function gets the message and the present moment; its writes are
    committed together with "done". What it does outside the database must bear a second call: a worker may be
    killed between the effect and the commit.
    """

    def register(function: H) -> H:
        if _handlers.setdefault(topic, function) is not function:
            raise ValueError(f"topic {topic!r} has a handler already")
        return function

    return register


def batch_handler(topic: str) -> Callable[[B], B]:
    """As `handler`, for a function that takes many messages at once: what is a few statements a message becomes a few
    for all of them. They are done together or, if that fails, one by one, so that one bad message stops no other.
    """

    def register(function: B) -> B:
        if _batches.setdefault(topic, function) is not function:
            raise ValueError(f"topic {topic!r} has a handler already")
        return function

    return register


def errand(topic: str) -> Callable[[H], H]:
    """As `handler`, for a function that asks the world outside: no transaction is open while it waits for an answer.

    It makes its own, short ones, and must bear a second call: it may write and then fail, and one that was
    killed, or took longer than two minutes, is taken up again.
    """

    def register(function: H) -> H:
        if _errands.setdefault(topic, function) is not function:
            raise ValueError(f"topic {topic!r} has a handler already")
        return function

    return register


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a job runs; with `at`, at that time of day where the people are."""

    every: timedelta
    at: time | None = None

    def first(self, now: datetime) -> datetime:
        """When it runs for the first time: at once, or at the next `at`."""
        return now if self.at is None else _next_at(self.at, now)

    def after(self, now: datetime) -> datetime:
        """When it runs after a run at `now`. Runs missed while nothing was running are not made up for."""
        # an hour's grace: a nightly job that ran a little late still runs the next night
        return (
            now + self.every if self.at is None else _next_at(self.at, now + self.every - timedelta(hours=1))
        )


def _next_at(at: time, now: datetime) -> datetime:
    local = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    moment = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return moment if moment >= local else moment + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """What runs again and again."""

    work: Work
    rhythm: Rhythm


def periodic(name: str, *, every: timedelta, at: time | None = None) -> Callable[[W], W]:
    """Register a job that runs again and again, on one worker at a time; `at` needs an `every` of whole days.

    A job is an outbox row that writes its successor when it is done, so it is retried and seen when stuck
    like any other effect. Unlike a handler it runs outside a transaction and makes its own: it may take long.
    A worker killed in the middle leaves the rest to the next run.
    """
    if at is not None and every % timedelta(days=1):
        raise ValueError("a time of day goes with whole days")

    def register(work: W) -> W:
        job = Job(work, Rhythm(every, at))
        if _jobs.setdefault(f"{_PERIODIC}{name}", job).work is not work:
            raise ValueError(f"job {name!r} is registered twice")
        return work

    return register


def ensure_periodic(now: datetime) -> None:
    """Give every registered job its row, and take away the rows of jobs that are no more."""
    with transaction.atomic():
        with connection.cursor() as cursor:  # two workers starting at once must not start two series
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('xiangli/outbox/periodic', 0))")
        open_jobs = OutboxMessage.objects.filter(topic__startswith=_PERIODIC, done_at=None)
        open_jobs.exclude(topic__in=_jobs).delete()
        there = set(open_jobs.values_list("topic", flat=True))
        for topic, job in _jobs.items():
            if topic not in there:
                put(topic, {}, now=now, available_at=job.rhythm.first(now))


# -- doing


def work_once(now: datetime, limit: int = 50) -> int:
    """Handle up to `limit` messages that are due, and return how many were taken up, done or failed.

    Messages are claimed first, in a short transaction, with a lease: so a message that kills its worker
    counts an attempt each time and ends up stuck instead of killing for ever, and a slow one holds no lock on
    its neighbours. Then each is handled in its own transaction.
    """
    _load_handlers()
    with transaction.atomic():
        due = (
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(done_at=None, stuck_at=None, available_at__lte=now)
            .order_by("available_at", "id")
        )
        messages = list(due[:limit])
        if messages:
            OutboxMessage.objects.filter(pk__in=[message.pk for message in messages]).update(
                attempts=F("attempts") + 1, available_at=now + LEASE
            )
    for message in messages:
        message.attempts += 1
    together = _handle_together(messages, now)
    for message in messages:
        if message.pk in together:
            continue
        try:
            _handle(message, now)
        except (OperationalError, InterfaceError):
            if not connection.is_usable():
                raise  # the database is gone, not the message at fault: the lease brings it back
            _fail(message, now, "OperationalError")
        except Exception as error:  # whatever a handler raises stays with its message
            _fail(message, now, type(error).__qualname__)
    return len(messages)


def _handle_together(messages: Sequence[OutboxMessage], now: datetime) -> set[UUID]:
    """Do what can be done at once, and return the messages that need no more: done, or taken from this worker."""
    finished: set[UUID] = set()
    for topic, function in _batches.items():
        # What failed before is tried alone: it may be what made a batch fail.
        batch = {m.pk: m for m in messages if m.topic == topic and m.attempts == 1}
        if len(batch) < 2:
            continue
        try:
            with transaction.atomic():
                mine = OutboxMessage.objects.filter(pk__in=batch, done_at=None, attempts=1)
                held = list(mine.select_for_update().order_by("pk").values_list("pk", flat=True))
                OutboxMessage.objects.filter(pk__in=held).update(done_at=now, last_error="")
                function([batch[pk] for pk in held], now)
        except Exception as error:  # then one by one, where each failure finds its message
            if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
                raise
            continue
        finished.update(batch)
    return finished


def _handle(message: OutboxMessage, now: datetime) -> None:
    if message.attempts > ATTEMPTS:
        raise WorkerEndedError
    mine = OutboxMessage.objects.filter(pk=message.pk, done_at=None, attempts=message.attempts)
    if job := _jobs.get(message.topic):
        if mine.update(available_at=now + LEASE_OF_JOB):
            job.work(now)
            with transaction.atomic():
                if mine.update(done_at=now, last_error=""):
                    put(message.topic, {}, now=now, available_at=job.rhythm.after(now))
    elif errand := _errands.get(message.topic):
        if mine.update(available_at=now + LEASE_OF_ERRAND):
            errand(message, now)
            mine.update(done_at=now, last_error="")
    elif function := _handlers.get(message.topic):
        with transaction.atomic():
            # Marked first: this is the lock, and whoever waits for it finds the message done.
            if mine.update(done_at=now, last_error=""):
                function(message, now)
    elif many := _batches.get(message.topic):
        with transaction.atomic():
            if mine.update(done_at=now, last_error=""):
                many([message], now)
    else:
        raise UnknownTopicError


def _fail(message: OutboxMessage, now: datetime, error: str) -> None:
    gave_up = message.attempts >= ATTEMPTS
    OutboxMessage.objects.filter(pk=message.pk, done_at=None, attempts=message.attempts).update(
        last_error=error[:300],  # the class alone: an error's words may hold what a resident wrote
        available_at=now + delay(message.attempts, random.random()),  # noqa: S311  # spreading load is no secret
        stuck_at=now if gave_up else None,
    )
    _log.log(
        logging.ERROR if gave_up else logging.WARNING,
        "outbox: %s %s failed, attempt %d: %s",
        message.topic,
        message.pk,
        message.attempts,
        error,
    )


def delay(attempts: int, chance: float) -> timedelta:
    """How long to wait after the `attempts`-th failure: doubling from 5 seconds to an hour, less up to a
    fifth by `chance` (0 to 1), so that what failed together does not come back together.
    """
    longest = min(FIRST_DELAY * (1 << min(attempts - 1, 20)), LONGEST_DELAY)
    return longest * (1 - chance / 5)


class WorkerEndedError(Exception):
    """The worker was killed each time it handled this message."""


class UnknownTopicError(Exception):
    """No handler is registered for the topic."""


def run_worker(stop: threading.Event) -> None:
    """Handle messages until `stop` is set; returns after the message at hand. Waits out a database that is
    away.
    """
    _load_handlers()
    ready = False
    while not stop.is_set():
        try:
            if not ready:
                ensure_periodic(clock.now())
                ready = True
            if not work_once(clock.now()):
                stop.wait(POLL.total_seconds())
        except (OperationalError, InterfaceError) as error:
            _log.warning("outbox: the database is away (%s)", type(error).__qualname__)
            connection.close()
            stop.wait(5)


@cache
def _load_handlers() -> None:
    autodiscover_modules("tasks")


# -- seeing


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that are due and not done: how many, and since when the oldest (None: nothing waits)."""

    count: int
    oldest: datetime | None


def waiting(now: datetime) -> Waiting:
    """What is due. A worker that lives keeps `oldest` within seconds."""
    found = OutboxMessage.objects.filter(done_at=None, stuck_at=None, available_at__lte=now).aggregate(
        count=Count("pk"), oldest=Min("available_at")
    )
    return Waiting(found["count"], found["oldest"])


def stuck(limit: int = 100) -> list[OutboxMessage]:
    """Messages that were given up, the oldest first."""
    return list(
        OutboxMessage.objects.filter(stuck_at__isnull=False, done_at=None).order_by("stuck_at")[:limit]
    )


def count_stuck() -> int:
    """How many messages were given up."""
    return OutboxMessage.objects.filter(stuck_at__isnull=False, done_at=None).count()


def retry(message_id: UUID, *, now: datetime) -> bool:
    """Let a stuck message try again, with all its attempts. False: it is not stuck (any more)."""
    found = OutboxMessage.objects.filter(pk=message_id, stuck_at__isnull=False, done_at=None)
    return bool(found.update(stuck_at=None, attempts=0, available_at=now))


def forget_done(now: datetime) -> int:
    """Delete what was done more than a week ago; returns how many."""
    return OutboxMessage.objects.filter(done_at__lt=now - KEEP_DONE).delete()[0]
