"""What a hand in the database may do, and where the verification finds it."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F

from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger import (
    GENESIS,
    Chain,
    Fault,
    Report,
    erase_payloads,
    publish_heads,
    seal_once,
    unsealed_tail,
    verify_ledger,
)
from xiangli.kernel.ledger.chain import hash_of
from xiangli.kernel.ledger.forms import seal_hash
from xiangli.kernel.ledger.heads import Head, HeadError, publish_head
from xiangli.kernel.models import ErasureRun, LedgerEvent, LedgerPayload, LedgerSeal
from xiangli.kernel.tests.ledgers import START, Book, sealed_book

LATER = START + timedelta(days=1)


@pytest.fixture(autouse=True)
def heads(tmp_path: Path, settings: Any) -> Path:
    settings.LEDGER_HEADS = tmp_path / "heads"
    return tmp_path / "heads"


@pytest.fixture
def book(db: None) -> Book:
    return sealed_book()


def faults(report: Report) -> set[Fault]:
    return {failure.fault for failure in report.failures}


def event(book: Book, seq: int, *, first: bool = True) -> LedgerEvent:
    """An event of the longest stream (five events, in two seals)."""
    stream = max(book.chains.values(), key=lambda chain: chain.seq).stream
    return LedgerEvent.objects.get(stream=stream, seq=seq)


def change(found: LedgerEvent, **columns: Any) -> None:
    assert LedgerEvent.objects.filter(pk=found.pk).update(**columns) == 1


def remove(*events: LedgerEvent) -> None:
    for found in events:
        LedgerPayload.objects.filter(event=found).delete()
        found.delete()


def hashed_again(found: LedgerEvent) -> LedgerEvent:
    """What a clever hand does: the event's own hash fits again."""
    found.hash = hash_of(found)
    found.save()
    return found


# -- nothing was touched


def test_a_whole_ledger_is_proved(book: Book) -> None:
    publish_heads(LATER)
    report = verify_ledger(stream_heads=book.heads)
    assert report.ok, report.failures
    assert (report.events, report.streams, report.payloads) == (10, 4, 6)
    assert (report.seals, report.heads, report.headless) == (3, 2, [])
    assert report.tail.count == 0


def test_one_scope_is_proved_alone(book: Book) -> None:
    change(LedgerEvent.objects.filter(scope=book.there).order_by("id")[0], kind="other")
    assert verify_ledger(book.here, stream_heads=book.heads).ok
    assert not verify_ledger(book.there, stream_heads=book.heads).ok


def test_an_empty_ledger_is_whole(db: None) -> None:
    report = verify_ledger()
    assert report.ok
    assert report.as_json()["events"] == 0


def test_the_unsealed_tail_is_named(book: Book) -> None:
    book.write(book.here, "Report", "take", minute=500)
    report = verify_ledger(stream_heads=book.heads)
    assert report.ok
    assert (report.tail.count, report.tail.oldest) == (2, START + timedelta(minutes=500))
    assert unsealed_tail(book.there).count == 0
    assert seal_once(LATER) == 2
    assert verify_ledger().tail.count == 0


def test_the_report_names_where_in_json(book: Book) -> None:
    change(event(book, 2), kind="close")
    report = verify_ledger().as_json()
    assert json.loads(json.dumps(report)) == report
    assert report["ok"] is False
    assert {failure["fault"] for failure in report["failures"]} == {"event_changed"}
    assert report["failures"][0]["seq"] == "2"


