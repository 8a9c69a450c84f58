import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from urllib.parse import quote
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from xiangli.kernel import clock, rows, timers
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due, ThrottleCount
from xiangli.kernel.outbox import ATTEMPTS, Waiting
from xiangli.kernel.timers import AGAIN, CHANNEL, LONGEST_SLEEP, cancel, due, fire_once, set_due, set_many

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers that a test registers are its own."""
    timers._load_handlers()
    monkeypatch.setattr(timers, "_handlers", {})


class Fired:
    """What the handler of "test.fire" was called with. It counts each firing in a row of the database, too."""

    def __init__(self) -> None:
        self.calls: list[list[UUID]] = []
        self.busy: set[UUID] = set()
        self.bad: set[UUID] = set()

    def fire(self, subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        self.calls.append(list(subjects))
        for subject in self.all_but_busy(subjects):
            write_down(subject, now)
        if self.bad & set(subjects):
            raise ValueError("王小明 13800000000")
        return self.busy

    def all_but_busy(self, subjects: Sequence[UUID]) -> list[UUID]:
        return [subject for subject in subjects if subject not in self.busy]


def write_down(subject: UUID, now: datetime) -> None:
    count, made = ThrottleCount.objects.get_or_create(key=str(subject), defaults={"since": now, "count": 1})
    if not made:
        ThrottleCount.objects.filter(pk=count.pk).update(count=F("count") + 1)


def written() -> dict[UUID, int]:
    """How often each subject's firing stands in the database."""
    return {UUID(key): count for key, count in ThrottleCount.objects.values_list("key", "count")}


@pytest.fixture
def fired() -> Fired:
    made = Fired()
    timers.handler("test.fire")(made.fire)
    return made


def put(number: int, at: datetime = NOW) -> list[UUID]:
    """So many moments, a millisecond apart; the subjects in their order."""
    subjects = [new_id() for _ in range(number)]
    Due.objects.bulk_create(
        due("test.fire", subject, at + timedelta(milliseconds=n)) for n, subject in enumerate(subjects)
    )
    return subjects


def only() -> Due:
    return Due.objects.get()


# -- setting


@pytest.mark.django_db
def test_a_moment_is_set_and_moved_in_one_statement_and_leaves_with_its_transaction() -> None:
    subject = new_id()
    for at in (NOW, NOW + SECOND, NOW - SECOND):
        with CaptureQueriesContext(connection) as queries:
            set_due("test.fire", subject, at)
        assert len(queries) == 1
        assert (only().kind, only().subject, only().at) == ("test.fire", subject, at)
    set_due("test.other", subject, NOW)
    assert Due.objects.count() == 2
    with transaction.atomic():
        cancel("test.other", subject)
        transaction.set_rollback(True)
    assert Due.objects.count() == 2
    with CaptureQueriesContext(connection) as queries:
        cancel("test.other", subject)
    assert len(queries) == 1
    assert only().kind == "test.fire"


@pytest.mark.django_db
def test_many_moments_are_one_statement_and_those_that_end_another() -> None:
    stays, moves, goes, comes = (new_id() for _ in range(4))
    set_many("test.fire", {stays: NOW, moves: NOW, goes: NOW})
    with CaptureQueriesContext(connection) as queries:
        set_many("test.fire", {moves: NOW + SECOND, goes: None, comes: NOW + 2 * SECOND})
    assert len(queries) == 2
    assert dict(Due.objects.values_list("subject", "at")) == {
        stays: NOW,
        moves: NOW + SECOND,
        comes: NOW + 2 * SECOND,
    }
    with CaptureQueriesContext(connection) as queries:
        set_many("test.fire", {})
    assert len(queries) == 0


@pytest.mark.django_db
def test_a_moment_travels_with_the_other_rows_of_what_is_born() -> None:
    rows.insert([ThrottleCount(key="k", since=NOW, count=1), due("test.fire", UUID(int=7), NOW)])
    assert (only().subject, only().at, only().attempts) == (UUID(int=7), NOW, 0)


