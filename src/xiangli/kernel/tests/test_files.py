"""Photos: what is refused, what is stripped, what is stored once, and what is swept."""

import io
import itertools
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from xiangli.kernel import clock, files
from xiangli.kernel.files import Picture, pictures, read_picture
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.kernel.tests import photos

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2025, 11, 22, 1, 0, tzinfo=UTC)
COUNTY = UUID("018f0000-0000-7000-8000-000000000001")
OTHER = UUID("018f0000-0000-7000-8000-000000000002")


def read(content: bytes) -> Picture:
    return read_picture(io.BytesIO(content), zone=CHINA)


def refusal(content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(content)
    return caught.value


def shown(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def corners(content: bytes) -> tuple[str, str, str, str]:
    """The colours of the four quarters: upper left, upper right, lower left, lower right."""
    image = shown(content).convert("RGB")
    names = []
    for x, y in itertools.product((0.25, 0.75), repeat=2):
        pixel = image.getpixel((int(y * image.width), int(x * image.height)))
        assert isinstance(pixel, tuple)
        bits = "".join("1" if value > 127 else "0" for value in pixel)
        names.append({"100": "red", "010": "green", "001": "blue", "111": "white"}[bits])
    return names[0], names[1], names[2], names[3]


UPRIGHT = ("red", "green", "blue", "white")


# --- what is refused


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7\n",
        b"GIF89a",
        b"\xff\xd8\xff",
        b"MZ" + bytes(4096),
        photos.encoded(photos.scene(), "TIFF"),
        photos.encoded(photos.scene(), "BMP"),
    ],
    ids=["empty", "text", "svg", "pdf", "gif-head", "jpeg-head", "exe", "tiff", "bmp"],
)
def test_what_is_no_photo_is_refused(content: bytes) -> None:
    refused = refusal(content)
    assert refused.code == "picture_unknown"
    assert "打不开" in refused.reason


def test_a_photo_of_30_mb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("decoded"))
    stream = io.BytesIO(photos.encoded(photos.scene()) + bytes(30 * 1024 * 1024))
    with pytest.raises(Refused, match="20 MB") as caught:
        read_picture(stream, zone=CHINA)
    assert caught.value.code == "picture_too_large"
    assert stream.tell() == files.MAX_BYTES + 1  # nothing beyond the limit was read


def test_a_photo_of_exactly_20_mb_is_read() -> None:
    content = photos.encoded(photos.scene())
    assert read(content + bytes(files.MAX_BYTES - len(content))).width == 640


@pytest.mark.parametrize(
    "content",
    [
        photos.png_claiming(60_000, 60_000),
        photos.png_claiming(8_000, 7_000),
        photos.encoded(Image.new("1", (12_000, 9_000)), "PNG"),
        photos.encoded(Image.new("L", (8_000, 6_251)), "PNG"),
        photos.encoded(Image.new("L", (8_000, 6_251)), "GIF"),
        photos.encoded(Image.new("L", (8_000, 6_251)), "JPEG"),
    ],
    ids=["claims 3.6 GP", "claims 56 MP", "holds 108 MP", "holds 50 MP and a bit", "gif", "jpeg"],
)
def test_a_bomb_is_refused_by_its_header(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_load", lambda _: pytest.fail("decoded"))
    refused = refusal(content)
    assert refused.code == "picture_too_many_pixels"
    assert "5000 万像素" in refused.reason


def test_a_large_photo_within_the_limit_is_read() -> None:
    picture = read(photos.encoded(Image.new("1", (8_000, 6_250)), "PNG"))
    assert (picture.width, picture.height) == (2048, 1600)


def test_a_heic_that_lies_about_its_size_is_refused() -> None:
    honest = photos.encoded(photos.scene(1024, 768), "HEIF")
    size = struct.pack(">II", 1024, 768)
    assert honest.count(size) == 1
    assert refusal(honest.replace(size, struct.pack(">II", 64, 64))).code == "picture_damaged"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_photo_is_refused(form: str, part: float) -> None:
    content = photos.encoded(Image.effect_noise((640, 480), 90).convert("RGB"), form)
    assert refusal(content[: int(len(content) * part)]).code in ("picture_damaged", "picture_unknown")


def test_a_progressive_photo_is_refused_only_with_absurdly_many_scans() -> None:
    content = photos.encoded(photos.scene(), "JPEG", progressive=True)
    assert read(content).width == 640
    scan = content[content.rfind(b"\xff\xda") : -2]
    assert refusal(content[:-2] + scan * 500 + content[-2:]).code == "picture_damaged"


def test_a_tenth_photo_is_refused() -> None:
    files.check_picture_count(9)
    with pytest.raises(Refused, match="最多 9 张") as caught:
        files.check_picture_count(10)
    assert caught.value.code == "too_many_pictures"


@given(st.data())
def test_bent_bytes_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SMALL)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=12)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        picture = read(bytes(content))
    except Refused:
        return
    assert shown(picture.content).size == (picture.width, picture.height)


