"""Places by what people say: a lane, a village, the number on a plate, the name of who heads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.db import connection

from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.queries.common import in_english, on_day, unit_rows
from xiangli.territory.rules import day_of, normal_plate_code, numeral

MOST: Final = 10
_LONGEST: Final = 80  # characters of a name: so long are those of units
_END: Final = "~"  # after every character of a path


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A unit that answers to what was typed: "庙上村 二巷", the town it lies in, and who holds a post there, where it
    was found by a name."""

    id: UUID
    path: str
    name: str
    above: str  # "横水镇"; "" where the name says it
    head: str  # "街巷长 李巷长"; "" where it was found by the place
    plate_code: str


_Parameters = dict[str, str | int | date]

# The names above a unit, nearest first, as far as four levels reach.
_NAMES: Final = """
       u.id, u.path, u.short_name, u.code, u.plate_code,
       a.short_name, a.code, b.short_name, b.code, c.short_name, c.code
"""
_ABOVE: Final = """
  LEFT JOIN territory_unit a ON a.id = u.parent_id
  LEFT JOIN territory_unit b ON b.id = a.parent_id
  LEFT JOIN territory_unit c ON c.id = b.parent_id
"""
_IN_SCOPE: Final = """
       u.kind = 'place' AND u.county_id IS NOT NULL
   AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
"""
# Each word in the unit's names or those above it; the last of them names the unit itself before what lies in it.
_BY_NAME: Final = f"""
    SELECT {_NAMES}, NULL, NULL
      FROM territory_unit u {_ABOVE}
     WHERE {_IN_SCOPE} AND {{scope}} AND {{words}}
     ORDER BY (u.short_name = %(last)s OR u.plate_code = %(plate)s) IS TRUE DESC,
              (strpos(u.short_name, %(last)s) > 0 OR strpos(u.short_name, %(last_numeral)s) > 0) DESC,
              length(u.path), u.path
     LIMIT %(most)s
"""  # noqa: S608  # constants of this file
_BY_HEAD: Final = f"""
    SELECT {_NAMES}, CASE WHEN %(english)s THEN p.name_en ELSE p.name END, w.display_name
      FROM territory_appointment k
      JOIN accounts_user w ON w.id = k.user_id AND w.is_active AND strpos(w.display_name, %(said)s) > 0
      JOIN territory_post p ON p.id = k.post_id
      JOIN territory_unit u ON u.id = k.unit_id {_ABOVE}
     WHERE {_IN_SCOPE} AND {{scope}}
       AND k.valid_from <= %(day)s AND (k.valid_to IS NULL OR k.valid_to > %(day)s)
     ORDER BY (w.display_name = %(said)s) DESC, length(u.path) DESC, u.path
     LIMIT %(most)s
"""  # noqa: S608  # constants of this file


def find_places(paths: Collection[str], said: str, *, at: datetime, most: int = MOST) -> list[FoundPlace]:
    """Places in force at and under any of `paths` that answer to what somebody said, the likeliest first: a unit's
    name or short name, with those above it or without ("庙上村 二巷", "庙上村2巷"), the code on its plate, the name
    of whoever holds a post there. Nothing for nothing. Two statements, that read the scope and no more."""
    words = [_plain(word) for word in said[:_LONGEST].split()]
    words = [word for word in words if word]
    if not words or not paths:
        return []
    parameters: _Parameters = {
        "day": day_of(at),
        "most": most,
        "last": words[-1],
        "last_numeral": _numerals(words[-1]),
        "plate": normal_plate_code(said) or "-",
        "said": "".join(words),
        "english": in_english(),
    }
    scope = _between(paths, parameters)
    found = _rows(_BY_NAME.format(scope=scope, words=_each(words, parameters)), parameters)
    if len(found) < most:
        found += _rows(_BY_HEAD.format(scope=scope), parameters)
    once: dict[UUID, FoundPlace] = {}
    for place in found:
        once.setdefault(place.id, place)
    return list(once.values())[:most]


def _between(paths: Collection[str], parameters: _Parameters) -> str:
    """The scope as stretches of the index of paths, which a prefix as a parameter would not be."""
    parts = []
    for number, path in enumerate(sorted(paths)):
        parameters[f"from{number}"], parameters[f"to{number}"] = path, path + _END
        parts.append(f"(u.path >= %(from{number})s AND u.path < %(to{number})s)")
    return f"({' OR '.join(parts)})"


_WHOLE: Final = "concat(c.short_name, b.short_name, a.short_name, u.short_name)"
_SPOKEN: Final = """concat(CASE WHEN u.code <> '' THEN NULL WHEN a.code <> '' THEN a.short_name
                               WHEN b.code <> '' THEN b.short_name ELSE c.short_name END, u.short_name)"""


def _each(words: Sequence[str], parameters: _Parameters) -> str:
    parts = []
    for number, word in enumerate(words):
        parameters[f"word{number}"], parameters[f"numeral{number}"] = word, _numerals(word)
        parameters[f"small{number}"] = word.lower()
        asked = f"%(word{number})s", f"%(numeral{number})s"
        ways = [f"strpos({names}, {way}) > 0" for names in (_WHOLE, _SPOKEN, "u.name") for way in asked]
        ways.append(f"strpos(lower(u.name_en), %(small{number})s) > 0")
        parts.append(f"({' OR '.join(ways)} OR u.plate_code = %(plate)s)")
    return " AND ".join(parts)


def _rows(statement: str, parameters: _Parameters) -> list[FoundPlace]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [_place(row) for row in cursor.fetchall()]


