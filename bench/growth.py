"""Lists, search and the map at 1,000,000 matters against 10,000: pages of the database read, and time.

The large county is the small one with 990,000 older matters before it: both have the same 3,000 open ones, and the
same latest. Twenty of a hundred lie in the measured town, four in its measured village.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from random import Random
from typing import Any, Final

from tests.support.site import Site, site
from xiangli.config.launcher.embedded import SCHEMA
from xiangli.matters.rules import pairs, place_terms

SMALL, LARGE = 10_000, 1_000_000
OPEN: Final = 3_000
COUNTY, TOWN, VILLAGE = "14/08/21/", "14/08/21/201/", "14/08/21/201/206/"
ROUNDS: Final = 12  # of `EACH` looks, in turn at the small and at the large county
EACH: Final = 20
WARM_UP: Final = 12  # looks, after which every statement has its final plan

# What is looked for, and in how many of all matters it stands; the first in twenty of the measured town.
RARE: Final = "蜂窝煤"
SHARES: Final = {"獾洞": 0.0001, "鸟窝": 0.001, "狗叫": 0.01, "占道": 0.1}
_THINGS: Final = """
    垃圾 路灯 井盖 下水道 围墙 排水沟 电线杆 公厕 健身器材 花坛 树枝 广告牌 水管
    护栏 路面 石堆 柴草 沙土 变压器 桥面 水渠 车棚 摊位 污水 粪污 秸秆 化粪池
    消防栓 宣传栏 候车亭 晒场 机井 大棚 田埂 坝沿 涵洞 标牌 减速带
"""
_FAULTS: Final = """
    坏了三天 没有人清理 满了往外流 挡住了路 夏天味道很大 晚上看不见 快要倒了
    裂了一道缝 被车撞歪了 老人走着不方便 下雨就积水 响得睡不着 漏得厉害 松动了很危险
    长满了草 已经说过两次 孩子上学要绕道 影响出行 请派人来看看 一直没修
"""
_WHERE: Final = """
    村口 小学门前 老槐树下 卫生室旁边 大队院后墙 祠堂东边 水塔底下 超市对面 十字路口
    文化广场 河边 养殖场附近 第三户门前
"""

# k counts back from the newest, so that the newest are the same in both; hashint8 is chance that comes again.
_FILL: Final = """
    WITH seat AS (
        SELECT CASE WHEN u.path LIKE %(village)s || '%%' THEN 'village'
                    WHEN u.path LIKE %(town)s || '%%' THEN 'town' ELSE 'county' END AS part,
               u.id AS unit, u.path, u.county_id AS county, u.short_name AS lane, v.short_name AS village,
               u.lat, u.lng, a.post_id AS post, a.user_id AS person
          FROM territory_unit u
          JOIN territory_appointment a ON a.unit_id = u.id AND a.standing = 'holder' AND a.valid_to IS NULL
          JOIN territory_unit v ON v.path = substring(u.path from '^(?:[^/]+/){5}')
         WHERE u.path LIKE %(county)s || '%%' AND u.plate_code IS NOT NULL
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY part ORDER BY path) - 1 AS n, count(*) OVER (PARTITION BY part) AS many
          FROM seat
    )
    INSERT INTO matters_matter (id, county_id, workflow, topic, state, visibility, title, danger, place_id,
        place_path, lat, lng, off_map, place_name, place_note, holder_unit_id, holder_post_id, holder_seat,
        handler_id, alarm, next_clock, next_clock_at, next_amber_at, me_too, reported_at, changed_at, closed_at,
        turn, event_seq, event_head)
    SELECT uuidv7(), county, 'case', (ARRAY['environment','hazards','facilities','traffic'])[1 + k %% 4],
           CASE WHEN closed THEN 'closed' WHEN k %% 2 = 0 THEN 'assigned' ELSE 'in_progress' END, 'ordinary',
           '路边的事，已经好几天了 ' || k, false, unit, path, lat + (hashint8(k + 7) %% 100) * 1e-5, lng, false,
           village || ' ' || lane, '', unit, post, unit || ':' || post, CASE WHEN closed OR k %% 2 = 1 THEN person END,
           '', CASE WHEN closed THEN '' ELSE 'put_right' END,
           CASE WHEN NOT closed THEN at + interval '20 days' END,
           CASE WHEN NOT closed THEN at + interval '16 days' END, 0, at,
           CASE WHEN closed THEN at + interval '2 days' ELSE at END,
           CASE WHEN closed THEN at + interval '2 days' END, 1, 1, sha256(k::text::bytea)
      FROM (SELECT k, NOT (k < 10000 AND k %% 10 < 3) AS closed, abs(hashint8(k)::bigint) AS chance,
                   now() - k * interval '4 minutes' AS at
              FROM generate_series(%(count)s - 1, 0, -1) k) g
      JOIN numbered ON part = CASE WHEN chance %% 100 < 4 THEN 'village' WHEN chance %% 100 < 20 THEN 'town' ELSE 'county' END
       AND n = (chance / 100) %% many
     ORDER BY k DESC
