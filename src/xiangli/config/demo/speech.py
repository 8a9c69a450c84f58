"""What is said in the demo: sentences put together from speech.toml, the same ones for the same state of the
chance that draws them."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any, Final

_WORDS: Final[dict[str, Any]] = tomllib.loads(
    files(__package__).joinpath("speech.toml").read_text(encoding="utf-8")
)
_SLOTS: Final[dict[str, list[str]]] = _WORDS["slots"]
COMPLAINT: Final = "service_complaint"
CATEGORIES: Final[dict[str, int]] = {
    code: table["weight"] for code, table in _WORDS.items() if isinstance(table, dict) and table.get("weight")
}  # category -> how often it is reported, in proportion
DECLINED: Final = frozenset({"disputes", "services", "voices", "information"})  # what is at times not for us


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about: its words, what is said when it is put right, and its drawing ("" where there
    is nothing to see)."""

    report: str
    done: str
    picture: str
    thing: int = 0  # which of the category's


def subject(category: str, random: Random, *, thing: int | None = None) -> Subject:
    """Something of a category that somebody reports; with `thing`, that one, perhaps in other words."""
    things = _WORDS[category]["thing"]
    number = random.randrange(len(things)) if thing is None else thing
    return Subject(
        report=_fill(random.choice(things[number]["reports"]), random),
        done=random.choice(things[number]["done"]),
        picture=things[number].get("picture", ""),
        thing=number,
    )


def off_map(random: Random) -> str:
    """A report from beyond the map."""
    said: str = random.choice(_WORDS["off_map"]["words"])
    return said


def act(kind: str, random: Random) -> str:
    """What somebody writes with an act; nothing with one of which nobody says anything, and sometimes where it
    may go without."""
    said: str = random.choice(_WORDS["acts"].get(kind, [""]))
    return said


def evaluation(random: Random) -> tuple[int, str]:
    """Stars (1 to 5) and words."""
    stars = random.choices((5, 4, 3, 2), (60, 26, 10, 4))[0]
    return stars, random.choice(_WORDS["evaluations"][str(stars)])


def scene(what: str) -> str:
    """The words of the first article's scene: "report", "done", "evaluation", "note"."""
    said: str = _WORDS["scene"][what]
    return said


def place_note(random: Random) -> str:
    return random.choice(_SLOTS["note"])


def caller(random: Random, surname: str) -> tuple[str, str]:
    """How somebody wants to be called, and a telephone number that nobody has: no subscriber's number begins
    with 0."""
    return surname + random.choice(_SLOTS["callers"]), f"0359-0{random.randrange(10**6):06}"


def _fill(sentence: str, random: Random) -> str:
    return sentence.format_map({name: random.choice(said) for name, said in _SLOTS.items()})
