"""Reports per second over HTTP with 8 clients, against pgbench writing the same rows to the same tables."""

from __future__ import annotations

import multiprocessing
import re
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from tests.support.reporting import Reporter
from tests.support.site import Site, site
from xiangli.config.launcher.embedded import DATABASE, OWNER, SCHEMA, program
from xiangli.kernel.ids import new_id

CLIENTS: Final = 8
WARM_UP_S: Final = 5.0
MEASURED_S: Final = 20.0
REFERENCE_S: Final = 10
ROUNDS: Final = 15  # reports to one plate at the most: fewer than a flood
SAMPLES: Final = 1000

# The rows of one report. They hang together by the matter's id and the event's.
_TABLES: Final = (
    "kernel_ledgerevent",
    "kernel_ledgerpayload",
    "matters_matter",
    "matters_receipt",
    "cases_case",
    "matters_matterclock",
    "kernel_due",
    "kernel_outboxmessage",
)
_CLOCKS: Final = 2  # of a report: to respond, and to put it right
# And the count by which a flood from one plate is noticed, which is one row a plate.
_COUNT: Final = (
    "INSERT INTO kernel_throttlecount AS t (key, since, count) VALUES ('bench:' || :n, now(), 1)"
    " ON CONFLICT (key) DO UPDATE SET count = t.count + 1;"
)


def measure() -> dict[str, float]:
    """intake_reports_per_s (rows counted), intake_p50_ms and intake_p95_ms, pgbench_tps, and intake_ratio of the two."""
    with site() as place:
        place.start()
        place.load_territory()
        load = _report(place)
        place.stop()
        # The reference has the machine to itself: no web server, worker or sealer takes of it.
        place.database.start()
        try:
            tps = _pgbench(place)
        finally:
            place.database.stop()
    return {
        "intake_reports_per_s": round(load.per_second, 1),
        "intake_p50_ms": round(load.latency(0.50), 1),
        "intake_p95_ms": round(load.latency(0.95), 1),
        "intake_client_cpu_share": round(load.client_cpu, 3),
        "pgbench_tps": round(tps, 1),
        "intake_ratio": round(load.per_second / tps, 3),
    }


@dataclass(slots=True)
class Load:
    """What the clients saw and the database holds."""

    per_second: float  # matters that came into the table within the measured stretch
    latencies_ms: list[float]  # sorted
    client_cpu: float  # processors that the clients themselves took

    def latency(self, share: float) -> float:
        """The latency that `share` of the reports did not exceed, in milliseconds."""
        return self.latencies_ms[min(int(len(self.latencies_ms) * share), len(self.latencies_ms) - 1)]


def _report(place: Site) -> Load:
    plates = place.plates()
    cookie, token = place.csrf(plates[0])
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    go = context.Barrier(CLIENTS + 1)
    with place.sql() as connection:
        categories = [
            row[0]
            for row in connection.execute(
                "SELECT code FROM cases_category WHERE intake = 'open' AND visibility = 'ordinary' ORDER BY code"
            )
        ]
        processes = [
            context.Process(
                target=client,
                args=(place.port, cookie, token, plates[number::CLIENTS], categories, go, results),
            )
            for number in range(CLIENTS)
        ]
        for process in processes:
            process.start()
        go.wait()
        time.sleep(WARM_UP_S)
        before, began = _count(connection), time.monotonic()
        time.sleep(MEASURED_S)
        after, ended = _count(connection), time.monotonic()
        found = [results.get() for _process in processes]
        for process in processes:
            process.join()
    return Load(
        per_second=(after - before) / (ended - began),
        latencies_ms=sorted(latency for latencies, _cpu in found for latency in latencies),
        client_cpu=sum(cpu for _latencies, cpu in found) / (WARM_UP_S + MEASURED_S),
    )