SMALL = [
    photos.encoded(photos.scene(48, 32), form, **options)
    for form, options in (
        ("JPEG", {"exif": photos.exif()}),
        ("JPEG", {"progressive": True}),
        ("PNG", {"exif": photos.exif()}),
        ("WEBP", {"exif": photos.exif().tobytes()}),
        ("HEIF", {"exif": photos.exif().tobytes()}),
        ("GIF", {}),
    )
]


# --- what is read, then stripped


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_place_and_moment_are_read_then_stripped(form: str) -> None:
    tags = photos.exif()
    content = photos.encoded(photos.scene(), form, exif=tags.tobytes())
    assert b"SECRETPHONE" in content
    picture = read(content)
    assert picture.taken_lat == pytest.approx(27.1171, abs=1e-6)
    assert picture.taken_lng == pytest.approx(114.9927, abs=1e-6)
    assert picture.taken_at == datetime(2025, 11, 21, 6, 20, 5, tzinfo=UTC)
    for stored in (picture.content, picture.thumbnail):
        assert stored.startswith(b"\xff\xd8\xff")
        assert not any(
            trace in stored for trace in (b"Exif", b"SECRETPHONE", b"http://ns.adobe.com", b"ICC_PROFILE")
        )
        image = shown(stored)
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert corners(picture.content) == UPRIGHT
    assert corners(picture.thumbnail) == UPRIGHT


def test_comments_and_what_hides_behind_the_photo_are_gone() -> None:
    content = photos.encoded(
        photos.scene(), "JPEG", comment=b"SECRETCOMMENT", xmp=b"<x:xmpmeta>SECRETXMP</x:xmpmeta>"
    )
    polyglot = content + b"PK\x03\x04SECRETZIP<script>alert(1)</script>"
    picture = read(polyglot)
    for stored in (picture.content, picture.thumbnail):
        assert b"SECRET" not in stored
        assert b"<script>" not in stored
        assert stored.endswith(b"\xff\xd9")


