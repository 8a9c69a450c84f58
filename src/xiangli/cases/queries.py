"""Shared readers of cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils.translation import get_language

from xiangli.cases.models import Case, Category, Hotline, Limit
from xiangli.cases.rules import Facts, Limits
from xiangli.cases.states import TABLE, State
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import history
from xiangli.matters.states import PhotoRole

CHINA = ZoneInfo("Asia/Shanghai")  # a limit begins with a day of the law, and the law's days are these


def in_english() -> bool:
    return (get_language() or "").startswith("en")


def topic_labels() -> Mapping[str, str]:
    """Category names by code, in the active language."""
    return dict(Category.objects.values_list("code", "name_en" if in_english() else "name"))


def categories() -> list[Category]:
    """All categories, in their order."""
    return list(Category.objects.order_by("order", "code"))


def category_with_limits(code: str, *, on: datetime) -> tuple[Category, Limits] | None:
    """A category and its limits in force on the day of `on`; None: there is no such category. One
    statement."""
    day = on.astimezone(CHINA).date()
    category = (
        Category.objects.filter(code=code)
        .annotate(respond=_limit("respond", day), put_right=_limit("put_right", day))
        .first()
    )
    if category is None:
        return None
    return category, Limits(respond=category.respond, put_right=category.put_right)


def limits_of(category: Category, *, on: datetime) -> Limits:
    """The limits of a category in force on the day of `on`: a case is judged by those of the day it was
    reported."""
    found = category_with_limits(category.code, on=on)
    assert found is not None  # a category in use is never deleted (PROTECT)
    return found[1]


def _limit(name: str, day: date) -> Subquery:
    rows = Limit.objects.filter(category=OuterRef("pk"), clock=name, valid_from__lte=day).order_by(
        "-valid_from"
    )
    return Subquery(rows.values("minutes")[:1])


def hotlines(numbers: Collection[str]) -> list[Hotline]:
    """The named hotlines, in the order of the table."""
    return list(Hotline.objects.filter(number__in=numbers).order_by("order")) if numbers else []


def facts_of(matter: Matter, case: Case, *, before: int = 0, after: int = 0) -> Facts:
    """What the rules need to know; `before` and `after` count the photos that the act itself brings. At
    most one statement."""
    counted = {"before": 0, "after": 0}
    if case.category.evidence != "none":
        counted = MatterPhoto.objects.filter(matter=matter).aggregate(
            before=Count("pk", filter=Q(role__in=[PhotoRole.BEFORE, PhotoRole.REPORT])),
            after=Count("pk", filter=Q(role=PhotoRole.AFTER)),
        )
    return Facts(
        state=matter.state,
        handler=matter.handler_id,
        resolved_by=case.resolved_by_id,
        evidence=case.category.evidence,
        verify=case.category.verify,
        confirmed=case.confirmed_at is not None,
        rated=case.rating is not None,
        photos_before=counted["before"] + before,
        photos_after=counted["after"] + after,
    )


def last_act(matter: Matter) -> dict[str, Any]:
    """Who moved a matter last, for the person whose form came too late: {"who", "action", "at", "state"}."""
    moves = [row for row in history(matter) if row.kind in TABLE]
    if not moves:
        return {}
    last = moves[-1]
    return {
        "who": " ".join(filter(None, (last.post, last.name))),
        "action": TABLE[last.kind].label,
        "at": last.at,
        "state": State(matter.state).label,
    }


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What a passer-by may know of a matter on this plate: category, lane, state and age; never words or
    photos nobody has checked."""

    id: Any
    category: str
    place: str
    state: str
    state_label: str
    reported_at: datetime
    me_too: int


def neighbours(unit_path: str, *, limit: int = 20) -> list[Neighbour]:
    """Open matters of public categories in a place, newest first. One statement."""
    label = "case__category__name_en" if in_english() else "case__category__name"
    rows = (
        Matter.objects.public_in(unit_path)
        .open()
        .filter(workflow="case", case__category__public=True)
        .order_by("-reported_at", "-id")
        .values_list("id", label, "place_name", "state", "reported_at", "me_too")[:limit]
    )
    return [
        Neighbour(
            id=pk,
            category=name,
            place=place,
            state=state,
            state_label=str(State(state).label),
            reported_at=at,
            me_too=count,
        )
        for pk, name, place, state, at, count in rows
    ]
