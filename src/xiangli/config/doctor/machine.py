"""The machine: what can be told without Django and without the database."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from xiangli.config.keeping import record
from xiangli.config.launcher.embedded import unreachable_parent
from xiangli.config.launcher.home import embedded, home
from xiangli.config.secrets import FILE, SecretsError, load_secrets
from xiangli.config.words import words

from .findings import Finding, Level

_WEB: Final = Path(__file__).resolve().parents[2] / "web"
_DISK_WARN: Final = 5 * 1024**3  # bytes
_DISK_FAIL: Final = 512 * 1024**2


def packages() -> Finding:
    """Whether what is installed is what this version wants."""
    name = words("软件包", "packages")
    wrong = []
    for line in requires("xiangli") or []:
        wanted = Requirement(line)
        try:
            if not wanted.specifier.contains(version(wanted.name), prereleases=True):
                wrong.append(f"{wanted.name} {version(wanted.name)}")
        except PackageNotFoundError:
            wrong.append(wanted.name)
    if wrong:
        found = words("缺少或版本不对：", "missing or of a wrong version: ") + ", ".join(wrong)
        return Finding(Level.FAIL, name, found, words("运行 make env", "run `make env`"))
    return Finding(Level.OK, name, f"xiangli {version('xiangli')}, Python {sys.version.split()[0]}")


def front_end() -> Finding:
    """Whether styles and scripts were built."""
    name = words("前端", "front end")
    manifest = _WEB / "static" / "dist" / "manifest.json"
    if not manifest.exists():
        return Finding(
            Level.FAIL,
            name,
            words("还没有构建", "not built"),
            words("运行 make frontend", "run `make frontend`"),
        )
    return Finding(Level.OK, name, words("已构建", "built"))


def disk() -> Finding:
    """Whether there is room."""
    name = words("磁盘空间", "disk space")
    free = shutil.disk_usage(_existing(home())).free
    found = words(f"剩余 {free / 1024**3:.1f} GiB", f"{free / 1024**3:.1f} GiB free")
    mend = words(
        "清理磁盘，或把 XIANGLI_HOME 移到大的磁盘", "make room, or move XIANGLI_HOME to a larger disk"
    )
    level = Level.FAIL if free < _DISK_FAIL else Level.WARN if free < _DISK_WARN else Level.OK
    return Finding(level, name, found, "" if level is Level.OK else mend)


def data_folder() -> Iterator[Finding]:
    """Whether the home can be used by who must."""
    name = words("数据目录", "data folder")
    folder = home()
    if not os.access(_existing(folder), os.W_OK | os.X_OK):
        yield Finding(
            Level.FAIL,
            name,
            words(f"{folder} 不能写入", f"{folder} cannot be written"),
            words("改变它的属主，或另设 XIANGLI_HOME", "change its owner, or set another XIANGLI_HOME"),
        )
        return
    if os.environ.get("DATABASE_URL"):
        yield Finding(Level.OK, name, str(folder))
        return
    server = embedded()
    blocked = unreachable_parent(server.data, server.uid, server.gid)
    if blocked is not None and blocked != server.data:
        yield Finding(
            Level.FAIL,
            name,
            words(
                f"数据库以用户 {server.uid} 运行，不能进入 {blocked}",
                f"the database runs as user {server.uid}, which may not pass {blocked}",
            ),
            words(
                f"以普通用户运行；或执行 chmod o+x {blocked}；或把 XIANGLI_HOME 放到 /srv 下",
                f"run as an ordinary user, or chmod o+x {blocked}, or put XIANGLI_HOME under /srv",
            ),
        )
        return
    if server.data.exists() and stat.S_IMODE(server.data.stat().st_mode) & 0o077:
        yield Finding(
            Level.FAIL,
            name,
            words(f"{server.data} 别人可以读取", f"{server.data} can be read by others"),
            f"chmod 700 {server.data}",
        )
        return
    yield Finding(Level.OK, name, str(folder))


def keys() -> Finding:
    """Whether the keys are there and closed to others."""
    name = words("密钥", "keys")
    given = all(os.environ.get(f"XIANGLI_{key}_KEY") for key in ("SECRET", "MASTER", "LEDGER"))
    if not given and not (home() / FILE).exists():
        return Finding(Level.OK, name, words("首次启动时生成", "made at the first start"))
    try:
        load_secrets(home())
    except (SecretsError, OSError) as error:
        return Finding(
            Level.FAIL,
            name,
            str(error),
            words("按上面的说明处理，或从备份恢复", "as said, or restore the backup"),
        )
    return Finding(Level.OK, name, words("齐全", "complete"))


def files() -> Finding:
    """Whether photos can be written."""
    name = words("照片目录", "pictures")
    if os.environ.get("XIANGLI_S3_BUCKET"):
        return Finding(Level.OK, name, words("对象存储", "object storage"))
    folder = _existing(home() / "files")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            Level.FAIL,
            name,
            words(f"{folder} 不能写入：{error.strerror}", f"{folder} cannot be written: {error.strerror}"),
            words("改变它的属主", "change its owner"),
        )
    return Finding(Level.OK, name, str(home() / "files"))


def interrupted() -> Iterator[Finding]:
    """An upgrade that began and has not said that it ended."""
    began = record.read(home(), record.Upgrading)
    if began is not None:
        yield Finding(
            Level.FAIL,
            words("升级", "upgrade"),
            words(
                f"{began.began:%Y-%m-%d %H:%M} UTC 开始升级到 {began.version}，没有做完",
                f"the one to {began.version} of {began.began:%Y-%m-%d %H:%M} UTC has not said that it ended",
            ),
            words("再运行一次 xiangli upgrade", "run `xiangli upgrade` again"),
        )


def address(host: str, port: int) -> Finding:
    """Whether somebody serves there. Both may be right."""
    name = words("地址", "address")
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return Finding(Level.OK, name, words(f"{host}:{port} 空闲", f"{host}:{port} is free"))
    return Finding(Level.OK, name, words(f"{host}:{port} 有服务在应答", f"{host}:{port} is being served"))


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above that is there."""
    return next(folder for folder in [path, *path.parents] if folder.exists())
