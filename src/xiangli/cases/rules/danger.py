"""Words that tell of danger: what to ring first. They alarm and show numbers; they never stop a report, and
nothing about a person is concluded from them.

The list is data (`data/danger_words.toml`, which explains itself) and is looked at in the same way here and on
the phone (`frontend/desk/danger.js`): what somebody types is not sent anywhere before they send it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

NUMBERS: Final = ("110", "119", "120")  # where no danger is told of, in the order of the page's foot
MOST_LOOKED_AT: Final = 2000  # characters: a report has no more, and a form sent back may have millions

# Spelt out, for `\s` means other signs in JavaScript than here.
_BLANK: Final = "[ \t\u200b-\u200d\ufeff]"
_SENTENCE: Final = "[。!?;\n\r\u2028\u2029]"
_CLAUSE: Final = "[,、:…~.]"
_BLOT: Final = "_"


@dataclass(frozen=True, slots=True)
class Danger:
    """What words tell of. `numbers` are hotlines in the order to show them, the one that fits first; `found`
    are the parts of the words that say so, folded, in the order of kinds."""

    kind: str
    numbers: tuple[str, ...]
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    numbers: tuple[str, ...]
    sure: str  # regular expressions; "" where there is none
    usual: str


@dataclass(frozen=True, slots=True)
class WordList:
    """The list, its shorthand written out: regular expressions that Python and JavaScript read alike."""

    fold: str  # signs in pairs, traditional and simplified
    calm: str
    elsewhere: str
    now: str
    feared: str
    kinds: tuple[_Kind, ...]

    def compact(self) -> dict[str, Any]:
        """What the browser needs, and no more."""
        return {
            "blank": _BLANK,
            "sentence": _SENTENCE,
            "clause": _CLAUSE,
            "fold": self.fold,
            "calm": self.calm,
            "elsewhere": self.elsewhere,
            "now": self.now,
            "feared": self.feared,
            "kinds": [[list(kind.numbers), kind.sure, kind.usual] for kind in self.kinds],
        }


def written_out(pattern: str, sets: dict[str, str]) -> str:
    """A pattern of the file as a regular expression: `<name>` for a set, `~4` for up to four signs, `≈4` for up
    to four that may reach over a clause's end. Raises KeyError for a set that is not there."""
    while "<" in pattern:
        pattern = re.sub(r"<([a-z]+)>", lambda name: f"(?:{sets[name[1]]})", pattern)
    pattern = re.sub(r"~(\d+)", r".{0,\1}", pattern)
    pattern = re.sub(r"≈(\d+)", r"[^;]{0,\1}", pattern)  # any sign: `;` ends a sentence, none is left of them
    return re.sub(r"\((?!\?)", "(?:", pattern)


@lru_cache(maxsize=1)
def word_list() -> WordList:
    """The reviewed list, read once."""
    data = tomllib.loads(
        files("xiangli.cases").joinpath("data/danger_words.toml").read_text(encoding="utf-8")
    )
    sets: dict[str, str] = data["sets"]

    def one(entries: list[dict[str, Any]]) -> str:
        return "|".join(written_out(entry["find"], sets) for entry in entries)

    def of(kind: str, *, sure: bool) -> str:
        return one([e for e in data["danger"] if e["kind"] == kind and e.get("sure", False) is sure])

    return WordList(
        fold=data["fold"]["pairs"],
        calm=one(data["calm"]),
        elsewhere=one(data["elsewhere"]),
        now=one([data["now"]]),
        feared=f"(?:{one(data['feared'])})[^\n]*",
        kinds=tuple(
            _Kind(
                row["name"],
                tuple(row["numbers"]),
                of(row["name"], sure=True),
                of(row["name"], sure=False),
            )
            for row in data["kind"]
        ),
    )


@dataclass(frozen=True, slots=True)
class _Compiled:
    fold: dict[int, int]
    calm: re.Pattern[str]
    elsewhere: re.Pattern[str]
    now: re.Pattern[str]
    feared: re.Pattern[str]
    kinds: tuple[tuple[_Kind, re.Pattern[str] | None, re.Pattern[str] | None], ...]


@lru_cache(maxsize=1)
def _compiled() -> _Compiled:
    words = word_list()

    def compiled(pattern: str) -> re.Pattern[str] | None:
        return re.compile(pattern, re.MULTILINE) if pattern else None

    return _Compiled(
        fold=str.maketrans(words.fold[::2], words.fold[1::2]),
        calm=re.compile(words.calm, re.MULTILINE),
        elsewhere=re.compile(words.elsewhere, re.MULTILINE),
        now=re.compile(words.now, re.MULTILINE),
        feared=re.compile(words.feared, re.MULTILINE),
        kinds=tuple((kind, compiled(kind.sure), compiled(kind.usual)) for kind in words.kinds),
    )


_BLANKS, _SENTENCES, _CLAUSES = (re.compile(signs + "+") for signs in (_BLANK, _SENTENCE, _CLAUSE))


def dangers_in(words: str) -> Danger | None:
    """What the words tell of, or None. The kind is the first in the file's order of which something is found;
    only the first 2,000 characters are looked at, in time proportional to them."""
    how = _compiled()
    text = unicodedata.normalize("NFKC", words[:MOST_LOOKED_AT]).lower().translate(how.fold)
    told: list[str] = []  # clauses, with what is calm blotted out
    here: list[str] = []  # of these the ones that speak of here and now
    for sentence in _SENTENCES.split(_BLANKS.sub("", text)):
        clauses = _CLAUSES.split(sentence)
        blotted = [how.calm.sub(_BLOT, clause) for clause in clauses]
        told += blotted
        away = [how.elsewhere.search(clause) is not None for clause in clauses]
        here += [
            left
            for clause, left, gone in zip(clauses, blotted, away, strict=True)
            if not any(away) or (not gone and how.now.search(clause))
        ]
    sure, usual = "\n".join(told), how.feared.sub(_BLOT, "\n".join(here))
    first: _Kind | None = None
    found: dict[str, None] = {}  # in order, each once
    for kind, at_its_word, otherwise in how.kinds:
        for pattern, sought in ((at_its_word, sure), (otherwise, usual)):
            for match in pattern.finditer(sought) if pattern else ():
                first = first or kind
                found[match[0]] = None
    return Danger(first.name, first.numbers, tuple(found)) if first else None
