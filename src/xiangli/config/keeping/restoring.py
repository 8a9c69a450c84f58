"""Bringing a backup back, into an empty place and nowhere else.

In three strokes, each of which can be made again: the photos (a photo's name follows from its content), the database
(one transaction: all or nothing), then what a start does anyway. So a restore that was killed is run again; only after
the database stands does it say so instead, because from then on somebody may have worked in it.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from packaging.version import Version

from xiangli.config.launcher.home import embedded, home
from xiangli.config.launcher.tables import migrate
from xiangli.config.words import words

from . import archive, database, pictures
from .archive import DUMP, FILES, HEADS, Manifest
from .faults import KeepingError
from .progress import Tell, told


def check_version(manifest: Manifest) -> None:
    """Raises KeepingError when a newer version than this one made the backup."""
    known = set(MigrationLoader(None).disk_migrations)
    made = {(app, name) for app, names in manifest.migrations.items() for name in names}
    if made - known or Version(manifest.version) > Version(version("xiangli")):
        raise KeepingError(
            words(
                f"这份备份由更新的版本 {manifest.version} 制作，这里是 {version('xiangli')}。"
                "请先装上那个版本，再恢复。没有改动任何东西。",
                f"this backup was made by the newer version {manifest.version}, this is {version('xiangli')}."
                " Put that version in place first. Nothing was changed.",
            )
        )


def check_place(manifest: Manifest, names: set[str]) -> None:
    """Raises KeepingError unless the database holds nothing of anybody, and the photos' storage nothing but what may
    come out of this backup (`names`: of its photos)."""
    if database.holds_something():
        raise KeepingError(
            words(
                "这里的数据库已有数据，恢复不会覆盖它，什么也没有改动。请用另一个空的 XIANGLI_HOME"
                "（或另建一个空数据库）恢复；确实要换掉这里的数据，先停下服务、把旧的移走。",
                "this database holds data, and a restore never writes over data; nothing was changed. Restore into"
                " another, empty XIANGLI_HOME (or a new, empty database). If these data are to go: stop the service"
                " and move them away first.",
            )
        )
    if (schema := database.schema()) != manifest.schema:
        raise KeepingError(
            words(
                f"备份里的表在模式 {manifest.schema}，这里是 {schema}：请在 DATABASE_URL 后加"
                f" ?search_path={manifest.schema},public",
                f"the backup's tables are in the schema {manifest.schema}, here it is {schema}: add"
                f" ?search_path={manifest.schema},public to DATABASE_URL",
            )
        )
    strange = next((name for name in pictures.stored() if name not in names), None)
    if strange is not None:
        raise KeepingError(
            words(
                f"{pictures.where()} 里有不属于这份备份的照片：请移走后再恢复。什么也没有改动。",
                f"{pictures.where()} holds photos that are not of this backup: move them away, then restore."
                " Nothing was changed.",
            )
        )


def names_in(path: Path) -> set[str]:
    """The names of the photos in a backup."""
    return {name.removeprefix(FILES) for name, _part in archive.parts(path) if name.startswith(FILES)}


def restore(path: Path, manifest: Manifest, *, served_by: str | None, tell: Tell) -> None:
    """Bring a checked backup into this empty place. Needs Django, as the owner of the tables.

    Raises KeepingError, whose words say what stands by then and what to do.
    """
    check_version(manifest)
    names = names_in(path)
    check_place(manifest, names)
    done = 0
    for name, part in archive.parts(path):
        if name.startswith(FILES):
            pictures.put(name.removeprefix(FILES), part)
            done += 1
            tell(words("照片", "photos"), done, len(names))
        elif name.startswith(HEADS):
            _put_head(name.removeprefix(HEADS), b"".join(archive.chunks_of(part)))
    database.clear()
    for name, part in archive.parts(path):
        if name == DUMP:
            try:
                database.load(told(archive.chunks_of(part), words("数据库", "database"), tell))
            except KeepingError as error:
                again = words(
                    "数据库里什么也没有留下；照片已经放好。处理后再运行一次同样的命令即可。",
                    "Nothing of it is in the database; the photos are in place. Mend it and run the same command"
                    " again.",
                )
                raise KeepingError(f"{error}\n{again}") from error
    _check_whole(manifest)
    tell(words("数据库结构", "tables"), 0, 0)
    try:
        migrate(served_by=served_by, say=lambda _line: None)
    except Exception as error:
        raise KeepingError(
            words(
                f"数据已经全部恢复，但数据库结构没有更新到本版本（{type(error).__name__}）。"
                "请运行 xiangli upgrade 完成；它可以重复运行。",
                f"the data are restored wholly, but the tables are not those of this version yet"
                f" ({type(error).__name__}). Run `xiangli upgrade`, which may be run again.",
            )
        ) from error


def _check_whole(manifest: Manifest) -> None:
    found = database.count_rows()
    wrong = sorted(table for table, count in manifest.rows.items() if found.get(table) != count)
    if set(database.last_seals()) != set(manifest.seals):
        wrong.append(words("封存", "seals"))
    if wrong:
        raise KeepingError(
            words(
                f"恢复出来的和备份记下的不一致：{', '.join(wrong)}。请不要启动服务。{_how_to_clean()}",
                f"what was restored is not what the backup wrote down: {', '.join(wrong)}. Do not serve it."
                f" {_how_to_clean()}",
            )
        )


def _how_to_clean() -> str:
    if os.environ.get("DATABASE_OWNER_URL") and embedded().data.exists():
        gone = ", ".join(str(home() / name) for name in ("pg", "files", "ledger-heads"))
        return words(f"要重来，先删除 {gone}。", f"To begin again delete {gone} first.")
    return words(
        f"要重来，先以表的属主执行 DROP SCHEMA {database.schema()} CASCADE，并清空 {pictures.where()}。",
        f"To begin again, as the owner: DROP SCHEMA {database.schema()} CASCADE, and empty {pictures.where()}.",
    )


def _put_head(name: str, content: bytes) -> None:
    folder: Path = settings.LEDGER_HEADS
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
