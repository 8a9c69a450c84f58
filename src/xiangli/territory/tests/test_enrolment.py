"""Who hands out enrolment links, to whom, and who may not."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from xiangli.accounts.models import Enrolment, User
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.territory import actions, rules
from xiangli.territory.models import County, Level, Post, Unit
from xiangli.territory.rules import Actor, Held

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SINCE = date(2026, 1, 1)
PIN, PASSWORD = "482913", "lane-lamp-river-7"


class Place:
    """A county with one town, two villages, a grid and a lane in each."""

    def __init__(self) -> None:
        self.scheme = actions.load_preset("lanes")
        self.levels = {level.code: level for level in Level.objects.filter(scheme=self.scheme)}
        self.county = Unit(
            level=self.levels["county"], path="c/", name="县", short_name="县", valid_from=SINCE
        )
        self.county.county = self.county
        self.county.save()
        County.objects.create(
            unit=self.county, scheme=self.scheme, outside_organ="市效能办", outside_phone="12345"
        )
        self.town = self.unit("town", self.county, "01", "庙镇")
        self.village = self.unit("village", self.town, "01", "庙上村", code="1")
        self.other_village = self.unit("village", self.town, "02", "北姚村", code="2")
        self.grid = self.unit("grid", self.village, "01", "一网格")
        self.lane = self.unit("lane", self.grid, "01", "二巷")
        self.other_grid = self.unit("grid", self.other_village, "01", "一网格")

    def unit(self, level: str, parent: Unit, label: str, name: str, code: str = "") -> Unit:
        return Unit.objects.create(
            county=self.county,
            parent=parent,
            level=self.levels[level],
            path=f"{parent.path}{label}/",
            name=name,
            short_name=name,
            code=code,
            valid_from=SINCE,
        )

    def person(self, name: str, *posts: tuple[str, Unit], username: str | None = None) -> User:
        user = User.objects.create_user(
            display_name=name, username=username, password=PASSWORD if username else None
        )
        for code, unit in posts:
            self.appoint(user, code, unit)
        return user

    def appoint(self, user: User, code: str, unit: Unit, valid_from: date = SINCE) -> None:
        post = Post.objects.get(scheme=self.scheme, code=code)
        actions.appoint(user=user, unit=unit, post=post, valid_from=valid_from)


@pytest.fixture
def place(db: None, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("xiangli.kernel.clock.now", lambda: NOW)
    return Place()


def desk(place: Place, *posts: tuple[str, Unit], name: str = "李主任") -> Client:
    place.person(name, *posts, username="li")
    client = Client()
    assert client.post("/login/", {"login": "li", "password": PASSWORD}).status_code == 302
    return client


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda labels: "/".join(labels) + "/")


def held(path: str, *permissions: str) -> Held:
    return Held(
        new_id(),
        new_id(),
        "p",
        "p",
        new_id(),
        "u",
        path,
        new_id(),
        "l",
        1,
        frozenset(),
        frozenset(permissions),
    )


@given(st.lists(st.tuples(paths, st.booleans()), max_size=4), st.lists(paths, max_size=4))
def test_may_enrol_only_what_lies_wholly_below(posts: list[tuple[str, bool]], targets: list[str]) -> None:
    actor = Actor(
        new_id(),
        held=tuple(held(path, *([rules.ENROL_STAFF] if may else ["take_case"])) for path, may in posts),
    )
    allowed = rules.may_enrol(actor, targets)
    own = [path for path, may in posts if may]
    assert allowed == (
        bool(targets) and all(any(len(t) > len(o) and t.startswith(o) for o in own) for t in targets)
    )
    if allowed:
        assert not set(targets) & {min(own, key=len)}


def test_enrol_people_lists_those_below_and_nobody_else(place: Place) -> None:
    place.person("巷长甲", ("lane_head", place.lane))
    place.person("外村乙", ("grid_head", place.other_grid))
    place.person("镇长丙", ("town_head", place.town))
    page = desk(place, ("village_director", place.village)).get("/enrolments/").content.decode()
    assert "巷长甲" in page
    assert "庙上村 二巷" in page
    assert "外村乙" not in page
    assert "镇长丙" not in page
    assert "李主任" not in page


def test_enrol_people_is_closed_to_posts_without_the_permission(place: Place) -> None:
    assert desk(place, ("lane_head", place.lane)).get("/enrolments/").status_code == 403
    assert Client().get("/enrolments/")["Location"].startswith("/login/")


def test_enrol_people_finds_by_name(place: Place) -> None:
    place.person("巷长甲", ("lane_head", place.lane))
    place.person("网格长乙", ("grid_head", place.grid))
    client = desk(place, ("village_director", place.village))
    found = client.get("/enrolments/", {"q": "巷长"}).content.decode()
    assert "巷长甲" in found
    assert "网格长乙" not in found
    assert "没有找到" in client.get("/enrolments/", {"q": "无此人"}).content.decode()


def test_enrol_people_costs_the_same_for_one_row_and_thirty(place: Place) -> None:
    client = desk(place, ("village_director", place.village))
    counts = []
    for wanted in (1, 30):
        while User.objects.count() <= wanted:
            place.person(f"网格员{User.objects.count()}", ("grid_worker", place.grid))
        with CaptureQueriesContext(connection) as context:
            page = client.get("/enrolments/").content.decode()
        assert page.count("发新链接") == wanted
        counts.append(len(context.captured_queries))
    assert counts[0] == counts[1] <= 6


def test_issue_enrolment_shows_a_link_that_opens(place: Place) -> None:
    head = place.person("巷长甲", ("lane_head", place.lane))
    client = desk(place, ("village_clerk", place.village))
    answer = client.post(f"/enrolments/{head.pk}/")
    assert "no-store" in answer["Cache-Control"]
    link = re.search(r"http://127\.0\.0\.1:8000(/enrol/[\w-]{43}/)", answer.content.decode())
    assert link is not None
    phone = Client()
    assert "巷长甲" in phone.get(link[1]).content.decode()
    assert phone.post(link[1], {"pin": PIN, "pin_again": PIN}).status_code == 302
    assert "庙上村" not in phone.get("/enrolments/").content.decode()
    event = LedgerEvent.objects.get(kind="issue_enrolment")
    assert event.stream == place.lane.pk
    assert event.authority.startswith("appointment:")
    assert UUID(event.data["user"]) == head.pk
    assert "已绑定手机" in client.get("/enrolments/").content.decode()


def test_issue_enrolment_outside_the_territory_is_not_found(place: Place) -> None:
    stranger = place.person("外村乙", ("grid_head", place.other_grid))
    client = desk(place, ("village_director", place.village))
    assert client.post(f"/enrolments/{stranger.pk}/").status_code == 404
    assert client.post(f"/enrolments/{new_id()}/").status_code == 404
    assert not Enrolment.objects.exists()


@pytest.mark.parametrize("valid_from", [SINCE, date(2026, 12, 1)])
def test_issue_enrolment_never_leads_to_a_post_above_ones_own(place: Place, valid_from: date) -> None:
    """A clerk could open the link alone: it must not make a town head of a clerk, today or next month."""
    both = place.person("镇长丙", ("lane_head", place.lane))
    place.appoint(both, "town_head", place.town, valid_from)
    client = desk(place, ("village_director", place.village))
    assert client.post(f"/enrolments/{both.pk}/").status_code == 409
    assert not Enrolment.objects.exists()
    assert "由上一级发" in client.get("/enrolments/").content.decode()


def test_issue_enrolment_of_ones_own_level_is_the_next_levels_business(place: Place) -> None:
    clerk = place.person("文书丁", ("village_clerk", place.village))
    client = desk(place, ("village_director", place.village))
    assert client.post(f"/enrolments/{clerk.pk}/").status_code == 404


def test_issue_enrolment_asks_for_a_fresh_proof(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    head = place.person("巷长甲", ("lane_head", place.lane))
    client = desk(place, ("village_director", place.village))
    monkeypatch.setattr("xiangli.kernel.clock.now", lambda: NOW.replace(minute=6))
    assert client.post(f"/enrolments/{head.pk}/")["Location"].startswith("/reauth/")
    assert not Enrolment.objects.exists()
