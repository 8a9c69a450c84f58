"""The page of the county's list: what it shows, to whom, at what cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions
from xiangli.cases.queries import forget_routes
from xiangli.cases.tests.factories import SINCE, Place, an_act, make_place, make_report
from xiangli.cases.tests.test_routing import list_line, make_organ
from xiangli.territory.actions import appoint

pytestmark = pytest.mark.django_db

PAGE = 4 + 3  # session, person, posts and unread notices; counties, lines and counts


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_routes()
    yield
    forget_routes()


@pytest.fixture
def place() -> Place:
    return make_place()


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    client.get(reverse("cases:tasks"))  # the desk's stamp is written once a minute
    return client


def shown(client: Client, **query: str) -> str:
    response = client.get(reverse("cases:responsibilities"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_without_a_list_it_says_how_to_bring_one(place: Place) -> None:
    page = shown(signed_in(place, "village_director"))
    assert "本县还没有权责清单" in page
    assert "xiangli responsibilities import" in page


def test_it_shows_what_is_in_force_with_source_and_day_and_what_it_did(place: Place) -> None:
    organ = make_organ(place)
    list_line(place, "village_clerk")
    list_line(place, "organ_desk", code="traffic", organ=organ)
    reported = make_report(place.lane)
    make_report(place.lane2)
    seat = {"unit_id": place.lane.pk, "post_id": place.posts["lane_head"].pk}
    actions.assign_case(an_act(place.actor("town_desk"), reported, "巷长就在现场"), **seat)
    page = shown(signed_in(place, "county_desk"))
    for words in ("环境卫生", "街巷", "村文书", "绛县权责清单（2026）", "2024-01-01", "城管局 · 部门经办"):
        assert words in page
    assert "分派 2 件，其中 1 件另交别的岗位" in page
    assert "分派 0 件" in page
    assert "只数您能看到的事项" in page
    # nobody's name, and no words of a report
    for user in place.people.values():
        if user != place.people["county_desk"]:
            assert user.display_name not in page
    assert "垃圾" not in page


def test_it_is_filtered_by_category(place: Place) -> None:
    list_line(place, "village_clerk")
    list_line(place, "grid_head", code="traffic")
    client = signed_in(place, "village_director")
    assert "网格长" not in shown(client, category="environment")
    assert "村文书" in shown(client, category="environment")
    assert "网格长" in shown(client, category="nonsense")


def test_somebody_of_two_counties_chooses_and_nobody_sees_a_third(place: Place) -> None:
    other, third = make_place("14/08/21/"), make_place("14/08/22/")
    for where, post in ((place, "village_clerk"), (other, "grid_head"), (third, "town_desk")):
        list_line(where, post)
    appoint(
        user=place.people["county_desk"],
        unit=other.county,
        post=other.posts["county_supervision"],
        valid_from=SINCE,
        standing="deputy",
    )
    client = signed_in(place, "county_desk")
    assert "网格长" in shown(client, county=str(other.county.pk))
    assert "村文书" in shown(client, county=str(place.county.pk))
    for county in (str(third.county.pk), "nonsense", ""):
        assert "乡镇（街道）综治中心" not in shown(client, county=county)


def test_it_costs_the_same_with_1_and_30_lines(place: Place) -> None:
    list_line(place, "village_clerk")
    make_report(place.lane)
    client = signed_in(place, "county_desk")
    sent = []
    for lines in (1, 30):
        for number in range(lines if lines > 1 else 0):
            code, level = ("traffic", "greening", "hazards")[number % 3], f"level{number // 3}"
            list_line(place, "village_clerk", code=code, level=level)
            make_report(place.lane, code)
        with CaptureQueriesContext(connection) as captured:
            page = shown(client)
        assert page.count("<tr>") == 1 + (lines if lines == 1 else 31)
        sent.append([row["sql"] for row in captured.captured_queries])
    assert len(sent[0]) == len(sent[1]), "\n".join(sent[1])
    assert len(sent[1]) <= PAGE, "\n".join(sql[:150] for sql in sent[1])


def test_it_speaks_english(place: Place) -> None:
    list_line(place, "village_clerk")
    client = signed_in(place, "village_director")
    client.cookies["django_language"] = "en"
    with translation.override("zh-hans"):  # the request leaves its language behind
        page = shown(client)
    for words in ("Cleanliness", "lane", "village clerk"):
        assert words in page
    assert "村文书" not in page
