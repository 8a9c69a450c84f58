"""`xiangli serve`"""

import os

import click

from xiangli.config.words import words


@click.command(
    "serve",
    help=words(
        "只运行网页服务：数据库、任务进程和封存进程另外运行时用，须设 DATABASE_URL。",
        "The web server alone, where database, worker and sealer are run by other means; needs DATABASE_URL.",
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
def command(*, host: str, port: int, workers: int) -> None:
    from xiangli.config.launcher.home import django_ready
    from xiangli.config.launcher.serve import StartError, is_loopback, serve

    if not os.environ.get("DATABASE_URL"):
        raise StartError(
            words(
                "没有 DATABASE_URL。内置数据库请用 xiangli run。",
                "there is no DATABASE_URL. With the embedded database use `xiangli run`.",
            )
        )
    with django_ready():
        from xiangli.accounts.queries import demo_people_exist
        from xiangli.config.launcher.tables import ahead, pending

        if pending() or ahead():
            raise StartError(
                words(
                    "数据库结构不是本版本的：先运行 xiangli upgrade。",
                    "the tables are not those of this version: run `xiangli upgrade` first.",
                )
            )
        if not is_loopback(host) and demo_people_exist():
            raise StartError(
                words(
                    "数据库里有演示人员，只能在本机地址上运行。",
                    "there are demo people in this database: it is served on loopback only.",
                )
            )
    serve(host=host, port=port, workers=workers)
