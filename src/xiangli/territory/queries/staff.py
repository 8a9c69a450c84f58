"""What an administrator sees of people: who stands in which post of theirs, since when, and who is away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from xiangli.accounts.queries import with_enrolment_state
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Absence, Appointment, DutyNumber, Post, Standing, Unit
from xiangli.territory.queries.common import in_english, on_day, unit_rows
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import APPOINT_STAFF, Actor, appointer, day_of, in_force, may_enrol
from xiangli.web.paging import Page, paginate


def may_appoint(actor: Actor) -> bool:
    """Whether the actor fills posts anywhere."""
    return any(APPOINT_STAFF in held.permissions for held in actor.held)


def _within(actor: Actor, prefix: str = "unit__") -> Q:
    """Units of the posts by which the actor appoints, and all below them."""
    within = Q(pk__in=[])
    for held in actor.held:
        if APPOINT_STAFF in held.permissions:
            within |= Q(**{f"{prefix}path__startswith": held.unit_path})
    return within


def post_title(post: Post) -> str:
    """A post's name in the active language."""
    return post.name_en if in_english() else post.name


@dataclass(frozen=True, slots=True)
class Listed:
    """One person of the list, with the posts they hold now or are to hold."""

    user: Any  # with `has_phone` and `link_until`
    posts: tuple[tuple[str, str, bool], ...]  # place, post, as a deputy

    @property
    def left(self) -> bool:
        return not self.posts


def people_of(
    actor: Actor, *, at: datetime, search: str = "", left: bool = False, cursor: str = ""
) -> tuple[list[Listed], Page[Any]]:
    """People who stand (with `left`: who stood, and stand nowhere any more) in the actor's units, by name; a page at
    a time. Two statements."""
    day = day_of(at)
    standing = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day))
    own = Appointment.objects.filter(_within(actor), user=OuterRef("pk"))
    people = get_user_model()._default_manager.all()
    if left:
        people = people.filter(Exists(own), ~Exists(standing.filter(user=OuterRef("pk"))))
    else:
        people = people.filter(Exists(own.filter(Q(valid_to=None) | Q(valid_to__gt=day))))
    if search:
        people = people.filter(display_name__icontains=search)
    page = paginate(with_enrolment_state(people, now=at), order=("display_name", "id"), cursor=cursor)
    return _listed(page.items, standing), page


def _listed(users: Iterable[Any], standing: Any) -> list[Listed]:
    users = list(users)
    rows = standing.filter(user__in=[user.pk for user in users]).select_related(
        "post", "unit__parent__parent__parent"
    )
    by_user: dict[UUID, list[Appointment]] = {}
    for row in rows.order_by("unit__path", "post__order"):
        by_user.setdefault(row.user_id, []).append(row)
    return [
        Listed(
            user,
            tuple(
                (spoken_name(row.unit), post_title(row.post), row.standing == Standing.DEPUTY)
                for row in by_user.get(user.pk, ())
            ),
        )
        for user in users
    ]


def people_named(actor: Actor, name: str, *, at: datetime) -> list[Listed]:
    """People of exactly this name who stand or stood in the actor's units: whoever is appointed may be one of them.
    Two statements."""
    own = Appointment.objects.filter(_within(actor), user=OuterRef("pk"))
    users = get_user_model()._default_manager.filter(Exists(own), display_name=name)
    standing = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day_of(at)))
    return _listed(users.order_by("pk")[:20], standing)


@dataclass(frozen=True, slots=True)
class Held:
    """One appointment as an administrator sees it."""

    id: UUID
    place: str
    unit_id: UUID
    post_id: UUID
    post: str
    deputy: bool
    since: date
    until: date | None  # the first day without it
    phase: str  # "now", "to_come", "over"
    changeable: bool  # by this actor
    absences: tuple[Absence, ...]  # that run or are to come
    may_be_away: bool  # the actor may say that they are away


