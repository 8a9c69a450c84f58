from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import translation

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
    if job.content == b"nul":
        return Result("no column holds \0", "words.txt", "text/plain", b"made")
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
def test_a_worker_that_comes_late_does_not_write_over_who_took_the_job_up() -> None:
    job, now = _start(b"hello"), clock.now()
    slow = jobs._claim(now)
    assert slow is not None
    second = jobs._claim(now + jobs.LEASE + timedelta(seconds=1))
    assert second is not None
    jobs._end(slow, Job.State.DONE, "late", Result("late", "late.txt", "text/plain", b"late"))
    job.refresh_from_db()
    assert (job.state, job.verdict, jobs.made(job)) == ("running", "", None)
    jobs._end(second, Job.State.DONE, "in time", Result("in time", "words.txt", "text/plain", b"in time"))
    jobs._end(slow, Job.State.FAILED, "later still")
    job.refresh_from_db()
    assert (job.state, job.verdict) == ("done", "in time")
    assert jobs.made(job) == ("words.txt", "text/plain", b"in time")


@pytest.mark.django_db
def test_a_job_that_cannot_be_read_or_kept_ends_and_the_worker_goes_on() -> None:
    unreadable, unknown, broken = _start(b"hello"), _start(b"hello"), _start(b"nul")
    JobFile.objects.filter(job=unreadable).update(content=b"nobody's envelope")
    Job.objects.filter(pk=unknown.pk).update(kind="tests.none")
    for _job in range(3):
        assert jobs.run_one(clock.now(), watched=False)
    assert not jobs.run_one(clock.now(), watched=False)
    assert set(Job.objects.values_list("state", flat=True)) == {"failed"}
    assert jobs.made(broken) is None


@pytest.mark.django_db
def test_one_person_keeps_a_few_jobs_waiting_and_no_more() -> None:
    who = uuid4()
    for _job in range(jobs.AT_ONCE):
        jobs.start("tests.shout", by=who)
    with pytest.raises(Refused, match=str(jobs.AT_ONCE)):
        jobs.start("tests.shout", by=who)
    jobs.start("tests.shout", by=uuid4())  # everybody else's goes on
    assert jobs.hold("tests.shout", by=who, content=b"kept", filename="a").state == "done"
    assert jobs.run_one(clock.now(), watched=False)
    jobs.start("tests.shout", by=who)


@pytest.mark.django_db
def test_what_is_given_up_is_said_in_the_language_of_who_asked() -> None:
    with translation.override("en"):
        job = _start(b"hello")
    Job.objects.filter(pk=job.pk).update(attempts=jobs.ATTEMPTS)
    with translation.override("zh-hans"):
        assert jobs.run_one(clock.now(), watched=False)
    job.refresh_from_db()
    assert "try again" in job.verdict.lower()


@pytest.mark.django_db
def test_a_held_file_is_its_owners_and_of_its_kind() -> None:
    who, now = uuid4(), clock.now()
    job = jobs.hold("tests.shout", by=who, content=b"kept", filename="a.csv")
    assert jobs.held(job.pk, "tests.shout", by=who, now=now) == b"kept"
    assert jobs.held(job.pk, "tests.other", by=who, now=now) is None
    assert jobs.held(job.pk, "tests.shout", by=uuid4(), now=now) is None
    assert jobs.held(job.pk, "tests.shout", by=who, now=job.expires_at) is None
    assert not jobs.run_one(now, watched=False)


@pytest.mark.django_db
def test_jobs_go_after_a_day() -> None:
    job = _start(b"hello")
    later = clock.now() + jobs.KEEP
    assert jobs.job_of(job.pk, by=job.asked_by, now=later) is None
    assert jobs.forget_old(later) == 1
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
