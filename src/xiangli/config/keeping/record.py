"""What a home remembers of its own keeping, beside the database: the last backup, and an upgrade that is under way."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

LAST_BACKUP: Final = "last-backup.json"
UPGRADING: Final = "upgrading.json"


class LastBackup(msgspec.Struct, frozen=True):
    """A backup that was made whole."""

    at: datetime
    file: str
    size: int  # bytes
    version: str


class Upgrading(msgspec.Struct, frozen=True):
    """An upgrade that began and has not said that it ended."""

    began: datetime
    version: str  # to which
    backup: str | None  # the copy of before; None where none was wanted


R = TypeVar("R", LastBackup, Upgrading)
_FILES: Final = {LastBackup: LAST_BACKUP, Upgrading: UPGRADING}


def read(home: Path, kind: type[R]) -> R | None:
    """What was remembered; None when there is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode((home / _FILES[kind]).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def write(home: Path, what: LastBackup | Upgrading) -> None:
    """Remember it, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=home, prefix=".record-")
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(what))
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, home / _FILES[type(what)])


def forget(home: Path, kind: type[LastBackup | Upgrading]) -> None:
    """As if it had never been."""
    (home / _FILES[kind]).unlink(missing_ok=True)