@dataclass(frozen=True, slots=True)
class Person:
    user: Any  # with `has_phone` and `link_until`
    held: list[Held]
    enrollable: bool
    oneself: bool

    @property
    def standing(self) -> list[Held]:
        return [one for one in self.held if one.phase != "over"]

    @property
    def over(self) -> list[Held]:
        return [one for one in self.held if one.phase == "over"]

    @property
    def may_leave(self) -> bool:
        return bool(self.standing) and all(one.changeable for one in self.standing)


def person_of(actor: Actor, user_id: UUID, *, at: datetime) -> Person:
    """A person with their posts, now, to come and past. Refused (not_found) for whoever never stood in the actor's
    units. Three statements."""
    day = day_of(at)
    user = with_enrolment_state(get_user_model()._default_manager.filter(pk=user_id), now=at).first()
    rows = list(
        Appointment.objects.filter(user=user_id)
        .select_related("post", "unit__parent__parent__parent")
        .order_by("-valid_from", "unit__path", "id")
    )
    own = [row for row in rows if actor.may(APPOINT_STAFF, row.unit.path)]
    if user is None or not own:
        raise Refused("not_found", _("您的辖区里没有这个人。请核对名单，或请上一级查。"))
    away: dict[UUID, list[Absence]] = {}
    for absence in Absence.objects.filter(
        Q(ends=None) | Q(ends__gt=at), appointment__in=[row.pk for row in rows]
    ).order_by("starts"):
        away.setdefault(absence.appointment_id, []).append(absence)
    oneself = actor.user_id == user.pk
    held = [
        Held(
            id=row.pk,
            place=spoken_name(row.unit),
            unit_id=row.unit_id,
            post_id=row.post_id,
            post=post_title(row.post),
            deputy=row.standing == Standing.DEPUTY,
            since=row.valid_from,
            until=row.valid_to,
            phase="now"
            if in_force(row.valid_from, row.valid_to, day)
            else "to_come"
            if row.valid_from > day
            else "over",
            changeable=not oneself and appointer(actor, row.unit.path) is not None,
            absences=tuple(away.get(row.pk, ())),
            may_be_away=oneself or actor.may(APPOINT_STAFF, row.unit.path),
        )
        for row in rows
    ]
    paths = [row.unit.path for row in rows if row.valid_to is None or row.valid_to > day]
    return Person(user, held, may_enrol(actor, paths), oneself)


@dataclass(frozen=True, slots=True)
class Sitting:
    """Somebody in a seat, now or to come."""

    appointment_id: UUID
    user_id: UUID
    name: str
    deputy: bool
    since: date
    until: date | None
    to_come: bool
    away: bool


@dataclass(slots=True)
class SeatView:
    """A post of a unit: who is in it, and its duty number."""

    post_id: UUID
    code: str
    title: str
    single: bool
    phone: str
    people: list[Sitting] = field(default_factory=list)

    @property
    def vacant(self) -> bool:
        return not any(not one.to_come for one in self.people)

    @property
    def unled(self) -> bool:
        """Deputies only: nobody whom they stand in for."""
        return not self.vacant and not any(not one.deputy and not one.to_come for one in self.people)


@dataclass(frozen=True, slots=True)
class UnitSeats:
    unit: Unit
    place: str
    seats: list[SeatView]
    may_appoint: bool  # false in the actor's own unit: the level above does
    ended: bool

    @property
    def vacancies(self) -> int:
        return sum(seat.vacant for seat in self.seats)


def unit_for(actor: Actor, unit_id: UUID) -> Unit:
    """A unit where the actor appoints, or their own. Refused (not_found) otherwise. One statement."""
    unit = unit_rows(pk=unit_id).first()
    if unit is None or not actor.may(APPOINT_STAFF, unit.path):
        raise Refused("not_found", _("没有这个单位，或者它不在您管岗位的范围内。"))
    return unit


