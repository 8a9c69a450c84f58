"""Who is on call: the roster's rows, and who is asked, told and let in because of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ledger import history
from xiangli.kernel.refusals import Refused
from xiangli.territory import queries
from xiangli.territory.actions import (
    appoint,
    end_appointment,
    end_on_call,
    end_unit,
    record_absence,
    set_on_call,
)
from xiangli.territory.models import OnCall, Standing, Unit
from xiangli.territory.queries import Actor, actor_for
from xiangli.territory.rules import ON_CALL_AHEAD, STANDING_VERBS
from xiangli.territory.tests.factories import SINCE, Small, make_county

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> Small:
    return make_county()


@pytest.fixture
def now() -> datetime:
    return clock.now()


def somebody(small: Small, name: str = "值班员") -> User:
    """A person with a post of their own: a grid worker, who answers for nothing."""
    return small.seat("grid_worker", small.grid, name).user


def on_call(small: Small, user: User, code: str, unit: Unit, *, starts: datetime | None = None) -> OnCall:
    starts = starts or clock.now() - HOUR
    return OnCall.objects.create(
        unit=unit,
        post=small.posts[code],
        user=user,
        starts=starts,
        ends=starts + 9 * HOUR,
        recorded_at=starts,
    )


# who_answers


def test_who_answers_asks_whoever_is_on_call_when_it_is_urgent(
    small: Small, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    head = small.seat("lane_head", small.lane, "巷长")
    night = somebody(small)
    on_call(small, night, "lane_head", small.lane)
    with django_assert_num_queries(1):
        urgent = queries.who_answers(small.lane, "hazards", at=now, urgent=True)
    assert (urgent.user_id, urgent.user_name, urgent.appointment_id) == (night.pk, "值班员", None)
    assert (urgent.alarm, urgent.deputy, urgent.on_call) == ("", False, (night.pk,))
    with django_assert_num_queries(1):
        ordinary = queries.who_answers(small.lane, "hazards", at=now)
    assert (ordinary.user_id, ordinary.on_call) == (head.user_id, ())
    morning = queries.who_answers(small.lane, "hazards", at=now + 9 * HOUR, urgent=True)
    assert (morning.user_id, morning.on_call) == (head.user_id, ())


def test_who_answers_asks_nobody_more_for_what_is_not_urgent(small: Small, now: datetime) -> None:
    """The way of every report: what it costs, it cost before there was a roster."""
    with CaptureQueriesContext(connection) as captured:
        queries.who_answers(small.lane, "hazards", at=now)
    assert "territory_oncall" not in captured.captured_queries[0]["sql"]


def test_who_answers_when_all_deputies_are_absent(small: Small, now: datetime) -> None:
    holder = small.seat("lane_head", small.lane)
    deputies = [small.seat("lane_head", small.lane, standing=Standing.DEPUTY) for _ in range(2)]
    for appointment in (holder, *deputies):
        record_absence(appointment=appointment, starts=now - HOUR)
    night = somebody(small)
    on_call(small, night, "lane_head", small.lane)
    answer = queries.who_answers(small.lane, "hazards", at=now, urgent=True)
    assert (answer.user_id, answer.alarm) == (night.pk, "")


def test_who_answers_tells_all_on_call_in_the_nearest_unit(small: Small, now: datetime) -> None:
    head = small.seat("lane_head", small.lane)
    small.seat("town_desk", small.town)
    first, second, chief, far = (somebody(small, name) for name in ("甲", "乙", "丙", "丁"))
    for user in (first, second):
        on_call(small, user, "town_desk", small.town)
    on_call(small, chief, "town_head", small.town)  # who answers for complaints only
    on_call(small, far, "county_desk", small.county)
    answer = queries.who_answers(small.lane, "hazards", at=now, urgent=True)
    assert answer.user_id == head.user_id
    assert set(answer.on_call) == {first.pk, second.pk, chief.pk}
    record_absence(appointment=head, starts=now - HOUR)
    above = queries.who_answers(small.lane, "hazards", at=now, urgent=True)
    assert above.user_id in (first.pk, second.pk)
    assert above.unit_id == small.town.pk
    assert set(above.on_call) == {first.pk, second.pk, chief.pk}


def test_who_answers_never_asks_a_subject_on_call(small: Small, now: datetime) -> None:
    small.seat("town_desk", small.town, "乡镇")
    county = small.seat("county_supervision", small.county, "县里")
    subject = somebody(small)
    on_call(small, subject, "town_desk", small.town)
    for urgent in (False, True):
        answer = queries.who_answers(small.lane, "complaints", at=now, excluding=[subject.pk], urgent=urgent)
        assert (answer.user_id, answer.alarm, answer.on_call) == (county.user_id, "", ())


@pytest.mark.parametrize("how", ["taken off", "over", "to come", "left", "no post", "unit ended"])
def test_who_answers_asks_nobody_whose_hours_do_not_count(small: Small, now: datetime, how: str) -> None:
    town = small.seat("town_desk", small.town, "乡镇")
    small.seat("lane_head", small.lane_two, "二巷长")
    own = small.seat("grid_worker", small.grid, "值班员")
    entry = on_call(small, own.user, "lane_head", small.lane)
    match how:
        case "taken off":
            end_on_call(entry_id=entry.pk)
        case "over":
            OnCall.objects.update(starts=now - 9 * HOUR, ends=now)
        case "to come":
            OnCall.objects.update(starts=now + HOUR)
        case "left":
            User.objects.filter(pk=own.user_id).update(is_active=False)
        case "no post":
            end_appointment(appointment=own, on=now.date() - DAY)
        case "unit ended":
            end_unit(unit=small.lane, on=now.date() - DAY, successors=[small.lane_two])
    small.lane.refresh_from_db()
    answer = queries.who_answers(small.lane, "hazards", at=now, urgent=True)
    assert (answer.user_id, answer.on_call) == (town.user_id, ())
    seat = queries.seat_of(small.lane.pk, small.posts["lane_head"].pk)
    assert queries.people_in_seats([seat], at=now) == {seat: set()}
    assert queries.seat_people(small.lane.pk, small.posts["lane_head"].pk, at=now) == []
    own.user.refresh_from_db()
    assert not any(held.on_call for held in actor_for(own.user, at=now).held)


# actor_for, and who sits there


def test_actor_for_reads_the_roster_in_the_same_statement(
    small: Small, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    night = somebody(small)
    entry = on_call(small, night, "town_desk", small.town)
    with django_assert_num_queries(1):
        actor = actor_for(night, at=now)
    assert [(held.post_code, held.on_call) for held in actor.held] == [
        ("town_desk", True),
        ("grid_worker", False),
    ]
    held = actor.held[0]
    assert held.authority == f"on_call:{entry.pk}"
    assert (held.unit_name, held.level, held.rank, held.deputy) == ("横水镇", "town", 2, False)
    assert actor.scope_paths == [small.town.path]
    assert actor.may("close_case", small.lane.path)
    assert [one.post_code for one in actor_for(night, at=now + 9 * HOUR).held] == ["grid_worker"]


def test_actor_for_gives_no_right_that_outlasts_the_hours(small: Small, now: datetime) -> None:
    night = somebody(small)
    on_call(small, night, "town_desk", small.town)
    on_call(small, night, "county_admin", small.county)
    actor = actor_for(night, at=now)
    granted = {*small.posts["town_desk"].permissions, *small.posts["county_admin"].permissions}
    assert granted >= STANDING_VERBS
    assert not any(actor.may(verb, small.lane.path) for verb in STANDING_VERBS)
    assert actor.may("reveal_contact", small.lane.path)  # to ring back whoever saw the danger


def test_actor_for_has_a_seat_once_though_the_roster_names_it_too(small: Small, now: datetime) -> None:
    head = small.seat("lane_head", small.lane)
    for hours in (1, 2):
        on_call(small, head.user, "lane_head", small.lane, starts=now - hours * HOUR)
        on_call(small, head.user, "grid_head", small.grid, starts=now - hours * HOUR)
    held = actor_for(head.user, at=now).held
    assert [(one.post_code, one.on_call) for one in held] == [("grid_head", True), ("lane_head", False)]
    assert held[1].authority == f"appointment:{head.pk}"


def test_who_is_on_call_sits_in_the_seat_after_its_holder(
    small: Small, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    head = small.seat("lane_head", small.lane)
    night, other = somebody(small), somebody(small)
    on_call(small, night, "lane_head", small.lane)
    on_call(small, other, "lane_head", small.lane)
    on_call(small, head.user, "lane_head", small.lane)
    seat = queries.seat_of(small.lane.pk, small.posts["lane_head"].pk)
    with django_assert_num_queries(1):
        people = queries.seat_people(small.lane.pk, small.posts["lane_head"].pk, at=now)
    assert people[0] == head.user_id
    assert sorted(people) == sorted([head.user_id, night.pk, other.pk])
    with django_assert_num_queries(1):
        assert queries.people_in_seats([seat, "outside"], at=now) == {seat: set(people), "outside": set()}


# set_on_call


@pytest.fixture
def director(small: Small) -> Actor:
    return actor_for(small.seat("village_director", small.village, "主任").user, at=clock.now())


def test_set_on_call_writes_rows_and_events(small: Small, now: datetime, director: Actor) -> None:
    night = somebody(small)
    entries = set_on_call(
        by=director,
        unit=small.lane,
        post=small.posts["lane_head"],
        user=night,
        starts=now + HOUR,
        ends=now + 10 * HOUR,
        nights=3,
    )
    stored = list(OnCall.objects.order_by("starts"))
    assert stored == entries
    assert [(entry.starts, entry.ends) for entry in stored] == [
        (now + HOUR + night_ * DAY, now + 10 * HOUR + night_ * DAY) for night_ in range(3)
    ]
    assert {entry.recorded_by_id for entry in stored} == {director.user_id}
    events = [event for event in history(small.lane.pk) if event.kind == "set_on_call"]
    assert [event.data["on_call"] for event in events] == [str(entry.pk) for entry in entries]
    assert {event.authority for event in events} == {director.held[0].authority}
    assert "值班员" not in str(events[0].data)


def test_set_on_call_for_hours_that_have_begun_counts_from_now(small: Small) -> None:
    before = clock.now()
    (entry,) = set_on_call(
        unit=small.lane,
        post=small.posts["lane_head"],
        user=somebody(small),
        starts=before - 2 * HOUR,
        ends=before + HOUR,
    )
    assert before <= entry.starts <= clock.now()


def test_set_on_call_takes_several_at_the_same_hours(small: Small, now: datetime) -> None:
    for user in (somebody(small), somebody(small)):
        set_on_call(unit=small.lane, post=small.posts["lane_head"], user=user, starts=now, ends=now + HOUR)
    assert OnCall.objects.count() == 2


def test_set_on_call_refuses_what_does_not_fit(small: Small, now: datetime) -> None:
    night, other = somebody(small), make_county("61/08/31/", "子洲县", west=112.0)
    stranger = small.seat("grid_worker", other.grid).user
    ends, post = now + HOUR, small.posts["lane_head"]
    left = small.seat("grid_worker", small.grid, until=date(2025, 1, 1)).user
    for user, unit, post_, starts, until, nights, reason in (
        (night, small.town, small.posts["town_head"], now, ends, 1, "no_roster"),
        (night, small.county, small.posts["county_supervision"], now, ends, 1, "no_roster"),
        (night, small.grid, post, now, ends, 1, "level"),
        (night, small.lane, post, now, now - HOUR, 1, "dates"),
        (night, small.lane, post, now - DAY, now - HOUR, 1, "over"),
        (night, small.lane, post, now + ON_CALL_AHEAD, now + ON_CALL_AHEAD + HOUR, 1, "too_far"),
        (night, small.lane, post, now, ends, ON_CALL_AHEAD.days + 2, "too_far"),
        (stranger, small.lane, post, now, ends, 1, "no_post_here"),
        (left, small.lane, post, now, ends, 1, "no_post_here"),
        (User.objects.create_user(display_name="路人"), small.lane, post, now, ends, 1, "no_post_here"),
    ):
        with pytest.raises(Refused) as refused:
            set_on_call(unit=unit, post=post_, user=user, starts=starts, ends=until, nights=nights)
        assert refused.value.code == reason
    assert not OnCall.objects.exists()  # of several nights none, when one is refused
    set_on_call(unit=small.lane, post=post, user=night, starts=now + HOUR, ends=now + 3 * HOUR)
    with pytest.raises(Refused) as twice:
        set_on_call(unit=small.lane, post=post, user=night, starts=now + 2 * HOUR, ends=now + 4 * HOUR)
    assert twice.value.code == "on_call_already"
    set_on_call(unit=small.lane, post=post, user=night, starts=now + 3 * HOUR, ends=now + 4 * HOUR)


def test_set_on_call_refuses_a_unit_that_ends_before(small: Small, now: datetime) -> None:
    end_unit(unit=small.lane, on=now.date() + 3 * DAY, successors=[small.lane_two])
    small.lane.refresh_from_db()
    with pytest.raises(Refused) as refused:
        set_on_call(
            unit=small.lane,
            post=small.posts["lane_head"],
            user=somebody(small),
            starts=now + 4 * DAY,
            ends=now + 4 * DAY + HOUR,
        )
    assert refused.value.code == "unit_ended"


def test_set_on_call_is_for_ones_own_unit_and_those_below(
    small: Small, now: datetime, director: Actor
) -> None:
    night = somebody(small)
    clerk = actor_for(small.seat("grid_head", small.grid).user, at=now)
    on_call(small, night, "village_director", small.village)
    other = make_county("61/08/31/", "子洲县", west=112.0)
    for by, unit, code in (
        (director, small.town, "town_desk"),
        (director, other.village, "village_director"),
        (clerk, small.lane, "lane_head"),
        (actor_for(night, at=now), small.village, "village_director"),  # no next night by one's own hand
    ):
        with pytest.raises(Refused) as refused:
            set_on_call(
                by=by, unit=unit, post=small.posts[code], user=night, starts=now, ends=now + 20 * HOUR
            )
        assert refused.value.code == "not_permitted"


def test_set_on_call_where_contacts_open_asks_for_a_second_factor(small: Small, now: datetime) -> None:
    night, head = somebody(small), somebody(small)
    set_on_call(unit=small.town, post=small.posts["town_desk"], user=night, starts=now, ends=now + HOUR)
    set_on_call(unit=small.lane, post=small.posts["lane_head"], user=head, starts=now, ends=now + HOUR)
    assert User.objects.get(pk=night.pk).require_second_factor
    assert not User.objects.get(pk=head.pk).require_second_factor


# end_on_call


def test_end_on_call_keeps_what_was(small: Small, now: datetime, director: Actor) -> None:
    night = somebody(small)
    entry = on_call(small, night, "lane_head", small.lane)
    ended = end_on_call(by=director, entry_id=entry.pk)
    assert ended.ended_at is not None
    assert queries.seat_people(small.lane.pk, small.posts["lane_head"].pk, at=clock.now()) == []
    event = history(small.lane.pk)[-1]
    assert (event.kind, event.data["on_call"]) == ("end_on_call", str(entry.pk))
    with pytest.raises(Refused) as again:
        end_on_call(by=director, entry_id=entry.pk)
    assert again.value.code == "over"


def test_end_on_call_is_fenced(small: Small, now: datetime, director: Actor) -> None:
    night = somebody(small)
    town = on_call(small, night, "town_desk", small.town)
    lane = on_call(small, night, "lane_head", small.lane)
    over = on_call(small, night, "lane_head", small.lane, starts=now - 2 * DAY)
    head = actor_for(small.seat("grid_head", small.grid).user, at=now)
    for by, entry, reason in (
        (director, town.pk, "not_found"),  # above: as if it were not there
        (director, small.lane.pk, "not_found"),
        (head, lane.pk, "not_permitted"),
        (director, over.pk, "over"),
    ):
        with pytest.raises(Refused) as refused:
            end_on_call(by=by, entry_id=entry)
        assert refused.value.code == reason


def test_somebody_put_on_call_is_no_holder(small: Small, now: datetime) -> None:
    """The roster is beside appointments: it neither takes a post nor lets anybody in for good."""
    night = somebody(small)
    on_call(small, night, "lane_head", small.lane)
    holder = User.objects.create_user(display_name="姚建国")
    appoint(user=holder, unit=small.lane, post=small.posts["lane_head"], valid_from=SINCE)
    answer = queries.who_answers(small.lane, "hazards", at=datetime(2026, 1, 1, tzinfo=UTC), urgent=True)
    assert answer.user_id == holder.pk
