"""The role that serves may write the ledger on, and never back."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from xiangli.kernel.ledger import erase_payloads, grant_privileges, publish_heads, seal_once, verify_ledger
from xiangli.kernel.models import LedgerEvent, LedgerPayload
from xiangli.kernel.outbox import put, work_once
from xiangli.kernel.tests.ledgers import START, Book, sealed_book

ROLE = "xiangli_app"
LATER = START + timedelta(days=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book(tmp_path: Path, settings: Any) -> Iterator[Book]:
    """A sealed ledger, and the connection with the rights of the role that serves and no others."""
    settings.LEDGER_HEADS = tmp_path
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        if cursor.fetchone() is None:
            pytest.skip(f"this server has no role {ROLE}")
    book = sealed_book()
    grant_privileges(ROLE)
    grant_privileges(ROLE)  # after each migration
    owner = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = ROLE
    try:
        yield book
    finally:
        connection.close()
        connection.settings_dict["USER"] = owner


def test_it_does_all_that_serving_needs(book: Book) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (ROLE,)
    book.write(book.here, "Report", "take")
    assert seal_once(LATER) == 2
    payload = LedgerPayload.objects.filter(event__scope=book.here).first()
    assert payload is not None
    assert erase_payloads([payload.event_id], scope=book.here, reason="retention", now=LATER)
    assert len(publish_heads(LATER)) == 2
    put("no.such.topic", {}, now=LATER)
    assert work_once(LATER) == 1
    report = verify_ledger(stream_heads=book.heads)
    assert report.ok, report.failures


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {event} SET data = '{{}}'",
        "UPDATE {event} SET kind = 'close' WHERE seq = 1",
        "UPDATE {event} SET hash = prev_hash",
        "UPDATE {event} SET seal_id = NULL, seq = 2",
        "DELETE FROM {event}",
        "TRUNCATE {event} CASCADE",
        "UPDATE {seal} SET hash = prev_hash",
        "DELETE FROM {seal}",
        "TRUNCATE {seal} CASCADE",
        "UPDATE {payload} SET event_id = event_id",
        "DELETE FROM {payload}",
        "TRUNCATE {payload} CASCADE",
        "UPDATE {run} SET reason = 'other'",
        "DELETE FROM {run}",
        "DROP TABLE {payload}",
        "ALTER TABLE {event} ADD COLUMN x int",
        "SET ROLE postgres",
        "DELETE FROM django_migrations",
    ],
)
def test_the_past_is_refused(book: Book, statement: str) -> None:
    tables = {"event": "ledgerevent", "seal": "ledgerseal", "payload": "ledgerpayload", "run": "erasurerun"}
    written = statement.format(**{name: f"kernel_{table}" for name, table in tables.items()})
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(written)
    assert LedgerEvent.objects.count() == 10
    assert verify_ledger(stream_heads=book.heads).ok
