"""`xiangli run`: one tree of processes that starts from nothing, stops whole, comes back after a kill."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xiangli.config.launcher.embedded import Embedded
from xiangli.config.launcher.home import addresses
from xiangli.config.launcher.serve import _MANIFEST, is_loopback

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="processes are found in /proc, which only Linux has"
)


class Run:
    """One home folder, and `xiangli run` in it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        left_out = {"DATABASE_URL", "DATABASE_OWNER_URL", "PYTEST_XDIST_WORKER"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in left_out},
            "XIANGLI_HOME": str(self.home),
            "XIANGLI_LANG": "en",
        }
        self.log = folder / "run.log"

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another `xiangli` command in this home."""
        return subprocess.run(
            [sys.executable, "-m", "xiangli.config.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start, and return when the address has been said."""
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "xiangli.config.cli", "run", "--port", str(self.port)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: "Ctrl-C" in self.said() or process.poll() is not None)
        assert process.poll() is None, self.said()
        return process

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/no-such-page/")
            return connection.getresponse().status == 404
        except OSError:
            return False
        finally:
            connection.close()

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
        return found

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something to be so."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)


@pytest.fixture
def run() -> Iterator[Run]:
    assert _MANIFEST.exists(), "run `make frontend` first"
    # Not pytest's own folder: that is closed to the user under whom root's database runs.
    with tempfile.TemporaryDirectory(prefix="xiangli-run-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        made = Run(Path(name))
        yield made
        for pid in made.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_run_starts_from_nothing_and_stops_whole(run: Run) -> None:
    process = run.start()
    assert run.answers()
    assert f"http://127.0.0.1:{run.port}/" in run.said()

    second = run.call("run", "--port", str(run.port + 1 if run.port < 65535 else run.port - 1))
    assert second.returncode == 1
    assert "already runs" in second.stderr

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert run.processes() == []
    assert not run.answers()


def test_run_comes_back_after_every_kill(run: Run) -> None:
    process = run.start()

    # The launcher alone: the kernel takes its children down.
    process.kill()
    process.wait()
    run.until(lambda: not run.processes())

    # Everything at once, then the second start.
    process = run.start()
    for pid in run.processes():
        with contextlib.suppress(ProcessLookupError):  # one may go with another
            os.kill(pid, signal.SIGKILL)
    process.wait()
    process = run.start()
    assert run.answers()

    # One child: the launcher starts it again.
    pid = int((run.home / "pg" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    run.until(lambda: "starting it again" in run.said())
    run.until(run.answers)

    process.terminate()
    assert process.wait(30) == 0
    assert run.processes() == []


def test_the_serving_processes_cannot_change_tables_or_the_past(run: Run) -> None:
    process = run.start()
    statement = (
        "from django.db import connection; c = connection.cursor(); "
        "c.execute('SELECT has_table_privilege(%s, %s, %s), has_table_privilege(%s, %s, %s), "
        "has_schema_privilege(%s, %s, %s), current_user', ["
        "'xiangli_app', 'kernel_ledgerevent', 'INSERT', 'xiangli_app', 'kernel_ledgerevent', 'DELETE', "
        "'xiangli_app', 'xiangli', 'CREATE']); print(c.fetchone())"
    )
    told = run.call("manage", "shell", "--no-imports", "-c", statement)
    assert "(True, False, False, 'xiangli')" in told.stdout, told.stderr
    commands = [Path(f"/proc/{pid}/environ").read_bytes() for pid in run.processes()]
    serving = [words for words in commands if b"DATABASE_URL=postgresql://xiangli_app@" in words]
    assert len(serving) >= 4  # the web server, its workers, worker, sealer
    assert not any(b"DATABASE_OWNER_URL" in words for words in serving)
    process.terminate()
    process.wait(30)


def scrape(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    text = answer.read().decode()
    connection.close()
    return text


def alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_requests_are_counted_over_all_processes_of_the_server_and_logged_as_lines(run: Run) -> None:
    run.environment |= {"XIANGLI_LOG": "json", "XIANGLI_LOG_REQUESTS": "1"}
    process = run.start()
    sent = 0

    def answered_by() -> set[int]:
        lines = [json.loads(line) for line in run.said().splitlines() if line.startswith("{")]
        told = [line for line in lines if line.get("page") == "web:alive"]
        assert {(line["logger"], line["method"], line["status"]) for line in told} <= {
            ("xiangli.requests", "GET", 200)
        }
        return {line["process"] for line in told}

    with ThreadPoolExecutor(8) as people:
        while len(answered_by()) < 2:  # which process takes a connection is the kernel's to decide
            assert sent < 2000
            assert all(people.map(alive, [run.port] * 40))
            sent += 40
    counted = f'xiangli_requests_total{{method="GET",page="web:alive",status="2xx"}} {sent}.0'
    assert counted in scrape(run.port)
    assert "xiangli_database_answers 1.0" in scrape(run.port)
    process.terminate()
    process.wait(90)


def test_the_web_server_runs_alone_beside_a_database_of_its_own(run: Run) -> None:
    refused = run.call("serve", "--port", str(run.port))
    assert refused.returncode == 1
    assert "xiangli run" in refused.stderr
    server = Embedded(run.home / "pg")
    server.start()
    try:
        server.prepare()
        run.environment |= addresses(server)
        early = run.call("serve", "--port", str(run.port))
        assert early.returncode == 1
        assert "xiangli upgrade" in early.stderr
        assert run.call("migrate").returncode == 0
        process = subprocess.Popen(
            [sys.executable, "-m", "xiangli.config.cli", "serve", "--port", str(run.port)],
            env=run.environment,
        )
        run.until(lambda: alive(run.port))
        words = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"DATABASE_OWNER_URL" not in words
        assert "xiangli_requests_total" in scrape(run.port)
        process.terminate()
        assert process.wait(90) == 0
    finally:
        server.stop()


def test_a_taken_port_is_said_before_anything_starts(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", run.port))
        taken.listen()
        told = run.call("run", "--port", str(run.port))
    assert told.returncode == 1
    assert str(run.port) in told.stderr
    assert not run.home.exists()


def test_the_demo_is_not_served_to_others(run: Run) -> None:
    told = run.call("run", "--demo", "--host", "0.0.0.0", "--port", str(run.port))  # noqa: S104 (refused)
    assert told.returncode == 1
    assert "loopback" in told.stderr
    assert run.processes() == []


def test_doctor_is_content_with_a_running_home_and_names_what_is_wrong(run: Run) -> None:
    process = run.start()
    well = run.call("doctor", "--port", str(run.port))
    assert well.returncode == 0, well.stdout + well.stderr
    assert "0 wrong" in well.stdout
    assert "is being served" in well.stdout
    process.terminate()
    process.wait(30)

    (run.home / "secrets.json").chmod(0o644)
    ill = run.call("doctor", "--port", str(run.port), "--lang", "zh")
    assert ill.returncode == 1
    assert "chmod 600" in ill.stdout


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)],
        *[("0.0.0.0", False), ("10.0.0.1", False), ("example.org", False), ("", False)],  # noqa: S104 (not bound)
    ],
)
def test_loopback_is_told_from_the_rest(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
