"""Shared readers of territory. Every one takes the moment it is asked for.

Names of posts come in the active language, so store ids, never these names.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from math import cos, hypot, radians
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from xiangli.accounts.queries import with_enrolment_state
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Appointment, Boundary, County, Post, Standing, Unit
from xiangli.territory.rules import (
    ENROL_STAFF,
    NOBODY,
    OUTSIDE,
    Actor,
    Answer,
    Candidate,
    Held,
    day_of,
    in_force,
    line_of,
    may_enrol,
    normal_plate_code,
    pick_answer,
    seat_of,
)
from xiangli.territory.states import CATALOGUE
from xiangli.web.paging import Page, paginate

__all__ = [
    "NOBODY",
    "OUTSIDE",
    "Actor",
    "Answer",
    "Enrollable",
    "Held",
    "PlatePerson",
    "PlateView",
    "actor_for",
    "ancestors",
    "duties_on_plate",
    "in_post",
    "people_in_seats",
    "people_on_plate",
    "people_to_enrol",
    "plate",
    "plate_unit",
    "plated_units",
    "post_of",
    "ring_of",
    "seat_now",
    "seat_of",
    "seat_people",
    "seats_under",
    "spoken_name",
    "unit_at",
    "unit_by_id",
    "unit_of_point",
    "who_answers",
]


def _english() -> bool:
    return (get_language() or "").startswith("en")


def _on(day: date, prefix: str = "") -> Q:
    """Rows in force on `day`."""
    return Q(**{f"{prefix}valid_from__lte": day}) & (
        Q(**{f"{prefix}valid_to": None}) | Q(**{f"{prefix}valid_to__gt": day})
    )


def actor_for(user: Any, *, at: datetime) -> Actor:
    """The actor of a signed-in user: appointments in force at `at`, in one statement; NOBODY for a visitor.

    An absent person may still act: absence decides who is asked, not who may.
    """
    if not user.is_authenticated or not user.is_active:
        return NOBODY
    day = day_of(at)
    rows = (
        Appointment.objects.filter(_on(day), _on(day, "unit__"), user=user.pk, unit__county__isnull=False)
        .order_by("unit__path", "post__order", "id")
        .values_list(
            "id", "post_id", "post__code", "post__name_en" if _english() else "post__name",
            "unit_id", "unit__short_name", "unit__path", "unit__county_id",
            "unit__level__code", "unit__level__rank", "post__duties", "post__permissions", "standing",
        )
    )  # fmt: skip
    held = tuple(
        Held(
            appointment_id=appointment,
            post_id=post,
            post_code=post_code,
            post_name=post_name,
            unit_id=unit,
            unit_name=unit_name,
            unit_path=path,
            county_id=county,
            level=level or "",
            rank=rank or 0,
            duties=frozenset(duties),
            permissions=frozenset(permissions),
            deputy=standing == Standing.DEPUTY,
        )
        for (
            appointment, post, post_code, post_name, unit, unit_name, path, county,
            level, rank, duties, permissions, standing,
        ) in rows
    )  # fmt: skip
    return Actor(user_id=user.pk, name=user.display_name, held=held)


@dataclass(frozen=True, slots=True)
class Enrollable:
    """One person of the list of people to enrol: where they stand, and whether they can work already."""

    user: Any  # with `has_phone` and `link_until` (accounts.queries.with_enrolment_state)
    posts: tuple[tuple[str, str], ...]  # (place as people say it, post)
    allowed: bool  # the actor may hand out the link


def people_to_enrol(
    actor: Actor, *, at: datetime, search: str = "", cursor: str = ""
) -> tuple[list[Enrollable], Page[Any]]:
    """People appointed below the units where the actor enrols, by name, a page at a time, and the page.
    Two statements."""
    day = day_of(at)
    below = Q(pk__in=[])
    for held in actor.held:
        if ENROL_STAFF in held.permissions:
            below |= Q(unit__path__startswith=held.unit_path) & ~Q(unit__path=held.unit_path)
    standing = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day))
    people = get_user_model()._default_manager.filter(
        Exists(standing.filter(below, user=OuterRef("pk"))), is_active=True
    )
    if search:
        people = people.filter(display_name__icontains=search)
    page = paginate(with_enrolment_state(people, now=at), order=("display_name", "id"), cursor=cursor)
    rows = standing.filter(user__in=[user.pk for user in page.items]).select_related(
        "post", "unit__parent__parent"
    )
    by_user: dict[UUID, list[Appointment]] = {}
    for row in rows.order_by("unit__path", "post__order"):
        by_user.setdefault(row.user_id, []).append(row)
    return [
        Enrollable(
            user=user,
            posts=tuple(
                (spoken_name(row.unit), row.post.name_en if _english() else row.post.name)
                for row in by_user.get(user.pk, ())
            ),
            allowed=may_enrol(actor, [row.unit.path for row in by_user.get(user.pk, ())]),
        )
        for user in page.items
    ], page


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
_ON_THE_LINE = (
    "u.path = ANY (%(paths)s) AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)"
)


@dataclass(frozen=True, slots=True)
class _SeatRow:
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
    appointment_id: UUID | None
    user_id: UUID | None
    user_name: str | None
    standing: str | None
    away: bool
    phone: str | None

    @property
    def title(self) -> str:
        return self.post_name_en if _english() else self.post_name


def _seat_rows(
    paths: list[str], where: str, which: str, *, at: datetime, **parameters: Any
) -> list[_SeatRow]:
    with connection.cursor() as cursor:
        # the conditions are constants of this file, never a person's words
        cursor.execute(
            f"{_SEATS} {where} AND {which}", {"paths": paths, "at": at, "day": day_of(at), **parameters}
        )
        return [_SeatRow(*row) for row in cursor.fetchall()]


def _by_seat(rows: list[_SeatRow]) -> list[list[_SeatRow]]:
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


def _answer_of(row: _SeatRow) -> Answer:
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


def who_answers(unit: Unit, duty: str, *, at: datetime, excluding: Collection[UUID] = ()) -> Answer:
    """Who answers for `duty` in `unit` at `at`: holder, else deputy, else the unit above with an alarm; the
    organ outside the county when nobody inside may. `excluding` are users who must neither receive it nor
    hold its seat. One statement; a second one when it goes outside."""
    rows = _seat_rows(line_of(unit.path), _ON_THE_LINE, "%(duty)s = ANY (p.duties)", at=at, duty=duty)
    answer = pick_answer(
        [
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
            )
            for row in rows
            if row.appointment_id is not None and row.user_id is not None
        ],
        expected={row.unit_path for row in rows},
        excluding=excluding,
    )
    if answer is not None:
        return answer
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


def ancestors(unit: Unit) -> list[Unit]:
    """The units above `unit`, from the top down, without itself."""
    return list(Unit.objects.filter(path__in=line_of(unit.path)[:-1]).order_by("path"))


def unit_at(code_or_path: str, *, at: datetime) -> Unit | None:
    """The unit in force with this path ("14/08/21/"), statutory code or plate code; None: there is none."""
    if "/" in code_or_path:
        named = Q(path=code_or_path.rstrip("/") + "/")
    else:
        named = Q(code=code_or_path) | Q(plate_code=normal_plate_code(code_or_path) or "-")
    return Unit.objects.select_related("level", "county__profile").filter(named, _on(day_of(at))).first()


def post_of(unit: Unit, code: str) -> Post:
    """The post of this code in the scheme of the unit's county. Raises Refused: no_scheme, no_post (names the
    posts that stand on the unit's level)."""
    county = _profile(unit)
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
    """The users who sit in a seat at `at`: the holder first, then deputies; the absent are among them."""
    return list(
        Appointment.objects.filter(_on(day_of(at)), unit=unit_id, post=post_id, user__is_active=True)
        .order_by(F("standing").desc(), "id")  # "holder" sorts after "deputy"
        .values_list("user_id", flat=True)
    )


