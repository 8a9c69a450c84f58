"""What cases do behind the door."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from xiangli.cases import actions
from xiangli.cases.actions import orders
from xiangli.cases.models import OrderSource
from xiangli.cases.queries.orders import (
    annotated_orders,
    order_scopes,
    read_orders,
    reply_workbook,
    written_words,
)
from xiangli.kernel import clock, jobs, timers
from xiangli.kernel.outbox import periodic
from xiangli.kernel.sheets import XLSX
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import Actor


@timers.handler("case.clock")
def fire_clocks(subjects: Sequence[UUID], now: datetime) -> Collection[UUID]:
    """Amber, red, a level up."""
    return actions.fire_clocks(subjects, now)


@periodic("cases.tell_top", every=timedelta(days=1), at=time(8, 30))
def tell_top(now: datetime) -> int:
    """The county's morning digest of what is overdue at the top."""
    return actions.tell_top(now)


@periodic("cases.mend_clocks", every=timedelta(hours=1))
def mend_clocks(now: datetime) -> int:
    """No open case is without a live clock."""
    return actions.mend_clocks(now)


@periodic("cases.recompute_clocks", every=timedelta(hours=1))
def recompute_clocks(now: datetime) -> int:
    """Deadlines over a year whose holidays have been announced since."""
    return actions.recompute_clocks(now)


@periodic("cases.reseat", every=timedelta(minutes=10))
def reseat(now: datetime) -> int:
    """Take cases out of seats that have emptied."""
    return actions.reseat_cases(now)


@periodic("cases.release", every=timedelta(minutes=10))
def release(now: datetime) -> int:
    """Take cases out of the hands of people whose last post has ended."""
    return actions.release_cases(now)


@periodic("cases.move_ended", every=timedelta(hours=1))
def move_ended(now: datetime) -> int:
    """Move the cases of units whose last day has passed."""
    return actions.move_ended_cases(now)


# ------------------------------------------------------------------------------------------------- orders from elsewhere


def _asker(job: jobs.Running, now: datetime) -> Actor:
    return actor_for(get_user_model()._default_manager.get(pk=job.asked_by), at=now)


def _source(job: jobs.Running) -> OrderSource:
    return OrderSource.objects.select_related("county").get(pk=job.params["source"])


@jobs.kind("cases.check_orders")
def check_orders(job: jobs.Running) -> jobs.Result:
    """The verdict on each row of a workbook, as a workbook; nothing is written."""
    now, source = clock.now(), _source(job)
    paths = [path for path in order_scopes(_asker(job, now)) if path.startswith(source.county.path)]
    read = read_orders(
        job.content,
        source=source,
        paths=paths,
        now=now,
        say=lambda done, total: job.say(_("正在逐行检查"), done, total),
    )
    return jobs.Result(_("逐行检查过了，还没有写入。"), "orders-checked.xlsx", XLSX, annotated_orders(read))


@jobs.kind("cases.import_orders")
def import_orders(job: jobs.Running) -> jobs.Result:
    """Write the orders of a workbook; killed and taken up again, it goes on where it was."""
    done = orders.import_orders(
        job.content,
        source=_source(job),
        actor=_asker(job, clock.now()),
        faults_too=bool(job.params["faults_too"]),
        say=lambda done, total: job.say(_("正在写入工单"), done, total),
    )
    return jobs.Result(written_words(done.read, done.written, list(done.refused.values())))


@jobs.kind("cases.export_replies")
def export_replies(job: jobs.Running) -> jobs.Result:
    """The replies that are due, or those of late once more, for whoever asked and nobody else."""
    now = clock.now()
    actor = _asker(job, now)
    found = orders.take_replies(actor, again_since=now - orders.AGAIN if job.params["again"] else None)
    written = localtime(now)
    content = reply_workbook(found, by=actor.name, when=written.strftime("%Y-%m-%d %H:%M"))
    said = _("%(count)d 件答复，已记为已答复。请传回对方平台，用完删除。") % {"count": len(found)}
    if len(found) == orders.MOST_REPLIES:
        said += _("一次最多这么多，请再导出一次。")
    return jobs.Result(said, f"order-replies-{written:%Y%m%d-%H%M}.xlsx", XLSX, content)
