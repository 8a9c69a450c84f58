"""Seats: who answers, who sits there, and which may be given work."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Appointment, County, Post, Standing, Unit
from xiangli.territory.queries.common import ON_CALL_NOW, in_english, on_day, profile_of
from xiangli.territory.rules import (
    OUTSIDE,
    Answer,
    Candidate,
    Listed,
    day_of,
    line_of,
    pick_answer,
    pick_listed,
    seat_of,
)

ON_CALL = "on_call"  # the standing of somebody who is there by the roster

# One row for each person in force on each post that stands in one of the units; one row without a person
# for a post that nobody holds. `away` is true while the person is absent.
_SEATS = """
    SELECT u.id AS unit_id, u.path AS unit_path, u.short_name AS unit_name,
           p.id AS post_id, p.code AS post_code, p.name AS post_name, p.name_en AS post_name_en,
           p."order" AS post_order, p.duties, p.on_plate, a.id AS appointment_id, a.user_id,
           w.display_name AS user_name, a.standing,
           EXISTS (SELECT FROM territory_absence x
                    WHERE x.appointment_id = a.id AND x.starts <= %(at)s
                      AND (x.ends IS NULL OR x.ends > %(at)s)) AS away,
           n.phone
      FROM territory_unit u
      JOIN territory_level l ON l.id = u.level_id
      JOIN territory_county c ON c.unit_id = u.county_id
      JOIN territory_post p ON p.scheme_id = c.scheme_id AND l.code = ANY (p.levels)
      LEFT JOIN (territory_appointment a JOIN accounts_user w ON w.id = a.user_id AND w.is_active)
             ON a.unit_id = u.id AND a.post_id = p.id
            AND a.valid_from <= %(day)s AND (a.valid_to IS NULL OR a.valid_to > %(day)s)
      LEFT JOIN territory_dutynumber n ON n.unit_id = u.id AND n.post_id = p.id
     WHERE
"""

# The same columns for whoever is on call now, in a post with the duty that is asked or with another.
_ON_CALL = f"""
    SELECT u.id, u.path, u.short_name, p.id, p.code, p.name, p.name_en, p."order", p.duties, p.on_plate,
           o.id, o.user_id, w.display_name, '{ON_CALL}', FALSE, NULL
      FROM territory_oncall o
      JOIN territory_unit u ON u.id = o.unit_id
      JOIN territory_post p ON p.id = o.post_id
      JOIN accounts_user w ON w.id = o.user_id AND w.is_active
     WHERE u.path = ANY (%(paths)s) AND {ON_CALL_NOW}
"""  # noqa: S608  # constants of this package

ON_THE_LINE = (
    "u.path = ANY (%(paths)s) AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)"
)


_SEATED = f"""
    SELECT a.unit_id, a.post_id, a.user_id, a.standing, a.id
      FROM territory_appointment a
      JOIN territory_unit u ON u.id = a.unit_id
      JOIN accounts_user w ON w.id = a.user_id AND w.is_active
     WHERE a.unit_id = ANY (%(units)s) AND a.post_id = ANY (%(posts)s)
       AND a.valid_from <= %(day)s AND (a.valid_to IS NULL OR a.valid_to > %(day)s)
       AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
     UNION ALL
    SELECT o.unit_id, o.post_id, o.user_id, '{ON_CALL}', o.id
      FROM territory_oncall o
      JOIN territory_unit u ON u.id = o.unit_id
      JOIN accounts_user w ON w.id = o.user_id AND w.is_active
     WHERE o.unit_id = ANY (%(units)s) AND o.post_id = ANY (%(posts)s) AND {ON_CALL_NOW}
