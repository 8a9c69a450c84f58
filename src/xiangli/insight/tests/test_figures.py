from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.tests.acting import bring_to
from xiangli.cases.tests.factories import SINCE, Place, an_act, make_place, make_report
from xiangli.insight.queries import figures, now_of
from xiangli.insight.rules import Tally, period_of
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.actions import name_subjects
from xiangli.matters.models import Matter
from xiangli.territory.actions import end_unit, open_unit
from xiangli.territory.models import Level, Unit
from xiangli.territory.queries import actor_for

pytestmark = pytest.mark.django_db
CHINA = ZoneInfo("Asia/Shanghai")
NOVEMBER = period_of("2026-11")


def at(month: int, day: int, hour: int = 10, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=CHINA)


def closed(place: Place, reported: datetime, after: timedelta, category: str = "voices") -> Receipted:
    with clock.set_to(reported):
        case = make_report(place.lane, category)
        actions.take_case(an_act(place.actor("lane_head"), case))
    with clock.set_to(reported + after):
        actions.resolve_case(an_act(place.actor("lane_head"), case, "已经办好"))
        actions.close_case(an_act(place.actor("village_director"), case, "已经办好，谢谢您"))
    return case


def test_what_is_counted_of_a_month() -> None:
    place = make_place()
    first = closed(place, at(11, 2), timedelta(hours=2))
    closed(place, at(11, 3), timedelta(hours=4))
    closed(place, at(10, 31), timedelta(days=2))  # reported in October, closed in November
    closed(place, at(10, 1), timedelta(hours=1))  # October's
    with clock.set_to(at(11, 2, 13)):
        actions.confirm_case(first.code, act_id=new_id())
        actions.evaluate_case(first.code, act_id=new_id(), rating=4)
    with clock.set_to(at(11, 20, 9)):
        make_report(place.lane, "environment")
    with clock.set_to(at(11, 20)):
        found = figures(place.actor("county_desk"), place.county, NOVEMBER, at=clock.now())
    whole = Tally(
        reported=3, closed=3, median_s=4 * 3600, reopened=0, confirmed=1, rated=1, stars=4, open=1, overdue=0
    )
    assert found.total == whole
    assert [(row.unit, row.tally) for row in found.units] == [(place.town, whole)]
    by_topic = {row.code: row.tally for row in found.topics}
    assert by_topic["voices"] == Tally(reported=2, closed=3, median_s=4 * 3600, confirmed=1, rated=1, stars=4)
    assert by_topic["environment"] == Tally(reported=1, open=1)
    assert found.total.average is None  # one evaluation is somebody's, not a service's


def test_overdue_is_of_now_and_counted_among_the_open() -> None:
    place = make_place()
    with clock.set_to(at(11, 2)):
        make_report(place.lane)
    with clock.set_to(at(11, 20)):
        make_report(place.lane)
        assert now_of(place.actor("town_desk"), place.town, at=clock.now()) == Tally(open=2, overdue=1)


def test_nothing_private_is_counted_nor_what_is_about_the_one_who_counts() -> None:
    place = make_place()
    with clock.set_to(at(11, 20)):
        make_report(place.lane, "service_complaint")  # of the service of those who answer here: private
        hers = make_report(place.lane)
        make_report(place.lane)
        name_subjects(hers.matter, {place.people["village_director"].pk})
        seen = (
            Matter.objects.visible_to(place.actor("village_director")).filter(visibility="ordinary").count()
        )
        found = figures(place.actor("village_director"), place.village, NOVEMBER, at=clock.now())
        above = figures(place.actor("town_desk"), place.town, NOVEMBER, at=clock.now())
    assert found.total.reported == found.total.open == seen == 1
    assert above.total.reported == 2


