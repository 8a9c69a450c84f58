"""Posts given, changed and ended by an administrator in the browser: who may, what is refused, and what moves when
somebody leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from xiangli.accounts.actions import issue_enrolment
from xiangli.accounts.models import Device, Enrolment, User
from xiangli.kernel import clock, outbox
from xiangli.kernel.ledger import history
from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory.models import Appointment, OnCall, Standing, Unit
from xiangli.territory.queries import Actor, actor_for
from xiangli.territory.rules import day_of
from xiangli.territory.tests.factories import Small, make_county

TODAY = day_of(clock.now())
DAY = timedelta(days=1)


@pytest.fixture
def small(db: None) -> Small:
    return make_county()


def acting(appointment: Appointment) -> Actor:
    return actor_for(appointment.user, at=clock.now())


@pytest.fixture
def town(small: Small) -> Actor:
    return acting(small.seat("town_desk", small.town, "乡镇值班台"))


def somebody(name: str = "某人") -> User:
    return User.objects.create_user(display_name=name)


def test_posts_of_ones_own_unit_and_above_are_given_by_the_level_above(small: Small, town: Actor) -> None:
    director = acting(small.seat("village_director", small.village))
    county = acting(small.seat("county_desk", small.county))
    for by, unit, post in (
        (director, small.village, "village_clerk"),
        (director, small.town, "town_head"),
        (town, small.town, "town_head"),
        (town, small.county, "county_desk"),
        (county, small.county, "county_supervision"),
    ):
        with pytest.raises(Refused, match="上一级") as refused:
            actions.appoint(by=by, user=somebody(), unit=unit, post=small.posts[post], valid_from=TODAY)
        assert refused.value.code == "not_permitted"
    actions.appoint(
        by=county, user=somebody(), unit=small.town, post=small.posts["town_head"], valid_from=TODAY
    )
    actions.appoint(
        by=town, user=somebody(), unit=small.village, post=small.posts["village_clerk"], valid_from=TODAY
    )


def test_nobody_appoints_oneself_nor_ends_ones_own_post(small: Small, town: Actor) -> None:
    assert town.user_id is not None
    desk = User.objects.get(pk=town.user_id)
    own = small.seat("village_clerk", small.village, user=desk)
    with pytest.raises(Refused) as first:
        actions.appoint(by=town, user=desk, unit=small.lane, post=small.posts["lane_head"], valid_from=TODAY)
    with pytest.raises(Refused) as second:
        actions.end_appointment(by=town, appointment=own, on=TODAY + DAY)
    with pytest.raises(Refused) as third:
        actions.off_board(by=town, user=desk, on=TODAY)
    assert {refused.value.code for refused in (first, second, third)} == {"own_appointment"}


def test_an_administrator_does_not_change_the_past(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane)
    with pytest.raises(Refused) as begun:
        actions.appoint(
            by=town,
            user=somebody(),
            unit=small.lane_two,
            post=small.posts["lane_head"],
            valid_from=TODAY - DAY,
        )
    with pytest.raises(Refused) as ended:
        actions.end_appointment(by=town, appointment=head, on=TODAY - DAY)
    assert begun.value.code == ended.value.code == "in_past"
    assert begun.value.field == "valid_from"
    # on the command line what was entered late is put right
    actions.appoint(
        user=somebody(), unit=small.lane_two, post=small.posts["lane_head"], valid_from=TODAY - 30 * DAY
    )


def test_a_deputy_stands_in_for_somebody(small: Small, town: Actor) -> None:
    post = small.posts["lane_head"]
    with pytest.raises(Refused) as refused:
        actions.appoint(
            by=town, user=somebody(), unit=small.lane, post=post, valid_from=TODAY, standing=Standing.DEPUTY
        )
    assert refused.value.code == "no_holder"
    small.seat("lane_head", small.lane)
    deputy = actions.appoint(
        by=town, user=somebody(), unit=small.lane, post=post, valid_from=TODAY, standing=Standing.DEPUTY
    )
    assert deputy.standing == Standing.DEPUTY


def test_two_heads_of_one_lane_overlapping_dates_and_an_ended_unit_are_refused(
    small: Small, town: Actor
) -> None:
    post = small.posts["lane_head"]
    head = small.seat("lane_head", small.lane, "姚建国", until=TODAY + 10 * DAY)
    Unit.objects.filter(pk=small.lane_two.pk).update(valid_to=TODAY + 5 * DAY)
    new = somebody()
    for unit, wanted, since, until, code in (
        (small.lane, new, TODAY, None, "post_taken"),
        (small.lane, new, TODAY + 9 * DAY, None, "post_taken"),
        (small.lane, head.user, TODAY + 2 * DAY, TODAY + 3 * DAY, "appointed_already"),
        (small.lane, new, TODAY + 20 * DAY, TODAY + 20 * DAY, "dates"),
        (small.lane, new, TODAY + 20 * DAY, TODAY + 10 * DAY, "dates"),
        (small.lane_two, new, TODAY + 5 * DAY, None, "unit_ended"),
        (small.grid, new, TODAY, None, "level"),
    ):
        with pytest.raises(Refused) as refused:
            actions.appoint(by=town, user=wanted, unit=unit, post=post, valid_from=since, valid_to=until)
        assert refused.value.code == code
    next_one = actions.appoint(by=town, user=new, unit=small.lane, post=post, valid_from=TODAY + 10 * DAY)
    assert next_one.valid_to is None


def test_somebody_of_another_territory_is_unknown(small: Small, town: Actor) -> None:
    elsewhere = make_county("61/08/31/", "子洲县", west=112.0)
    stranger = elsewhere.seat("lane_head", elsewhere.lane).user
    with pytest.raises(Refused) as refused:
        actions.appoint(
            by=town, user=stranger, unit=small.lane, post=small.posts["lane_head"], valid_from=TODAY
        )
    assert refused.value.code == "not_found"


def test_a_post_that_has_not_begun_is_taken_back(small: Small, town: Actor) -> None:
    future = actions.appoint(
        by=town, user=somebody(), unit=small.lane, post=small.posts["lane_head"], valid_from=TODAY + 9 * DAY
    )
    actions.end_appointment(by=town, appointment=future, on=TODAY)
    assert not Appointment.objects.filter(unit=small.lane).exists()
    assert history(small.lane.pk)[-1].kind == "end_appointment"


def test_off_board_today_ends_posts_nights_links_and_the_account(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    user, now = head.user, clock.now()
    small.seat("grid_head", small.grid, user=user, until=TODAY + 3 * DAY)
    later = small.seat("lane_head", small.lane_two, user=user, since=TODAY + 5 * DAY)
    issue_enrolment(user=user, issued_by=None, now=now)
    Device.objects.create(
        user=user, label="旧手机", key_digest=b"1" * 32, pin="!", enrolled_at=now, seen_on=TODAY
    )
    actions.set_on_call(
        unit=small.lane, post=small.posts["lane_head"], user=user, starts=now, ends=now + DAY, nights=2
    )
    preview = actions.preview_leaving(by=town, user=user, on=TODAY)
    assert len(preview.posts) == 3
    assert [line.count for line in preview.lines][-3:] == [2, 1, 1]
    actions.off_board(by=town, user=user, on=TODAY)
    user.refresh_from_db()
    assert not user.is_active
    assert not user.has_usable_password()
    assert actor_for(user, at=clock.now()).held == ()
    assert not OnCall.objects.filter(user=user, ended_at=None).exists()
    assert not Device.objects.filter(user=user, revoked_at=None).exists()
    assert not Enrolment.objects.filter(user=user, revoked_at=None).exists()
    assert not Appointment.objects.filter(pk=later.pk).exists()  # it would never begin
    for unit in (small.lane, small.lane_two, small.grid):
        event = history(unit.pk)[-1]
        assert event.kind == "end_appointment"
        assert event.authority == f"appointment:{town.held[0].appointment_id}"
    with pytest.raises(Refused) as again:
        actions.off_board(by=town, user=user, on=TODAY)
    assert again.value.code == "no_posts"


def test_off_board_on_a_later_day_happens_on_that_day(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane)
    on = TODAY + 3 * DAY
    actions.off_board(by=town, user=head.user, on=on)
    head.refresh_from_db()
    assert head.valid_to == on
    assert head.user.is_active
    waiting = OutboxMessage.objects.get(topic=actions.LEAVE)
    assert day_of(waiting.available_at) == on
    outbox.work_once(clock.now())
    head.user.refresh_from_db()
    assert head.user.is_active  # not before its day
    actions.let_go(head.user_id, on, waiting.available_at, close=True)
    head.user.refresh_from_db()
    assert not head.user.is_active


def test_whoever_was_appointed_again_meanwhile_keeps_the_account(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane)
    on = TODAY + 3 * DAY
    actions.off_board(by=town, user=head.user, on=on)
    actions.appoint(
        by=town, user=head.user, unit=small.lane_two, post=small.posts["lane_head"], valid_from=on
    )
    actions.let_go(head.user_id, on, clock.now() + 3 * DAY, close=True)
    assert User.objects.get(pk=head.user_id).is_active


def test_whoever_left_and_is_appointed_again_gets_the_account_back(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane)
    actions.off_board(by=town, user=head.user, on=TODAY)
    back = User.objects.get(pk=head.user_id)
    actions.appoint(by=town, user=back, unit=small.lane, post=small.posts["lane_head"], valid_from=TODAY)
    assert User.objects.get(pk=head.user_id).is_active


def test_off_board_is_refused_where_one_post_is_not_the_actors_to_end(small: Small, town: Actor) -> None:
    head = small.seat("lane_head", small.lane)
    small.seat("town_head", small.town, user=head.user)
    with pytest.raises(Refused, match="横水镇") as refused:
        actions.off_board(by=town, user=head.user, on=TODAY)
    assert refused.value.code == "not_permitted"
    assert Appointment.objects.filter(user=head.user, valid_to=None).count() == 2


def test_duty_number_is_a_telephone_and_can_be_taken_away(small: Small, town: Actor) -> None:
    post = small.posts["lane_head"]
    with pytest.raises(Refused) as refused:
        actions.set_duty_number(by=town, unit=small.lane, post=post, phone="问村委会")
    assert refused.value.code == "phone"
    with pytest.raises(Refused) as level:
        actions.set_duty_number(by=town, unit=small.grid, post=post, phone="6520001")
    assert level.value.code == "level"
    actions.set_duty_number(by=town, unit=small.lane, post=post, phone="0359-6520001")
    assert actions.set_duty_number(by=town, unit=small.lane, post=post, phone="") is None
    assert not small.lane.duty_numbers.exists()
