"""The pytest plugin of the project (`-p tests.support.plugin` in pyproject.toml).

It is a plugin and not a conftest because the settings must not be read before XIANGLI_HOME and DATABASE_URL
stand in the environment, and pytest-django reads them before the first conftest.

The database is an embedded PostgreSQL in a temporary folder: one server for the run, started when the first
test asks for a database (with xdist: by the controller, before the workers), one database for each
worker. With DATABASE_URL set, that server is used instead.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql

from xiangli.config.launcher.embedded import OWNER, Embedded

_WORKER = "PYTEST_XDIST_WORKER" in os.environ
_OURS = not _WORKER and "DATABASE_URL" not in os.environ
_server: Embedded | None = None
_started = False


def _clean(folder: Path, owner: int) -> None:
    """Stop the server and remove everything the run wrote."""
    if os.getpid() != owner:  # a child that a test forked
        return
    if _server is not None and _started:
        _server.stop()
        shutil.rmtree(_server.sockets, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


if not _WORKER:
    # Other users may pass: as root the server runs under one of them.
    _folder = Path(tempfile.mkdtemp(prefix="xiangli-tests-"))
    _folder.chmod(0o755)
    # Not pytest's own hook at the end: it is not called when the settings cannot be read.
    atexit.register(_clean, _folder, os.getpid())
    os.environ["XIANGLI_HOME"] = str(_folder / "home")
    (_folder / "home" / "static").mkdir(parents=True)
    (_folder / "home").chmod(0o700)
    if _OURS:
        _server = Embedded(_folder / "pg", durable=False)
        os.environ["DATABASE_URL"] = _server.url()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xiangli.config.settings")


def _start() -> None:
    global _started
    if _server is None or _started:
        return
    _started = True
    _server.start()
    _server.prepare()
    # Django makes each test database from template1, as the owner: extensions and schema are there.
    _server.prepare_database("template1")
    with psycopg.connect(_server.url(role="postgres", database="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(OWNER)))


def pytest_sessionstart(session: pytest.Session) -> None:
    """With xdist the controller starts the server: a worker that ends early must not take it along."""
    if not _WORKER:
        from xiangli.web.catalogue import compile_catalogue

        compile_catalogue()
    if getattr(session.config.option, "tx", None) and not session.config.option.collectonly:
        _start()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Without xdist the first test that wants a database starts it: rules never wait for one."""
    if fixturedef.argname == "django_db_setup":
        _start()


@pytest.fixture(autouse=True)
def _calendar_of_this_test() -> None:
    """The rows of a test go with it; what the process remembers of them must go too."""
    from xiangli.kernel import calendar

    calendar.forget()


@pytest.fixture(autouse=True)
def _language_of_this_test() -> None:
    """A page that was asked for in English leaves its language in the thread."""
    from django.utils import translation

    translation.deactivate()


@pytest.fixture(autouse=True)
def draw(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Says which number from 0 to 99 is drawn where chance decides whether a resolution is checked. Until a
    test says so, 99: the sample takes nothing."""
    from xiangli.kernel import chance

    def say(number: int) -> None:
        monkeypatch.setattr(chance, "secrets", SimpleNamespace(randbelow=lambda _below: number))

    say(99)
    return say
