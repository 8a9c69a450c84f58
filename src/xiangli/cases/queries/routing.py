"""Who is responsible by the county's list of responsibilities (权责清单), and the list as it is shown.

Nothing of a person goes in: the category, the level of the place and the day point at a post or an organ; who
sits there is asked afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.fields.json import KeyTextTransform

from xiangli.cases.models import Category, Responsibility
from xiangli.cases.queries.loop import in_english
from xiangli.cases.rules.routing import Route
from xiangli.kernel.models import LedgerEvent
from xiangli.matters.models import Matter
from xiangli.matters.states import Visibility
from xiangli.territory.models import Level, Unit
from xiangli.territory.queries import who_answers
from xiangli.territory.rules import Actor, Answer, Listed, day_of

LOOK_BACK: Final = timedelta(days=90)

# A county's lines in force on a day, kept by each process. Every report asks, most counties have a few dozen
# lines, and a line is never changed once it is in force: what a process may miss for five seconds is a line that
# has just been imported, and a case goes by the line that its event names. An import is read at once where it ran.
_KEEP_S: Final = 5.0
_MOST: Final = 500
_Lines = Mapping[tuple[UUID, UUID], Route]  # by category and level
_kept: dict[tuple[UUID, date], tuple[float, _Lines]] = {}


def _routes(county_id: UUID, day: date) -> _Lines:
    kept = _kept.get((county_id, day))
    if kept is not None and monotonic() - kept[0] < _KEEP_S:
        return kept[1]
    of_scheme = Level.objects.filter(scheme__counties=OuterRef("county_id"), code=OuterRef("level"))
    rows = (
        Responsibility.objects.filter(_in_force(day), county=county_id)
        .annotate(of_level=Subquery(of_scheme.values("pk")[:1]))
        .values_list(
            "category_id", "of_level", "pk", "post_id", "organ_id", "organ__path", "source", "valid_from"
        )
    )
    found = {
        (category, level): Route(line, post, organ, path or "", source, since)
        for category, level, line, post, organ, path, source, since in rows
    }
    if len(_kept) >= _MOST:
        _kept.clear()  # days and counties of long ago
    _kept[county_id, day] = (monotonic(), found)
    return found


def forget_routes() -> None:
    """Read the lists again at the next report."""
    _kept.clear()


def _in_force(day: date) -> Q:
    return Q(valid_from__lte=day) & (Q(valid_to=None) | Q(valid_to__gt=day))


def route_of(category_id: UUID, place: Unit, *, on: date) -> Route | None:
    """The line in force on a day for a category reported in a unit of the place's level; None: the list says
    nothing. One statement in five seconds for a county, whatever is asked."""
    if place.county_id is None or place.level_id is None:
        return None
    return _routes(place.county_id, on).get((category_id, place.level_id))


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who answers, and by which line; `route` None: by the place and the category's duty, because the list
    says nothing, or because nobody sits where it points (then the answer has the alarm "vacant")."""

    answer: Answer
    route: Route | None

    @property
    def listed_seat(self) -> str:
        """The seat that the list names, where somebody sits in it; "" otherwise."""
        return self.answer.seat if self.route else ""


def responsible_for(
    place: Unit, category: Category, *, at: datetime, excluding: Collection[UUID] = (), urgent: bool = False
) -> Responsible:
    """Who is responsible for a category at a place: the seat that the list names, else who answers on the
    category's duty. What is private or sealed goes by its duty alone: a list could lead it to those whom it is
    about. As many statements as `who_answers`, and `route_of`'s."""
    route = None
    if category.visibility == Visibility.ORDINARY:
        route = route_of(category.pk, place, on=day_of(at))
    listed = Listed(route.post_id, route.organ_path) if route else None
    answer = who_answers(place, category.duty, at=at, excluding=excluding, urgent=urgent, listed=listed)
    return Responsible(answer, route if answer.listed else None)


def who_is_responsible(
    place: Unit, category: Category, *, at: datetime, excluding: Collection[UUID] = (), urgent: bool = False
) -> Answer:
    """The answer alone of `responsible_for`."""
    return responsible_for(place, category, at=at, excluding=excluding, urgent=urgent).answer


# ------------------------------------------------------------------------------------------------------- the list as it is shown


@dataclass(frozen=True, slots=True)
class ListedLine:
    """One line of the list: what it says in the active language, and what it did. `routed` are the cases that
    it gave to its post since `LOOK_BACK` ago, `elsewhere` those of them that were given to another since, by a
    choice with a reason; both of those the actor may see."""

    category: str
    category_code: str
    level: str
    post: str
    organ: str
    source: str
    valid_from: date
    last_day: date | None
    coming: bool  # begins on a later day
    routed: int
    elsewhere: int


def responsibilities(actor: Actor, county_id: UUID, *, at: datetime) -> list[ListedLine]:
    """The lines of a county in force or to come, by category, level and day. Two statements."""
    day, english = day_of(at), in_english()
    of_scheme = Level.objects.filter(scheme__counties=OuterRef("county_id"), code=OuterRef("level"))
    rows = (
        Responsibility.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day), county=county_id)
        .annotate(
            level_name=Subquery(of_scheme.values("name_en" if english else "name")[:1]),
            rank=Subquery(of_scheme.values("rank")[:1]),
        )
        .select_related("category", "post", "organ")
        .order_by("category__order", "category__code", F("rank").desc(), "level", "valid_from")
    )
    counts = _counts(actor, county_id, at)
    return [
        ListedLine(
            category=row.category.name_en if english else row.category.name,
            category_code=row.category.code,
            level=row.level_name or row.level,
            post=row.post.name_en if english else row.post.name,
            organ=row.organ.short_name if row.organ else "",
            source=row.source,
            valid_from=row.valid_from,
            last_day=row.valid_to - timedelta(days=1) if row.valid_to else None,
            coming=row.valid_from > day,
            routed=counts.get(str(row.pk), (0, 0))[0],
            elsewhere=counts.get(str(row.pk), (0, 0))[1],
        )
        for row in rows
    ]


def _counts(actor: Actor, county_id: UUID, at: datetime) -> dict[str, tuple[int, int]]:
    """By line, of the cases reported since `LOOK_BACK` ago that the actor may see: how many it routed (as their
    first event says), and how many of these were given to another seat."""
    since = at - LOOK_BACK
    first = LedgerEvent.objects.filter(stream=OuterRef("pk"), seq=1).annotate(
        line=KeyTextTransform("line", "data")
    )
    cases = (
        Matter.objects.visible_to(actor)
        .filter(workflow="case", county=county_id, reported_at__gte=since, reported_at__lte=at)
        # whatever was reported since then is open or was closed since then: two short indexes
        .filter(Q(closed_at=None) | Q(closed_at__isnull=False, changed_at__gte=since))
        .annotate(line=Subquery(first.values("line")))
        .exclude(line=None)
        .values("line")
        .annotate(routed=Count("pk"), elsewhere=Count("pk", filter=Q(case__free_choices__gt=0)))
    )
    return {row["line"]: (row["routed"], row["elsewhere"]) for row in cases}
