"""A kept connection is looked at without a word to the server, and its end is seen all the same."""

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@pytest.mark.django_db(transaction=True)
def test_a_standing_connection_costs_no_statement_and_a_closed_one_is_seen() -> None:
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as asked:
        assert connection.is_usable()
    assert len(asked) == 0

    settings = connection.get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(
        **{key: settings[key] for key in keys if settings.get(key)}, autocommit=True
    ) as other:
        pid = connection.connection.info.backend_pid
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
    assert not connection.is_usable()
    connection.close()
    assert connection.is_usable() is False  # nothing there yet
    connection.ensure_connection()
    assert connection.is_usable()