def test_only_the_first_of_several_pictures_in_a_file_is_kept() -> None:
    hidden = photos.scene(seed=999)
    for form in ("MPO", "GIF", "WEBP"):
        content = photos.encoded(photos.scene(), form, save_all=True, append_images=[hidden])
        picture = read(content)
        assert corners(picture.content) == UPRIGHT
        assert getattr(shown(picture.content), "n_frames", 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # the inverse of what the viewer must do
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = photos.scene()
    held = upright.transpose(turns[orientation]) if orientation in turns else upright
    picture = read(photos.encoded(held, "JPEG", exif=photos.exif(orientation=orientation)))
    assert (picture.width, picture.height) == (640, 480)
    assert corners(picture.content) == UPRIGHT
    assert corners(picture.thumbnail) == UPRIGHT


@pytest.mark.parametrize(
    ("lat", "lng", "found"),
    [
        (-33.5, -70.25, (-33.5, -70.25)),
        (0.0, 0.0, (None, None)),
        (91.0, 10.0, (None, None)),
        (10.0, 181.0, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_a_place_is_taken_only_where_it_makes_sense(
    lat: float | None, lng: float | None, found: tuple[float | None, float | None]
) -> None:
    picture = read(photos.encoded(photos.scene(), "JPEG", exif=photos.exif(lat=lat, lng=lng)))
    assert (picture.taken_lat, picture.taken_lng) == pytest.approx(found)


@pytest.mark.parametrize(("offset", "hour"), [("+08:00", 6), ("+00:00", 14), (None, 6), ("", 6)])
def test_a_clock_without_a_zone_stands_in_the_cells_zone(offset: str | None, hour: int) -> None:
    picture = read(photos.encoded(photos.scene(), "JPEG", exif=photos.exif(offset=offset)))
    assert picture.taken_at == datetime(2025, 11, 21, hour, 20, 5, tzinfo=UTC)


def test_bent_exif_does_not_cost_the_photo() -> None:
    content = photos.encoded(photos.scene(), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 400)
    picture = read(content)
    assert (picture.taken_lat, picture.taken_lng, picture.taken_at) == (None, None, None)
    assert corners(picture.content) == UPRIGHT


# --- how it is written


@pytest.mark.parametrize(
    ("given_size", "stored"),
    [
        ((4032, 3024), (2016, 1512)),  # a usual phone: decoded at half its size
        ((3264, 2448), (2048, 1536)),
        ((8000, 6000), (2000, 1500)),
        ((1000, 3000), (683, 2048)),
        ((320, 200), (320, 200)),  # never made larger
        ((5000, 1), (2048, 1)),
    ],
)
def test_photos_are_scaled_to_2048_pixels(given_size: tuple[int, int], stored: tuple[int, int]) -> None:
    picture = read(photos.encoded(Image.new("RGB", given_size, "red"), "JPEG"))
    assert (picture.width, picture.height) == stored
    assert shown(picture.content).size == stored
    small = shown(picture.thumbnail).size
    assert max(small) == min(480, max(stored))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_plain_colour(mode: str) -> None:
    grey = Image.new("L", (64, 64), 190)
    image = Image.new("I;16", (64, 64), 190 * 256) if mode == "I;16" else grey.convert(mode)
    picture = read(photos.encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    pixel = shown(picture.content).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert pixel == pytest.approx((190, 190, 190), abs=6)


def test_what_is_transparent_stands_on_white() -> None:
    glass = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert shown(read(photos.encoded(glass, "PNG")).content).getpixel((30, 30)) == (255, 255, 255)
    palette = Image.new("P", (64, 64), 0)
    assert shown(read(photos.encoded(palette, "GIF", transparency=0)).content).getpixel((30, 30)) == (
        255,
        255,
        255,
    )


def test_another_colour_space_becomes_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.createProfile("sRGB")
    image = photos.scene()
    # A profile that does not fit the channels is dropped; the sRGB profile leaves the colours as they are.
    for profile in (lab.tobytes(), ImageCms.ImageCmsProfile(srgb).tobytes(), b"no profile"):
        picture = read(photos.encoded(image, "JPEG", icc_profile=profile))
        assert corners(picture.content) == UPRIGHT
        assert b"ICC_PROFILE" not in picture.content


def test_a_profile_of_another_gamma_is_applied() -> None:
    """A grey of 128 under gamma 1.0 is the light of 188 in sRGB."""
    image = Image.new("L", (64, 64), 128)
    picture = read(photos.encoded(image, "PNG", icc_profile=linear_grey_profile()))
    pixel = shown(picture.content).getpixel((30, 30))
    assert isinstance(pixel, tuple)
    assert pixel == pytest.approx((188, 188, 188), abs=3)


def linear_grey_profile() -> bytes:
    """The smallest ICC profile there is: one grey channel, gamma 1.0."""
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    text = b"linear grey\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    bodies = [(b"desc", name), (b"wtpt", white), (b"kTRC", curve)]
    offset, table, data = 128 + 4 + 12 * len(bodies), b"", b""
    for tag, body in bodies:
        padded = body + bytes(-len(body) % 4)
        table += tag + struct.pack(">II", offset + len(data), len(body))
        data += padded
    head = struct.pack(">I4sI4s4s4s", offset + len(data), bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += struct.pack(">6H", 2025, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(bodies)) + table + data


# --- what is stored


@pytest.fixture
def storage(settings: Settings, tmp_path: Path) -> Path:
    """The storage as settings have it, in a folder of the test."""
    local = settings.STORAGES["default"]
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**local, "OPTIONS": {**local["OPTIONS"], "location": str(tmp_path)}},
    }
    return tmp_path


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    set_clock(NOW)
    return set_clock


def store(image: Image.Image, *, scope: UUID = COUNTY, now: datetime = NOW, **options: Any) -> StoredFile:
    stream = io.BytesIO(photos.encoded(image, "JPEG", **options))
    return files.store_picture(stream, scope=scope, declared_name="../../etc/passwd", now=now)


def stored_names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.django_db
def test_store_picture_keeps_row_and_bytes(storage: Path) -> None:
    file = store(photos.scene(), exif=photos.exif())
    row = StoredFile.objects.get()
    assert row == file
    assert (row.scope, row.references, row.media_type) == (COUNTY, 0, "image/jpeg")
    assert (row.width, row.height, row.created_at, row.touched_at) == (640, 480, NOW, NOW)
    assert row.taken_lat == pytest.approx(27.1171, abs=1e-6)
    assert row.taken_at == datetime(2025, 11, 21, 6, 20, 5, tzinfo=UTC)
    assert len(row.name) == 64
    base = f"{COUNTY}/{row.name[:2]}/{row.name}"
    assert stored_names(storage) == {f"{base}.jpg", f"{base}.t.jpg"}
    assert (storage / f"{base}.jpg").stat().st_mode & 0o777 == 0o600
    with files.open_picture(row, thumbnail=False) as stream:
        content = stream.read()
    assert len(content) == row.size
    assert shown(content).size == (640, 480)
    with files.open_picture(row, thumbnail=True) as stream:
        assert shown(stream.read()).size == (480, 360)


@pytest.mark.django_db
def test_the_same_photo_twice_is_one_row(storage: Path) -> None:
    first = store(photos.scene())
    later = NOW + timedelta(hours=3)
    second = store(photos.scene(), now=later)
    assert first.id == second.id
    assert (second.created_at, second.touched_at) == (NOW, later)
    assert StoredFile.objects.count() == 1
    assert len(stored_names(storage)) == 2
    assert store(photos.scene(seed=7)).id != first.id


@pytest.mark.django_db
def test_two_counties_cannot_tell_that_they_hold_the_same_photo(storage: Path) -> None:
    one, other = store(photos.scene()), store(photos.scene(), scope=OTHER)
    assert one.id != other.id
    assert one.name != other.name
    assert len(stored_names(storage)) == 4


@pytest.mark.django_db
def test_store_picture_takes_two_statements(
    storage: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(
        2 + 4
    ):  # and two savepoints of the test, which are BEGIN and COMMIT outside it
        store(photos.scene())


@pytest.mark.django_db
def test_a_refused_photo_leaves_nothing_and_says_which_it_was(storage: Path) -> None:
    with pytest.raises(Refused) as caught:
        files.store_picture(io.BytesIO(b"no photo"), scope=COUNTY, declared_name="IMG_7.jpg", now=NOW)
    assert caught.value.facts == {"picture": "IMG_7.jpg"}
    with translation.override("zh-hans"):
        assert "重新拍一张" in str(caught.value)
    assert not StoredFile.objects.exists()
    assert not stored_names(storage)


@pytest.mark.django_db(transaction=True)
def test_store_picture_refuses_to_hide_in_a_transaction(storage: Path) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        store(photos.scene())
    assert not stored_names(storage)


@pytest.mark.django_db(transaction=True)
def test_a_failed_write_is_mended_by_the_next_upload(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = FileSystemStorage.save

    def full(self: FileSystemStorage, name: str, content: Any) -> str:
        if name.endswith(".t.jpg"):
            return save(self, name, content)
        raise OSError("No space left on device")

    monkeypatch.setattr(FileSystemStorage, "save", full)
    with pytest.raises(OSError, match="No space"):
        store(photos.scene())
    assert StoredFile.objects.get().references == 0  # so the sweep would find what was written
    monkeypatch.undo()
    file = store(photos.scene())
    with files.open_picture(file, thumbnail=False) as stream:
        assert len(stream.read()) == file.size


@pytest.mark.django_db
def test_a_torn_file_is_written_again(storage: Path) -> None:
    file = store(photos.scene())
    path = storage / f"{COUNTY}/{file.name[:2]}/{file.name}.jpg"
    path.write_bytes(path.read_bytes()[:100])
    store(photos.scene())
    assert path.stat().st_size == file.size
    assert len(stored_names(storage)) == 2


# --- references and the sweep


@pytest.mark.django_db
@pytest.mark.usefixtures("at")
def test_references_are_counted_in_one_statement(
    storage: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, two, three = (store(photos.scene(seed=seed)) for seed in (1, 2, 3))
    with django_assert_num_queries(1):
        files.add_references([one.id, two.id, one.id])
    with django_assert_num_queries(0):
        files.add_references([])
    counts = dict(StoredFile.objects.values_list("id", "references"))
    assert counts == {one.id: 2, two.id: 1, three.id: 0}
    with django_assert_num_queries(1):
        files.release([one.id, two.id])
    counts = dict(StoredFile.objects.values_list("id", "references"))
    assert counts == {one.id: 1, two.id: 0, three.id: 0}


@pytest.mark.django_db
@pytest.mark.usefixtures("at")
def test_releasing_too_often_fails_at_once(storage: Path) -> None:
    file = store(photos.scene())
    with pytest.raises(IntegrityError), transaction.atomic():
        files.release([file.id])
    file.refresh_from_db()
    assert file.references == 0


@pytest.mark.django_db
def test_a_photo_uploaded_long_ago_cannot_be_used_any_more(
    storage: Path, at: Callable[[datetime], None]
) -> None:
    old = store(photos.scene(seed=1))
    at(NOW + timedelta(hours=24))
    new = store(photos.scene(seed=2), now=clock.now())
    with pytest.raises(Refused, match="24 小时") as caught, transaction.atomic():
        files.add_references([new.id, old.id])
    assert caught.value.code == "picture_expired"
    assert set(StoredFile.objects.values_list("references", flat=True)) == {0}
    with pytest.raises(Refused):
        files.add_references([new_id()])
    files.add_references([new.id])


@pytest.mark.django_db
def test_the_sweep_takes_what_nothing_refers_to(storage: Path, at: Callable[[datetime], None]) -> None:
    unused, used, released = (store(photos.scene(seed=seed)) for seed in (1, 2, 3))
    files.add_references([used.id, released.id])
    at(NOW + timedelta(hours=20))
    files.release([released.id])
    assert files.sweep(NOW + timedelta(hours=23, minutes=59)) == 0
    assert files.sweep(NOW + timedelta(hours=24)) == 1
    assert set(StoredFile.objects.all()) == {used, released}  # released only four hours ago
    with pytest.raises(FileNotFoundError):
        files.open_picture(unused, thumbnail=False)
    assert files.sweep(NOW + timedelta(hours=44)) == 1
    assert list(StoredFile.objects.all()) == [used]
    assert stored_names(storage) == {
        f"{COUNTY}/{used.name[:2]}/{used.name}{end}" for end in (".jpg", ".t.jpg")
    }


@pytest.mark.django_db
@pytest.mark.usefixtures("at")
def test_the_sweep_leaves_a_photo_that_was_stored_again(storage: Path) -> None:
    file = store(photos.scene())
    again = store(photos.scene(), now=NOW + timedelta(hours=23))
    assert files.sweep(NOW + timedelta(hours=25)) == 0
    files.add_references([again.id])
    assert files.sweep(NOW + timedelta(days=30)) == 0
    with files.open_picture(file, thumbnail=False) as stream:
        assert len(stream.read()) == file.size


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_sweep_is_finished_by_the_next(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(photos.scene())
    delete = FileSystemStorage.delete

    def killed(self: FileSystemStorage, name: str) -> None:
        delete(self, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(FileSystemStorage, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        files.sweep(NOW + timedelta(days=2))
    monkeypatch.undo()
    assert (
        StoredFile.objects.count() == 1
    )  # rolled back, one of its two files gone: never used again, then swept
    with pytest.raises(Refused):
        files.add_references(StoredFile.objects.values_list("id", flat=True))
    assert files.sweep(NOW + timedelta(days=2)) == 1
    assert not StoredFile.objects.exists()
    assert not stored_names(storage)


def together(*works: Callable[[], object]) -> None:
    """Run works at once, each in a thread with its own connection; raises the first error."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:  # told by the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
def test_the_same_photo_from_four_people_at_once_is_written_once(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, written = FileSystemStorage.save, []

    def slow(self: FileSystemStorage, name: str, content: Any) -> str:
        time.sleep(0.1)  # long enough for the others to look whether it is there
        written.append(name)
        return save(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "save", slow)
    together(*[lambda: store(photos.scene(900, 700))] * 4)
    file = StoredFile.objects.get()
    assert len(written) == len(set(written)) == len(stored_names(storage)) == 2
    with files.open_picture(file, thumbnail=False) as stream:
        assert shown(stream.read()).size == (900, 700)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at")
def test_acts_that_share_photos_do_not_deadlock_or_miscount(storage: Path) -> None:
    ids = [store(photos.scene(64, 64, seed=seed)).id for seed in range(9)]

    def act(order: list[UUID]) -> None:
        for _ in range(20):
            with transaction.atomic():
                files.add_references(order)

    together(lambda: act(ids), lambda: act(ids[::-1]), lambda: act(ids[4:] + ids[:4]))
    assert list(StoredFile.objects.values_list("references", flat=True)) == [60] * 9


@pytest.mark.django_db(transaction=True)
def test_a_photo_stored_during_its_sweep_is_whole(
    storage: Path, monkeypatch: pytest.MonkeyPatch, at: Callable[[datetime], None]
) -> None:
    """The sweep has removed the row and is removing the bytes when somebody stores the same photo."""
    old = store(photos.scene())
    later = NOW + timedelta(days=2)
    at(later)
    removing, delete = threading.Event(), FileSystemStorage.delete
    stored: list[StoredFile] = []

    def slow(self: FileSystemStorage, name: str) -> None:
        removing.set()
        time.sleep(0.3)  # long enough for the other to arrive at the lock
        delete(self, name)

    def again() -> None:
        assert removing.wait(10)
        stored.append(store(photos.scene(), now=later))
        files.add_references([stored[0].id])

    monkeypatch.setattr(FileSystemStorage, "delete", slow)
    together(lambda: files.sweep(later), again)
    assert stored[0].id != old.id
    assert StoredFile.objects.get().references == 1
    for thumbnail, size in ((False, (640, 480)), (True, (480, 360))):
        with files.open_picture(stored[0], thumbnail=thumbnail) as stream:
            assert shown(stream.read()).size == size


@pytest.mark.django_db(transaction=True)
def test_the_sweep_passes_by_a_photo_that_is_being_used(
    storage: Path, at: Callable[[datetime], None]
) -> None:
    file = store(photos.scene())
    swept: list[int] = []
    with transaction.atomic():
        files.add_references([file.id])
        together(lambda: swept.append(files.sweep(NOW + timedelta(days=2))))
    assert swept == [0]
    file.refresh_from_db()
    assert file.references == 1


@pytest.mark.django_db
def test_nine_pictures_take_two_statements_and_twins_are_one_row(
    storage: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = [read(photos.encoded(photos.scene(seed=seed))) for seed in (1, 2, 3, 4, 5, 6, 7, 8, 1)]
    with django_assert_num_queries(2 + 4):  # savepoints, as above
        stored = files.store_pictures(found, scope=COUNTY, now=NOW)
    assert [file.size for file in stored] == [len(picture.content) for picture in found]
    assert stored[0].pk == stored[8].pk
    assert len(stored_names(storage)) == 2 * 8 == 2 * StoredFile.objects.count()
    assert files.store_pictures([], scope=COUNTY, now=NOW) == []
