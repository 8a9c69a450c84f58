"""From the tables there are to those of this version: looked at first, copied first, and finished by running it again
when something came in between. Each migration is one transaction that also writes down that it was made.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from django.db.models import Sum

from xiangli.config.launcher.home import home
from xiangli.config.launcher.tables import ahead, migrate, pending
from xiangli.config.words import words
from xiangli.kernel.models import StoredFile

from . import database, record
from .backing import back_up, place
from .faults import KeepingError
from .progress import Tell
from .record import Upgrading


def check_not_ahead() -> None:
    """Raises KeepingError when a newer version has been at work in this database."""
    if unknown := ahead():
        raise KeepingError(
            words(
                f"数据库由更新的版本升级过（本版本不认识 {', '.join(unknown)}）：请换回那个版本。没有退回去的升级，"
                "只能用那之前的备份恢复。",
                f"a newer version was at work in this database (this one does not know {', '.join(unknown)}): put that"
                " version back in place. There is no way back but the backup of before.",
            )
        )


def check_room(folder: Path, *, backup: bool) -> None:
    """Raises KeepingError unless the disk of `folder` has room for a copy, and for tables that are written anew."""
    wanted = database.size()
    if backup:
        wanted += StoredFile.objects.aggregate(sum=Sum("size"))["sum"] or 0
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise KeepingError(
            words(
                f"{folder} 只剩 {free / 1024**3:.1f} GiB，需要 {wanted / 1024**3:.1f} GiB。请先腾出空间，"
                "或用 --to 指到别的磁盘。什么也没有改动。",
                f"{folder} has {free / 1024**3:.1f} GiB left, {wanted / 1024**3:.1f} GiB are wanted. Make room, or name"
                " another disk with --to. Nothing was changed.",
            )
        )


def began_before() -> Upgrading | None:
    """The upgrade to this version that began and has not said that it ended."""
    found = record.read(home(), Upgrading)
    return found if found is not None and found.version == version("xiangli") else None


def upgrade(
    *,
    now: datetime,
    to: Path | None,
    backup: bool,
    served_by: str | None,
    tell: Tell,
    say: Callable[[str], None],
) -> None:
    """Copy, migrate and bring up to date what follows from this version. `forget` it once the ledger is verified.

    Raises KeepingError; whatever is raised, running it again goes on from where it was.
    """
    before = began_before()
    if before is not None:
        say(
            words(
                f"接着 {before.began:%Y-%m-%d %H:%M} UTC 没有做完的升级，备份是 {before.backup or '（没有）'}",
                f"going on with the upgrade of {before.began:%Y-%m-%d %H:%M} UTC, whose backup is"
                f" {before.backup or '(none)'}",
            )
        )
    else:
        path: Path | None = None
        if backup and database.steps():
            path = place(to, now)
            check_room(path.parent, backup=True)
            made = back_up(path, now=now, passphrase=None, tell=tell)
            say(
                words(
                    f"升级前的备份：{path}（{made.size / 1024**2:.1f} MiB）",
                    f"the backup of before: {path} ({made.size / 1024**2:.1f} MiB)",
                )
            )
        before = Upgrading(began=now, version=version("xiangli"), backup=str(path) if path else None)
        record.write(home(), before)
    try:
        migrate(served_by=served_by, say=say, each=True)
    except Exception as error:
        way_back = (
            words(
                f"要退回：装回原来的版本，在空的地方恢复 {before.backup}。",
                f"The way back: the version of before, and {before.backup} restored into an empty place.",
            )
            if before.backup
            else ""
        )
        raise KeepingError(
            words(
                f"升级没有完成（{type(error).__name__}）。已做完的步骤是完整的，没做完的没有留下痕迹；"
                f"处理后再运行 xiangli upgrade 会接着做。{way_back}",
                f"the upgrade is not finished ({type(error).__name__}). The steps that were made are whole, the others"
                f" left nothing; mend it and run `xiangli upgrade` again, it goes on. {way_back}",
            )
        ) from error
    if left := pending():
        raise KeepingError(words(f"还有 {left} 步没有做", f"{left} steps are still to be made"))


def forget() -> None:
    """The upgrade has ended."""
    record.forget(home(), Upgrading)
