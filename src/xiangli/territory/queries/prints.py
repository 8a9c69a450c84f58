"""What hangs on the walls as it is printed: the plate of a lane, the board of a village; and which are out of date.

Paper stays for years, so it says who is appointed and not who is away today, and it is in Chinese whoever prints it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import translation

from xiangli.kernel.canonical import canonical
from xiangli.territory.models import Appointment, PlatePrint, PrintKind, Standing, Unit, UnitKind
from xiangli.territory.queries.common import in_english, on_day, profile_of, unit_rows
from xiangli.territory.queries.plates import plate_person
from xiangli.territory.queries.seats import SeatRow, by_seat, seat_rows
from xiangli.territory.rules import BOARD_LEVELS, PRINT_PLATE, Actor, day_of, line_of
from xiangli.territory.states import CATALOGUE

PAPER: Final = "zh-hans"  # the language of what hangs on a wall

_IN_FORCE: Final = (
    "u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s) AND u.kind = 'place'"
)
_AT_AND_UNDER: Final = (
    f"(u.path = ANY (%(paths)s) OR u.path >= %(root)s AND u.path < %(end)s) AND {_IN_FORCE}"
)
_END: Final = "~"  # after every character of a path


class Which(StrEnum):
    """What is asked for of what hangs at and under a unit."""

    ALL = "all"
    DUE = "due"  # never printed, or out of date
    ONE = "one"  # the unit's own


@dataclass(frozen=True, slots=True)
class Sheet:
    """One plate or board: what stands on it but for the day of printing, and the SHA-256 of that."""

    kind: PrintKind
    unit: Unit
    content: Mapping[str, Any]
    digest: bytes

    @property
    def place(self) -> str:
        """The unit as people say it, "北姚村 二巷"."""
        line: list[str] = self.content["line"]
        return " ".join([*line[2:], self.content["name"]])

    @property
    def way(self) -> list[str]:
        """The names from the county down."""
        return [*self.content["line"], self.content["name"]]


@dataclass(frozen=True, slots=True)
class Hung:
    """A sheet, and what hangs of it."""

    sheet: Sheet
    printed_at: datetime | None  # of the last print; None: never printed
    stale: bool  # what was printed last says something else than today's
    since: date | None = None  # the day of the first change of people after the print, where there is one
    changed: str = ""  # the post in which they changed

    @property
    def due(self) -> bool:
        """Whether it should be printed."""
        return self.stale or self.printed_at is None


def printing_units(actor: Actor, *, at: datetime) -> list[Unit]:
    """The units for which `actor` prints, the widest first. One statement."""
    held = {held.unit_id for held in actor.held if PRINT_PLATE in held.permissions}
    return sorted(
        unit_rows(pk__in=held).filter(on_day(day_of(at))), key=lambda unit: (len(unit.path), unit.path)
    )


def unit_to_print(actor: Actor, unit_id: UUID, *, at: datetime) -> Unit | None:
    """The place for which `actor` prints; None for one outside the actor's territory, ended, or unknown. One
    statement."""
    unit = unit_rows(pk=unit_id, kind=UnitKind.PLACE).filter(on_day(day_of(at))).first()
    return unit if unit is not None and actor.may(PRINT_PLATE, unit.path) else None


def sheets(root: Unit, *, at: datetime, kinds: Iterable[PrintKind] = tuple(PrintKind)) -> list[Sheet]:
    """The plates and boards at and under `root`, in the order of the tree. Two statements, however many they are."""
    day = day_of(at)
    way = line_of(root.path)
    units = list(
        Unit.objects.select_related("level", "county__profile")
        .filter(Q(path__startswith=root.path) | Q(path__in=way), on_day(day), kind=UnitKind.PLACE)
        .exclude(county=None)
        .order_by("path")
    )
    paths = [unit.path for unit in units]
    by_path = dict(zip(paths, units, strict=True))
    with translation.override(PAPER):
        rows = seat_rows(way, _AT_AND_UNDER, "TRUE", at=at, root=root.path, end=root.path + _END)
        seated: dict[str, list[list[SeatRow]]] = {}
        for sitting in by_seat([replace(row, away=False) if row.away else row for row in rows]):
            seated.setdefault(sitting[0].unit_path, []).append(sitting)
        lines = _lines(seated)
        wanted = set(kinds)
        made = []
        for unit in units[bisect_left(paths, root.path) :]:
            above = [by_path[path] for path in line_of(unit.path)[:-1] if path in by_path]
            if PrintKind.BOARD in wanted and has_board(unit):
                below = units[bisect_left(paths, unit.path) + 1 : bisect_left(paths, unit.path + _END)]
                made.append(_sheet(PrintKind.BOARD, unit, _board(unit, above, below, lines)))
            if PrintKind.PLATE in wanted and unit.plate_code is not None:
                made.append(_sheet(PrintKind.PLATE, unit, _plate(unit, above, lines)))
    return made


def has_board(unit: Unit) -> bool:
    """Whether a board of who is responsible hangs in `unit`, which was read with its level."""
    return unit.level is not None and unit.level.code in BOARD_LEVELS and not unit.is_pseudo


def hung(root: Unit, *, at: datetime) -> list[Hung]:
    """Every sheet at and under `root` with what hangs of it. Four statements, however many they are."""
    made = sheets(root, at=at)
    last = {
        (row.unit_id, row.kind): row for row in PlatePrint.objects.filter(unit__path__startswith=root.path)
    }
    found = []
    for sheet in made:
        row = last.get((sheet.unit.pk, sheet.kind))
        found.append(
            Hung(
                sheet,
                printed_at=row.printed_at if row else None,
                stale=row is not None and bytes(row.digest) != sheet.digest,
            )
        )
    return _with_reasons(found, root, at=at)


def _with_reasons(found: list[Hung], root: Unit, *, at: datetime) -> list[Hung]:
    """Say of stale sheets since when, where an appointment that began or ended after the print tells."""
    printed = [one.printed_at for one in found if one.stale and one.printed_at is not None]
    if not printed:
        return found
    first, today = day_of(min(printed)), day_of(at)
    changes: dict[str, list[tuple[date, str, bool]]] = {}
    for path, post, on_plate, since, until in Appointment.objects.filter(
        Q(valid_from__range=(first, today)) | Q(valid_to__range=(first, today)),
        Q(unit__path__startswith=root.path) | Q(unit__path__in=line_of(root.path)),
    ).values_list(
        "unit__path",
        "post__name_en" if in_english() else "post__name",
        "post__on_plate",
        "valid_from",
        "valid_to",
    ):
        days = (day for day in (since, until) if day is not None and first <= day <= today)
        changes.setdefault(path, []).extend((day, post, on_plate) for day in days)
    under = sorted(changes)

    def told(one: Hung) -> Hung:
        if not one.stale or one.printed_at is None:
            return one
        path, board = one.sheet.unit.path, one.sheet.kind == PrintKind.BOARD
        near = [place for place in under if place.startswith(path)] if board else line_of(path)
        # of the day of printing itself the dates do not say what came first; that something changed is known
        after = sorted(
            (day, post)
            for place in near
            for day, post, on_plate in changes.get(place, ())
            if day >= day_of(one.printed_at) and (board or on_plate)
        )
        return replace(one, since=after[0][0], changed=after[0][1]) if after else one

    return [told(one) for one in found]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many sheets of a kind there are, how many of them hang and say something else than today's, and how many
    were never printed."""

    kind: PrintKind
    total: int
    stale: int
    never: int

    @property
    def due(self) -> int:
        return self.stale + self.never


