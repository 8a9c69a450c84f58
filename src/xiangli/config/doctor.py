"""What is wrong on this machine, and how to mend it: each check says ok, warn or fail in words a person can
act on.

Nothing is changed, and no value of a key or a person's field is shown.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from xiangli.config.keeping import record
from xiangli.config.launcher.embedded import EXTENSIONS, DatabaseError, unreachable_parent
from xiangli.config.launcher.home import django_ready, embedded, home
from xiangli.config.secrets import FILE, SecretsError, load_secrets
from xiangli.config.words import words

_DISK_WARN: Final = 5 * 1024**3  # bytes
_DISK_FAIL: Final = 512 * 1024**2
_BACKUP_OLD: Final = timedelta(hours=26)  # a nightly one, and two hours for it to run
_WORKER_LATE: Final = timedelta(minutes=2)
_SEALER_LATE: Final = timedelta(minutes=1)
_TIMERS_LATE: Final = timedelta(seconds=30)  # a limit of 10 minutes is nothing worth if it is noticed at 12


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One check's end: its name, what was found, and, where it is not ok, how to mend it."""

    level: Level
    name: str
    found: str
    mend: str = ""


def examine(*, host: str, port: int) -> Iterator[Finding]:
    """Every finding, in the order in which one would mend them."""
    yield _packages()
    yield _front_end()
    yield _disk()
    yield from _home()
    yield _keys()
    yield _files()
    yield from _interrupted()
    yield from _database()
    yield _address(host, port)


def _packages() -> Finding:
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


def _front_end() -> Finding:
    name = words("前端", "front end")
    manifest = Path(__file__).resolve().parent.parent / "web" / "static" / "dist" / "manifest.json"
    if not manifest.exists():
        return Finding(
            Level.FAIL,
            name,
            words("还没有构建", "not built"),
            words("运行 make frontend", "run `make frontend`"),
        )
    return Finding(Level.OK, name, words("已构建", "built"))


def _disk() -> Finding:
    name = words("磁盘空间", "disk space")
    free = shutil.disk_usage(_existing(home())).free
    found = words(f"剩余 {free / 1024**3:.1f} GiB", f"{free / 1024**3:.1f} GiB free")
    mend = words(
        "清理磁盘，或把 XIANGLI_HOME 移到大的磁盘", "make room, or move XIANGLI_HOME to a larger disk"
    )
    level = Level.FAIL if free < _DISK_FAIL else Level.WARN if free < _DISK_WARN else Level.OK
    return Finding(level, name, found, "" if level is Level.OK else mend)


def _home() -> Iterator[Finding]:
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


def _keys() -> Finding:
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


def _files() -> Finding:
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


def _backup(now: datetime) -> Finding:
    """When `xiangli backup` last made one; another program's are not known here."""
    name = words("备份", "backup")
    mend = words(
        "运行 xiangli backup --to 另一块磁盘，并让它每天运行（见 ops/README.md）",
        "run `xiangli backup --to ANOTHER_DISK`, and have it run daily (ops/README.md)",
    )
    last = record.read(home(), record.LastBackup)
    if last is None:
        return Finding(Level.WARN, name, words("还没有做过", "never made"), mend)
    hours = (now - last.at).total_seconds() / 3600
    found = words(f"{hours:.0f} 小时前：{last.file}", f"{hours:.0f} h ago: {last.file}")
    if now - last.at > _BACKUP_OLD:
        return Finding(Level.WARN, name, found, mend)
    if not Path(last.file).exists():
        gone = words(
            f"{last.file} 不在了（移到别处就好）", f"{last.file} is gone (well, if it was moved elsewhere)"
        )
        return Finding(Level.OK, name, gone)
    return Finding(Level.OK, name, found)


def _interrupted() -> Iterator[Finding]:
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


def _database() -> Iterator[Finding]:
    name = words("数据库", "database")
    if not os.environ.get("DATABASE_URL") and not embedded().data.exists():
        yield Finding(Level.OK, name, words("首次启动时建立", "made at the first start"))
        return
    running = bool(os.environ.get("DATABASE_URL")) or embedded().answers()
    try:
        with django_ready():
            yield from _inside(running)
    except DatabaseError as error:
        yield Finding(
            Level.FAIL,
            name,
            str(error),
            words("按上面的说明处理，然后再运行 doctor", "as said, then run doctor again"),
        )
    except (SecretsError, OSError) as error:
        yield Finding(Level.FAIL, name, str(error), words("先处理上面的问题", "mend what stands above first"))


