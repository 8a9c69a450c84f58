"""Places by what people say, and addresses as they are written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import perf_counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.cases.tests.factories import Place, make_place
from xiangli.territory.models import Level, Unit
from xiangli.territory.queries.places import find_places, forget_places, gazetteer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.fixture
def place() -> Place:
    forget_places()
    return make_place()


def names(place: Place, said: str, path: str = "") -> list[str]:
    return [one.name for one in find_places([path or place.county.path], said, at=NOW)]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("二巷", "庙上村 二巷"),
        ("2巷", "庙上村 二巷"),
        ("庙上村 二巷", "庙上村 二巷"),
        ("庙上村二巷", "庙上村 二巷"),
        ("庙上村第一网格二巷", "庙上村 二巷"),
        ("横水 庙上 2巷", "庙上村 二巷"),
        ("庙上", "庙上村"),
        ("横水镇", "横水镇"),
        ("李巷长", "庙上村 二巷"),
        ("赵主任", "庙上村"),
    ],
)
def test_the_place_that_was_meant_comes_first(place: Place, said: str, first: str) -> None:
    assert names(place, said)[0] == first


def test_a_plate_is_found_by_its_code_however_it_is_typed(place: Place) -> None:
    code = place.lane2.plate_code or ""
    assert names(place, f"{code[:4].lower()}-{code[4:]}") == ["庙上村 二巷"]


def test_who_heads_a_lane_stands_beside_it(place: Place) -> None:
    [found] = find_places([place.village.path], "李巷长", at=NOW)
    assert (found.name, found.head, found.above) == ("庙上村 二巷", "街巷长 李巷长", "横水镇")


@pytest.mark.parametrize("said", ["", "   ", "没有这里", "%", "_", "二巷%' OR 1=1"])
def test_nothing_is_found_for_what_is_no_place(place: Place, said: str) -> None:
    assert names(place, said) == []


def test_only_ones_own_territory_is_searched(place: Place) -> None:
    other = make_place("14/08/27/")
    assert len(names(place, "二巷")) == 1
    assert names(place, "李巷长", other.village.path) == ["庙上村 二巷"]
    assert find_places([place.village.path], "一巷", at=NOW)[0].id == place.lane.pk
    assert find_places([place.lane.path], "二巷", at=NOW) == []
    assert find_places([], "二巷", at=NOW) == []


def test_what_ended_is_not_offered(place: Place) -> None:
    Unit.objects.filter(pk=place.lane2.pk).update(valid_to=date(2026, 1, 1))
    assert names(place, "二巷") == []
    assert names(place, "李巷长") == []


def many_lanes(place: Place, count: int) -> None:
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


def test_a_county_is_searched_in_two_statements_and_ten_are_shown(place: Place) -> None:
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
        assert names(place, "王网格") == ["庙上村 第一网格"]
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("address", "name", "rest"),
    [
        ("庙上村二巷", "绛县横水镇庙上村第一网格二巷", ""),
        ("绛县横水镇庙上村第一网格2巷", "绛县横水镇庙上村第一网格二巷", ""),
        ("山西省运城市绛县 横水镇 庙上村 二巷 老戏台旁", "绛县横水镇庙上村第一网格二巷", "老戏台旁"),
        ("庙上村老戏台", "绛县横水镇庙上村", "老戏台"),
        ("140826100200", "绛县横水镇庙上村", ""),
    ],
)
def test_an_address_leads_to_the_deepest_place_it_names(
    place: Place, address: str, name: str, rest: str
) -> None:
    found = gazetteer([place.county.path], at=NOW).find(address)
    assert (found.names, found.rest) == ((name,), rest)


def test_an_address_of_two_places_says_both(place: Place) -> None:
    town = Unit.objects.get(pk=place.town.pk)
    other = Unit.objects.create(
        county=place.county, parent=place.county, level=town.level, path=place.county.path + "101/",
        code="140826101", name="古绛镇", short_name="古绛镇", valid_from=date(2024, 1, 1),
    )  # fmt: skip
    village = Unit.objects.get(pk=place.village.pk)
    Unit.objects.create(
        county=place.county, parent=other, level=village.level, path=other.path + "200/",
        code="140826101200", name="庙上村", short_name="庙上村", valid_from=date(2024, 1, 1),
    )  # fmt: skip
    book = gazetteer([place.county.path], at=NOW)
    assert book.find("庙上村老戏台").names == ("绛县横水镇庙上村", "绛县古绛镇庙上村")
    assert book.find("古绛镇庙上村老戏台").names == ("绛县古绛镇庙上村",)
    assert book.find("庙上村二巷").names == ("绛县横水镇庙上村第一网格二巷",)


@pytest.mark.parametrize("address", ["", "月亮背面", "，。"])
def test_an_address_of_nowhere_leads_nowhere(place: Place, address: str) -> None:
    assert gazetteer([place.county.path], at=NOW).find(address).units == ()


def test_addresses_by_the_thousand_cost_one_statement(place: Place) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _each in range(100):
            gazetteer([place.county.path], at=NOW).find("庙上村二巷")
    assert len(queries) == 1
