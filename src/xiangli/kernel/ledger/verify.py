"""Proving the ledger: every hash made again, every chain walked, in one snapshot, in constant memory but for
the list of erasures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.ledger.erasure import ERASE_PAYLOADS
from xiangli.kernel.ledger.forms import GENESIS, event_hash, payload_commitment, seal_hash
from xiangli.kernel.ledger.heads import Head, HeadError, head_files, ledger_public_key, scopes_with_heads
from xiangli.kernel.ledger.sealer import Tail, unsealed_tail
from xiangli.kernel.models import LedgerEvent, LedgerSeal

# stream, seq and hash of its last event, as the stream's own row has them
StreamHead = tuple[UUID, int, bytes]
KEPT: Final = 1000  # failures that are listed; all are counted
_CHUNK: Final = 2000  # events fetched at once
_SEALS: Final = 50  # seals whose events are fetched at once
_COLUMNS: Final = (
    *("id", "scope", "stream", "seq", "kind", "at", "actor", "authority", "data", "commitment"),
    *("prev_hash", "hash", "seal", "payload__event", "payload__salt", "payload__body"),
    *("payload__erased_by", "payload__erased_by__number"),
)


class Fault(models.TextChoices):
    """What is wrong, in a word."""

    EVENT_CHANGED = "event_changed", _("事件内容与其散列不符，内容被改动")
    STREAM_GAP = "stream_gap", _("事件序号不连续，有事件被删除或插入")
    STREAM_BROKEN = "stream_broken", _("事件没有接在前一事件之后")
    STREAM_HEAD = "stream_head", _("事项记录的链头与最后一个事件不符，末尾有事件被删除或插入")
    STREAM_LOST = "stream_lost", _("事项的全部事件不见了")
    PAYLOAD_MISSING = "payload_missing", _("事件的正文不见了")
    PAYLOAD_CHANGED = "payload_changed", _("事件的正文被改动")
    PAYLOAD_ADDED = "payload_added", _("事件本来没有正文，现在有")
    ERASURE_UNKNOWN = "erasure_unknown", _("正文被清空，但没有清除记录列出它")
    ERASURE_UNDONE = "erasure_undone", _("正文已列入清除记录，但仍然存在")
    SEAL_GAP = "seal_gap", _("封存批次编号不连续，有批次被删除")
    SEAL_BROKEN = "seal_broken", _("封存批次没有接在前一批次之后")
    SEAL_CHANGED = "seal_changed", _("封存批次与其中的事件不符，有事件被删除、插入或改动")
    SEAL_FOREIGN = "seal_foreign", _("封存批次里有别的县的事件")
    SEAL_LOST = "seal_lost", _("有事件所在的封存批次不见了")
    HEAD_LOST = "head_lost", _("账本里没有已公布的链头，末尾的批次被删除或改动")
    HEAD_FORGED = "head_forged", _("公布的链头签名无效")
    HEAD_UNREADABLE = "head_unreadable", _("公布的链头文件读不出来")


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong, and where."""

    fault: Fault
    scope: UUID | None = None
    stream: UUID | None = None
    seq: int | None = None
    event: UUID | None = None
    seal: int | None = None
    file: str | None = None

    def place(self) -> dict[str, str]:
        """Where, by name; only what is known."""
        named = {name: getattr(self, name) for name in ("scope", "seal", "stream", "seq", "event", "file")}
        return {name: str(value) for name, value in named.items() if value is not None}


@dataclass(slots=True)
class Report:
    """What was proved, what was found wrong, and what is not sealed yet."""

    events: int = 0
    streams: int = 0
    payloads: int = 0
    erased: Counter[int] = field(default_factory=Counter)  # number of the run -> payloads
    seals: int = 0
    heads: int = 0
    headless: list[UUID] = field(default_factory=list)  # scopes that are sealed but have no published head
    tail: Tail = field(default_factory=lambda: Tail(0, None))
    failures: list[Failure] = field(default_factory=list)  # the first 1,000
    failed: int = 0

    @property
    def ok(self) -> bool:
        return not self.failed

    def fail(self, fault: Fault, **where: Any) -> None:
        self.failed += 1
        if len(self.failures) < KEPT:
            self.failures.append(Failure(fault, **where))

    def as_json(self) -> dict[str, Any]:
        """The report in the types of JSON."""
        return {
            "ok": self.ok,
            "events": self.events,
            "streams": self.streams,
            "payloads": self.payloads,
            "erased_by_run": {str(number): count for number, count in sorted(self.erased.items())},
            "seals": self.seals,
            "published_heads": self.heads,
            "scopes_without_head": [str(scope) for scope in self.headless],
            "unsealed": {
                "count": self.tail.count,
                "oldest": self.tail.oldest.isoformat() if self.tail.oldest else None,
            },
            "failed": self.failed,
            "failures": [{"fault": failure.fault.value, **failure.place()} for failure in self.failures],
        }


