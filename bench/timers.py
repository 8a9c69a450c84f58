"""How late limits that run out are noticed, and what a flood of them costs while a worker is killed.

Matters are reported by the real action, and their clocks are then set, in this database only, to run out when the
measurement wants it. The workers are those of `xiangli run`; the handler is the real one: each breach is an event in
the ledger, a supervisor, a second clock, and messages.

    python -m bench.timers --minutes 0.5 --flood 2000    a short look, which writes no figures
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

import psycopg

from tests.support.reporting import Reporter
from tests.support.site import Site, site
from xiangli.kernel.ids import new_id

ORDINARY: Final = 600  # limits that run out, at random over
MINUTES: Final = 5.0
REPORTS_PER_S: Final = 2
FLOOD: Final = 20_000  # limits that run out at random over
FLOOD_S: Final = 60.0
LEAD_S: Final = 10.0  # from setting the clocks to the first of them
PATIENCE_S: Final = 600.0

_CLOCK: Final = "respond"
_WORDS: Final = "路边堆了一堆垃圾，已经好几天没人清，夏天味道很大，请派人来看看"


def measure(*, minutes: float = MINUTES, flood: int = FLOOD) -> dict[str, float]:
    """timer_p99_s of the ordinary load; timer_drain_s, timer_flood_late_s, and of all: timers_lost, timers_doubled."""
    with site() as place:
        place.start()
        place.load_territory()
        _keep_commit_times(place)
        _report(place, ORDINARY + flood)
        _until_told(place)
        with place.sql() as connection:
            connection.execute("VACUUM ANALYZE")
            with _people_who_report(place):
                some = _run_out(connection, ORDINARY, over_s=minutes * 60)
                _until_fired(connection, some)
            lateness = _lateness(connection, some)
            _until_told(place)
            many = _run_out(connection, flood, over_s=FLOOD_S)
            with _second_worker(place) as worker:
                _until_fired(connection, many, share=0.5)
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()
                _until_fired(connection, many)
            late = _lateness(connection, many)
            drain = _seconds_to_the_last(connection, many)
            events = _events(connection, some + many)
        place.call("verify-ledger")
        place.stop()
    return {
        "timer_p99_s": round(lateness[int(len(lateness) * 0.99)], 3),
        "timer_drain_s": round(drain, 1),
        "timer_flood_late_s": round(late[-1], 1),
        "timers_lost": sum(number == 0 for number in events),
        "timers_doubled": sum(number > 1 for number in events),
    }


# Matters


def _report(place: Site, number: int) -> None:
    """Let so many matters be reported, by two processes beside each other."""
    said = [f"from bench.timers import report; report({number}, {share})" for share in range(2)]
    with ThreadPoolExecutor() as beside:
        list(beside.map(place.shell, said))


def report(number: int, share: int) -> None:
    """In a process of the site: every second of `number` reports on the plates of the demo, by the real action."""
    from xiangli.cases.actions import Report, report_case
    from xiangli.cases.models import Category
    from xiangli.cases.queries import category_with_limits
    from xiangli.cases.states import Channel, Intake
    from xiangli.kernel import clock
    from xiangli.matters.states import Visibility
    from xiangli.territory.queries import plated_units, spoken_name

    now = clock.now()
    plates = plated_units([""], at=now, most=2000)
    ordinary = Category.objects.filter(intake=Intake.OPEN, visibility=Visibility.ORDINARY, danger=False)
    known = [category_with_limits(code, on=now) for code in ordinary.values_list("code", flat=True)]
    categories = [found for found in known if found is not None]
    for turn in range(share, number, 2):
        place, (category, limits) = plates[turn % len(plates)], categories[turn % len(categories)]
        report_case(
            Report(
                client_id=new_id(),
                category=category,
                limits=limits,
                words=f"{_WORDS}（{turn}）",
                place=place,
                place_name=spoken_name(place),
                channel=Channel.PLATE,
            )
        )


@contextmanager
def _people_who_report(place: Site) -> Iterator[None]:
    """Meanwhile reports come in over HTTP, at an even pace."""
    stop = threading.Event()

    def run() -> set[int]:
        wrong = set()
        plates = place.plates()
        reporter = Reporter(place.port, *place.csrf(plates[0]))
        began = time.monotonic()
        for number in count():
            if stop.wait(max(0.0, began + number / REPORTS_PER_S - time.monotonic())):
                break
            fields = {"category": "environment", "words": _WORDS, "name": "王女士", "phone": "13800000000"}
            status, code = reporter.report(plates[number % len(plates)], new_id(), fields)
            if not code:
                wrong.add(status)
        return wrong

    with ThreadPoolExecutor(1) as beside:
        reporting = beside.submit(run)
        try:
            yield
        finally:
            stop.set()
    if wrong := reporting.result():
        raise RuntimeError(f"reports were answered {sorted(wrong)}")


# Clocks


def _run_out(connection: psycopg.Connection[Any], number: int, *, over_s: float) -> list[UUID]:
    """Let so many clocks that run and have not been touched run out at random within `over_s` seconds, soon; returns
    their matters. Only the breach is left to happen to them: that they turned amber lies behind.
    """
    start = datetime.now(UTC) + timedelta(seconds=LEAD_S)
    rows = connection.execute(
        # Drawn first and set after, or PostgreSQL takes one random number for both, and the drawn are the small ones.
        "WITH drawn AS MATERIALIZED (SELECT id, matter_id FROM matters_matterclock WHERE name = %(clock)s"
        "  AND stage = 'green' AND stopped_at IS NULL ORDER BY random() LIMIT %(number)s),"
        " picked AS MATERIALIZED (SELECT id, matter_id, %(start)s + random() * make_interval(secs => %(over)s) AS at"
        "  FROM drawn),"
        " clock AS (UPDATE matters_matterclock c SET due_at = p.at, amber_at = c.started_at, stage = 'amber'"
        "  FROM picked p WHERE c.id = p.id),"
        " matter AS (UPDATE matters_matter m SET next_clock_at = p.at FROM picked p WHERE m.id = p.matter_id)"
        " UPDATE kernel_due d SET at = p.at FROM picked p WHERE d.kind = 'case.clock' AND d.subject = p.matter_id"
        " RETURNING p.matter_id, d.at",
        {"start": start, "over": over_s, "clock": _CLOCK, "number": number},
    ).fetchall()
    if len(rows) != number:
        raise RuntimeError(f"{len(rows)} clocks instead of {number}")
    moments = [row[1] for row in rows]
    if not 0.95 * over_s < (max(moments) - min(moments)).total_seconds() <= over_s:
        raise RuntimeError(f"the moments lie from {min(moments)} to {max(moments)}")
    if datetime.now(UTC) > start:
        raise RuntimeError("setting the clocks took longer than the lead")
    return [row[0] for row in rows]


def _until_fired(connection: psycopg.Connection[Any], matters: list[UUID], *, share: float = 1) -> None:
    """Wait until so large a share of these clocks is red."""
    wanted = int(len(matters) * share)
    red = "SELECT count(*) FROM matters_matterclock WHERE matter_id = ANY(%s) AND name = %s AND stage = 'red'"

    def fired() -> bool:
        row = connection.execute(red, [matters, _CLOCK]).fetchone()
        assert row is not None
        return int(row[0]) >= wanted

    # Seldom enough that looking is no load.
    deadline = time.monotonic() + LEAD_S + max(MINUTES * 60, FLOOD_S) + PATIENCE_S
    while not fired():
        if time.monotonic() > deadline:
            print(f"  not all of {len(matters)} fired in time", flush=True)
            return
        time.sleep(1)


# The moment of the commit that turned a clock red: when it can be seen. The moment in the event is earlier by what
# the work on its batch took.
_COMMITTED: Final = (
    "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at)::float8,"
    " extract(epoch FROM pg_xact_commit_timestamp(xmin) - min(due_at) OVER ())::float8"
    " FROM matters_matterclock WHERE matter_id = ANY(%s) AND name = %s AND stage = 'red' ORDER BY 1"
)


def _lateness(connection: psycopg.Connection[Any], matters: list[UUID]) -> list[float]:
    """From the moment a clock ran out to the commit of its breach, in seconds, sorted; no less than nought."""
    found = [row[0] for row in connection.execute(_COMMITTED, [matters, _CLOCK])]
    if found[0] < 0:
        raise RuntimeError(f"a clock fired {-found[0]} s early")
    return found


def _seconds_to_the_last(connection: psycopg.Connection[Any], matters: list[UUID]) -> float:
    """From the first moment to the commit of the last breach."""
    return float(max(row[1] for row in connection.execute(_COMMITTED, [matters, _CLOCK])))


def _events(connection: psycopg.Connection[Any], matters: list[UUID]) -> list[int]:
    """How often the ledger says of each matter that its clock ran out: once is right."""
    rows = connection.execute(
        "SELECT count(e.id) FROM unnest(%s::uuid[]) AS matter LEFT JOIN kernel_ledgerevent e ON e.stream = matter"
        " AND e.kind = 'overdue_case' AND e.data ->> 'clock' = %s GROUP BY matter",
        [matters, _CLOCK],
    )
    return [int(row[0]) for row in rows]


# The site


def _keep_commit_times(place: Site) -> None:
    """Let PostgreSQL remember when each transaction was committed; it takes a new start."""
    address = place.database.url(role="postgres", database="postgres")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    place.stop()
    place.start()


def _until_told(place: Site) -> None:
    """Wait until everybody has been told of everything."""
    with place.sql() as connection:
        waits = (
            "SELECT EXISTS (SELECT FROM kernel_outboxmessage WHERE done_at IS NULL AND available_at <= now())"
        )
        place.until(lambda: connection.execute(waits).fetchone() == (False,), seconds=PATIENCE_S)


@contextmanager
def _second_worker(place: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Another `xiangli worker` beside that of `xiangli run`."""
    words = [sys.executable, "-m", "xiangli.config.cli", "worker"]
    worker = subprocess.Popen(words, env=place.environment)
    try:
        yield worker
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--flood", type=int, default=FLOOD)
    asked = parser.parse_args()
    print(measure(minutes=asked.minutes, flood=asked.flood))