def tally_of(kind: PrintKind, found: Iterable[Hung]) -> Tally:
    """The tally of one kind."""
    of_kind = [one for one in found if one.sheet.kind == kind]
    stale = sum(one.stale for one in of_kind)
    return Tally(kind, len(of_kind), stale, sum(one.printed_at is None for one in of_kind))


def by_unit_below(unit: Unit, found: Sequence[Hung], *, at: datetime) -> list[tuple[Unit, Tally, Tally]]:
    """Above the village: each unit right under `unit` with the tallies of its plates and its boards; nothing where
    there is no board below. One statement."""
    if has_board(unit) or not any(one.sheet.kind == PrintKind.BOARD for one in found):
        return []
    below = Unit.objects.filter(on_day(day_of(at)), parent=unit, kind=UnitKind.PLACE).order_by("path")
    groups = []
    for child in below:
        inside = [one for one in found if one.sheet.unit.path.startswith(child.path)]
        if inside:
            groups.append((child, tally_of(PrintKind.PLATE, inside), tally_of(PrintKind.BOARD, inside)))
    return groups


def sheets_to_print(unit: Unit, kind: PrintKind, which: Which, *, at: datetime) -> list[Sheet]:
    """The sheets of a kind that are asked for: of `unit` alone, or of all at and under it."""
    if which is Which.DUE:
        return [one.sheet for one in hung(unit, at=at) if one.due and one.sheet.kind == kind]
    found = sheets(unit, at=at, kinds=[kind])
    return [sheet for sheet in found if sheet.unit.pk == unit.pk] if which is Which.ONE else found


