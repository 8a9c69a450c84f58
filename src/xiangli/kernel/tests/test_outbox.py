import threading
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel import outbox, tasks
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import OutboxMessage, ThrottleCount
from xiangli.kernel.outbox import ATTEMPTS, LEASE, Rhythm, delay, put, put_many, work_once

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers that a test registers are its own."""
    outbox._load_handlers()
    monkeypatch.setattr(outbox, "_handlers", dict(outbox._handlers))
    monkeypatch.setattr(outbox, "_batches", dict(outbox._batches))
    monkeypatch.setattr(outbox, "_errands", dict(outbox._errands))
    monkeypatch.setattr(outbox, "_jobs", {})


@pytest.fixture
def told() -> list[Any]:
    """What the handler of "test.tell" was given, in order. A message with "fail" fails after it wrote a
    row.
    """
    seen: list[Any] = []

    @outbox.handler("test.tell")
    def tell(message: OutboxMessage, now: datetime) -> None:
        seen.append(message.payload["n"])
        ThrottleCount.objects.create(key=str(message.pk), since=now, count=1)
        if message.payload.get("fail"):
            raise ValueError("王小明 13800000000")

    return seen


def only() -> OutboxMessage:
    return OutboxMessage.objects.get()


# -- putting in


@pytest.mark.django_db
def test_put_is_one_statement_and_leaves_with_its_transaction() -> None:
    matter = new_id()
    with CaptureQueriesContext(connection) as queries:
        put("test.tell", {"matter": matter}, now=NOW)
    assert len(queries) == 1
    assert (only().payload, only().available_at) == ({"matter": str(matter)}, NOW)
    with transaction.atomic():
        put("test.tell", {}, now=NOW)
        transaction.set_rollback(True)
    assert OutboxMessage.objects.count() == 1


@pytest.mark.django_db
def test_several_effects_are_one_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        put_many([("test.tell", {"n": 1}), ("test.other", {"n": 2})], now=NOW, available_at=NOW + SECOND)
    assert len(queries) == 1
    assert list(OutboxMessage.objects.order_by("topic").values_list("topic", "available_at")) == [
        ("test.other", NOW + SECOND),
        ("test.tell", NOW + SECOND),
    ]


def test_a_topic_has_one_handler(told: list[Any]) -> None:
    with pytest.raises(ValueError, match="already"):
        outbox.handler("test.tell")(lambda message, now: None)


# -- doing


@pytest.mark.django_db
def test_what_is_due_is_handled_once_and_in_order(told: list[Any]) -> None:
    put("test.tell", {"n": 3}, now=NOW, available_at=NOW + SECOND)
    put_many([("test.tell", {"n": 1}), ("test.tell", {"n": 2})], now=NOW)
    assert work_once(NOW) == 2
    assert told == [1, 2]
    assert work_once(NOW) == 0
    assert work_once(NOW + SECOND) == 1
    assert told == [1, 2, 3]
    assert not OutboxMessage.objects.filter(done_at=None).exists()


@pytest.mark.django_db
def test_the_limit_of_a_batch_holds(told: list[Any]) -> None:
    put_many([("test.tell", {"n": n}) for n in range(5)], now=NOW)
    assert [work_once(NOW, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert told == [0, 1, 2, 3, 4]


@pytest.mark.django_db
def test_a_failure_undoes_what_the_handler_wrote_and_comes_back_later(told: list[Any]) -> None:
    put("test.tell", {"n": 1, "fail": True}, now=NOW)
    put("test.tell", {"n": 2}, now=NOW)
    assert work_once(NOW) == 2
    assert told == [1, 2]  # the neighbour is not held up
    failed = OutboxMessage.objects.get(payload__n=1)
    assert failed.done_at is None
    assert failed.attempts == 1
    assert NOW + 4 * SECOND <= failed.available_at <= NOW + 5 * SECOND
    assert ThrottleCount.objects.count() == 1  # of the other
    assert work_once(NOW) == 0
    OutboxMessage.objects.filter(pk=failed.pk).update(payload={"n": 1})
    assert work_once(NOW + 6 * SECOND) == 1
    failed.refresh_from_db()
    assert failed.done_at == NOW + 6 * SECOND
    assert failed.last_error == ""


@pytest.mark.django_db
def test_only_the_class_of_an_error_is_kept(told: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    put("test.tell", {"n": 1, "fail": True}, now=NOW)
    work_once(NOW)
    assert only().last_error == "ValueError"
    assert "ValueError" in caplog.text
    assert "13800000000" not in caplog.text


@pytest.mark.django_db
def test_after_ten_failures_a_person_looks(told: list[Any]) -> None:
    message = put("test.tell", {"n": 1, "fail": True}, now=NOW)
    now = NOW
    for _ in range(ATTEMPTS):
        assert outbox.stuck() == []
        assert work_once(now) == 1
        now += timedelta(hours=1, seconds=1)
    assert work_once(now) == 0
    assert [found.pk for found in outbox.stuck()] == [message.pk]
    assert outbox.waiting(now).count == 0
    assert outbox.retry(message.pk, now=now)
    assert not outbox.retry(message.pk, now=now)
    assert outbox.waiting(now) == outbox.Waiting(1, now)
    OutboxMessage.objects.update(payload={"n": 9})
    assert work_once(now) == 1
    assert told == [1] * ATTEMPTS + [9]
    assert outbox.stuck() == []


@pytest.mark.django_db
def test_a_topic_that_nobody_handles_is_seen() -> None:
    put("test.unknown", {}, now=NOW)
    work_once(NOW)
    assert only().last_error == "UnknownTopicError"


@pytest.mark.django_db
def test_a_message_that_kills_its_worker_ends_up_stuck() -> None:
    @outbox.handler("test.kill")
    def kill(message: OutboxMessage, now: datetime) -> None:
        raise SystemExit  # past every `except Exception`, as a kill is

    put("test.kill", {}, now=NOW)
    now = NOW
    for _ in range(ATTEMPTS):
        with pytest.raises(SystemExit):
            work_once(now)
        assert work_once(now + LEASE - SECOND) == 0  # nobody takes it up before the lease is over
        now += LEASE
    assert work_once(now) == 1
    assert (only().last_error, only().stuck_at) == ("WorkerEndedError", now)


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_handle_each_message_once() -> None:
    seen: list[int] = []

    @outbox.handler("test.count")
    def count(message: OutboxMessage, now: datetime) -> None:
        seen.append(message.payload["n"])

    put_many([("test.count", {"n": n}) for n in range(200)], now=NOW)
    errors: list[Exception] = []

    def work() -> None:
        try:
            while work_once(NOW, limit=7):
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
    assert sorted(seen) == list(range(200))
    assert OutboxMessage.objects.filter(done_at=NOW).count() == 200


@pytest.mark.django_db(transaction=True)
def test_a_slow_worker_whose_lease_ended_does_not_do_it_again() -> None:
    """It claimed the message, slept over the lease, and finds that another has done it."""
    message = put("test.tell", {"n": 1}, now=NOW)
    seen: list[int] = []
    outbox.handler("test.tell")(lambda handled, now: seen.append(handled.attempts))
    slow = only()
    OutboxMessage.objects.filter(pk=message.pk).update(attempts=1, available_at=NOW + LEASE)
    slow.attempts = 1
    assert work_once(NOW + LEASE) == 1
    outbox._handle(slow, NOW + LEASE)
    outbox._fail(slow, NOW + LEASE, "TooLate")
    assert seen == [2]
    assert only().done_at == NOW + LEASE


@pytest.mark.django_db(transaction=True)
def test_the_worker_stops_when_told_and_outlives_a_lost_connection(told: list[Any]) -> None:
    stop = threading.Event()

    def run() -> None:
        outbox.run_worker(stop)
        connections.close_all()

    thread = threading.Thread(target=run)
    started = datetime.now(UTC)
    put("test.tell", {"n": 1}, now=started)
    thread.start()
    while not told:
        assert not stop.wait(0.01)
        assert datetime.now(UTC) - started < timedelta(seconds=20)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
    put("test.tell", {"n": 2}, now=datetime.now(UTC))
    while told != [1, 2]:
        assert not stop.wait(0.01)
        assert datetime.now(UTC) - started < timedelta(seconds=20)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


@given(st.integers(1, 100), st.floats(0, 1))
def test_delays_grow_to_an_hour_and_never_shrink_by_more_than_a_fifth(attempts: int, chance: float) -> None:
    full = delay(attempts, 0)
    assert timedelta(seconds=5) <= full <= timedelta(hours=1)
    assert full * 0.79 <= delay(attempts, chance) <= full
    assert delay(attempts + 1, 0) >= full


# -- jobs that come again


@pytest.mark.django_db
def test_a_job_writes_its_successor_and_starts_once() -> None:
    runs: list[datetime] = []
    outbox.periodic("count", every=timedelta(minutes=5))(runs.append)
    outbox.ensure_periodic(NOW)
    outbox.ensure_periodic(NOW)  # a second worker
    assert work_once(NOW) == 1
    outbox.ensure_periodic(NOW)
    assert work_once(NOW + timedelta(minutes=4)) == 0
    assert work_once(NOW + timedelta(minutes=5)) == 1
    assert runs == [NOW, NOW + timedelta(minutes=5)]
    assert OutboxMessage.objects.filter(done_at=None).count() == 1


@pytest.mark.django_db
def test_a_job_that_fails_comes_back_and_starts_no_second_series() -> None:
    @outbox.periodic("fails", every=timedelta(days=1))
    def fails(now: datetime) -> None:
        raise ValueError

    outbox.ensure_periodic(NOW)
    work_once(NOW)
    outbox.ensure_periodic(NOW)
    assert (only().last_error, only().done_at) == ("ValueError", None)


@pytest.mark.django_db
def test_a_job_that_is_no_more_leaves_no_row() -> None:
    put("periodic:old", {}, now=NOW)
    put("test.tell", {}, now=NOW)
    outbox.ensure_periodic(NOW)
    assert only().topic == "test.tell"


@pytest.mark.django_db(transaction=True)
def test_a_job_makes_its_own_transactions() -> None:
    outside: list[bool] = []

    @outbox.periodic("long", every=timedelta(days=1))
    def long(now: datetime) -> None:
        outside.append(not connection.in_atomic_block)
        assert work_once(now + LEASE) == 0  # no other worker takes it up meanwhile

    outbox.ensure_periodic(NOW)
    assert work_once(NOW) == 1
    assert outside == [True]
    assert outbox.waiting(NOW + timedelta(days=1)).count == 1


def test_a_job_has_one_name() -> None:
    outbox.periodic("same", every=timedelta(days=1))(lambda now: None)
    with pytest.raises(ValueError, match="twice"):
        outbox.periodic("same", every=timedelta(days=1))(lambda now: None)


def test_a_time_of_day_goes_with_whole_days() -> None:
    with pytest.raises(ValueError, match="whole days"):
        outbox.periodic("odd", every=timedelta(hours=5), at=time(3))


@given(st.timedeltas(timedelta(0), timedelta(days=800)), st.integers(1, 7))
def test_a_nightly_job_runs_at_its_hour_where_people_are(passed: timedelta, days: int) -> None:
    now = NOW + passed
    nightly = Rhythm(timedelta(days=days), time(3, 20))
    first = nightly.first(now)
    assert timedelta(0) <= first - now < timedelta(days=1)
    assert first.astimezone(UTC).timetz() == time(19, 20, tzinfo=UTC)  # 03:20 in Shanghai
    assert nightly.after(first + timedelta(minutes=30)) == first + timedelta(days=days)


# -- seeing and forgetting


@pytest.mark.django_db
def test_waiting_counts_what_is_due_and_names_the_oldest(told: list[Any]) -> None:
    assert outbox.waiting(NOW) == outbox.Waiting(0, None)
    put("test.tell", {"n": 1}, now=NOW)
    put("test.tell", {"n": 2}, now=NOW, available_at=NOW + timedelta(hours=1))
    assert outbox.waiting(NOW + SECOND) == outbox.Waiting(1, NOW)
    work_once(NOW + SECOND)
    assert outbox.waiting(NOW + SECOND).count == 0


@pytest.mark.django_db
def test_what_was_done_is_forgotten_after_a_week(told: list[Any]) -> None:
    put("test.tell", {"n": 1}, now=NOW)
    put("test.tell", {"n": 2, "fail": True}, now=NOW)
    work_once(NOW)
    assert outbox.forget_done(NOW + timedelta(days=7)) == 0
    assert outbox.forget_done(NOW + timedelta(days=7, seconds=1)) == 1
    assert only().payload["n"] == 2  # what is not done is never forgotten


@pytest.mark.django_db
def test_the_kernels_own_jobs_clean_up_at_night() -> None:
    night = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)  # 03:30 in Shanghai
    ThrottleCount.objects.create(key="old", since=night - timedelta(days=3), count=9)
    ThrottleCount.objects.create(key="new", since=night - timedelta(hours=1), count=9)
    OutboxMessage.objects.create(
        topic="t", created_at=NOW, available_at=NOW, done_at=night - timedelta(days=8)
    )
    assert tasks.forget_old_rows(night) == 2
    assert list(ThrottleCount.objects.values_list("key", flat=True)) == ["new"]
    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_retrying_what_is_not_there_says_so() -> None:
    assert not outbox.retry(UUID(int=1), now=NOW)


@pytest.mark.django_db
def test_the_command_shows_what_is_stuck_and_lets_it_try_again(told: list[Any]) -> None:
    message = put("test.tell", {"n": 1}, now=NOW)
    OutboxMessage.objects.update(stuck_at=NOW, attempts=ATTEMPTS, last_error="ValueError")
    out = StringIO()
    call_command("outbox", stdout=out)
    assert f"{message.pk}  test.tell  ValueError  2026-11-20 16:00:00" in out.getvalue()
    call_command("outbox", "--retry", stdout=StringIO())
    assert (only().stuck_at, only().attempts) == (None, 0)
    with pytest.raises(CommandError, match=str(message.pk)):
        call_command("outbox", "--retry", str(message.pk), stdout=StringIO())


# -- many at once


@pytest.mark.django_db
def test_a_batch_is_done_together_and_one_bad_message_stops_no_other() -> None:
    calls: list[list[int]] = []

    @outbox.batch_handler("test.batch")
    def tell(messages: Sequence[OutboxMessage], now: datetime) -> None:
        calls.append([message.payload["n"] for message in messages])
        for message in messages:
            ThrottleCount.objects.create(key=str(message.pk), since=now, count=1)
        if any(message.payload.get("fail") for message in messages):
            raise ValueError("bad")

    put_many([("test.batch", {"n": n}) for n in range(4)], now=NOW)
    assert work_once(NOW) == 4
    assert [sorted(call) for call in calls] == [[0, 1, 2, 3]]
    assert not OutboxMessage.objects.filter(done_at=None).exists()

    calls.clear()
    put_many([("test.batch", {"n": n, "fail": n == 5}) for n in range(4, 8)], now=NOW)
    assert work_once(NOW) == 4
    assert len(calls) == 5  # together, then each alone
    left = OutboxMessage.objects.get(done_at=None)
    assert (left.payload["n"], left.attempts, left.last_error) == (5, 1, "ValueError")
    assert ThrottleCount.objects.count() == 7  # what a failing call wrote is taken back


@pytest.mark.django_db
def test_a_message_that_another_worker_has_done_is_left_out_of_the_batch() -> None:
    seen: list[int] = []

    @outbox.batch_handler("test.batch")
    def tell(messages: Sequence[OutboxMessage], now: datetime) -> None:
        seen.extend(message.payload["n"] for message in messages)

    messages = put_many([("test.batch", {"n": n}) for n in range(3)], now=NOW)
    OutboxMessage.objects.filter(pk=messages[1].pk).update(done_at=NOW, attempts=1)
    OutboxMessage.objects.exclude(pk=messages[1].pk).update(attempts=1)
    for message in messages:
        message.attempts = 1
    assert outbox._handle_together(messages, NOW) == {message.pk for message in messages}
    assert sorted(seen) == [0, 2]


# -- errands


@pytest.mark.django_db(transaction=True)
def test_an_errand_runs_outside_a_transaction_and_is_done_after_it() -> None:
    seen: list[tuple[bool, datetime | None]] = []

    @outbox.errand("test.ask")
    def ask(message: OutboxMessage, now: datetime) -> None:
        seen.append((connection.in_atomic_block, only().done_at))

    put("test.ask", {}, now=NOW)
    assert work_once(NOW) == 1
    assert seen == [(False, None)]
    assert only().done_at == NOW


@pytest.mark.django_db
def test_an_errand_that_fails_comes_back_and_one_that_was_killed_after_its_lease() -> None:
    ends: list[BaseException] = [KeyboardInterrupt(), ConnectionError("13800000000")]

    @outbox.errand("test.ask")
    def ask(message: OutboxMessage, now: datetime) -> None:
        raise ends.pop()  # the second time as a worker that ends in the middle

    put("test.ask", {}, now=NOW)
    work_once(NOW)
    first = only()
    assert (first.done_at, first.last_error) == (None, "ConnectionError")
    with pytest.raises(KeyboardInterrupt):
        work_once(first.available_at)
    assert only().available_at == first.available_at + outbox.LEASE_OF_ERRAND
    assert work_once(first.available_at + outbox.LEASE_OF_ERRAND - SECOND) == 0
