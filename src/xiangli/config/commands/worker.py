"""`xiangli worker`"""

import threading
from collections.abc import Callable

import click

from xiangli.config.words import words


@click.command(
    "worker", help=words("执行发件箱里的任务，直到被停止。", "Do the outbox's jobs until stopped.")
)
def command() -> None:
    from xiangli.config.commands._loop import until_told

    until_told(_loop)


def _loop() -> Callable[[threading.Event], None]:
    from xiangli.kernel.outbox import run_worker

    return run_worker
