"""Backup, wipe, restore, verify, on real deployments: what people reported is there again, and a restore never writes
over anything, takes nothing that is damaged and leaves nothing half.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from PIL import Image

from tests.support.site import Site, site
from xiangli.config.keeping import archive
from xiangli.config.keeping.archive import Manifest, Writer
from xiangli.config.keeping.keys import seal_key
from xiangli.config.launcher.embedded import APP, Embedded
from xiangli.config.launcher.home import addresses
from xiangli.config.secrets import load_secrets
from xiangli.kernel.ids import new_id

PASSPHRASE = "石榴树下的第三块青砖底下面"


@dataclass(frozen=True)
class Kept:
    """A deployment that people have used and that is stopped now, with a copy made while they did."""

    place: Site
    backup: Path
    code: str  # of a report that was acknowledged before the backup began
    photo: bytes


def photo(colour: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").point(lambda value: value ^ colour).save(out, "JPEG")
    return out.getvalue()


def report(place: Site, colour: int, words: str) -> str:
    """Report as a browser does, with a photo and a number; returns the query code."""
    address = f"http://127.0.0.1:{place.port}"
    plates = place.plates()
    plate = plates[colour % len(plates)]  # each slows down who reports much at it
    with httpx.Client(base_url=address, timeout=60) as browser:
        form = browser.get(f"/p/{plate}/report/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
        assert token is not None
        fields = {
            "csrfmiddlewaretoken": token[1],
            "client_id": str(new_id()),
            "kept": "",
            "category": "environment",
            "words": words,
            "name": "王女士",
            "phone": "13800000000",
        }
        sent = browser.post(
            f"/p/{plate}/report/",
            data=fields,
            files={"photos": ("a.jpg", photo(colour), "image/jpeg")},
            headers={"Origin": address},
        )
    assert sent.status_code == 302, sent.text[-3000:]
    return sent.headers["location"].split("/")[2]


def track(place: Site, code: str) -> tuple[str, bytes]:
    """What the reporter sees: the page's words, and the first photo on it."""
    with httpx.Client(base_url=f"http://127.0.0.1:{place.port}", timeout=60) as browser:
        page = browser.get(f"/t/{code}/")
        assert page.status_code == 200
        picture = re.search(r'src="(/[^"]*photo[^"]*)"', page.text)
        assert picture is not None
        return page.text, browser.get(picture[1]).content


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with site() as place:
        place.start()
        place.load_territory()
        code = report(place, 1, "东巷口的路灯不亮")
        _words, picture = track(place, code)
        wrong: list[Exception] = []
        stop = threading.Event()

        def go_on_reporting() -> None:
            try:
                for colour in range(2, 200):
                    if stop.is_set():
                        return
                    report(place, colour, f"第 {colour} 个井盖松动")
            except Exception as error:  # told below, in the thread that asks
                wrong.append(error)

        crowd = threading.Thread(target=go_on_reporting)
        crowd.start()
        said = place.call("backup", "--to", str(place.home))
        stop.set()
        crowd.join()
        assert not wrong, wrong
        assert "The keys are not inside" in said
        place.stop()
        [backup] = place.home.glob("xiangli-*.tar")
        moved = tmp_path_factory.mktemp("elsewhere") / backup.name
        shutil.move(backup, moved)
        yield Kept(place, moved, code, picture)


@pytest.fixture
def empty(kept: Kept) -> Iterator[Callable[[], Site]]:
    """Makes other machines, on which nothing is but the keys."""
    with ExitStack() as stack:

        def make(*, keys: bool = True) -> Site:
            made = stack.enter_context(site())
            made.home.mkdir(mode=0o755)
            if keys:
                shutil.copy(kept.place.home / "secrets.json", made.home)
            return made

        yield make


