"""What the kernel does at night."""

from datetime import datetime, time, timedelta
from typing import Final

from xiangli.kernel import files, jobs, outbox, throttle

_DAILY: Final = timedelta(days=1)


@outbox.periodic("kernel.sweep_files", every=_DAILY, at=time(3, 20))
def sweep_files(now: datetime) -> int:
    """Remove pictures that nothing refers to."""
    return files.sweep(now)


@outbox.periodic("kernel.forget_old_rows", every=_DAILY, at=time(3, 40))
def forget_old_rows(now: datetime) -> int:
    """Delete effects done a week ago and counts that no window asks for; returns how many."""
    return outbox.forget_done(now) + throttle.forget_old(now)


@outbox.periodic("kernel.forget_jobs", every=timedelta(hours=1))
def forget_jobs(now: datetime) -> int:
    """Delete the jobs of yesterday, with what they were given and what they made; returns how many jobs."""
    return jobs.forget_old(now)
