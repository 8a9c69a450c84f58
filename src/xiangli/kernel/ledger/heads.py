"""Heads: what the last seal of each scope was, signed, in files outside the database.

Whoever can rewrite the whole database can rewrite every chain in it. A head that was published before, and is
kept where he cannot reach it (a copy elsewhere, a newspaper), shows it.
"""

import base64
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from xiangli.kernel.canonical import moment
from xiangli.kernel.ledger.forms import head_bytes
from xiangli.kernel.models import LedgerSeal

_log = logging.getLogger(__name__)


class HeadError(Exception):
    """A head cannot be read, or cannot be published because the ledger contradicts one that was; the message
    says which.
    """


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal of a scope at the moment of publishing."""

    scope: UUID
    number: int
    hash: bytes
    sealed_at: datetime
    published_at: datetime
    public_key: bytes
    signature: bytes

    @classmethod
    def of(cls, seal: LedgerSeal, *, now: datetime) -> Self:
        """Sign the head that `seal` is, with the ledger's key."""
        key = Ed25519PrivateKey.from_private_bytes(settings.LEDGER_KEY)
        facts: dict[str, Any] = {
            "scope": seal.scope,
            "number": seal.number,
            "hash": bytes(seal.hash),
            "sealed_at": seal.at,
            "published_at": now,
        }
        return cls(
            **facts, public_key=key.public_key().public_bytes_raw(), signature=key.sign(head_bytes(**facts))
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """The head in a file; its signature is not checked here. Raises HeadError."""
        try:
            found = json.loads(path.read_bytes())
            return cls(
                scope=UUID(found["scope"]),
                number=int(found["number"]),
                hash=bytes.fromhex(found["hash"]),
                sealed_at=datetime.fromisoformat(found["sealed_at"]),
                published_at=datetime.fromisoformat(found["published_at"]),
                public_key=base64.b64decode(found["public_key"], validate=True),
                signature=base64.b64decode(found["signature"], validate=True),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HeadError(f"{path}: {type(error).__name__}") from error

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether that key, and not only the one the file brings along, signed exactly this."""
        covered = head_bytes(
            scope=self.scope,
            number=self.number,
            hash=self.hash,
            sealed_at=self.sealed_at,
            published_at=self.published_at,
        )
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, covered)
        except (InvalidSignature, ValueError):
            return False
        return self.public_key == public_key

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, and make it last."""
        content = {
            "format": "xiangli/head/1",
            "scope": str(self.scope),
            "number": self.number,
            "hash": self.hash.hex(),
            "sealed_at": moment(self.sealed_at),
            "published_at": moment(self.published_at),
            "public_key": base64.b64encode(self.public_key).decode(),
            "signature": base64.b64encode(self.signature).decode(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".head-")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # it is meant to be published
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def ledger_public_key() -> bytes:
    """The 32 bytes of the key that heads of this cell are checked with."""
    return Ed25519PrivateKey.from_private_bytes(settings.LEDGER_KEY).public_key().public_bytes_raw()


def publish_heads(now: datetime, folder: Path | None = None) -> list[Path]:
    """Publish the head of every scope and return the files; a scope whose ledger contradicts its last head is
    logged and left out.
    """
    written = []
    for scope in LedgerSeal.objects.order_by().values_list("scope", flat=True).distinct():
        try:
            written.append(publish_head(scope, now, folder))
        except (HeadError, OSError) as error:  # a full disk must not stop the sealing
            _log.error("ledger: no head of %s is published: %s", scope, error)
    return written


def publish_head(scope: UUID, now: datetime, folder: Path | None = None) -> Path:
    """Write the scope's head to `<folder>/<scope>/<day>.json`, by default in settings.LEDGER_HEADS, and
    return the file.

    Raises HeadError when there is no seal, or when the ledger no longer holds the head that was published
    last: the file of the day is overwritten, and must not be by a ledger that was cut short.
    """
    seals = LedgerSeal.objects.filter(scope=scope)
    last = seals.order_by("-number").first()
    if last is None:
        raise HeadError("nothing is sealed")
    folder = folder or settings.LEDGER_HEADS
    if published := head_files(folder, scope):
        before = Head.read(published[-1])
        if not seals.filter(number=before.number, hash=before.hash).exists():
            raise HeadError(
                f"seal {before.number} of {published[-1]} is not in the ledger: run verify-ledger"
            )
    path = folder / str(scope) / f"{local_day(now).isoformat()}.json"
    Head.of(last, now=now).write(path)
    return path


def head_files(folder: Path, scope: UUID) -> list[Path]:
    """The published heads of a scope, the oldest first."""
    return sorted((folder / str(scope)).glob("*.json"))


def scopes_with_heads(folder: Path) -> Iterator[UUID]:
    """Scopes that have a folder of heads, whether or not the database knows them."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            yield UUID(entry.name)
        except ValueError:
            continue


def local_day(now: datetime) -> date:
    """The day it is where the people are."""
    return now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
