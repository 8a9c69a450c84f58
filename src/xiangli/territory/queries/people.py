"""Who acts, and who may be given a way in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q

from xiangli.accounts.queries import with_enrolment_state
from xiangli.territory.models import Appointment, Standing
from xiangli.territory.queries.common import in_english, on_day
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import (
    ENROL_STAFF,
    NOBODY,
    Actor,
    Held,
    day_of,
    may_enrol,
)
from xiangli.web.paging import Page, paginate


def actor_for(user: Any, *, at: datetime) -> Actor:
    """The actor of a signed-in user: appointments in force at `at`, in one statement; NOBODY for a visitor.

    An absent person may still act: absence decides who is asked, not who may.
    """
    if not user.is_authenticated or not user.is_active:
        return NOBODY
    day = day_of(at)
    rows = (
        Appointment.objects.filter(on_day(day), on_day(day, "unit__"), user=user.pk, unit__county__isnull=False)
        .order_by("unit__path", "post__order", "id")
        .values_list(
            "id", "post_id", "post__code", "post__name_en" if in_english() else "post__name",
            "unit_id", "unit__short_name", "unit__path", "unit__county_id",
            "unit__level__code", "unit__level__rank", "post__duties", "post__permissions", "standing", "post__name",
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
            post_title=title,
        )
        for (
            appointment, post, post_code, post_name, unit, unit_name, path, county,
            level, rank, duties, permissions, standing, title,
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
                (spoken_name(row.unit), row.post.name_en if in_english() else row.post.name)
                for row in by_user.get(user.pk, ())
            ),
            allowed=may_enrol(actor, [row.unit.path for row in by_user.get(user.pk, ())]),
        )
        for user in page.items
    ], page
