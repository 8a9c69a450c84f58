"""The photos' half of a backup. A photo's name follows from its content, and it never changes: so what the rows of a
snapshot refer to can be copied after it, while people go on reporting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from xiangli.config.words import words
from xiangli.kernel.files import storage_keys
from xiangli.kernel.models import StoredFile

from .faults import KeepingError


@dataclass(frozen=True, slots=True)
class Wanted:
    """A photo and its thumbnail as a row knows them; `used`: something refers to it."""

    keys: tuple[str, str]
    size: int  # bytes of the photo
    used: bool


def note(known: IO[str]) -> int:
    """Write down every photo that the database knows; returns how many. They may be too many for the memory."""
    rows = StoredFile.objects.order_by("pk").values_list("scope", "name", "size", "references")
    count = 0
    for row in rows.iterator(chunk_size=2000):
        known.write("{} {} {} {}\n".format(*row))
        count += 1
    return count


def noted(known: IO[str]) -> Iterator[Wanted]:
    """What `note` wrote down."""
    known.seek(0)
    for line in known:
        scope, name, size, references = line.split()
        yield Wanted(storage_keys(UUID(scope), name), int(size), references != "0")


def opened(picture: Wanted) -> list[tuple[str, IO[bytes]]] | None:
    """The photo and its thumbnail for reading; None when storage does not have it whole."""
    photo, small = picture.keys
    try:
        if default_storage.size(photo) != picture.size:
            return None
        thumbnail = default_storage.open(small)
    except FileNotFoundError:
        return None
    try:
        return [(photo, default_storage.open(photo)), (small, thumbnail)]
    except FileNotFoundError:  # swept since
        thumbnail.close()
        return None


def put(key: str, content: IO[bytes]) -> None:
    """Write one back under its name. Raises KeepingError."""
    try:
        if default_storage.save(key, File(content)) != key:
            raise KeepingError(words(f"照片存储改了文件名：{key}", f"the storage renamed {key}"))
    except OSError as error:
        raise KeepingError(
            words(
                f"照片写不进去：{error.strerror or type(error).__name__}",
                f"the photos cannot be written: {error.strerror or type(error).__name__}",
            )
        ) from error


def stored() -> Iterator[str]:
    """Every name in the storage, known to a row or not."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            inner, files = default_storage.listdir(folder)
        except FileNotFoundError:
            continue
        yield from (f"{folder}{name}" for name in files)
        folders += [f"{folder}{name}/" for name in inner]


def where() -> str:
    """Where photos lie, in a word for the operator."""
    bucket = settings.STORAGES["default"].get("OPTIONS", {}).get("bucket_name")
    return f"s3://{bucket}" if bucket else str(Path(settings.MEDIA_ROOT))
