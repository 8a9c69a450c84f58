"""Encryption and keyed digests, behind one replaceable suite.

An envelope says which suite and which key made it, so a cell can move to another suite or key and still
open what it holds:

    version (1 byte) | suite (1) | key (1) | nonce (12) | ciphertext and tag

No key is stored but the master key; the others are derived from it, one for each scope, so that what is
copied out of one county's rows opens nowhere else. The `context` (which row, which field) is authenticated:
an envelope moved to another row does not open.
"""

import secrets
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION: Final = 1
KEY: Final = 1  # the generation that seals now
_HEADER_BYTES: Final = 3


class Unreadable(Exception):  # noqa: N818  # a state of the envelope, said as `except Unreadable` reads
    """The envelope cannot be opened: another scope, context, key or suite, or it was changed.

    Never says which of these.
    """


class Suite(Protocol):
    """Authenticated encryption with a nonce drawn at random for each envelope.

    `number` stands in the envelope for ever; `name` goes into the derivation of its keys.
    """

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def key_bytes(self) -> int: ...
    @property
    def nonce_bytes(self) -> int: ...

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, authenticated: bytes) -> bytes:
        """Ciphertext and tag."""

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, authenticated: bytes) -> bytes:
        """The plaintext. Raises InvalidTag when anything differs."""


@dataclass(frozen=True, slots=True)
class Aes256Gcm:
    """AES-256-GCM. Random nonces of 96 bits: a scope may seal 2**32 envelopes with one key."""

    number: int = 1
    name: str = "aes-256-gcm"
    key_bytes: int = 32
    nonce_bytes: int = 12

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, authenticated: bytes) -> bytes:
        return AESGCM(key).encrypt(nonce, plaintext, authenticated)

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, authenticated: bytes) -> bytes:
        return AESGCM(key).decrypt(nonce, ciphertext, authenticated)


SEALING: Suite = Aes256Gcm()  # seals what is new
OPENING: dict[int, Suite] = {SEALING.number: SEALING}  # opens what exists: a retired suite stays here


def seal(plaintext: bytes, *, scope: UUID, context: str) -> bytes:
    """The envelope over `plaintext`, for `scope` (the county) and `context`.

    The context names row and field: "receipt.contact:<uuid>".
    """
    suite = SEALING
    header = bytes((VERSION, suite.number, KEY))
    nonce = secrets.token_bytes(suite.nonce_bytes)
    key = _encryption_key(suite, scope, KEY)
    return header + nonce + suite.encrypt(key, nonce, plaintext, header + context.encode())


def open_sealed(envelope: bytes, *, scope: UUID, context: str) -> bytes:
    """What `seal` was given. Raises Unreadable when scope, context or any bit differs."""
    header, rest = envelope[:_HEADER_BYTES], envelope[_HEADER_BYTES:]
    if len(header) < _HEADER_BYTES or header[0] != VERSION or header[1] not in OPENING:
        raise Unreadable
    suite = OPENING[header[1]]
    nonce, ciphertext = rest[: suite.nonce_bytes], rest[suite.nonce_bytes :]
    try:
        key = _encryption_key(suite, scope, header[2])
        return suite.decrypt(key, nonce, ciphertext, header + context.encode())
    except (InvalidTag, ValueError) as error:  # ValueError: a nonce cut short
        raise Unreadable from error


def mac(data: bytes, *, purpose: str, scope: UUID | None = None) -> bytes:
    """HMAC-SHA-256 of `data` (32 bytes), with a key of its own for each purpose and scope."""
    code = hmac.HMAC(_derive(f"xiangli/mac/{scope or 'all'}/{purpose}", 32), hashes.SHA256())
    code.update(data)
    return code.finalize()


def _encryption_key(suite: Suite, scope: UUID, key: int) -> bytes:
    # The suite is named so that no two share key bytes: a short HKDF output is a prefix of a longer one.
    return _derive(f"xiangli/enc/{suite.name}/{scope}/{key}", suite.key_bytes)


def _derive(info: str, length: int) -> bytes:
    # No salt: the master key is uniformly random already (RFC 5869, 3.1).
    return HKDF(hashes.SHA256(), length, salt=None, info=info.encode()).derive(settings.MASTER_KEY)
