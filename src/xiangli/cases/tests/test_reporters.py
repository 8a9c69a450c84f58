"""Whoever left a number is told, once, and of nothing that is not ordinary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from xiangli.cases import actions
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import OutboxMessage
from xiangli.matters.models import Matter
from xiangli.notices.actions import open_channel
from xiangli.notices.models import Delivery

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def place() -> Iterator[Place]:
    with clock.set_to(MONDAY):
        made = make_place()
        gateway = {
            "url": "https://sms.example.org/send",
            "body": {"to": "{to}", "text": "{text}"},
            "code": "code",
            "good": ["0"],
        }
        open_channel(county=made.county.pk, kind="sms", settings=gateway, now=MONDAY)
        yield made


def settle() -> None:
    """Hand on what waits for the reporters."""
    for _round in range(10):
        outbox.work_once(LATER)
    assert not OutboxMessage.objects.filter(topic="matters.tell_reporters", done_at=None).exists()


def put_right(place: Place, reported: Any) -> None:
    actions.take_case(an_act(place.actor("lane_head"), reported))
    actions.resolve_case(an_act(place.actor("lane_head"), reported, "修好了"))
    actions.close_case(an_act(place.actor("village_clerk"), reported, "已经修好，谢谢"))


def test_the_reporter_each_me_too_and_those_of_a_merged_case_are_told_of_the_end(place: Place) -> None:
    first = make_report(place.lane, "traffic", contact_phone="13800000001")
    second = make_report(place.lane, "traffic", contact_phone="13800000002")
    for phone in ("13800000003", "", "13800000001"):
        actions.say_me_too(first.matter.pk, place_path=place.lane.path, client_id=new_id(), phone=phone)
    number = Matter.objects.get(pk=first.matter.pk).number
    actions.merge_case(an_act(place.actor("village_clerk"), second), number=number)
    settle()
    assert [(row.what, row.facts["number"]) for row in Delivery.objects.filter(user=None)] == [
        ("merge_case", str(Matter.objects.get(pk=second.matter.pk).number))
    ]
    put_right(place, first)
    settle()
    told = Delivery.objects.filter(what__in=["close_case", "close_case_no_code"], user=None)
    assert (
        told.filter(what="close_case_no_code").count() == 1
    )  # the neighbour holds no query code to look with
    # the reporter, who also pressed me-too; a neighbour; and whoever reported it a second time
    assert told.count() == 3
    assert {row.about for row in told} == {first.matter.pk, second.matter.pk}
    assert all(set(row.facts) <= {"number", "category", "lane"} for row in told)
    assert all(b"138" not in bytes(row.address or b"") for row in told)


def test_of_a_complaint_nobody_is_told_outside(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint", contact_phone="13800000001")
    with clock.set_to(MONDAY + timedelta(minutes=5)):
        actions.take_case(an_act(place.actor("town_desk"), reported))
        actions.resolve_case(an_act(place.actor("town_desk"), reported, "谈过了"))
    settle()
    assert not Delivery.objects.exists()


def test_a_second_delivery_of_the_message_tells_nobody_again(place: Place) -> None:
    reported = make_report(place.lane, "traffic", contact_phone="13800000001")
    put_right(place, reported)
    settle()
    before = Delivery.objects.count()
    assert before > 0
    OutboxMessage.objects.filter(topic="matters.tell_reporters").update(available_at=MONDAY)
    outbox.work_once(MONDAY)
    assert Delivery.objects.count() == before