def seats_of(actor: Actor, unit_id: UUID, *, at: datetime) -> UnitSeats:
    """The posts of a unit, each with who is in it now and who is to come. Refused (not_found) outside the actor's
    units. Four statements."""
    day = day_of(at)
    unit = unit_for(actor, unit_id)
    profile = getattr(unit.county, "profile", None)
    level = unit.level.code if unit.level else ""
    posts = Post.objects.filter(
        scheme=profile.scheme_id if profile else None, levels__contains=[level]
    ).order_by("order", "code")
    phones = dict(DutyNumber.objects.filter(unit=unit).values_list("post_id", "phone"))
    seats = {
        post.pk: SeatView(post.pk, post.code, post_title(post), post.single, phones.get(post.pk, ""))
        for post in posts
    }
    away = Absence.objects.filter(Q(ends=None) | Q(ends__gt=at), appointment=OuterRef("pk"), starts__lte=at)
    rows = (
        Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day), unit=unit)
        .select_related("user")
        .annotate(away=Exists(away))
        .order_by("-standing", "valid_from", "id")
    )
    for row in rows:
        if row.post_id in seats:
            seats[row.post_id].people.append(
                Sitting(
                    appointment_id=row.pk,
                    user_id=row.user_id,
                    name=row.user.display_name,
                    deputy=row.standing == Standing.DEPUTY,
                    since=row.valid_from,
                    until=row.valid_to,
                    to_come=row.valid_from > day,
                    away=row.away,
                )
            )
    return UnitSeats(
        unit=unit,
        place=spoken_name(unit),
        seats=list(seats.values()),
        may_appoint=appointer(actor, unit.path) is not None,
        ended=not in_force(unit.valid_from, unit.valid_to, day) and unit.valid_from <= day,
    )


def post_for(unit: Unit, post_id: UUID) -> Post:
    """A post of the scheme of the unit's county. Refused (not_found) otherwise. One statement."""
    profile = getattr(unit.county, "profile", None)
    post = Post.objects.filter(pk=post_id, scheme=profile.scheme_id if profile else None).first()
    if post is None:
        raise Refused("not_found", _("本县的层级方案里没有这个岗位。"))
    return post


@dataclass(frozen=True, slots=True)
class Found:
    """A unit of the list, with how many people stand in it."""

    id: UUID
    place: str
    level: str
    path: str
    staffed: bool


def units_to_staff(
    actor: Actor, *, at: datetime, search: str = "", cursor: str = ""
) -> tuple[list[Found], Page[Any]]:
    """Units in force where the actor appoints, with `search` in their name or code, in the order of their paths; a
    page at a time. One statement."""
    day = day_of(at)
    seated = Appointment.objects.filter(on_day(day), unit=OuterRef("pk"))
    units = (
        unit_rows(is_pseudo=False)
        .filter(on_day(day), _within(actor, ""), county__isnull=False)
        .annotate(staffed=Exists(seated))
    )
    if search:
        units = units.filter(
            Q(short_name__icontains=search) | Q(name__icontains=search) | Q(code=search) | Q(path=search)
        )
    page: Page[Any] = paginate(units, order=("path", "id"), cursor=cursor)
    return [
        Found(
            id=unit.pk,
            place=spoken_name(unit),
            level=(unit.level.name_en if in_english() else unit.level.name) if unit.level else "",
            path=unit.path,
            staffed=unit.staffed,
        )
        for unit in page.items
    ], page


def appointment_for(actor: Actor, appointment_id: UUID) -> Appointment:
    """An appointment in the actor's units, or their own. Refused (not_found) otherwise. One statement."""
    row = (
        Appointment.objects.filter(pk=appointment_id)
        .select_related("user", "post", "unit__parent__parent__parent")
        .first()
    )
    if row is None or not (actor.may(APPOINT_STAFF, row.unit.path) or row.user_id == actor.user_id):
        raise Refused("not_found", _("没有这项任职，或者它不在您管岗位的范围内。"))
    return row


def absence_for(actor: Actor, absence_id: UUID) -> Absence:
    """An absence of somebody in the actor's units, or their own. Refused (not_found) otherwise. One statement."""
    row = (
        Absence.objects.filter(pk=absence_id).select_related("appointment__unit", "appointment__user").first()
    )
    if row is None or not (
        actor.may(APPOINT_STAFF, row.appointment.unit.path) or row.appointment.user_id == actor.user_id
    ):
        raise Refused("not_found", _("没有这次外出，或者它不在您管岗位的范围内。"))
    return row