# -- a column was changed


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("kind", "close", {Fault.EVENT_CHANGED}),
        ("at", START, {Fault.EVENT_CHANGED}),
        ("actor", None, {Fault.EVENT_CHANGED}),
        ("authority", "receipt", {Fault.EVENT_CHANGED}),
        ("data", {"to": "closed"}, {Fault.EVENT_CHANGED}),
        ("data", {"to": 1.5}, {Fault.EVENT_CHANGED}),
        ("commitment", b"x" * 32, {Fault.EVENT_CHANGED, Fault.PAYLOAD_MISSING}),
        ("prev_hash", b"x" * 32, {Fault.EVENT_CHANGED, Fault.STREAM_BROKEN}),
        ("hash", b"x" * 32, {Fault.EVENT_CHANGED, Fault.STREAM_BROKEN, Fault.SEAL_CHANGED}),
        ("seq", 9, {Fault.EVENT_CHANGED, Fault.STREAM_GAP, Fault.STREAM_HEAD}),
        ("stream", new_id(), {Fault.EVENT_CHANGED, Fault.STREAM_GAP}),
        ("scope", new_id(), {Fault.EVENT_CHANGED, Fault.SEAL_FOREIGN, Fault.SEAL_LOST}),
        ("seal", None, {Fault.SEAL_CHANGED}),
    ],
)
def test_a_changed_column_is_found(book: Book, column: str, value: Any, found: set[Fault]) -> None:
    target = event(book, 3)
    change(target, **{column: value})
    report = verify_ledger(stream_heads=book.heads)
    assert found <= faults(report)
    places = [failure.place() for failure in report.failures]
    assert any(str(target.pk) == place.get("event") or "seal" in place for place in places)


def test_a_changed_id_is_found(book: Book) -> None:
    change(event(book, 3), id=new_id())
    assert {Fault.EVENT_CHANGED, Fault.SEAL_CHANGED} <= faults(verify_ledger())


def test_an_event_that_was_hashed_again_breaks_its_chain_and_its_seal(book: Book) -> None:
    target = event(book, 2)
    target.authority = "receipt"
    hashed_again(target)
    assert faults(verify_ledger()) == {Fault.STREAM_BROKEN, Fault.SEAL_CHANGED}


def test_a_stream_that_was_hashed_again_to_its_end_breaks_seals_and_its_row(book: Book) -> None:
    before = GENESIS
    for seq in range(1, 6):
        target = event(book, seq)
        target.prev_hash = before
        target.authority = "receipt"
        before = bytes(hashed_again(target).hash)
    report = verify_ledger(stream_heads=book.heads)
    assert faults(report) == {Fault.SEAL_CHANGED, Fault.STREAM_HEAD}
    assert {failure.seal for failure in report.failures if failure.fault == Fault.SEAL_CHANGED} == {1, 2}


def test_an_event_that_forgot_its_payload_is_found(book: Book) -> None:
    change(event(book, 1), commitment=None)
    assert faults(verify_ledger()) == {Fault.EVENT_CHANGED, Fault.PAYLOAD_ADDED}


# -- the erasable half


def test_a_changed_payload_is_found(book: Book) -> None:
    LedgerPayload.objects.filter(event=event(book, 1)).update(body={"words": "没有垃圾"})
    assert faults(verify_ledger()) == {Fault.PAYLOAD_CHANGED}


def test_a_changed_salt_is_found(book: Book) -> None:
    LedgerPayload.objects.filter(event=event(book, 1)).update(salt=b"0" * 16)
    assert faults(verify_ledger()) == {Fault.PAYLOAD_CHANGED}


def test_a_removed_payload_is_found(book: Book) -> None:
    LedgerPayload.objects.filter(event=event(book, 1)).delete()
    assert faults(verify_ledger()) == {Fault.PAYLOAD_MISSING}


def test_an_added_payload_is_found(book: Book) -> None:
    LedgerPayload.objects.create(event=event(book, 2), salt=b"0" * 16, body={})
    assert faults(verify_ledger()) == {Fault.PAYLOAD_ADDED}


def test_an_erased_payload_is_accepted_and_counted_by_run(book: Book) -> None:
    run = erase_payloads(
        [event(book, 1).id, event(book, 4).id], scope=book.here, reason="retention", now=LATER
    )
    assert run is not None
    seal_once(LATER)
    report = verify_ledger(stream_heads=book.heads)
    assert report.ok, report.failures
    assert (report.payloads, dict(report.erased)) == (4, {run.number: 2})
    assert LedgerPayload.objects.get(event=event(book, 1)).body is None


def test_erasing_again_leaves_the_first_run(book: Book) -> None:
    first, second = event(book, 1).id, event(book, 4).id
    one = erase_payloads([first], scope=book.here, reason="retention", now=LATER)
    two = erase_payloads([first, second], scope=book.here, reason="retention", now=LATER)
    assert one is not None
    assert two is not None
    assert two.number == one.number + 1
    assert LedgerPayload.objects.get(event=first).erased_by == one
    assert erase_payloads([first], scope=book.here, reason="retention", now=LATER) is None
    assert verify_ledger().ok


