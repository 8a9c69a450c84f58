"""The keys of a cell."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xiangli.config.secrets import FILE, SecretsError, load_secrets

KEY = base64.b64encode(b"k" * 32).decode()


def test_the_keys_are_made_once_for_the_owner_only(tmp_path: Path) -> None:
    first = load_secrets(tmp_path / "home", {})
    assert load_secrets(tmp_path / "home", {}) == first
    assert len(first.master_key) == len(first.ledger_key) == 32
    assert first.master_key != first.ledger_key
    assert stat.S_IMODE((tmp_path / "home" / FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]


def test_processes_that_start_together_have_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_secrets(tmp_path, {}), range(32)))
    assert len({one.master_key for one in found}) == 1


def test_the_environment_goes_before_the_file_and_needs_none(tmp_path: Path) -> None:
    given = load_secrets(tmp_path, {"XIANGLI_MASTER_KEY": KEY})
    assert given.master_key == b"k" * 32
    everything = {"XIANGLI_SECRET_KEY": "s", "XIANGLI_MASTER_KEY": KEY, "XIANGLI_LEDGER_KEY": KEY}
    assert load_secrets(tmp_path / "none", everything).django_key == "s"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("bad", ["short", base64.b64encode(b"k" * 31).decode(), "not base64!"])
def test_a_malformed_key_is_named_and_not_shown(tmp_path: Path, bad: str) -> None:
    with pytest.raises(SecretsError) as refused:
        load_secrets(tmp_path, {"XIANGLI_MASTER_KEY": bad})
    assert "XIANGLI_MASTER_KEY" in str(refused.value)
    assert bad not in str(refused.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_secrets(tmp_path, {})
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        load_secrets(tmp_path, {})


def test_a_damaged_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text('{"django_key": "half')
    path.chmod(0o600)
    with pytest.raises(SecretsError, match=FILE):
        load_secrets(tmp_path, {})
    assert path.read_text() == '{"django_key": "half'


def test_the_keys_do_not_show_themselves(tmp_path: Path) -> None:
    found = load_secrets(tmp_path, {})
    assert found.django_key not in repr(found)
    assert repr(found.master_key) not in repr(found)