"""  # noqa: S608  # constants of this package


@dataclass(frozen=True, slots=True)
class SeatRow:
    unit_id: UUID
    unit_path: str
    unit_name: str
    post_id: UUID
    post_code: str
    post_name: str
    post_name_en: str
    post_order: int
    duties: list[str]
    on_plate: bool
    appointment_id: UUID | None  # on call: the id of the roster's entry
    user_id: UUID | None
    user_name: str | None
    standing: str | None
    away: bool
    phone: str | None

    @property
    def title(self) -> str:
        return self.post_name_en if in_english() else self.post_name


def seat_rows(paths: list[str], where: str, which: str, *, at: datetime, **parameters: Any) -> list[SeatRow]:
    with connection.cursor() as cursor:
        # the conditions are constants of this file, never a person's words
        cursor.execute(
            f"{_SEATS} {where} AND {which}", {"paths": paths, "at": at, "day": day_of(at), **parameters}
        )
        return [SeatRow(*row) for row in cursor.fetchall()]


def _on_the_way(
    paths: list[str], duty: str, *, roster: bool, at: datetime, post_id: UUID | None = None
) -> list[SeatRow]:
    """Seats with this duty, or of this post, along `paths`, with their people; with the `roster`, whoever is on
    call in any seat there too. One statement."""
    or_post = "" if post_id is None else "OR p.id = %(post)s"
    seats = f"{_SEATS} {ON_THE_LINE} AND (%(duty)s = ANY (p.duties) {or_post})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{seats} UNION ALL {_ON_CALL}" if roster else seats,
            {"paths": paths, "duty": duty, "post": post_id, "at": at, "day": day_of(at)},
        )
        return [SeatRow(*row) for row in cursor.fetchall()]


def by_seat(rows: list[SeatRow]) -> list[list[SeatRow]]:
    """The rows of each seat together, its holders first; the deepest units first, posts in their order."""
    rows.sort(
        key=lambda row: (
            -len(row.unit_path),
            row.unit_path,
            row.post_order,
            str(row.post_id),
            row.standing != Standing.HOLDER,
            str(row.appointment_id),
        )
    )
    return [list(sitting) for _, sitting in groupby(rows, key=lambda row: (row.unit_id, row.post_id))]


def who_is_there(sitting: Sequence[SeatRow]) -> list[SeatRow]:
    """Who answers in a seat: the holders who are there (a post may have several), else the first deputy who
    is."""
    there = [row for row in sitting if row.user_id is not None and not row.away]
    return [row for row in there if row.standing == Standing.HOLDER] or there[:1]


def answer_of(row: SeatRow) -> Answer:
    return Answer(
        unit_id=row.unit_id,
        unit_path=row.unit_path,
        unit_name=row.unit_name,
        seat=seat_of(row.unit_id, row.post_id),
        post_id=row.post_id,
        post_name=row.title,
        appointment_id=row.appointment_id,
        user_id=row.user_id,
        user_name=row.user_name or "",
        deputy=row.standing == Standing.DEPUTY,
    )


def who_answers(
    unit: Unit,
    duty: str,
    *,
    at: datetime,
    excluding: Collection[UUID] = (),
    urgent: bool = False,
    listed: Listed | None = None,
) -> Answer:
    """Who answers for `duty` in `unit` at `at`: holder, else deputy, else the unit above with an alarm; the
    organ outside the county when nobody inside may. `excluding` are users who must neither receive it nor
    hold its seat, nor be on call in it. `urgent` (danger): whoever is on call goes first, at any hour, and the
    answer says who else on call is to be told. `listed` goes before the duty; where nobody is in that seat,
    the alarm is raised. One statement; a second one when it goes outside."""
    way = line_of(unit.path)
    rows = _on_the_way(
        [*way, listed.organ_path] if listed and listed.organ_path else way,
        duty,
        roster=urgent or bool(excluding),
        at=at,
        post_id=listed.post_id if listed else None,
    )
    vacant = False
    if listed is not None:
        where = {listed.organ_path} if listed.organ_path else set(way)
        named = [row for row in rows if row.post_id == listed.post_id and row.unit_path in where]
        answer = pick_listed(
            candidates_of(rows, named.__contains__),
            expected={row.unit_path for row in named},
            excluding=excluding,
            urgent=urgent,
        )
        if answer is not None:
            return answer
        # that a seat is passed over because of who sits there is told to nobody
        vacant = not any(row.user_id in excluding for row in named)
        rows = [row for row in rows if row.unit_path in way]
    answer = pick_answer(
        candidates_of(rows, lambda row: duty in row.duties),
        expected={row.unit_path for row in rows if duty in row.duties},
        excluding=excluding,
        urgent=urgent,
    )
    if answer is not None:
        return replace(answer, alarm="vacant") if vacant else answer
    county = County.objects.select_related("unit").filter(unit=unit.county_id).first()
    top = county.unit if county else unit
    return Answer(
        unit_id=top.pk,
        unit_path=top.path,
        unit_name=top.short_name,
        seat=OUTSIDE,
        post_name=county.outside_organ if county else "",
        outside=True,
    )


def candidates_of(rows: Iterable[SeatRow], asked: Callable[[SeatRow], bool]) -> list[Candidate]:
    """The people of the rows; `asked` says whose seat answers for what is asked."""
    return [
        Candidate(
            unit_id=row.unit_id,
            unit_path=row.unit_path,
            unit_name=row.unit_name,
            post_id=row.post_id,
            post_name=row.title,
            post_order=row.post_order,
            appointment_id=row.appointment_id,
            user_id=row.user_id,
            user_name=row.user_name or "",
            deputy=row.standing == Standing.DEPUTY,
            absent=row.away,
            on_call=row.standing == ON_CALL,
            has_duty=asked(row),
        )
        for row in rows
        if row.appointment_id is not None and row.user_id is not None
    ]


def post_of(unit: Unit, code: str) -> Post:
    """The post of this code in the scheme of the unit's county. Raises Refused: no_scheme, no_post (names the
    posts that stand on the unit's level)."""
    county = profile_of(unit)
    if county is None:
        raise Refused("no_scheme", _("这个县还没有选用层级方案；请用 xiangli import-units --county 导入它。"))
    posts = {post.code: post for post in Post.objects.filter(scheme=county.scheme_id)}
    if code not in posts:
        level = unit.level.code if unit.level else ""
        fitting = "、".join(sorted(post.code for post in posts.values() if level in post.levels))
        raise Refused(
            "no_post", _("没有岗位 %(code)s；这一级可任命：%(all)s。") % {"code": code, "all": fitting}
        )
    return posts[code]


