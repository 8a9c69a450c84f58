"""Where a backup goes, and which old ones go."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from xiangli.config.keeping.backing import place, prune
from xiangli.config.keeping.faults import KeepingError

NOW = datetime(2026, 11, 20, 2, 10, tzinfo=UTC)
NAME = "xiangli-20261120T021000Z.tar"


def test_a_folder_gets_a_file_named_after_the_time_and_a_file_is_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIANGLI_HOME", str(tmp_path))
    assert place(tmp_path, NOW) == tmp_path / NAME
    assert place(tmp_path / "mine.tar", NOW) == tmp_path / "mine.tar"
    assert place(None, NOW) == tmp_path / "backups" / NAME
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_over_and_no_folder_made(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"one that is whole")
    for there in (tmp_path, tmp_path / NAME):
        with pytest.raises(KeepingError, match=r"already|已经"):
            place(there, NOW)
    with pytest.raises(KeepingError, match=r"no folder|不存在"):
        place(tmp_path / "none" / "b.tar", NOW)


def test_what_a_killed_backup_left_goes_with_the_next_but_not_what_is_being_written(tmp_path: Path) -> None:
    old, new = tmp_path / ".xiangli-1.tar.partial", tmp_path / ".xiangli-2.tar.partial"
    for path, age in ((old, 3700), (new, 60)):
        path.write_bytes(b"half")
        os.utime(path, (NOW.timestamp() - age,) * 2)
    place(tmp_path, NOW)
    assert not old.exists()
    assert new.exists()


def test_prune_keeps_the_latest_and_what_is_not_ours(tmp_path: Path) -> None:
    names = [f"xiangli-202611{day:02}T021000Z.tar" for day in range(1, 6)]
    for name in [*names, "mine.tar", "xiangli-notes.txt"]:
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in prune(tmp_path, 2)] == names[:3]
    assert {path.name for path in tmp_path.iterdir()} == {*names[3:], "mine.tar", "xiangli-notes.txt"}
    assert prune(tmp_path, 2) == []
