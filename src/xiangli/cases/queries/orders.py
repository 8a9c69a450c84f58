"""Orders from other platforms: read from a workbook with a verdict for each row, listed with the platform's own
deadline, and answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from xiangli.cases.models import ExternalOrder, OrderSource
from xiangli.cases.queries.loop import categories, in_english
from xiangli.cases.rules.orders import (
    WRITTEN,
    Column,
    Judged,
    Meant,
    Readers,
    Verdict,
    count,
    find_columns,
    plain,
    read_line,
    weigh,
)
from xiangli.cases.states import Intake, Outcome, State
from xiangli.kernel import crypto
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.sheets import Cell, Row, Sheet, read_rows, workbook_of
from xiangli.matters.models import Matter, MatterLink
from xiangli.matters.states import LinkKind, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries.places import Gazetteer, gazetteer
from xiangli.territory.rules import IMPORT_ORDERS, Actor

USUAL: Final = "information"  # what names no category
TWELVE_THREE_FORTY_FIVE: Final = (
    "12345",
    "12345 热线",
)  # every county has it: offered before anybody opened it
_RESULT: Final = ("结果", "说明")  # what an annotated workbook adds; read again, it is nothing of the order
_MOST_NAMED: Final = 3


# ------------------------------------------------------------------------------------------------------- sources


def order_scopes(actor: Actor) -> list[str]:
    """The paths in which the actor brings orders in and takes their replies."""
    return [held.unit_path for held in actor.held if IMPORT_ORDERS in held.permissions]


def order_counties(actor: Actor) -> list[UUID]:
    """The counties of these."""
    return list(dict.fromkeys(held.county_id for held in actor.held if IMPORT_ORDERS in held.permissions))


def order_sources(counties: Collection[UUID], *, ended: bool = False) -> list[OrderSource]:
    """The platforms that hand orders to these counties, by code. One statement."""
    rows = OrderSource.objects.filter(county__in=counties).select_related("county").order_by("code", "id")
    return list(rows if ended else rows.filter(ended_at=None))


def digest_of_token(token: str) -> bytes:
    """What is stored and looked up in place of a source's token."""
    return crypto.mac(token.encode(), purpose="cases.order-source")


def source_of_token(token: str) -> OrderSource | None:
    """The source in force that bears a token. One statement."""
    return (
        OrderSource.objects.select_related("county__profile")
        .filter(token_digest=digest_of_token(token), ended_at=None)
        .first()
    )


# ------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """A workbook of orders as it was read: its header, its rows as they were written, and what was found in each."""

    header: Row
    columns: Mapping[Column, int]
    rows: Sequence[Row]
    judged: Sequence[Judged]

    @property
    def sound(self) -> bool:
        return not any(row.verdict == Verdict.WRONG for row in self.judged)

    @property
    def totals(self) -> dict[Verdict, int]:
        return count(self.judged)

    @property
    def to_write(self) -> list[Judged]:
        return [row for row in self.judged if row.verdict in WRITTEN]

    def heading(self, column: Column) -> str:
        """A column by the name that it bears in this file; by ours where it is missing."""
        return str(self.header.cell(self.columns[column]) if column in self.columns else column)


def readers_of(paths: Collection[str], *, now: datetime) -> Readers:
    """How addresses under `paths` and categories are understood. Two statements at most."""
    open_ones = [
        row for row in categories() if row.intake == Intake.OPEN and row.visibility == Visibility.ORDINARY
    ]
    by_name = {plain(said): row.code for row in open_ones for said in (row.code, row.name_en, row.name)}
    places = gazetteer(paths, at=now)
    return Readers(
        place=lambda address: _meant(places, address),
        category=lambda said: by_name.get(plain(said)),
        categories=[row.name_en if in_english() else row.name for row in open_ones],
        usual=USUAL,
    )