# -- what stands on them


def _sheet(kind: PrintKind, unit: Unit, content: dict[str, Any]) -> Sheet:
    return Sheet(kind, unit, content, sha256(canonical(content)).digest())


def _names(units: Sequence[Unit]) -> list[str]:
    return [unit.short_name for unit in units]


def _head(unit: Unit, above: Sequence[Unit]) -> dict[str, Any]:
    county = profile_of(unit)
    return {
        "line": _names(above),
        "name": unit.short_name,
        "hotline": county.hotline if county else "12345",
    }


_Lines = Mapping[
    str, Sequence[tuple[SeatRow, dict[str, Any]]]
]  # by the unit's path, its seats and what is said of each


def _lines(seated: Mapping[str, Sequence[Sequence[SeatRow]]]) -> _Lines:
    """What is said of each seat, once for all the sheets it stands on."""
    lines = {}
    for path, sittings in seated.items():
        higher = [sitting for above in reversed(line_of(path)[:-1]) for sitting in seated.get(above, ())]
        lines[path] = [
            (sitting[0], _line(sitting, [*sittings[position:], *higher]))
            for position, sitting in enumerate(sittings, start=1)
        ]
    return lines


def _line(sitting: Sequence[SeatRow], above: Sequence[Sequence[SeatRow]]) -> dict[str, Any]:
    person = plate_person(sitting, above=above)
    deputies = [row.user_name or "" for row in sitting if row.standing == Standing.DEPUTY]
    return {
        "unit": person.unit_name,
        "post": person.post_name,
        "name": person.name,
        "acting": person.deputy,  # there is no holder: the name is a deputy's
        "deputies": [] if person.deputy else deputies,
        "covered_by": person.covered_by,
        "phone": person.phone,
    }


def _plate(unit: Unit, above: Sequence[Unit], lines: _Lines) -> dict[str, Any]:
    way = chain.from_iterable(lines.get(path, ()) for path in reversed(line_of(unit.path)))
    shown = [(seat, said) for seat, said in way if seat.on_plate]
    head = shown.pop(0) if shown and shown[0][0].unit_id == unit.pk else None
    held = head[0].duties if head else []
    code = unit.plate_code or ""
    return {
        **_head(unit, above),
        "head": head[1] if head else None,
        "others": [said for _seat, said in shown],
        "duties": [str(duty.label) for duty in CATALOGUE if duty in held],
        "code": f"{code[:4]} {code[4:]}",
        "link": settings.PUBLIC_URL.rstrip("/") + reverse(settings.PLATE_PAGE, args=[code]),
    }


def _board(unit: Unit, above: Sequence[Unit], below: Sequence[Unit], lines: _Lines) -> dict[str, Any]:
    levels = {one.level.name: one.level.rank for one in below if one.level is not None}
    return {
        **_head(unit, above),
        "level": unit.level.name if unit.level is not None else "",
        "levels": sorted(levels, key=lambda name: (levels[name], name)),
        "people": _posts(unit, lines),
        "places": [
            {"name": one.short_name, "depth": one.path.count("/") - unit.path.count("/"), "posts": posts}
            for one in below
            if (posts := _posts(one, lines))
        ],
        "link": settings.PUBLIC_URL.rstrip("/") + "/",
    }


def _posts(unit: Unit, lines: _Lines) -> list[dict[str, Any]]:
    """The posts of a unit that somebody holds, and those that nobody holds and somebody should."""
    return [said for seat, said in lines.get(unit.path, ()) if seat.on_plate or seat.user_id is not None]