@pytest.mark.django_db
def test_a_stuck_moment_that_is_set_again_has_all_its_attempts() -> None:
    set_due("test.fire", UUID(int=1), NOW)
    Due.objects.update(attempts=ATTEMPTS, last_error="ValueError", stuck_at=NOW)
    set_due("test.fire", UUID(int=1), NOW + SECOND)
    row = only()
    assert (row.at, row.attempts, row.last_error, row.stuck_at) == (NOW + SECOND, 0, "", None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ahead", "wakes"),
    [(-SECOND, True), (SECOND, True), (LONGEST_SLEEP, False), (timedelta(minutes=10), False)],
)
def test_only_a_near_moment_wakes_a_worker(ahead: timedelta, *, wakes: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    with clock.set_to(NOW):
        set_many("test.fire", {new_id(): NOW + timedelta(days=1), new_id(): NOW + ahead})
        rows.insert([due("test.fire", new_id(), NOW + ahead)])  # never does
        cancel("test.fire", new_id())
    heard = list(connection.connection.notifies(timeout=0.2))
    assert len(heard) == wakes
    with connection.cursor() as cursor:
        cursor.execute(f"UNLISTEN {CHANNEL}")


def test_a_kind_has_one_handler(fired: Fired) -> None:
    with pytest.raises(ValueError, match="already"):
        timers.handler("test.fire")(lambda subjects, now: ())


# -- firing


@pytest.mark.django_db
def test_what_has_come_fires_once_in_the_order_of_its_moments_and_goes(fired: Fired) -> None:
    later, *soon = put(1, NOW + SECOND) + put(3)
    assert fire_once(NOW - timedelta(microseconds=1)) == 0
    assert fire_once(NOW + SECOND / 2) == 3
    assert fired.calls == [soon]
    assert fire_once(NOW + SECOND / 2) == 0
    assert only().subject == later
    assert fire_once(NOW + SECOND) == 1
    assert fired.calls == [soon, [later]]
    assert not Due.objects.exists()


@pytest.mark.django_db
def test_the_limit_of_a_batch_holds(fired: Fired) -> None:
    subjects = put(5)
    assert [fire_once(NOW + SECOND, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert fired.calls == [subjects[:2], subjects[2:4], subjects[4:]]


@pytest.mark.django_db
def test_a_batch_costs_the_same_statements_whatever_its_size() -> None:
    timers.handler("test.fire")(lambda subjects, now: ())

    def statements(number: int) -> int:
        put(number)
        with CaptureQueriesContext(connection) as queries:
            fire_once(NOW + SECOND)
        return len(queries)

    assert statements(1) == statements(300)


@pytest.mark.django_db
def test_each_kind_has_its_own_handler_and_does_not_hold_up_the_others(fired: Fired) -> None:
    others: list[UUID] = []

    @timers.handler("test.other")
    def other(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        others.extend(subjects)
        return ()

    mine, theirs, lost = put(2), new_id(), new_id()
    fired.bad = {mine[0]}
    set_due("test.other", theirs, NOW)
    set_due("test.unknown", lost, NOW)
    assert fire_once(NOW + SECOND) == 4
    assert others == [theirs]
    assert dict(Due.objects.values_list("subject", "last_error")) == {
        mine[0]: "ValueError",
        lost: "UnknownTimerError",
    }


@pytest.mark.django_db
def test_a_moment_that_the_handler_moves_stays() -> None:
    stays, goes, ends, again = put(4)

    @timers.handler("test.fire")
    def fire(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        for subject in subjects:
            write_down(subject, now)
        set_due("test.fire", goes, only_at[goes])  # the moment that it has
        if stays in subjects:
            set_due("test.fire", stays, NOW + timedelta(hours=1))
            cancel("test.fire", ends)
            set_due("test.fire", again, NOW - SECOND)  # a second limit, which has passed as well
        return ()

    only_at = dict(Due.objects.values_list("subject", "at"))
    assert fire_once(NOW + SECOND) == 4
    assert dict(Due.objects.values_list("subject", "at")) == {
        stays: NOW + timedelta(hours=1),
        again: NOW - SECOND,
    }


@pytest.mark.django_db
def test_what_the_handler_could_not_lock_stays_and_burns_no_attempt(fired: Fired) -> None:
    busy, free = put(2)
    fired.busy = {busy, new_id()}
    assert fire_once(NOW + SECOND) == 1
    assert (only().subject, only().at, only().attempts) == (busy, NOW, 0)
    assert fire_once(NOW + SECOND) == 0
    fired.busy = set()
    assert fire_once(NOW + SECOND) == 1
    assert written() == {free: 1, busy: 1}


# -- failing


@pytest.mark.django_db
def test_one_bad_subject_stops_no_other_and_what_it_wrote_is_undone(fired: Fired) -> None:
    subjects = put(100)
    fired.bad = {subjects[17]}
    assert fire_once(NOW + SECOND) == 100
    assert written() == {subject: 1 for subject in subjects if subject != subjects[17]}
    assert len(fired.calls) <= 16  # not a call for each
    row = only()
    assert (row.subject, row.attempts, row.last_error) == (subjects[17], 1, "ValueError")
    assert NOW + 5 * SECOND <= row.at <= NOW + 6 * SECOND
    fired.bad = set()
    assert fire_once(NOW + 6 * SECOND) == 1
    assert written() == dict.fromkeys(subjects, 1)
    assert not Due.objects.exists()


@pytest.mark.django_db
def test_all_bad_subjects_fail_each_by_itself(fired: Fired) -> None:
    fired.bad = set(put(9))
    assert fire_once(NOW + SECOND) == 9
    assert written() == {}
    assert set(Due.objects.values_list("attempts", "last_error")) == {(1, "ValueError")}


@pytest.mark.django_db
def test_only_the_class_of_an_error_is_kept(fired: Fired, caplog: pytest.LogCaptureFixture) -> None:
    fired.bad = set(put(1))
    fire_once(NOW)
    assert only().last_error == "ValueError"
    assert "ValueError" in caplog.text
    assert "13800000000" not in caplog.text


@pytest.mark.django_db
def test_after_ten_failures_a_person_looks(fired: Fired) -> None:
    fired.bad = set(put(1))
    now = NOW
    for attempt in range(ATTEMPTS):
        assert timers.stuck() == []
        assert fire_once(now) == 1
        assert only().attempts == attempt + 1
        assert fire_once(now) == 0
        now += timedelta(hours=1, seconds=1)
    assert fire_once(now) == 0
    [row] = timers.stuck()
    assert timers.waiting(now) == Waiting(0, None)
    assert timers.retry(row.pk, now=now)
    assert not timers.retry(row.pk, now=now)
    assert timers.waiting(now) == Waiting(1, now)
    fired.bad = set()
    assert fire_once(now) == 1
    assert timers.stuck() == []
    assert written() == {row.subject: 1}


@pytest.mark.django_db
def test_a_statement_that_fails_is_the_subjects_and_not_the_databases() -> None:
    """A lock timeout or a deadlock is an OperationalError too, on a connection that stands."""

    @timers.handler("test.fire")
    def fire(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE lock_not_available; END $$")
        return ()

    put(2)
    assert fire_once(NOW + SECOND) == 2
    assert set(Due.objects.values_list("last_error", flat=True)) == {"OperationalError"}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_leaves_everything_as_it_was(fired: Fired) -> None:
    subjects = put(3)

    @timers.handler("test.gone")
    def gone(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return ()

    set_due("test.gone", new_id(), NOW + SECOND)
    with pytest.raises(OperationalError):
        fire_once(NOW + SECOND)
    connection.close()
    assert written() == {}
    assert set(Due.objects.values_list("attempts", flat=True)) == {0}
    Due.objects.filter(kind="test.gone").delete()
    assert fire_once(NOW + SECOND) == 3
    assert written() == dict.fromkeys(subjects, 1)


# -- the wall clock


@pytest.mark.django_db
def test_a_clock_set_back_an_hour_fires_nothing_twice(fired: Fired) -> None:
    subjects, later = put(3), put(1, NOW + timedelta(minutes=30))
    assert fire_once(NOW + SECOND) == 3
    assert fire_once(NOW + SECOND - timedelta(hours=1)) == 0
    assert fire_once(NOW + SECOND) == 0
    assert fire_once(NOW + timedelta(minutes=30)) == 1
    assert written() == dict.fromkeys(subjects + later, 1)


@pytest.mark.django_db
def test_a_clock_set_forward_a_day_fires_everything_once_in_batches(fired: Fired) -> None:
    subjects = [subject for hour in range(24) for subject in put(10, NOW + timedelta(hours=hour))]
    now = NOW + timedelta(days=1)
    assert [fire_once(now, limit=100) for _ in range(4)] == [100, 100, 40, 0]
    assert fire_once(NOW) == 0  # and set right again
    assert [subject for call in fired.calls for subject in call] == subjects
    assert written() == dict.fromkeys(subjects, 1)


# -- several workers


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_fire_each_moment_once(fired: Fired) -> None:
    subjects = put(300)
    errors: list[Exception] = []

    def work() -> None:
        try:
            while fire_once(NOW + SECOND, limit=7):
                pass
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert written() == dict.fromkeys(subjects, 1)
    assert not Due.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_moved_while_it_is_claimed_fires_at_its_new_moment(fired: Fired) -> None:
    """Whoever holds the lock on the subject moves its moment; the worker finds the subject locked."""
    [subject] = put(1)
    fired.busy = {subject}
    claimed, moved = threading.Event(), threading.Event()
    fire = fired.fire

    def wait(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
        claimed.set()
        assert not moved.wait(0.3)  # it stands before our lock
        return fire(subjects, now)

    timers._handlers["test.fire"] = wait

    def move() -> None:
        try:
            assert claimed.wait(10)
            set_due("test.fire", subject, NOW + timedelta(hours=1))
            moved.set()
        finally:
            connections.close_all()

    thread = threading.Thread(target=move)
    thread.start()
    assert fire_once(NOW) == 0
    thread.join()
    assert moved.is_set()
    assert only().at == NOW + timedelta(hours=1)


_VICTIM = """
import sys, time
import django
django.setup()
from datetime import datetime
from xiangli.kernel import timers
from xiangli.kernel.tests.test_timers import write_down
timers._load_handlers()
calls = 0

@timers.handler("test.fire")
def fire(subjects, now):
    global calls
    calls += 1
    for subject in subjects:
        write_down(subject, now)
    print(len(subjects), flush=True)
    if calls == 3:
        time.sleep(60)
    return ()

while timers.fire_once(datetime.fromisoformat(sys.argv[1]), limit=10):
    pass
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_the_middle_loses_and_doubles_nothing(fired: Fired) -> None:
    subjects = put(60)
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    secret = f":{quote(str(database['PASSWORD']), safe='')}" if database["PASSWORD"] else ""
    url = f"postgresql://{database['USER']}{secret}@/{database['NAME']}?host={host}{port}"
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, (NOW + SECOND).isoformat()],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "xiangli.config.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    try:
        said = [victim.stdout.readline().strip() for _ in range(3)]
        assert said == ["10", "10", "10"]  # two batches are done, the third is written and not yet committed
        assert fire_once(NOW + SECOND, limit=5) == 5  # another worker goes on beside it
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
    _until(lambda: fire_once(NOW + SECOND) > 0 and not Due.objects.exists())
    assert written() == dict.fromkeys(subjects, 1)


# -- the loop


@pytest.fixture
def worker() -> Iterator[Callable[[], threading.Event]]:
    """Starts loops; each ends with the test."""
    running: list[tuple[threading.Thread, threading.Event]] = []

    def start() -> threading.Event:
        stop = threading.Event()

        def run() -> None:
            try:
                timers.run_timers(stop)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        running.append((thread, stop))
        return stop

    yield start
    for _thread, stop in running:
        stop.set()
    for thread, _stop in running:
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def short_sleep(monkeypatch: pytest.MonkeyPatch) -> float:
    """The longest sleep of the loops of this test, in seconds."""
    monkeypatch.setattr(timers, "LONGEST_SLEEP", 2 * SECOND)
    return 2


def _until(true: Callable[[], bool], seconds: float = 20) -> float:
    """Wait for something to be so, and return how many seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def _sleepers() -> int:
    """How many workers sleep on their connection, with nothing under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
            " AND query LIKE 'SELECT (SELECT at FROM kernel_due%'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_near_moment_wakes_a_sleeping_worker(fired: Fired, worker: Callable[[], threading.Event]) -> None:
    worker()
    _until(lambda: _sleepers() == 1)
    set_due("test.fire", UUID(int=1), clock.now())
    assert _until(lambda: len(fired.calls) == 1) < 2
    set_due("test.fire", UUID(int=2), clock.now() + SECOND)
    assert 0.9 < _until(lambda: len(fired.calls) == 2) < 3


@pytest.mark.django_db(transaction=True)
def test_a_worker_sleeps_until_the_next_moment(fired: Fired, worker: Callable[[], threading.Event]) -> None:
    at = clock.now() + 1.5 * SECOND
    put(1, at)
    worker()
    _until(lambda: bool(written()))
    late = clock.now() - at
    assert timedelta(0) <= late < SECOND
    assert written() == {fired.calls[0][0]: 1}


@pytest.mark.django_db(transaction=True)
def test_nobody_is_told_of_a_row_that_was_born_near_and_it_fires_all_the_same(
    fired: Fired, worker: Callable[[], threading.Event], short_sleep: float
) -> None:
    worker()
    _until(lambda: _sleepers() == 1)
    rows.insert([due("test.fire", new_id(), clock.now())])
    assert _until(lambda: bool(fired.calls)) < short_sleep + 1


@pytest.mark.django_db(transaction=True)
def test_what_was_locked_is_looked_at_again_in_a_second_and_holds_up_nothing(
    fired: Fired, worker: Callable[[], threading.Event]
) -> None:
    busy = put(1, clock.now())[0]
    fired.busy = {busy}
    worker()
    _until(lambda: bool(fired.calls))
    free = put(1, clock.now())[0]
    set_due("test.fire", free, clock.now())
    assert _until(lambda: free in written()) < 1
    time.sleep(2.2)
    assert 2 <= sum(busy in call for call in fired.calls) <= 4  # once a second, not as fast as it can
    assert only().attempts == 0
    fired.busy = set()
    assert _until(lambda: busy in written()) < 2 * AGAIN.total_seconds()


@pytest.mark.django_db(transaction=True)
def test_the_loop_outlives_a_lost_connection_and_listens_again(
    fired: Fired, worker: Callable[[], threading.Event], short_sleep: float
) -> None:
    worker()
    _until(lambda: _sleepers() == 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE 'SELECT (SELECT at FROM kernel_due%'"
        )
    put(1, clock.now())
    _until(lambda: len(fired.calls) == 1)
    _until(lambda: _sleepers() == 1)
    set_due("test.fire", new_id(), clock.now())
    assert _until(lambda: len(fired.calls) == 2) < 2


@pytest.mark.django_db(transaction=True)
def test_two_loops_side_by_side_and_one_that_is_told_to_stop(
    fired: Fired, worker: Callable[[], threading.Event]
) -> None:
    first, _second = worker(), worker()
    subjects: list[UUID] = []
    for turn in range(20):
        subjects += put(25, clock.now())
        set_due("test.fire", subjects[-1], clock.now())
        if turn == 10:
            first.set()
        time.sleep(0.05)
    _until(lambda: not Due.objects.exists())
    assert written() == dict.fromkeys(subjects, 1)


@pytest.mark.django_db(transaction=True)
def test_a_sleeping_loop_stops_within_a_second(fired: Fired) -> None:
    stop = threading.Event()

    def run() -> None:
        timers.run_timers(stop)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    _until(lambda: _sleepers() == 1)
    stop.set()
    thread.join(timeout=1)
    assert not thread.is_alive()


# -- seeing


@pytest.mark.django_db
def test_waiting_counts_what_has_come_and_names_the_oldest(fired: Fired) -> None:
    assert timers.waiting(NOW) == Waiting(0, None)
    put(3)
    put(1, NOW + timedelta(hours=1))
    assert timers.waiting(NOW + SECOND) == Waiting(3, NOW)
    fire_once(NOW + SECOND)
    assert timers.waiting(NOW + SECOND) == Waiting(0, None)


@pytest.mark.django_db
def test_the_command_shows_what_is_stuck_and_lets_it_try_again() -> None:
    set_due("test.fire", UUID(int=5), NOW)
    Due.objects.update(stuck_at=NOW, attempts=ATTEMPTS, last_error="ValueError")
    row, out = only(), StringIO()
    call_command("timers", stdout=out)
    assert f"{row.pk}  test.fire  {UUID(int=5)}  ValueError  2026-11-20 16:00:00" in out.getvalue()
    call_command("timers", "--retry", stdout=StringIO())
    assert (only().stuck_at, only().attempts) == (None, 0)
    with pytest.raises(CommandError, match=str(row.pk)):
        call_command("timers", "--retry", str(row.pk), stdout=StringIO())
