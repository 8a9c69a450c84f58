"""Places by what people say, and addresses as they are written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import perf_counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.territory.models import Level, Unit
from xiangli.territory.queries.places import find_places, forget_places, gazetteer
from xiangli.territory.tests.factories import Small, make_county

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.fixture
def place() -> Small:
    forget_places()
    small = make_county()
    seat_all(small)
    return small


def seat_all(small: Small) -> None:
    """As real ones are: town and village bear statutory codes, and somebody sits in each seat."""
    for unit, code in ((small.town, "101"), (small.village, "101200")):
        Unit.objects.filter(pk=unit.pk).update(code=small.county.code + code)
    small.seat("lane_head", small.lane, "张巷长")
    small.seat("lane_head", small.lane_two, "李巷长")
    small.seat("grid_head", small.grid, "王网格")
    small.seat("village_director", small.village, "赵主任")


def names(place: Small, said: str, path: str = "") -> list[str]:
    return [one.name for one in find_places([path or place.county.path], said, at=NOW)]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("二巷", "横北村 二巷"),
        ("2巷", "横北村 二巷"),
        ("横北村 二巷", "横北村 二巷"),
        ("横北村二巷", "横北村 二巷"),
        ("横北村第一网格二巷", "横北村 二巷"),
        ("横水 横北 2巷", "横北村 二巷"),
        ("横北", "横北村"),
        ("横水镇", "横水镇"),
        ("李巷长", "横北村 二巷"),
        ("赵主任", "横北村"),
    ],
)
def test_the_place_that_was_meant_comes_first(place: Small, said: str, first: str) -> None:
    assert names(place, said)[0] == first


def test_a_plate_is_found_by_its_code_however_it_is_typed(place: Small) -> None:
    code = place.lane_two.plate_code or ""
    assert names(place, f"{code[:4].lower()}-{code[4:]}") == ["横北村 二巷"]


def test_who_heads_a_lane_stands_beside_it(place: Small) -> None:
    [found] = find_places([place.village.path], "李巷长", at=NOW)
    assert (found.name, found.head, found.above) == ("横北村 二巷", "街巷长 李巷长", "横水镇")


@pytest.mark.parametrize("said", ["", "   ", "没有这里", "%", "_", "二巷%' OR 1=1"])
def test_nothing_is_found_for_what_is_no_place(place: Small, said: str) -> None:
    assert names(place, said) == []


def test_only_ones_own_territory_is_searched(place: Small) -> None:
    other = make_county("14/08/27/", "垣曲县", west=112.0)
    seat_all(other)
    assert len(names(place, "二巷")) == 1
    assert names(place, "李巷长", other.village.path) == ["横北村 二巷"]
    assert find_places([place.village.path], "一巷", at=NOW)[0].id == place.lane.pk
    assert find_places([place.lane.path], "二巷", at=NOW) == []
    assert find_places([], "二巷", at=NOW) == []


def test_what_ended_is_not_offered(place: Small) -> None:
    Unit.objects.filter(pk=place.lane_two.pk).update(valid_to=date(2026, 1, 1))
    assert names(place, "二巷") == []
    assert names(place, "李巷长") == []


def many_lanes(place: Small, count: int) -> None:
    level = Level.objects.get(scheme=place.posts["lane_head"].scheme, code="lane")
    Unit.objects.bulk_create(
        Unit(
            county=place.county,
            parent=place.grid,
            level=level,
            path=f"{place.grid.path}x{number}/",
            name=f"{number}号巷",
            short_name=f"{number}号巷",
            valid_from=date(2024, 1, 1),
        )
        for number in range(count)
    )


def test_a_county_is_searched_in_two_statements_and_ten_are_shown(place: Small) -> None:
    many_lanes(place, 3000)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        began = perf_counter()
        found = names(place, "号巷")
    assert len(queries) == 1  # ten by name: nobody asks for heads
    assert len(found) == 10
    assert perf_counter() - began < 1  # a few hundredths where nothing else runs
    with CaptureQueriesContext(connection) as queries:
        assert names(place, "王网格") == ["横北村 第一网格"]
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("address", "name", "rest"),
    [
        ("横北村二巷", "绛县横水镇横北村第一网格二巷", ""),
        ("绛县横水镇横北村第一网格2巷", "绛县横水镇横北村第一网格二巷", ""),
        ("山西省运城市绛县 横水镇 横北村 二巷 老戏台旁", "绛县横水镇横北村第一网格二巷", "老戏台旁"),
        ("横北村老戏台", "绛县横水镇横北村", "老戏台"),
        ("140826101200", "绛县横水镇横北村", ""),
    ],
)
def test_an_address_leads_to_the_deepest_place_it_names(
    place: Small, address: str, name: str, rest: str
) -> None:
    found = gazetteer([place.county.path], at=NOW).find(address)
    assert (found.names, found.rest) == ((name,), rest)


def test_an_address_of_two_places_says_both(place: Small) -> None:
    town = Unit.objects.get(pk=place.town.pk)
    other = Unit.objects.create(
        county=place.county, parent=place.county, level=town.level, path=place.county.path + "102/",
        code="140826102", name="古绛镇", short_name="古绛镇", valid_from=date(2024, 1, 1),
    )  # fmt: skip
    village = Unit.objects.get(pk=place.village.pk)
    Unit.objects.create(
        county=place.county, parent=other, level=village.level, path=other.path + "200/",
        code="140826102200", name="横北村", short_name="横北村", valid_from=date(2024, 1, 1),
    )  # fmt: skip
    book = gazetteer([place.county.path], at=NOW)
    assert book.find("横北村老戏台").names == ("绛县横水镇横北村", "绛县古绛镇横北村")
    assert book.find("古绛镇横北村老戏台").names == ("绛县古绛镇横北村",)
    assert book.find("横北村二巷").names == ("绛县横水镇横北村第一网格二巷",)


@pytest.mark.parametrize("address", ["", "月亮背面", "，。"])
def test_an_address_of_nowhere_leads_nowhere(place: Small, address: str) -> None:
    assert gazetteer([place.county.path], at=NOW).find(address).units == ()


def test_addresses_by_the_thousand_cost_one_statement(place: Small) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _each in range(100):
            gazetteer([place.county.path], at=NOW).find("横北村二巷")
    assert len(queries) == 1