def refused(place: Site, *words: str, **environment: str) -> str:
    """What a command says that is expected to fail."""
    told = subprocess.run(
        [sys.executable, "-m", "xiangli.config.cli", *words],
        env={**place.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 1, told.stdout + told.stderr
    assert "Traceback" not in told.stderr, told.stderr
    return told.stderr


def untouched(place: Site) -> bool:
    """Whether a home holds nothing but keys."""
    return {path.name for path in place.home.iterdir()} <= {"secrets.json"}


def altered(kept: Kept, to: Path, **changes: object) -> Path:
    """A backup with another manifest, sealed by whoever has the keys."""
    manifest = archive.read_manifest(kept.backup)
    with Writer(to) as writer:
        for name, part in archive.parts(kept.backup):
            if name not in {archive.MANIFEST, archive.SUMS, archive.SEAL}:
                writer.add(name, archive.chunks_of(part))
        key = seal_key(load_secrets(kept.place.home, {}).master_key)
        writer.finish(msgspec.structs.replace(manifest, **changes), key)
    return to


def test_backup_wipe_restore_verify(kept: Kept, empty: Callable[[], Site]) -> None:
    manifest = archive.read_manifest(kept.backup)
    assert manifest.files >= 1
    assert manifest.lost == 0
    assert not manifest.keys_inside
    assert kept.backup.stat().st_mode & 0o777 == 0o600

    place = empty()
    said = place.call("restore", str(kept.backup))
    assert "is whole" in said
    assert "Everything is restored." in said
    assert "The ledger is whole." in said
    assert not place.processes()

    place.start()
    page, picture = track(place, kept.code)
    assert "东巷口的路灯不亮" in page
    assert picture == kept.photo
    with place.sql() as connection:
        [(matters,)] = connection.execute("SELECT count(*) FROM matters_matter").fetchall()
        assert matters == manifest.rows["matters_matter"] >= 1
        assert connection.execute("SELECT count(*) FROM django_session").fetchone() == (0,)
        names = connection.execute(
            'SELECT scope, name FROM kernel_storedfile WHERE "references" > 0'
        ).fetchall()
        for scope, name in names:
            assert (place.home / "files" / str(scope) / name[:2] / f"{name}.jpg").exists()
        # The role that serves may not change the past here either.
        may = "SELECT has_table_privilege('xiangli_app', 'kernel_ledgerevent', 'DELETE')"
        assert connection.execute(may).fetchone() == (False,)
    opened = place.shell(
        "from xiangli.matters.models import Receipt; from xiangli.matters.queries.common import open_text;"
        " print(*{open_text(r.matter, 'contact', r.contact) for r in Receipt.objects.select_related('matter')})"
    )
    assert "13800000000" in opened
    report(place, 201, "恢复以后又报了一件")
    place.call("verify-ledger")
    place.stop()


@pytest.mark.long
def test_restore_over_living_data_is_refused(kept: Kept) -> None:
    def matters() -> str:
        return kept.place.shell(
            "from xiangli.matters.models import Matter; print(Matter.objects.count())"
        ).strip()

    before = matters()
    assert "holds data" in refused(kept.place, "restore", str(kept.backup))
    assert matters() == before
    kept.place.start()
    assert "is running" in refused(kept.place, "restore", str(kept.backup))
    kept.place.stop()


def test_what_is_cut_changed_newer_or_of_other_keys_is_refused_before_anything_is_made(
    kept: Kept, empty: Callable[..., Site], tmp_path: Path
) -> None:
    place = empty()
    whole = kept.backup.read_bytes()
    cut, changed = tmp_path / "cut.tar", tmp_path / "changed.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    changed.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert "cut off" in refused(place, "restore", str(cut))
    assert "damaged" in refused(place, "restore", str(changed))
    assert "damaged" in refused(place, "restore", "--check", str(changed))
    assert untouched(place)

    assert "newer version 99.0" in refused(
        place, "restore", str(altered(kept, tmp_path / "newer.tar", version="99.0"))
    )
    steps = {**archive.read_manifest(kept.backup).migrations, "kernel": ["9999_later"]}
    assert "newer version" in refused(
        place, "restore", str(altered(kept, tmp_path / "later.tar", migrations=steps))
    )

    without = empty(keys=False)
    assert "the keys are neither" in refused(without, "restore", str(kept.backup))
    assert untouched(without)
    without.call("restore", "--check", str(kept.backup))
    assert untouched(without)

    other = empty(keys=False)
    load_secrets(other.home, {})  # makes keys of its own
    assert "are not those of the backup" in refused(other, "restore", str(kept.backup))


def test_photos_that_are_not_of_the_backup_are_in_the_way(kept: Kept, empty: Callable[..., Site]) -> None:
    place = empty()
    (place.home / "files" / "strange").mkdir(parents=True)
    (place.home / "files" / "strange" / "a.jpg").write_bytes(b"somebody's")
    assert "not of this backup" in refused(place, "restore", str(kept.backup))
    assert (place.home / "files" / "strange" / "a.jpg").read_bytes() == b"somebody's"


@pytest.mark.long
def test_keys_travel_under_a_passphrase(kept: Kept, empty: Callable[..., Site], tmp_path: Path) -> None:
    environment = kept.place.environment
    environment["XIANGLI_BACKUP_PASSPHRASE"] = PASSPHRASE
    try:
        said = kept.place.call("backup", "--to", str(tmp_path / "with.tar"), "--with-keys")
    finally:
        del environment["XIANGLI_BACKUP_PASSPHRASE"]
    assert "keys are not inside" not in said
    content = (tmp_path / "with.tar").read_bytes()
    secret = load_secrets(kept.place.home, {}).django_key
    assert secret.encode() not in content

    place = empty(keys=False)
    wrong = refused(
        place, "restore", str(tmp_path / "with.tar"), XIANGLI_BACKUP_PASSPHRASE="不是这一句口令呀再想想"
    )
    assert "does not open the keys" in wrong
    assert untouched(place)
    place.environment["XIANGLI_BACKUP_PASSPHRASE"] = PASSPHRASE
    assert "The ledger is whole." in place.call("restore", str(tmp_path / "with.tar"))
    assert load_secrets(place.home, {}) == load_secrets(kept.place.home, {})


@pytest.mark.long
def test_a_database_server_of_ones_own_is_restored_into_and_backed_up(
    kept: Kept, empty: Callable[..., Site], tmp_path: Path
) -> None:
    place = empty()
    server = Embedded(place.home.parent / "server", durable=False)
    server.start()
    try:
        server.prepare()
        place.environment |= addresses(server)
        # A start made the tables, and nobody has anything in them: they give way.
        place.call("migrate")
        assert "The ledger is whole." in place.call("restore", str(kept.backup))
        assert "holds data" in refused(place, "restore", str(kept.backup))
        with psycopg.connect(server.url(role=APP)):
            assert "others are connected" in refused(place, "restore", str(kept.backup))
            place.call("backup", "--to", str(tmp_path / "again.tar"))
        before, again = archive.read_manifest(kept.backup), archive.read_manifest(tmp_path / "again.tar")
        assert (again.rows, again.seals, again.files) == (before.rows, before.seals, before.files)
        assert "already" in place.call("upgrade")
    finally:
        server.stop()
        shutil.rmtree(server.sockets, ignore_errors=True)


def test_a_backup_says_nothing_of_anybody(kept: Kept) -> None:
    manifest = next(
        b"".join(archive.chunks_of(part))
        for name, part in archive.parts(kept.backup)
        if name == archive.MANIFEST
    ).decode()
    for personal in ("王女士", "13800000000", "路灯", kept.code):
        assert personal not in manifest
    assert msgspec.json.decode(manifest.encode(), type=Manifest).seals


@pytest.mark.long
@pytest.mark.parametrize("stage", ["photos", "database", "tables"])
def test_a_restore_that_was_killed_is_done_again_or_says_what_stands(
    kept: Kept, empty: Callable[..., Site], stage: str
) -> None:
    place = empty()
    process = subprocess.Popen(
        [sys.executable, "-m", "xiangli.config.cli", "restore", str(kept.backup)],
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip() == f"… {stage}":
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    place.kill()
    if stage == "tables":  # the data stand by then
        assert "holds data" in refused(place, "restore", str(kept.backup))
        place.call("migrate")
    else:
        place.call("restore", str(kept.backup))
    assert "The ledger is whole." in place.call("verify-ledger")
    place.start()
    assert track(place, kept.code)[1] == kept.photo
    place.stop()
