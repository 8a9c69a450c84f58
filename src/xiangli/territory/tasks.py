"""What territory does behind the door."""

from datetime import date, datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from xiangli.kernel import clock, jobs, outbox
from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.models import PrintKind


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
