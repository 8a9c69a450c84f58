"""A report is never lost and never doubled: sent again, from a form used before, in a flood, with a slip of the pin."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import rules
from xiangli.cases.tests.factories import Place, make_place
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter
from xiangli.territory.models import Boundary


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def form(**values: str) -> dict[str, str]:
    return {
        "client_id": str(new_id()),
        "category": "voices",
        "words": "路灯下想放一条凳子",
        **values,
    }


def at(place: Place, page: str = "report") -> str:
    return reverse(f"cases:{page}", args=[place.lane.plate_code])


@pytest.mark.parametrize("page", ["report", "complain"])
def test_another_report_from_a_form_used_before_is_not_taken_for_a_resend(
    client: Client, place: Place, page: str
) -> None:
    first = form()
    assert client.post(at(place, page), first).status_code == 302
    second = first | {"words": "井盖没有了，晚上很危险"}
    answer = client.post(at(place, page), second)
    assert answer.status_code == 409
    body = answer.content.decode()
    assert str(Matter.objects.get().number) in body
    assert second["words"] in body
    fresh = re.search(r'name="client_id" value="([0-9a-f-]+)"', body)
    assert fresh is not None
    assert fresh.group(1) != first["client_id"]
    again = client.post(at(place, page), second | {"client_id": fresh.group(1)})
    assert again.status_code == 302
    assert Matter.objects.count() == 2


@pytest.mark.parametrize("page", ["report", "complain"])
def test_in_a_flood_a_resend_still_gets_its_receipt(client: Client, place: Place, page: str) -> None:
    sent = form()
    receipt = client.post(at(place, page), sent)["Location"]
    for turn in range(rules.FLOOD):
        client.post(at(place, page), form(words=f"第 {turn} 件"))
    assert client.post(at(place, page), form()).status_code == 429
    assert client.post(at(place, page), sent | {"words": "另一件事"}).status_code == 429
    answer = client.post(at(place, page), sent)
    assert (answer.status_code, answer["Location"]) == (302, receipt)
    assert Matter.objects.count() == rules.FLOOD


def test_a_flood_of_one_kind_keeps_no_complaint_away(client: Client, place: Place) -> None:
    """Or whoever is complained about could press "me too" until nobody gets through."""
    client.post(at(place), form(category="environment"))
    matter = Matter.objects.get()
    me_too = reverse("cases:me_too", args=[place.lane.plate_code, matter.pk])
    while client.post(me_too, {"client_id": str(new_id())}).status_code != 429:
        pass
    assert client.post(at(place, "complain"), form()).status_code == 302
    assert client.post(at(place), form()).status_code == 302


def test_staff_get_no_code_for_what_they_reported_themselves(client: Client, place: Place) -> None:
    """Or they could confirm and rate, as a resident, what they reported and put right."""
    client.force_login(place.people["lane_head"], backend=BACKEND)
    sent = form(category="voices", place=str(place.lane.pk))
    assert client.post(reverse("cases:field_report"), sent).status_code == 302
    answer = client.post(at(place), sent)
    assert answer.status_code == 409
    assert Matter.objects.count() == 1
    resent = client.post(reverse("cases:field_report"), sent)
    assert resent["Location"] == reverse("cases:case", args=[Matter.objects.get().pk])
    another = client.post(reverse("cases:field_report"), sent | {"words": "井盖没有了"})
    assert another.status_code == 400
    assert sent["client_id"] not in another.content.decode()


def test_a_pin_in_another_county_stays_in_the_county_of_the_plate(client: Client, place: Place) -> None:
    other = make_place("14/08/27/")
    Boundary.objects.create(
        unit=other.lane,
        ring=[(113.0, 36.0), (113.1, 36.0), (113.1, 36.1), (113.0, 36.1)],
        rank=5,
        source="test",
        synthetic=True,
    )
    client.post(at(place), form(lat="36.05", lng="113.05"))
    matter = Matter.objects.get()
    assert matter.county_id == place.county.pk
    assert matter.off_map