def test_erasing_what_is_not_there_erases_nothing(book: Book) -> None:
    whole = event(book, 1).id
    with pytest.raises(LookupError):
        erase_payloads([whole, event(book, 2).id], scope=book.here, reason="retention", now=LATER)
    with pytest.raises(LookupError):
        erase_payloads([whole], scope=book.there, reason="retention", now=LATER)
    assert LedgerPayload.objects.get(event=whole).body is not None
    assert not ErasureRun.objects.exists()


def test_an_erasure_that_no_run_lists_is_found(book: Book) -> None:
    run = erase_payloads([event(book, 4).id], scope=book.here, reason="retention", now=LATER)
    LedgerPayload.objects.filter(event=event(book, 1)).update(body=None, salt=None, erased_by=run)
    assert faults(verify_ledger()) == {Fault.ERASURE_UNKNOWN}
    invented = ErasureRun.objects.create(number=77, scope=book.here, at=LATER, reason="invented")
    LedgerPayload.objects.filter(event=event(book, 1)).update(erased_by=invented)
    assert faults(verify_ledger()) == {Fault.ERASURE_UNKNOWN}


def test_an_erasure_that_was_undone_is_found(book: Book) -> None:
    target = event(book, 1)
    before = LedgerPayload.objects.get(event=target)
    erase_payloads([target.id], scope=book.here, reason="retention", now=LATER)
    LedgerPayload.objects.filter(event=target).update(salt=before.salt, body=before.body, erased_by=None)
    assert faults(verify_ledger()) == {Fault.ERASURE_UNDONE}


def test_the_list_of_an_erasure_cannot_be_extended(book: Book) -> None:
    run = erase_payloads([event(book, 4).id], scope=book.here, reason="retention", now=LATER)
    assert run is not None
    seal_once(LATER)
    listing = LedgerEvent.objects.get(stream=run.id)
    listing.data["events"].append(str(event(book, 1).id))
    hashed_again(listing)
    LedgerPayload.objects.filter(event=event(book, 1)).update(body=None, salt=None, erased_by=run)
    assert faults(verify_ledger()) == {Fault.SEAL_CHANGED}


# -- events were removed or inserted


def test_an_event_removed_from_the_middle_is_found(book: Book) -> None:
    remove(event(book, 3))
    report = verify_ledger()
    assert faults(report) == {Fault.STREAM_GAP, Fault.SEAL_CHANGED}
    assert [failure.seq for failure in report.failures if failure.fault == Fault.STREAM_GAP] == [4]


def test_the_last_event_removed_is_found(book: Book) -> None:
    remove(event(book, 5))
    assert faults(verify_ledger()) == {Fault.SEAL_CHANGED}
    assert faults(verify_ledger(stream_heads=book.heads)) == {Fault.SEAL_CHANGED, Fault.STREAM_HEAD}


def test_an_unsealed_last_event_removed_is_found_by_the_streams_row(book: Book) -> None:
    chain = book.write(book.here, "Report", "take")
    remove(LedgerEvent.objects.get(stream=chain.stream, seq=2))
    assert verify_ledger().ok  # nothing else knows it
    report = verify_ledger(stream_heads=book.heads)
    assert [(failure.fault, failure.stream) for failure in report.failures] == [
        (Fault.STREAM_HEAD, chain.stream)
    ]


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_whole_stream_removed_is_found(book: Book, which: int) -> None:
    stream = sorted(book.chains)[which]
    remove(*LedgerEvent.objects.filter(stream=stream))
    report = verify_ledger(stream_heads=book.heads)
    assert faults(report) == {Fault.SEAL_CHANGED, Fault.STREAM_LOST}
    assert [failure.stream for failure in report.failures if failure.fault == Fault.STREAM_LOST] == [stream]


def test_an_event_inserted_into_a_seal_is_found(book: Book) -> None:
    chain = book.write(book.here, "report")
    change(
        LedgerEvent.objects.get(stream=chain.stream), seal=LedgerSeal.objects.get(scope=book.here, number=1)
    )
    report = verify_ledger(stream_heads=book.heads)
    assert [(failure.fault, failure.seal) for failure in report.failures] == [(Fault.SEAL_CHANGED, 1)]


