"""Work that takes longer than somebody waits for a page: asked for with a row, done by the worker, watched with a bar.

A kind is registered in the `tasks` of a module. It must bear a second call: a worker may be killed in the middle, and
then the job is taken up again, three times in all. What was given and what is made is sealed for who asked, and goes
a day after it was asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.canonical import plain
from xiangli.kernel.crypto import open_sealed, seal
from xiangli.kernel.models import Job, JobFile
from xiangli.kernel.refusals import Refused

KEEP: Final = timedelta(hours=24)
AT_ONCE: Final = 5  # jobs of one person that wait or run: one click too many must not keep a county waiting
POLL: Final = timedelta(seconds=1)
LEASE: Final = timedelta(minutes=2)  # renewed with every look at how far it is
ATTEMPTS: Final = 3
_TELL: Final = 0.5  # seconds between two looks at how far it is

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended: words for who asked, and a file to take away, where there is one."""

    verdict: str
    filename: str = ""
    media_type: str = "application/octet-stream"
    content: bytes = b""


class Running:
    """A job in the making, as its kind sees it."""

    def __init__(self, job: Job, content: bytes, filename: str) -> None:
        self.id: UUID = job.pk
        self.asked_by: UUID = job.asked_by
        self.params: Mapping[str, Any] = job.params
        self.content = content  # of the file that was given; empty without one
        self.filename = filename
        self.progress: tuple[str, int, int] = ("", 0, 0)

    def say(self, what: str, done: int, total: int) -> None:
        """What it is doing, and how much of it is done. Costs nothing: somebody else writes it down."""
        self.progress = (what[:120], done, total)


Kind = Callable[[Running], Result]
K = TypeVar("K", bound=Kind)
_kinds: dict[str, Kind] = {}


def kind(name: str) -> Callable[[K], K]:
    """Register who does the jobs of this kind. A Refused is how it ended, in its own words; any other error too, in
    words that say nothing of it."""

    def register(function: K) -> K:
        if _kinds.setdefault(name, function) is not function:
            raise ValueError(f"jobs of kind {name!r} are done by another already")
        return function

    return register


def start(
    name: str,
    *,
    by: UUID,
    params: Mapping[str, Any] | None = None,
    content: bytes = b"",
    filename: str = "",
    back: str = "",
) -> Job:
    """Ask for a job in the caller's transaction. `params`: ids and codes only; `back`: the page to go on from. Raises
    Refused (jobs_waiting) where the person waits for so many already."""
    now = clock.now()
    waiting = Job.objects.filter(asked_by=by, state__in=(Job.State.WAITING, Job.State.RUNNING))
    if waiting.filter(expires_at__gt=now).count() >= AT_ONCE:
        raise Refused(
            "jobs_waiting", _("您已有 %(count)d 个长任务还没处理完，请等它们完成再试。") % {"count": AT_ONCE}
        )
    return _asked(name, by, now, params=params, content=content, filename=filename, back=back)


def _asked(
    name: str,
    by: UUID,
    now: datetime,
    *,
    content: bytes,
    filename: str,
    params: Mapping[str, Any] | None = None,
    back: str = "",
    state: Job.State = Job.State.WAITING,
) -> Job:
    with transaction.atomic():
        job = Job.objects.create(
            kind=name,
            asked_by=by,
            language=translation.get_language() or "zh-hans",
            params=plain(params or {}),
            back=back,
            state=state,
            asked_at=now,
            ended_at=now if state == Job.State.DONE else None,
            expires_at=now + KEEP,
        )
        if content:
            _keep(job, JobFile.Side.GIVEN, filename, "application/octet-stream", content)
    return job


def hold(name: str, *, by: UUID, content: bytes, filename: str) -> Job:
    """Keep a file between the page that read it and the page that confirms: a job with nothing to do, for a day."""
    return _asked(name, by, clock.now(), content=content, filename=filename, state=Job.State.DONE)


def held(job_id: UUID, name: str, *, by: UUID, now: datetime) -> bytes | None:
    """What `hold` keeps, for the person who brought it; None: there is no such file, or no longer."""
    job = job_of(job_id, by=by, now=now)
    file = given(job) if job is not None and job.kind == name else None
    return file[1] if file is not None else None


def job_of(job_id: UUID, *, by: UUID, now: datetime) -> Job | None:
    """A job of the person who asked for it, until it expires. One statement."""
    return Job.objects.filter(pk=job_id, asked_by=by, expires_at__gt=now).first()


def made(job: Job) -> tuple[str, str, bytes] | None:
    """Name, media type and content of what a job made; None: it made no file. Whether the person may have it is for
    the caller to know (`job_of`)."""
    file = JobFile.objects.filter(job=job, side=JobFile.Side.MADE).first()
    return (file.name, file.media_type, _opened(file)) if file is not None else None


