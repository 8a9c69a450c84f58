"""Rows and bytes of stored pictures, kept together through crashes and through two people doing the same.

The order holds them together (docs/adr/0011): a row is committed before its bytes are written, and bytes are
written and removed only under the lock of their row. So nothing lies in storage that no row knows, and the
sweep never takes what somebody has just stored again.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO, Final, cast
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from xiangli.kernel import clock
from xiangli.kernel.crypto import mac
from xiangli.kernel.files.pictures import Picture, read_picture
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused

MEDIA_TYPE: Final = "image/jpeg"
GRACE: Final = timedelta(hours=24)  # so long an unused file is kept after it was stored or released

logger = logging.getLogger(__name__)

# Locked in the order of names first, as when they are stored: two acts that share pictures would otherwise wait
# for each other. A file that stands twice among the ids counts twice. What the sweep may take already is gone
# for everybody.
_COUNT = f"""
    WITH wanted AS (SELECT id, count(*) AS times FROM unnest(%(ids)s::uuid[]) AS id GROUP BY id),
    locked AS (
        SELECT f.id FROM {StoredFile._meta.db_table} AS f JOIN wanted USING (id)
        WHERE f."references" > 0 OR f.touched_at > %(swept)s
        ORDER BY f.scope, f.name FOR UPDATE OF f
    )
    UPDATE {StoredFile._meta.db_table} AS f
    SET "references" = f."references" + %(step)s * wanted.times,
        touched_at = greatest(f.touched_at, %(touched)s),
        -- where and when it was taken served to place the report, and is not kept beyond that
        taken_lat = NULL, taken_lng = NULL, taken_at = NULL
    FROM wanted JOIN locked USING (id) WHERE f.id = wanted.id
"""  # noqa: S608  # the table's own name, no value from outside


def store_picture(stream: BinaryIO, *, scope: UUID, declared_name: str, now: datetime) -> StoredFile:
    """Check, strip and store a picture for `scope`: `store_pictures` for one.

    `declared_name` is what the sender calls the file. It is stored nowhere: a refusal gives it back as the
    fact `picture`, so that a person with nine photos knows which one. Raises Refused as `read_picture` does.
    """
    try:
        picture = read_picture(stream, zone=timezone.get_default_timezone())
    except Refused as refused:
        raise Refused(refused.code, refused.reason, picture=declared_name) from refused
    return store_pictures([picture], scope=scope, now=now)[0]


def store_pictures(found: Sequence[Picture], *, scope: UUID, now: datetime) -> list[StoredFile]:
    """Store checked pictures for `scope`, and return a row for each; the same picture again is the same row.
    Two statements, however many.

    The rows count no reference yet: call `add_references` in the act's own transaction, within GRACE. Call
    this outside any transaction (RuntimeError otherwise), or a failing act leaves bytes that no row knows.
    """
    names = [mac(picture.content, purpose="file-name", scope=scope).hex() for picture in found]
    pictures = dict(zip(names, found, strict=True))
    if not pictures:
        return []
    rows = [
        StoredFile(
            scope=scope,
            name=name,
            size=len(picture.content),
            media_type=MEDIA_TYPE,
            width=picture.width,
            height=picture.height,
            taken_lat=picture.taken_lat,
            taken_lng=picture.taken_lng,
            taken_at=picture.taken_at,
            created_at=now,
            touched_at=now,
        )
        for name, picture in sorted(pictures.items())
    ]
    with transaction.atomic(durable=True):
        StoredFile.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["scope", "name"], update_fields=["touched_at"]
        )
    with transaction.atomic(durable=True):
        locked = (
            StoredFile.objects.select_for_update().filter(scope=scope, name__in=pictures).order_by("name")
        )
        stored = {file.name: file for file in locked}
        for name, file in stored.items():
            _write(file, pictures[name])
    return [stored[name] for name in names]


def open_picture(file: StoredFile, *, thumbnail: bool) -> BinaryIO:
    """The JPEG, or its thumbnail, for reading. Whether the person may see it is for the caller to know.

    Raises FileNotFoundError when storage has lost it.
    """
    return cast(BinaryIO, default_storage.open(_key(file, thumbnail=thumbnail)))


def add_references(file_ids: Iterable[UUID]) -> None:
    """Count one more reference to each file, in the caller's transaction. One statement.

    Raises Refused (`picture_expired`) when one was stored too long ago and never used.
    """
    ids = list(file_ids)
    if ids and _count(ids, step=1) < len(set(ids)):
        raise Refused(
            "picture_expired",
            _("照片上传后超过 24 小时没有提交，已经删除。请重新选择照片再提交。"),
        )


def release(file_ids: Iterable[UUID]) -> None:
    """Count one reference less to each file, in the caller's transaction. One statement.

    At nought the file waits for the sweep. Raises IntegrityError, at once, where there was none.
    """
    ids = list(file_ids)
    if ids:
        _count(ids, step=-1)


def sweep(now: datetime) -> int:
    """Remove what nothing has referred to for GRACE; returns how many. Safe beside sweeps and uploads."""
    idle = StoredFile.objects.filter(references=0, touched_at__lte=now - GRACE)
    removed = 0
    for file_id in list(idle.order_by("touched_at").values_list("id", flat=True)):
        try:
            with transaction.atomic(durable=True):
                file = idle.select_for_update(skip_locked=True).filter(id=file_id).first()
                if file is None:  # stored again meanwhile, or another sweep has it
                    continue
                key, small = _key(file, thumbnail=False), _key(file, thumbnail=True)
                file.delete()
                # Under the lock: whoever stores the same picture now waits, then writes it anew.
                default_storage.delete(key)
                default_storage.delete(small)
        except ProtectedError:
            logger.error("stored file %s has a reference though its count is nought; kept", file_id)
        else:
            removed += 1
    return removed


def _count(ids: list[UUID], *, step: int) -> int:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"ids": ids, "step": step, "swept": now - GRACE, "touched": now})
        return int(cursor.rowcount)


def _write(file: StoredFile, picture: Picture) -> None:
    """Write the bytes unless they are there whole. The thumbnail first: a whole picture has one."""
    key = _key(file, thumbnail=False)
    if default_storage.exists(key) and default_storage.size(key) == file.size:
        return
    for name, content in ((_key(file, thumbnail=True), picture.thumbnail), (key, picture.content)):
        if default_storage.save(name, ContentFile(content)) != name:
            raise RuntimeError("the storage renamed a file: it must overwrite (see STORAGES)")


def storage_keys(scope: UUID, name: str) -> tuple[str, str]:
    """Under which names the picture and its thumbnail lie in storage."""
    return f"{scope}/{name[:2]}/{name}.jpg", f"{scope}/{name[:2]}/{name}.t.jpg"


def _key(file: StoredFile, *, thumbnail: bool) -> str:
    return storage_keys(file.scope, file.name)[thumbnail]