def _inside(running: bool) -> Iterator[Finding]:
    """What only a look into the database tells; `running`: it was up before this look."""
    from django.db import DatabaseError as SqlError
    from django.db import OperationalError, connection

    from xiangli.config.launcher.tables import ahead, pending
    from xiangli.kernel import clock

    name = words("数据库", "database")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
                " pg_encoding_to_char(encoding), datctype, current_setting('search_path'), current_schema(),"
                " (SELECT array_agg(extname::text) FROM pg_extension), now()"
                " FROM pg_database WHERE datname = current_database()"
            )
            shown, number, encoding, ctype, path, schema, extensions, theirs = cursor.fetchone()
    except OperationalError as error:
        yield Finding(
            Level.FAIL,
            name,
            words("连接不上：", "cannot be reached: ") + str(error).strip(),
            words("检查 DATABASE_URL 和数据库服务", "check DATABASE_URL and the server"),
        )
        return
    if number < 180000:
        yield Finding(
            Level.FAIL, name, f"PostgreSQL {shown}", words("需要 PostgreSQL 18", "PostgreSQL 18 is needed")
        )
    else:
        yield Finding(Level.OK, name, f"PostgreSQL {shown}")
    yield from _ground(encoding, ctype, path, schema, set(extensions))
    yield _clock(theirs)
    yield _backup(clock.now())

    steps = pending()
    tables = words("数据库结构", "tables")
    if unknown := ahead():
        yield Finding(
            Level.FAIL,
            tables,
            words(f"比本版本新：{', '.join(unknown)}", f"newer than this version: {', '.join(unknown)}"),
            words("装回升级它的那个版本", "put the version back that upgraded it"),
        )
        return
    if steps:
        yield Finding(
            Level.FAIL,
            tables,
            words(f"还有 {steps} 步没有更新", f"{steps} steps behind this version"),
            words("停下服务，运行 xiangli upgrade", "stop it and run `xiangli upgrade`"),
        )
        return
    yield Finding(Level.OK, tables, words("最新", "up to date"))
    try:
        yield from _loops(clock.now(), running)
        yield from _hours()
        yield from _dead_letters()
        yield _calendar(clock.now())
    except SqlError as error:
        yield Finding(
            Level.FAIL, tables, str(error).strip(), words("运行 xiangli migrate", "run `xiangli migrate`")
        )


def _ground(
    encoding: str, ctype: str, path: str, schema: str | None, extensions: set[str]
) -> Iterator[Finding]:
    """Encoding, locale, extensions and schema: what the tables stand on."""
    name = words("字符集", "locale")
    if encoding != "UTF8" or ctype in {"C", "POSIX"}:
        yield Finding(
            Level.FAIL,
            name,
            f"{encoding} / {ctype}",
            words(
                "中文检索要求 UTF8 和 LC_CTYPE C.UTF-8：请新建这样的数据库，再用 pg_restore 恢复",
                "Chinese search needs UTF8 and LC_CTYPE C.UTF-8: make such a database and restore into it",
            ),
        )
    else:
        yield Finding(Level.OK, name, f"{encoding} / {ctype}")
    name = words("扩展", "extensions")
    if missing := set(EXTENSIONS) - extensions:
        yield Finding(
            Level.FAIL,
            name,
            words("缺少 ", "missing: ") + ", ".join(sorted(missing)),
            words("以管理员执行：", "as the administrator: ")
            + "; ".join(f"CREATE EXTENSION {one} SCHEMA public" for one in sorted(missing)),
        )
    else:
        yield Finding(Level.OK, name, ", ".join(EXTENSIONS))
    wanted = path.split(",")[0].strip().strip('"')
    if schema != wanted:
        yield Finding(
            Level.FAIL,
            "search_path",
            words(f"模式 {wanted} 不存在或无权使用", f"schema {wanted} is not there or may not be used"),
            words("运行 xiangli migrate", "run `xiangli migrate`"),
        )
    else:
        yield Finding(Level.OK, "search_path", path)


def _clock(theirs: datetime) -> Finding:
    from xiangli.kernel import clock

    name = words("时钟", "clock")
    apart = abs((clock.now() - theirs).total_seconds())
    if apart > 5:
        return Finding(
            Level.WARN,
            name,
            words(f"与数据库相差 {apart:.0f} 秒", f"{apart:.0f} s apart from the database's"),
            words("两台机器都要对时（NTP）", "let both machines keep time (NTP)"),
        )
    return Finding(Level.OK, name, words("与数据库一致", "as the database's"))


def _calendar(now: datetime) -> Finding:
    """Whether the holidays are known that deadlines are counted over."""
    from xiangli.kernel.calendar import published_years
    from xiangli.kernel.clocks import SHANGHAI, announced_with

    name = words("工作日历", "working calendar")
    today = now.astimezone(SHANGHAI).date()
    # Next year's announcement comes in late October or in November.
    wanted = [announced_with(today), *([today.year + 1] if today.month >= 11 else [])]
    years = published_years()
    missing = next((year for year in wanted if year not in years), None)
    if missing is None:
        last = max(years)
        return Finding(Level.OK, name, words(f"已有到 {last} 年的放假安排", f"holidays known until {last}"))
    return Finding(
        Level.FAIL if missing <= today.year else Level.WARN,
        name,
        words(
            f"还没有 {missing} 年的放假安排，跨到这一年的期限是暂定的",
            f"the calendar of {missing} is not published: deadlines that reach into it are provisional",
        ),
        words(
            f"通知公布后录入：xiangli calendar --year {missing} --file days.csv，或升级软件包",
            f"once it is announced: `xiangli calendar --year {missing} --file days.csv`, or upgrade",
        ),
    )


