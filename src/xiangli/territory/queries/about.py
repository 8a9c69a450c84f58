"""Who there is in a unit: who answers for what, who is away, what stands empty, who held which office, who carries
several. The caller asks the fence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from xiangli.territory.models import Absence, Appointment, Standing, Unit, UnitKind
from xiangli.territory.queries.common import in_english, on_day, unit_rows
from xiangli.territory.queries.seats import (
    ON_THE_LINE,
    SeatRow,
    by_seat,
    candidates_of,
    seat_rows,
    who_is_there,
)
from xiangli.territory.queries.tree import level_name
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import APPOINT_STAFF, Actor, day_of, line_of, pick_answer
from xiangli.territory.states import Duty
from xiangli.web.paging import Page, paginate

MOST: Final = 50  # lines of a list that only draws attention


@dataclass(frozen=True, slots=True)
class Sitter:
    """Somebody appointed to a seat; `away` while an absence lasts."""

    user_id: UUID
    name: str
    deputy: bool
    away: bool


@dataclass(frozen=True, slots=True)
class SeatAbout:
    """A post of the unit: its people, its duty number, and, where nobody answers, who does meanwhile."""

    post: str
    people: tuple[Sitter, ...]
    phone: str
    loud: bool  # it answers for something, and nobody is there
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class DutyAbout:
    """Duties that one seat answers for today. `vacant`: they should be answered lower down, and nobody is there."""

    duties: tuple[str, ...]
    name: str
    deputy: bool
    place: str
    post: str
    phone: str
    vacant: bool


def seats_about(unit: Unit, *, at: datetime) -> tuple[list[SeatAbout], list[DutyAbout]]:
    """The posts of a unit in force with their people, and who answers for each duty today. One statement."""
    rows = seat_rows(line_of(unit.path), ON_THE_LINE, "TRUE", at=at)
    order = by_seat(rows)
    seats = [
        _seat_about(sitting, above=order[position + 1 :])
        for position, sitting in enumerate(order)
        if sitting[0].unit_id == unit.pk
    ]
    # an organ answers for no place: of the posts above it, nothing is said
    asked = [row for row in rows if row.unit_id == unit.pk] if unit.kind == UnitKind.ORGAN else rows
    known = {duty for row in asked for duty in row.duties}
    together: dict[tuple[str, UUID | None, bool], tuple[Any, list[str]]] = {}
    for duty in Duty:
        if duty not in known:
            continue
        answer = pick_answer(
            candidates_of(rows, lambda row, duty=duty: duty in row.duties),  # type: ignore[misc]  # a default argument
            expected={row.unit_path for row in rows if duty in row.duties},
        )
        key = (answer.seat, answer.user_id, bool(answer.alarm)) if answer else ("", None, True)
        together.setdefault(key, (answer, []))[1].append(str(duty.label))
    phones = {(row.unit_id, row.post_id): row.phone or "" for row in rows}
    return seats, [
        DutyAbout(
            duties=tuple(duties),
            name=answer.user_name if answer else "",
            deputy=bool(answer and answer.deputy),
            place=answer.unit_name if answer else "",
            post=answer.post_name if answer else "",
            phone=phones.get((answer.unit_id, answer.post_id), "") if answer else "",
            vacant=answer is None or bool(answer.alarm),
        )
        for answer, duties in together.values()
    ]


def _seat_about(sitting: Sequence[SeatRow], *, above: Sequence[Sequence[SeatRow]]) -> SeatAbout:
    first = sitting[0]
    loud = bool(first.duties) and not who_is_there(sitting)
    covering = next(
        (
            who_is_there(seat)[0]
            for seat in above
            if set(first.duties) & set(seat[0].duties) and who_is_there(seat)
        ),
        None,
    )
    return SeatAbout(
        post=first.title,
        people=tuple(
            Sitter(row.user_id, row.user_name or "", row.standing == Standing.DEPUTY, row.away)
            for row in sitting
            if row.user_id is not None
        ),
        phone=first.phone or "",
        loud=loud,
        covered_by=f"{covering.unit_name} {covering.title} {covering.user_name}" if loud and covering else "",
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A post of the unit or of one below it, as a dossier lists it: `names` is empty while nobody answers."""

    place: str
    level: str
    post: str
    names: str
    phone: str
    own: bool  # of the unit itself
    loud: bool  # it answers for something


def posts_under(unit: Unit, *, at: datetime) -> list[Listed]:
    """The posts of a unit and of the places in force below it, from the top down; of those that answer for nothing,
    only the ones somebody holds. Two statements."""
    rows = seat_rows(
        [],
        "u.path LIKE %(under)s AND u.kind = 'place' AND u.valid_from <= %(day)s"
        " AND (u.valid_to IS NULL OR u.valid_to > %(day)s)",
        "(cardinality(p.duties) > 0 OR a.id IS NOT NULL)",
        at=at,
        under=unit.path + "%",
    )
    places = {one.pk: one for one in unit_rows(pk__in={row.unit_id for row in rows})}
    sittings = sorted(
        by_seat(rows), key=lambda sitting: (sitting[0].unit_path, sitting[0].post_order, sitting[0].post_code)
    )
    return [
        Listed(
            place=spoken_name(places[first.unit_id]),
            level=level_name(places[first.unit_id]),
            post=first.title,
            names="、".join(row.user_name or "" for row in who_is_there(sitting)),
            phone=first.phone or "",
            own=first.unit_id == unit.pk,
            loud=bool(first.duties),
        )
        for sitting in sittings
        for first in sitting[:1]
    ]


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who is away today, until when (None: until further notice)."""

    name: str
    post: str
    place: str
    ends: datetime | None


def away_under(path: str, *, at: datetime, most: int = MOST) -> list[Away]:
    """Who is away in the units at and under `path`, in the order of the tree; `most` at the most. One statement."""
    day = day_of(at)
    rows = (
        Absence.objects.filter(
            Q(ends=None) | Q(ends__gt=at),
            on_day(day, "appointment__"),
            on_day(day, "appointment__unit__"),
            starts__lte=at,
            appointment__unit__path__startswith=path,
            appointment__user__is_active=True,
        )
        .select_related("appointment__unit__parent__parent__parent", "appointment__post", "appointment__user")
        .order_by("appointment__unit__path", "appointment__post__order", "starts", "id")
    )
    return [
        Away(
            absence.appointment.user.display_name,
            _title(absence.appointment.post),
            spoken_name(absence.appointment.unit),
            absence.ends,
        )
        for absence in rows[:most]
    ]


def _title(post: Any) -> str:
    return str(post.name_en if in_english() else post.name)


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A post that answers for something and that nobody holds or covers."""

    unit_id: UUID
    place: str
    post: str