def test_an_event_inserted_into_a_stream_is_found(book: Book) -> None:
    for seq in (5, 4, 3):
        LedgerEvent.objects.filter(pk=event(book, seq).pk).update(seq=F("seq") + 1)
    before = event(book, 2)
    chain = Chain(stream=before.stream, scope=before.scope, seq=2, head=bytes(before.hash))
    chain.append("take", at=START, actor=None, authority="receipt", data={})
    chain.save()
    assert {Fault.EVENT_CHANGED, Fault.STREAM_BROKEN} <= faults(verify_ledger())


def test_an_event_added_to_the_end_of_a_stream_is_found_by_the_streams_row(book: Book) -> None:
    last = event(book, 5)
    chain = Chain(stream=last.stream, scope=last.scope, seq=5, head=bytes(last.hash))
    chain.append("reopen", at=START, actor=None, authority="receipt", data={})
    chain.save()
    assert faults(verify_ledger(stream_heads=book.heads)) == {Fault.STREAM_HEAD}


# -- seals were removed, swapped, changed


def drop_seal(scope: Any, number: int) -> None:
    """With everything in it, and nothing left of it in the streams."""
    seal = LedgerSeal.objects.get(scope=scope, number=number)
    remove(*LedgerEvent.objects.filter(seal=seal))
    seal.delete()


def test_the_last_seal_removed_with_its_events_is_found_by_the_published_head(book: Book) -> None:
    publish_heads(LATER)
    drop_seal(book.here, 2)
    report = verify_ledger()
    assert [(failure.fault, failure.seal) for failure in report.failures] == [(Fault.HEAD_LOST, 2)]
    assert report.failures[0].file is not None
    assert str(book.here) in report.failures[0].file


def test_a_ledger_that_was_cut_short_is_never_published_over_its_head(book: Book, heads: Path) -> None:
    publish_heads(LATER)
    drop_seal(book.here, 2)
    with pytest.raises(HeadError):
        publish_head(book.here, LATER)
    book.write(book.here, "Report")
    seal_once(LATER)  # a new seal takes the number of the removed one
    assert [path.parent.name for path in publish_heads(LATER)] == [str(book.there)]
    assert faults(verify_ledger()) == {Fault.HEAD_LOST}


def test_a_seal_removed_from_the_middle_is_found(book: Book) -> None:
    drop_seal(book.here, 1)
    report = verify_ledger()
    assert {Fault.SEAL_GAP, Fault.STREAM_GAP} <= faults(report)


def test_a_seal_undone_is_found(book: Book) -> None:
    """The events are there, unsealed again."""
    publish_heads(LATER)
    seal = LedgerSeal.objects.get(scope=book.here, number=2)
    LedgerEvent.objects.filter(seal=seal).update(seal=None)
    seal.delete()
    report = verify_ledger()
    assert faults(report) == {Fault.HEAD_LOST}
    assert report.tail.count == 3


def test_a_whole_scope_removed_is_found_by_the_published_head(book: Book) -> None:
    publish_heads(LATER)
    drop_seal(book.there, 1)
    assert faults(verify_ledger()) == {Fault.HEAD_LOST}


def test_swapped_seals_are_found(book: Book) -> None:
    one, two = LedgerSeal.objects.filter(scope=book.here).order_by("number")
    LedgerSeal.objects.filter(pk=one.pk).update(number=99)
    LedgerSeal.objects.filter(pk=two.pk).update(number=1)
    LedgerSeal.objects.filter(pk=one.pk).update(number=2)
    assert {Fault.SEAL_CHANGED, Fault.SEAL_BROKEN} <= faults(verify_ledger())


def test_swapped_events_of_two_seals_are_found(book: Book) -> None:
    one, two = LedgerSeal.objects.filter(scope=book.here).order_by("number")
    change(event(book, 2), seal=two)
    change(event(book, 5), seal=one)
    report = verify_ledger()
    assert {failure.seal for failure in report.failures} == {1, 2}
    assert faults(report) == {Fault.SEAL_CHANGED}


