"""What the documents name is there: files, pictures, commands."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from xiangli.config.cli import main

ROOT = Path(__file__).resolve().parents[2]

_FENCED = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|(?:src|href)=\"([^\"]+)\"")
_CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_MAKE = re.compile(r"(?:^ *|[;&] *)(?:[A-Z_]+=\S+ +)*make((?: +[a-z][a-z-]*)+)", re.MULTILINE)
_XIANGLI = re.compile(
    r"(?:^|[\s`/;&])xiangli +([a-z][a-z-]*)((?: +--?[a-z][a-z-]*(?:[ =][^\s-]\S*)?)*)", re.MULTILINE
)
_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)


@cache
def _documents() -> list[Path]:
    """Every document of the project; what a tool made or a package brought is none."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607  # whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def _code(document: Path) -> str:
    """What a document shows as code: the only place where `make` is a command and not a word."""
    return "\n".join(block or span for block, span in _CODE.findall(document.read_text(encoding="utf-8")))


def _named(document: Path) -> tuple[set[str], set[tuple[str, str]]]:
    """The targets of make, and the subcommands of xiangli with the options given to them."""
    code = _code(document)
    targets = {target for words in _MAKE.findall(code) for target in words.split()}
    commands: set[tuple[str, str]] = set()
    for command, options in _XIANGLI.findall(code):
        given = re.findall(r"--[a-z-]+", options)
        commands |= {(command, option) for option in given} or {(command, "")}
    return targets, commands


def test_there_are_documents() -> None:
    names = {str(document.relative_to(ROOT)) for document in _documents()}
    assert {"README.md", "README.zh-CN.md", "ops/README.md", "docs/explanation/architecture.md"} <= names


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    text = _FENCED.sub("", document.read_text(encoding="utf-8"))
    missing = []
    for written in (one or other for one, other in _LINK.findall(text)):
        if re.match(r"[a-z]+:|#", written):
            continue
        target = (document.parent / unquote(written.partition("#")[0])).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            missing.append(written)
    assert missing == []


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_exist(document: Path) -> None:
    targets, commands = _named(document)
    assert targets <= set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    context = click.Context(main)
    for name, option in sorted(commands):
        command = main.get_command(context, name)
        assert command is not None, f"xiangli {name}"
        if option and name != "manage":  # its options are Django's
            known = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
            assert option in known, f"xiangli {name} {option}"


def test_both_readmes_name_the_same_commands_and_show_the_same_pictures() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert _named(english) == _named(chinese)
    pictures = [
        re.findall(r"src=\"([^\"]+)\"", one.read_text(encoding="utf-8")) for one in (english, chinese)
    ]
    assert pictures[0] == pictures[1]
    assert pictures[0]


def test_both_manuals_show_the_same_pictures() -> None:
    folder = ROOT / "docs" / "how-to"
    english, chinese = (
        re.findall(r"src=\"([^\"]+)\"", (folder / name).read_text(encoding="utf-8"))
        for name in ("manual.md", "manual.zh-CN.md")
    )
    assert english == chinese
    assert english


def test_the_reader_of_documents_reads(tmp_path: Path) -> None:
    """The patterns above find what they are meant to find, so that silence means health."""
    page = tmp_path / "page.md"
    page.write_text(
        'make sure; xiangli nonsense\n\n```sh\nmake run RUN="--port 1"\nmake env frontend\n'
        "XIANGLI_LANG=en .venv/bin/xiangli run --demo --port 8080\n```\n`xiangli doctor` and `make check`\n",
        encoding="utf-8",
    )
    targets, commands = _named(page)
    assert targets == {"run", "env", "frontend", "check"}
    assert commands == {("run", "--demo"), ("run", "--port"), ("doctor", "")}


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    pages = {page.name for page in folder.glob("[0-9]*.md")}
    listed = set(re.findall(r"\]\(([0-9][^)]*\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == pages
