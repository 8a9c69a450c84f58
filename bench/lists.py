"""Pages of 100 rows at the county's desk over HTTP, while the county has 10,000 open matters."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any, Final

from tests.support.site import Site, site
from tests.support.wire import Wire

CLIENTS: Final = 8
WARM_UP_S: Final = 3.0
MEASURED_S: Final = 10.0
MATTERS: Final = 10_000

# Matters of one county as reports make them, on its plates, in the seats of those who answer there. Only
# what a list reads is filled in: no events hang on them.
FILL: Final = """
    WITH seat AS (
        SELECT row_number() OVER (ORDER BY u.path) - 1 AS n, count(*) OVER () AS seats, u.id AS unit,
               u.path, u.county_id AS county, u.short_name AS name, u.lat, u.lng, a.post_id AS post,
               a.user_id AS person
          FROM territory_unit u
          JOIN territory_appointment a ON a.unit_id = u.id AND a.standing = 'holder' AND a.valid_to IS NULL
         WHERE u.path LIKE %(county)s || '%%' AND u.plate_code IS NOT NULL
    )
    INSERT INTO matters_matter (id, county_id, workflow, topic, state, visibility, title, danger, place_id,
        place_path, lat, lng, off_map, place_name, place_note, holder_unit_id, holder_post_id, holder_seat,
        handler_id, alarm, next_clock, next_clock_at, me_too, reported_at, changed_at, closed_at, turn,
        event_seq, event_head)
    SELECT uuidv7(), county, 'case', (ARRAY['environment','hazards','facilities','traffic'])[1 + g %% 4],
           CASE WHEN g %% 100 >= %(open)s THEN 'closed' WHEN g %% 2 = 0 THEN 'assigned' ELSE 'in_progress' END,
           'ordinary', '路边堆了一堆垃圾，已经好几天没人清 ' || g, false, unit, path, lat, lng, false, name, '',
           unit, post, unit || ':' || post, CASE WHEN g %% 2 = 1 THEN person END, '',
           CASE WHEN g %% 100 >= %(open)s THEN '' ELSE 'put_right' END,
           CASE WHEN g %% 100 >= %(open)s THEN NULL ELSE at + interval '3 days' END, 0, at, at,
           CASE WHEN g %% 100 >= %(open)s THEN at + interval '2 days' END, 1, 1, sha256(g::text::bytea)
      FROM generate_series(1, %(count)s) g
      JOIN seat ON n = (g::bigint * 7919) %% seats
      CROSS JOIN LATERAL (SELECT now() - (g %% 43200) * interval '1 minute' AS at)
"""
COUNTY: Final = "14/08/21/"
_SIGN_IN: Final = (
    "from django.test import Client; from xiangli.accounts.models import User;"
    " from xiangli.accounts.sessions import BACKEND; browser = Client();"
    " browser.force_login(User.objects.get(username='county'), backend=BACKEND);"
    " print('session', browser.cookies['sessionid'].value)"
)


def measure() -> dict[str, float]:
    """list_pages_per_s_10k and list_p95_ms_10k of the first page of open matters."""
    with site() as place:
        place.start()
        place.load_territory()
        fill(place, MATTERS, open_percent=100)
        session = sign_in(place)
        latencies = _look(place, session)
        place.stop()
    return {
        "list_pages_per_s_10k": round(len(latencies) / MEASURED_S, 1),
        "list_p95_ms_10k": round(latencies[int(len(latencies) * 0.95)], 1),
    }


def fill(place: Site, matters: int, *, open_percent: int) -> None:
    """Put `matters` into one county, of which so many percent are open."""
    with place.sql() as connection:
        made = connection.execute(FILL, {"county": COUNTY, "count": matters, "open": open_percent}).rowcount
        assert made == matters
        connection.execute("VACUUM ANALYZE")


def sign_in(place: Site) -> str:
    """The session of the person at the county's desk."""
    return place.shell(_SIGN_IN).rpartition("session ")[2].strip()


def _look(place: Site, session: str) -> list[float]:
    """Sorted latencies in milliseconds of all pages within the measured stretch."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    processes = [
        context.Process(target=client, args=(place.port, session, results)) for _number in range(CLIENTS)
    ]
    for process in processes:
        process.start()
    found: list[float] = []
    for _process in processes:
        found += results.get()
    for process in processes:
        process.join()
    return sorted(found)


def client(port: int, session: str, results: Any) -> None:
    """One person who presses reload."""
    wire = Wire(port)
    request = (
        f"GET /desk/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: sessionid={session}\r\n"
        "Accept: text/html\r\nAccept-Language: zh-CN,zh;q=0.9\r\n\r\n"
    ).encode()
    latencies: list[float] = []
    began = time.monotonic()
    while (sent := time.monotonic()) - began < WARM_UP_S + MEASURED_S:
        status, headers = wire.exchange(request)
        assert status == 200, headers
        assert int(headers["content-length"]) > 20_000, "that is no list of 100 rows"
        if sent - began > WARM_UP_S:
            latencies.append((time.monotonic() - sent) * 1000)
    results.put(latencies)
