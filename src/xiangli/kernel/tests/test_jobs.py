from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from xiangli.kernel import clock, jobs
from xiangli.kernel.jobs import Result, Running
from xiangli.kernel.models import Job, JobFile
from xiangli.kernel.refusals import Refused


@jobs.kind("tests.shout")
def shout(job: Running) -> Result:
    job.say("shouting", 1, 2)
    if job.content == b"refuse":
        raise Refused("too_loud", "too loud")
    if job.content == b"break":
        raise ValueError("a number that nobody may read: 13800000000")
    return Result("shouted", f"{job.filename}.txt", "text/plain", job.content.upper())


def _start(content: bytes) -> Job:
    return jobs.start("tests.shout", by=uuid4(), content=content, filename="words")


@pytest.mark.django_db
def test_a_job_is_done_once_and_its_file_is_its_owners() -> None:
    job = _start(b"hello")
    assert jobs.run_one(clock.now(), watched=False)
    assert not jobs.run_one(clock.now(), watched=False)
    assert jobs.job_of(job.pk, by=uuid4(), now=clock.now()) is None
    done = jobs.job_of(job.pk, by=job.asked_by, now=clock.now())
    assert done is not None
    assert (done.state, done.verdict, done.ended_at is not None) == ("done", "shouted", True)
    assert jobs.made(done) == ("words.txt", "text/plain", b"HELLO")
    assert all(
        b"ello" not in bytes(file.content) and b"ELLO" not in bytes(file.content)
        for file in JobFile.objects.all()
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("content", "said"), [(b"refuse", "too loud"), (b"break", "没有完成")])
def test_a_job_that_fails_says_so_without_what_it_read(content: bytes, said: str) -> None:
    job = _start(content)
    assert jobs.run_one(clock.now(), watched=False)
    job.refresh_from_db()
    assert job.state == "failed"
    assert said in job.verdict
    assert "138" not in job.verdict
    assert jobs.made(job) is None


@pytest.mark.django_db
def test_a_killed_workers_job_is_taken_up_again_and_given_up_at_last() -> None:
    job, now = _start(b"hello"), clock.now()
    for attempt in range(1, jobs.ATTEMPTS + 1):
        claimed = jobs._claim(now)
        assert claimed is not None
        assert claimed.attempts == attempt
        assert jobs._claim(now) is None  # while its worker lives, nobody else's
        now += jobs.LEASE + timedelta(seconds=1)
    assert jobs.run_one(now, watched=False)
    job.refresh_from_db()
    assert job.state == "failed"


@pytest.mark.django_db
def test_jobs_go_after_a_day() -> None:
    job = _start(b"hello")
    later = clock.now() + jobs.KEEP
    assert jobs.job_of(job.pk, by=job.asked_by, now=later) is None
    jobs.forget_old(later)
    assert not Job.objects.exists()
    assert not JobFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_how_far_it_is_is_seen_while_its_transaction_is_open() -> None:
    seen: list[tuple[str, int, int]] = []

    @jobs.kind("tests.slow")
    def slow(job: Running) -> Result:
        with transaction.atomic():
            job.say("half", 5, 10)
            _wait_until(lambda: Job.objects.get(pk=job.id).done == 5)
            row = Job.objects.get(pk=job.id)
            seen.append((row.saying, row.done, row.total))
        return Result("done")

    jobs.start("tests.slow", by=uuid4())
    assert jobs.run_one(clock.now())
    assert seen == [("half", 5, 10)]


def _wait_until(there: object) -> None:
    import time

    assert callable(there)
    for _turn in range(200):
        if there():
            return
        time.sleep(0.05)
    raise AssertionError("not written down within ten seconds")
