from datetime import date
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from xiangli.kernel.ids import new_id
from xiangli.territory.actions import end_unit, set_duty_number
from xiangli.territory.tests.factories import Small, make_county

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> Small:
    return make_county()


def signed_in(small: Small, post: str, unit: object) -> Client:
    client = Client()
    client.force_login(small.seat(post, unit, "值班员").user)  # type: ignore[arg-type]  # a unit of the small county
    return client


def address(unit_id: UUID) -> str:
    return f"/units/{unit_id}/plate/"


def test_print_plate_shows_who_answers_and_where_the_code_leads(
    small: Small, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    small.seat("lane_head", small.lane, "姚建国")
    small.seat("grid_head", small.grid, "赵网格")
    set_duty_number(unit=small.lane, post=small.posts["lane_head"], phone="0359-0000001")
    client = signed_in(small, "village_director", small.village)
    with django_assert_max_num_queries(12):
        page = client.get(address(small.lane.pk)).content.decode()
    code = small.lane.plate_code or ""
    for words in (
        "一巷",
        "横北村",
        "姚建国",
        "0359-0000001",
        "赵网格",
        "环境卫生",
        f"/p/{code}/",
        f"{code[:4]} {code[4:]}",
        "12345",
    ):
        assert words in page
    assert "data:image/svg+xml" in page


def test_print_plate_says_who_covers_a_vacant_post(small: Small) -> None:
    small.seat("grid_head", small.grid, "赵网格")
    page = signed_in(small, "village_clerk", small.village).get(address(small.lane.pk)).content.decode()
    assert "暂缺" in page
    assert "现由第一网格 网格长负责" in page


def test_print_plate_in_a3(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    assert 'class="sheet a3"' in client.get(address(small.lane.pk), {"size": "a3"}).content.decode()
    assert 'class="sheet a4"' in client.get(address(small.lane.pk), {"size": "A0<script>"}).content.decode()


def test_print_plate_is_for_the_desks_of_this_territory(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    assert Client().get(address(small.lane.pk)).status_code == 302
    for client in (
        signed_in(other, "village_director", other.village),
        signed_in(small, "lane_head", small.lane),  # may not print
    ):
        assert client.get(address(small.lane.pk)).status_code == 404


def test_print_plate_of_what_has_none(small: Small) -> None:
    client = signed_in(small, "village_director", small.village)
    end_unit(unit=small.lane, on=date(2025, 1, 1), successors=[small.lane_two])
    for unit_id in (small.grid.pk, small.lane.pk, new_id()):
        assert client.get(address(unit_id)).status_code == 404
