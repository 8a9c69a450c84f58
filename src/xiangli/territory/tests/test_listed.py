"""Who answers where a list of responsibilities names the post."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from xiangli.kernel.ids import new_id
from xiangli.territory.actions import record_absence
from xiangli.territory.models import Level, OnCall, Post, Standing, Unit, UnitKind
from xiangli.territory.queries import who_answers
from xiangli.territory.rules import Answer, Listed
from xiangli.territory.tests.factories import SINCE, Small, make_county

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> Small:
    return make_county()


@pytest.fixture
def organ(small: Small) -> Unit:
    made = Unit(
        kind=UnitKind.ORGAN,
        county=small.county,
        parent=small.county,
        level=Level.objects.get(scheme=small.levels["county"].scheme, code="organ"),
        path=small.county.path + "o1/",
        name="城市管理局",
        short_name="城管局",
        valid_from=SINCE,
    )
    made.save(force_insert=True)
    return made


def ask(small: Small, code: str, organ: Unit | None = None, **more: Any) -> Answer:
    listed = Listed(small.posts[code].pk, organ.path if organ else "")
    return who_answers(small.lane, "environment", at=NOW, listed=listed, **more)


def test_the_listed_post_goes_before_the_duty(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    small.seat("lane_head", small.lane)
    clerk = small.seat("village_clerk", small.village)
    with django_assert_num_queries(1):
        answer = ask(small, "village_clerk")
    assert (answer.unit_id, answer.post_id, answer.user_id) == (
        small.village.pk,
        clerk.post_id,
        clerk.user_id,
    )
    assert (answer.listed, answer.alarm) == (True, "")
    assert who_answers(small.lane, "environment", at=NOW).listed is False


def test_a_post_on_several_levels_is_asked_from_below(small: Small) -> None:
    small.posts["town_head"].levels = ["town", "village"]
    small.posts["town_head"].save()
    above = small.seat("town_head", small.town)
    answer = ask(small, "town_head")
    assert (answer.user_id, answer.alarm, answer.listed) == (above.user_id, "vacant", True)
    near = small.seat("town_head", small.village)
    answer = ask(small, "town_head")
    assert (answer.user_id, answer.alarm) == (near.user_id, "")


def test_the_organs_seat_answers_and_no_other_of_that_post(small: Small, organ: Unit) -> None:
    small.seat("lane_head", small.lane)
    one = small.seat("organ_desk", organ)
    other = Unit.objects.get(pk=organ.pk)
    other.pk, other.path = new_id(), small.county.path + "o0/"
    other.save(force_insert=True)
    small.seat("organ_desk", other)
    assert ask(small, "organ_desk", organ).user_id == one.user_id
    assert ask(small, "organ_desk", organ).unit_id == organ.pk
    # without its organ, nowhere on the way up
    assert ask(small, "organ_desk").listed is False


@pytest.mark.parametrize("how", ["nobody", "absent", "ended", "no_such_post"])
def test_where_nobody_is_there_the_duty_answers_with_an_alarm(
    small: Small, organ: Unit, how: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    head = small.seat("lane_head", small.lane)
    if how != "nobody":
        seat = small.seat("organ_desk", organ)
    if how == "absent":
        record_absence(appointment=seat, starts=NOW - HOUR, ends=NOW + HOUR)
    if how == "ended":
        organ.valid_to = date(2026, 11, 1)
        organ.save()
    if how == "no_such_post":
        Post.objects.filter(pk=small.posts["organ_desk"].pk).update(levels=["lane_of_old"])
    with django_assert_num_queries(1):
        answer = ask(small, "organ_desk", organ)
    assert (answer.user_id, answer.alarm, answer.listed) == (head.user_id, "vacant", False)


def test_a_deputy_covers_the_listed_seat(small: Small, organ: Unit) -> None:
    seat = small.seat("organ_desk", organ)
    deputy = small.seat("organ_desk", organ, standing=Standing.DEPUTY)
    record_absence(appointment=seat, starts=NOW - HOUR, ends=None)
    answer = ask(small, "organ_desk", organ)
    assert (answer.user_id, answer.deputy, answer.alarm) == (deputy.user_id, True, "")


def test_a_seat_of_somebody_excluded_is_passed_over_whole_and_quietly(small: Small, organ: Unit) -> None:
    head = small.seat("lane_head", small.lane)
    about = small.seat("organ_desk", organ)
    small.seat("organ_desk", organ, standing=Standing.DEPUTY)
    record_absence(appointment=about, starts=NOW - HOUR, ends=None)
    answer = ask(small, "organ_desk", organ, excluding={about.user_id})
    assert (answer.user_id, answer.alarm) == (head.user_id, "")


def test_where_nobody_answers_at_all_it_goes_outside(small: Small, organ: Unit) -> None:
    answer = ask(small, "organ_desk", organ)
    assert (answer.outside, answer.post_name) == (True, "运城市纪委监委")


def test_in_danger_who_is_on_call_in_the_listed_seat_answers(small: Small, organ: Unit) -> None:
    small.seat("organ_desk", organ)
    night = small.seat("village_clerk", small.village).user
    OnCall.objects.create(
        unit=organ,
        post=small.posts["organ_desk"],
        user=night,
        starts=NOW - HOUR,
        ends=NOW + HOUR,
        recorded_at=NOW,
    )
    answer = ask(small, "organ_desk", organ, urgent=True)
    assert (answer.user_id, answer.on_call, answer.listed) == (night.pk, (night.pk,), True)
    assert ask(small, "organ_desk", organ).user_id != night.pk