def given(job: Job) -> tuple[str, bytes] | None:
    """Name and content of the file that a job was given."""
    file = JobFile.objects.filter(job=job, side=JobFile.Side.GIVEN).first()
    return (file.name, _opened(file)) if file is not None else None


# -- doing


def run_one(now: datetime, *, watched: bool = True) -> bool:
    """Do the oldest job that waits, or that a killed worker left; False: there is none. `watched`: write down how far
    it is while it runs, on a connection of its own."""
    _load_kinds()
    job = _claim(now)
    if job is None:
        return False
    with translation.override(job.language):
        if job.attempts > ATTEMPTS:
            _end(job, Job.State.FAILED, _("处理中断了几次，没有完成。请稍后再试，或找管理员。"))
            return True
        try:
            result = _do(job, watched=watched)
            _end(job, Job.State.DONE, result.verdict, result)
        except Refused as refused:
            _end(job, Job.State.FAILED, str(refused))
        except Exception as error:
            if (
                not connection.is_usable()
            ):  # the database is gone, not the job at fault: the lease brings it back
                raise DatabaseError("the connection was lost in the middle of a job") from error
            _log.exception("job of kind %s failed", job.kind)
            _end(job, Job.State.FAILED, _("出了意外，没有完成，什么也没有改动。请稍后再试，或找管理员。"))
    return True


def _do(job: Job, *, watched: bool) -> Result:
    filename, content = given(job) or ("", b"")
    running = Running(job, content, filename)
    with _watched(running, job.attempts) if watched else _unwatched():
        return _kinds[job.kind](running)


def run_jobs(stop: threading.Event) -> None:
    """Do jobs, one after the other, until told to stop."""
    while not stop.is_set():
        try:
            if not run_one(clock.now()):
                stop.wait(POLL.total_seconds())
        except DatabaseError:
            _log.warning("jobs: the database does not answer")
            connection.close()
            stop.wait(5)


def forget_old(now: datetime) -> int:
    """Delete the jobs that expired, and their files; returns how many jobs."""
    _rows, each = Job.objects.filter(expires_at__lte=now).delete()
    return each.get(Job._meta.label, 0)


@cache
def _load_kinds() -> None:
    autodiscover_modules("tasks")


def _claim(now: datetime) -> Job | None:
    with transaction.atomic():
        left = Q(state=Job.State.RUNNING, leased_until__lte=now)
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(Q(state=Job.State.WAITING) | left)
            .order_by("asked_at")
            .first()
        )
        if job is not None:
            job.state, job.leased_until = Job.State.RUNNING, now + LEASE
            job.attempts += 1
            job.save(update_fields=["state", "leased_until", "attempts"])
    return job


def _end(job: Job, state: Job.State, verdict: str, result: Result | None = None) -> None:
    """Write down how it ended; nothing, where another worker took it up meanwhile: then that one's end counts."""
    with transaction.atomic():
        ours = Job.objects.select_for_update().only("pk")
        if ours.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts).first() is None:
            _log.warning("a job of kind %s was taken up by another worker meanwhile", job.kind)
            return
        if result is not None and result.content:
            _keep(job, JobFile.Side.MADE, result.filename, result.media_type, result.content)
        Job.objects.filter(pk=job.pk).update(
            state=state, verdict=verdict, ended_at=clock.now(), leased_until=None, saying="", done=F("total")
        )


@contextmanager
def _watched(running: Running, attempt: int) -> Iterator[None]:
    """Beside the work, which may be one long transaction: a thread, whose connection commits by itself."""
    stop = threading.Event()

    def tell() -> None:
        last: tuple[str, int, int] | None = None
        renewed = clock.now()
        try:
            while not stop.wait(_TELL):
                now = clock.now()
                if running.progress == last and now - renewed < LEASE / 4:
                    continue
                saying, done, total = progress = running.progress
                try:
                    Job.objects.filter(pk=running.id, state=Job.State.RUNNING, attempts=attempt).update(
                        saying=saying, done=done, total=total, leased_until=now + LEASE
                    )
                except (
                    DatabaseError
                ):  # the work goes on: without its lease another would take it up beside this one
                    _log.warning("jobs: how far a job is could not be written down")
                    connection.close()
                else:
                    last, renewed = progress, now
        finally:
            connection.close()

    thread = threading.Thread(target=tell, name="job-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _unwatched() -> Iterator[None]:
    yield


def _keep(job: Job, side: JobFile.Side, name: str, media_type: str, content: bytes) -> None:
    JobFile.objects.create(
        job=job,
        side=side,
        name=name[-120:],
        media_type=media_type,
        content=seal(content, scope=job.asked_by, context=f"job:{job.pk}:{side}"),
    )


def _opened(file: JobFile) -> bytes:
    job = file.job
    return open_sealed(bytes(file.content), scope=job.asked_by, context=f"job:{job.pk}:{file.side}")
