"""The page of figures, its workbook and its paper: for whom, of what, and what it costs."""

from __future__ import annotations

import io
from datetime import timedelta

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from xiangli.accounts.models import User
from xiangli.cases.tests.factories import SINCE, Place, add_organ, make_place, make_report
from xiangli.kernel import clock
from xiangli.territory.actions import appoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def at_work(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_each_minute_asks_only_what_is_open(place: Place) -> None:
    make_report(place.lane)
    client = at_work(place.people["town_desk"])
    assert client.get("/figures/").status_code == 200
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(f"/figures/?unit={place.village.pk}", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "未办结的 1 件里" in page
    assert "<html" not in page
    assert f"?unit={place.village.pk}" in page  # and the next minute asks for the same unit
    counting = [one["sql"] for one in captured if "matters_matter" in one["sql"]]
    assert len(counting) == 1
    assert "percentile_cont" not in counting[0]


def test_somebody_elses_unit_is_not_there_in_any_form(place: Place) -> None:
    other = make_place("14/08/27/")
    client = at_work(place.people["village_director"])
    for address in ("/figures/", "/figures/workbook/", "/figures/paper/"):
        for unit in (place.town, place.county, other.village):
            assert client.get(f"{address}?unit={unit.pk}").status_code == 404
        assert client.get(f"{address}?unit={place.lane.pk}").status_code == 200
    minute = client.get(f"/figures/?unit={other.village.pk}", headers={"HX-Request": "true"})
    assert minute.status_code == 404


def test_a_post_that_ended_counts_nothing_more(place: Place) -> None:
    user = place.people["town_desk"]
    appointment = user.appointments.get()
    appointment.valid_to = clock.now().date() - timedelta(days=1)
    appointment.save()
    assert at_work(user).get("/figures/").status_code == 403


def test_an_organ_is_no_place_and_is_told_so(place: Place) -> None:
    add_organ(place)
    client = at_work(place.people["organ_desk"])
    for address in ("/figures/", "/figures/workbook/", "/figures/paper/"):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "统计按地方数" in answer.content.decode()
    # whoever looks after a place besides sees the place
    clerk = place.posts["village_clerk"]
    appoint(
        user=place.people["organ_desk"], unit=place.village, post=clerk, valid_from=SINCE, standing="deputy"
    )
    for address in ("/figures/", "/map/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "庙上村" in answer.content.decode()


def test_whoever_looks_after_two_places_goes_from_one_to_the_other(place: Place) -> None:
    user = place.people["lane_head"]
    assert f"?unit={place.lane.pk}" not in _chips(at_work(user))
    appoint(user=user, unit=place.lane2, post=place.posts["lane_head"], valid_from=SINCE, standing="deputy")
    chips = _chips(at_work(user))
    assert f"?unit={place.lane.pk}" in chips
    assert f"?unit={place.lane2.pk}" in chips


def _chips(client: Client) -> str:
    page = client.get("/figures/").content.decode()
    return page[page.index("<main") : page.index("figures-now")]


def test_workbook_and_paper_say_the_same_total_and_what_it_is_of(place: Place) -> None:
    make_report(place.lane)
    make_report(place.lane2)
    make_report(place.lane, "service_complaint")  # private: in none of them
    client = at_work(place.people["county_desk"])
    book = openpyxl.load_workbook(io.BytesIO(client.get("/figures/workbook/").content))
    units = list(book["按单位"].iter_rows(values_only=True))
    assert units[0][:4] == ("单位", "未办结", "其中超时", "收到")
    assert [row[:4] for row in units[1:]] == [("横水镇", 2, 0, 2), ("合计", 2, 0, 2)]
    said = "".join(str(row[0]) for row in book["说明"].iter_rows(values_only=True))
    assert "只统计一般事项" in said
    paper = PdfReader(io.BytesIO(client.get("/figures/paper/").content))
    text = "".join(page.extract_text() for page in paper.pages)
    assert "横水镇" in text
    assert "只统计一般事项" in text
