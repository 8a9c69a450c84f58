"""Who acts, and who may be given a way in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from xiangli.accounts.queries import with_enrolment_state
from xiangli.territory.models import Appointment, Standing
from xiangli.territory.queries.common import ON_CALL_NOW, in_english
from xiangli.territory.queries.seats import ON_CALL
from xiangli.territory.queries.units import spoken_name
from xiangli.territory.rules import (
    ENROL_STAFF,
    NOBODY,
    STANDING_VERBS,
    Actor,
    Held,
    day_of,
    may_enrol,
)
from xiangli.web.paging import Page, paginate

# Every request asks this one.
_HELD: Final = f"""
    SELECT h.id, h.post_id, p.code, p.name, p.name_en, h.unit_id, u.short_name, u.path, u.county_id,
           coalesce(l.code, ''), coalesce(l.rank, 0), p.duties, p.permissions, h.standing
      FROM (SELECT a.id, a.unit_id, a.post_id, a.standing
              FROM territory_appointment a
             WHERE a.user_id = %(user)s
               AND a.valid_from <= %(day)s AND (a.valid_to IS NULL OR a.valid_to > %(day)s)
             UNION ALL
            SELECT o.id, o.unit_id, o.post_id, '{ON_CALL}'
              FROM territory_oncall o JOIN territory_unit u ON u.id = o.unit_id
             WHERE o.user_id = %(user)s AND {ON_CALL_NOW}) h
      JOIN territory_unit u ON u.id = h.unit_id AND u.county_id IS NOT NULL
       AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
      JOIN territory_post p ON p.id = h.post_id
      LEFT JOIN territory_level l ON l.id = u.level_id
     ORDER BY u.path, p."order", h.standing = '{ON_CALL}', h.id
"""  # noqa: S608  # constants of this package


def actor_for(user: Any, *, at: datetime) -> Actor:
    """The actor of a signed-in user: appointments in force at `at`, and the seats in which they are on call
    then, in one statement; NOBODY for a visitor.

    An absent person may still act: absence decides who is asked, not who may.
    """
    if not user.is_authenticated or not user.is_active:
        return NOBODY
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"user": user.pk, "at": at, "day": day_of(at)})
        rows = cursor.fetchall()
    english = in_english()
    held: dict[str, Held] = {}
    for (
        appointment, post, post_code, title, title_en, unit, unit_name, path, county,
        level, rank, duties, permissions, standing,
    ) in rows:  # fmt: skip
        on_call = standing == ON_CALL
        one = Held(
            appointment_id=appointment,
            post_id=post,
            post_code=post_code,
            post_name=title_en if english else title,
            unit_id=unit,
            unit_name=unit_name,
            unit_path=path,
            county_id=county,
            level=level,
            rank=rank,
            duties=frozenset(duties),
            permissions=frozenset(permissions) - (STANDING_VERBS if on_call else frozenset()),
            deputy=standing == Standing.DEPUTY,
            post_title=title,
            on_call=on_call,
        )
        held.setdefault(one.seat, one)  # on call in one's own seat: it is held as ever
    return Actor(user_id=user.pk, name=user.display_name, held=tuple(held.values()))


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
