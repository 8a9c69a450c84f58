"""How far keeping is, on the terminal: a bar where somebody looks, a line for each stage where a timer does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

# What is being done, how much of it is done, of how much (0: nobody knows).
Tell = Callable[[str, int, int], object]


def told(chunks: Iterable[bytes], what: str, tell: Tell) -> Iterator[bytes]:
    """Chunks as they come, with a word about how much has passed."""
    done = 0
    for chunk in chunks:
        done += len(chunk)
        tell(what, done, 0)
        yield chunk


@contextmanager
def shown() -> Iterator[Tell]:
    """Yields what the work calls with what it does, how much is done, and of how much (0: nobody knows)."""
    if not sys.stderr.isatty():
        said: set[str] = set()

        def line(what: str, _done: int, _total: int) -> None:
            if what not in said:
                said.add(what)
                click.echo(f"… {what}", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[much]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def draw(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None, much="")
            much = f"{done}/{total}" if total else f"{done / 1024**2:.0f} MiB" if done else ""
            bar.update(tasks[what], completed=done, total=total or None, much=much)

        yield draw