def verify_ledger(
    scope: UUID | None = None,
    *,
    heads_dir: Path | None = None,
    stream_heads: Callable[[UUID | None], Iterable[StreamHead]] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Prove the ledger of one scope, or of all, and report; nothing is changed.

    `heads_dir`: where the published heads are, by default settings.LEDGER_HEADS; a copy kept elsewhere proves
    more. `stream_heads` gives, in the order of the streams' ids, what each stream's own row says its head is:
    without it, a removal at the end of a stream that was never sealed cannot be seen. `progress` is called
    with the number of events walked so far.
    """
    report = Report()
    # Read before the snapshot: a head that is published while the events are walked belongs to a later moment.
    published = _published(report, scope, heads_dir or settings.LEDGER_HEADS)
    with _one_snapshot():
        sealed = _walk_streams(report, scope, stream_heads, progress)
        scopes = (
            {scope}
            if scope
            else set(LedgerSeal.objects.order_by().values_list("scope", flat=True).distinct())
        )
        for each in sorted(scopes | set(sealed)):
            _walk_seals(report, each, sealed[each])
        _check_published(report, scopes, published)
        report.tail = unsealed_tail(scope)
    return report


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """All statements see one moment: what is appended and sealed meanwhile must not look like a fault. Inside
    a caller's transaction that is the caller's affair.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


# -- streams: events, chains, payloads


def _walk_streams(
    report: Report,
    scope: UUID | None,
    stream_heads: Callable[[UUID | None], Iterable[StreamHead]] | None,
    progress: Callable[[int], object] | None,
) -> Counter[UUID]:
    """Check every event and payload; returns how many events of each scope are sealed."""
    events = LedgerEvent.objects.all() if scope is None else LedgerEvent.objects.filter(scope=scope)
    erasures = _erasures(events)
    claims = _Claims(report, stream_heads(scope) if stream_heads else ())
    sealed: Counter[UUID] = Counter()
    stream: UUID | None = None
    seq, head = 0, GENESIS
    rows = events.order_by("stream", "seq").values(*_COLUMNS)
    for row in rows.iterator(chunk_size=_CHUNK):
        where = {"scope": row["scope"], "stream": row["stream"], "seq": row["seq"], "event": row["id"]}
        if row["stream"] != stream:
            claims.compare(stream, seq, head)
            stream, seq, head = row["stream"], 0, GENESIS
            report.streams += 1
        if row["seq"] != seq + 1:
            report.fail(Fault.STREAM_GAP, **where)
        elif bytes(row["prev_hash"]) != head:
            report.fail(Fault.STREAM_BROKEN, **where)
        if _hash(row) != bytes(row["hash"]):
            report.fail(Fault.EVENT_CHANGED, **where)
        seq, head = row["seq"], bytes(row["hash"])
        _check_payload(report, row, erasures, where)
        sealed[row["scope"]] += row["seal"] is not None
        report.events += 1
        if progress and report.events % _CHUNK == 0:
            progress(report.events)
    claims.compare(stream, seq, head)
    claims.finish()
    if progress:
        progress(report.events)
    return sealed


def _hash(row: Mapping[str, Any]) -> bytes | None:
    try:
        return event_hash(
            id=row["id"],
            scope=row["scope"],
            stream=row["stream"],
            seq=row["seq"],
            kind=row["kind"],
            at=row["at"],
            actor=row["actor"],
            authority=row["authority"],
            data=row["data"],
            commitment=None if row["commitment"] is None else bytes(row["commitment"]),
            prev_hash=bytes(row["prev_hash"]),
        )
    except (TypeError, ValueError):  # nothing that `append` wrote: it has no canonical form
        return None


def _check_payload(
    report: Report, row: Mapping[str, Any], erasures: dict[UUID, UUID], where: dict[str, Any]
) -> None:
    commitment, there = row["commitment"], row["payload__event"] is not None
    erased_by = row["payload__erased_by"]
    if commitment is None:
        if there:
            report.fail(Fault.PAYLOAD_ADDED, **where)
    elif not there:
        report.fail(Fault.PAYLOAD_MISSING, **where)
    elif erased_by is not None:
        if erasures.get(row["id"]) == erased_by:
            report.erased[row["payload__erased_by__number"]] += 1
        else:
            report.fail(Fault.ERASURE_UNKNOWN, **where)
    else:
        report.payloads += 1
        if _commitment(row["payload__salt"], row["payload__body"]) != bytes(commitment):
            report.fail(Fault.PAYLOAD_CHANGED, **where)
        elif row["id"] in erasures:
            report.fail(Fault.ERASURE_UNDONE, **where)


def _commitment(salt: Any, body: Any) -> bytes | None:
    try:
        return payload_commitment(bytes(salt), body)
    except (TypeError, ValueError):
        return None


def _erasures(events: models.QuerySet[LedgerEvent]) -> dict[UUID, UUID]:
    """Which run's own events list each erased event. Those events are checked like all others."""
    listed: dict[UUID, UUID] = {}
    rows = events.filter(kind=ERASE_PAYLOADS).values_list("stream", "data").iterator(chunk_size=_CHUNK)
    for run, data in rows:
        if isinstance(data, dict) and isinstance(data.get("events"), list):
            listed.update((UUID(event_id), run) for event_id in data["events"])
    return listed


class _Claims:
    """What the streams' own rows say, walked beside the events: both come in the order of the streams'
    ids.
    """

    def __init__(self, report: Report, claims: Iterable[StreamHead]) -> None:
        self._report = report
        self._claims = iter(claims)
        self._next: StreamHead | None = next(self._claims, None)

    def compare(self, stream: UUID | None, seq: int, head: bytes) -> None:
        """The events of `stream` ended with `seq` and `head`. A stream that no row claims is somebody
        else's.
        """
        if stream is None:
            return
        while self._next is not None and self._next[0] < stream:
            self._lost(self._next)
            self._advance()
        if self._next is not None and self._next[0] == stream:
            if (self._next[1], bytes(self._next[2])) != (seq, head):
                self._report.fail(Fault.STREAM_HEAD, stream=stream, seq=seq)
            self._advance()

    def finish(self) -> None:
        while self._next is not None:
            self._lost(self._next)
            self._advance()

    def _advance(self) -> None:
        before, self._next = self._next, next(self._claims, None)
        if before is not None and self._next is not None and self._next[0] <= before[0]:
            raise ValueError("stream_heads must come in the order of the streams' ids")

    def _lost(self, claim: StreamHead) -> None:
        if claim[1]:
            self._report.fail(Fault.STREAM_LOST, stream=claim[0])


# -- seals and published heads


def _walk_seals(report: Report, scope: UUID, sealed: int) -> None:
    """Check the chain of one scope's seals; `sealed` is how many of its events say that they stand in one."""
    number, head, found = 0, GENESIS, 0
    seals = LedgerSeal.objects.filter(scope=scope).order_by("number").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(seals, _SEALS)):
        inside: defaultdict[UUID, list[tuple[UUID, bytes]]] = defaultdict(list)
        rows = LedgerEvent.objects.filter(seal__in=[seal.pk for seal in chunk]).order_by("seal", "id")
        for seal_id, event_id, hashed, event_scope in rows.values_list("seal", "id", "hash", "scope"):
            inside[seal_id].append((event_id, bytes(hashed)))
            if event_scope != scope:
                report.fail(Fault.SEAL_FOREIGN, scope=scope, event=event_id)
            else:
                found += 1
        for seal in chunk:
            where = {"scope": scope, "seal": seal.number}
            if seal.number != number + 1:
                report.fail(Fault.SEAL_GAP, **where)
            elif bytes(seal.prev_hash) != head:
                report.fail(Fault.SEAL_BROKEN, **where)
            events = inside[seal.pk]
            again = seal_hash(
                id=seal.id,
                scope=seal.scope,
                number=seal.number,
                at=seal.at,
                prev_hash=bytes(seal.prev_hash),
                events=events,
            )
            if again != bytes(seal.hash) or len(events) != seal.events_count:
                report.fail(Fault.SEAL_CHANGED, **where)
            number, head = seal.number, bytes(seal.hash)
            report.seals += 1
    if found != sealed:
        report.fail(Fault.SEAL_LOST, scope=scope)