def test_figures_of_a_period_stand_under_the_units_of_that_period() -> None:
    place = make_place()
    level = Level.objects.get(scheme=place.posts["town_desk"].scheme, code="village")

    def village(label: str, name: str, since: datetime) -> Unit:
        return open_unit(parent=place.town, level=level, label=label, name=name, valid_from=since.date())

    def reported(unit: Unit, when: datetime) -> Receipted:
        with clock.set_to(when):
            return make_report(unit, "voices")

    old = village("201", "前庄村", at(1, 1, year=2024))
    reported(old, at(5, 1, year=2024))
    moved = reported(old, at(5, 2, year=2024))
    with clock.set_to(at(6, 1, year=2024)):
        case = an_act(place.actor("town_desk"), moved, "不归我们管")
        actions.decline_case(case, where="请到县自然资源局窗口")
    with clock.set_to(at(3, 1, year=2025)):
        new = village("202", "联合村", at(3, 1, year=2025))
        end_unit(unit=old, on=at(3, 1, year=2025).date(), successors=[new])
    reported(new, at(5, 1, year=2025))
    with clock.set_to(at(11, 20)):
        actor = place.actor("town_desk")
        then = {row.unit: row for row in figures(actor, place.town, period_of("2024"), at=clock.now()).units}
        later = {row.unit: row for row in figures(actor, place.town, period_of("2025"), at=clock.now()).units}
        today = {row.unit: row for row in figures(actor, place.town, NOVEMBER, at=clock.now()).units}
    # what was done then stays under the old village; what was open went on with its place
    assert then[old].tally == Tally(reported=2)
    assert then[old].ended == at(3, 1, year=2025).date()
    assert then[new].tally == Tally(open=2, overdue=2)  # of today
    assert later[new].tally == Tally(reported=1, open=2, overdue=2)
    assert old in later  # in force until March
    for rows in (then, later, today):  # nothing stands outside the rows
        assert None not in rows
        assert sum(row.tally.open for row in rows.values()) == 2
    assert old not in today
    assert today[new].tally.open == 2


def test_statements_do_not_grow_with_units_and_categories(
    django_assert_num_queries: Callable[..., CaptureQueriesContext],
) -> None:
    place = make_place()
    bring_to(place, "closed")
    actor = place.actor("county_desk")
    with CaptureQueriesContext(connection) as few:
        figures(actor, place.county, NOVEMBER, at=clock.now())
    level = Level.objects.get(scheme=place.posts["town_desk"].scheme, code="town")
    for label in ("201", "202", "203"):
        open_unit(parent=place.county, level=level, label=label, name=f"{label}镇", valid_from=SINCE)
    for category in ("environment", "voices", "hazards"):
        make_report(place.lane, category)
    with django_assert_num_queries(len(few)):
        figures(actor, place.county, NOVEMBER, at=clock.now())
    assert len(few) == 5


def test_nobody_counts_what_they_do_not_look_after() -> None:
    place = make_place()
    for who, unit in (("village_director", place.town), ("lane_head", place.village)):
        with pytest.raises(Refused):
            figures(place.actor(who), unit, NOVEMBER, at=clock.now())
    stranger = actor_for(place.people["town_desk"], at=clock.now() - timedelta(days=365 * 30))
    with pytest.raises(Refused):
        figures(stranger, place.village, NOVEMBER, at=clock.now())


def test_a_unit_ends_at_midnight_where_it_lies() -> None:
    place = make_place()
    level = Level.objects.get(scheme=place.posts["town_desk"].scheme, code="village")
    old = open_unit(parent=place.town, level=level, label="201", name="前庄村", valid_from=SINCE)
    with clock.set_to(at(11, 19)):
        end_unit(unit=old, on=at(11, 20).date(), successors=[place.village])
    for hour, day, ended in ((23, 19, None), (1, 20, at(11, 20).date())):  # still the 19th in Greenwich
        with clock.set_to(at(11, day, hour)):
            found = figures(place.actor("town_desk"), place.town, NOVEMBER, at=clock.now())
        assert {row.unit: row.ended for row in found.units}[old] == ended


def test_a_report_of_the_first_moment_of_a_month_is_that_months() -> None:
    place = make_place()
    for month, day, hour in ((10, 31, 23), (11, 1, 0)):
        with clock.set_to(at(month, day, hour)):
            make_report(place.lane)
    with clock.set_to(at(11, 20)):
        actor = place.actor("town_desk")
        counted = {
            code: figures(actor, place.town, period_of(code), at=clock.now()).total.reported
            for code in ("2026-10", "2026-11", "2026-Q4")
        }
    assert counted == {"2026-10": 1, "2026-11": 1, "2026-Q4": 2}
