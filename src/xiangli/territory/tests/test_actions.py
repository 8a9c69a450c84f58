from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ledger import history
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory.actions.plans import movers
from xiangli.territory.models import (
    Absence,
    Appointment,
    Level,
    Post,
    Scheme,
    Standing,
    Succession,
    Unit,
    UnitKind,
)
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import day_of, normal_plate_code
from xiangli.territory.tests.factories import SINCE, Small, make_county

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LANE_DUTIES = {
    "disputes", "hazards", "information", "environment", "voices", "traffic", "greening", "facilities",
    "work_safety", "public_safety", "services",
}  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> Small:
    return make_county()


def kinds(unit: Unit) -> list[str]:
    return [row.kind for row in history(unit.pk)]


# presets


def test_the_four_trees_of_the_articles_are_packaged() -> None:
    assert actions.presets() == ["estates", "grid-heads", "lanes", "sections"]


@pytest.mark.parametrize("code", ["estates", "grid-heads", "lanes", "sections"])
def test_load_preset_is_whole_and_the_same_at_a_second_time(code: str) -> None:
    scheme = actions.load_preset(code)
    levels = {level.code: level for level in Level.objects.filter(scheme=scheme).select_related("parent")}
    posts = list(Post.objects.filter(scheme=scheme))
    for level in levels.values():
        assert level.name_en
        above = level.parent
        assert (above is None and level.rank == 1) or (above is not None and level.rank == above.rank + 1)
    for post in posts:
        assert post.name_en
        assert set(post.levels) <= set(levels)
        assert not any(word.startswith("@") for word in [*post.duties, *post.permissions])
    # every duty of the catalogue is answered where a plate hangs, and up to the county
    for level in levels.values():
        if level.has_plate or level.rank == 1:
            answered = {duty for post in posts if level.code in post.levels for duty in post.duties}
            assert answered >= LANE_DUTIES
    # a complaint starts above whoever stands on a plate, and contacts open at the town alone
    assert {level for post in posts if "complaints" in post.duties for level in post.levels} == {
        "town",
        "county",
    }
    assert not any(post.on_plate for post in posts if "complaints" in post.duties)
    assert {post.code for post in posts if "reveal_contact" in post.permissions} == {"town_desk"}
    actions.load_preset(code)
    assert Scheme.objects.count() == 1
    assert {post.pk for post in Post.objects.all()} == {post.pk for post in posts}


def test_load_preset_that_is_none_names_those_there_are() -> None:
    with pytest.raises(Refused, match="grid-heads"):
        actions.load_preset("nonsense")


def test_refresh_presets_gives_posts_of_an_older_version_their_new_permissions() -> None:
    assert actions.refresh_presets() == []
    actions.load_preset("lanes")
    Level.objects.filter(code="organ").delete()
    Post.objects.filter(code="organ_desk").delete()
    Post.objects.filter(code="lane_head").update(permissions=["take_case"])
    own = Scheme.objects.create(code="courtyards", name="院落", name_en="courtyards")
    assert actions.refresh_presets() == ["lanes"]
    assert "hand_up_case" in Post.objects.get(code="lane_head").permissions
    assert Post.objects.get(code="organ_desk").levels == ["organ"]
    assert Level.objects.get(code="organ").parent == Level.objects.get(code="county")
    assert not own.levels.exists()


# units


def test_open_unit_gives_path_and_plate_and_leaves_an_event(small: Small) -> None:
    lane = actions.open_unit(
        parent=small.grid, level=small.levels["lane"], label="03", name="三巷", valid_from=TODAY
    )
    assert lane.path == "14/08/26/101/200/01/03/"
    assert lane.county == small.county
    assert lane.plate_code is not None
    assert normal_plate_code(lane.plate_code) == lane.plate_code
    assert kinds(lane) == ["open_unit"]
    assert small.grid.plate_code is None  # grids of this scheme carry none