def _meant(places: Gazetteer, address: str) -> Meant:
    found = places.find(address)
    if len(found.units) == 1:
        return Meant(found.units[0], found.rest)
    if found.units:
        named = "、".join(found.names[:_MOST_NAMED])
        return Meant(None, fault=_("有 %(count)d 个地方这样叫，请写全：%(names)s。") % {
            "count": len(found.units), "names": named,
        })  # fmt: skip
    near = get_close_matches(address, places.names, n=1, cutoff=0.5)
    if near:
        said = _("没有“%(said)s”，是不是“%(near)s”？请写到村或巷。")
        return Meant(None, fault=said % {"said": address, "near": near[0]})
    return Meant(None, fault=_("没有“%(said)s”，或者它不在您的辖区内。请写到村或巷。") % {"said": address})


def read_orders(
    content: bytes,
    *,
    source: OrderSource | None,
    paths: Collection[str],
    now: datetime,
    say: Callable[[int, int], None] | None = None,
) -> ReadOrders:
    """The rows of a workbook or .csv file of one source (None: of one that has sent nothing yet), with their
    verdicts: of places at and under `paths`. Writes nothing. Raises Refused for a file that cannot be read at all
    (see `kernel.sheets`) or has not the columns. Three statements, however many rows."""
    header, *rows = read_rows(content)
    columns, readers = find_columns(header.cells), readers_of(paths, now=now)
    judged = []
    for at, row in enumerate(rows):
        number, line, faults = read_line({column: row.cell(at) for column, at in columns.items()}, readers)
        judged.append(Judged(row.number, number, line, faults))
        if say is not None and at % 100 == 0:
            say(at, len(rows))
    weigh(judged, known_numbers(source, {row.number for row in judged}), now=now)
    return ReadOrders(header, columns, rows, judged)


def known_numbers(source: OrderSource | None, numbers: Collection[str]) -> dict[str, int]:
    """Our numbers of orders that were imported before, by theirs. One statement."""
    if source is None:
        return {}
    rows = ExternalOrder.objects.filter(source=source, number__in=list(numbers))
    return dict(rows.values_list("number", "matter__number"))


SAID: Final[Mapping[Verdict, Any]] = {
    Verdict.NEW: lambda: _("可以写入"),
    Verdict.LATE: lambda: _("可以写入，对方期限已过"),
    Verdict.KNOWN: lambda: _("已导入过"),
    Verdict.TWICE: lambda: _("文件里重复"),
    Verdict.WRONG: lambda: _("有错"),
}


def why(read: ReadOrders, judged: Judged) -> str:
    """What is wrong with a row and how to mend it, a line for each cell; else what becomes of it."""
    faults = [f"{read.heading(fault.column)}：{fault.words}" for fault in judged.faults]
    return "\n".join(faults) or judged.note


def written_words(read: ReadOrders, written: int, refused: Collection[str]) -> str:
    """What became of a workbook, in words; `refused` are the reasons for which rows were refused while writing."""
    totals = read.totals
    words = _("导入了 %(written)d 件，%(known)d 件以前导入过或重复。") % {
        "written": written,
        "known": totals[Verdict.KNOWN] + totals[Verdict.TWICE],
    }
    if left := totals[Verdict.WRONG] + len(refused):
        words += _("有 %(count)d 行没有写入，改好可以再传，已导入的不会重复。") % {"count": left}
    return "\n".join([words, *list(dict.fromkeys(refused))[:_MOST_NAMED]])


def annotated_orders(read: ReadOrders) -> bytes:
    """The workbook as it was brought, with what was found in each row behind it; faults are shown in their cells."""
    heads = [str(cell or "") for cell in read.header.cells]
    kept = [at for at, head in enumerate(heads) if head not in _RESULT]
    rows: list[list[Cell]] = [[*(heads[at] for at in kept), *_RESULT]]
    marked = set()
    for row, judged in zip(read.rows, read.judged, strict=True):
        for fault in judged.faults:
            if fault.column in read.columns:
                marked.add((len(rows), kept.index(read.columns[fault.column])))
        cells = [row.cell(at) for at in kept]
        rows.append([*cells, str(SAID[judged.verdict]()), why(read, judged)])
    return workbook_of([Sheet(_("外来工单"), rows, marked=marked)])