def seat_people(unit_id: UUID, post_id: UUID, *, at: datetime) -> list[UUID]:
    """The users who sit in a seat at `at`: the holder first, then deputies, then who is on call; the absent
    are among them. One statement."""
    seated = _seated([unit_id], [post_id], at=at)
    seated.sort(key=lambda row: ((Standing.HOLDER, Standing.DEPUTY, ON_CALL).index(row[3]), str(row[4])))
    return list(dict.fromkeys(user for _unit, _post, user, _standing, _id in seated))


def people_in_seats(seats: Iterable[str], *, at: datetime) -> dict[str, set[UUID]]:
    """Who sits in each of `seats` at `at`: holders and deputies, the absent among them, and who is on call; an
    empty set for an empty seat, one of an ended unit, and outside. One statement."""
    people: dict[str, set[UUID]] = {seat: set() for seat in seats}
    named = [seat.split(":") for seat in people if seat != OUTSIDE]
    units, posts = {UUID(unit) for unit, _post in named}, {UUID(post) for _unit, post in named}
    for unit, post, user, _standing, _id in _seated(list(units), list(posts), at=at):
        people.setdefault(seat_of(unit, post), set()).add(user)
    return people


def _seated(
    units: list[UUID], posts: list[UUID], *, at: datetime
) -> list[tuple[UUID, UUID, UUID, str, UUID]]:
    """(unit, post, user, standing, id) of whoever sits in one of `posts` in one of `units` in force. One
    statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SEATED, {"units": units, "posts": posts, "at": at, "day": day_of(at)})
        rows: list[tuple[UUID, UUID, UUID, str, UUID]] = cursor.fetchall()
        return rows


def in_post(users: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Those of `users` who hold or cover any post at `at`. One statement; none for nobody."""
    day = day_of(at)
    held = Appointment.objects.filter(
        on_day(day), on_day(day, "unit__"), user__in=users, user__is_active=True
    )
    return set(held.values_list("user_id", flat=True)) if users else set()


@dataclass(frozen=True, slots=True)
class SeatNow:
    """A seat as people are told of it: post, unit, who is in it now, and its duty number ("" when it has
    none)."""

    unit_name: str
    post_name: str
    name: str
    phone: str


def seat_now(unit_id: UUID, post_id: UUID, *, at: datetime) -> SeatNow | None:
    """Who sits in a seat now; `name` is empty while nobody does. None: there is no such seat. One
    statement."""
    rows = seat_rows([], "u.id = %(unit)s", "p.id = %(post)s", at=at, unit=unit_id, post=post_id)
    if not rows:
        return None
    present = who_is_there(sorted(rows, key=lambda row: row.standing != Standing.HOLDER))
    first = rows[0]
    return SeatNow(
        first.unit_name, first.title, "、".join(row.user_name or "" for row in present), first.phone or ""
    )


def seats_under(
    path: str, *, at: datetime, near: str | None = None, doing: str = "take_case"
) -> list[Answer]:
    """The seats in the units at and under `path` that may be given work: their post grants `doing` and
    somebody is there. With `near`, the path of a place, only those on the way from `path` down to it: what
    a form offers. The deepest first; each with the holder, or the deputy who covers. One statement."""
    if near is None:
        rows = seat_rows(
            [],
            "u.path LIKE %(under)s AND u.kind = 'place'",
            "%(doing)s = ANY (p.permissions)",
            at=at,
            under=path + "%",
            doing=doing,
        )
    else:
        way = [step for step in line_of(near) if step.startswith(path)]
        rows = seat_rows(way, ON_THE_LINE, "%(doing)s = ANY (p.permissions)", at=at, doing=doing)
    return [answer_of(present[0]) for sitting in by_seat(rows) if (present := who_is_there(sitting))]
