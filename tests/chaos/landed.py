"""A small county under the tables of the landing before: three reports (one waits, one taken, one withdrawn), their
events sealed, a contact under the keys below.

`data/landed-clocks.sql.gz` is what pg_dump 18 writes in plain SQL of a database that the code of commit 3d1e715 made
(`xiangli migrate`, then reports through its own actions). It is never changed; the next landing adds its own beside it.
"""

from __future__ import annotations

import base64
import gzip
import subprocess
from pathlib import Path
from typing import Final

from tests.support.site import Site
from xiangli.config.launcher.embedded import OWNER, program

CODE: Final = "8634068356827242"  # of the report that was taken
WORDS: Final = "东巷口的路灯不亮"
PHONE: Final = "13800000000"
MATTERS: Final = 3
# Made for this fixture, and of no deployment.
KEYS: Final = {
    "XIANGLI_SECRET_KEY": "a key of a test, of no deployment",
    "XIANGLI_MASTER_KEY": base64.b64encode(b"m" * 32).decode(),
    "XIANGLI_LEDGER_KEY": base64.b64encode(b"l" * 32).decode(),
}
_DUMP: Final = Path(__file__).parent / "data" / "landed-clocks.sql.gz"


def load(place: Site) -> None:
    """Make the database of an empty home the one of then; it is stopped afterwards."""
    place.environment.update(KEYS)
    server = place.database
    server.start()
    try:
        server.prepare()
        with place.sql() as connection:  # the dump brings its own
            connection.execute("DROP SCHEMA xiangli CASCADE")
        subprocess.run(
            [
                *(str(program("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
                *("--output=/dev/null", f"--dbname={server.url(role=OWNER)}"),
            ],
            input=gzip.decompress(_DUMP.read_bytes()),
            check=True,
        )
    finally:
        server.stop()