def order_template(paths: Collection[str], *, now: datetime) -> bytes:
    """An empty workbook with the headings, the categories to choose from, and how to fill it in."""
    names: list[list[Cell]] = [[_("名称")]]
    names += [[name] for name in readers_of(paths, now=now).categories]
    kinds = Sheet(str(Column.CATEGORY), names)
    notes: list[list[Cell]] = [
        [_("怎么填")],
        [
            _(
                "从对方平台导出的表格一般可以直接用：表头认得“工单编号、诉求内容、地址、办结时限”等叫法，多出的列不看。"
            )
        ],
        [_("工单编号：照抄对方的，列设成文本。同一个编号只收一次，再导入也不会重复。")],
        [_("地点：写到村或巷，比如“庙上村二巷”；后面的话（“老戏台旁”）记作具体位置。")],
        [_("事项类别：可以空着，空着按“其他情况”。")],
        [_("办结期限：对方的期限，2026-11-25 或 2026-11-25 18:00；只写日期算到当天结束。已经过了也照收。")],
        [_("联系人、联系电话：可以空着。只用来就这件事联系，加密保存。")],
    ]
    choices = {list(Column).index(Column.CATEGORY): kinds}
    head: list[Cell] = [str(column) for column in Column]
    return workbook_of([Sheet(_("外来工单"), [head], choices=choices), kinds, Sheet(_("说明"), notes)])


# ------------------------------------------------------------------------------------------------------- the list


def with_ends(rows: QuerySet[ExternalOrder]) -> QuerySet[Any]:
    """With `ended_at`, when the matter was over: of what went into another case, when that one was; None until
    then."""
    other = MatterLink.objects.filter(matter=OuterRef("matter"), kind=LinkKind.MERGED)
    ended = Case(
        When(matter__state=State.MERGED, then=Subquery(other.values("other__closed_at")[:1])),
        default=F("matter__closed_at"),
    )
    return rows.annotate(ended_at=ended)


# Of rows with their ends: over, and not answered since.
DUE: Final = Q(ended_at__isnull=False) & (Q(replied_at=None) | Q(replied_at__lt=F("ended_at")))


def orders_of(actor: Actor, which: str = "open") -> QuerySet[ExternalOrder]:
    """Orders of matters that the actor may see where they bring orders in: `open`, `due` (to be answered) or
    `replied`. Page them by ("due_at", "id")."""
    within = Q(pk__in=[])
    for path in order_scopes(actor):
        within |= Q(matter__place_path__startswith=path)
    rows = (
        ExternalOrder.objects.filter(within, matter__in=Matter.objects.visible_to(actor))
        .select_related("source", "matter__case", "matter__handler", "matter__holder_post")
        .filter(source__county__in=order_counties(actor))
    )
    if which == "due":
        return with_ends(rows).filter(DUE)
    if which == "replied":
        return with_ends(rows).filter(replied_at__gte=F("ended_at"))
    return rows.filter(matter__closed_at=None)


# ------------------------------------------------------------------------------------------------------- replies


@dataclass(frozen=True, slots=True)
class Reply:
    """How an order came out, in the words that its reporter was told."""

    order: ExternalOrder
    state: str
    result: str
    words: str
    by: str  # the seat that put it right, or gave the answer
    ended_at: datetime | None


# What says how a case ended, the last word first.
_TELLS: Final = ("close_case", "decline_case", "resolve_case", "handle_on_spot")
_HOPS: Final = 5  # a case that went into one that went into another


def replies_to(orders: Iterable[ExternalOrder]) -> list[Reply]:
    """The replies to these orders, whose matters the caller has read behind the fence. Three statements, two more
    for each step of what went into another case."""
    rows = list(orders)
    into = _ends_of([row.matter for row in rows])
    said = _said_of({matter.pk for matter in into.values()})
    return [_reply(row, into[row.matter_id], said.get(into[row.matter_id].pk, {})) for row in rows]


def _ends_of(matters: Sequence[Matter]) -> dict[UUID, Matter]:
    """By matter, the one whose end is its own: itself, or what it went into at last."""
    ends = {matter.pk: matter for matter in matters}
    for _hop in range(_HOPS):
        merged = {end.pk for end in ends.values() if end.state == State.MERGED}
        links = MatterLink.objects.filter(kind=LinkKind.MERGED, matter__in=merged).select_related(
            "other__case"
        )
        nexts = {link.matter_id: link.other for link in links} if merged else {}
        if not nexts:
            break
        ends = {pk: nexts.get(end.pk, end) for pk, end in ends.items()}
    return ends


