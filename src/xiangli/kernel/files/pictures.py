"""From hostile bytes to a plain JPEG and what its maker's camera wrote about place and time. Pure.

Whatever comes in is decoded and written anew, so nothing survives that is not a pixel: no metadata, no
preview, no second file hidden behind the first. What a phone says about name and type is never believed.
"""

import io
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, BinaryIO, Final

from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, ImageCms, ImageOps
from pillow_heif import register_heif_opener

from xiangli.kernel.refusals import Refused

MAX_PICTURES: Final = 9  # of one act
MAX_BYTES: Final = 20 * 1024 * 1024  # of one file as it arrives
MAX_PIXELS: Final = 50_000_000  # as its header claims, before anything is decoded
MAX_SCANS: Final = 100  # of a JPEG; cameras write 1 to 12, and each costs a pass over all its pixels
SIDE: Final = 2048  # pixels of the long side as stored
QUALITY: Final = 82
THUMBNAIL_SIDE: Final = 480
THUMBNAIL_QUALITY: Final = 75

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "HEIF", "GIF")  # no decoder but these ever sees the bytes
_JPEG: Final = ("JPEG", "MPO")  # MPO: a JPEG with further pictures behind it, as many phones write
_ENOUGH: Final = (
    1900  # pixels: a JPEG is decoded at half its size while that leaves so many; 12 MP become 2016
)

# Each decode may hold 200 MB for a moment: one at a time in a process, for the cores are shared anyway.
_ONE_AT_A_TIME = threading.Lock()

# Without its thumbnails: a HEIC could show one picture to us and hide another.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# A second line behind our own check of the header: decoders that open several frames ask Pillow again.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture: two JPEGs without metadata, upright, sRGB, and what the camera wrote."""

    content: bytes
    thumbnail: bytes
    width: int  # pixels, of `content`
    height: int
    taken_lat: float | None  # degrees, WGS-84; both or neither
    taken_lng: float | None
    taken_at: datetime | None  # aware


def check_picture_count(count: int) -> None:
    """Refuse more than MAX_PICTURES pictures in one act (`too_many_pictures`)."""
    if count > MAX_PICTURES:
        raise Refused(
            "too_many_pictures",
            _("一次最多 %(most)d 张照片，您选了 %(count)d 张。请去掉几张再发送，其余的可在发送后补充。")
            % {"most": MAX_PICTURES, "count": count},
        )


def read_picture(stream: BinaryIO, *, zone: tzinfo) -> Picture:
    """Check, strip and scale what `stream` holds; `zone` is that of a camera whose clock names none.

    Raises Refused: `picture_too_large`, `picture_too_many_pixels`, `picture_unknown`, `picture_damaged`.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Refused(
            "picture_too_large",
            _("照片超过 %(most)d MB，没有收下。请在手机里选“大图”而不是“原图”，或重新拍一张。")
            % {"most": MAX_BYTES // 1024 // 1024},
        )
    with _ONE_AT_A_TIME, _open(content) as image:
        try:
            _load(image)
            taken_lat, taken_lng, taken_at = _facts(image, zone)
            stored = _plain(image)
        except Refused:
            raise
        except Exception as error:  # as in _open: truncated, bent or hostile data
            raise _damaged() from error
    small = stored.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Picture(
        content=_jpeg(stored, QUALITY),
        thumbnail=_jpeg(small, THUMBNAIL_QUALITY),
        width=stored.width,
        height=stored.height,
        taken_lat=taken_lat,
        taken_lng=taken_lng,
        taken_at=taken_at,
    )


def _open(content: bytes) -> Image.Image:
    """The picture with only its header read, within the limits."""
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Exception as error:  # what a decoder raises on hostile bytes is not a closed list
        raise Refused(
            "picture_unknown",
            _(
                "这张照片打不开：它不是照片，或格式不支持。请发送 JPEG、PNG、WebP、HEIC 或 GIF 照片，"
                "或用手机重新拍一张；也可以只发文字。"
            ),
        ) from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    if image.format in _JPEG and content.count(b"\xff\xda") > MAX_SCANS:
        raise _damaged()
    return image


def _load(image: Image.Image) -> None:
    """Decode: a JPEG at 1/2, 1/4 or 1/8 where that is enough, for a fraction of the work."""
    if image.format in _JPEG:
        scale = next((s for s in (8, 4, 2) if max(image.size) // s >= _ENOUGH), 1)
        image.draft("RGB", (max(1, image.width // scale), max(1, image.height // scale)))
    image.load()
    if image.width * image.height > MAX_PIXELS:  # a HEIC may turn out larger than its header said
        raise _too_many_pixels()


def _plain(image: Image.Image) -> Image.Image:
    """Upright RGB in sRGB on white paper, scaled, with nothing but pixels."""
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "I;16":  # Pillow would clip it to white
        image = image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    elif image.mode == "1":
        image = image.convert("L")
    # Scaled first: all that follows costs by the pixel. 8 MP take 40 ms by Hamming and 99 by Lanczos.
    image.thumbnail((SIDE, SIDE), Image.Resampling.HAMMING, reducing_gap=2.0)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("RGBA", "LA"):
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        image = paper
    image = _in_srgb(image, profile)
    image.info.clear()  # Pillow would write a JPEG's comment again
    return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours a screen shows; a phone's wide gamut would look pale without its profile."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a damaged profile, or one for other channels: colours a little off are no reason to refuse
    return image.convert("RGB")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _facts(image: Image.Image, zone: tzinfo) -> tuple[float | None, float | None, datetime | None]:
    """Place and moment from EXIF; None where there is none or it makes no sense."""
    try:
        exif = image.getexif()
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # bent metadata is no reason to refuse a picture that shows well
        return None, None, None
    lat = _degrees(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "NS", 90)
    lng = _degrees(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "EW", 180)
    if lat is None or lng is None or (lat == 0 and lng == 0):  # 0, 0 is what a camera without a fix writes
        lat = lng = None
    return lat, lng, _moment(details, zone)


def _degrees(gps: Mapping[int, Any], value: int, reference: int, letters: str, limit: int) -> float | None:
    """Degrees, minutes and seconds as signed degrees."""
    try:
        degrees, minutes, seconds = (float(part) for part in gps[value])
        letter = gps[reference]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    total = degrees + minutes / 60 + seconds / 3600
    if letter not in tuple(letters) or not 0 <= total <= limit:  # nor is "not a number", which 0/0 yields
        return None
    return -total if letter == letters[1] else total


def _moment(details: Mapping[int, Any], zone: tzinfo) -> datetime | None:
    """When it was taken, by the camera's clock and, where written, its distance from UTC."""
    text = str(details.get(ExifTags.Base.DateTimeOriginal, "")).strip("\0 ")
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=zone)
        if offset:
            moment = datetime.strptime(f"{text} {offset}", "%Y:%m:%d %H:%M:%S %z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _too_many_pixels() -> Refused:
    return Refused(
        "picture_too_many_pixels",
        _("照片超过 %(most)d00 万像素，没有收下。请把相机的分辨率调低一些再拍，或发送它的截图。")
        % {"most": MAX_PIXELS // 1_000_000},  # megapixels: what English counts in
    )


def _damaged() -> Refused:
    return Refused(
        "picture_damaged",
        _("这张照片打不开：文件不完整或已损坏，可能没有传完。请重新选择这张照片再发送，或重新拍一张。"),
    )
