"""Ways round a rule of the administration, two administrators at once, and days that no calendar has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from xiangli.accounts.models import Enrolment, User
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory.actions import Named
from xiangli.territory.models import Appointment, Unit
from xiangli.territory.queries import Actor, actor_for
from xiangli.territory.rules import day_of
from xiangli.territory.tests.factories import SINCE, Small, make_county

TODAY = day_of(clock.now())
DAY = timedelta(days=1)
NONSENSE = (
    *("", " ", "\0", "a\0b", "²", "-1", "1e400", "NaN", "9" * 5000, "2026-02-30", "0001-01-01", "9999-12-31"),
    *("0001-01-01T00:00", "9999-12-31T23:59", "' OR 1=1 --", "<b>", "街" * 3000, "x\n", "00000000-0000-0000-0000-000000000000"),
)  # fmt: skip


@pytest.fixture
def small(db: None) -> Small:
    return make_county()


def acting(appointment: Appointment) -> Actor:
    return actor_for(appointment.user, at=clock.now())


def refused(code: str, call: Callable[..., object], **values: Any) -> None:
    with pytest.raises(Refused) as caught:
        call(**values)
    assert caught.value.code == code


def open_links(user: User) -> int:
    return Enrolment.objects.filter(user=user, used_at=None, revoked_at=None).count()


# --- rights


def test_an_administrator_does_not_roster_oneself_into_rights_one_lacks(small: Small) -> None:
    admin, desk = small.seat("town_admin", small.town), small.seat("town_desk", small.town)
    by, now = acting(admin), clock.now()
    night: dict[str, Any] = {
        "unit": small.town,
        "post": small.posts["town_desk"],
        "starts": now,
        "ends": now + DAY,
    }
    refused("own_on_call", actions.set_on_call, by=by, user=admin.user, **night)
    assert not acting(admin).may("reveal_contact", small.town.path)
    actions.set_on_call(by=by, user=desk.user, **night)
    # what one may do anyway, one may also be on call for
    director = small.seat("village_director", small.village)
    night |= {"unit": small.village, "post": small.posts["village_clerk"]}
    assert actions.set_on_call(by=acting(director), user=director.user, **night)


def test_no_link_into_the_account_of_somebody_on_call_higher_up(small: Small) -> None:
    director, head = small.seat("village_director", small.village), small.seat("lane_head", small.lane)
    by, now = acting(director), clock.now()
    actions.issue_enrolment(by=by, user_id=head.user_id, now=now)
    assert open_links(head.user) == 1
    actions.set_on_call(
        unit=small.town, post=small.posts["town_desk"], user=head.user, starts=now, ends=now + DAY
    )
    assert open_links(head.user) == 0, "the link would lead to the town's desk"
    refused("not_permitted", actions.issue_enrolment, by=by, user_id=head.user_id, now=now)
    with clock.set_to(now + 2 * DAY):
        actions.issue_enrolment(by=by, user_id=head.user_id, now=now + 2 * DAY)


def test_a_link_ends_when_its_person_is_given_a_post_at_the_level_of_whoever_made_it(small: Small) -> None:
    director, head = small.seat("village_director", small.village), small.seat("lane_head", small.lane)
    actions.issue_enrolment(by=acting(director), user_id=head.user_id, now=clock.now())
    small.seat("grid_head", small.grid, user=head.user)
    assert open_links(head.user) == 1, "still below whoever made it"
    small.seat("town_desk", small.town, user=head.user)
    assert open_links(head.user) == 0


# --- changes that are yet to come


def test_whoever_is_taken_out_before_a_merge_does_not_come_back_with_it(small: Small) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    by = acting(small.seat("town_admin", small.town))
    for name, days in (("横水村委会", 9), ("横水新村委会", 18)):  # two changes, one after the other
        village = Unit.objects.filter(parent=small.town, valid_to=None).get()
        with clock.set_to(clock.now() + (days - 9) * DAY):
            actions.merge_units(by=by, units=[village], on=TODAY + days * DAY, into=Named(name))
    assert Appointment.objects.filter(user=head.user).count() == 3
    actions.end_appointment(by=by, appointment=head, on=TODAY + DAY)
    (left,) = Appointment.objects.filter(user=head.user)
    assert (left.pk, left.valid_to) == (head.pk, TODAY + DAY)


def test_nothing_is_opened_under_a_unit_whose_end_is_written(small: Small) -> None:
    actions.merge_units(units=[small.village], on=TODAY + 9 * DAY, into=Named("横水村委会"))
    lane: dict[str, Any] = {
        "parent": small.grid,
        "level": small.levels["lane"],
        "name": "三巷",
        "valid_from": TODAY,
    }
    refused("parent_ends", actions.open_unit, **lane)
    assert not Unit.objects.filter(name="三巷").exists()


# --- at once


def at_once(first: Callable[[], object], second: Callable[[], object]) -> list[Exception | None]:
    """`first` does its work and waits; `second` comes meanwhile; then the first one is stored."""
    done, go, faults = Event(), Event(), [None, None]  # type: tuple[Event, Event, list[Exception | None]]

    def run(number: int, work: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                work()
                if number == 0:
                    done.set()
                    go.wait(10)
        except Exception as fault:
            faults[number] = fault
        finally:
            done.set()
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate((first, second))]
    threads[0].start()
    assert done.wait(10)
    threads[1].start()
    threads[1].join(0.7)  # it waits for the first one's locks
    assert threads[1].is_alive()
    go.set()
    for thread in threads:
        thread.join(20)
    return faults


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_is_opened_while_its_village_is_merged_goes_along() -> None:
    small = make_county()
    lane: dict[str, Any] = {
        "parent": small.grid,
        "level": small.levels["lane"],
        "name": "三巷",
        "valid_from": SINCE,
    }
    faults = at_once(
        lambda: actions.open_unit(**lane),
        lambda: actions.merge_units(units=[small.village], on=TODAY, into=Named("横水村委会")),
    )
    assert faults == [None, None]
    old, new = Unit.objects.filter(short_name="三巷").order_by("path")
    assert (old.valid_to, new.valid_from, new.valid_to) == (TODAY, TODAY, None)
    assert new.parent is not None
    assert new.parent.valid_to is None


@pytest.mark.django_db(transaction=True)
def test_whoever_leaves_while_their_village_is_merged_is_gone_from_the_new_one_too() -> None:
    small = make_county()
    head = small.seat("lane_head", small.lane)
    faults = at_once(
        lambda: actions.merge_units(units=[small.village], on=TODAY, into=Named("横水村委会")),
        lambda: actions.off_board(user=head.user, on=TODAY),
    )
    assert faults == [None, None]
    assert not Appointment.objects.filter(user=head.user, valid_to=None).exists()
    assert not User.objects.get(pk=head.user_id).is_active


@pytest.mark.django_db(transaction=True)
def test_whoever_is_appointed_while_they_leave_keeps_their_account() -> None:
    small = make_county()
    head = small.seat("lane_head", small.lane)
    faults = at_once(
        lambda: actions.off_board(user=head.user, on=TODAY),
        lambda: actions.appoint(
            user=head.user, unit=small.grid, post=small.posts["grid_head"], valid_from=TODAY
        ),
    )
    assert faults == [None, None]
    assert User.objects.get(pk=head.user_id).is_active


# --- nonsense


@pytest.mark.parametrize(
    "nonsense",
    [("a\0b", "²", "9" * 5000, "0001-01-01T00:00"), pytest.param(NONSENSE, marks=pytest.mark.long)],
)
def test_no_form_of_the_administration_is_broken_by_nonsense(small: Small, nonsense: tuple[str, ...]) -> None:
    person = small.seat("county_admin", small.county).user
    User.objects.filter(pk=person.pk).update(require_second_factor=False)
    head = small.seat("lane_head", small.lane)
    client = Client()
    client.force_login(person)
    lane, village = small.lane.pk, small.village.pk
    day, called = "2099-01-01", {"name": "名", "short_name": "", "name_en": "", "code": ""}
    post = {
        "name": "岗",
        "name_en": "",
        "order": "5",
        "on_plate": "",
        "duties": "close",
        "permissions": "take_case",
    }
    pages: list[tuple[str, list[object], dict[str, str]]] = [
        ("open_unit", [small.grid.pk], called | {"level": str(small.levels["lane"].pk), "since": day}),
        ("rename_unit", [lane], called | {"on": TODAY.isoformat()}),
        ("merge_units", [], called | {"unit": str(lane), "into": "new", "on": day, "step": "", "typed": "", "seen": ""}),
        ("split_unit", [village], {"parts": "2", "on": day, "name_0": "甲", "code_0": "", f"goes_{small.grid.pk}": "0"}),
        ("end_unit", [lane], {"successors": str(small.lane_two.pk), "on": day}),
        ("appoint", [small.lane_two.pk, small.posts["lane_head"].pk], {
            "name": "新", "username": "", "standing": "holder", "since": day, "until": "", "who": "",
        }),
        ("end_appointment", [head.pk], {"last": day}),
        ("record_absence", [head.pk], {"starts": "2099-01-01T08:00", "ends": "2099-01-02T08:00"}),
        ("set_duty_number", [lane, small.posts["lane_head"].pk], {"phone": "12345"}),
        ("off_board", [head.user_id], {"last": day, "close": "on"}),
        ("set_on_call", [], {"seat": "x:y", "user": str(head.user_id), "starts": "", "ends": "", "nights": "1"}),
        ("edit_post", [small.posts["lane_head"].pk], post),
        ("add_post", [], post | {"code": "warden", "levels": "lane", "several": ""}),
        ("edit_level", [small.levels["lane"].pk], {"name": "巷", "name_en": "", "has_plate": "on"}),
        ("add_level", [small.levels["lane"].pk], {"name": "院", "name_en": "", "has_plate": "", "code": "yard"}),
    ]  # fmt: skip
    for name, args, whole in pages:
        address = reverse(f"territory:{name}", args=args)
        for field in whole:
            for typed in nonsense:
                with transaction.atomic():
                    answer = client.post(address, whole | {field: typed})
                    transaction.set_rollback(True)
                assert answer.status_code < 500, (name, field, typed[:20])
    for name, field in (("people", "q"), ("find_seats", "q"), ("find_seats", "person"), ("enrol_people", "q"),
                        ("people", "cursor"), ("merge_units", "unit"), ("split_unit", "parts")):  # fmt: skip
        address = reverse(f"territory:{name}", args=[village] if name == "split_unit" else [])
        for typed in nonsense:
            assert client.get(address, {field: typed}).status_code < 500, (name, field, typed[:20])
    for name in (
        "show_unit",
        "rename_unit",
        "split_unit",
        "end_unit",
        "open_unit",
        "person",
        "off_board",
        "seats",
    ):
        assert client.get(reverse(f"territory:{name}", args=[new_id()])).status_code in (403, 404), name


def test_a_day_that_no_calendar_has_is_a_slip_of_the_finger(small: Small) -> None:
    admin = small.seat("town_admin", small.town).user
    client = Client()
    client.force_login(admin)
    head = small.seat("lane_head", small.lane)
    address = reverse("territory:end_appointment", args=[head.pk])
    answer = client.post(address, {"last": "9999-12-31"})
    assert answer.status_code == 400
    assert "年份" in answer.content.decode()
    assert Appointment.objects.get(pk=head.pk).valid_to is None
    assert client.post(address, {"last": "2099-12-31"}).status_code == 302
    assert Appointment.objects.get(pk=head.pk).valid_to == date(2100, 1, 1)


def test_the_first_day_without_somebody_begins_at_the_county_s_midnight(small: Small) -> None:
    """The last evening in UTC is the next morning there."""
    head = small.seat("lane_head", small.lane)
    evening = datetime(2026, 11, 29, 15, 59, tzinfo=UTC)  # 23:59 in the county
    with clock.set_to(evening):
        actions.end_appointment(appointment=head, on=date(2026, 11, 30))
        assert actor_for(head.user, at=evening).held
        assert not actor_for(head.user, at=evening + timedelta(minutes=1)).held
