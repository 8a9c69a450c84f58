"""A unit ends: its open cases follow to the successor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from xiangli.cases import actions
from xiangli.cases.actions import Act
from xiangli.cases.models import Category, Order, Part, Responsibility
from xiangli.cases.states import State
from xiangli.cases.tests.factories import SINCE, Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.matters.models import Matter, MatterGrant
from xiangli.matters.queries import history, my_tasks
from xiangli.matters.states import Visibility
from xiangli.territory.actions import Ending, Named, end_unit, merge_units, open_unit, split_unit
from xiangli.territory.rules import day_of


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def test_open_cases_follow_a_merged_lane_and_closed_ones_stay(place: Place) -> None:
    waiting, taken, done = (make_report(place.lane) for _ in range(3))
    actions.take_case(an_act(place.actor("lane_head"), taken))
    actions.withdraw_case(done.code, act_id=an_act(place.actor("lane_head"), done).act_id)

    end_unit(unit=place.lane, on=day_of(clock.now()), successors=[place.lane2])

    moved = Matter.objects.get(pk=waiting.matter.pk)
    assert (moved.place_id, moved.holder_unit_id, moved.state) == (
        place.lane2.pk,
        place.lane2.pk,
        State.ASSIGNED,
    )
    assert moved.place_name == "庙上村 二巷"
    assert [row.kind for row in history(moved)] == ["report_case", "move_case"]
    assert Matter.objects.visible_to(place.actor("lane_head_2")).filter(pk=moved.pk).exists()
    assert not Matter.objects.visible_to(place.actor("lane_head")).exists()
    actions.take_case(an_act(place.actor("lane_head_2"), waiting))

    again = Matter.objects.get(pk=taken.matter.pk)
    assert (again.state, again.handler_id) == (State.ASSIGNED, None)
    assert Matter.objects.get(pk=done.matter.pk).place_id == place.lane.pk


def test_a_unit_that_ends_tomorrow_keeps_its_cases_until_then(place: Place) -> None:
    reported = make_report(place.lane)
    tomorrow = clock.now() + timedelta(days=1)
    end_unit(unit=place.lane, on=day_of(tomorrow), successors=[place.lane2])
    assert Matter.objects.get(pk=reported.matter.pk).holder_unit_id == place.lane.pk
    assert actions.move_ended_cases(clock.now()) == 0
    with clock.set_to(tomorrow):
        assert actions.move_ended_cases(tomorrow) == 1
    moved = Matter.objects.get(pk=reported.matter.pk)
    assert (moved.place_id, moved.holder_unit_id) == (place.lane2.pk, place.lane2.pk)


def test_a_resolved_case_goes_to_the_desk_and_leaves_the_resolver_s_tasks(place: Place) -> None:
    reported = make_report(place.lane, "voices")
    head = place.actor("lane_head")
    actions.handle_on_spot(an_act(head, reported, "说好了"))
    assert not my_tasks(head).exists()
    assert my_tasks(place.actor("village_director")).get().pk == reported.matter.pk


def test_open_cases_of_a_merged_village_go_where_they_lie_by_then(place: Place) -> None:
    """The lane's with its head, who goes on; the village's with whoever answers above while nobody is director."""
    level = place.village.level
    assert level is not None
    other = open_unit(parent=place.town, level=level, name="乔寺村", valid_from=SINCE)
    lane, desk, done = make_report(place.lane), make_report(place.lane2, "voices"), make_report(place.lane)
    actions.handle_on_spot(
        an_act(place.actor("lane_head_2"), desk, "换好了")
    )  # waits for the village's feedback
    actions.withdraw_case(done.code, act_id=an_act(place.actor("lane_head"), done).act_id)
    before = done.matter.place_path

    plan = merge_units(units=[place.village, other], on=day_of(clock.now()), into=Named("新庙村"))

    heir = {old.pk: new for old, new in plan.below}
    moved = Matter.objects.get(pk=lane.matter.pk)
    assert (moved.place_path, moved.holder_unit_id) == (heir[place.lane.pk].path, heir[place.lane.pk].pk)
    assert my_tasks(place.actor("lane_head")).filter(pk=moved.pk).exists()
    answered = Matter.objects.get(pk=desk.matter.pk)
    assert answered.place_path == heir[place.lane2.pk].path
    assert answered.holder_unit_id == place.town.pk  # the new village has nobody yet
    assert answered.alarm == "vacant"
    assert Matter.objects.get(pk=done.matter.pk).place_path == before


def test_a_split_village_s_cases_go_to_the_part_they_lie_in(place: Place) -> None:
    level = place.grid.level
    assert level is not None
    far = open_unit(parent=place.village, level=level, name="第二网格", valid_from=SINCE)
    here, elsewhere = make_report(place.lane), make_report(far)
    for reported in (here, elsewhere):
        Matter.objects.filter(pk=reported.matter.pk).update(
            holder_unit=place.village, lat=far.lat, lng=far.lng
        )
    split = split_unit(
        unit=place.village,
        on=day_of(clock.now()),
        parts=[Named("东村"), Named("西村")],
        goes={place.grid.pk: 1, far.pk: 0},
    )
    east, west = split.opened[:2]
    for reported, part in ((here, west), (elsewhere, east)):
        matter = Matter.objects.get(pk=reported.matter.pk)
        assert matter.place_path.startswith(part.path)
        assert history(matter)[-1].kind == "move_case"


def test_a_preview_counts_ordinary_cases_alone(place: Place) -> None:
    make_report(place.lane)
    held = make_report(place.lane2)
    Matter.objects.filter(pk=held.matter.pk).update(holder_unit=place.lane)
    secret = make_report(place.lane)
    Matter.objects.filter(pk=secret.matter.pk).update(visibility=Visibility.PRIVATE)
    now = clock.now()
    lines = actions.preview_cases([Ending(place.lane, (place.lane2,))], day_of(now), now)
    assert [line.count for line in lines] == [1, 1]
    assert "二巷" in str(lines[0].goes)
    several = actions.preview_cases([Ending(place.lane, (place.lane2, place.grid))], day_of(now), now)
    assert "最近" in str(several[0].goes)


def test_the_list_of_responsibilities_follows_an_organ(place: Place) -> None:
    water, roads = add_organ(place), add_organ(place, "roads_desk", "交通运输局")
    today = day_of(clock.now())
    for code, since in (("environment", SINCE), ("traffic", today + timedelta(days=9))):
        Responsibility.objects.create(
            county=place.county,
            category=Category.objects.get(code=code),
            level="lane",
            post=place.posts["organ_desk"],
            organ=water,
            valid_from=since,
            source="县政府常务会议纪要",
        )
    (*_cases, line) = actions.preview_cases([Ending(water, (roads,))], today, clock.now())
    assert line.count == 2
    end_unit(unit=water, on=today + timedelta(days=3), successors=[roads])
    lines = Responsibility.objects.order_by("category__code", "valid_from")
    assert [(one.organ_id, one.valid_from, one.valid_to) for one in lines] == [
        (water.pk, SINCE, today + timedelta(days=3)),
        (roads.pk, today + timedelta(days=3), None),
        (roads.pk, today + timedelta(days=9), None),
    ]


def ask_lane_two(place: Place) -> Matter:
    """A case that the grid's head leads, and in which the second lane's head was asked to do a share."""
    reported = make_report(place.lane)
    actions.hand_up_case(an_act(place.actor("lane_head"), reported, "要两条巷一起办"))
    actions.take_case(an_act(place.actor("grid_head"), reported))
    actions.handle_together(
        an_act(place.actor("grid_head"), reported, "请来人"),
        unit_id=place.lane2.pk,
        post_id=place.posts["lane_head"].pk,
    )
    return Matter.objects.get(pk=reported.matter.pk)


def test_a_share_follows_the_seat_that_was_asked(place: Place) -> None:
    matter = ask_lane_two(place)
    plan = merge_units(units=[place.grid], on=day_of(clock.now()), into=Named("第九网格"))
    lane2 = next(new for old, new in plan.below if old.pk == place.lane2.pk)
    part = Part.objects.get()
    assert (part.unit_id, part.done_at) == (lane2.pk, None)
    assert part.seat.startswith(str(lane2.pk))
    assert MatterGrant.objects.filter(matter=matter, seat=part.seat, ended_at=None).exists()
    actions.finish_part(
        Act(actor=place.actor("lane_head_2"), matter_id=matter.pk, act_id=new_id(), note="扫好了"),
        part_id=part.pk,
    )
    assert Part.objects.get().done_at is not None


def test_a_share_of_a_later_day_moves_on_that_day_or_whoever_leads_is_told(place: Place) -> None:
    ask_lane_two(place)
    tomorrow = clock.now() + timedelta(days=1)
    end_unit(unit=place.lane2, on=day_of(tomorrow), successors=[place.lane])
    assert Part.objects.get().unit_id == place.lane2.pk
    with clock.set_to(tomorrow):
        assert actions.move_ended_cases(tomorrow) == 1
        assert Part.objects.get().unit_id == place.lane.pk
        assert actions.move_ended_cases(tomorrow) == 0


def test_the_answer_to_an_order_goes_to_who_follows(place: Place) -> None:
    reported = make_report(place.lane)
    actions.supervise_case(an_act(place.actor("town_desk"), reported, "请今天办"))
    plan = merge_units(units=[place.town], on=day_of(clock.now()), into=Named("横水街道"))
    order = Order.objects.get()
    assert order.by_seat == f"{plan.opened[0].pk}:{place.posts['town_desk'].pk}"
    assert [held.unit_name for held in place.actor("town_desk").held] == ["横水街道"]
