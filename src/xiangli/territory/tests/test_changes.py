"""Units change: merged, split, set up anew, renamed. What ends, what is opened in its place, who goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.kernel import clock
from xiangli.kernel.ledger import history
from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, tasks
from xiangli.territory.actions import Ending, Named
from xiangli.territory.actions.grounds import joined
from xiangli.territory.actions.plans import movers, next_label
from xiangli.territory.models import Absence, Appointment, Boundary, DutyNumber, OnCall, Succession, Unit
from xiangli.territory.queries import actor_for, plate, successors_of, unit_of_point
from xiangli.territory.rules import Actor, day_of
from xiangli.territory.tests.factories import SINCE, Small, ground, make_county

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _today() -> object:
    with clock.set_to(NOW):
        yield


@pytest.fixture
def small() -> Small:
    return make_county()


def second_village(small: Small, name: str = "横南村", lanes: Sequence[str] = ("二巷", "三巷")) -> list[Unit]:
    """A village beside the first, with one grid and lanes: [village, grid, lane, lane]."""
    village = actions.open_unit(
        parent=small.town,
        level=small.levels["village"],
        name=f"{name}委会",
        short_name=name,
        valid_from=SINCE,
    )
    grid = actions.open_unit(parent=village, level=small.levels["grid"], name="第一网格", valid_from=SINCE)
    return [
        village,
        grid,
        *(
            actions.open_unit(
                parent=grid, level=small.levels["lane"], name=lane, valid_from=SINCE, lat=35.05, lng=111.15
            )
            for lane in lanes
        ),
    ]


def below(unit: Unit) -> dict[str, Unit]:
    rows = Unit.objects.filter(path__startswith=unit.path, valid_to=None).exclude(pk=unit.pk)
    return {row.short_name: row for row in rows}


def administrator(small: Small, unit: Unit | None = None, code: str = "town_admin") -> Actor:
    seat = small.seat(code, unit or small.town, "畅管理")
    return actor_for(seat.user, at=clock.now())


def refused(code: str, call: Callable[..., object], **values: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        call(**values)
    assert caught.value.code == code
    return caught.value


def test_two_villages_become_one_and_all_below_follows(small: Small) -> None:
    by = administrator(small)
    south, grid, two, three = second_village(small)
    director = small.seat("village_director", small.village, "赵主任")
    head = small.seat("lane_head", small.lane, "姚建国")
    other = small.seat("lane_head", two, "李巷长", until=date(2027, 1, 1))
    coming = small.seat("lane_head", three, "将来的巷长", since=date(2027, 3, 1))
    actions.record_absence(appointment=head, starts=NOW, ends=NOW + 9 * DAY)
    actions.set_duty_number(unit=small.lane, post=small.posts["lane_head"], phone="0359-6520001")

    merged = actions.merge_units(
        by=by, units=[small.village, south], on=TODAY, into=Named("横水村委会", "横水村")
    )

    village = Unit.objects.get(short_name="横水村")
    assert (village.parent, village.level, village.valid_from, village.valid_to) == (
        small.town,
        small.levels["village"],
        TODAY,
        None,
    )
    assert village.path == "14/08/26/101/202/"  # 200 and 201 are taken for ever
    now_there = below(village)
    assert set(now_there) == {
        "横北村第一网格", "横南村第一网格", "横北村二巷", "横南村二巷", "一巷", "三巷"
    }  # fmt: skip
    assert [unit.path for unit in sorted(now_there.values(), key=lambda unit: unit.path)] == [
        "14/08/26/101/202/01/",
        "14/08/26/101/202/01/01/",
        "14/08/26/101/202/01/02/",
        "14/08/26/101/202/02/",
        "14/08/26/101/202/02/01/",
        "14/08/26/101/202/02/02/",
    ]
    for old, new in ((small.village, village), (south, village), (grid, now_there["横南村第一网格"])):
        assert successors_of(old, TODAY) == [new]
    assert not Unit.objects.filter(path__startswith=small.village.path, valid_to=None).exists()
    # the old plate leads on, the new one is its own
    assert small.lane.plate_code is not None
    view = plate(small.lane.plate_code, at=NOW)
    assert view is not None
    assert (view.unit, view.old) == (now_there["一巷"], small.lane)
    assert view.first is not None
    assert view.first.phone == "0359-6520001"
    assert now_there["一巷"].plate_code not in (None, small.lane.plate_code)
    # the people of the lanes go on, those of the villages do not
    carried = Appointment.objects.get(user=head.user, valid_to=None)
    assert (carried.unit, carried.post, carried.valid_from, carried.single) == (
        now_there["一巷"],
        head.post,
        TODAY,
        True,
    )
    assert Absence.objects.get(appointment=carried).ends == NOW + 9 * DAY
    assert not actor_for(director.user, at=NOW).held
    assert [held.unit_name for held in actor_for(other.user, at=NOW).held] == ["横南村二巷"]
    assert Appointment.objects.get(user=other.user, unit=now_there["横南村二巷"]).valid_to == date(2027, 1, 1)
    later = Appointment.objects.get(user=coming.user)  # it never began where it was
    assert (later.unit, later.valid_from) == (now_there["三巷"], date(2027, 3, 1))
    # one event a unit, by the post that allowed it
    assert [row.kind for row in history(small.village.pk)][-1] == "merge_units"
    assert [row.kind for row in history(two.pk)][-1] == "end_unit"
    (opened,) = history(village.pk)
    assert (opened.kind, opened.actor, opened.authority) == ("open_unit", by.user_id, merged.authority)
    assert set(opened.data["predecessors"]) == {str(small.village.pk), str(south.pk)}


def test_a_village_is_merged_into_one_that_stands(small: Small) -> None:
    south, _grid, two, three = second_village(small)
    stays = small.seat("village_director", small.village, "赵主任")
    plan = actions.merge_units(by=administrator(small), units=[south], on=TODAY, into=small.village)
    small.village.refresh_from_db()
    assert small.village.valid_to is None
    assert actor_for(stays.user, at=NOW).held
    names = below(small.village)
    assert set(names) == {"第一网格", "横南村第一网格", "一巷", "二巷", "横南村二巷", "三巷"}
    assert names["横南村第一网格"].path == "14/08/26/101/200/02/"
    assert successors_of(two, TODAY) == [names["横南村二巷"]]
    assert successors_of(three, TODAY) == [names["三巷"]]
    assert plan.grows == small.village
    assert [row.kind for row in history(small.village.pk)][-1] == "merge_units"


def test_one_that_is_set_up_anew_keeps_its_people(small: Small) -> None:
    director = small.seat("village_director", small.village, "赵主任")
    actions.merge_units(units=[small.village], on=TODAY, into=Named("横北社区居委会", "横北社区"))
    held = actor_for(director.user, at=NOW).held
    assert [one.unit_name for one in held] == ["横北社区"]
    assert set(below(Unit.objects.get(short_name="横北社区"))) == {"第一网格", "一巷", "二巷"}


def test_the_statutory_code_goes_on_and_gives_the_label_where_it_is_free(small: Small) -> None:
    town = actions.open_unit(
        parent=small.county, level=small.levels["town"], name="卫庄镇", code="140826102", valid_from=SINCE
    )
    assert town.path == "14/08/26/102/"
    one, two = (
        actions.open_unit(parent=town, level=small.levels["village"], name=name, code=code, valid_from=SINCE)
        for name, code in (("东庄村", "140826102206"), ("西庄村", "140826102210"))
    )
    assert [one.path, two.path] == ["14/08/26/102/206/", "14/08/26/102/210/"]
    plan = actions.merge_units(units=[one, two], on=TODAY, into=Named("卫庄村", code="140826102206"))
    assert plan.opened[0].path == "14/08/26/102/211/"  # a label is never used again; the code is
    third = actions.open_unit(
        parent=town, level=small.levels["village"], name="北庄村", code="140826102220", valid_from=SINCE
    )
    said = refused(
        "code_in_force",
        actions.merge_units,
        units=[third],
        on=TODAY,
        into=Named("新庄村", code="140826102206"),
    )
    assert "卫庄村" in str(said)


def test_a_split_gives_every_unit_below_its_place(small: Small) -> None:
    by = administrator(small)
    second = actions.open_unit(
        parent=small.village, level=small.levels["grid"], name="第二网格", valid_from=SINCE
    )
    parts = [Named("横北东村"), Named("横北西村")]
    said = refused(
        "left_nowhere",
        actions.split_unit,
        by=by,
        unit=small.village,
        on=TODAY,
        parts=parts,
        goes={small.grid.pk: 0},
    )
    assert "第二网格" in str(said)
    assert "第一网格" not in str(said)
    refused(
        "left_nowhere",
        actions.split_unit,
        by=by,
        unit=small.village,
        on=TODAY,
        parts=parts,
        goes={small.grid.pk: 0, second.pk: 2},
    )
    assert Unit.objects.filter(valid_to=None, path__startswith=small.village.path).count() == 5

    goes = {small.grid.pk: 0, second.pk: 1}
    ground(small.village, 111.0, 35.0, 111.1, 35.1)
    actions.split_unit(by=by, unit=small.village, on=TODAY, parts=parts, goes=goes)
    east, west = Unit.objects.filter(short_name__in=["横北东村", "横北西村"]).order_by("path")
    assert set(below(east)) == {"第一网格", "一巷", "二巷"}
    assert set(below(west)) == {"第二网格"}
    assert successors_of(small.village, TODAY) == [east, west]
    assert not Boundary.objects.filter(unit__in=[east, west]).exists()  # somebody draws them
    found = unit_of_point(35.05, 111.01, at=NOW)
    assert found is not None
    assert found[0] == below(east)["一巷"]  # the lanes kept their ground
    assert [row.kind for row in history(small.village.pk)][-1] == "split_unit"


def test_split_refuses_one_part_and_equal_names(small: Small) -> None:
    goes = {small.grid.pk: 0}
    for parts, code in (
        ([Named("横北东村")], "few_parts"),
        ([Named("横北东村"), Named("横北东村")], "name_taken"),
        ([Named("横北东村"), Named("")], "no_name"),
        ([Named("甲", code="140826101299"), Named("乙", code="140826101299")], "code_in_force"),
    ):
        refused(code, actions.split_unit, unit=small.village, on=TODAY, parts=parts, goes=goes)


def test_merge_refuses_what_does_not_go_together(small: Small) -> None:
    by = administrator(small)
    south, grid, *_lanes = second_village(small)
    other_town = actions.open_unit(
        parent=small.county, level=small.levels["town"], name="卫庄镇", valid_from=SINCE
    )
    elsewhere = actions.open_unit(
        parent=other_town, level=small.levels["village"], name="乔寺村", valid_from=SINCE
    )
    ended = actions.open_unit(parent=small.town, level=small.levels["village"], name="旧村", valid_from=SINCE)
    actions.end_unit(unit=ended, on=TODAY - 9 * DAY, successors=[south])
    county = administrator(small, small.county, "county_admin")
    new = Named("新村")
    for units, into, on, code in (
        ([], new, TODAY, "no_units"),
        ([small.village, elsewhere], new, TODAY, "not_siblings"),
        ([small.village, grid], new, TODAY, "not_siblings"),
        ([small.village], elsewhere, TODAY, "not_siblings"),
        ([small.village, south], south, TODAY, "into_itself"),
        ([small.village], ended, TODAY, "successor_ended"),
        ([ended, south], new, TODAY, "unit_ended"),
        ([small.village, south], Named(""), TODAY, "no_name"),
        ([small.village], Named("横南村"), TODAY, "name_taken"),
        ([small.village, south], new, SINCE, "dates"),
        ([small.village, south], new, SINCE - DAY, "dates"),
        ([small.village, south], new, TODAY - DAY, "in_past"),
    ):
        refused(code, actions.merge_units, by=county, units=units, on=on, into=into)
    actions.merge_units(by=by, units=[small.village, south], on=TODAY, into=new)
    refused(
        "unit_ended",
        actions.merge_units,
        by=by,
        units=[small.village, south],
        on=TODAY,
        into=Named("另一个村"),
    )


def test_what_is_planned_below_stands_in_the_way(small: Small) -> None:
    south, _grid, two, three = second_village(small)
    actions.end_unit(unit=two, on=TODAY + 9 * DAY, successors=[three])
    coming = actions.open_unit(
        parent=small.grid, level=small.levels["lane"], name="九巷", valid_from=TODAY + 5 * DAY
    )
    new = Named("新村")
    refused("changes_pending", actions.merge_units, units=[south], on=TODAY, into=new)
    refused("not_begun", actions.merge_units, units=[small.village], on=TODAY, into=new)
    actions.merge_units(units=[south, small.village], on=TODAY + 9 * DAY, into=new)
    assert successors_of(coming, TODAY + 9 * DAY) == [below(Unit.objects.get(name="新村"))["九巷"]]
    village = Unit.objects.get(pk=south.pk)
    assert village.valid_to == TODAY + 9 * DAY


def test_a_unit_is_changed_by_the_level_above(small: Small) -> None:
    by = administrator(small)
    other = actions.open_unit(
        parent=small.county, level=small.levels["town"], name="卫庄镇", valid_from=SINCE
    )
    said = refused("own_unit", actions.merge_units, by=by, units=[small.town], on=TODAY, into=Named("新镇"))
    assert "上一级" in str(said)
    refused("not_permitted", actions.merge_units, by=by, units=[other], on=TODAY, into=Named("新镇"))
    refused("own_unit", actions.rename_unit, by=by, unit=small.town, on=TODAY, name="横水街道")
    head = actor_for(small.seat("grid_head", small.grid).user, at=NOW)
    refused(
        "not_permitted", actions.end_unit, by=head, unit=small.lane, on=TODAY, successors=[small.lane_two]
    )
    county = administrator(small, small.county, "county_admin")
    actions.merge_units(by=county, units=[small.town, other], on=TODAY, into=Named("新镇"))
    assert set(below(Unit.objects.get(name="新镇"))) == {"横北村", "第一网格", "一巷", "二巷"}
    refused("own_unit", actions.rename_unit, by=county, unit=small.county, on=TODAY, name="绛州")


def test_nobody_loses_an_appointment_that_began_today(small: Small) -> None:
    by = administrator(small)
    new = small.seat("lane_head", small.lane, "新巷长", since=TODAY)
    said = refused(
        "begun_today", actions.merge_units, by=by, units=[small.village], on=TODAY, into=Named("新村")
    )
    assert "新巷长" in str(said)
    actions.merge_units(by=by, units=[small.village], on=TODAY + DAY, into=Named("新村"))
    new.refresh_from_db()
    assert (new.valid_from, new.valid_to) == (TODAY, TODAY + DAY)


def test_nothing_is_left_of_a_merge_that_is_killed_half_way(small: Small) -> None:
    south, *_rest = second_village(small)
    head = small.seat("lane_head", small.lane)

    def killed(endings: Sequence[Ending], on: date, now: datetime) -> None:
        assert len(endings) == 8
        assert Unit.objects.filter(name="新村").exists()
        raise KeyboardInterrupt

    before = (Unit.objects.count(), OutboxMessage.objects.count(), len(history(small.lane.pk)))
    actions.register_mover(killed)
    try:
        with pytest.raises(KeyboardInterrupt):
            actions.merge_units(units=[small.village, south], on=TODAY, into=Named("新村"))
    finally:
        movers.remove(killed)
    assert before == (Unit.objects.count(), OutboxMessage.objects.count(), len(history(small.lane.pk)))
    assert not Unit.objects.exclude(valid_to=None).exists()
    assert not Succession.objects.exists()
    head.refresh_from_db()
    assert head.valid_to is None


def test_the_roster_goes_on_below_and_ends_above(small: Small) -> None:
    user = small.seat("lane_head", small.lane, "值班的人").user
    lane_night, village_night = (
        actions.set_on_call(
            unit=unit,
            post=small.posts[post],
            user=user,
            starts=NOW + timedelta(hours=9),
            ends=NOW + timedelta(hours=19),
            nights=2,
        )
        for unit, post in ((small.lane, "lane_head"), (small.village, "village_director"))
    )
    on = TODAY + DAY  # its midnight, 16:00 UTC, lies in the first night
    plan = actions.plan_merge(
        by=None, units=[small.village, *second_village(small)[:1]], on=on, into=Named("新村"), now=NOW
    )
    said = next(line for line in actions.preview(plan, now=NOW).lines if line.label == "值班安排")
    assert (said.count, str(said.goes)) == (4, "2 个照旧，2 个作废，请在新单位另排")
    actions.merge_units(units=list(plan.tops), on=on, into=Named("新村"))
    midnight = datetime(2026, 11, 20, 16, tzinfo=UTC)
    lane = below(Unit.objects.get(name="新村"))["一巷"]
    assert list(OnCall.objects.filter(unit=lane).order_by("starts").values_list("starts", "ends")) == [
        (midnight, lane_night[0].ends),
        (lane_night[1].starts, lane_night[1].ends),
    ]
    for first, second in (lane_night, village_night):
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.ends, first.ended_at, second.ended_at) == (midnight, None, NOW)
    assert not OnCall.objects.filter(unit__name="新村").exists()


def test_a_preview_says_what_a_change_does_and_writes_nothing(small: Small) -> None:
    south, *_rest = second_village(small)
    small.seat("village_director", small.village, "赵主任")
    small.seat("lane_head", small.lane, "姚建国")
    actions.set_duty_number(unit=small.lane, post=small.posts["lane_head"], phone="0359-6520001")
    before = Unit.objects.count(), Succession.objects.count()
    plan = actions.plan_merge(by=None, units=[small.village, south], on=TODAY, into=Named("新村"), now=NOW)
    seen = actions.preview(plan, now=NOW)
    assert (Unit.objects.count(), Succession.objects.count()) == before
    assert [(person.name, person.unit) for person in seen.leaving] == [("赵主任", "横北村")]
    own = {str(line.label): line.count for line in seen.lines}
    assert own == own | {
        "下级单位": 6,
        "随下级单位接着任职": 1,
        "任职到那天为止": 1,
        "值班安排": 0,
        "值班电话": 1,
        "要新挂的公示牌": 4,
        "旧公示牌": 4,
        "边界": 2,  # of the first village's lanes
    }
    assert [(old.short_name, new.short_name) for old, new in plan.below][:3] == [
        ("第一网格", "横北村第一网格"),
        ("一巷", "一巷"),
        ("二巷", "横北村二巷"),
    ]


def test_rings_are_joined(small: Small) -> None:
    south, *_rest = second_village(small)
    ground(small.village, 111.0, 35.0, 111.1, 35.1)
    ground(south, 111.10002, 35.0, 111.2, 35.1)  # a hairline of two metres between them
    actions.merge_units(units=[small.village, south], on=TODAY, into=Named("新村"))
    new = Boundary.objects.get(unit__name="新村")
    lngs, lats = [lng for lng, _lat in new.ring], [lat for _lng, lat in new.ring]
    assert [round(edge, 3) for edge in (min(lngs), max(lngs), min(lats), max(lats))] == [
        111.0,
        111.2,
        35.0,
        35.1,
    ]
    assert "横北村、横南村" in new.source
    assert new.synthetic
    assert Boundary.objects.filter(unit__short_name="一巷", unit__valid_to=None).exists()
    found = unit_of_point(35.05, 111.19, at=NOW)
    assert found is not None
    assert found[0].name == "新村"


def test_ground_that_does_not_touch_is_for_somebody_to_draw(small: Small) -> None:
    assert joined([[(0, 0), (1, 0), (1, 1), (0, 1)], [(5, 0), (6, 0), (6, 1), (5, 1)]]) is None
    south, *_rest = second_village(small)
    ground(small.village, 111.0, 35.0, 111.1, 35.1)
    ground(south, 111.5, 35.0, 111.6, 35.1)
    actions.merge_units(units=[small.village, south], on=TODAY, into=Named("新村"))
    assert not Boundary.objects.filter(unit__name="新村").exists()


def test_one_that_stands_takes_the_ground_in_on_the_day(small: Small) -> None:
    south, *_rest = second_village(small)
    ground(small.village, 111.0, 35.0, 111.1, 35.1)
    ground(south, 111.1, 35.0, 111.2, 35.1)
    on = TODAY + 3 * DAY
    actions.merge_units(units=[south], on=on, into=small.village)
    assert max(lng for lng, _lat in Boundary.objects.get(unit=small.village).ring) == 111.1
    waiting = OutboxMessage.objects.get(topic=actions.GROW)
    assert day_of(waiting.available_at) == on
    for _twice in range(2):
        tasks.grow(waiting, NOW + 3 * DAY)
        own = Boundary.objects.get(unit=small.village)
        assert round(max(lng for lng, _lat in own.ring), 6) == 111.2


def test_rename_unit_keeps_the_old_name_in_the_ledger(small: Small) -> None:
    by = administrator(small)
    south, *_rest = second_village(small)
    for values, code in (
        ({"name": "横北村委会", "short_name": "横北村"}, "unchanged"),
        ({"name": "横南村"}, "name_taken"),
        ({"name": "新村", "on": TODAY + DAY}, "not_yet"),
        ({"name": "新村", "on": SINCE - DAY}, "dates"),
    ):
        refused(code, actions.rename_unit, **{"by": by, "unit": small.village, "on": TODAY, **values})
    actions.rename_unit(by=by, unit=small.village, on=TODAY, name="横北新村委会", short_name="横北新村")
    small.village.refresh_from_db()
    assert (small.village.name, small.village.path) == ("横北新村委会", "14/08/26/101/200/")
    last = history(small.village.pk)[-1]
    assert (last.kind, last.data["old"]["short_name"], last.data["new"]["short_name"]) == (
        "rename_unit",
        "横北村",
        "横北新村",
    )
    actions.merge_units(units=[south], on=TODAY, into=small.village)
    refused("unit_ended", actions.rename_unit, by=by, unit=south, on=TODAY, name="旧村")


def test_statements_do_not_grow_with_what_lies_below(small: Small) -> None:
    few = second_village(small, "横南村", ["甲巷"])
    many = second_village(small, "横东村", [f"东{number}巷" for number in range(12)])
    for village in (few, many):
        for lane in village[2:]:
            small.seat("lane_head", lane)
            actions.set_duty_number(unit=lane, post=small.posts["lane_head"], phone="0359-6520001")
    counts = []
    for name, village in (("甲村", few), ("乙村", many)):
        with CaptureQueriesContext(connection) as asked:
            actions.merge_units(units=village[:1], on=TODAY, into=Named(name))
        # the cases' mover reads what lies there; nothing does
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert counts[0] <= 36
    assert DutyNumber.objects.filter(unit__valid_to=None).count() == 13


def test_two_at_once_wait_for_each_other_in_the_same_order(small: Small) -> None:
    """Locked from the top down, whichever is named first."""
    south, *_rest = second_village(small)
    for units in ([small.village, south], [south, small.village]):
        with CaptureQueriesContext(connection) as asked:
            refused("no_name", actions.merge_units, units=units, on=TODAY, into=Named(""))
        locking = [row["sql"] for row in asked if "FOR UPDATE" in row["sql"]]
        assert len(locking) == 2  # once more for what came below while it waited
        assert all('ORDER BY "territory_unit"."path" ASC' in sql for sql in locking)


def test_next_label() -> None:
    assert next_label("02", {"01"}) == "02"
    assert next_label("02", {"01", "02", "06"}) == "07"
    assert next_label("206", {"200", "206", "206b", "224"}) == "225"
    assert next_label("o2", {"o2", "o10", "201"}) == "o11"
    assert next_label("99", {"99"}) == "100"