def _count(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM matters_matter").fetchone()
    assert row is not None
    return int(row[0])


def client(
    port: int,
    cookie: str,
    token: str,
    plates: Sequence[str],
    categories: Sequence[str],
    go: Any,
    results: Any,
) -> None:
    """One client process: reports as fast as it is answered, and puts (latencies in ms, CPU seconds)."""
    reporter = Reporter(port, cookie, token)
    latencies: list[float] = []
    go.wait()
    began = time.monotonic()
    for number in range(len(plates) * ROUNDS):
        fields = {
            "category": categories[number % len(categories)],
            "words": f"路边堆了一堆垃圾，已经好几天没人清，夏天味道很大，请派人来看看（{number}）",
            "place_note": "村口第三户门前",
            "name": "王女士",
            "phone": "13800000000",
            "lat": "",
            "lng": "",
        }
        sent = time.monotonic()
        if sent - began > WARM_UP_S + MEASURED_S:
            break
        status, code = reporter.report(plates[number % len(plates)], new_id(), fields)
        if not code:
            raise RuntimeError(f"a report was answered {status}")
        if sent - began > WARM_UP_S:
            latencies.append((time.monotonic() - sent) * 1000)
    used = resource.getrusage(resource.RUSAGE_SELF)
    results.put((latencies, used.ru_utime + used.ru_stime))


# The reference


def _pgbench(place: Site) -> float:
    """Transactions per second of pgbench, each writing the rows of one report, with 8 clients and durable
    commits.

    The rows are those of real reports just made, read from a sample by its number and written again under
    new ids: so the tables, indexes, constraints and the size of every row are the same.
    """
    with place.sql() as connection:
        _take_sample(connection)
        script = place.home / "report.pgbench"
        script.write_text(_script(connection))
        connection.execute("VACUUM ANALYZE")
    told = subprocess.run(
        [
            str(program("pgbench")),
            *("--no-vacuum", "--protocol=prepared", "--client", str(CLIENTS), "--jobs", "2"),
            *("--time", str(REFERENCE_S), "--define", f"samples={SAMPLES}", "--file", str(script)),
            *("--host", str(place.database.sockets), "--username", OWNER, DATABASE),
        ],
        capture_output=True,
        text=True,
        env={"PGOPTIONS": f"-c search_path={SCHEMA},public", "PATH": ""},
        check=False,
    )
    tps = re.search(r"^tps = ([\d.]+)", told.stdout, re.MULTILINE)
    if told.returncode or tps is None:
        raise RuntimeError(told.stdout + told.stderr)
    return float(tps[1])


def _take_sample(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "CREATE TABLE bench_pick AS SELECT row_number() OVER (ORDER BY m.id) AS n, m.id AS matter, e.id AS event"
        " FROM matters_matter m JOIN kernel_ledgerevent e ON e.stream = m.id AND e.seq = 1"
        " ORDER BY m.id LIMIT %s",
        [SAMPLES],
    )
    for table in _TABLES:
        connection.execute(
            sql.SQL("CREATE TABLE {} AS SELECT p.n, t.* FROM bench_pick p JOIN {} t ON {}").format(
                sql.Identifier(f"bench_{table}"), sql.Identifier(table), sql.SQL(_JOINS[table])
            )
        )
        connection.execute(sql.SQL("CREATE INDEX ON {} (n)").format(sql.Identifier(f"bench_{table}")))
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(f"bench_{table}"))
        ).fetchone()
        wanted = SAMPLES * (_CLOCKS if table == "matters_matterclock" else 1)
        assert row == (wanted,), f"the sample of {table} has {row} rows"


_JOINS: Final = {
    "kernel_ledgerevent": "t.id = p.event",
    "kernel_ledgerpayload": "t.event_id = p.event",
    "matters_matter": "t.id = p.matter",
    "matters_receipt": "t.matter_id = p.matter",
    "cases_case": "t.matter_id = p.matter",
    "matters_matterclock": "t.matter_id = p.matter",
    "kernel_due": "t.subject = p.matter",
    "kernel_outboxmessage": "t.payload ->> 'matter' = p.matter::text",
}
# What is new in each row that is written again; everything else is the sample's.
_NEW: Final = {
    "kernel_ledgerevent": {"id": ":event::uuid", "stream": ":matter::uuid", "seal_id": "NULL"},
    "kernel_ledgerpayload": {"event_id": ":event::uuid"},
    "matters_matter": {"id": ":matter::uuid", "number": "nextval('matters_number')"},
    "matters_receipt": {"matter_id": ":matter::uuid", "code_digest": "sha256(uuid_send(:matter::uuid))"},
    "cases_case": {"matter_id": ":matter::uuid"},
    "matters_matterclock": {"id": "uuidv7()", "matter_id": ":matter::uuid"},
    # not yet due, as when it was written
    "kernel_due": {"id": "uuidv7()", "subject": ":matter::uuid", "at": "now() + interval '10 hours'"},
    "kernel_outboxmessage": {"id": "uuidv7()", "attempts": "0", "done_at": "NULL"},
}


def _script(connection: psycopg.Connection[Any]) -> str:
    lines = [
        r"\set n random(1, :samples)",
        "BEGIN;",
        _COUNT,
        r"SELECT uuidv7() AS matter, uuidv7() AS event \gset",
    ]
    for table in _TABLES:
        columns = [
            row[0]
            for row in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " AND is_generated = 'NEVER' ORDER BY ordinal_position",
                [SCHEMA, table],
            )
        ]
        values = [_NEW[table].get(column, f'"{column}"') for column in columns]
        names = ", ".join(f'"{column}"' for column in columns)
        lines.append(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM bench_{table} WHERE n = :n;"  # noqa: S608  # our own names
        )
    return "\n".join([*lines, "END;", ""])
