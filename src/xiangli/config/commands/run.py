"""`xiangli run`"""

import click

from xiangli.config.words import words


@click.command(
    "run", help=words("启动整套服务，Ctrl-C 停止。", "Start everything and serve; Ctrl-C stops it.")
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--demo", is_flag=True, help=words("数据库为空时装入演示数据", "load the demo into an empty database")
)
def command(*, host: str, port: int, workers: int, demo: bool) -> None:
    from xiangli.config.launcher.serve import run

    run(host=host, port=port, workers=workers, demo=demo, say=lambda line: print(line, flush=True))
