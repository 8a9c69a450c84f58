"""The one place that draws lots, from a source that nobody can foresee, so that a test or the demo can set what is
drawn."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_set_to: ContextVar[int | None] = ContextVar("xiangli.chance", default=None)


def drawn(below: int) -> int:
    """A number from 0 to `below` - 1."""
    number = _set_to.get()
    return secrets.randbelow(below) if number is None else number % below


@contextmanager
def set_to(number: int) -> Iterator[None]:
    """Within the block `number` is drawn, whatever is asked: for tests, and for a demo that is the same each
    time."""
    token = _set_to.set(number)
    try:
        yield
    finally:
        _set_to.reset(token)
