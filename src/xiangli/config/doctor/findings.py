"""How a check ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One check's end: its name, what was found, and, where it is not ok, how to mend it."""

    level: Level
    name: str
    found: str
    mend: str = ""
