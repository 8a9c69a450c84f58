"""Orders from other platforms: a source is opened, its orders are taken once, their replies are taken away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from xiangli.cases.actions.report import FromElsewhere, Report, report_case
from xiangli.cases.models import ExternalOrder, OrderSource
from xiangli.cases.queries import category_with_limits
from xiangli.cases.queries.orders import (
    DUE,
    TWELVE_THREE_FORTY_FIVE,
    ReadOrders,
    Reply,
    digest_of_token,
    order_scopes,
    order_units,
    orders_of,
    read_orders,
    replies_to,
    with_ends,
)
from xiangli.cases.rules.orders import Line, Verdict
from xiangli.cases.states import Channel, Intake
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import spoken_name
from xiangli.territory.rules import Actor

MOST_REPLIES: Final = 1000  # in one workbook
AGAIN: Final = timedelta(days=30)  # for so long a reply may be taken away once more
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


# ------------------------------------------------------------------------------------------------------- sources


@transaction.atomic
def open_source(*, county: Unit, code: str, name: str, now: datetime) -> tuple[OrderSource, str]:
    """Let a platform send orders to a county by itself. Returns its token, which nobody can read again; asked for
    once more, a source gets another one and the old one is worth nothing."""
    if not _CODE.fullmatch(code):
        raise Refused(
            "source_code", _("代码只用小写字母、数字和连字符，比如 12345 或 city-platform。"), field="code"
        )
    token = f"xl_{secrets.token_urlsafe(32)}"
    source, _made = OrderSource.objects.select_for_update().get_or_create(
        county=county, code=code, defaults={"name": _name(name or code), "opened_at": now}
    )
    source.name, source.token_digest, source.ended_at = (
        _name(name or source.name),
        digest_of_token(token),
        None,
    )
    source.save()
    return source, token


def end_source(*, county: Unit, code: str, now: datetime) -> bool:
    """Take nothing more from a platform; its orders stay, and are answered. False: there is none of this code."""
    rows = OrderSource.objects.filter(county=county, code=code, ended_at=None)
    return bool(rows.update(ended_at=now, token_digest=None))


@transaction.atomic
def source_to_import(*, actor: Actor, county: Unit, code: str, name: str, now: datetime) -> OrderSource:
    """The source that a workbook comes from, opened without a token where it is new: the hotline, or a platform
    that the clerk names."""
    _check_may_import(actor, county.path)
    if not code:
        known = OrderSource.objects.filter(county=county, name=_name(name)).first()
        code = known.code if known else f"p{secrets.token_hex(4)}"
    defaults = {"name": _name(name) or dict([TWELVE_THREE_FORTY_FIVE]).get(code, code), "opened_at": now}
    source, _made = OrderSource.objects.get_or_create(county=county, code=code, defaults=defaults)
    _check_in_force(source)
    return source


def _name(said: str) -> str:
    return " ".join(said.split())[:40]


def _check_may_import(actor: Actor, county_path: str) -> None:
    if not any(path.startswith(county_path) for path in order_scopes(actor)):
        raise Refused("forbidden_orders", _("您的岗位不导入外来工单，请联系乡镇或县值班台。"))


def _check_in_force(source: OrderSource) -> None:
    if source.ended_at is not None:
        raise Refused(
            "source_ended",
            _("“%(name)s”已经停用，不再收工单。要再用，请管理员重新开通。") % {"name": source.name},
        )


# ------------------------------------------------------------------------------------------------------- taking


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that stands: under which number of ours, and whether it stood before."""

    number: int
    matter_id: UUID
    again: bool


