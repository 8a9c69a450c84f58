"""The one place that reads the wall clock, so that rules can take `now` and a test or the demo can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_set_to: ContextVar[datetime | None] = ContextVar("xiangli.clock", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _set_to.get() or timezone.now()


@contextmanager
def set_to(moment: datetime) -> Iterator[None]:
    """Within the block it is `moment` (aware): for tests, and for a demo that tells of a month gone by."""
    token = _set_to.set(moment)
    try:
        yield
    finally:
        _set_to.reset(token)
