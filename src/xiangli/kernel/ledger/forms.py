"""What is hashed, and how: pure. An auditor can write this page again in an afternoon and check a county's
ledger with it.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from xiangli.kernel.canonical import canonical, moment

GENESIS: Final = bytes(32)  # what the first event of a stream, and the first seal of a scope, follow
SALT_SIZE: Final = 16  # bytes: a payload of few words cannot be found by trying words

# The kind of a hash stands before its bytes, so that no event can pass for a seal or a head.
_EVENT: Final = b"xiangli/event/1\n"
_SEAL: Final = b"xiangli/seal/1\n"
_HEAD: Final = b"xiangli/head/1\n"


def event_hash(
    *,
    id: UUID,
    scope: UUID,
    stream: UUID,
    seq: int,
    kind: str,
    at: datetime,
    actor: UUID | None,
    authority: str,
    data: dict[str, Any],
    commitment: bytes | None,
    prev_hash: bytes,
) -> bytes:
    """The hash of one event: every column but the hash itself and the seal."""
    return sha256(
        _EVENT
        + canonical(
            {
                "id": id,
                "scope": scope,
                "stream": stream,
                "seq": seq,
                "kind": kind,
                "at": at,
                "actor": actor,
                "authority": authority,
                "data": data,
                "commitment": None if commitment is None else commitment.hex(),
                "prev_hash": prev_hash.hex(),
            }
        )
    ).digest()


def payload_commitment(salt: bytes, body: Any) -> bytes:
    """What an event keeps of its payload. Once salt and body are gone, nothing can be learned from it."""
    return sha256(salt + canonical(body)).digest()


def seal_hash(
    *,
    id: UUID,
    scope: UUID,
    number: int,
    at: datetime,
    prev_hash: bytes,
    events: Iterable[tuple[UUID, bytes]],
) -> bytes:
    """The hash of one seal over the ids and hashes of its events, in the order of their ids."""
    digest = sha256(_SEAL)
    listed = 0
    body = sha256()
    for event_id, hashed in events:
        body.update(event_id.bytes + hashed)
        listed += 1
    digest.update(
        canonical(
            {
                "id": id,
                "scope": scope,
                "number": number,
                "at": at,
                "prev_hash": prev_hash.hex(),
                "events_count": listed,
                "events": body.hexdigest(),
            }
        )
    )
    return digest.digest()


def head_bytes(
    *, scope: UUID, number: int, hash: bytes, sealed_at: datetime, published_at: datetime
) -> bytes:
    """What the signature of a published head covers."""
    return _HEAD + canonical(
        {
            "scope": scope,
            "number": number,
            "hash": hash.hex(),
            "sealed_at": moment(sealed_at),
            "published_at": moment(published_at),
        }
    )