_VACANT: Final = """
    SELECT u.id, p.name, p.name_en
      FROM territory_unit u
      JOIN territory_level l ON l.id = u.level_id
      JOIN territory_county c ON c.unit_id = u.county_id
      JOIN territory_post p ON p.scheme_id = c.scheme_id AND l.code = ANY (p.levels) AND cardinality(p.duties) > 0
     WHERE u.path LIKE %(under)s AND u.path <> %(path)s
       AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
       AND NOT EXISTS (SELECT FROM territory_appointment a JOIN accounts_user w ON w.id = a.user_id AND w.is_active
                        WHERE a.unit_id = u.id AND a.post_id = p.id
                          AND a.valid_from <= %(day)s AND (a.valid_to IS NULL OR a.valid_to > %(day)s))
     ORDER BY u.path, p."order", p.id
     LIMIT %(most)s
"""


def vacant_under(path: str, *, at: datetime, most: int = MOST) -> list[Vacancy]:
    """The posts with duties that nobody holds in the units below `path`, in the order of the tree. Two statements,
    one where none is vacant."""
    with connection.cursor() as cursor:
        cursor.execute(_VACANT, {"under": path + "%", "path": path, "day": day_of(at), "most": most})
        rows = cursor.fetchall()
    units = {unit.pk: unit for unit in unit_rows(pk__in={row[0] for row in rows})} if rows else {}
    return [
        Vacancy(unit_id, spoken_name(units[unit_id]), name_en if in_english() else name)
        for unit_id, name, name_en in rows
    ]


@dataclass(frozen=True, slots=True)
class Office:
    """One appointment of the unit, past or present, and who held the post before."""

    name: str
    post: str
    deputy: bool
    valid_from: date
    valid_to: date | None  # the first day without it
    predecessor: str

    @property
    def last_day(self) -> date | None:
        return self.valid_to - timedelta(days=1) if self.valid_to else None


def offices(unit: Unit, *, at: datetime, cursor: str = "", size: int = 20) -> tuple[list[Office], Page[Any]]:
    """Who held which post of the unit, the newest first, a page at a time. One statement."""
    before = Appointment.objects.filter(
        unit=OuterRef("unit"),
        post=OuterRef("post"),
        standing=Standing.HOLDER,
        valid_from__lt=OuterRef("valid_from"),
    ).order_by("-valid_from")
    rows = (
        Appointment.objects.filter(unit=unit, valid_from__lte=day_of(at))
        .select_related("user", "post")
        .annotate(predecessor=Subquery(before.values("user__display_name")[:1]))
    )
    page = paginate(rows, order=("-valid_from", "-id"), cursor=cursor, size=size)
    return [_office(row) for row in page.items], page


def _office(row: Any) -> Office:
    holds = row.standing == Standing.HOLDER and row.single
    return Office(
        name=row.user.display_name,
        post=_title(row.post),
        deputy=row.standing == Standing.DEPUTY,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        predecessor=(row.predecessor or "") if holds else "",
    )


@dataclass(frozen=True, slots=True)
class Duties:
    """One person's posts within a territory, and how many duties they make together."""

    user_id: UUID
    name: str
    posts: tuple[tuple[str, str], ...]  # (place, post)
    duties: int


def people_at(unit: Unit, actor: Actor, *, at: datetime) -> list[Duties]:
    """The people of a unit's posts, in the posts' order, with all their posts in the units where the actor
    administers them: who carries several. Empty where the actor does not. Two statements; none then."""
    if not actor.may(APPOINT_STAFF, unit.path):
        return []
    day = day_of(at)
    here = list(
        Appointment.objects.filter(on_day(day), unit=unit, user__is_active=True)
        .order_by("post__order", "-standing", "user__display_name", "id")
        .values_list("user_id", "user__display_name")
    )
    posts = _posts_of({user for user, _name in here}, day=day) if here else {}
    return [
        Duties(
            user_id=user,
            name=name,
            posts=tuple(
                (spoken_name(row.unit), _title(row.post))
                for row in posts.get(user, ())
                if actor.may(APPOINT_STAFF, row.unit.path)
            ),
            duties=len(
                {
                    duty
                    for row in posts.get(user, ())
                    if actor.may(APPOINT_STAFF, row.unit.path)
                    for duty in row.post.duties
                }
            ),
        )
        for user, name in dict.fromkeys(here)
    ]


def _posts_of(users: Collection[UUID], *, day: date) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    rows = Appointment.objects.filter(on_day(day), on_day(day, "unit__"), user__in=users)
    for row in rows.select_related("unit__parent__parent__parent", "post").order_by(
        "unit__path", "post__order"
    ):
        found.setdefault(row.user_id, []).append(row)
    return found