def test_an_event_moved_into_another_scopes_seal_is_found(book: Book) -> None:
    change(event(book, 2), seal=LedgerSeal.objects.get(scope=book.there))
    assert {Fault.SEAL_FOREIGN, Fault.SEAL_CHANGED, Fault.SEAL_LOST} <= faults(verify_ledger())
    assert {Fault.SEAL_CHANGED, Fault.SEAL_LOST} <= faults(verify_ledger(book.here))


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", START), ("events_count", 1), ("prev_hash", b"x" * 32), ("hash", b"x" * 32), ("scope", new_id())],
)
def test_a_changed_seal_is_found(book: Book, column: str, value: Any) -> None:
    LedgerSeal.objects.filter(scope=book.here, number=2).update(**{column: value})
    report = verify_ledger()
    assert faults(report) & {Fault.SEAL_CHANGED, Fault.SEAL_BROKEN}


def test_a_seal_made_again_to_fit_is_found_by_the_published_head(book: Book) -> None:
    publish_heads(LATER)
    remove(event(book, 5))
    seal = LedgerSeal.objects.get(scope=book.here, number=2)
    left = [(e.id, bytes(e.hash)) for e in LedgerEvent.objects.filter(seal=seal).order_by("id")]
    seal.events_count = len(left)
    seal.hash = seal_hash(
        id=seal.id, scope=seal.scope, number=2, at=seal.at, prev_hash=bytes(seal.prev_hash), events=left
    )
    seal.save()
    assert faults(verify_ledger()) == {Fault.HEAD_LOST}


# -- published heads


def test_heads_are_dated_where_people_are_and_written_once_a_day(book: Book, heads: Path) -> None:
    evening = START.replace(hour=17)  # after midnight in Shanghai
    publish_head(book.here, evening)
    assert [path.name for path in (heads / str(book.here)).iterdir()] == ["2026-11-21.json"]
    publish_head(book.here, evening + timedelta(hours=1))
    publish_head(book.here, evening + timedelta(days=1))
    assert sorted(path.name for path in (heads / str(book.here)).iterdir()) == [
        "2026-11-21.json",
        "2026-11-22.json",
    ]
    assert verify_ledger().heads == 2


def edit(change_it: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        content = json.loads(path.read_text())
        change_it(content)
        path.write_text(json.dumps(content))

    return run


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (edit(lambda head: head.update(number=1)), Fault.HEAD_FORGED),
        (edit(lambda head: head.update(hash="00" * 32)), Fault.HEAD_FORGED),
        (edit(lambda head: head.update(published_at="2020-01-01T00:00:00.000000Z")), Fault.HEAD_FORGED),
        (edit(lambda head: head.update(signature="AAAA")), Fault.HEAD_FORGED),
        (edit(lambda head: head.pop("number")), Fault.HEAD_UNREADABLE),
        (lambda path: path.write_text("{"), Fault.HEAD_UNREADABLE),
        (lambda path: path.write_bytes(b"\xff\xfe"), Fault.HEAD_UNREADABLE),
    ],
)
def test_a_changed_head_is_found(book: Book, damage: Callable[[Path], None], fault: Fault) -> None:
    path = publish_head(book.here, LATER)
    damage(path)
    report = verify_ledger()
    assert [(failure.fault, failure.file) for failure in report.failures] == [(fault, str(path))]


def test_a_head_signed_with_another_key_is_found(book: Book, settings: Any) -> None:
    own = settings.LEDGER_KEY
    settings.LEDGER_KEY = b"k" * 32
    publish_head(book.here, LATER)
    settings.LEDGER_KEY = own
    assert faults(verify_ledger()) == {Fault.HEAD_FORGED}


def test_a_head_of_another_scope_is_found(book: Book, heads: Path) -> None:
    path = publish_head(book.there, LATER)
    (heads / str(book.here)).mkdir()
    path.rename(heads / str(book.here) / path.name)
    assert faults(verify_ledger()) == {Fault.HEAD_FORGED}


def test_a_copy_of_the_heads_kept_elsewhere_proves_more(book: Book, heads: Path, tmp_path: Path) -> None:
    publish_heads(LATER)
    heads.rename(tmp_path / "copy")
    drop_seal(book.here, 2)
    report = verify_ledger()
    assert report.ok
    assert sorted(report.headless) == sorted([book.here, book.there])
    assert faults(verify_ledger(heads_dir=tmp_path / "copy")) == {Fault.HEAD_LOST}


