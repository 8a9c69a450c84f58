"""The on-call roster: who is on call when, where nobody is tonight, and whom one may put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Appointment, County, OnCall, Post, Unit
from xiangli.territory.queries.common import in_english, on_day
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import (
    SET_ON_CALL,
    Actor,
    day_of,
    has_roster,
    line_of,
    night_of,
    parse_quiet_hours,
    uncovered,
)
from xiangli.web.paging import Page, paginate

SHOWN: Final = timedelta(days=14)
_QUIET: Final = "22:00-07:00"  # the night of a county that keeps no quiet hours, or whose cannot be read


@dataclass(frozen=True, slots=True)
class Shift:
    """One entry of the roster. `counts` is false once its person has no post left in the county: then nobody
    is on call, whatever is written."""

    id: UUID
    starts: datetime
    ends: datetime
    place: str  # as people say it
    post: str
    name: str
    counts: bool
    removable: bool  # the actor may take it off
    mine: bool


@dataclass(frozen=True, slots=True)
class Night:
    """The night that lasts, or the next one, in a unit of the actor's: who is on call, and when nobody is."""

    place: str
    starts: datetime
    ends: datetime
    names: tuple[str, ...]
    gaps: tuple[tuple[datetime, datetime], ...]


def may_set_on_call(actor: Actor) -> bool:
    return any(SET_ON_CALL in held.permissions for held in actor.held)


def _in_post(at: datetime) -> Exists:
    """Whether the person of an entry holds a post in the county."""
    day = day_of(at)
    return Exists(
        Appointment.objects.filter(
            on_day(day), on_day(day, "unit__"), user=OuterRef("user"), unit__county=OuterRef("unit__county")
        )
    )


def _standing(at: datetime) -> QuerySet[OnCall]:
    """Entries that nobody took off, in units in force."""
    return OnCall.objects.filter(on_day(day_of(at), "unit__"), ended_at=None, user__is_active=True)


def roster(
    actor: Actor, *, at: datetime, below: bool = False, cursor: str = ""
) -> tuple[list[Shift], Page[Any]]:
    """The entries of the next 14 days at the units of the actor's posts and of those above them, the actor's own
    wherever they are, and, with `below`, those of every unit under the actor's; a page at a time. One statement."""
    own = {held.unit_path for held in actor.held}
    wanted = Q(user=actor.user_id) | Q(unit__path__in={step for path in own for step in line_of(path)})
    if below:
        for path in actor.scope_paths:
            wanted |= Q(unit__path__startswith=path)
    rows = _standing(at).annotate(counts=_in_post(at)).filter(wanted, ends__gt=at, starts__lt=at + SHOWN)
    page = paginate(
        rows.select_related("unit__parent__parent__parent", "post", "user"),
        order=("starts", "id"),
        cursor=cursor,
    )
    return [_shift(entry, actor) for entry in page.items], page


def shift_to_end(actor: Actor, entry_id: UUID, *, at: datetime) -> Shift:
    """The entry that the actor may take off. Refused (not_found) for one that is over, was taken off, or lies
    where the actor sets no roster. One statement."""
    entry = (
        _standing(at)
        .annotate(counts=_in_post(at))
        .filter(pk=entry_id, ends__gt=at)
        .select_related("unit__parent__parent__parent", "post", "user")
        .first()
    )
    if entry is None or not actor.may(SET_ON_CALL, entry.unit.path):
        raise Refused("not_found", _("没有找到这个班次：它不在您的辖区内，或者已经取消、已经结束。"))
    return _shift(entry, actor)


def _shift(entry: Any, actor: Actor) -> Shift:
    return Shift(
        id=entry.pk,
        starts=entry.starts,
        ends=entry.ends,
        place=spoken_name(entry.unit),
        post=entry.post.name_en if in_english() else entry.post.name,
        name=entry.user.display_name,
        counts=entry.counts,
        removable=actor.may(SET_ON_CALL, entry.unit.path),
        mine=entry.user_id == actor.user_id,
    )


def nights(actor: Actor, *, at: datetime) -> list[Night]:
    """For each unit of its own where the actor sets the roster: tonight. Two statements."""
    return nights_of(
        {
            held.unit_id: (held.unit_name, held.county_id)
            for held in actor.held
            if SET_ON_CALL in held.permissions
        },
        at=at,
    )


