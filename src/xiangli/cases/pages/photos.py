"""Photos in and out: uploads are stored before the act, and shown only behind the fence or a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from xiangli.cases.forms import KEPT_SALT
from xiangli.cases.rules import MAX_PHOTOS
from xiangli.kernel import clock, files
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import MatterPhoto


@dataclass(slots=True)
class Stored:
    """What became of the photos of a form: those that are stored, and what was wrong with the others."""

    photos: list[StoredFile] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def places(self) -> list[tuple[float, float]]:
        """Where the photos were taken, as far as they told: (latitude, longitude) in degrees."""
        return [
            (photo.taken_lat, photo.taken_lng)
            for photo in self.photos
            if photo.taken_lat is not None and photo.taken_lng is not None
        ]

    @property
    def kept(self) -> str:
        """The stored ones, signed, for the hidden field of a form that must be sent again."""
        return signing.dumps([str(photo.pk) for photo in self.photos], salt=KEPT_SALT) if self.photos else ""


def store_photos(uploads: Sequence[UploadedFile], *, scope: UUID, kept: Sequence[UUID] = ()) -> Stored:
    """Store what was uploaded besides what an earlier try left; a photo that cannot be used says which one
    and why."""
    stored = Stored()
    if kept:
        stored.photos = list(StoredFile.objects.filter(pk__in=kept, scope=scope))
    read: list[files.Picture] = []
    for number, upload in enumerate(uploads, start=1):
        if len(stored.photos) + len(read) >= MAX_PHOTOS:
            stored.errors.append(_("最多 9 张照片，从第 %(number)s 张起没有收下。") % {"number": number})
            break
        try:
            read.append(files.read_picture(cast(BinaryIO, upload), zone=timezone.get_default_timezone()))
        except Refused as refused:
            said = {"number": number, "reason": refused.reason}
            stored.errors.append(_("第 %(number)s 张：%(reason)s") % said)
    new = files.store_pictures(read, scope=scope, now=clock.now())
    stored.photos = list({photo.pk: photo for photo in (*stored.photos, *new)}.values())
    return stored


def picture(photo: MatterPhoto, *, thumbnail: bool) -> FileResponse:
    """The bytes of a photo. Private: no shared cache may keep it."""
    response = FileResponse(
        files.open_picture(photo.file, thumbnail=thumbnail), content_type=photo.file.media_type
    )
    response["Cache-Control"] = "private, max-age=3600"
    response["Content-Disposition"] = "inline"
    return response


def shown(photos: Sequence[MatterPhoto], url: Any) -> list[dict[str, Any]]:
    """Photos as the components show them; `url(photo)` is the address of the picture."""
    return [
        {
            "url": url(photo),
            "thumbnail_url": url(photo) + "?size=s",
            "alt": photo.get_role_display(),
            "role": photo.role,
            "event": photo.event,
        }
        for photo in photos
    ]
