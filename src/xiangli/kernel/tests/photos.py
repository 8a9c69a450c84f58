"""Photos as phones and as malice make them, for tests."""

import io
import struct
import zlib
from fractions import Fraction

from PIL import ExifTags, Image, ImageDraw
from pillow_heif import register_heif_opener

register_heif_opener()

Exif = Image.Exif


def scene(width: int = 640, height: int = 480, *, seed: int = 0) -> Image.Image:
    """Something to look at: red in the upper left, green upper right, blue lower left, white lower right.

    `seed` (0 to 1023) makes it another picture.
    """
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    half_w, half_h = width // 2, height // 2
    draw.rectangle((0, 0, half_w - 1, half_h - 1), fill=(220, 20, 20))
    draw.rectangle((half_w, 0, width - 1, half_h - 1), fill=(20, 220, 20))
    draw.rectangle((0, half_h, half_w - 1, height - 1), fill=(20, 20, 220))
    for bit in range(10):  # the seed as squares along the middle: other seeds are other pictures, as JPEG too
        if seed >> bit & 1:
            draw.rectangle(
                (bit * width // 10, half_h - 4, (bit + 1) * width // 10 - 1, half_h + 4), fill="black"
            )
    return image


def exif(
    *,
    orientation: int = 1,
    lat: float | None = 27.1171,
    lng: float | None = 114.9927,
    offset: str | None = "+08:00",
) -> Exif:
    """What a phone writes: model, orientation, place and moment (21 November 2025, 14:20:05)."""
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "SECRETPHONE"
    tags[ExifTags.Base.Orientation] = orientation
    details = tags.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2025:11:21 14:20:05"
    if offset is not None:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    if lat is not None and lng is not None:
        gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSLatitudeRef] = "N" if lat >= 0 else "S"
        gps[ExifTags.GPS.GPSLatitude] = _dms(abs(lat))
        gps[ExifTags.GPS.GPSLongitudeRef] = "E" if lng >= 0 else "W"
        gps[ExifTags.GPS.GPSLongitude] = _dms(abs(lng))
    return tags


def _dms(degrees: float) -> tuple[Fraction, Fraction, Fraction]:
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    seconds = Fraction((degrees - whole) * 3600 - minutes * 60).limit_denominator(10_000)
    return Fraction(whole), Fraction(minutes), seconds


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    """`image` written in `form`: JPEG, PNG, WEBP, HEIF, GIF, MPO …"""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of some 70 bytes whose header claims a size, with one byte of data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
