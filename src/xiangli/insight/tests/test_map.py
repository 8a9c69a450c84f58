"""The map: shares with their denominators, points of ordinary matters, outlines kept by what they are."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from xiangli.accounts.models import User
from xiangli.cases.tests.factories import Place, add_organ, make_place, make_report
from xiangli.insight.queries.ground import outlines
from xiangli.insight.queries.units import Lamps, open_below, points_in
from xiangli.matters.models import Matter, MatterSubject
from xiangli.matters.states import Visibility
from xiangli.territory.models import Boundary, Unit
from xiangli.territory.tests.factories import ground
from xiangli.web.rules import Colour

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xiangli.kernel.clock.now", lambda: NOW)


@pytest.fixture
def place() -> Place:
    place = make_place()
    ground(place.grid, 111.0, 35.0, 111.1, 35.1)
    ground(place.lane, 111.0, 35.0, 111.05, 35.1)
    ground(place.lane2, 111.05, 35.0, 111.1, 35.1)
    return place


def at_work(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def late(unit: Unit, hours: float = -2, **more: Any) -> Matter:
    """A matter whose clock runs out in so many hours."""
    matter = make_report(unit).matter
    Matter.objects.filter(pk=matter.pk).update(
        next_clock="put_right",
        next_clock_at=NOW + hours * HOUR,
        next_amber_at=NOW + (hours - 1) * HOUR,
        **more,
    )
    return matter


def the_json(client: Client, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200
    return json.loads(answer.content)


@pytest.mark.parametrize(
    ("lamps", "shade"),
    [
        (Lamps(), 0),
        (Lamps(green=5), 1),
        (Lamps(red=1, green=10), 2),
        (Lamps(red=1, green=9), 3),
        (Lamps(red=3, amber=2, none=6), 3),
        (Lamps(red=3, green=7), 4),
        (Lamps(red=1), 4),
    ],
)
def test_a_unit_is_as_dark_as_the_share_that_is_overdue(lamps: Lamps, shade: int) -> None:
    assert lamps.shade == shade


def test_each_unit_below_has_its_own_count_and_the_rest_stands_apart(place: Place) -> None:
    late(place.lane)
    late(place.lane, hours=0.5)
    late(place.lane2, hours=30)
    late(place.grid)
    grid = place.actor("grid_head")
    assert open_below(grid, place.grid, at=NOW) == {
        place.lane.path: Lamps(red=1, amber=1),
        place.lane2.path: Lamps(green=1),
        place.grid.path: Lamps(red=1),
    }
    # one level up all of it lies in the one village
    assert open_below(place.actor("town_desk"), place.town, at=NOW) == {
        place.village.path: Lamps(red=2, amber=1, green=1)
    }
    page = at_work(place.people["grid_head"]).get("/map/").content.decode()
    assert "未办结 4 件，其中已超时 2 / 4" in page
    assert 'data-open="2" data-red="1" data-shade="4"' in page
    assert "<td>本级</td><td>1 / 1</td>" in page
    assert "图上的界线是示意的" in page


def test_neither_map_nor_points_tell_of_what_is_not_ordinary(place: Place) -> None:
    hidden = [late(place.lane, visibility=kind) for kind in (Visibility.PRIVATE, Visibility.SEALED)]
    about_him = late(place.lane2)
    MatterSubject.objects.create(matter=about_him, user=place.people["grid_head"])
    closed = late(place.lane, closed_at=NOW)
    shown = late(place.lane)
    client = at_work(place.people["grid_head"])
    found = the_json(client, "/map/points.json")
    assert [point["number"] for point in found["points"]] == [shown.number]
    page = client.get("/map/").content.decode()
    assert "未办结 1 件" in page
    for matter in (*hidden, about_him, closed):
        assert str(matter.number) not in page


def test_points_are_the_most_pressing_and_say_how_many_are_not_drawn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(place.lane2, hours=30, lat=None, lng=None)
    urgent = late(place.lane, hours=-5, lat=35.02, lng=111.02)
    soon = late(place.lane, hours=0.5)
    actor = place.actor("grid_head")
    points = points_in(actor, place.grid, at=NOW, most=2)
    assert [(point.number, point.colour) for point in points] == [
        (urgent.number, Colour.RED),
        (soon.number, Colour.AMBER),
    ]
    client = at_work(place.people["grid_head"])
    found = the_json(client, "/map/points.json")
    assert (len(found["points"]), found["more"], found["nowhere"]) == (3, 0, 0)
    assert found["points"][0] == {
        "url": f"/m/{urgent.pk}/",
        "number": urgent.number,
        "title": urgent.title,
        "place": "庙上村 一巷",
        "at": [35.02, 111.02],
        "lamp": "red",
        "left": "已超时 5 小时",
    }
    assert found["points"][2]["at"] == [35.5, 111.5]  # nobody moved the pin: the lane itself
    Unit.objects.filter(pk=place.lane2.pk).update(lat=None, lng=None)
    assert the_json(client, "/map/points.json")["nowhere"] == 1
    monkeypatch.setattr("xiangli.insight.queries.units.MOST_POINTS", 2)
    monkeypatch.setattr(points_in, "__kwdefaults__", {"most": 2})
    found = the_json(client, "/map/points.json")
    assert (len(found["points"]), found["more"]) == (2, 1)


def test_the_fence_of_the_map(place: Place) -> None:
    other = make_place("14/08/27/")
    client = at_work(place.people["lane_head"])
    for address in ("/map/", "/map/units.json", "/map/points.json"):
        assert client.get(address).status_code == 200
        for unit in (place.grid, place.lane2, other.lane):  # not above, beside or elsewhere
            assert client.get(f"{address}?unit={unit.pk}").status_code == 404
        assert Client().get(address).status_code == 302
        assert at_work(User.objects.create_user(display_name="路人")).get(address).status_code == 403
    add_organ(place)
    assert "部门没有自己的地界" in at_work(place.people["organ_desk"]).get("/map/").content.decode()


def test_outlines_come_once_and_again_only_when_they_changed(place: Place) -> None:
    client = at_work(place.people["grid_head"])
    answer = client.get("/map/units.json", headers={"Accept-Encoding": "gzip"})
    found = json.loads(
        gzip.decompress(answer.content) if answer.get("Content-Encoding") == "gzip" else answer.content
    )
    assert {unit["id"] for unit in found["units"]} == {str(place.lane.pk), str(place.lane2.pk)}
    assert sorted(found["own"]) == [[35.0, 111.0], [35.0, 111.1], [35.1, 111.0], [35.1, 111.1]]
    assert answer["Cache-Control"] == "private, no-cache"
    etag = answer["ETag"]
    again = client.get("/map/units.json", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    # a lane ends, and its ground goes to the other
    Unit.objects.filter(pk=place.lane2.pk).update(valid_to=date(2026, 11, 1))
    Boundary.objects.filter(unit=place.lane).update(
        ring=[(111.0, 35.0), (111.1, 35.0), (111.1, 35.1), (111.0, 35.1)]
    )
    answer = client.get("/map/units.json", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert len(json.loads(answer.content)["units"]) == 1


def test_neighbours_keep_one_border_when_it_is_simplified(place: Place) -> None:
    """A jagged border between two lanes: simplified each by itself, they would gape or overlap."""
    border = [(111.05 + (0.00004 if step % 2 else -0.00004), 35.0 + step * 0.0001) for step in range(1001)]
    Boundary.objects.filter(unit=place.lane).update(ring=[(111.0, 35.1), (111.0, 35.0), *border])
    Boundary.objects.filter(unit=place.lane2).update(ring=[(111.1, 35.0), (111.1, 35.1), *reversed(border)])
    content, _version = outlines(place.grid, at=NOW)
    one, two = (unit["ring"] for unit in json.loads(content)["units"])
    shared = {tuple(point) for point in one} & {tuple(point) for point in two}
    assert len(shared) >= 2
    assert len(one) + len(two) < 300  # of 2,006
    inner = {tuple(point) for point in one if 111.04 < point[1] < 111.06}
    assert inner == {tuple(point) for point in two if 111.04 < point[1] < 111.06}


def test_a_unit_without_any_outline_says_so_in_json(place: Place) -> None:
    Boundary.objects.all().delete()
    assert the_json(at_work(place.people["grid_head"]), "/map/units.json") == {"own": [], "units": []}
