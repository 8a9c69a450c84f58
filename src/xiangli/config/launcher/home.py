"""The home folder of a deployment, who holds it, and the database that belongs to it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from xiangli.config.words import words

from .embedded import APP, OWNER, DatabaseError, Embedded

_LOCK: Final = "run.lock"


def home() -> Path:
    """`$XIANGLI_HOME`, else `var` in the current folder: database, keys, files and logs of one deployment."""
    return Path(os.environ.get("XIANGLI_HOME", "var")).resolve()


def embedded() -> Embedded:
    """The embedded server of this home, running or not."""
    return Embedded(home() / "pg")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the kernel lets go of it however the process ends.

    Raises DatabaseError when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or "?"
            raise DatabaseError(
                words(
                    f"{folder} 已有巷里在运行（进程 {other}）。"
                    "请先停下它，或用 XIANGLI_HOME=… 另指定一个目录。",
                    f"Xiangli already runs from {folder} (process {other}). Stop that one, "
                    "or give this one a folder of its own: XIANGLI_HOME=…",
                )
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def database() -> Iterator[None]:
    """Have DATABASE_URL (the role that serves) in the environment while a command runs.

    A DATABASE_URL that is set stays, and DATABASE_OWNER_URL beside it names the role that owns the tables,
    where that is another one. Else the embedded server of this home is used if it runs; if it does not, it
    runs for as long as the command. Raises DatabaseError.
    """
    if os.environ.get("DATABASE_URL"):
        yield
        return
    server = embedded()
    if server.answers():
        os.environ.update(addresses(server))
        yield
        return
    with held(home()):
        server.start()
        try:
            server.prepare()
            os.environ.update(addresses(server))
            yield
        finally:
            server.stop()


def addresses(server: Embedded) -> dict[str, str]:
    """What the environment says of an embedded server."""
    return {"DATABASE_URL": server.url(role=APP), "DATABASE_OWNER_URL": server.url(role=OWNER)}


@contextmanager
def django_ready(*, owner: bool = False) -> Iterator[str | None]:
    """`database()`, and Django set up in it: what a command needs before it imports a module's actions.

    `owner` is for what changes tables or fills them in bulk; everything else has the rights of the serving
    role. Yields the name of the serving role where it is not the owner, else None.
    """
    with database():
        serving = os.environ["DATABASE_URL"]
        owning = os.environ.get("DATABASE_OWNER_URL") or serving
        if owner:
            os.environ["DATABASE_URL"] = owning
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xiangli.config.settings")
        import django

        django.setup()
        from django.db import connections

        try:
            yield None if owning == serving else unquote(urlsplit(serving).username or "")
        finally:
            connections.close_all()