def _published(report: Report, scope: UUID | None, folder: Path) -> dict[UUID, dict[Path, Head]]:
    """The heads that were published so far, by scope and file."""
    heads: dict[UUID, dict[Path, Head]] = {}
    for each in [scope] if scope else list(scopes_with_heads(folder)):
        heads[each] = {}
        for path in head_files(folder, each):
            try:
                heads[each][path] = Head.read(path)
            except HeadError:
                report.fail(Fault.HEAD_UNREADABLE, scope=each, file=str(path))
    return heads


def _check_published(report: Report, scopes: set[UUID], published: dict[UUID, dict[Path, Head]]) -> None:
    """Every head that was ever published must be a seal of the ledger, and be signed with the ledger's
    key.
    """
    key = ledger_public_key()
    for scope in sorted(scopes | set(published)):
        seals = LedgerSeal.objects.filter(scope=scope)
        heads = published.get(scope, {})
        numbers = {head.number for head in heads.values()}
        hashes = dict(seals.filter(number__in=numbers).values_list("number", "hash"))
        for path, head in heads.items():
            if head.scope != scope or not head.is_signed_by(key):
                report.fail(Fault.HEAD_FORGED, scope=scope, file=str(path))
            elif bytes(hashes.get(head.number, b"")) != head.hash:
                report.fail(Fault.HEAD_LOST, scope=scope, seal=head.number, file=str(path))
        report.heads += len(heads)
        if not heads and seals.exists():
            report.headless.append(scope)
