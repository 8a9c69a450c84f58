"""A small ledger for tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger import Chain, StreamHead, seal_once

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@dataclass
class Book:
    """Two scopes, four streams, and what their own rows would say."""

    here: UUID = field(default_factory=new_id)
    there: UUID = field(default_factory=new_id)
    chains: dict[UUID, Chain] = field(default_factory=dict)

    def write(self, scope: UUID, *kinds: str, stream: UUID | None = None, minute: int = 0) -> Chain:
        """Append `kinds` to a stream; those that begin with a capital letter carry words."""
        chain = self.chains.setdefault(stream, Chain(stream=stream, scope=scope)) if stream else None
        if chain is None:
            chain = Chain(stream=new_id(), scope=scope)
            self.chains[chain.stream] = chain
        for kind in kinds:
            chain.append(
                kind.lower(),
                at=START + timedelta(minutes=minute + chain.seq),
                actor=new_id(),
                authority=f"appointment:{new_id()}",
                data={"to": "in_progress", "unit": new_id()},
                payload={"words": "巷口有垃圾", "photos": [new_id()]} if kind[0].isupper() else None,
            )
        chain.save()
        return chain

    def heads(self, scope: UUID | None = None) -> list[StreamHead]:
        """What matters would say of its rows."""
        return [
            (stream, chain.seq, chain.head)
            for stream, chain in sorted(self.chains.items())
            if scope in (None, chain.scope)
        ]


def sealed_book() -> Book:
    """Three streams here in two seals, one there in one."""
    book = Book()
    first = book.write(book.here, "Report", "assign", "take")
    book.write(book.here, "Report", "Take")
    book.write(book.there, "Report", "take")
    seal_once(START + timedelta(hours=1))
    book.write(book.here, "Resolve", "close", stream=first.stream)
    book.write(book.here, "Report")
    seal_once(START + timedelta(hours=2))
    return book
