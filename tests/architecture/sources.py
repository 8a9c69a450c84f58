"""The sources, read once: what the tests of this folder look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[2] / "src" / "xiangli"
# Where people's matters are kept; `web` and `kernel` are kits, `config` is where everything comes together.
MODULES: Final = ("accounts", "territory", "notices", "matters", "cases", "insight")
KITS: Final = ("web", "kernel")
EVERY: Final = (*MODULES, *KITS, "config")


@dataclass(frozen=True)
class Source:
    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """As people name it: "cases/pages/staff.py"."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def module(self) -> str:
        return self.name.split("/")[0]

    @property
    def room(self) -> str:
        """The room it stands in: "pages" for cases/pages/staff.py."""
        return self.name.split("/")[1].removesuffix(".py")

    @property
    def lines(self) -> int:
        return len(self.path.read_text(encoding="utf-8").splitlines())

    def imports(self) -> Iterator[str]:
        """What it imports, dotted, wherever in the file: `from a.b import c` gives "a.b.c"."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = ["xiangli", *self.name.split("/")[: -node.level]] if node.level else []
                yield from (
                    ".".join(filter(None, [*package, node.module, alias.name])) for alias in node.names
                )

    def calls(self) -> Iterator[str]:
        """What it calls by name: "timezone.now", "open"."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func)


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of the modules but their tests and migrations."""
    return tuple(
        Source(path, ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(PACKAGE.glob("*/**/*.py"))
        if not {"tests", "migrations"} & set(path.relative_to(PACKAGE).parts)
    )


def templates() -> Iterator[Path]:
    return (path for path in PACKAGE.rglob("templates/**/*.html"))
