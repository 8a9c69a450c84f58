"""Pages over HTTP from the real server, nothing cached in between: the desk's list of 100 rows, a matter's page, and a
plate's, beside a view of the same server that does nothing."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from bench.lists import COUNTY, fill, sign_in
from tests.support.site import Site, site
from tests.support.wire import Wire

CLIENTS: Final = 8
WARM_UP_S: Final = 4.0
MEASURED_S: Final = 10.0
OPEN: Final = 3_000
PAGES: Final = 300  # different ones of a kind: matters, plates


def measure() -> dict[str, float]:
    """list_pages_per_s (100 rows), case_pages_per_s, plate_pages_per_s, each with its p95 in milliseconds, and
    bare_pages_per_s."""
    with site() as place:
        place.start()
        place.call("demo")
        fill(place, OPEN, open_percent=100)
        cookie = f"sessionid={sign_in(place)}"
        kinds = {
            "list": (["/desk/"], cookie, 20_000),
            "case": (_cases(place), cookie, 5_000),
            "plate": (_plates(place), "", 3_000),
            "bare": (["/healthz"], "", 0),
        }
        figures: dict[str, float] = {}
        for name, (addresses, who, least) in kinds.items():
            latencies = _look(place, addresses, who, least)
            figures[f"{name}_pages_per_s"] = round(len(latencies) / MEASURED_S, 1)
            figures[f"{name}_page_p95_ms"] = round(latencies[int(len(latencies) * 0.95)], 1)
        place.stop()
    return figures


def _cases(place: Site) -> list[str]:
    """Matters of the county with a history of at least four events, as the demo tells them."""
    with place.sql() as connection:
        rows = connection.execute(
            "SELECT id FROM matters_matter WHERE place_path LIKE %s AND visibility = 'ordinary' AND event_seq >= 4"
            " ORDER BY number LIMIT %s",
            [COUNTY + "%", PAGES],
        ).fetchall()
    assert len(rows) >= 100
    return [f"/cases/{row[0]}/" for row in rows]


def _plates(place: Site) -> list[str]:
    plates = [code for code in place.plates() if code]
    return [f"/p/{code}/" for code in Random(4).sample(plates, PAGES)]


def _look(place: Site, addresses: Sequence[str], cookie: str, least: int) -> list[float]:
    """Sorted latencies in milliseconds of all pages within the measured stretch."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    processes = [
        context.Process(target=client, args=(place.port, addresses, number, cookie, least, results))
        for number in range(CLIENTS)
    ]
    for process in processes:
        process.start()
    found: list[float] = []
    for _process in processes:
        found += results.get()
    for process in processes:
        process.join()
    return sorted(found)


def client(port: int, addresses: Sequence[str], number: int, cookie: str, least: int, results: Any) -> None:
    """One person who opens one page after the other; `least` bytes make a page what it is taken for."""
    wire = Wire(port)
    headers = f"Host: 127.0.0.1:{port}\r\nAccept: text/html\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
    headers += f"Cookie: {cookie}\r\n" if cookie else ""
    requests = [f"GET {address} HTTP/1.1\r\n{headers}\r\n".encode() for address in addresses]
    latencies: list[float] = []
    began, turn = time.monotonic(), number * 37
    while (sent := time.monotonic()) - began < WARM_UP_S + MEASURED_S:
        turn += 1
        status, answered = wire.exchange(requests[turn % len(requests)])
        assert status == 200, (requests[turn % len(requests)], answered)
        assert int(answered["content-length"]) >= least, answered
        if sent - began > WARM_UP_S:
            latencies.append((time.monotonic() - sent) * 1000)
    results.put(latencies)
