"""The three keys of a cell: made once, kept in `$XIANGLI_HOME/secrets.json` or given by the environment.

Losing the master key loses every encrypted contact and every photo's name; the file belongs into the backup,
apart from the database. Never print these values.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE: Final = "secrets.json"
_VARIABLES: Final = {
    "django_key": "XIANGLI_SECRET_KEY",
    "master_key": "XIANGLI_MASTER_KEY",
    "ledger_key": "XIANGLI_LEDGER_KEY",
}


class SecretsError(Exception):
    """The keys cannot be used; the message names the file or variable, never a value."""


@dataclass(frozen=True)
class Secrets:
    """Django's signing key; 32 bytes for encryption and HMACs; the 32 byte seed that signs ledger heads."""

    django_key: str = field(repr=False)
    master_key: bytes = field(repr=False)
    ledger_key: bytes = field(repr=False)


def load_secrets(home: Path, environment: Mapping[str, str] = os.environ) -> Secrets:
    """The keys from the environment (binary ones in base64), the others from `home`, made there once.

    Raises SecretsError when a key is malformed or the file can be read by others.
    """
    given = {key: environment[name] for key, name in _VARIABLES.items() if environment.get(name)}
    kept = {} if len(given) == len(_VARIABLES) else _kept(home / FILE)
    values = {**kept, **given}
    return Secrets(
        django_key=values["django_key"],
        master_key=_bytes(values["master_key"], "master_key"),
        ledger_key=_bytes(values["ledger_key"], "ledger_key"),
    )


def _kept(path: Path) -> dict[str, str]:
    if not path.exists():
        _make(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SecretsError(f"{path} can be read by others (mode {mode:o}): chmod 600 {path}")
    try:
        values = json.loads(path.read_text())
        return {key: str(values[key]) for key in _VARIABLES}
    except (ValueError, KeyError, TypeError) as error:
        raise SecretsError(
            f"{path} is damaged: restore it from the backup; new keys cannot open old data"
        ) from error


def _make(path: Path) -> None:
    """Write new keys: of two starting processes both use the same ones, and a crash leaves none or all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "django_key": secrets.token_urlsafe(48),
        "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ledger_key": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(values, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return  # another process was first: its keys count
    finally:
        os.unlink(name)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _bytes(text: str, key: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        value = b""
    if len(value) != 32:
        raise SecretsError(f"{_VARIABLES[key]} (or {key} in {FILE}) must be 32 bytes in base64")
    return value