def people_in_seats(seats: Iterable[str], *, at: datetime) -> dict[str, set[UUID]]:
    """Who sits in each of `seats` at `at`, the absent among them; an empty set for an empty seat, one of an
    ended unit, and outside. One statement."""
    people: dict[str, set[UUID]] = {seat: set() for seat in seats}
    named = [seat.split(":") for seat in people if seat != OUTSIDE]
    day = day_of(at)
    for unit, post, user in Appointment.objects.filter(
        _on(day),
        _on(day, "unit__"),
        unit__in=[unit for unit, _post in named],
        post__in={post for _unit, post in named},
        user__is_active=True,
    ).values_list("unit_id", "post_id", "user_id"):
        people.setdefault(seat_of(unit, post), set()).add(user)
    return people


def in_post(users: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Those of `users` who hold or cover any post at `at`. One statement; none for nobody."""
    day = day_of(at)
    held = Appointment.objects.filter(_on(day), _on(day, "unit__"), user__in=users, user__is_active=True)
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
    rows = _seat_rows([], "u.id = %(unit)s", "p.id = %(post)s", at=at, unit=unit_id, post=post_id)
    if not rows:
        return None
    present = _present(sorted(rows, key=lambda row: row.standing != Standing.HOLDER))
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
        rows = _seat_rows(
            [],
            "u.path LIKE %(under)s",
            "%(doing)s = ANY (p.permissions)",
            at=at,
            under=path + "%",
            doing=doing,
        )
    else:
        way = [step for step in line_of(near) if step.startswith(path)]
        rows = _seat_rows(way, _ON_THE_LINE, "%(doing)s = ANY (p.permissions)", at=at, doing=doing)
    return [_answer_of(present[0]) for sitting in _by_seat(rows) if (present := _present(sitting))]


def people_on_plate(unit: Unit, *, at: datetime) -> set[UUID]:
    """The users who hold or cover the posts that the plate of `unit` names, and whoever above stands in where
    nobody is in a post of the unit itself: the subjects of a complaint made there."""
    return _users_of(_people_on(unit, at=at), unit)


def _users_of(people: Collection["PlatePerson"], unit: Unit) -> set[UUID]:
    named = {user_id for person in people for user_id in person.user_ids}
    return named.union(*(person.stand_ins for person in people if person.unit_id == unit.pk))


@dataclass(frozen=True, slots=True)
class PlatePerson:
    """One line of a plate: a post of this unit or of one above it, and who answers in it today.

    Nobody there: `name` is empty and `covered_by` names the post and unit above that answers meanwhile.
    """

    unit_id: UUID
    unit_path: str
    unit_name: str
    post_id: UUID
    post_code: str
    post_name: str
    name: str
    deputy: bool
    phone: str  # the duty number of the seat; of the covering one while it is vacant; "" when it has none
    user_ids: tuple[
        UUID, ...
    ]  # holder and deputies, present or not: the subjects of a complaint about the plate
    covered_by: str = ""
    stand_ins: tuple[UUID, ...] = ()  # who sits in the covering seat

    @property
    def vacant(self) -> bool:
        return not self.name


@dataclass(frozen=True, slots=True)
class PlateView:
    """What a plate leads to. `unit` is in force, or, when the plate's own unit ended and split, the old
    unit: then `choices` are the successors in force and the page asks which one."""

    unit: Unit
    line: tuple[Unit, ...]  # the county, town, village … above it, from the top down
    people: tuple[PlatePerson, ...]
    county: County | None
    old: Unit | None = None  # the ended unit whose plate was scanned
    choices: tuple[Unit, ...] = ()

    @property
    def user_ids(self) -> frozenset[UUID]:
        """Everybody who answers here: the subjects of a complaint made at this plate."""
        return frozenset(_users_of(self.people, self.unit))

    @property
    def first(self) -> PlatePerson | None:
        """Who answers here: the line of the plate's own unit that comes first."""
        return next((person for person in self.people if person.unit_id == self.unit.pk), None)


def _units(**lookups: Any) -> QuerySet[Unit]:
    return Unit.objects.select_related("level", "county__profile", "parent__parent__parent").filter(**lookups)


def _plated(code: str) -> Unit | None:
    # a plate hangs once: nothing to order by, and compiling an ORDER BY is a tenth of a report
    return next(iter(_units(plate_code=code)), None)


def plate(code: str, *, at: datetime) -> PlateView | None:
    """What the plate `code` (as typed) leads to at `at`; None: no such plate. Three statements, five from
    an old plate."""
    normal = normal_plate_code(code)
    unit = _plated(normal) if normal else None
    if unit is None:
        return None
    day = day_of(at)
    old: Unit | None = None
    choices: tuple[Unit, ...] = ()
    if not in_force(unit.valid_from, unit.valid_to, day):
        old = unit
        successors = _successors_in_force(unit, day)
        if len(successors) == 1:
            unit = successors[0]
        else:
            choices = tuple(successors)
    line = tuple(ancestors(unit))
    return PlateView(
        unit=unit,
        line=tuple(above for above in line if above.county_id is not None),
        people=_people_on(unit, at=at),
        county=_profile(unit),
        old=old,
        choices=choices,
    )


def plate_unit(code: str, *, at: datetime) -> Unit | None:
    """The unit in force behind a plate, with its county's profile: the unit itself, or the one successor of
    an ended one. None: no such plate, or an old one with several successors, among which a person must
    choose. One statement."""
    normal = normal_plate_code(code)
    unit = _plated(normal) if normal else None
    if unit is None or in_force(unit.valid_from, unit.valid_to, day_of(at)):
        return unit
    successors = _successors_in_force(unit, day_of(at))
    return successors[0] if len(successors) == 1 else None


def ring_of(unit: Unit) -> list[tuple[float, float]]:
    """The outline of a unit as (latitude, longitude) in degrees, WGS-84; empty where none is known. One
    statement."""
    ring = Boundary.objects.filter(unit=unit).values_list("ring", flat=True).first()
    return [(lat, lng) for lng, lat in ring or []]


def plated_units(paths: Collection[str], *, at: datetime, most: int = 200) -> list[Unit]:
    """Units in force with a plate at and under any of `paths`, in the order of the tree, `most` at the
    most. One statement."""
    within = Q(pk__in=[])
    for path in paths:
        within |= Q(path__startswith=path)
    return list(_units().filter(within, _on(day_of(at)), plate_code__isnull=False).order_by("path")[:most])


def spoken_name(unit: Unit) -> str:
    """A place as people say it: "庙上村 二巷". A unit with a statutory code is known by its own name; a
    grid or lane by the nearest unit above that has one, then its own. Reads parents, which the units of
    this module's queries bring along."""
    above = unit.parent if not unit.code else None
    while above is not None and not above.code:
        above = above.parent
    return f"{above.short_name} {unit.short_name}" if above is not None else unit.short_name


def duties_on_plate(view: PlateView) -> list[str]:
    """What the first post of the plate answers for, in the active language and in the catalogue's order."""
    head = view.first
    held = Post.objects.filter(pk=head.post_id).values_list("duties", flat=True).first() if head else None
    return [str(duty.label) for duty in CATALOGUE if duty in (held or [])]


def unit_by_id(unit_id: UUID) -> Unit | None:
    """The unit, in force or ended; the caller asks the fence."""
    return _units(pk=unit_id).first()


def _profile(unit: Unit) -> County | None:
    """The profile read with the unit; None where the county has not chosen its scheme yet."""
    return getattr(unit.county, "profile", None) if unit.county_id else None


def _successors_in_force(unit: Unit, day: date) -> list[Unit]:
    """The units that took over from an ended one, through further changes, as far as they are in force on
    `day`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE after (id) AS (
                SELECT successor_id FROM territory_succession WHERE predecessor_id = %s AND "on" <= %s
                UNION
                SELECT s.successor_id FROM territory_succession s JOIN after ON s.predecessor_id = after.id
                WHERE s."on" <= %s ) SELECT id FROM after """,
            [unit.pk, day, day],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(_units(pk__in=ids).filter(_on(day)).order_by("path")) if ids else []


def _people_on(unit: Unit, *, at: datetime) -> tuple[PlatePerson, ...]:
    order = _by_seat(_seat_rows(line_of(unit.path), _ON_THE_LINE, "TRUE", at=at))
    return tuple(
        _plate_person(sitting, above=order[position + 1 :])
        for position, sitting in enumerate(order)
        if sitting[0].on_plate
    )


def _plate_person(sitting: Sequence[_SeatRow], *, above: Sequence[Sequence[_SeatRow]]) -> PlatePerson:
    """One line of the plate from the rows of its seat; `above` are the seats that come after it, nearest
    first."""
    first = sitting[0]
    shown = _present(sitting)
    covering: _SeatRow | None = None
    stand_ins: tuple[UUID, ...] = ()
    if not shown:
        duties = set(first.duties)
        over = next((seat for seat in above if duties & set(seat[0].duties) and _present(seat)), ())
        covering = over[0] if over else None
        stand_ins = tuple(row.user_id for row in over if row.user_id is not None)
    return PlatePerson(
        unit_id=first.unit_id,
        unit_path=first.unit_path,
        unit_name=first.unit_name,
        post_id=first.post_id,
        post_code=first.post_code,
        post_name=first.title,
        name="、".join(row.user_name or "" for row in shown),
        deputy=bool(shown) and shown[0].standing == Standing.DEPUTY,
        phone=(covering or first).phone or "",
        user_ids=tuple(row.user_id for row in sitting if row.user_id is not None),
        covered_by=f"{covering.unit_name} {covering.title}" if covering else "",
        stand_ins=stand_ins,
    )


def _present(sitting: Sequence[_SeatRow]) -> list[_SeatRow]:
    """Who answers in a seat: the holders who are there (a post may have several), else the first deputy who
    is."""
    there = [row for row in sitting if row.user_id is not None and not row.away]
    return [row for row in there if row.standing == Standing.HOLDER] or there[:1]


def unit_of_point(
    lat: float, lng: float, *, county: Unit | None = None, at: datetime
) -> tuple[Unit, bool] | None:
    """The deepest unit in force whose ground holds the point (degrees, WGS-84), with False; outside every
    unit, the nearest one that carries a plate, with True (off the map). `county` narrows the search to one
    county. None: there is no unit on the map at all. One statement, three when off the map."""
    day, within = day_of(at), county.pk if county else None
    holding = RawSQL(_HOLDING, [lng, lat, lng, lat, lng, lat, day, day, within, within])  # noqa: S611  # a constant of this file
    if (unit := _units(pk=holding).first()) is not None:
        return unit, False
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, {"lat": lat, "lng": lng, "day": day, "county": within})
        near = cursor.fetchall()
    if not near:
        return None
    nearest = min(near, key=lambda row: hypot(row[1] - lat, (row[2] - lng) * cos(radians(lat))))
    return _units(pk=nearest[0]).get(), True


_HOLDING = """
    SELECT b.unit_id
      FROM territory_boundary b JOIN territory_unit u ON u.id = b.unit_id
     WHERE box(b.ring) @> box(point(%s, %s), point(%s, %s))
       AND b.ring @> point(%s, %s)
       AND u.valid_from <= %s AND (u.valid_to IS NULL OR u.valid_to > %s)
       AND (%s::uuid IS NULL OR u.county_id = %s)
     ORDER BY b.rank DESC, u.path
     LIMIT 1
"""

# The index measures in degrees, which are shorter eastward: of the twenty nearest by degrees, metres decide.
_NEAR = """
    SELECT u.id, u.lat, u.lng
      FROM territory_unit u
     WHERE u.plate_code IS NOT NULL AND u.lat IS NOT NULL
       AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
       AND (%(county)s::uuid IS NULL OR u.county_id = %(county)s)
     ORDER BY point(u.lng, u.lat) <-> point(%(lng)s, %(lat)s)
     LIMIT 20
"""
