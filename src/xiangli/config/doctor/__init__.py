"""What is wrong on this machine, and how to mend it: each check says ok, warn or fail in words a person can
act on.

Nothing is changed, and no value of a key or a person's field is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from xiangli.config.launcher.embedded import DatabaseError
from xiangli.config.launcher.home import django_ready, embedded
from xiangli.config.secrets import SecretsError
from xiangli.config.words import words

from . import machine
from .findings import Finding, Level
from .inside import inside

__all__ = ["Finding", "Level", "examine"]


def examine(*, host: str, port: int) -> Iterator[Finding]:
    """Every finding, in the order in which one would mend them."""
    yield machine.packages()
    yield machine.front_end()
    yield machine.disk()
    yield from machine.data_folder()
    yield machine.keys()
    yield machine.files()
    yield from machine.interrupted()
    yield from _database()
    yield machine.address(host, port)


def _database() -> Iterator[Finding]:
    name = words("数据库", "database")
    if not os.environ.get("DATABASE_URL") and not embedded().data.exists():
        yield Finding(Level.OK, name, words("首次启动时建立", "made at the first start"))
        return
    running = bool(os.environ.get("DATABASE_URL")) or embedded().answers()
    try:
        with django_ready():
            yield from inside(running)
    except DatabaseError as error:
        yield Finding(
            Level.FAIL,
            name,
            str(error),
            words("按上面的说明处理，然后再运行 doctor", "as said, then run doctor again"),
        )
    except (SecretsError, OSError) as error:
        yield Finding(Level.FAIL, name, str(error), words("先处理上面的问题", "mend what stands above first"))
