"""The database's half of a backup: PostgreSQL's own pg_dump and pg_restore, in one snapshot and in one transaction."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from psycopg.conninfo import make_conninfo

from xiangli.config.launcher.embedded import program
from xiangli.config.words import words
from xiangli.kernel.models import JobFile, LedgerEvent, LedgerSeal

from .archive import CHUNK, LastSeal
from .faults import KeepingError

# Of no use after a restore: sign-ins, what is remembered for a moment, files that live for a day.
_EMPTIED: Final = ("django_session", "web_cache", JobFile._meta.db_table)
# A place where none of these has a row holds nothing of anybody.
_LIVING: Final = (
    *("territory_unit", "matters_matter", "accounts_user"),
    LedgerEvent._meta.db_table,
)


def tool(name: str) -> Path:
    """pg_dump or pg_restore: of XIANGLI_PG_BIN, or the embedded server's. (The latter cannot speak TLS.)"""
    folder = os.environ.get("XIANGLI_PG_BIN")
    return Path(folder) / name if folder else program(name)


@contextmanager
def snapshot() -> Iterator[str]:
    """One moment of the database for everything that is read within; yields the name by which pg_dump joins it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def schema() -> str:
    """The schema of this cell."""
    return _one("SELECT current_schema()") or ""


def server_version() -> str:
    """PostgreSQL's, as it says it."""
    return _one("SHOW server_version")


def size() -> int:
    """Bytes of the whole database on its disk."""
    return int(_one("SELECT pg_database_size(current_database())"))


def tables() -> list[str]:
    """Every table of this schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
        )
        return [row[0] for row in cursor.fetchall()]


def count_rows() -> dict[str, int]:
    """How many rows each table has whose rows a backup keeps."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables():
            if table not in _EMPTIED:
                cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608  # the table's own name
                found[table] = cursor.fetchone()[0]
    return found


def steps() -> dict[str, list[str]]:
    """Every migration that was made here, by app."""
    found: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        found.setdefault(app, []).append(name)
    return found


def last_seals() -> list[LastSeal]:
    """The last seal of each county."""
    rows = LedgerSeal.objects.order_by("scope", "-number").distinct("scope")
    return [LastSeal(str(seal.scope), seal.number, bytes(seal.hash).hex()) for seal in rows]


def holds_something() -> bool:
    """Whether anybody's unit, account, matter or event is here."""
    there = set(tables())
    with connection.cursor() as cursor:
        for table in _LIVING:
            if table in there:
                cursor.execute(f"SELECT EXISTS (SELECT FROM {connection.ops.quote_name(table)})")  # noqa: S608  # ours
                if cursor.fetchone()[0]:
                    return True
    return False


def sessions_of(role: str | None) -> int:
    """How many other connections there are of the role that serves, or of ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND usename IN (current_user, %s)",
            [role or ""],
        )
        return int(cursor.fetchone()[0])


def clear() -> None:
    """Take away the tables of a schema in which nobody has anything, so that others can take their place."""
    assert not holds_something()
    name = connection.ops.quote_name(schema())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {name} CASCADE")
        cursor.execute(f"CREATE SCHEMA {name}")


def dump(snapshot: str) -> Iterator[bytes]:
    """The schema as pg_dump's own format writes it: tables and rows, without owners and rights. Raises KeepingError."""
    command = [
        *(str(tool("pg_dump")), "--format=custom", "--no-owner", "--no-privileges"),
        *(f"--snapshot={snapshot}", f"--schema={_quoted(schema())}", f"--dbname={_address()}"),
        *(f"--exclude-table-data={_quoted(schema())}.{_quoted(table)}" for table in _EMPTIED),
    ]
    with tempfile.TemporaryFile() as said:
        with _running(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout is not None
            while chunk := process.stdout.read(CHUNK):
                yield chunk
            process.wait()
        if process.returncode:
            raise _failed("pg_dump", said)


def load(chunks: Iterable[bytes]) -> None:
    """Bring a dump back into this schema, which has no tables: all of it or nothing. Raises KeepingError."""
    command = [
        *(
            str(tool("pg_restore")),
            "--no-owner",
            "--no-privileges",
            "--exit-on-error",
            "--single-transaction",
        ),
        *(f"--schema={schema()}", f"--dbname={_address()}"),
    ]
    with tempfile.TemporaryFile() as said:
        with _running(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said) as process:
            assert process.stdin is not None
            try:
                for chunk in chunks:
                    process.stdin.write(chunk)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it says below why it stopped reading
            process.wait()
        if process.returncode:
            raise _failed("pg_restore", said)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@contextmanager
def _running(
    command: list[str], *, stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program of PostgreSQL's with this database's password, which is on no command line; ended with the caller."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    if password := connection.get_connection_params().get("password"):
        environment["PGPASSWORD"] = password
    try:
        process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, cwd="/"
        )
    except OSError as error:
        raise KeepingError(f"{command[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if process.poll() is None:
            process.kill()
        process.wait()


def _address() -> str:
    """This database as libpq names it, without the password."""
    known = ("host", "port", "user", "dbname", "options", "sslmode", "sslrootcert", "sslcert", "sslkey")
    params = connection.get_connection_params()
    return make_conninfo(**{name: params[name] for name in known if params.get(name)})


def _failed(name: str, said: IO[bytes]) -> KeepingError:
    """What went wrong and at which table. The rest of what PostgreSQL says may quote a row, and is left out."""
    said.seek(0)
    found = []
    for line in said.read().decode(errors="replace").splitlines():
        if table := re.search(r'COPY failed for table "(\w+)"', line):
            found.append(words(f"表 {table[1]} 的数据放不进去", f"the rows of {table[1]} do not go in"))
        elif line.startswith(f"{name}: error: "):
            found.append(line)
    return KeepingError("; ".join(found)[:600] or f"{name}: {words('没有完成', 'not finished')}")


def _quoted(name: str) -> str:
    """A name as pg_dump's patterns take it literally."""
    return '"' + name.replace('"', '""') + '"'


def _one(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])
