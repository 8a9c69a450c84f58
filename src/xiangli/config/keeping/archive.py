"""The file of a backup: a tar that every system can open, and that cannot be cut, changed or exchanged unseen.

    database.dump       pg_dump's own format
    files/<key>         photos
    heads/<name>        signed heads of the ledger
    keys.json           only where asked for, under a passphrase
    manifest.json       what this is
    SHA256SUMS          a line for each of the above, as `sha256sum --check` reads it
    SHA256SUMS.hmac     HMAC-SHA-256 of the sums, under a key that follows from the master key

Both ways read and write it from front to back in constant memory, whatever its size.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from xiangli.config.words import words

from .faults import KeepingError

FORMAT: Final = 1
DUMP: Final = "database.dump"
FILES: Final = "files/"
HEADS: Final = "heads/"
KEYS: Final = "keys.json"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
SEAL: Final = "SHA256SUMS.hmac"
CHUNK: Final = 1024 * 1024  # bytes read or written at once
_SMALL: Final = 16 * 1024 * 1024  # no part that is read as a whole is larger
_END: Final = b"\0" * (2 * tarfile.BLOCKSIZE)


class LastSeal(msgspec.Struct, frozen=True):
    """Where the ledger of a county stood."""

    scope: str
    number: int
    hash: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds: nothing of anybody, only versions, sums and numbers of rows."""

    format: int
    version: str  # of Xiangli
    taken_at: str  # UTC
    postgresql: str
    schema: str
    migrations: dict[str, list[str]]  # what the tables are: every step that was made, by app
    rows: dict[str, int]  # of each table whose rows are inside
    seals: list[LastSeal]
    files: int
    files_bytes: int
    lost: int  # photos that rows refer to and that storage no longer had
    key: str  # fingerprint of the master key
    keys_inside: bool


class Writer:
    """Writes a backup to `path`. Until `finish` it stands under another name, and an error leaves nothing of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.partial")

    def __enter__(self) -> Self:
        handle = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file: IO[bytes] = os.fdopen(handle, "wb")
        os.fchmod(handle, 0o600)  # it may have been there, from a backup that was killed
        # Held for as long as it is written. A list in memory would grow with the number of photos.
        self._sums = self.partial.with_name(self.partial.name + ".sums").open("wb+")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._sums.close()
        Path(self._sums.name).unlink()
        self.partial.unlink(missing_ok=True)

    def add(self, name: str, chunks: Iterable[bytes], *, listed: bool = True) -> int:
        """One part, whose size need not be known before; returns its size in bytes."""
        info = tarfile.TarInfo(name)
        info.mtime, info.mode = int(time.time()), 0o600
        # A header's length does not depend on the size it tells (GNU writes large ones in binary), so it is written
        # again once the size is known.
        start = self._file.tell()
        self._file.write(_header(info))
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            info.size += len(chunk)
            self._file.write(chunk)
        self._file.write(b"\0" * (-info.size % tarfile.BLOCKSIZE))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(_header(info))
        self._file.seek(end)
        if listed:
            self._sums.write(_line(digest.hexdigest(), name))
        return info.size

    def finish(self, manifest: Manifest, seal_key: bytes) -> None:
        """Close with manifest, sums and seal, make it last, and give it its name."""
        self.add(MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest), indent=2)])
        seal = hmac.new(seal_key, digestmod="sha256")
        self._sums.seek(0)

        def sums() -> Iterator[bytes]:
            while chunk := self._sums.read(CHUNK):
                seal.update(chunk)
                yield chunk

        self.add(SUMS, sums(), listed=False)
        self.add(SEAL, [seal.hexdigest().encode() + b"\n"], listed=False)
        self._file.write(_END)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self.partial, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check(
    path: Path, *, seal_key: Callable[[Manifest], bytes] | None, progress: Callable[[int], object]
) -> Manifest:
    """Read a backup wholly and compare every part with its sum; return what it says it is.

    `seal_key` is asked, once the manifest is known, for the key of the seal; None: the seal is not compared (the keys
    are not here). `progress` is told how many bytes were read. Raises KeepingError when the file is none of ours, is
    cut off or was changed.
    """
    manifest: Manifest | None = None
    lines = hashlib.sha256()
    sums = b""
    seal: hmac.HMAC | None = None
    sealed: bytes | None = None
    done = 0
    for name, part in parts(path):
        if sealed is not None or (sums and name != SEAL):
            raise _damaged(path)  # something was put behind the end
        if name == SUMS and manifest is not None and seal_key is not None:
            seal = hmac.new(seal_key(manifest), digestmod="sha256")
        digest, kept = hashlib.sha256(), b""
        for chunk in chunks_of(part):
            digest.update(chunk)
            done += len(chunk)
            progress(done)
            if name == SUMS and seal is not None:
                seal.update(chunk)
            if name in {MANIFEST, SEAL} and len(kept) < _SMALL:
                kept += chunk
        if name == SUMS:
            sums = digest.digest()
        elif name == SEAL:
            sealed = kept.strip()
        else:
            # The sums must be these lines exactly, in this order: so nothing was taken out or put in.
            lines.update(_line(digest.hexdigest(), name))
            if name == MANIFEST:
                manifest = _manifest(path, kept)
    if manifest is None or sealed is None or sums != lines.digest():
        raise _damaged(path)
    if seal is not None and not hmac.compare_digest(sealed, seal.hexdigest().encode()):
        raise KeepingError(
            words(
                f"{path} 的封签不符：有人改动过它，不能用来恢复。",
                f"{path} does not bear its seal: somebody changed it, and it is not restored from.",
            )
        )
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a backup says it is, without reading the rest. Nothing is compared with its sum."""
    for name, part in parts(path):
        if name == MANIFEST:
            return _manifest(path, b"".join(chunks_of(part)))
    raise _damaged(path)


def small_part(path: Path, wanted: str) -> bytes | None:
    """A part of few bytes, or None where it is not inside."""
    for name, part in parts(path):
        if name == wanted:
            return b"".join(chunks_of(part))
    return None


def parts(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every part in turn; what is not read is skipped without reading it. Raises KeepingError."""
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or member.name.startswith("/") or ".." in member.name.split("/"):
                    raise _damaged(path)
                yield member.name, content
                tar.members.clear()  # type: ignore[attr-defined]  # not in the types; it would keep one for each photo
    except (tarfile.TarError, ValueError) as error:
        raise _damaged(path) from error
    except OSError as error:
        raise KeepingError(f"{path}: {error.strerror or type(error).__name__}") from error


def chunks_of(part: IO[bytes]) -> Iterator[bytes]:
    """Content, a piece at a time. Raises KeepingError where a backup ends in the middle of a part."""
    try:
        while chunk := part.read(CHUNK):
            yield chunk
    except tarfile.TarError as error:
        raise _damaged(Path(str(part.name))) from error


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise _damaged(path) from error
    if found.format > FORMAT:
        raise KeepingError(
            words(
                f"{path} 由更新的版本 {found.version} 制作：请用那个版本恢复。",
                f"{path} was made by the newer version {found.version}: restore it with that version.",
            )
        )
    return found


def _damaged(path: Path) -> KeepingError:
    return KeepingError(
        words(
            f"{path} 已损坏或被截断，或者不是巷里的备份。请用另一份备份，或重新复制这一份。",
            f"{path} is damaged or cut off, or no backup of Xiangli."
            " Take another backup, or copy this one again.",
        )
    )
