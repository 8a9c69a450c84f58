"""Rows of several tables in one statement, and counts that do not wait for the disk."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from xiangli.kernel import throttle
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import ErasureRun, OutboxMessage, ThrottleCount
from xiangli.kernel.rows import insert

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def message(topic: str) -> OutboxMessage:
    return OutboxMessage(topic=topic, payload={"topic": topic}, created_at=NOW, available_at=NOW)


def test_rows_of_two_tables_are_one_statement() -> None:
    rows = [message("a"), message("b"), ThrottleCount(key="k", since=NOW, count=3)]
    with CaptureQueriesContext(connection) as sent:
        insert(rows)
    assert len(sent) == 1
    assert set(OutboxMessage.objects.values_list("topic", "payload__topic")) == {("a", "a"), ("b", "b")}
    assert ThrottleCount.objects.get(pk="k").count == 3
    assert not any(row._state.adding for row in rows)


def test_no_rows_are_no_statement() -> None:
    with CaptureQueriesContext(connection) as sent:
        insert([])
    assert len(sent) == 0


def test_one_row_that_clashes_keeps_all_away() -> None:
    number = {"number": 1, "scope": new_id(), "at": NOW, "reason": "test"}
    ErasureRun.objects.create(**number)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([message("a"), ErasureRun(**number)])
    assert not OutboxMessage.objects.exists()


def synchronous(value: str = "") -> str:
    """How the connection commits; with `value`, set so first (the tests' server does not wait for any commit)."""
    with connection.cursor() as cursor:
        if value:
            cursor.execute("SELECT set_config('synchronous_commit', %s, false)", [value])
        cursor.execute("SELECT current_setting('synchronous_commit')")
        return str(cursor.fetchone()[0])


def test_a_count_inside_a_transaction_leaves_its_durability_alone() -> None:
    synchronous("local")
    throttle.bump("x", "somebody", window=timedelta(minutes=1), now=NOW)
    assert synchronous() == "local"


@pytest.mark.django_db(transaction=True)
def test_a_count_by_itself_changes_nothing_for_what_comes_after() -> None:
    synchronous("local")
    counts = [throttle.bump("x", "somebody", window=timedelta(minutes=1), now=NOW) for _time in range(3)]
    assert counts == [1, 2, 3]
    assert throttle.bump("x", "somebody", window=timedelta(minutes=1), now=NOW + timedelta(minutes=2)) == 1
    assert synchronous() == "local"
    connection.close()
