"""`xiangli run`: from an empty folder to a served address, and back to nothing running."""

from __future__ import annotations

import http.client
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Final, NoReturn

from xiangli.config.words import words

from .embedded import Embedded
from .home import addresses, embedded, held, home
from .tree import Child, Stop, Tree, command

_MANIFEST: Final = Path(__file__).resolve().parents[2] / "web" / "static" / "dist" / "manifest.json"
_XIANGLI: Final = (sys.executable, "-m", "xiangli.config.cli")


class StartError(Exception):
    """Xiangli cannot start; the message says why and what to do."""


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(*, host: str, port: int, workers: int, demo: bool, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises StartError or DatabaseError when it cannot begin."""
    stop = Stop()
    if not _MANIFEST.exists():
        raise StartError(
            words("前端还没有构建：请运行 make frontend", "the front end is not built: run `make frontend`")
        )
    _check_free(host, port)
    outside = "DATABASE_URL" in os.environ
    server = None if outside else embedded()
    with nullcontext() if outside else held(home()):
        children: list[Child] = []
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        environment.setdefault("XIANGLI_HOME", str(home()))
        environment.setdefault("XIANGLI_PUBLIC_URL", _address(host, port))
        (home() / "static").mkdir(parents=True, exist_ok=True)
        if server is not None:
            children.append(_database(server, say))
            environment.update(addresses(server))
        tree = Tree(children, say)
        try:
            _prepare(environment, host=host, demo=demo, stop=stop)
            if stop.asked:
                return
            # The rights to change tables stay with the launcher's own commands.
            serving = {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}
            web = {**serving, **_shared_counts()}
            tree.children += [
                Child(words("网页服务", "web server"), command(_granian(host, port, workers), web)),
                # Nobody waits in front of these two as somebody waits in front of a page.
                Child(words("任务进程", "worker"), command([*_XIANGLI, "worker"], serving, behind=10)),
                Child(words("封存进程", "sealer"), command([*_XIANGLI, "sealer"], serving, behind=10)),
            ]
            tree.start()
            announced = False
            while not stop.asked:
                tree.mend()
                if not announced and _answers(host, port):
                    announced = True
                    say(
                        words(
                            f"巷里已启动：{_address(host, port)}/", f"Xiangli is at {_address(host, port)}/"
                        )
                    )
                    if demo:
                        subprocess.run([*_XIANGLI, "demo", "--show"], env=environment, check=False)
                    say(words("按 Ctrl-C 停止。", "Ctrl-C stops it."))
                time.sleep(0.2)
        finally:
            say(words("正在停止…", "stopping…"))
            tree.stop()
            if server is not None:
                server.stop()
            say(words("已停止", "stopped"))


def serve(*, host: str, port: int, workers: int) -> NoReturn:
    """Become the web server alone, for whoever runs database, worker and sealer by other means. Raises StartError."""
    if not _MANIFEST.exists():
        raise StartError(
            words("前端还没有构建：请运行 make frontend", "the front end is not built: run `make frontend`")
        )
    (home() / "static").mkdir(parents=True, exist_ok=True)
    serving = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
    serving |= {"PYTHONUNBUFFERED": "1", **_shared_counts()}
    serving.setdefault("XIANGLI_PUBLIC_URL", _address(host, port))
    wanted = _granian(host, port, workers)
    os.execve(wanted[0], wanted, serving)  # noqa: S606  # a list of words, no shell


def _shared_counts() -> dict[str, str]:
    """Where the server's processes share their counts of requests; those of the start before are gone."""
    folder = home() / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


def _database(server: Embedded, say: Callable[[str], None]) -> Child:
    say(words(f"数据库：{server.data}", f"database: {server.data}"))
    process = server.start()
    server.prepare()
    return Child(
        words("数据库", "database"),
        server.start,
        stop_signal=SIGINT,
        stop_wait_s=30,
        process=process,
        started=time.monotonic(),
    )


def _granian(host: str, port: int, workers: int) -> list[str]:
    # A photo from a slow phone holds a thread while it comes in, so there are more than the cores would ask
    # (which granian warns about, hence its log level). Each may hold a connection; the database has a
    # hundred for all.
    threads = max(2, min(8, 64 // workers))
    return [
        *(sys.executable, "-m", "granian", "xiangli.config.wsgi:application", "--interface", "wsgi"),
        *("--host", host, "--port", str(port), "--workers", str(workers), "--no-ws"),
        *("--blocking-threads", str(threads), "--backpressure", str(threads)),
        *("--log-level", "error", "--respawn-failed-workers", "--workers-kill-timeout", "10"),
    ]


def _prepare(environment: Mapping[str, str], *, host: str, demo: bool, stop: Stop) -> None:
    """Bring the tables up to date in a process of its own: the launcher stays small and free of Django."""
    options = ["--demo"] if demo else []
    if not is_loopback(host):
        options.append("--outside")
    process = command([*_XIANGLI, "prepare", *options], environment)()
    while process.poll() is None:
        if stop.asked:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(SIGKILL)
                process.wait()
            return
        time.sleep(0.05)
    if process.returncode:
        raise StartError(words("没有启动，原因见上。", "not started; the reason stands above."))


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                words(
                    f"{host}:{port} 不能使用（{error.strerror}）：请停下占用它的程序，或用 --port 换一个端口",
                    f"{host}:{port} cannot be used ({error.strerror}): stop what uses it, "
                    "or take another --port",
                )
            ) from error


def _answers(host: str, port: int) -> bool:
    """Whether a page was sent, whatever it said."""
    connection = http.client.HTTPConnection(_shown(host), port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _address(host: str, port: int) -> str:
    shown = _shown(host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _shown(host: str) -> str:
    """Where this machine finds a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (nothing is bound here)
