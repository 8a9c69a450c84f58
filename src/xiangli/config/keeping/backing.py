"""Making a backup, while people work."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

from django.conf import settings

from xiangli.config.launcher.home import home
from xiangli.config.secrets import load_secrets
from xiangli.config.words import words

from . import database, pictures, record
from .archive import (
    DUMP,
    FILES,
    FORMAT,
    HEADS,
    KEYS,
    Manifest,
    Writer,
    chunks_of,
)
from .faults import KeepingError
from .keys import fingerprint, seal_key, seal_keys
from .progress import Tell, told

_NAME: Final = "xiangli-{:%Y%m%dT%H%M%SZ}.tar"
_NAMES: Final = "xiangli-*T*Z.tar"
_LEFT: Final = timedelta(hours=1)  # one that is being written is written to all the time


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is whole."""

    path: Path
    size: int  # bytes
    manifest: Manifest


def place(to: Path | None, now: datetime) -> Path:
    """The file to write: `to` itself, or a name with the time in the folder `to`, else in the home's `backups`.

    Raises KeepingError where it is there already or its folder is not.
    """
    folder = to if to is not None else home() / "backups"
    if to is None:
        folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / _NAME.format(now.astimezone(UTC)) if folder.is_dir() else folder
    if path.exists():
        raise KeepingError(words(f"{path} 已经存在", f"{path} is there already"))
    if not path.parent.is_dir():
        raise KeepingError(words(f"目录 {path.parent} 不存在", f"there is no folder {path.parent}"))
    for left in path.parent.glob(".xiangli-*.tar.partial*"):  # by a backup that was killed
        if now.timestamp() - left.stat().st_mtime > _LEFT.total_seconds():
            left.unlink(missing_ok=True)
    return path


def back_up(path: Path, *, now: datetime, passphrase: str | None, tell: Tell) -> Made:
    """Write everything that a restore needs to `path`; with a `passphrase` the keys too, under it.

    Needs Django, as the owner of the tables. The database is read in one snapshot, and then the photos that the
    snapshot knows: nothing in them changes afterwards. Raises KeepingError; then nothing is left behind.
    """
    if not database.steps():
        raise KeepingError(words("数据库里还没有巷里的表", "there are no tables of Xiangli in this database"))
    heads = (
        _heads()
    )  # before the snapshot: a head that is published meanwhile speaks of seals it does not have
    try:
        with Writer(path) as writer, tempfile.TemporaryFile("w+") as known:
            with database.snapshot() as snapshot:
                steps, rows, seals = database.steps(), database.count_rows(), database.last_seals()
                total = pictures.note(known)
                writer.add(DUMP, told(database.dump(snapshot), words("数据库", "database"), tell))
            count, size, lost = 0, 0, 0
            for number, picture in enumerate(pictures.noted(known), 1):
                found = pictures.opened(picture)
                if found is None:
                    lost += picture.used  # one that nothing uses may have been swept meanwhile
                    continue
                for key, file in found:
                    with file:
                        size += writer.add(FILES + key, chunks_of(file))
                count += 1
                tell(words("照片", "photos"), number, total)
            for name, content in heads.items():
                writer.add(HEADS + name, [content])
            if passphrase is not None:
                writer.add(KEYS, [seal_keys(load_secrets(home()), passphrase)])
            manifest = Manifest(
                format=FORMAT,
                version=version("xiangli"),
                taken_at=now.astimezone(UTC).isoformat(timespec="seconds"),
                postgresql=database.server_version(),
                schema=database.schema(),
                migrations=steps,
                rows=rows,
                seals=seals,
                files=count,
                files_bytes=size,
                lost=lost,
                key=fingerprint(settings.MASTER_KEY),
                keys_inside=passphrase is not None,
            )
            writer.finish(manifest, seal_key(settings.MASTER_KEY))
    except OSError as error:
        raise KeepingError(
            words(
                f"备份没有写成：{error.strerror or type(error).__name__}（{path.parent}）。没有留下半份文件。",
                f"the backup was not written: {error.strerror or type(error).__name__} ({path.parent})."
                " Nothing of it was left behind.",
            )
        ) from error
    made = Made(path, path.stat().st_size, manifest)
    record.write(home(), record.LastBackup(now, str(path), made.size, manifest.version))
    return made


def prune(folder: Path, keep: int) -> list[Path]:
    """Delete the oldest backups that bear our names for them, but for the latest `keep`; returns which."""
    old = sorted(folder.glob(_NAMES))[:-keep]
    for path in old:
        path.unlink()
    return old


def _heads() -> dict[str, bytes]:
    """The ledger's published heads, by their path under their folder."""
    folder: Path = settings.LEDGER_HEADS
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*.json"))}
