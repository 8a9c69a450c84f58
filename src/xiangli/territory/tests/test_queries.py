from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.kernel.refusals import Refused
from xiangli.territory import queries
from xiangli.territory.actions import end_unit, open_organ, open_unit, record_absence, set_duty_number
from xiangli.territory.models import Standing, Unit
from xiangli.territory.rules import NOBODY
from xiangli.territory.tests.factories import SINCE, Small, ground, make_county

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> Small:
    return make_county()


# actor_for


def test_actor_for_a_visitor_is_nobody(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert queries.actor_for(AnonymousUser(), at=NOW) is NOBODY


def test_actor_for_reads_every_post_in_force_in_one_statement(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    small.seat("lane_head", small.lane_two, user=head.user, standing=Standing.DEPUTY)
    small.seat("grid_worker", small.grid, user=head.user, until=date(2025, 1, 1))
    small.seat("village_clerk", small.village, user=head.user, since=date(2027, 1, 1))
    with django_assert_num_queries(1):
        actor = queries.actor_for(head.user, at=NOW)
    assert [(held.post_code, held.unit_name, held.deputy) for held in actor.held] == [
        ("lane_head", "一巷", False),
        ("lane_head", "二巷", True),
    ]
    held = actor.held[0]
    assert (actor.name, held.county_id, held.level, held.rank) == ("姚建国", small.county.pk, "lane", 5)
    assert "take_case" in held.permissions
    assert "environment" in held.duties
    assert actor.scope_paths == [small.lane.path, small.lane_two.path]


def test_actor_for_somebody_who_left_is_nobody(small: Small) -> None:
    user = small.seat("lane_head", small.lane).user
    user.is_active = False
    user.save()
    assert queries.actor_for(user, at=NOW) is NOBODY


def test_actor_for_begins_and_ends_at_the_counties_midnight(small: Small) -> None:
    user = small.seat("lane_head", small.lane, since=date(2026, 11, 20), until=date(2026, 11, 21)).user
    held = [
        bool(queries.actor_for(user, at=datetime(2026, 11, day, hour, tzinfo=UTC)).held)
        for day, hour in ((19, 15), (19, 16), (20, 15), (20, 16))
    ]
    assert held == [False, True, True, False]


# who_answers


def test_who_answers_holder_deputy_and_the_unit_above(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    small.seat("grid_head", small.grid, "网格长")
    holder = small.seat("lane_head", small.lane, "巷长")
    with django_assert_num_queries(1):
        answer = queries.who_answers(small.lane, "environment", at=NOW)
    assert (answer.user_name, answer.post_name, answer.alarm) == ("巷长", "街巷长", "")
    assert answer.seat == queries.seat_of(small.lane.pk, small.posts["lane_head"].pk)

    record_absence(appointment=holder, starts=NOW - HOUR, ends=NOW + HOUR)
    above = queries.who_answers(small.lane, "environment", at=NOW)
    assert (above.user_name, above.unit_name, above.alarm) == ("网格长", "第一网格", "vacant")

    small.seat("lane_head", small.lane, "代理", standing=Standing.DEPUTY)
    covered = queries.who_answers(small.lane, "environment", at=NOW)
    assert (covered.user_name, covered.deputy, covered.alarm) == ("代理", True, "")
    back = queries.who_answers(small.lane, "environment", at=NOW + HOUR)
    assert (back.user_name, back.deputy) == ("巷长", False)


def test_who_answers_in_the_posts_of_the_county_only(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    other.seat("county_desk", other.county, "别县")
    small.seat("county_desk", small.county, "本县")
    assert queries.who_answers(small.lane, "hazards", at=NOW).user_name == "本县"


def test_who_answers_passes_over_somebody_who_left(small: Small) -> None:
    user = small.seat("lane_head", small.lane).user
    user.is_active = False
    user.save()
    small.seat("town_desk", small.town, "乡镇")
    answer = queries.who_answers(small.lane, "hazards", at=NOW)
    assert (answer.user_name, answer.alarm) == ("乡镇", "vacant")


def test_who_answers_goes_outside_when_everybody_inside_is_a_subject(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    town = small.seat("town_desk", small.town, "乡镇")
    county = small.seat("county_supervision", small.county, "县里")
    first = queries.who_answers(small.lane, "complaints", at=NOW)
    assert (first.user_name, first.alarm) == ("乡镇", "")
    second = queries.who_answers(small.lane, "complaints", at=NOW, excluding=[town.user_id])
    assert second.user_name == "县里"
    with django_assert_num_queries(2):
        outside = queries.who_answers(
            small.lane, "complaints", at=NOW, excluding=[town.user_id, county.user_id]
        )
    assert outside.outside
    assert (outside.seat, outside.post_name, outside.unit_id) == (
        "outside",
        "运城市纪委监委",
        small.county.pk,
    )
    assert outside.user_id is None


def test_who_answers_never_through_a_seat_that_a_subject_covers(small: Small) -> None:
    small.seat("town_head", small.town, "乡长")
    deputy = small.seat("town_head", small.town, "副乡长", standing=Standing.DEPUTY)
    small.seat("county_supervision", small.county, "县里")
    answer = queries.who_answers(small.lane, "complaints", at=NOW, excluding=[deputy.user_id])
    assert answer.user_name == "县里"


def test_who_answers_names_posts_in_the_active_language(small: Small) -> None:
    small.seat("lane_head", small.lane)
    with translation.override("en"):
        assert queries.who_answers(small.lane, "environment", at=NOW).post_name == "lane head"


# seats


def test_seat_people_holder_first_and_the_absent_among_them(small: Small) -> None:
    deputy = small.seat("lane_head", small.lane, standing=Standing.DEPUTY)
    holder = small.seat("lane_head", small.lane)
    record_absence(appointment=holder, starts=NOW - HOUR)
    people = queries.seat_people(small.lane.pk, small.posts["lane_head"].pk, at=NOW)
    assert people == [holder.user_id, deputy.user_id]
    assert queries.seat_people(small.lane_two.pk, small.posts["lane_head"].pk, at=NOW) == []


def test_seats_under_offers_who_is_there_and_may_take(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    small.seat("lane_head", small.lane, "一巷长")
    small.seat("lane_head", small.lane_two, "二巷长")
    away = small.seat("grid_head", small.grid, "外出")
    record_absence(appointment=away, starts=NOW - HOUR)
    small.seat("village_officer", small.village, "民警")  # may not take a case
    small.seat("village_director", small.village, "主任")
    small.seat("town_desk", small.town, "乡镇")
    with django_assert_num_queries(1):
        every = queries.seats_under(small.village.path, at=NOW)
    assert [answer.user_name for answer in every] == ["一巷长", "二巷长", "主任"]
    near = queries.seats_under(small.village.path, at=NOW, near=small.lane_two.path)
    assert [answer.user_name for answer in near] == ["二巷长", "主任"]
    assert near[0].seat == queries.seat_of(small.lane_two.pk, small.posts["lane_head"].pk)


# organs


def test_organ_seats_names_who_is_there(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    water, roads = (
        open_organ(county=small.county, name=name, valid_from=SINCE) for name in ("水务局", "交通运输局")
    )
    other = make_county("61/08/31/", "子洲县", west=112.0)
    foreign = open_organ(county=other.county, name="水务局", valid_from=SINCE)
    other.seat("organ_desk", foreign, "别县")
    small.seat("organ_desk", water, "经办")
    away = small.seat("organ_desk", roads, "外出")
    record_absence(appointment=away, starts=NOW - HOUR)
    with django_assert_num_queries(1):
        seats = queries.organ_seats(small.county.pk, at=NOW)
    assert [(seat.unit_name, seat.post_name, seat.user_name) for seat in seats] == [
        ("水务局", "部门经办", "经办")
    ]


def test_seats_for_a_place_are_those_on_the_way_and_the_countys_organs(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    water = open_organ(county=small.county, name="水务局", valid_from=SINCE)
    foreign = open_organ(
        county=make_county("61/08/31/", "子洲县", west=112.0).county, name="水务局", valid_from=SINCE
    )
    small.seat("organ_desk", water, "经办")
    small.seat("organ_desk", foreign, "别县")
    small.seat("lane_head", small.lane, "一巷长")
    small.seat("lane_head", small.lane_two, "二巷长")
    small.seat("village_officer", small.village, "民警")  # may not take a case
    away = small.seat("grid_head", small.grid, "外出")
    record_absence(appointment=away, starts=NOW - HOUR)
    small.seat("town_desk", small.town, "乡镇")
    with django_assert_num_queries(1):
        seats = queries.seats_for(small.lane.path, small.county.pk, at=NOW)
    assert seats[0].user_name == "一巷长"
    assert {seat.user_name for seat in seats[1:]} == {"乡镇", "经办"}


def test_an_organ_answers_for_no_place(small: Small) -> None:
    water = open_organ(county=small.county, name="水务局", valid_from=SINCE)
    desk = small.seat("organ_desk", water, "经办")
    small.seat("county_desk", small.county, "县里")
    for duty in ("close", "facilities"):
        assert queries.who_answers(small.lane, duty, at=NOW).user_name == "县里"
    actor = queries.actor_for(desk.user, at=NOW)
    assert actor.scope_paths == [water.path]
    assert not actor.may("take_case", small.lane.path)
    assert actor.may("take_case", small.lane.path, seats=actor.seats)  # of what is handed to it
    assert "经办" not in [seat.user_name for seat in queries.seats_under(small.county.path, at=NOW)]
    assert water not in queries.plated_units([small.county.path], at=NOW)
    view = queries.plate(small.lane.plate_code or "", at=NOW)
    assert view is not None
    assert "organ_desk" not in [person.post_code for person in view.people]
    assert desk.user_id not in view.user_ids
    assert queries.spoken_name(queries.unit_by_id(water.pk) or water) == "绛县 水务局"


# plates


def test_plate_names_who_answers_here_and_above(
    small: Small, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    deputy = small.seat("lane_head", small.lane, "代理", standing=Standing.DEPUTY)
    small.seat("grid_head", small.grid, "网格长")
    small.seat("village_clerk", small.village, "文书")  # not on plates
    set_duty_number(unit=small.lane, post=small.posts["lane_head"], phone="0359-0000001")
    code = small.lane.plate_code
    assert code is not None
    with django_assert_num_queries(2):
        view = queries.plate(code.lower(), at=NOW)
        assert view is not None
        assert queries.spoken_name(view.unit) == "绛县 一巷"
        assert view.unit.level == small.levels["lane"]
        assert view.unit.county == small.county
    assert view.unit == small.lane
    assert [unit.short_name for unit in view.line] == ["绛县", "横水镇", "横北村", "第一网格"]
    assert view.county is not None
    assert view.county.hotline == "12345"
    first = view.first
    assert first is not None
    assert (first.name, first.post_name, first.phone) == ("姚建国", "街巷长", "0359-0000001")
    assert [(person.post_code, person.vacant) for person in view.people] == [
        ("lane_head", False),
        ("grid_head", False),
        ("village_officer", True),
        ("legal_adviser", True),
    ]
    assert {head.user_id, deputy.user_id} < view.user_ids
    assert view.user_ids == queries.people_on_plate(small.lane, at=NOW)


def test_plate_shows_a_vacant_post_as_covered_by_the_level_above(small: Small) -> None:
    small.seat("grid_head", small.grid, "网格长")
    set_duty_number(unit=small.grid, post=small.posts["grid_head"], phone="0359-0000002")
    view = queries.plate(small.lane.plate_code or "", at=NOW)
    assert view is not None
    assert view.first is not None
    assert view.first.vacant
    assert (view.first.covered_by, view.first.phone) == ("第一网格 网格长", "0359-0000002")


def test_plate_of_an_ended_unit_leads_through_to_the_last_successor(
    small: Small, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    small.seat("lane_head", small.lane_two, "二巷长")
    third = open_unit(
        parent=small.grid, level=small.levels["lane"], label="03", name="三巷", valid_from=SINCE
    )
    end_unit(unit=third, on=date(2025, 1, 1), successors=[small.lane])
    end_unit(unit=small.lane, on=date(2026, 1, 1), successors=[small.lane_two])
    with django_assert_max_num_queries(5):
        view = queries.plate(third.plate_code or "", at=NOW)
    assert view is not None
    assert (view.unit, view.choices) == (small.lane_two, ())
    assert view.old == third
    assert view.first is not None
    assert view.first.name == "二巷长"
    before = queries.plate(third.plate_code or "", at=datetime(2025, 6, 1, tzinfo=UTC))
    assert before is not None
    assert before.unit == small.lane


def test_plate_of_a_split_unit_offers_the_choice(small: Small) -> None:
    third = open_unit(
        parent=small.grid, level=small.levels["lane"], label="03", name="三巷", valid_from=SINCE
    )
    end_unit(unit=third, on=date(2025, 1, 1), successors=[small.lane, small.lane_two])
    view = queries.plate(third.plate_code or "", at=NOW)
    assert view is not None
    assert (view.unit, view.choices) == (third, (small.lane, small.lane_two))


@pytest.mark.parametrize("code", ["", "nonsense", "00000001", "'; DROP TABLE territory_unit; --"])
def test_plate_that_is_none(small: Small, code: str) -> None:
    assert queries.plate(code, at=NOW) is None


# places


def test_unit_of_point_is_the_deepest_whose_ground_holds_it(small: Small) -> None:
    found = queries.unit_of_point(35.05, 111.07, at=NOW)
    assert found == (small.lane_two, False)


def test_unit_of_point_outside_every_unit_is_the_nearest_plate(small: Small) -> None:
    assert queries.unit_of_point(35.05, 110.9, at=NOW) == (small.lane, True)
    assert queries.unit_of_point(0.0, 0.0, at=NOW) is not None


def test_unit_of_point_measures_in_metres_not_degrees(small: Small) -> None:
    # a degree east is 0.82 of a degree north here: by degrees the first lane would be nearer
    Unit.objects.filter(pk=small.lane.pk).update(lat=36.00, lng=113.0)
    Unit.objects.filter(pk=small.lane_two.pk).update(lat=35.05, lng=114.05)
    assert queries.unit_of_point(35.05, 113.0, at=NOW) == (small.lane_two, True)


def test_unit_of_point_stays_in_the_county_that_is_named(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    assert queries.unit_of_point(35.05, 112.02, at=NOW) == (other.lane, False)
    assert queries.unit_of_point(35.05, 112.02, county=small.county, at=NOW) == (small.lane_two, True)


def test_unit_of_point_leaves_ended_units_out(small: Small) -> None:
    end_unit(unit=small.lane, on=date(2025, 1, 1), successors=[small.lane_two])
    assert queries.unit_of_point(35.05, 111.02, at=NOW) == (small.county, False)
    ground(small.grid, 111.0, 35.0, 111.1, 35.1)
    assert queries.unit_of_point(35.05, 111.02, at=NOW) == (small.grid, False)


def test_unit_of_point_without_any_unit() -> None:
    assert queries.unit_of_point(35.0, 111.0, at=NOW) is None


def test_unit_of_point_is_served_by_the_index(small: Small) -> None:
    with CaptureQueriesContext(connection) as captured:
        queries.unit_of_point(35.05, 111.07, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "boundary_box" in plan


def test_unit_at_takes_code_path_and_plate(small: Small) -> None:
    for word in ("140826", "14/08/26/", "14/08/26"):
        assert queries.unit_at(word, at=NOW) == small.county
    assert queries.unit_at(small.lane.plate_code or "", at=NOW) == small.lane
    assert queries.unit_at("999999", at=NOW) is None
    assert queries.unit_at("140826", at=datetime(2020, 1, 1, tzinfo=UTC)) is None


def test_ancestors_from_the_top_down(small: Small, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert queries.ancestors(small.lane) == [small.county, small.town, small.village, small.grid]


def test_post_of_names_the_posts_that_fit(small: Small) -> None:
    assert queries.post_of(small.lane, "lane_head") == small.posts["lane_head"]
    with pytest.raises(Refused) as refused:
        queries.post_of(small.lane, "emperor")
    assert refused.value.code == "no_post"
    assert "lane_head" in str(refused.value)


def test_a_holder_without_a_name_to_sign_in_by_is_still_an_actor(small: Small) -> None:
    user = small.seat("lane_head", small.lane, "姚建国").user
    assert User.objects.get(pk=user.pk).username is None
    assert queries.actor_for(user, at=NOW).may("take_case", small.lane.path)