def test_a_half_written_head_leaves_the_old_one(
    book: Book, heads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish_head(book.here, LATER)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("xiangli.kernel.ledger.heads.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        publish_head(book.here, LATER + timedelta(minutes=1))
    assert publish_heads(LATER + timedelta(minutes=1)) == []  # said in the log; sealing goes on
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_streams_heads_out_of_order_are_refused(book: Book) -> None:
    with pytest.raises(ValueError, match="order"):
        verify_ledger(stream_heads=lambda scope: list(reversed(book.heads(scope))))


# -- sealing


def test_sealing_again_seals_nothing(book: Book) -> None:
    assert seal_once(LATER) == 0
    assert LedgerSeal.objects.filter(scope=book.here).count() == 2


def test_large_batches_become_several_seals(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xiangli.kernel.ledger.sealer.BATCH", 3)
    book = Book()
    for _ in range(4):
        book.write(book.here, "report", "take")
    assert seal_once(LATER) == 8
    assert [seal.events_count for seal in LedgerSeal.objects.order_by("number")] == [3, 3, 2]
    assert verify_ledger(stream_heads=book.heads).ok


def test_an_event_that_was_committed_late_goes_into_a_later_seal(book: Book) -> None:
    early = Chain(stream=new_id(), scope=book.here)
    appended = early.append("report", at=START, actor=None, authority="receipt", data={}, event_id=None)
    LedgerEvent.objects.filter(pk=appended.pk).delete()
    book.write(book.here, "report")
    seal_once(LATER)
    early.save()
    assert seal_once(LATER + timedelta(seconds=2)) == 1
    assert verify_ledger().ok


@pytest.mark.django_db(transaction=True)
def test_sealers_side_by_side_leave_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xiangli.kernel.ledger.sealer.BATCH", 5)
    book, done = Book(), threading.Event()
    errors: list[Exception] = []

    def seal() -> None:
        try:
            while not done.is_set():
                seal_once(LATER)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        book.write(book.here, "Report", "take", "close")
        book.write(book.there, "Report")
        assert verify_ledger(stream_heads=book.heads).ok  # at any moment
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    seal_once(LATER)
    report = verify_ledger(stream_heads=book.heads)
    assert report.ok, report.failures
    assert (report.events, report.tail.count) == (120, 0)
    numbers = LedgerSeal.objects.filter(scope=book.here).order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.django_db(transaction=True)
def test_the_sealer_seals_and_publishes_until_it_is_stopped(
    heads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xiangli.kernel.ledger import run_sealer

    monkeypatch.setattr("xiangli.kernel.ledger.sealer.PAUSE", timedelta(milliseconds=10))
    book, stop = Book(), threading.Event()

    def run() -> None:
        run_sealer(stop)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    book.write(book.here, "Report", "take")
    while unsealed_tail().count:
        stop.wait(0.01)
    book.write(book.there, "Report")
    stop.set()
    thread.join()
    assert unsealed_tail().count == 0  # the last round
    assert sorted(path.name for path in heads.iterdir()) == sorted([str(book.here), str(book.there)])
    assert verify_ledger(stream_heads=book.heads).ok
    assert Head.read(next((heads / str(book.there)).iterdir())).number == 1


@pytest.mark.django_db(transaction=True)
def test_a_verification_sees_one_moment() -> None:
    """What is appended and sealed while it walks is neither a fault nor counted."""
    book = sealed_book()
    walked: list[int] = []

    def meanwhile() -> None:
        book.write(book.here, "Report", "take")
        seal_once(LATER)
        connections.close_all()

    def heads_then_write(scope: Any) -> list[Any]:
        known = book.heads(scope)
        connection.cursor().execute("SELECT 1")  # the snapshot stands from here
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
        return known

    report = verify_ledger(stream_heads=heads_then_write, progress=walked.append)
    assert report.ok, report.failures
    assert (report.events, report.tail.count, walked) == (10, 0, [10])
    assert verify_ledger(stream_heads=book.heads).events == 12
