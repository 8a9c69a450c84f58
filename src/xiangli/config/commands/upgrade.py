"""`xiangli upgrade`"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xiangli.config.words import words

if TYPE_CHECKING:
    from xiangli.config.keeping.steps import Step


@click.command(
    "upgrade",
    help=words(
        "把数据升级到本版本：先备份，再更新数据库结构，最后校验存证。中断后再运行一次就会接着做。",
        "Bring the data to this version: a backup first, then the tables, then the ledger is verified. Run it again"
        " when something came in between: it goes on.",
    ),
)
@click.option(
    "--dry-run",
    is_flag=True,
    help=words("只说要做什么，什么也不改", "only say what there is to do, and change nothing"),
)
@click.option("--no-backup", is_flag=True, help=words("不先备份", "without a backup of before"))
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help=words("备份写到这里；默认 XIANGLI_HOME/backups", "the backup goes there; else XIANGLI_HOME/backups"),
)
def command(*, dry_run: bool, no_backup: bool, to: Path | None) -> None:
    from xiangli.config.commands.verify_ledger import command as verify_ledger
    from xiangli.config.keeping.faults import KeepingError
    from xiangli.config.launcher.home import django_ready, embedded

    running = not os.environ.get("DATABASE_URL") and embedded().answers()
    if running and not dry_run:
        raise KeepingError(
            words("巷里正在运行：请先停下它再升级。", "Xiangli is running: stop it, then upgrade.")
        )
    with django_ready(owner=True) as served_by:
        from xiangli.config.keeping import database, steps, upgrading
        from xiangli.config.keeping.progress import shown
        from xiangli.kernel import clock

        upgrading.check_not_ahead()
        ahead_of_us = steps.pending_steps() if database.steps() else []
        others = 0 if running else database.sessions_of(served_by)
        if dry_run:
            _rehearse(ahead_of_us, others=others, running=running, to=to, backup=not no_backup)
            return
        if not ahead_of_us and database.steps() and not upgrading.began_before():
            print(
                words(
                    "数据库结构已是本版本，没有要做的步骤。", "The tables are those of this version already."
                )
            )
            return
        if others:
            raise KeepingError(
                words(
                    f"还有 {others} 个连接在使用这个数据库：请先停下服务。什么也没有改动。",
                    f"{others} others are connected to this database: stop the service first. Nothing was changed.",
                )
            )
        with shown() as tell:
            upgrading.upgrade(
                now=clock.now(),
                to=to,
                backup=not no_backup,
                served_by=served_by,
                tell=tell,
                say=lambda line: print(line, flush=True),
            )
        verify_ledger.main([], standalone_mode=False)
        upgrading.forget()
    print(words("升级完成，可以启动了。", "The upgrade is done; it can be started."))


def _rehearse(steps: "list[Step]", *, others: int, running: bool, to: Path | None, backup: bool) -> None:
    """What an upgrade would do, and what is in its way."""
    from xiangli.config.keeping import record, upgrading
    from xiangli.config.keeping.faults import KeepingError
    from xiangli.config.keeping.steps import told
    from xiangli.config.launcher.home import home
    from xiangli.kernel import clock

    print(words(f"要做 {len(steps)} 步：", f"{len(steps)} steps to make:"))
    for line in told(steps):
        print(f"  {line}")
    if running or others:
        print(words("! 服务在运行，升级前要停下。", "! It is running: stop it before the upgrade."))
    last = record.read(home(), record.LastBackup)
    if last is None:
        print(words("! 还没有用 xiangli backup 备份过。", "! `xiangli backup` never made a backup here."))
    else:
        hours = (clock.now() - last.at).total_seconds() / 3600
        print(
            words(
                f"上次备份在 {hours:.0f} 小时前：{last.file}", f"last backup: {hours:.0f} h ago, {last.file}"
            )
        )
    try:
        upgrading.check_room(_folder(to), backup=backup)
    except KeepingError as error:
        print(f"! {error}")
    print(words("什么也没有改动。", "Nothing was changed."))


def _folder(to: Path | None) -> Path:
    from xiangli.config.launcher.home import home

    folder = to or home()
    return folder if folder.is_dir() else folder.parent
