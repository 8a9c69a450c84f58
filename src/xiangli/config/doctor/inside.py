"""What only a look into the database tells. Django's models are imported once it stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from xiangli.config.keeping import record
from xiangli.config.launcher.embedded import EXTENSIONS
from xiangli.config.launcher.home import home
from xiangli.config.words import words

from .findings import Finding, Level

_BACKUP_OLD: Final = timedelta(hours=26)  # a nightly one, and two hours for it to run
_WORKER_LATE: Final = timedelta(minutes=2)
_SEALER_LATE: Final = timedelta(minutes=1)
_TIMERS_LATE: Final = timedelta(seconds=30)  # a limit of 10 minutes is nothing worth if it is noticed at 12


def inside(running: bool) -> Iterator[Finding]:
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
