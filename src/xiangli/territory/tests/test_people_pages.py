"""Pages of an administrator of people: what they show, what they refuse, and how many statements they take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.territory.models import Absence, Appointment, DutyNumber, Standing, Unit
from xiangli.territory.rules import day_of
from xiangli.territory.tests.factories import Small, make_county

DAY = timedelta(days=1)
TODAY = day_of(clock.now())


@pytest.fixture
def small(db: None) -> Small:
    small = make_county()
    # lanes and grids are spoken of by the village, which has its statutory code
    Unit.objects.filter(pk=small.village.pk).update(code="140826101200")
    return small


@pytest.fixture
def town(small: Small) -> Client:
    return signed_in(small.seat("town_desk", small.town, "乡镇值班台").user)


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(require_second_factor=False)
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def where(name: str, *args: Any) -> str:
    return reverse(f"territory:{name}", args=args)


def test_people_are_listed_by_name_within_the_territory(small: Small, town: Client) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    other = make_county("61/08/31/", "子洲县", west=112.0)
    other.seat("lane_head", other.lane, "姚外人")
    page = text(town.get(where("people"), {"q": "姚"}))
    assert "姚建国" in page
    assert "姚外人" not in page
    assert "没有找到这个姓名" in text(town.get(where("people"), {"q": "没有的人"}))


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_take_the_same_statements_for_one_and_for_three(
    small: Small, rows: int, django_assert_num_queries: Any
) -> None:
    desk = small.seat("village_director", small.village, "主任")
    client = signed_in(desk.user)
    for number in range(rows):
        small.seat("grid_worker", small.grid, f"网格员{number}")
    client.get(where("people"))
    for address, statements in (
        (where("people"), 6),
        (where("find_seats"), 5),
        (where("seats", small.grid.pk), 8),
    ):
        with django_assert_num_queries(statements):
            assert client.get(address).status_code == 200


def test_a_vacant_seat_is_loud_and_an_appointment_fills_it(small: Small, town: Client) -> None:
    page = text(town.get(where("seats", small.lane.pk)))
    assert "有 1 个岗位空着" in page
    post = small.posts["lane_head"]
    answer = town.post(
        where("appoint", small.lane.pk, post.pk),
        {"name": "姚建国", "standing": "holder", "since": TODAY.isoformat(), "until": ""},
    )
    made = Appointment.objects.get(unit=small.lane)
    assert answer.headers["Location"] == where("person", made.user_id)
    assert (made.user.display_name, made.valid_from, made.valid_to) == ("姚建国", TODAY, None)
    assert "岗位空着" not in text(town.get(where("seats", small.lane.pk)))


def test_whoever_bears_the_name_already_is_asked_about(small: Small, town: Client) -> None:
    known = small.seat("lane_head", small.lane, "姚建国").user
    post = small.posts["lane_head"]
    typed = {"name": "姚建国", "standing": "holder", "since": TODAY.isoformat()}
    answer = town.post(where("appoint", small.lane_two.pk, post.pk), typed)
    assert answer.status_code == 400
    assert "姚建国（横北村 一巷 街巷长）" in text(answer)
    assert User.objects.filter(display_name="姚建国").count() == 1
    town.post(where("appoint", small.lane_two.pk, post.pk), {**typed, "who": str(known.pk)})
    assert Appointment.objects.get(unit=small.lane_two).user == known
    worker = small.posts["grid_worker"]
    town.post(where("appoint", small.grid.pk, worker.pk), {**typed, "who": "new"})
    assert User.objects.filter(display_name="姚建国").count() == 2


def test_a_refused_appointment_leaves_nobody_behind(small: Small, town: Client) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    before = User.objects.count()
    answer = town.post(
        where("appoint", small.lane.pk, small.posts["lane_head"].pk),
        {"name": "新来的", "standing": "holder", "since": TODAY.isoformat()},
    )
    assert answer.status_code == 400
    assert "由姚建国担任" in text(answer)
    assert User.objects.count() == before


def test_appoint_in_the_past_says_so_beside_the_day(small: Small, town: Client) -> None:
    answer = town.post(
        where("appoint", small.lane.pk, small.posts["lane_head"].pk),
        {"name": "新来的", "standing": "holder", "since": (TODAY - DAY).isoformat()},
    )
    assert answer.status_code == 400
    assert "已经过去了" in answer.context["form"].errors["since"][0]


def test_a_deputy_is_appointed_for_somebody_who_is_there(small: Small, town: Client) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    address = where("appoint", small.lane.pk, small.posts["lane_head"].pk)
    page = town.get(address, {"standing": "deputy"})
    assert page.context["form"].initial["standing"] == "deputy"
    town.post(address, {"name": "代理人", "standing": "deputy", "since": TODAY.isoformat()})
    assert Appointment.objects.get(unit=small.lane, standing=Standing.DEPUTY).user.display_name == "代理人"


def test_posts_of_ones_own_unit_are_not_offered(small: Small, town: Client) -> None:
    page = text(town.get(where("seats", small.town.pk)))
    assert "由上一级任命" in page
    assert where("appoint", small.town.pk, small.posts["town_head"].pk) not in page
    answer = town.get(where("appoint", small.town.pk, small.posts["town_head"].pk))
    assert answer.status_code == 403


def test_whoever_appoints_nobody_is_led_nowhere(small: Small) -> None:
    head = signed_in(small.seat("lane_head", small.lane).user)
    for address in (where("people"), where("find_seats"), where("seats", small.lane.pk)):
        assert head.get(address).status_code == 403


def test_somebody_elses_units_and_people_are_not_there(small: Small, town: Client) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    theirs = other.seat("lane_head", other.lane)
    for address in (
        where("person", theirs.user_id),
        where("off_board", theirs.user_id),
        where("seats", other.lane.pk),
        where("appoint", other.lane.pk, other.posts["lane_head"].pk),
        where("set_duty_number", other.lane.pk, other.posts["lane_head"].pk),
        where("end_appointment", theirs.pk),
        where("record_absence", theirs.pk),
    ):
        assert town.get(address).status_code == 404


def test_absence_is_recorded_and_ended(small: Small, town: Client) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    address = where("record_absence", head.pk)
    assert "这个岗位没有代理" in text(town.get(address))
    now = clock.now()
    town.post(address, {"starts": "2026-01-01T08:00", "ends": ""})
    absence = Absence.objects.get()
    assert absence.ends is None
    page = text(town.get(where("person", head.user_id)))
    assert "外出" in page
    town.post(where("end_absence", absence.pk))
    assert Absence.objects.filter(ends__gte=now).exists()
    assert "结束时间须晚于开始时间" in text(
        town.post(address, {"starts": "2030-01-02T08:00", "ends": "2030-01-01T08:00"})
    )


def test_duty_number_stands_by_the_seat(small: Small, town: Client) -> None:
    address = where("set_duty_number", small.lane.pk, small.posts["lane_head"].pk)
    assert town.post(address, {"phone": "找村长"}).status_code == 400
    town.post(address, {"phone": "0359-6520001"})
    assert DutyNumber.objects.get().phone == "0359-6520001"
    assert "0359-6520001" in text(town.get(where("seats", small.lane.pk)))


def test_leaving_is_shown_before_it_is_done(small: Small, town: Client) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    address = where("off_board", head.user_id)
    last = (TODAY - DAY).isoformat()
    preview = text(town.get(address, {"last": last, "close": "on"}))
    assert "会动到什么" in preview
    assert "横北村 一巷" in preview
    assert Appointment.objects.get(pk=head.pk).valid_to is None
    town.post(address, {"last": last, "close": "on"})
    assert Appointment.objects.get(pk=head.pk).valid_to == TODAY
    assert not User.objects.get(pk=head.user_id).is_active
    gone = text(town.get(where("people"), {"left": "1"}))
    assert "姚建国" in gone
    assert town.get(address, {"last": last}).status_code == 403  # nothing left to end


def test_end_appointment_by_its_last_day(small: Small, town: Client) -> None:
    head = small.seat("lane_head", small.lane, "姚建国")
    address = where("end_appointment", head.pk)
    assert town.post(address, {"last": (TODAY - 5 * DAY).isoformat()}).status_code == 400
    town.post(address, {"last": (TODAY + 5 * DAY).isoformat()})
    assert Appointment.objects.get(pk=head.pk).valid_to == TODAY + 6 * DAY