"""


def measure() -> dict[str, float]:
    """list_growth, search_growth and map_growth: the greatest of the ratios of pages read and of p95."""
    with ExitStack() as stack:
        places = [_county(stack.enter_context(site()), count) for count in (SMALL, LARGE)]
        small, large = (_Looker(stack, place) for place in places)
        looks = small.names()
        found: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {}
        growth: dict[str, float] = {}
        for name in looks:
            one, other = _compare(name, small, large)
            kind, counted = name.partition(" ")[0], not name.endswith("~")
            ratios = {what: other[what] / one[what] for what in ("buffers", "p95_ms")}
            print(
                f"  {name:34} rows {one['rows']:.0f} / {other['rows']:.0f}  "
                f"buffers {one['buffers']:.0f} / {other['buffers']:.0f} = {ratios['buffers']:.2f}  "
                f"p95 {one['p95_ms']:.1f} / {other['p95_ms']:.1f} ms = {ratios['p95_ms']:.2f}",
                flush=True,
            )
            found.setdefault(kind, []).append((one, other))
            if counted:
                growth[f"{kind}_growth"] = max(growth.get(f"{kind}_growth", 0.0), *ratios.values())
    return {name: round(value, 2) for name, value in growth.items()}


def _compare(name: str, small: _Looker, large: _Looker) -> tuple[dict[str, float], dict[str, float]]:
    """What one look costs in both, timed in turn: what else the machine does meets both alike."""
    sides = (small, large)
    read = [side.ask("read", name) for side in sides]
    slowest: tuple[list[float], list[float]] = ([], [])  # of each round, what one look in twenty exceeds
    for _round in range(ROUNDS):
        for side, into in zip(sides, slowest, strict=True):
            into.append(statistics.quantiles(side.ask("time", name), n=20)[-1])
    one, other = (
        {**cost, "p95_ms": statistics.median(times)} for cost, times in zip(read, slowest, strict=True)
    )
    return one, other


# ---------------------------------------------------------------------------------------------- the two counties


def _county(place: Site, count: int) -> Site:
    began = time.monotonic()
    place.start()
    place.load_territory()
    place.stop()
    place.database.start()
    with place.sql() as connection:
        put_back = _without_indexes(connection)
        made = connection.execute(
            _FILL, {"county": COUNTY, "town": TOWN, "village": VILLAGE, "count": count}
        ).rowcount
        assert made == count, made
        _words(connection, count)
        put_back()
        _some_grants(connection)
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT count(*) FROM matters_matter WHERE closed_at IS NULL").fetchone()
        assert row == (OPEN,), row
    print(f"  {count} matters in {time.monotonic() - began:.0f} s", flush=True)
    return place


def _without_indexes(connection: Any) -> Callable[[], None]:
    """Take the indexes and foreign keys away that a bulk load would go through row by row; returns what puts them
    back."""
    tables = ["matters_matter", "matters_searchtext"]
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = ANY(%s) AND indexname NOT IN"
        " (SELECT conname FROM pg_constraint)",
        [SCHEMA, tables],
    ).fetchall()
    keys = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)",
        [tables],
    ).fetchall()
    for table, name, _definition in keys:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _definition in indexes:
        connection.execute(f'DROP INDEX "{name}"')

    def put_back() -> None:
        for _name, definition in indexes:
            connection.execute(definition)
        for table, name, definition in keys:
            connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')

    return put_back


def _words(connection: Any, count: int) -> None:
    """What each matter is found by, as the worker makes it (`matters.actions.keep_words`), of a text that is made
    up and differs from matter to matter."""
    random, where, things, faults = Random(4), _WHERE.split(), _THINGS.split(), _FAULTS.split()
    matters = connection.execute(
        "SELECT id, number, place_path, place_name FROM matters_matter ORDER BY number"
    )
    rows = matters.fetchall()
    in_town = [number for number, row in enumerate(rows) if row[2].startswith(TOWN)]
    rare = set(in_town[len(in_town) // 40 :: len(in_town) // 20][:20])
    assert len(rare) == 20
    places: dict[str, set[str]] = {}
    with connection.cursor().copy(
        "COPY matters_searchtext (matter_id, number, place_path, words, whole) FROM STDIN"
    ) as copy:
        for position, (matter, number, path, name) in enumerate(rows):
            text = f"{random.choice(where)}的{random.choice(things)}{random.choice(faults)}，{random.choice(faults)}"
            text += "".join(f"，有{word}" for word, share in SHARES.items() if random.random() < share)
            text += f"，有{RARE}" if position in rare else ""
            if path not in places:
                places[path] = pairs(f"{name} {name.replace(' ', '')}") | set(place_terms(path))
            terms = sorted(places[path] | pairs(text))
            copy.write_row((matter, number, path, " ".join(f"'{term}'" for term in terms), True))
    assert len(rows) == count


def _some_grants(connection: Any) -> None:
    """Twenty matters of elsewhere for the desks of the town and of the village."""
    made = connection.execute(
        """
        INSERT INTO matters_mattergrant (id, matter_id, kind, user_id, seat, granted_at)
        SELECT uuidv7(), m.id, 'together', NULL, a.unit_id || ':' || a.post_id, now()
          FROM territory_appointment a JOIN territory_unit u ON u.id = a.unit_id AND u.path IN (%s, %s)
          CROSS JOIN (SELECT id FROM matters_matter WHERE place_path NOT LIKE %s ORDER BY number DESC LIMIT 20) m
        """,
        [TOWN, VILLAGE, TOWN + "%"],
    ).rowcount
    assert made >= 40


# ----------------------------------------------------------------------------------------------- looking at them


class _Looker:
    """A process with the application in it, on the database of one county."""

    def __init__(self, stack: ExitStack, place: Site) -> None:
        context: Any = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        environment = {
            **place.environment,
            "DATABASE_URL": place.database.url(),
            "DJANGO_SETTINGS_MODULE": "xiangli.config.settings",
        }
        process = context.Process(target=_look, args=(theirs, environment), daemon=True)
        process.start()
        stack.callback(process.join)
        stack.callback(self._pipe.send, None)
        stack.callback(place.database.stop)

    def ask(self, what: str, name: str) -> Any:
        self._pipe.send((what, name))
        return self._pipe.recv()

    def names(self) -> list[str]:
        names: list[str] = self.ask("names", "")
        return names


def _look(pipe: Any, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    import django

    django.setup()
    looks = dict(_looks())
    while (asked := pipe.recv()) is not None:
        what, name = asked
        if what == "names":
            pipe.send(list(looks))
        elif what == "read":
            for _look in range(WARM_UP):
                rows = looks[name]()
            pipe.send({"rows": rows, "buffers": _buffers(looks[name])})
        else:
            pipe.send([_timed(looks[name]) for _look in range(EACH)])


def _timed(look: Callable[[], int]) -> float:
    began = time.perf_counter()
    look()
    return (time.perf_counter() - began) * 1000


def _looks() -> Iterator[tuple[str, Callable[[], int]]]:
    """Each look by its name, as the pages make it; "~": told, but not held to a figure."""
    from xiangli.accounts.models import User
    from xiangli.insight.queries.units import open_below, points_in
    from xiangli.kernel import clock
    from xiangli.matters.queries import Filters, lamp_counts, queue
    from xiangli.territory.queries import actor_for, unit_at

    now = clock.now()
    county, town, village = (
        actor_for(User.objects.get(username=name), at=now) for name in ("county", "town", "village")
    )

    def page(actor: Any, size: int = 100, **chosen: Any) -> Callable[[], int]:
        def look() -> int:
            return len(queue(actor, Filters(**chosen), at=now, size=size).items)

        return look

    def lamps(actor: Any) -> Callable[[], int]:
        return lambda: lamp_counts(actor, Filters(), at=now).total

    def places(actor: Any, path: str) -> Callable[[], int]:
        unit = unit_at(path, at=now)
        assert unit is not None

        def look() -> int:
            open_below(actor, unit, at=now)
            return len(points_in(actor, unit, at=now))

        return look

    for name, actor in (("town", town), ("village", village)):
        for state in ("open", "closed"):
            yield f"list {state}, {name}", page(actor, state=state)
        yield f"list lamps, {name}", lamps(actor)
    yield "list closed, village of the town's desk", page(town, state="closed", unit=VILLAGE)
    yield "list closed, county ~", page(county, state="closed")
    yield "list closed, one lane ~", page(county, state="closed", unit=VILLAGE + "02/")
    yield "search 20 hits", page(town, 20, state="all", text=RARE)
    shares = {f"search {share:.2%} of rows": word for word, share in SHARES.items()}
    for name, word in shares.items():
        yield name if name == "search 10.00% of rows" else f"{name} ~", page(town, 20, state="all", text=word)
    yield "search two common words ~", page(town, 20, state="all", text="占道 狗叫")
    yield "search word and village ~", page(county, 20, state="all", text="北姚村 路灯")
    yield "search 10% of rows, open ~", page(town, 20, state="open", text="占道")
    yield "search 20 hits, county's desk ~", page(county, 20, state="all", text=RARE)
    yield "map county", places(county, COUNTY)
    yield "map town", places(town, TOWN)
    yield "map village ~", places(village, VILLAGE)


def _buffers(look: Callable[[], int]) -> int:
    """Pages of the database that the look's statements read, cached or not: the more of what they read with plans
    for these values, and of what one look read on the average as it is served, prepared."""
    import psycopg
    from django.db import connection

    said: list[tuple[str, Any]] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        said.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        look()
    explained = 0
    assert connection.connection is not None
    with psycopg.ClientCursor(connection.connection) as cursor:
        for sql, params in said:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
            plan = cursor.fetchone()[0][0]["Plan"]  # type: ignore[index]  # one row of JSON
            explained += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return max(explained, _served(look, connection))


def _served(look: Callable[[], int], connection: Any) -> int:
    """Pages that one look read as it is served, with prepared statements, by the database's own count."""

    def so_far() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_force_next_flush()"
            )  # what was counted is published after this statement
            cursor.execute(
                "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    so_far()
    idle = -so_far() + so_far()  # of the count itself
    before = so_far()
    for _look in range(EACH):
        look()
    return (so_far() - before - idle) // EACH
