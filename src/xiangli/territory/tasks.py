"""What territory does behind the door."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from xiangli.kernel import clock, jobs, outbox
from xiangli.kernel.models import Job, OutboxMessage
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import XLSX
from xiangli.kernel.tables import Table, Verdict, annotated
from xiangli.territory import actions, queries
from xiangli.territory.models import PrintKind
from xiangli.territory.queries import workbooks
from xiangli.territory.rules import day_of


@outbox.handler(actions.LEAVE)
def leave(message: OutboxMessage, now: datetime) -> None:
    """The first day without somebody: what they have in hand moves."""
    payload = message.payload
    actions.let_go(
        UUID(payload["user"]), date.fromisoformat(payload["on"]), now, close=bool(payload["close"])
    )


@outbox.handler(actions.GROW)
def grow(message: OutboxMessage, now: datetime) -> None:
    """The day on which units become one: the one that stands takes in the ground of the others."""
    actions.grow(UUID(message.payload["unit"]), [UUID(one) for one in message.payload["others"]])


@jobs.kind("territory.record_print")
def print_many(job: jobs.Running) -> jobs.Result:
    """The plates or boards of a whole town or county, as whoever asked may print them now."""
    now = clock.now()
    actor = queries.actor_for(get_user_model()._default_manager.get(pk=job.asked_by), at=now)
    unit = queries.unit_to_print(actor, UUID(job.params["unit"]), at=now)
    if unit is None:
        raise Refused("not_found", _("这个单位已经不归您印，或已撤并。请回公示牌页面重新选。"))
    kind, size = PrintKind(job.params["kind"]), job.params["size"]
    sheets = queries.sheets_to_print(unit, kind, queries.Which(job.params["which"]), at=now)
    if not sheets:
        return jobs.Result(_("没有要印的：墙上的都和现在一致。"))
    steps = len(sheets) + 1  # the last one sets them all
    content = queries.pdf_of(sheets, size=size, at=now, say=lambda done: job.say(_("正在排版"), done, steps))
    actions.record_print(by=actor, unit=unit, sheets=sheets, now=now)
    job.say(_("正在排版"), steps, steps)
    said = _("%(place)s：%(count)d 张，已记为今天印制。") % {"place": unit.short_name, "count": len(sheets)}
    return jobs.Result(said, queries.filename_of(sheets, size), "application/pdf", content)


@jobs.kind("territory.import_table")
def import_table(job: jobs.Running) -> jobs.Result:
    """A table of appointments or units: every row's verdict; with `write`, what its sound rows ask for."""
    now = clock.now()
    what, write = job.params["what"], job.params.get("write", "")
    actor = queries.actor_for(get_user_model()._default_manager.get(pk=job.asked_by), at=now)
    workbooks.check_may_import(actor, what)

    def say(done: int, total: int) -> None:
        job.say(_("正在写入") if write else _("正在逐行检查"), done, total)

    table: Table[Any]
    if write:
        importing = actions.import_appointments if what == workbooks.PEOPLE_KIND else actions.import_units
        table = importing(job.content, by=actor, now=now, only_good=write == "good", say=say)
    else:
        reading = workbooks.read_appointments if what == workbooks.PEOPLE_KIND else workbooks.read_units
        table = reading(job.content, actor=actor, today=day_of(now), say=say)
    totals = table.totals
    found = {verdict.value: count for verdict, count in totals.items()}
    Job.objects.filter(pk=job.id).update(params={**job.params, "found": found})
    say(len(table.rows), len(table.rows))
    written = write == "good" or (write == "all" and table.sound)
    words = _("共 %(rows)d 行：%(new)d 行可以写入，%(same)d 行已有，%(wrong)d 行有错。")
    if written:
        words = _("共 %(rows)d 行：写入 %(new)d 行，%(same)d 行已有，%(wrong)d 行有错没有写。")
    elif write:
        words = _(
            "共 %(rows)d 行，%(wrong)d 行有错，一行也没有写；另有 %(new)d 行可以写入，%(same)d 行已有。"
        )
    said = words % {
        "rows": len(table.rows),
        "new": totals[Verdict.NEW],
        "same": totals[Verdict.SAME],
        "wrong": totals[Verdict.WRONG],
    }
    name = (job.filename.rsplit(".", 1)[0] or _("表格"))[:80]
    content = annotated(_("结果"), table)
    return jobs.Result(said, _("%(name)s-结果.xlsx") % {"name": name}, XLSX, content)
