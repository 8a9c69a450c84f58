"""The file of a backup: read back as it was written, and refused when it was cut, changed or exchanged."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiangli.config.keeping import archive
from xiangli.config.keeping.archive import LastSeal, Manifest, Writer
from xiangli.config.keeping.faults import KeepingError
from xiangli.config.keeping.keys import fingerprint, open_keys, seal_key, seal_keys
from xiangli.config.secrets import Secrets

KEY = seal_key(b"k" * 32)
PHOTO = f"files/{'0' * 36}/ab/{'ab' * 32}.t.jpg"  # longer than a plain tar header holds
CONTENT = {"database.dump": b"\x00dump\xff" * 300, PHOTO: b"photo" * 100, "heads/a/2026-11-20.json": b""}
MANIFEST = Manifest(
    format=1,
    version="0.1.0",
    taken_at="2026-11-20T08:00:00+00:00",
    postgresql="18.6",
    schema="xiangli",
    migrations={"kernel": ["0001_initial"]},
    rows={"matters_matter": 3},
    seals=[LastSeal("a", 7, "00")],
    files=1,
    files_bytes=500,
    lost=0,
    key=fingerprint(b"k" * 32),
    keys_inside=False,
)


def write(path: Path, manifest: Manifest = MANIFEST, key: bytes = KEY) -> Path:
    with Writer(path) as writer:
        for name, content in CONTENT.items():
            assert writer.add(name, [content[:100], content[100:]]) == len(content)
        writer.finish(manifest, key)
    return path


def check(path: Path, key: bytes | None = KEY) -> Manifest:
    return archive.check(path, seal_key=(lambda _manifest: key) if key else None, progress=lambda _done: None)


def contents(path: Path) -> dict[str, bytes]:
    return {name: b"".join(archive.chunks_of(part)) for name, part in archive.parts(path) if name in CONTENT}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("archive") / "b.tar")


def test_it_is_read_back_as_it_was_written_and_nobody_else_may_read_it(whole: Path) -> None:
    assert check(whole) == archive.read_manifest(whole) == MANIFEST
    assert contents(whole) == CONTENT
    assert whole.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in whole.parent.iterdir()] == ["b.tar"]
    assert archive.small_part(whole, "keys.json") is None


def test_it_can_be_opened_and_checked_without_xiangli(whole: Path, tmp_path: Path) -> None:
    tar, sums = shutil.which("tar"), shutil.which("sha256sum")
    if tar is None or sums is None:
        pytest.skip("no tar or no sha256sum here")
    subprocess.run([tar, "xf", str(whole), "-C", str(tmp_path)], check=True)
    told = subprocess.run([sums, "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count(": OK") == len(CONTENT) + 1  # with the manifest
    assert (tmp_path / PHOTO).read_bytes() == CONTENT[PHOTO]


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.5, 0.7, 0.9, 0.95])
def test_one_that_was_cut_off_is_refused(whole: Path, tmp_path: Path, share: float) -> None:
    cut = tmp_path / "cut.tar"
    content = whole.read_bytes().rstrip(b"\0")
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(KeepingError, match=r"cut off|截断"):
        check(cut)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 100_000), bit=st.integers(0, 7))
def test_a_changed_bit_is_refused_or_changes_nothing(
    whole: Path, tmp_path: Path, where: int, bit: int
) -> None:
    content = bytearray(whole.read_bytes())
    content[where % len(content)] ^= 1 << bit
    changed = tmp_path / "changed.tar"
    changed.write_bytes(content)
    try:
        manifest = check(changed)
    except KeepingError:
        return
    # It was in the filling between the parts, which nobody reads.
    assert manifest == MANIFEST
    assert contents(changed) == CONTENT


def test_one_with_a_part_more_or_less_is_refused(whole: Path, tmp_path: Path) -> None:
    for left_out, put_in in [(PHOTO, ""), ("", "files/x.jpg"), ("SHA256SUMS", ""), ("SHA256SUMS.hmac", "")]:
        other = tmp_path / "other.tar"
        with Writer(other) as writer:
            for name, part in archive.parts(whole):
                if name != left_out:
                    writer.add(name, [part.read()])
                if put_in and name == PHOTO:
                    writer.add(put_in, [b"x"])
            writer._file.write(b"\0" * 1024)
            writer._file.flush()
            writer.partial.rename(other)
        with pytest.raises(KeepingError):
            check(other)


def test_one_that_somebody_made_anew_does_not_bear_the_seal(tmp_path: Path) -> None:
    forged = write(tmp_path / "forged.tar", key=seal_key(b"x" * 32))
    with pytest.raises(KeepingError, match=r"seal|封签"):
        check(forged)
    assert check(forged, key=None) == MANIFEST  # without the keys nobody can tell


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\0" * 10240, b"PK\x03\x04 something else" * 100):
        other = tmp_path / "other"
        other.write_bytes(content)
        with pytest.raises(KeepingError):
            check(other)
        with pytest.raises(KeepingError):
            archive.read_manifest(other)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def breaks() -> Iterator[bytes]:
        yield b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="full"), Writer(tmp_path / "b.tar") as writer:
        writer.add("database.dump", breaks())
    assert not list(tmp_path.iterdir())


def test_keys_open_under_their_passphrase_alone() -> None:
    keys = Secrets("django", b"m" * 32, b"l" * 32)
    sealed = seal_keys(keys, "石榴树下的第三块青砖底下面")
    assert b"django" not in sealed
    opened = open_keys(sealed, "石榴树下的第三块青砖底下面")
    assert b'"django_key": "django"' in opened
    with pytest.raises(KeepingError, match=r"passphrase|口令"):
        open_keys(sealed, "石榴树下的第三块青砖底下")
    for short in ("short", "aaaaaaaaaaaaaaaaaaaa"):
        with pytest.raises(KeepingError):
            seal_keys(keys, short)
