"""What lies in somebody's scope: the units a list can be narrowed to, and the seats on the way to several places."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic
from typing import Final

from django.db.models import Q

from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.queries.common import in_english, on_day
from xiangli.territory.queries.seats import ON_THE_LINE, answer_of, by_seat, seat_rows, who_is_there
from xiangli.territory.rules import Answer, line_of

# Units change at midnight, and the key has the day in it: what a process may miss for a minute is a unit that was
# opened a moment ago.
_KEEP_S: Final = 60.0
_MOST: Final = 2000
_kept: dict[tuple[tuple[str, ...], str, date, bool], tuple[float, list[InScope]]] = {}


@dataclass(frozen=True, slots=True)
class InScope:
    """A unit to which a list can be narrowed; `depth` counts from the top of the scope, 0."""

    path: str
    name: str
    depth: int


def units_in_scope(paths: Sequence[str], *, chosen: str = "", on: date) -> list[InScope]:
    """The places in force at the top of a scope (`paths`), those right below, and, of the chosen one, those it lies in
    and those right below it; each under the one it lies in. One statement a minute for a scope."""
    line = [step for step in line_of(chosen) if any(step.startswith(path) for path in paths)]
    key = (tuple(paths), line[-1] if line else "", on, in_english())
    kept = _kept.get(key)
    if kept is not None and monotonic() - kept[0] < _KEEP_S:
        return kept[1]
    tops = [*paths, *line]
    rows = (
        Unit.objects.filter(on_day(on), Q(path__in=tops) | Q(parent__path__in=tops), kind=UnitKind.PLACE)
        .order_by("path")
        .values_list("path", "short_name", "name_en")
    )
    found = [
        InScope(path, (in_english() and name_en) or name, path.count("/") - _top(path, paths).count("/"))
        for path, name, name_en in rows
    ]
    if len(_kept) >= _MOST:
        _kept.clear()
    _kept[key] = (monotonic(), found)
    return found


def forget_scopes() -> None:
    """Read the units again."""
    _kept.clear()


def _top(path: str, paths: Sequence[str]) -> str:
    return next((top for top in paths if path.startswith(top)), path)


def seats_on_ways(places: Collection[str], *, at: datetime, doing: str = "take_case") -> list[Answer]:
    """The seats on the way from the top down to each of several places that may be given work and where somebody is;
    the deepest first, each with whoever answers in it. One statement."""
    paths = sorted({step for place in places for step in line_of(place)})
    rows = seat_rows(paths, ON_THE_LINE, "%(doing)s = ANY (p.permissions)", at=at, doing=doing)
    return [answer_of(present[0]) for sitting in by_seat(rows) if (present := who_is_there(sitting))]
