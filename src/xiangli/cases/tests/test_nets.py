"""One grid, several nets: what is reported once stands in each net of its category."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions
from xiangli.cases.models import Category, Net
from xiangli.cases.queries.nets import topics_now
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.cases.tests.test_categories import OWN
from xiangli.kernel import clock
from xiangli.matters.models import Matter

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
TODAY = date(2026, 11, 16)


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(MONDAY):
        yield


@pytest.fixture
def place() -> Place:
    return make_place()


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    return client


def desk(client: Client, query: str) -> str:
    response = client.get(f"{reverse('matters:queue')}?{query}")
    assert response.status_code == 200
    return response.content.decode()


def numbers(body: str) -> set[int]:
    return {int(found) for found in re.findall(r"<td>(\d{6,})</td>", body)}


def test_a_report_is_one_row_seen_in_two_nets(place: Place) -> None:
    hazard, lamp, rubbish = (
        make_report(place.lane, category) for category in ("hazards", "facilities", "environment")
    )
    assert Matter.objects.count() == 3
    director = signed_in(place, "village_director")
    assert numbers(desk(director, "net=flood")) == {hazard.matter.number, lamp.matter.number}
    assert numbers(desk(director, "net=safety")) == {hazard.matter.number}
    assert numbers(desk(director, "net=epidemic")) == {rubbish.matter.number}
    everything = {one.matter.number for one in (hazard, lamp, rubbish)}
    assert numbers(desk(director, "")) == numbers(desk(director, "net=none_of_these")) == everything
    body = director.get(reverse("cases:case", args=[hazard.matter.pk])).content.decode()
    assert "也属于：防汛、平安" in body


def test_state_and_net_stand_together_in_the_address_and_through_the_pager(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xiangli.matters.pages.queue.PAGE", 1)
    first, second, other = (make_report(place.lane, name) for name in ("hazards", "hazards", "traffic"))
    taken = make_report(place.lane, "hazards")
    actions.take_case(an_act(place.actor("lane_head"), taken))
    director = signed_in(place, "village_director")
    body = desk(director, "state=assigned&net=flood")
    assert 'href="?state=assigned&amp;net=flood&amp;lamp=red"' in body
    assert '<option value="assigned" selected>' in body
    assert '<option value="flood" selected>' in body
    following = re.search(r'rel="next" href="\?([^"]+)"', body)
    assert following
    seen = numbers(body) | numbers(desk(director, following[1].replace("&amp;", "&")))
    assert seen == {first.matter.number, second.matter.number}
    assert other.matter.number not in seen


def test_a_net_shows_nothing_that_the_fence_does_not(place: Place) -> None:
    elsewhere = make_report(make_place("14/08/29/").lane, "hazards")
    mine = make_report(place.lane2, "hazards")
    assert numbers(desk(signed_in(place, "lane_head"), "net=flood")) == set()
    assert numbers(desk(signed_in(place, "lane_head_2"), "net=flood")) == {mine.matter.number}
    assert numbers(desk(signed_in(place, "county_desk"), "net=flood")) == {mine.matter.number}
    assert elsewhere.matter.number not in numbers(desk(signed_in(place, "county_desk"), ""))


def test_what_is_not_ordinary_stands_in_no_net(place: Place) -> None:
    complaint = make_report(place.lane, "service_complaint", words="巷长从来不管")
    Net.objects.filter(code="safety").update(categories=["service_complaint"])
    holder = signed_in(place, "town_desk")
    assert numbers(desk(holder, "")) == {complaint.matter.number}
    assert numbers(desk(holder, "net=safety")) == set()
    body = holder.get(reverse("cases:case", args=[complaint.matter.pk])).content.decode()
    assert "也属于" not in body


def test_a_net_counts_from_its_first_day_to_the_day_before_its_last(place: Place) -> None:
    flood = Net.objects.filter(code="flood")
    for since, until, there in (
        (TODAY, None, True),
        (date(2026, 11, 17), None, False),
        (date(2026, 6, 1), TODAY, False),
        (date(2026, 6, 1), date(2026, 11, 17), True),
    ):
        flood.update(valid_from=since, valid_to=until)
        assert ("flood" in topics_now(on=TODAY).nets) is there
    with pytest.raises(IntegrityError), transaction.atomic():
        flood.update(valid_to=date(2026, 6, 1))


def test_ours_are_four_in_their_order_and_name_only_ordinary_categories(place: Place) -> None:
    nets = topics_now(on=TODAY).nets
    assert [name for name, _codes in nets.values()] == ["防汛", "防疫", "防返贫", "平安"]
    ordinary = set(Category.objects.filter(visibility="ordinary").values_list("code", flat=True))
    for net in Net.objects.all():
        assert set(net.categories) <= ordinary
        assert set(nets[net.code][1]) == set(net.categories) != set()


FOREST = """
[[net]]
code = "flood"
name = "防汛抗旱"
name_en = "Flood and drought"
categories = ["hazards", "ditches"]
valid_from = 2026-01-01
"""


def test_a_county_s_net_outlasts_the_next_start(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN + FOREST, encoding="utf-8")
    actions.load_categories(file)
    actions.load_categories()
    flood = Net.objects.get(code="flood")
    assert (flood.name, flood.categories) == ("防汛抗旱", ["hazards", "ditches"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('categories = ["accusations"]', "accusations"),
        ('categories = ["service_complaint"]', "service_complaint"),
        ('categories = ["key_persons"]', "key_persons"),
        ('categories = ["hazards"]\npersons = true', "unknown keys"),
    ],
)
def test_a_net_of_persons_or_of_what_is_private_is_refused_by_its_name(
    place: Place, tmp_path: Path, wrong: str, said: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN + FOREST.replace('categories = ["hazards", "ditches"]', wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=f"net 'flood'.*{said}"):
        actions.load_categories(file)
    assert Net.objects.get(code="flood").name == "防汛"
    assert not Category.objects.filter(code="ditches").exists()