def take_order(line: Line, place: Unit, *, source: OrderSource, actor: Actor | None = None) -> Taken:
    """An order becomes a case, with the platform's number and deadline; the same number once more is the same
    case, whatever it says by now. `actor` is the clerk who imports it; None: the platform sent it."""
    _check_in_force(source)
    if (known := _known(source, line.number)) is not None:
        return known
    now = clock.now()
    found = category_with_limits(line.category, on=now)
    if found is None or found[0].visibility != Visibility.ORDINARY or found[0].intake != Intake.OPEN:
        raise Refused(
            "category_unknown", _("这一类不能这样转来，请换一类，或请对方直接联系县里。"), field="category"
        )
    report = Report(
        # The same order has the same receipt: two that send it at once write it once.
        client_id=uuid5(source.pk, line.number),
        category=found[0],
        limits=found[1],
        words=line.words,
        place=place,
        place_name=spoken_name(place),
        channel=Channel.PLATFORM,
        place_note=line.place_note,
        contact_name=line.name,
        contact_phone=line.phone,
        order=FromElsewhere(source, line.number, line.deadline),
    )
    try:
        receipted = report_case(report, actor=actor)
    except (Refused, IntegrityError):
        if (known := _known(source, line.number)) is not None:
            return known
        raise
    return Taken(receipted.matter.number, receipted.matter.pk, receipted.again)


def _known(source: OrderSource, number: str) -> Taken | None:
    rows = ExternalOrder.objects.filter(source=source, number=number)
    found = rows.values_list("matter__number", "matter_id").first()
    return Taken(*found, again=True) if found else None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a workbook: its rows with the verdicts of before, how many were written, and what was refused
    while writing, by row."""

    read: ReadOrders
    written: int
    refused: dict[int, str]


def import_orders(
    content: bytes,
    *,
    source: OrderSource,
    actor: Actor,
    faults_too: bool = False,
    say: Callable[[int, int], None] | None = None,
) -> Imported:
    """Write the orders of a workbook, each by itself: killed half-way and asked for once more, it goes on where it
    was. Refused (orders_wrong) where a row has a fault, unless `faults_too`: then those rows are left out."""
    _check_in_force(source)
    _check_may_import(actor, source.county.path)
    read = read_orders(content, source=source, paths=_within(actor, source), now=clock.now())
    if not read.sound and not faults_too:
        raise Refused(
            "orders_wrong",
            _("有 %(count)d 行有错，一行也没有写入。请改好再传，或者只导入没有错的行。")
            % {"count": read.totals[Verdict.WRONG]},
        )
    todo = read.to_write
    units = order_units({row.line.place for row in todo if row.line})
    written, refused = 0, {}
    for at, row in enumerate(todo):
        assert row.line is not None  # of a row that can be written
        try:
            written += not take_order(row.line, units[row.line.place], source=source, actor=actor).again
        except Refused as fault:
            refused[row.row] = str(fault.reason)
        if say is not None:
            say(at + 1, len(todo))
    return Imported(read, written, refused)


def _within(actor: Actor, source: OrderSource) -> Collection[str]:
    """Where the actor brings in orders of this source."""
    return [path for path in order_scopes(actor) if path.startswith(source.county.path)]


# ------------------------------------------------------------------------------------------------------- answering


@transaction.atomic
def take_replies(actor: Actor, *, again_since: datetime | None = None) -> list[Reply]:
    """The replies that are due where the actor brings orders in, marked as taken away; with `again_since` those
    that were taken since then, once more. At most `MOST_REPLIES`; three statements and one."""
    if not order_scopes(actor):
        raise Refused("forbidden_orders", _("您的岗位不导入外来工单，请联系乡镇或县值班台。"))
    if again_since is not None:
        rows = orders_of(actor, "replied").filter(replied_at__gte=again_since)
    else:
        rows = orders_of(actor, "due").select_for_update(of=("self",))
    found = replies_to(rows.order_by("due_at", "id")[:MOST_REPLIES])
    if not found:
        raise Refused("no_replies", _("现在没有要答复的工单：办结一件，这里就多一件。"))
    if again_since is None:
        taken = [reply.order.pk for reply in found]
        ExternalOrder.objects.filter(pk__in=taken).update(replied_at=clock.now(), replied_by=actor.user_id)
    return found


def acknowledge_replies(source: OrderSource, until: datetime) -> None:
    """A platform that asks for what ended after a moment has what ended before it. One statement."""
    rows = with_ends(ExternalOrder.objects.filter(source=source)).filter(DUE, ended_at__lte=until)
    rows.update(replied_at=clock.now(), replied_by=None)