def _loops(now: datetime, running: bool) -> Iterator[Finding]:
    """Whether worker and sealer keep up; while nothing runs, what waits is no fault."""
    from xiangli.kernel import outbox, timers
    from xiangli.kernel.ledger import unsealed_tail

    due = timers.waiting(now)
    yield _keeps_up(words("时限", "timers"), "worker", due.count, due.oldest, _TIMERS_LATE, now, running)
    queue = outbox.waiting(now)
    yield _keeps_up(
        words("任务进程", "worker"), "worker", queue.count, queue.oldest, _WORKER_LATE, now, running
    )
    tail = unsealed_tail()
    yield _keeps_up(
        words("封存进程", "sealer"), "sealer", tail.count, tail.oldest, _SEALER_LATE, now, running
    )
    yield _given_up(
        words("卡住的时限", "stuck timers"),
        "timers",
        timers.count_stuck(),
        {f"{one.kind} ({one.last_error})" for one in timers.stuck()},
    )
    yield _given_up(
        words("卡住的任务", "stuck jobs"),
        "outbox",
        outbox.count_stuck(),
        {f"{one.topic} ({one.last_error})" for one in outbox.stuck()},
    )


def _given_up(name: str, command: str, count: int, kinds: set[str]) -> Finding:
    if not count:
        return Finding(Level.OK, name, "0")
    mend = words(
        f"看日志找到原因并处理后重试：xiangli manage {command} --retry",
        f"find the cause in the log, mend it, then try again: xiangli manage {command} --retry",
    )
    return Finding(Level.FAIL, name, f"{count}: {', '.join(sorted(kinds))}", mend)


def _hours() -> Iterator[Finding]:
    """Whether the hours of every county can be read; they may have been written past `xiangli county`."""
    from xiangli.kernel.clocks import parse_hours
    from xiangli.territory.models import County
    from xiangli.territory.rules import parse_quiet_hours

    name = words("各县时间", "counties' hours")
    wrong = []
    for county in County.objects.select_related("unit").order_by("unit__path"):
        try:
            parse_hours(county.duty_hours)
            if county.quiet_hours:
                parse_quiet_hours(county.quiet_hours)
        except ValueError as error:
            wrong.append(f"{county.unit.short_name} ({county.unit.path}): {error}")
    if wrong:
        mend = words(
            "重新设置：xiangli county 路径 --duty-hours … --quiet-hours …",
            "set them: xiangli county PATH --duty-hours … --quiet-hours …",
        )
        yield Finding(Level.FAIL, name, "; ".join(wrong), mend)
    else:
        yield Finding(Level.OK, name, words("都能读懂", "can be read"))


def _dead_letters() -> Iterator[Finding]:
    """Messages that no channel would take, and that wait for a person."""
    from xiangli.notices.queries import dead_letters

    name = words("没有送到的消息", "undelivered messages")
    rows = dead_letters()
    if not rows:
        yield Finding(Level.OK, name, "0")
        return
    yield Finding(
        Level.WARN,
        name,
        ", ".join(f"{county} {kind} {count}" for county, kind, count in rows),
        words(
            "在 /deliveries/ 再试或转给人告知；通道本身用 xiangli channel test 检查",
            "retry them or hand them to a person at /deliveries/; look at the channel with `xiangli channel test`",
        ),
    )


def _keeps_up(
    name: str,
    command: str,
    count: int,
    oldest: datetime | None,
    late: timedelta,
    now: datetime,
    running: bool,
) -> Finding:
    waited = now - oldest if oldest else timedelta(0)
    found = words(f"{count} 件待办", f"{count} waiting")
    if oldest is not None:
        seconds = f"{max(0.0, waited.total_seconds()):.0f}"
        found += words(f"，最早的等了 {seconds} 秒", f", the oldest for {seconds} s")
    if waited <= late:
        return Finding(Level.OK, name, found)
    mend = words(
        f"确认 xiangli {command} 在运行，并看它的日志", f"see that `xiangli {command}` runs, and its log"
    )
    return Finding(Level.FAIL if running else Level.WARN, name, found, mend)


def _address(host: str, port: int) -> Finding:
    name = words("地址", "address")
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return Finding(Level.OK, name, words(f"{host}:{port} 空闲", f"{host}:{port} is free"))
    return Finding(Level.OK, name, words(f"{host}:{port} 有服务在应答", f"{host}:{port} is being served"))


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above that is there."""
    return next(folder for folder in [path, *path.parents] if folder.exists())
