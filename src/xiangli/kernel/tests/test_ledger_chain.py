from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger import GENESIS, Chain, erase_payloads, event_exists, history
from xiangli.kernel.ledger.chain import hash_of
from xiangli.kernel.ledger.forms import event_hash, head_bytes, payload_commitment, seal_hash
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.tests.ledgers import START, Book

FACTS: dict[str, Any] = {
    "id": UUID(int=1),
    "scope": UUID(int=2),
    "stream": UUID(int=3),
    "seq": 4,
    "kind": "take_case",
    "at": START,
    "actor": UUID(int=5),
    "authority": "appointment:5",
    "data": {"to": "in_progress"},
    "commitment": b"c" * 32,
    "prev_hash": b"p" * 32,
}


def test_the_form_of_an_event_never_changes() -> None:
    """A hash made today, written down: whoever changes the form breaks every ledger there is."""
    assert event_hash(**FACTS).hex() == "9643e41075a472722193d4c60e2c51e40edd607a14280c2f0e10890009bdc59c"


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("id", UUID(int=9)),
        ("scope", UUID(int=9)),
        ("stream", UUID(int=9)),
        ("seq", 5),
        ("kind", "take_cas"),
        ("at", START.replace(microsecond=1)),
        ("actor", None),
        ("authority", "appointment:6"),
        ("data", {"to": "closed"}),
        ("commitment", None),
        ("prev_hash", GENESIS),
    ],
)
def test_every_column_is_in_the_hash(column: str, other: Any) -> None:
    assert set(FACTS) == {field.name for field in LedgerEvent._meta.fields} - {"hash", "seal"}
    assert event_hash(**FACTS | {column: other}) != event_hash(**FACTS)


def test_a_seal_a_head_and_an_event_never_share_a_hash() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seal = seal_hash(id=UUID(int=1), scope=UUID(int=2), number=1, at=now, prev_hash=GENESIS, events=[])
    head = head_bytes(scope=UUID(int=2), number=1, hash=GENESIS, sealed_at=now, published_at=now)
    assert head.startswith(b"xiangli/head/1\n")
    assert seal != event_hash(**FACTS)


@given(st.lists(st.tuples(st.uuids(), st.binary(min_size=32, max_size=32)), min_size=2, unique=True))
def test_a_seal_covers_each_event_and_their_order(events: list[tuple[UUID, bytes]]) -> None:
    def of(listed: list[tuple[UUID, bytes]]) -> bytes:
        return seal_hash(
            id=UUID(int=1), scope=UUID(int=2), number=1, at=START, prev_hash=GENESIS, events=listed
        )

    assert of(events[1:]) != of(events)
    assert of([*events[1:], events[0]]) != of(events)


@given(st.dictionaries(st.text(alphabet="abc"), st.text(alphabet="二巷ab")))
def test_a_commitment_hides_the_same_words_behind_another_salt(body: dict[str, str]) -> None:
    assert payload_commitment(b"1" * 16, body) != payload_commitment(b"2" * 16, body)
    assert payload_commitment(b"1" * 16, body) == payload_commitment(b"1" * 16, dict(body))


@given(st.lists(st.tuples(st.sampled_from(["take", "return"]), st.booleans()), min_size=1, max_size=8))
def test_each_event_follows_the_one_before(steps: list[tuple[str, bool]]) -> None:
    chain = Chain(stream=new_id(), scope=new_id())
    before, events = GENESIS, []
    for kind, words in steps:
        event = chain.append(
            kind,
            at=START,
            actor=None,
            authority="receipt",
            data={},
            payload={"words": "好"} if words else None,
        )
        assert bytes(event.prev_hash) == before
        assert (event.commitment is not None) is words
        before = bytes(event.hash)
        events.append(event)
    assert [event.seq for event in events] == list(range(1, len(steps) + 1))
    assert (chain.seq, chain.head) == (len(steps), before)
    assert all(hash_of(event) == event.hash for event in events)


def test_a_float_is_refused_before_anything_is_written() -> None:
    chain = Chain(stream=new_id(), scope=new_id())
    with pytest.raises(TypeError):
        chain.append("report", at=START, actor=None, authority="receipt", data={"lat": 35.1})
    assert (chain.seq, chain.head) == (0, GENESIS)


@pytest.mark.django_db
def test_saving_takes_one_statement_and_reads_back_the_same() -> None:
    chain = Chain(stream=new_id(), scope=new_id())
    given_id = new_id()
    chain.append(
        "report", at=START, actor=None, authority="receipt", data={"n": 1}, payload={"words": "垃圾"}
    )
    chain.append("take", at=START, actor=new_id(), authority="appointment:1", data={}, event_id=given_id)
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        chain.save()
    assert len(queries) == 1
    assert chain.save() == []  # nothing is written twice
    stored = list(LedgerEvent.objects.filter(stream=chain.stream).order_by("seq"))
    assert [hash_of(event) for event in stored] == [bytes(event.hash) for event in stored]
    assert bytes(stored[-1].hash) == chain.head
    found = event_exists(given_id)
    assert found is not None
    assert found.kind == "take"
    assert event_exists(new_id()) is None


@pytest.mark.django_db
def test_the_chain_goes_on_where_the_streams_row_says() -> None:
    first = Book().write(new_id(), "Report", "take")
    again = Chain(stream=first.stream, scope=first.scope, seq=first.seq, head=memoryview(first.head))  # type: ignore[arg-type]  # as a driver may hand it out
    event = again.append("close", at=START, actor=None, authority="rule:clock", data={})
    again.save()
    assert (event.seq, bytes(event.prev_hash)) == (3, first.head)


@pytest.mark.django_db
def test_history_is_one_statement_with_payloads_and_erasures() -> None:
    book = Book()
    chain = book.write(book.here, "Report", "take", "Resolve")
    last = LedgerEvent.objects.get(stream=chain.stream, seq=3)
    erase_payloads([last.id], scope=book.here, reason="retention", now=START)
    with CaptureQueriesContext(connection) as queries:
        rows = history(chain.stream)
    assert len(queries) == 1
    assert [(row.seq, row.kind) for row in rows] == [(1, "report"), (2, "take"), (3, "resolve")]
    assert rows[0].payload is not None
    assert rows[0].payload["words"] == "巷口有垃圾"
    assert [row.payload for row in rows[1:]] == [None, None]
    assert [row.erased for row in rows] == [False, False, True]