def _said_of(streams: Collection[UUID]) -> dict[UUID, dict[str, dict[str, Any]]]:
    """By matter and kind, the words of the last event of each kind that tells how it ended; the words of what is
    ordinary only, which an order always is."""
    events = (
        LedgerEvent.objects.filter(stream__in=streams, kind__in=_TELLS)
        .order_by("stream", "seq")
        .values_list("stream", "kind", "payload__body")
    )
    said: dict[UUID, dict[str, dict[str, Any]]] = {}
    for stream, kind, body in events:
        said.setdefault(stream, {})[kind] = body or {}
    return said


def _reply(order: ExternalOrder, end: Matter, said: Mapping[str, Mapping[str, Any]]) -> Reply:
    matter = order.matter
    kind = next((kind for kind in _TELLS if kind in said), "")
    told = said.get(kind, {})
    words = str(told.get("note", ""))
    if where := told.get("where"):
        words += "\n" + _("可以去这里办：%(where)s") % {"where": where}
    if matter.state == State.WITHDRAWN:
        words = _("反映人撤回了。")
    if end.pk != matter.pk:
        words = "\n".join(
            filter(None, (_("和编号 %(number)s 是同一件事，已并在一起办。") % {"number": end.number}, words))
        )
    outcome = getattr(getattr(end, "case", None), "outcome", "")
    return Reply(
        order=order,
        state=str(State(end.state if end.pk != matter.pk else matter.state).label),
        result=str(Outcome(outcome).label) if outcome in Outcome.values else "",
        words=words,
        ended_at=end.closed_at,
        by=str(said.get("resolve_case", said.get("handle_on_spot", told)).get("post", "")),
    )


def reply_workbook(replies: Sequence[Reply], *, by: str, when: str) -> bytes:
    """The replies, a row each, under the platforms' own numbers; and who took them away, when and for what."""
    head: list[Cell] = [
        str(Column.NUMBER), _("平台"), _("本平台编号"), _("状态"), _("处理结果"), _("答复内容"), _("办理单位"),
        _("办结时间"), str(Column.DEADLINE),
    ]  # fmt: skip
    rows: list[list[Cell]] = [head]
    for reply in replies:
        order, matter = reply.order, reply.order.matter
        rows.append(
            [
                order.number,
                order.source.name,
                str(matter.number),
                reply.state,
                reply.result,
                reply.words,
                reply.by,
                _moment(reply.ended_at),
                _moment(order.deadline),
            ]
        )
    mark = _("%(who)s %(when)s 导出，只用来答复工单，用完请删除。") % {"who": by, "when": when}
    return workbook_of([Sheet(_("答复"), rows), Sheet(_("说明"), [[_("说明")], [mark]])])


def _moment(at: datetime | None) -> str:
    return localtime(at).strftime("%Y-%m-%d %H:%M") if at else ""


# A matter closed a moment ago may have been written after one closed later: what is younger waits for the next call.
SETTLED: Final = timedelta(seconds=10)


def replies_since(
    source: OrderSource, since: tuple[datetime, UUID] | None, *, now: datetime, most: int
) -> list[Reply]:
    """The ends of a source's orders after a point in time, oldest first, `most` at the most: for the platform."""
    rows = with_ends(ExternalOrder.objects.filter(source=source)).filter(ended_at__lte=now - SETTLED)
    if since is not None:
        moment, last = since
        rows = rows.filter(Q(ended_at__gt=moment) | Q(ended_at=moment, id__gt=last))
    rows = rows.select_related("source", "matter__case").order_by("ended_at", "id")[:most]
    return replies_to(rows)


def order_units(ids: Collection[UUID]) -> dict[UUID, Unit]:
    """The units that rows were read as lying in, with the names above them. One statement."""
    rows = Unit.objects.select_related("level", "county__profile", "parent__parent__parent")
    return {unit.pk: unit for unit in rows.filter(pk__in=list(ids))}
