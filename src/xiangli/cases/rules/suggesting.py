"""Which category the words of a caller may belong to: a suggestion with its reason. A person decides, and nothing
is routed by it. `frontend/desk/intake.js` does the same while somebody types: nothing is sent for it."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A category by its code, and the words that speak for it."""

    code: str
    found: tuple[str, ...]


@lru_cache(maxsize=1)
def cues() -> Mapping[str, tuple[str, ...]]:
    """The words that speak for each category, by its code."""
    text = files("xiangli.cases").joinpath("data/cues.toml").read_text(encoding="utf-8")
    return {code: tuple(words) for code, words in tomllib.loads(text).items()}


def suggest(words: str, among: Collection[str]) -> Suggestion | None:
    """The category among these for which the longest words speak together; of two alike the first listed. None:
    no word speaks for any."""
    best, weight = None, 0
    for code, known in cues().items():
        found = tuple(cue for cue in known if cue in words)
        total = sum(map(len, found))
        if code in among and total > weight:
            best, weight = Suggestion(code, found), total
    return best
