"""What clocks do by themselves: amber, the level above, a level up, and the county's red end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from xiangli.cases import actions
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, outbox, timers
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.matters.models import Matter, MatterClock
from xiangli.matters.queries import history
from xiangli.notices.models import Notice

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in the county


@pytest.fixture
def place() -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def fire_until(moment: datetime) -> list[datetime]:
    """Let time pass: fire each moment as it comes; returns the moments."""
    fired = []
    while (due := Due.objects.filter(at__lte=moment).order_by("at").first()) is not None:
        with clock.set_to(due.at):
            assert timers.fire_once(due.at)
            while outbox.work_once(due.at):
                pass
        fired.append(due.at)
    return fired


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__display_name", flat=True))


def test_rubbish_left_alone_climbs_to_the_county_and_each_level_is_told_once(place: Place) -> None:
    with clock.set_to(MONDAY):
        reported = make_report(place.lane2)
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert (matter.next_clock, matter.next_clock_at) == ("respond", MONDAY + timedelta(hours=12))
    seats: list[UUID] = []
    names = ["李巷长", "王网格", "赵主任", "周值班", "吴值班"]
    for step in range(12):
        fire_until(MONDAY + timedelta(hours=13) + step * timedelta(hours=12))
        matter.refresh_from_db()
        if not seats or seats[-1] != matter.holder_unit_id:
            seats.append(matter.holder_unit_id)
    assert seats == [unit.pk for unit in (place.lane2, place.grid, place.village, place.town, place.county)]
    assert matter.alarm == "top"
    assert matter.next_clock_at == MONDAY + timedelta(hours=12)  # still the same promise, red
    assert told("moved_from_you") == sorted(names[:4])
    assert told("move_up_case") == sorted(names[1:])
    # the response, and then the time to put it right, were each missed once
    kinds = list(LedgerEvent.objects.filter(stream=matter.pk).order_by("seq").values_list("kind", flat=True))
    assert kinds.count("move_up_case") == 4
    went = [row.words["target"] for row in history(matter) if row.kind == "move_up_case"]
    assert went == [
        "第一网格 网格长",
        "庙上村 村党支部书记、村委会主任",
        "横水镇 乡镇（街道）综治中心",
        "绛县 县（市、区）综治中心",
    ]
    assert kinds.count("overdue_case") == 2
    assert not Due.objects.exists()
    assert actions.tell_top(MONDAY) == 1
    outbox.work_once(MONDAY + timedelta(days=8))
    assert told("top_case") == ["吴值班"]
    with clock.set_to(MONDAY + timedelta(days=8)):
        actions.take_case(an_act(place.actor("county_desk"), reported))
    assert actions.tell_top(MONDAY) == 0  # a named person answers for it


def test_whoever_takes_it_in_time_hears_of_no_breach_until_the_next_clock(place: Place) -> None:
    with clock.set_to(MONDAY):
        reported = make_report(place.lane2)
    with clock.set_to(MONDAY + timedelta(hours=1)):
        actions.take_case(an_act(place.actor("lane_head_2"), reported))
    fire_until(MONDAY + timedelta(hours=71))
    assert told("amber_case") == ["李巷长"]
    assert not told("overdue_case")
    fire_until(MONDAY + timedelta(hours=73))
    assert told("overdue_case") == ["王网格"]
    assert told("overdue_yours") == ["李巷长"]
    assert MatterClock.objects.get(matter=reported.matter, name="put_right").stage == "red"