def _place(row: Sequence[Any]) -> FoundPlace:
    unit_id, path, name, code, plate_code, *names = row[:11]
    post, person = row[11:]
    coded = [above for above, its_code in zip(names[::2], names[1::2], strict=True) if above and its_code]
    spoken = f"{coded[0]} {name}" if not code and coded else name
    rest = coded if code else coded[1:]
    head = f"{post} {person}" if post else ""
    return FoundPlace(unit_id, path, spoken, rest[0] if rest else "", head, plate_code or "")


def _plain(word: str) -> str:
    return re.sub(r"[，,。、；;·]", "", unicodedata.normalize("NFKC", word))


def _numerals(word: str) -> str:
    """With numbers as they stand on a lane's sign: 2巷 -> 二巷."""
    return re.sub(
        r"(?<!\d)\d{1,2}(?!\d)", lambda match: numeral(int(match[0])) if int(match[0]) else match[0], word
    )


# ------------------------------------------------------------------------------------------------------- addresses as written


@dataclass(frozen=True, slots=True)
class Addressed:
    """What a written address leads to: the units that it may mean (one, where it is clear), the deepest it names;
    and what it says beyond them: "老戏台旁"."""

    units: tuple[UUID, ...]
    names: tuple[str, ...]  # of the units, with those above them, to choose by
    rest: str


@dataclass(slots=True)
class Gazetteer:
    """The places of a scope by name, so that thousands of addresses are read at the cost of one statement."""

    _paths: dict[UUID, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)  # by path
    _known: dict[str, list[UUID]] = field(default_factory=dict)  # by short and full name, code and plate

    def add(self, unit_id: UUID, path: str, short: str, called: Collection[str]) -> None:
        self._paths[unit_id] = path
        self._names[path] = short
        for name in {_plain("".join(one.split())) for one in called if one}:
            self._known.setdefault(name, []).append(unit_id)

    @property
    def names(self) -> list[str]:
        """Of all places, for a guess at what was meant."""
        return list(self._names.values())

    def find(self, address: str) -> Addressed:
        """Where an address leads: "绛县横水镇庙上村二巷老戏台旁", "庙上村 2巷", a statutory code or a plate's. What
        stands before the county's name is passed over. No units: nothing of it is known here."""
        said = _plain("".join(address.split()))[:_LONGEST]
        if exact := self._known.get(said) or self._known.get(normal_plate_code(said) or ""):
            return self._of(exact, "")
        for start in (0, *self._beginnings(said)):
            meant, rest = self._follow(said[start:])
            if meant:
                return self._of(meant, rest)
        return Addressed((), (), said)

    def _follow(self, said: str) -> tuple[list[UUID], str]:
        """As deep as names lead, each under the one before it."""
        meant: list[UUID] = []
        while said:
            for end in range(min(len(said), 24), 0, -1):
                below = self._under(said[:end], meant)
                if below:
                    meant, said = below, said[end:]
                    break
            else:
                break
        return meant, said

    def _under(self, name: str, above: Collection[UUID]) -> list[UUID]:
        named = self._known.get(name) or self._known.get(_numerals(name)) or []
        if not above:
            return named
        paths = [self._paths[unit] for unit in above]
        return [
            unit
            for unit in named
            if any(self._paths[unit] != path and self._paths[unit].startswith(path) for path in paths)
        ]

    def _beginnings(self, said: str) -> list[int]:
        """Where the name of a place at the top of the scope stands in the address: behind a province and a city."""
        shortest = min(map(len, self._names), default=0)
        tops = [name for path, name in self._names.items() if len(path) == shortest]
        return [at for name in tops if 0 < (at := said.find(name)) <= 24]

    def _of(self, units: Sequence[UUID], rest: str) -> Addressed:
        return Addressed(tuple(units), tuple(self._full(self._paths[unit]) for unit in units), rest)

    def _full(self, path: str) -> str:
        steps = [path[: match.end()] for match in re.finditer("/", path)]
        return "".join(self._names[step] for step in steps if step in self._names)


_KEEP_S: Final = 5.0  # how long a process goes by the names it has read
_kept: dict[tuple[str, ...], tuple[float, Gazetteer]] = {}
_ALL: Final = f"""
    SELECT u.id, u.path, u.short_name, u.name, u.name_en, u.code, u.plate_code
      FROM territory_unit u WHERE {_IN_SCOPE} AND {{scope}}
"""  # noqa: S608  # constants of this file


def gazetteer(paths: Collection[str], *, at: datetime) -> Gazetteer:
    """The places in force at and under `paths`. One statement in five seconds."""
    key = tuple(sorted(paths))
    kept = _kept.get(key)
    if kept is not None and monotonic() - kept[0] < _KEEP_S:
        return kept[1]
    found = Gazetteer()
    if key:
        parameters: _Parameters = {"day": day_of(at)}
        with connection.cursor() as cursor:
            cursor.execute(_ALL.format(scope=_between(key, parameters)), parameters)
            for unit_id, path, short, *called in cursor.fetchall():
                found.add(unit_id, path, short, [short, *called])
    if len(_kept) > 50:
        _kept.clear()
    _kept[key] = (monotonic(), found)
    return found


def forget_places() -> None:
    """Read the names again."""
    _kept.clear()


def place_within(paths: Collection[str], unit_id: UUID, *, at: datetime) -> Unit | None:
    """The place in force of this id, at or under one of `paths`, with the names above it; None: there is none. One
    statement."""
    found = (
        unit_rows(pk=unit_id, kind=UnitKind.PLACE).filter(on_day(day_of(at)), county__isnull=False).first()
    )
    return found if found and any(found.path.startswith(path) for path in paths) else None