@pytest.mark.parametrize(
    ("level", "label", "reason"),
    [("grid", "03", "level_below"), ("lane", "三", "label"), ("lane", "01", "label_taken")],
)
def test_open_unit_refuses(small: Small, level: str, label: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        actions.open_unit(
            parent=small.grid, level=small.levels[level], label=label, name="三巷", valid_from=TODAY
        )
    assert refused.value.code == reason


def test_open_unit_refuses_a_day_before_its_parent(small: Small) -> None:
    with pytest.raises(Refused) as refused:
        actions.open_unit(
            parent=small.grid,
            level=small.levels["lane"],
            label="03",
            name="三巷",
            valid_from=date(2020, 1, 1),
        )
    assert refused.value.code == "parent_ended"


def test_a_statutory_code_has_one_unit_at_a_time_and_is_used_again(small: Small) -> None:
    def open_village(label: str, day: date) -> Unit:
        return actions.open_unit(
            parent=small.town,
            level=small.levels["village"],
            label=label,
            name="坡底村",
            code="140826101206",
            valid_from=day,
        )

    first = open_village("206", SINCE)
    with pytest.raises(Refused) as refused:
        open_village("206b", TODAY)
    assert refused.value.code == "code_in_force"
    actions.end_unit(unit=first, on=TODAY, successors=[small.village])
    second = open_village("206b", TODAY)
    assert second.code == first.code
    assert second.path != first.path


def test_end_unit_closes_it_and_what_hangs_on_it(small: Small) -> None:
    now_there = small.seat("lane_head", small.lane)
    coming = small.seat("lane_head", small.lane_two, since=date(2027, 1, 1))
    told: list[tuple[Sequence[actions.Ending], date]] = []

    def mover(endings: Sequence[actions.Ending], on: date, now: datetime) -> None:
        told.append((endings, on))

    actions.register_mover(mover)
    try:
        actions.end_unit(unit=small.lane, on=TODAY, successors=[small.lane_two])
    finally:
        movers.remove(mover)
    now_there.refresh_from_db()
    small.lane.refresh_from_db()
    assert (small.lane.valid_to, now_there.valid_to) == (TODAY, TODAY)
    assert Succession.objects.get().successor == small.lane_two
    assert told == [((actions.Ending(small.lane, (small.lane_two,)),), TODAY)]
    assert kinds(small.lane) == ["open_unit", "appoint", "end_unit"]

    third = actions.open_unit(
        parent=small.grid, level=small.levels["lane"], label="03", name="三巷", valid_from=SINCE
    )
    actions.end_unit(unit=small.lane_two, on=TODAY, successors=[third])
    assert not Appointment.objects.filter(pk=coming.pk).exists()  # it would never have begun


def test_end_unit_refuses(small: Small) -> None:
    for unit, on, successors, reason in (
        (small.lane, TODAY, [], "no_successor"),
        (small.lane, TODAY, [small.lane], "successor_ended"),
        (small.grid, TODAY, [small.village], "has_units"),
        (small.lane, SINCE, [small.lane_two], "dates"),
    ):
        with pytest.raises(Refused) as refused:
            actions.end_unit(unit=unit, on=on, successors=successors)
        assert refused.value.code == reason
    actions.end_unit(unit=small.lane, on=TODAY, successors=[small.lane_two])
    with pytest.raises(Refused) as again:
        actions.end_unit(unit=small.lane, on=TODAY, successors=[small.lane_two])
    assert again.value.code == "unit_ended"
    with pytest.raises(Refused) as gone:
        actions.end_unit(unit=small.lane_two, on=TODAY, successors=[small.lane])
    assert gone.value.code == "successor_ended"


# organs


def test_open_organ_takes_the_next_number_of_the_county(small: Small) -> None:
    water = actions.open_organ(county=small.county, name="绛县水务局", short_name="水务局", valid_from=SINCE)
    roads = actions.open_organ(county=small.county, name="绛县交通运输局", valid_from=SINCE)
    assert [unit.path for unit in (water, roads)] == ["14/08/26/o1/", "14/08/26/o2/"]
    assert (water.kind, water.short_name, water.plate_code, water.county) == (
        UnitKind.ORGAN,
        "水务局",
        None,
        small.county,
    )
    assert small.lane.kind == UnitKind.PLACE
    assert kinds(water) == ["open_unit"]
    actions.end_unit(unit=water, on=TODAY, successors=[roads])
    again = actions.open_organ(county=small.county, name="绛县水务局", valid_from=TODAY)
    assert again.path == "14/08/26/o3/"  # a number is never given twice


def test_open_organ_refuses(small: Small) -> None:
    director = actor_for(small.seat("village_director", small.village).user, at=clock.now())
    actions.open_organ(county=small.county, name="水务局", valid_from=SINCE)
    for by, county, name, reason in (
        (None, small.county, "水务局", "name_taken"),
        (None, small.town, "林业站", "no_scheme"),
        (director, small.county, "林业局", "not_permitted"),
    ):
        with pytest.raises(Refused) as refused:
            actions.open_organ(by=by, county=county, name=name, valid_from=SINCE)
        assert refused.value.code == reason


# appointments


def test_appoint_records_by_which_post_it_was_done(small: Small) -> None:
    clerk = small.seat("village_director", small.village, "主任")
    director = actor_for(clerk.user, at=clock.now())
    user = User.objects.create_user(display_name="姚建国")
    appointment = actions.appoint(
        by=director, user=user, unit=small.lane, post=small.posts["lane_head"], valid_from=day_of(clock.now())
    )
    assert appointment.recorded_by_id == clerk.user_id
    event = history(small.lane.pk)[-1]
    assert (event.kind, event.actor, event.authority) == ("appoint", clerk.user_id, f"appointment:{clerk.pk}")
    assert event.data["user"] == str(user.pk)
    assert "姚建国" not in str(event.data)


def test_appoint_outside_ones_territory_or_without_the_right_is_refused(small: Small) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    director = actor_for(small.seat("village_director", small.village).user, at=clock.now())
    head = actor_for(small.seat("grid_head", small.grid).user, at=clock.now())
    user = User.objects.create_user(display_name="某人")
    for by, unit in ((director, other.lane), (director, small.town), (head, small.lane)):
        post = small.posts["town_head" if unit == small.town else "lane_head"]
        with pytest.raises(Refused) as refused:
            actions.appoint(by=by, user=user, unit=unit, post=post, valid_from=TODAY)
        assert refused.value.code == "not_permitted"
    assert not Appointment.objects.filter(user=user).exists()


def test_a_post_of_one_has_one_holder_at_a_time_and_any_deputies(small: Small) -> None:
    first = small.seat("lane_head", small.lane, "姚建国")
    with pytest.raises(Refused) as refused:
        small.seat("lane_head", small.lane, "赵晓东", since=TODAY)
    assert refused.value.code == "post_taken"
    assert "姚建国" in str(refused.value)
    small.seat("lane_head", small.lane, standing=Standing.DEPUTY)
    small.seat("lane_head", small.lane, standing=Standing.DEPUTY)
    actions.end_appointment(appointment=first, on=TODAY)
    second = small.seat("lane_head", small.lane, "赵晓东", since=TODAY)
    assert second.valid_to is None
    with pytest.raises(Refused) as before:
        small.seat("lane_head", small.lane, since=SINCE, until=TODAY)
    assert before.value.code == "post_taken"


def test_a_post_of_several_takes_several_but_each_person_once(small: Small) -> None:
    first = small.seat("grid_worker", small.grid)
    small.seat("grid_worker", small.grid)
    with pytest.raises(Refused) as refused:
        small.seat("grid_worker", small.grid, user=first.user)
    assert refused.value.code == "appointed_already"


def test_one_person_holds_many_posts(small: Small) -> None:
    director = small.seat("village_director", small.village, "主任")
    small.seat("grid_head", small.grid, user=director.user)
    small.seat("lane_head", small.lane, user=director.user)
    small.seat("lane_head", small.lane_two, user=director.user)
    assert len(actor_for(director.user, at=clock.now()).held) == 4


def test_appoint_refuses_what_does_not_fit(small: Small) -> None:
    other = actions.load_preset("grid-heads")
    foreign = Post.objects.get(scheme=other, code="lane_head")
    user = User.objects.create_user(display_name="某人")
    for unit, post, since, until, reason in (
        (small.grid, small.posts["lane_head"], TODAY, None, "level"),
        (small.lane, foreign, TODAY, None, "scheme"),
        (small.lane, small.posts["lane_head"], TODAY, TODAY, "dates"),
        (small.lane, small.posts["lane_head"], date(2020, 1, 1), None, "unit_ended"),
    ):
        with pytest.raises(Refused) as refused:
            actions.appoint(user=user, unit=unit, post=post, valid_from=since, valid_to=until)
        assert refused.value.code == reason


def test_whoever_opens_contacts_must_have_a_second_factor(small: Small) -> None:
    desk = small.seat("town_desk", small.town)
    head = small.seat("lane_head", small.lane)
    assert User.objects.get(pk=desk.user_id).require_second_factor
    assert not User.objects.get(pk=head.user_id).require_second_factor


def test_end_appointment_twice_is_refused(small: Small) -> None:
    head = small.seat("lane_head", small.lane)
    actions.end_appointment(appointment=head, on=TODAY)
    for on in (TODAY, TODAY + timedelta(days=1)):
        with pytest.raises(Refused) as refused:
            actions.end_appointment(appointment=head, on=on)
        assert refused.value.code == "ended_already"
    with pytest.raises(Refused) as earlier:
        actions.end_appointment(appointment=head, on=SINCE)
    assert earlier.value.code == "dates"
    actions.end_appointment(appointment=head, on=TODAY - timedelta(days=1))  # shortened
    head.refresh_from_db()
    assert head.valid_to == TODAY - timedelta(days=1)


# absence and duty numbers


def test_record_absence_is_ones_own_to_say(small: Small) -> None:
    head = small.seat("lane_head", small.lane)
    other = small.seat("lane_head", small.lane_two)
    absence = actions.record_absence(
        by=actor_for(head.user, at=clock.now()), appointment=head, starts=NOW, ends=NOW + timedelta(days=3)
    )
    assert history(small.lane.pk)[-1].authority == f"appointment:{head.pk}"
    assert Absence.objects.get() == absence
    with pytest.raises(Refused) as refused:
        actions.record_absence(by=actor_for(other.user, at=clock.now()), appointment=head, starts=NOW)
    assert refused.value.code == "not_permitted"


def test_record_absence_refuses_two_at_a_time(small: Small) -> None:
    head = small.seat("lane_head", small.lane)
    day = timedelta(days=1)
    actions.record_absence(appointment=head, starts=NOW, ends=NOW + 3 * day)
    for starts, ends, reason in (
        (NOW + 2 * day, None, "away_already"),
        (NOW - day, NOW + day, "away_already"),
        (NOW, NOW, "dates"),
    ):
        with pytest.raises(Refused) as refused:
            actions.record_absence(appointment=head, starts=starts, ends=ends)
        assert refused.value.code == reason
    actions.record_absence(appointment=head, starts=NOW + 3 * day)
    with pytest.raises(Refused):
        actions.record_absence(appointment=head, starts=NOW + 9 * day, ends=NOW + 10 * day)


def test_set_duty_number_replaces_the_old_one(small: Small) -> None:
    post = small.posts["lane_head"]
    actions.set_duty_number(unit=small.lane, post=post, phone="0359-0000001")
    actions.set_duty_number(unit=small.lane, post=post, phone="0359-0000002")
    assert [number.phone for number in small.lane.duty_numbers.all()] == ["0359-0000002"]
    assert kinds(small.lane) == ["open_unit", "set_duty_number", "set_duty_number"]
