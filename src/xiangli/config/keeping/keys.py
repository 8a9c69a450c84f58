"""Which keys a backup was made under, and the keys themselves where they are to be inside.

A backup without the keys is of no use to whoever steals it for what is encrypted (contacts, secrets of channels), and
a backup with the keys in clear would be of every use. So they are left out, or go in under a passphrase.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from xiangli.config.secrets import FILE, Secrets
from xiangli.config.words import words

from .faults import KeepingError

SHORTEST: Final = 12  # characters of a passphrase
# About a second and 128 MB: whoever guesses pays it for every guess.
_N, _R, _P = 2**17, 8, 1
_MEMORY: Final = 256 * 1024 * 1024


class SealedKeys(msgspec.Struct, frozen=True):
    """The three keys under a passphrase: scrypt, then AES-256-GCM. All in base64."""

    n: int
    r: int
    p: int
    salt: str
    nonce: str
    sealed: str


def fingerprint(master_key: bytes) -> str:
    """Tells keys apart and says nothing of them."""
    return hmac.digest(master_key, b"xiangli/backup/fingerprint", "sha256").hex()[:16]


def seal_key(master_key: bytes) -> bytes:
    """The key under which a backup's sums are sealed."""
    return hmac.digest(master_key, b"xiangli/backup/seal", "sha256")


def check_passphrase(passphrase: str) -> None:
    """Raises KeepingError for one that is soon guessed."""
    if len(passphrase) < SHORTEST or len(set(passphrase)) < SHORTEST // 2:
        raise KeepingError(
            words(
                f"口令至少 {SHORTEST} 个字符，不能总是同样几个：拿到备份的人可以一直猜下去。",
                f"The passphrase wants {SHORTEST} characters, and not the same few:"
                " whoever has the backup may guess for ever.",
            )
        )


def seal_keys(keys: Secrets, passphrase: str) -> bytes:
    """What goes into a backup as `keys.json`."""
    check_passphrase(passphrase)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    clear = json.dumps(
        {
            "django_key": keys.django_key,
            "master_key": base64.b64encode(keys.master_key).decode(),
            "ledger_key": base64.b64encode(keys.ledger_key).decode(),
        }
    ).encode()
    key = _stretched(passphrase, salt, _N, _R, _P)
    sealed = AESGCM(key).encrypt(nonce, clear, FILE.encode())
    packed = [base64.b64encode(part).decode() for part in (salt, nonce, sealed)]
    return msgspec.json.encode(SealedKeys(_N, _R, _P, *packed))


def open_keys(content: bytes, passphrase: str) -> bytes:
    """The text of `secrets.json`. Raises KeepingError for a wrong passphrase."""
    try:
        found = msgspec.json.decode(content, type=SealedKeys)
        salt, nonce, sealed = (base64.b64decode(part) for part in (found.salt, found.nonce, found.sealed))
        key = _stretched(passphrase, salt, found.n, found.r, found.p)
        return AESGCM(key).decrypt(nonce, sealed, FILE.encode())
    except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise KeepingError(
            words("口令不对，打不开备份里的密钥。", "That passphrase does not open the keys in the backup.")
        ) from error


def write_keys(home: Path, content: bytes) -> None:
    """Put `secrets.json` into a home that has none."""
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _stretched(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)