def nights_of(units: Mapping[UUID, tuple[str, UUID]], *, at: datetime) -> list[Night]:
    """Tonight in each of `units`, which are given with name and county. Two statements, none for no unit."""
    if not units:
        return []
    quiet = dict(
        County.objects.filter(pk__in={county for _name, county in units.values()}).values_list(
            "pk", "quiet_hours"
        )
    )
    spans = {
        unit: night_of(_quiet_hours(quiet.get(county, "")), at) for unit, (_name, county) in units.items()
    }
    covers: dict[UUID, list[tuple[datetime, datetime, str]]] = {unit: [] for unit in units}
    rows = (
        _standing(at)
        .filter(
            _in_post(at), unit__in=list(units), ends__gt=at, starts__lt=max(end for _, end in spans.values())
        )
        .order_by("starts", "id")
        .values_list("unit_id", "starts", "ends", "user__display_name")
    )
    for unit, starts, ends, name in rows:
        covers[unit].append((starts, ends, name))
    return [
        Night(
            place=place,
            starts=spans[unit][0],
            ends=spans[unit][1],
            names=tuple(
                dict.fromkeys(
                    name
                    for starts, ends, name in covers[unit]
                    if starts < spans[unit][1] and ends > spans[unit][0]
                )
            ),
            gaps=tuple(
                uncovered(
                    max(spans[unit][0], at),  # what is past of the night, nobody can cover any more
                    spans[unit][1],
                    [(starts, ends) for starts, ends, _ in covers[unit]],
                )
            ),
        )
        for unit, (place, _county) in units.items()
    ]


def _quiet_hours(text: str) -> Any:
    try:
        return parse_quiet_hours(text or _QUIET)
    except ValueError:  # `doctor` names the county
        return parse_quiet_hours(_QUIET)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form of the roster offers: seats ("unit:post") by unit, and people."""

    seats: list[tuple[str, list[tuple[str, str]]]]
    people: list[tuple[str, str]]
    night: tuple[datetime, datetime]  # the hours it begins with


def on_call_choices(actor: Actor, *, at: datetime) -> Choices:
    """Seats that may be given work, in the units where the actor sets the roster and in those right below, and
    the people who hold a post in one of them. Three statements."""
    day = day_of(at)
    own = {held.unit_id for held in actor.held if SET_ON_CALL in held.permissions}
    units = list(
        Unit.objects.select_related("level", "county__profile", "parent__parent__parent")
        .filter(on_day(day), Q(pk__in=own) | Q(parent__in=own), is_pseudo=False)
        .order_by("path")
    )
    posts: dict[tuple[UUID, str], list[Post]] = {}
    schemes = {unit.county.profile.scheme_id for unit in units if unit.county is not None}
    for post in Post.objects.filter(scheme__in=schemes, permissions__contains=["take_case"]).order_by(
        "order", "code"
    ):
        for level in post.levels if has_roster(post.duties) else ():
            posts.setdefault((post.scheme_id, level), []).append(post)
    seats = []
    for unit in units:
        assert unit.county is not None  # it stands below a post of the county
        fitting = posts.get((unit.county.profile.scheme_id, unit.level.code if unit.level else ""), [])
        offered = [
            (f"{unit.pk}:{post.pk}", f"{spoken_name(unit)} · {post.name_en if in_english() else post.name}")
            for post in fitting
        ]
        if offered:
            seats.append((spoken_name(unit), offered))
    people: dict[UUID, str] = {}
    for user, name, unit_name, title, title_en in (
        Appointment.objects.filter(on_day(day), unit__in=units, user__is_active=True)
        .order_by("user__display_name", "user_id", "unit__path", "post__order")
        .values_list("user_id", "user__display_name", "unit__short_name", "post__name", "post__name_en")
    ):
        people.setdefault(user, f"{name}（{unit_name} {title_en if in_english() else title}）")
    hours = next((unit.county.profile.quiet_hours for unit in units if unit.county is not None), "")
    return Choices(
        seats=seats,
        people=[(str(user), label) for user, label in people.items()],
        night=night_of(_quiet_hours(hours), at),
    )
