"""A deployment of its own: a temporary home, the embedded database as in production, the real process tree.

For what must be seen from outside: benchmarks, and what a kill leaves behind.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from xiangli.config.launcher.embedded import OWNER, SCHEMA, Embedded

_XIANGLI: Final = (sys.executable, "-m", "xiangli.config.cli")
_LOAD_TERRITORY: Final = (
    "from xiangli.kernel import clock; from xiangli.config.demo.territory import load_territory;"
    " load_territory(now=clock.now())"
)


class Site:
    """One home folder. Its server is durable: every commit is on disk before it is said."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.database = Embedded(self.home / "pg")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        left_out = {"DATABASE_URL", "DATABASE_OWNER_URL", "PYTEST_XDIST_WORKER", "DJANGO_SETTINGS_MODULE"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in left_out},
            "XIANGLI_HOME": str(self.home),
            "XIANGLI_LANG": "en",
        }
        self._log = folder / "run.log"
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, *words: str) -> str:
        """Run another `xiangli` command in this home; raises RuntimeError with what it said when it fails."""
        told = subprocess.run([*_XIANGLI, *words], env=self.environment, capture_output=True, text=True)
        if told.returncode:
            raise RuntimeError(f"xiangli {words[0]}: {told.stdout[-2000:]}{told.stderr[-2000:]}")
        return told.stdout

    def shell(self, statement: str) -> str:
        """Run Python with the models of this home, as the owner of the tables."""
        return self.call("manage", "shell", "--no-imports", "-c", statement)

    def load_territory(self) -> None:
        """The five counties of the demo with their people and plates, without matters. Once, while running."""
        self.shell(_LOAD_TERRITORY)

    def start(self) -> None:
        """`xiangli run`, as people start it; returns when it has said its address."""
        with self._log.open("wb") as log:
            self._process = process = subprocess.Popen(
                [*_XIANGLI, "run", "--port", str(self.port)], env=self.environment, stdout=log, stderr=log
            )
        self.until(lambda: "Ctrl-C" in self.said() or process.poll() is not None)
        if process.poll() is not None:
            raise RuntimeError(self.said())

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """kill -9 of every process of this home at once: launcher, web server, worker, sealer, database."""
        while found := self.processes():
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.02)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def said(self) -> str:
        """What the process tree printed since its last start."""
        return self._log.read_text(errors="replace")

    def processes(self) -> list[int]:
        """Every living process of this home: those whose environment or command names it."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                words = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if state != "Z" and os.fsencode(self.home) in words:
                found.append(int(folder.name))
        # The database's own processes carry no name of ours; its first one's id stands in the data folder.
        return found + self._backends(set(found))

    def processes_of(self, command: str) -> list[int]:
        """The processes that run one `xiangli` command of this home: "worker", "sealer"."""
        found = []
        for pid in self.processes():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"xiangli.config.cli" in words and command.encode() in words:
                found.append(pid)
        return found

    def _backends(self, known: set[int]) -> list[int]:
        try:
            postmaster = int((self.home / "pg" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return []
        if postmaster not in known:
            return []
        found = []
        for folder in Path("/proc").iterdir():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if parent == postmaster and int(folder.name) not in known:
                found.append(int(folder.name))
        return found

    @staticmethod
    def until(true: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for something to be so; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError("it did not become so")
            time.sleep(0.05)

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection as the owner of the tables, which commits by itself."""
        with psycopg.connect(
            self.database.url(role=OWNER), autocommit=True, options=f"-c search_path={SCHEMA},public"
        ) as connection:
            yield connection

    def plates(self) -> list[str]:
        """The codes of all plates that hang, in a fixed order."""
        with self.sql() as connection:
            return [
                row[0]
                for row in connection.execute(
                    "SELECT plate_code FROM territory_unit"
                    " WHERE plate_code IS NOT NULL AND valid_to IS NULL ORDER BY plate_code"
                )
            ]

    def csrf(self, plate: str) -> tuple[str, str]:
        """What a browser has after it opened a plate's form: the cookie and the form's token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", f"/p/{plate}/report/")
            answer = connection.getresponse()
            page = answer.read().decode()
            cookie = re.search(r"csrftoken=(\w+)", answer.getheader("Set-Cookie") or "")
        finally:
            connection.close()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        if cookie is None or token is None:
            raise RuntimeError(f"the form of {plate} answered {answer.status}")
        return cookie[1], token[1]


@contextmanager
def site() -> Iterator[Site]:
    """A home that is gone afterwards, with everything that ran in it."""
    # Other users may pass: as root the database runs under one of them.
    folder = Path(tempfile.mkdtemp(prefix="xiangli-site-"))
    folder.chmod(0o755)
    made = Site(folder)
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(made.database.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
