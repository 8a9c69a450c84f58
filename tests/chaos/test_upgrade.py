"""From the tables of the landing before to those of now, on a real deployment: copied first, told beforehand, and
finished by running it again, whatever came in between.
"""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.chaos import landed
from tests.chaos.test_keeping import refused
from tests.support.site import Site, site
from xiangli.config.keeping import archive


@pytest.fixture
def old() -> Iterator[Site]:
    """A home as the version before left it."""
    with site() as place:
        place.home.mkdir(mode=0o755)
        landed.load(place)
        yield place


@contextmanager
def looked_into(place: Site) -> Iterator[psycopg.Connection[Any]]:
    """Its database, started for as long as somebody looks."""
    place.database.start()
    try:
        with place.sql() as connection:
            yield connection
    finally:
        place.database.stop()


def steps_made(place: Site) -> set[tuple[str, str]]:
    with looked_into(place) as connection:
        return set(connection.execute("SELECT app, name FROM django_migrations").fetchall())


def upgrade_until(place: Site, stop: Callable[[str], bool]) -> list[str]:
    """Begin an upgrade and kill all of it at the first line for which `stop` is true; returns the lines."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "xiangli.config.cli", "upgrade"],
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if stop(line):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    place.kill()
    return said


def check_upgraded(place: Site) -> None:
    """Everything of then is there, and works under the code of now."""
    assert "The ledger is whole." in place.call("verify-ledger")
    assert "0 steps to make" in place.call("upgrade", "--dry-run")
    opened = place.shell(
        "from xiangli.matters.models import Matter, Receipt;"
        " from xiangli.matters.queries.common import open_text;"
        " print(Matter.objects.count(), *(open_text(r.matter, 'contact', r.contact)"
        " for r in Receipt.objects.exclude(contact=None)))"
    )
    assert opened.startswith(f"{landed.MATTERS} ")
    assert landed.PHONE in opened
    place.start()
    browser = http.client.HTTPConnection("127.0.0.1", place.port, timeout=60)
    browser.request("GET", f"/t/{landed.CODE}/")
    answer = browser.getresponse()
    page = answer.read().decode()
    browser.close()
    assert answer.status == 200
    assert landed.WORDS in page
    place.stop()


def test_upgrade_from_the_landing_before(old: Site) -> None:
    before = steps_made(old)
    planned = old.call("upgrade", "--dry-run")
    assert "Nothing was changed." in planned
    assert "never made a backup" in planned
    assert "matters 0005_search_and_places" in planned
    assert "matters_matter: writers wait while an index is built" in planned
    assert steps_made(old) == before
    assert not (old.home / "backups").exists()

    said = old.call("upgrade")
    assert "The ledger is whole." in said
    assert "The upgrade is done" in said
    [backup] = (old.home / "backups").iterdir()
    manifest = archive.read_manifest(backup)
    assert {(app, name) for app, names in manifest.migrations.items() for name in names} == before
    assert not (old.home / "upgrading.json").exists()
    assert steps_made(old) > before
    check_upgraded(old)
    assert "already" in old.call("upgrade")

    # The copy of before can be brought back, and comes to the tables of now on the way.
    with site() as other:
        other.home.mkdir(mode=0o755)
        other.environment.update(landed.KEYS)
        assert "The ledger is whole." in other.call("restore", str(backup))
        check_upgraded(other)


@pytest.mark.long
def test_an_upgrade_killed_between_two_steps_goes_on_where_it_was(old: Site) -> None:
    before = steps_made(old)
    applied: list[str] = []

    def third_step(line: str) -> bool:
        applied.extend([line] if "Applying" in line else [])
        return len(applied) == 3

    said = upgrade_until(old, third_step)
    assert len(applied) == 3, said
    half = steps_made(old)
    assert len(half) > len(before)
    [backup] = (old.home / "backups").iterdir()
    doctor = subprocess.run(
        [sys.executable, "-m", "xiangli.config.cli", "doctor"],
        env=old.environment,
        capture_output=True,
        text=True,
    )
    assert "has not said that it ended" in doctor.stdout

    again = old.call("upgrade")
    assert "going on with the upgrade" in again
    assert str(backup) in again
    assert "The upgrade is done" in again
    assert [path.name for path in (old.home / "backups").iterdir()] == [
        backup.name
    ]  # no second one, half-way
    check_upgraded(old)


@pytest.mark.long
def test_an_upgrade_killed_while_it_copies_leaves_everything_as_it_was(old: Site) -> None:
    before = steps_made(old)
    upgrade_until(old, lambda line: "database" in line)
    assert steps_made(old) == before
    assert not (old.home / "upgrading.json").exists()
    assert not list((old.home / "backups").glob("xiangli-*"))
    assert "The upgrade is done" in old.call("upgrade")


@pytest.mark.long
def test_a_step_that_fails_leaves_the_ones_before_and_is_made_when_it_is_mended(old: Site) -> None:
    with looked_into(old) as connection:
        connection.execute("CREATE TABLE matters_savedfilter (in_the_way int)")
    said = refused(old, "upgrade")
    assert "not finished (ProgrammingError)" in said
    assert "restored into an empty place" in said
    half = steps_made(old)
    assert ("matters", "0004_saved_filters") not in half
    with looked_into(old) as connection:
        connection.execute("DROP TABLE matters_savedfilter")
    assert "The upgrade is done" in old.call("upgrade")
    check_upgraded(old)


def test_what_a_newer_version_made_is_refused(old: Site) -> None:
    with looked_into(old) as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('matters', '9999_later', now())"
        )
    before = steps_made(old)
    for command in ("upgrade", "migrate"):
        assert "matters.9999_later" in refused(old, command)
    assert steps_made(old) == before
