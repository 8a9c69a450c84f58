"""What lies in ops/ fits the code: commands that exist, variables that are read, units that systemd takes, roles that
PostgreSQL makes. The proxies' configurations are read by nobody here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import psycopg
import pytest
import typst

from xiangli.config.cli import main
from xiangli.config.launcher.embedded import Embedded, program

ROOT: Final = Path(__file__).parents[2]
OPS: Final = ROOT / "ops"
UNITS: Final = sorted((OPS / "systemd").iterdir())
XIANGLI: Final = "/opt/xiangli/.venv/bin/xiangli"
# Read by programs beside ours: Docker, libraries, shells.
OTHERS: Final = {"XIANGLI_SITE", "XIANGLI_OWNER_PASSWORD", "XIANGLI_APP_PASSWORD"}


def parses(words: list[str]) -> bool:
    """Whether `xiangli` takes these words, as far as its options go."""
    command = main.get_command(click.Context(main), words[0])
    if command is None:
        return False
    try:
        command.make_context(words[0], words[1:])
    except click.ClickException:
        return False
    return True


def compose() -> dict[str, Any]:
    """The compose file with its merges made. (typst reads YAML, and is here.)"""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(OPS / "compose.yaml", folder)
        document = Path(folder) / "read.typ"
        document.write_text('#metadata(yaml("compose.yaml")) <data>')
        found: dict[str, Any] = json.loads(typst.query(str(document), "<data>", field="value", one=True))
    found["services"] = {name: service.pop("<<", {}) | service for name, service in found["services"].items()}
    return found


def units() -> Iterator[tuple[str, str]]:
    for unit in UNITS:
        yield unit.name, unit.read_text()


def test_every_unit_starts_a_command_that_exists() -> None:
    started = {}
    for name, text in units():
        for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE):
            words = line.split()
            assert words[0] == XIANGLI
            assert parses(words[1:]), line
            started[name] = words[1]
    assert set(started.values()) == {"run", "serve", "worker", "sealer", "backup", "verify-ledger", "doctor"}
    assert not parses(["run", "--no-such-option"])


def test_every_timer_has_its_service_and_every_service_gives_up_what_it_does_not_need() -> None:
    names = {name for name, _text in units()}
    for name, text in units():
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in names
        if name.endswith(".service"):
            for wanted in (
                *("User=xiangli", "NoNewPrivileges=yes", "CapabilityBoundingSet=\n", "ProtectSystem=strict"),
                *("ProtectHome=yes", "PrivateTmp=yes", "SystemCallFilter=@system-service", "UMask=0077"),
                *("EnvironmentFile=/etc/xiangli/xiangli.env", "XIANGLI_HOME=/var/lib/xiangli"),
            ):
                assert wanted in text, f"{name}: {wanted}"
            # It would take away the shared memory of a database that runs under the same user.
            assert "RemoveIPC" not in text
            # The rights to change tables are no serving process's.
            assert ("owner.env" in text) == (name == "xiangli-backup.service")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd here")
    for name, text in units():  # whoever runs the tests has neither the user nor the folder
        there = text.replace(XIANGLI, "/bin/true").replace("=xiangli\n", "=root\n", 2)
        (tmp_path / name).write_text(there)
    told = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_compose_runs_commands_that_exist_each_with_its_own_rights() -> None:
    services = compose()["services"]
    for name in ("upgrade", "web", "worker", "sealer"):
        assert parses(services[name]["command"]), name
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True
    owners = {name for name, one in services.items() if "DATABASE_OWNER_URL" in one.get("environment", {})}
    assert owners == {"upgrade"}
    outside = {name for name, one in services.items() if "ports" in one}
    assert outside == {"proxy"}
    assert services["db"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}
    for name in ("web", "worker", "sealer"):
        assert services[name]["depends_on"]["upgrade"] == {"condition": "service_completed_successfully"}
    # What the file wants filled in is what its example names.
    wanted = set(re.findall(r"\$\{(\w+)", (OPS / "compose.yaml").read_text()))
    named = set(re.findall(r"^(\w+)=", (OPS / "compose.env.example").read_text(), re.MULTILINE))
    assert wanted == named


def test_the_image_is_built_by_targets_of_the_makefile_and_starts_a_command_that_exists() -> None:
    text = (OPS / "Dockerfile").read_text()
    targets = re.search(r"^RUN make (.*)$", text, re.MULTILINE)
    assert targets is not None
    makefile = (ROOT / "Makefile").read_text()
    for target in targets[1].split():
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)
    start = re.search(r'^CMD (\["run".*)$', text, re.MULTILINE)
    assert start is not None
    assert parses(json.loads(start[1]))
    ignored = (OPS / "Dockerfile.dockerignore").read_text().splitlines()
    assert {"var", ".git", ".venv"} <= set(ignored)


def test_every_variable_is_read_by_the_code_and_told_of() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py") if "tests" not in path.parts)
    read = set(re.findall(r'"(XIANGLI_[A-Z0-9_]+)"', source))
    read |= {f"XIANGLI_{key}_KEY" for key in ("SECRET", "MASTER", "LEDGER")}
    told = (OPS / "README.md").read_text()
    assert {name for name in read if name not in told} == set()
    examples = "".join(path.read_text() for path in OPS.glob("*.example"))
    assert set(re.findall(r"^#?(XIANGLI_\w+)=", examples, re.MULTILINE)) - read - OTHERS == set()


def test_nothing_secret_is_filled_in() -> None:
    for path in OPS.glob("*.example"):
        for name, value in re.findall(
            r"^#?(\w*(?:KEY|TOKEN|PASSWORD)\w*)=(.*)$", path.read_text(), re.MULTILINE
        ):
            assert not value, name


def test_the_database_of_compose_is_one_in_which_the_tables_can_be_made() -> None:
    script = OPS / "postgres" / "10-xiangli.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    with tempfile.TemporaryDirectory(prefix="xiangli-ops-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Embedded(folder / "pg", durable=False)
        server.start()
        try:
            environment = {
                "PATH": f"{program('psql').parent}:{os.environ['PATH']}",
                "PGHOST": str(server.sockets),
                "PGDATABASE": "postgres",
                "POSTGRES_USER": "postgres",
                "XIANGLI_OWNER_PASSWORD": "owner'); --",
                "XIANGLI_APP_PASSWORD": "app",
            }
            subprocess.run([str(script)], env=environment, check=True, capture_output=True)
            home = {
                **{key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")},
                "XIANGLI_HOME": str(folder / "home"),
                "XIANGLI_LANG": "en",
                "DATABASE_URL": server.url(role="xiangli_app"),
                "DATABASE_OWNER_URL": server.url(role="xiangli_owner"),
            }
            for _again in range(2):
                told = subprocess.run(
                    [sys.executable, "-m", "xiangli.config.cli", "upgrade"],
                    env=home,
                    capture_output=True,
                    text=True,
                )
                assert told.returncode == 0, told.stdout + told.stderr
            assert "already" in told.stdout
            with psycopg.connect(server.url(role="xiangli_app")) as connection:
                may = connection.execute(
                    "SELECT has_table_privilege('xiangli.kernel_ledgerevent', 'INSERT'),"
                    " has_table_privilege('xiangli.kernel_ledgerevent', 'DELETE'),"
                    " has_schema_privilege('xiangli', 'CREATE')"
                ).fetchone()
            assert may == (True, False, False)
        finally:
            server.stop()
