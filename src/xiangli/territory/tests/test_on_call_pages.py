"""The pages of the roster."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.territory import queries
from xiangli.territory.actions import end_appointment, open_organ, set_on_call
from xiangli.territory.models import Appointment, County, OnCall, Unit
from xiangli.territory.queries import actor_for
from xiangli.territory.tests.factories import SINCE, Small, make_county

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)  # 14:00 in the counties
NIGHT = NOW + timedelta(hours=8)  # 22:00
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xiangli.kernel.clock.now", lambda: NOW)


@pytest.fixture
def small() -> Small:
    return make_county()


@pytest.fixture
def director(small: Small) -> User:
    return small.seat("village_director", small.village, "主任").user


def at_work(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def night(small: Small, user: User, code: str, unit: Unit, *, after: float = 0, hours: float = 9) -> OnCall:
    (entry,) = set_on_call(
        unit=unit,
        post=small.posts[code],
        user=user,
        starts=NIGHT + after * HOUR,
        ends=NIGHT + (after + hours) * HOUR,
    )
    return entry


def form(small: Small, user: User, **more: str) -> dict[str, str]:
    seat = f"{small.village.pk}:{small.posts['village_director'].pk}"
    return {
        "seat": seat,
        "user": str(user.pk),
        "starts": "2026-11-20T22:00",
        "ends": "2026-11-21T07:00",
        "nights": "1",
        **more,
    }


# the list


def test_on_call_is_loud_while_nobody_is_there_tonight(small: Small, director: User) -> None:
    client = at_work(director)
    page = client.get("/on-call/").content.decode()
    assert "横北村 今晚没有人值班" in page
    assert 'role="alert"' in page
    assert "今后 14 天还没有排班" in page

    night(small, director, "village_director", small.village, hours=4)
    page = client.get("/on-call/").content.decode()
    assert "横北村 今晚有一段没有人值班" in page
    assert "明天 02:00" in page

    night(small, director, "village_clerk", small.village, after=4, hours=5)
    page = client.get("/on-call/").content.decode()
    assert 'role="alert"' not in page
    assert "横北村 今晚值班：主任" in page


def test_on_call_goes_by_the_countys_own_night(small: Small, director: User) -> None:
    actor = actor_for(director, at=NOW)
    for hours, starts, ends in (
        ("20:00-06:00", 6, 16),
        ("", 8, 17),  # it keeps no quiet hours: a night all the same
        ("不知道", 8, 17),
    ):
        County.objects.update(quiet_hours=hours)
        (tonight,) = queries.nights(actor, at=NOW)
        assert (tonight.starts, tonight.ends) == (NOW + starts * HOUR, NOW + ends * HOUR)


def test_on_call_counts_nobody_who_has_no_post_left(small: Small, director: User) -> None:
    leaver = small.seat("grid_worker", small.grid, "要走的人")
    night(small, leaver.user, "village_director", small.village)
    assert "今晚值班：要走的人" in at_work(director).get("/on-call/").content.decode()
    end_appointment(appointment=leaver, on=NOW.date())
    page = at_work(director).get("/on-call/").content.decode()
    assert "横北村 今晚没有人值班" in page
    assert "已没有岗位，不算值班" in page


def test_on_call_lists_ones_own_units_those_above_and_oneself(small: Small, director: User) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    workers = {
        name: small.seat("grid_worker", small.grid, name).user for name in ("村里", "镇上", "县里", "巷里")
    }
    stranger = other.seat("grid_worker", other.grid, "别县").user
    night(small, workers["村里"], "village_director", small.village)
    night(small, workers["镇上"], "town_desk", small.town)
    night(small, workers["县里"], "county_desk", small.county)
    night(small, workers["巷里"], "lane_head", small.lane)
    night(small, director, "lane_head", small.lane_two)
    night(other, stranger, "village_director", other.village)
    far = night(small, workers["村里"], "village_director", small.village, after=24 * 15)
    actor = actor_for(director, at=NOW)

    def names(*, below: bool) -> set[str]:
        return {shift.name for shift in queries.roster(actor, at=NOW, below=below)[0]}

    assert names(below=False) == {"村里", "镇上", "县里", "主任"}
    assert names(below=True) == {"村里", "镇上", "县里", "主任", "巷里"}
    shifts = queries.roster(actor, at=NOW, below=True)[0]
    assert far.pk not in {shift.id for shift in shifts}
    assert {shift.name for shift in shifts if shift.removable} == {"村里", "主任", "巷里"}
    assert {shift.name for shift in shifts if shift.mine} == {"主任"}


def test_on_call_is_for_people_in_a_post(small: Small) -> None:
    nobody = User.objects.create_user(display_name="路人")
    assert at_work(nobody).get("/on-call/").status_code == 403
    assert Client().get("/on-call/").status_code == 302
    head = small.seat("lane_head", small.lane).user
    page = at_work(head).get("/on-call/")
    assert page.status_code == 200
    assert "/on-call/new/" not in page.content.decode()
    assert at_work(head).get("/on-call/new/").status_code == 403


@pytest.mark.parametrize("rows", [1, 3, 60])
def test_on_call_costs_the_same_whatever_the_rows(
    small: Small, director: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for hour in range(rows):
        night(small, director, "village_director", small.village, after=hour, hours=1)
    client = at_work(director)
    client.get("/on-call/")
    # session, user, actor, unread notices, roster, nights (two)
    with django_assert_num_queries(7):
        page = client.get("/on-call/?below=1").content.decode()
    assert page.count("/end/") == min(rows, 50)
    assert ("下一页" in page) == (rows > 50)


# putting on call


def test_set_on_call_by_the_form(small: Small, director: User) -> None:
    worker = small.seat("grid_worker", small.grid, "李四").user
    client = at_work(director)
    page = client.get("/on-call/new/").content.decode()
    assert 'value="2026-11-20T22:00"' in page  # the county's night
    assert "李四（第一网格 网格员）" in page
    done = client.post("/on-call/new/", form(small, worker, nights="2"), follow=True)
    assert "已排班：李四，横北村，今天 22:00 到 明天 07:00，连排 2 晚。" in done.content.decode()
    assert [(entry.starts, entry.user) for entry in OnCall.objects.order_by("starts")] == [
        (NIGHT, worker),
        (NIGHT + 24 * HOUR, worker),
    ]


def test_set_on_call_offers_ones_own_units_and_those_right_below(small: Small, director: User) -> None:
    small.seat("lane_head", small.lane, "巷长")
    small.seat("town_desk", small.town, "乡镇")
    choices = queries.on_call_choices(actor_for(director, at=NOW), at=NOW)
    assert [place for place, _seats in choices.seats] == ["绛县 横北村", "绛县 第一网格"]
    village = [label for _value, label in choices.seats[0][1]]
    assert "绛县 横北村 · 村文书" in village
    assert not any("法律顾问" in label for label in village)  # takes no case
    assert [label for _value, label in choices.people] == ["主任（横北村 村党支部书记、村委会主任）"]
    organ = open_organ(county=small.county, name="水务局", valid_from=SINCE)
    small.seat("organ_desk", organ, "经办")
    county = small.seat("county_desk", small.county, "县里").user
    wide = queries.on_call_choices(actor_for(county, at=NOW), at=NOW)
    assert [place for place, _seats in wide.seats] == ["绛县", "绛县 横水镇", "绛县 水务局"]
    offered = {label for _place, seats in wide.seats for _value, label in seats}
    assert not any("效能监督" in label or "乡镇长" in label for label in offered)  # complaints only
    assert {label.split("（")[0] for _value, label in wide.people} == {"县里", "乡镇", "经办"}


def test_set_on_call_says_what_is_wrong_and_keeps_what_was_typed(small: Small, director: User) -> None:
    stranger = small.seat("town_desk", small.town, "乡镇").user
    client = at_work(director)
    outside = f"{small.town.pk}:{small.posts['town_desk'].pk}"
    for typed, said in (
        ({}, "请选一个岗位"),
        (form(small, director, starts="晚上"), "这样的日期和时间"),
        (form(small, director, ends="2026-11-20T21:00"), "结束时间须晚于开始时间"),
        (form(small, director, starts="2026-11-19T22:00", ends="2026-11-20T07:00"), "已经过去"),
        (form(small, director, starts="2027-11-19T22:00", ends="2027-11-20T07:00"), "最多排到 31 天"),
        (form(small, director, nights="15"), "14"),
        (form(small, stranger), "从列出的人里选"),
        (form(small, director, seat=outside), "从列出的岗位里选"),
        (form(small, director, seat="x:y"), "从列出的岗位里选"),
    ):
        answer = client.post("/on-call/new/", typed)
        assert answer.status_code == 400, typed
        assert said in answer.content.decode(), typed
    assert 'value="x:y"' not in answer.content.decode()
    assert not OnCall.objects.exists()
    client.post("/on-call/new/", form(small, director))
    twice = client.post("/on-call/new/", form(small, director))
    assert twice.status_code == 400
    assert "已经排了这个班" in twice.content.decode()


@pytest.mark.parametrize("people", [1, 3])
def test_set_on_call_costs_the_same_whatever_the_people(
    small: Small, director: User, people: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(people):
        small.seat("grid_worker", small.grid)
    client = at_work(director)
    client.get("/on-call/new/")
    with django_assert_num_queries(7):
        client.get("/on-call/new/")


# taking off


def test_end_on_call_asks_first(small: Small, director: User) -> None:
    worker = small.seat("grid_worker", small.grid, "李四").user
    entry = night(small, worker, "village_director", small.village)
    client = at_work(director)
    page = client.get(f"/on-call/{entry.pk}/end/").content.decode()
    assert "李四，绛县 横北村 村党支部书记、村委会主任" in page
    entry.refresh_from_db()
    assert entry.ended_at is None
    done = client.post(f"/on-call/{entry.pk}/end/", follow=True)
    assert "已取消李四的这个班。" in done.content.decode()
    entry.refresh_from_db()
    assert entry.ended_at == NOW
    assert client.post(f"/on-call/{entry.pk}/end/").status_code == 404


def test_end_on_call_elsewhere_is_as_if_it_were_not_there(small: Small, director: User) -> None:
    worker = small.seat("grid_worker", small.grid).user
    head = small.seat("lane_head", small.lane).user
    town = night(small, worker, "town_desk", small.town)
    lane = night(small, worker, "lane_head", small.lane)
    for user, entry in ((director, town), (head, lane), (worker, lane)):
        client = at_work(user)
        assert client.get(f"/on-call/{entry.pk}/end/").status_code == 404
        assert client.post(f"/on-call/{entry.pk}/end/").status_code == 404
    assert not OnCall.objects.exclude(ended_at=None).exists()
    assert Appointment.objects.filter(user=worker).exists()
