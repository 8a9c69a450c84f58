"""`xiangli worker`"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import click

from xiangli.config.words import words

Loop = Callable[[threading.Event], None]


@click.command(
    "worker",
    help=words(
        "到点触发时限、执行发件箱里的任务和有人等着的长任务，直到被停止。可以同时运行几个。",
        "Fire what is due, do the outbox's jobs and the long work that people wait for, until stopped. Several may run at once.",
    ),
)
def command() -> None:
    from xiangli.config.commands._loop import until_told

    until_told(_loops)


def _loops() -> Loop:
    from xiangli.kernel.jobs import run_jobs
    from xiangli.kernel.outbox import run_worker
    from xiangli.kernel.timers import run_timers

    return lambda stop: side_by_side(stop, run_worker, run_timers, run_jobs)


def side_by_side(stop: threading.Event, *loops: Loop) -> None:
    """Run loops until `stop` is set, each in a thread with a connection of its own: a nightly job or a provider that
    is slow to answer takes its time in the outbox, and no limit may wait for it. (A second process would keep a second
    copy of everything in the memory of a county's small machine.)

    If one loop ends with an error the others are stopped, and the error is raised: half a worker looks like a whole.
    """
    from django.db import connections

    def run(loop: Loop) -> None:
        try:
            loop(stop)
        finally:
            stop.set()
            connections.close_all()

    with ThreadPoolExecutor(len(loops), thread_name_prefix="loop") as threads:
        ends = [threads.submit(run, loop) for loop in loops]
    for end in ends:
        end.result()
