"""The queue's pages against the fence: read in parts, they hold what the fence lets through, once, in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.matters.models import Matter, MatterGrant
from xiangli.matters.queries import CLOSED, Filters, lamp_counts, queue
from xiangli.matters.states import GrantKind, Visibility
from xiangli.matters.tests.test_models import (
    NOW,
    TODAY,
    AMatter,
    APost,
    appointed,
    build,
    first_of_each,
    ground,
    paths_of,
    reported,
    trees,
    units,
)
from xiangli.territory.models import Level, Post
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import NOBODY, Actor

__all__ = ["ground"]

Ground = tuple[Level, dict[bool, Post], list[User]]


def all_pages(actor: Actor, filters: Filters, *, size: int) -> list[Matter]:
    """Every row, a page after the other, and back again: the way back must show the same pages."""
    pages = [queue(actor, filters, at=NOW, size=size)]
    while pages[-1].next:
        pages.append(queue(actor, filters, at=NOW, size=size, cursor=pages[-1].next))
    for earlier, later in pairwise(pages):
        back = queue(actor, filters, at=NOW, size=size, cursor=later.previous)
        assert [row.pk for row in back.items] == [row.pk for row in earlier.items]
    return [row for page in pages for row in page.items]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    trees,
    st.lists(appointed, max_size=6),
    st.lists(reported, min_size=1, max_size=5),
    st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=5, max_size=5),
    st.none() | units,
)
def test_parts_hold_what_the_fence_lets_through_once_and_in_order(
    ground: Ground,
    tree: list[tuple[int, str]],
    posts: list[APost],
    matters: list[AMatter],
    ends: list[tuple[bool, int]],
    within: int | None,
) -> None:
    paths, posts = paths_of(tree), first_of_each(posts)
    unit = "" if within is None else paths[within]
    with transaction.atomic():
        for row, (closed, hours) in zip(build(ground, paths, posts, matters), ends, strict=False):
            at = NOW + timedelta(hours=hours)
            row.changed_at, row.closed_at = at, at if closed else None
            row.next_clock, row.next_clock_at = ("", None) if closed else ("respond", at)
            row.save()
        for user in ground[2]:
            actor = actor_for(user, at=NOW)
            seen = Matter.objects.visible_to(actor).filter(place_path__startswith=unit)
            for closed in (False, True):
                parts = Matter.objects.all().visible_parts(actor, within=unit, closed=closed)
                assert sorted(row.pk for part in parts for row in part) == sorted(
                    row.pk for row in seen if (row.closed_at is not None) == closed
                )
            for state, wanted in (
                ("open", seen.filter(closed_at=None).order_by("due_at", "id")),
                (CLOSED, seen.exclude(closed_at=None).order_by("-changed_at", "-id")),
            ):
                rows = all_pages(actor, Filters(state=state, unit=unit), size=2)
                assert [row.pk for row in rows] == [row.pk for row in wanted]
        assert queue(NOBODY, Filters(), at=NOW).items == []
        transaction.set_rollback(True)


@pytest.fixture
def desk(ground: Ground) -> tuple[Actor, list[Matter]]:
    """A village desk with six open matters and three closed ones, in three lanes, one beyond its village by a grant."""
    paths = ["9/", "9/1/", "9/1/1/", "9/1/1/1/", "9/1/1/1/1/", "9/1/1/1/1/1/", "9/1/1/1/2/"]
    plain = [AMatter(place, Visibility.ORDINARY, {}, {}, frozenset()) for place in (4, 5, 5, 4, 5)]
    beyond = AMatter(6, Visibility.ORDINARY, {0: False}, {}, frozenset())
    private = AMatter(4, Visibility.PRIVATE, {0: False}, {}, frozenset())
    ended = [AMatter(4, Visibility.ORDINARY, {}, {}, frozenset())] * 2
    rows = build(ground, paths, [APost(0, 4, False, TODAY, None, False)], [*plain, beyond, private, *ended])
    return actor_for(ground[2][0], at=NOW), rows


def change(rows: list[Matter], **values: Any) -> None:
    Matter.objects.filter(pk__in=[row.pk for row in rows]).update(**values)


def ids(actor: Actor, **chosen: Any) -> set[UUID]:
    return {row.pk for row in queue(actor, Filters(**chosen), at=NOW).items}


def test_each_filter_leaves_what_it_says(desk: tuple[Actor, list[Matter]]) -> None:
    actor, rows = desk
    change(rows[7:], closed_at=NOW, changed_at=NOW)
    change(rows[:1], next_clock="respond", next_clock_at=NOW - timedelta(hours=1))
    change(rows[1:2], next_clock="respond", next_clock_at=NOW + timedelta(hours=1), next_amber_at=NOW)
    change(rows[2:3], next_clock="respond", next_clock_at=NOW + timedelta(days=9), state="in_progress")
    change(rows[3:5], topic="roads", reported_at=NOW - timedelta(days=3), handler=actor.user_id)
    MatterGrant.objects.create(matter=rows[4], kind=GrantKind.SUPERVISOR, seat=actor.seats[0], granted_at=NOW)
    key = [row.pk for row in rows]
    assert ids(actor) == set(key[:7])
    assert ids(actor, state="closed") == set(key[7:])
    assert ids(actor, state="in_progress") == {key[2]}
    assert [ids(actor, lamp=lamp) for lamp in ("red", "amber", "green")] == [{key[0]}, {key[1]}, {key[2]}]
    assert ids(actor, lamp="none") == set(key[3:7])
    assert ids(actor, topic="roads") == {key[3], key[4]}
    assert ids(actor, net=frozenset({"t"})) == {key[0], key[1], key[2], key[5]}  # nothing private
    assert ids(actor, unit="9/1/1/1/1/1/") == {key[1], key[2], key[4]}
    assert ids(actor, unit="9/1/1/1/2/") == {key[5]}
    assert ids(actor, unit="9/1/") == set(key[:7])
    assert ids(actor, supervised=True) == {key[4]}
    assert ids(actor, who=actor.user_id) == {key[3], key[4]}
    day = date(2026, 6, 1)
    assert ids(actor, since=day) == set(key[:7]) - {key[3], key[4]}
    assert ids(actor, until=day - timedelta(days=1)) == {key[3], key[4]}
    assert ids(actor, state="closed", since=day, until=day) == set(key[7:])
    assert ids(actor, state="closed", until=day - timedelta(days=1)) == set()


def test_a_day_is_that_of_the_county(desk: tuple[Actor, list[Matter]]) -> None:
    actor, rows = desk
    change(rows[:1], reported_at=datetime(2026, 5, 31, 16, 0, tzinfo=UTC))  # midnight there
    change(rows[1:2], reported_at=datetime(2026, 5, 31, 15, 59, tzinfo=UTC))
    found = ids(actor, since=date(2026, 6, 1))
    assert rows[0].pk in found
    assert rows[1].pk not in found


def test_lamps_are_those_of_the_filters_and_of_ordinary_matters(desk: tuple[Actor, list[Matter]]) -> None:
    actor, rows = desk
    change(rows[7:], closed_at=NOW)
    change(rows[:2], next_clock="respond", next_clock_at=NOW)
    change(rows[6:7], next_clock="respond", next_clock_at=NOW)  # the private one
    change(rows[2:3], next_clock="respond", next_clock_at=NOW + timedelta(hours=1), next_amber_at=NOW)
    lamps = lamp_counts(actor, Filters(lamp="red"), at=NOW)
    assert (lamps.red, lamps.amber, lamps.green, lamps.none, lamps.total) == (2, 1, 0, 3, 6)
    assert lamp_counts(actor, Filters(unit="9/1/1/1/1/1/"), at=NOW).total == 3
    assert lamp_counts(actor, Filters(topic="roads"), at=NOW).total == 0
    assert lamp_counts(NOBODY, Filters(), at=NOW).total == 0


def test_a_page_is_one_statement(
    desk: tuple[Actor, list[Matter]], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    actor, rows = desk
    change(rows, handler=actor.user_id)
    for size in (1, 3):
        with django_assert_num_queries(1):
            for row in queue(actor, Filters(), at=NOW, size=size).items:
                assert row.handler is not None
                assert row.handler.display_name
                assert row.holder_post is None
    with django_assert_num_queries(1):
        assert lamp_counts(actor, Filters(), at=NOW).total


@pytest.mark.parametrize("unit", ["9/1/' OR 1=1 --/", "9/%/", "9/1", "9/1//", "9/_/", "9/1/)/"])
def test_a_place_that_is_none_holds_nothing(desk: tuple[Actor, list[Matter]], unit: str) -> None:
    actor, rows = desk
    everywhere = replace(actor, held=tuple(replace(held, unit_path="9/") for held in actor.held))
    assert len(queue(everywhere, Filters(), at=NOW).items) == len(rows)
    for state in ("open", CLOSED):
        assert queue(everywhere, Filters(state=state, unit=unit), at=NOW).items == []
        assert queue(everywhere, Filters(state=state, unit=unit, text="垃圾"), at=NOW).items == []
    assert lamp_counts(everywhere, Filters(unit=unit), at=NOW).total == 0
