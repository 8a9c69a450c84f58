"""`xiangli migrate`"""

import click

from xiangli.config.words import words


@click.command("migrate", help=words("更新数据库结构和权限。", "Bring tables and privileges up to date."))
def command() -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True) as served_by:
        from xiangli.config.launcher.tables import migrate

        migrate(served_by=served_by, say=lambda line: print(line, flush=True))
