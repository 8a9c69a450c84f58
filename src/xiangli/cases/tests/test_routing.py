"""Who is responsible by the county's list: which line, which seat, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.cases import actions
from xiangli.cases.models import Case, Category, Responsibility
from xiangli.cases.queries.routing import (
    forget_routes,
    responsibilities,
    responsible_for,
    route_of,
    who_is_responsible,
)
from xiangli.cases.tests.factories import SINCE, Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterGrant
from xiangli.territory.actions import appoint
from xiangli.territory.models import Appointment, Level, Unit, UnitKind
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import day_of, seat_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_routes()
    yield
    forget_routes()


@pytest.fixture
def place() -> Place:
    return make_place()


def category(code: str = "environment") -> Category:
    return Category.objects.get(code=code)


def list_line(
    place: Place, post: str, *, code: str = "environment", level: str = "lane", **more: Any
) -> Responsibility:
    """A line of the county's list, as if it had just been imported."""
    made = Responsibility.objects.create(
        county=place.county,
        category=category(code),
        level=level,
        post=place.posts[post],
        source="绛县权责清单（2026）",
        **({"valid_from": SINCE} | more),
    )
    forget_routes()
    return made


def make_organ(place: Place, name: str = "城管局", label: str = "o1/") -> Unit:
    organ = Unit(
        kind=UnitKind.ORGAN,
        county=place.county,
        parent=place.county,
        level=Level.objects.get(scheme=place.posts["county_desk"].scheme, code="organ"),
        path=place.county.path + label,
        name=name,
        short_name=name,
        valid_from=SINCE,
    )
    organ.save(force_insert=True)
    return organ


def ask(place: Place, where: Unit, code: str = "environment", **more: Any) -> Any:
    return responsible_for(where, category(code), at=clock.now(), **more)


def test_without_a_list_the_duty_answers(place: Place) -> None:
    found = ask(place, place.lane)
    assert (found.answer.user_id, found.answer.alarm) == (place.people["lane_head"].pk, "")
    assert (found.route, found.listed_seat) == (None, "")


def test_the_line_of_the_category_and_the_places_level_decides(place: Place) -> None:
    line = list_line(place, "village_clerk")
    list_line(place, "town_desk", level="grid")
    list_line(place, "county_desk", code="traffic")
    found = ask(place, place.lane)
    assert found.answer.user_id == place.people["village_clerk"].pk
    assert found.route is not None
    assert (found.route.line, found.route.source) == (line.pk, "绛县权责清单（2026）")
    assert found.listed_seat == found.answer.seat
    assert ask(place, place.grid).answer.user_id == place.people["town_desk"].pk
    assert ask(place, place.lane, "traffic").answer.user_id == place.people["county_desk"].pk
    assert ask(place, place.village).route is None
    assert ask(place, place.lane, "greening").route is None
    answer = who_is_responsible(place.lane, category(), at=clock.now())
    assert answer.user_id == place.people["village_clerk"].pk


def test_only_the_line_in_force_on_the_day(place: Place) -> None:
    today = day_of(clock.now())
    old = list_line(place, "village_clerk", valid_to=today)
    new = list_line(place, "town_desk", valid_from=today)
    yesterday = route_of(category().pk, place.lane, on=today - timedelta(days=1))
    assert yesterday is not None
    assert yesterday.line == old.pk
    assert ask(place, place.lane).route.line == new.pk
    assert route_of(category().pk, place.lane, on=date(2023, 12, 31)) is None


def test_another_countys_list_is_not_ours(place: Place) -> None:
    other = make_place("14/08/21/")
    list_line(other, "village_clerk")
    assert ask(place, place.lane).route is None
    assert ask(other, other.lane).route is not None


def test_an_organ_answers_for_the_whole_county(place: Place) -> None:
    organ = make_organ(place)
    person = place.seat("organ_desk", organ, "城管小周")
    list_line(place, "organ_desk", organ=organ)
    found = ask(place, place.lane2)
    assert (found.answer.unit_id, found.answer.user_id) == (organ.pk, person.pk)
    assert found.route.organ_id == organ.pk


def test_a_vacant_seat_of_the_list_is_loud_and_names_no_line(place: Place) -> None:
    list_line(place, "organ_desk", organ=make_organ(place))
    found = ask(place, place.lane)
    assert (found.answer.user_id, found.answer.alarm) == (place.people["lane_head"].pk, "vacant")
    assert (found.route, found.listed_seat) == (None, "")


def test_a_complaint_never_goes_by_the_list(place: Place) -> None:
    """rights.md: not to those whom it is about, nor through them. A line that a careless hand wrote is not read."""
    list_line(place, "lane_head", code="service_complaint")
    about = {place.people["lane_head"].pk}
    found = ask(place, place.lane, "service_complaint", excluding=about)
    assert found.route is None
    assert found.answer.user_id == place.people["town_desk"].pk


def test_whoever_is_excluded_is_passed_over_in_the_lists_seat(place: Place) -> None:
    list_line(place, "village_clerk")
    found = ask(place, place.lane, excluding={place.people["village_clerk"].pk})
    assert found.answer.user_id == place.people["lane_head"].pk
    assert (found.route, found.answer.alarm) == (None, "")


def test_nothing_of_a_person_stands_in_a_line() -> None:
    """rights.md: place, duty, the dated list and clocks decide. No row of it refers to a person."""
    related = {
        field.related_model._meta.label
        for field in Responsibility._meta.get_fields()
        if field.related_model is not None and not isinstance(field.related_model, str)
    }
    assert related == {"territory.Unit", "cases.Category", "territory.Post"}
    assert {field.name for field in Responsibility._meta.get_fields()} == {
        "id", "county", "category", "level", "post", "organ", "valid_from", "valid_to", "source",
    }  # fmt: skip


def test_the_same_line_leads_to_whoever_sits_there_today(place: Place) -> None:
    line = list_line(place, "village_clerk")
    today = day_of(clock.now())
    Appointment.objects.filter(user=place.people["village_clerk"]).update(valid_to=today)
    new = User.objects.create_user(display_name="新文书")
    appoint(user=new, unit=place.village, post=place.posts["village_clerk"], valid_from=today)
    found = ask(place, place.lane)
    assert (found.answer.user_id, found.route.line) == (new.pk, line.pk)


# ------------------------------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize("lines", [0, 1, 30])
def test_the_list_costs_one_statement_in_five_seconds(
    place: Place, lines: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    codes = list(Category.objects.filter(visibility="ordinary").values_list("code", flat=True))
    for number in range(lines):
        list_line(
            place,
            "village_clerk",
            code=codes[number % len(codes)],
            level=("lane", "grid", "village")[number // len(codes)],
        )
    asked, lane = category(codes[0]), Unit.objects.get(pk=place.lane.pk)
    forget_routes()
    with django_assert_num_queries(2):  # the lines, and who is there
        assert (responsible_for(lane, asked, at=clock.now()).route is not None) == (lines > 0)
    with django_assert_num_queries(1):
        responsible_for(lane, asked, at=clock.now())
    with django_assert_num_queries(1):  # another lane: the county's list is there
        responsible_for(place.lane2, asked, at=clock.now())


def test_a_vacant_seat_costs_no_statement_more(
    place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    list_line(place, "organ_desk", organ=make_organ(place))
    asked = category()
    responsible_for(place.lane, asked, at=clock.now())
    with django_assert_num_queries(1):
        assert responsible_for(place.lane, asked, at=clock.now()).answer.alarm == "vacant"


def test_what_is_kept_is_forgotten_after_five_seconds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from xiangli.cases.queries import routing

    ticks = [1000.0]
    monkeypatch.setattr(routing, "monotonic", lambda: ticks[0])
    asked, today = category(), day_of(clock.now())
    assert route_of(asked.pk, place.lane, on=today) is None
    Responsibility.objects.create(  # by another process
        county=place.county, category=asked, level="lane", post=place.posts["town_desk"], source="x", valid_from=SINCE
    )  # fmt: skip
    assert route_of(asked.pk, place.lane, on=today) is None
    ticks[0] += 5.1
    assert route_of(asked.pk, place.lane, on=today) is not None


def test_no_person_is_read_to_find_the_line(place: Place) -> None:
    list_line(place, "village_clerk")
    asked = category()
    with CaptureQueriesContext(connection) as captured:
        route_of(asked.pk, place.lane, on=day_of(clock.now()))
    assert len(captured.captured_queries) == 1
    for table in ("accounts_user", "territory_appointment", "matters_receipt"):
        assert table not in captured.captured_queries[0]["sql"]


# ------------------------------------------------------------------------------------------------------- through the loop


def report_event(reported: Any) -> dict[str, Any]:
    return dict(LedgerEvent.objects.get(stream=reported.matter.pk, seq=1).data)


def test_a_report_goes_to_the_lists_seat_and_names_the_line(place: Place) -> None:
    line = list_line(place, "village_clerk")
    reported = make_report(place.lane)
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert (matter.state, matter.alarm) == ("assigned", "")
    assert matter.holder_seat == seat_of(place.village.pk, place.posts["village_clerk"].pk)
    data = report_event(reported)
    assert (data["rule"], data["line"]) == ("responsibility-list", str(line.pk))
    assert not MatterGrant.objects.exists()
    other = make_report(place.lane, "traffic")
    assert (report_event(other)["rule"], "line" in report_event(other)) == ("place-and-duty", False)


def test_an_organ_sees_what_the_list_gives_it_and_nothing_else(place: Place) -> None:
    organ = make_organ(place)
    user = place.seat("organ_desk", organ, "城管小周")
    list_line(place, "organ_desk", organ=organ)
    reported, other = make_report(place.lane), make_report(place.lane, "traffic")
    seen = Matter.objects.visible_to(actor_for(user, at=clock.now()))
    assert set(seen.values_list("pk", flat=True)) == {reported.matter.pk}
    assert other.matter.pk != reported.matter.pk
    actions.take_case(an_act(actor_for(user, at=clock.now()), reported))
    assert Matter.objects.get(pk=reported.matter.pk).handler_id == user.pk


def give(place: Place, reported: Any, post: str, unit: Unit, note: str = "", who: str = "town_desk") -> None:
    act = an_act(place.actor(who), reported, note)
    actions.assign_case(act, unit_id=unit.pk, post_id=place.posts[post].pk)


def test_giving_it_elsewhere_takes_a_reason_and_is_counted(place: Place) -> None:
    line = list_line(place, "village_clerk")
    reported = make_report(place.lane)
    with pytest.raises(Refused) as refused:
        give(place, reported, "lane_head", place.lane)
    assert (refused.value.code, refused.value.field) == ("free_choice_reason", "note")
    assert Case.objects.get().free_choices == 0
    give(place, reported, "lane_head", place.lane, "巷长就在现场")
    assert Case.objects.get().free_choices == 1
    last = LedgerEvent.objects.filter(stream=reported.matter.pk).latest("seq")
    assert (last.kind, last.data["free_choice"], last.data["line"]) == ("assign_case", True, str(line.pk))
    assert "巷长就在现场" not in str(last.data)
    give(place, reported, "village_clerk", place.village)
    assert Case.objects.get().free_choices == 1
    assert "free_choice" not in LedgerEvent.objects.filter(stream=reported.matter.pk).latest("seq").data


def test_without_a_line_and_for_a_vacant_seat_every_choice_is_the_desks_own(place: Place) -> None:
    reported = make_report(place.lane)
    give(place, reported, "grid_head", place.grid)
    list_line(place, "organ_desk", organ=make_organ(place))
    give(place, reported, "lane_head", place.lane)
    assert Case.objects.get().free_choices == 0
    assert "free_choice" not in LedgerEvent.objects.filter(stream=reported.matter.pk).latest("seq").data


def test_the_seat_that_the_list_names_passes_on_as_it_sees_fit(place: Place) -> None:
    list_line(place, "town_desk")
    reported = make_report(place.lane)
    give(place, reported, "lane_head", place.lane)
    assert Case.objects.get().free_choices == 0


def test_transferring_past_the_list_is_counted_too(place: Place) -> None:
    organ = make_organ(place)
    place.seat("organ_desk", organ, "城管小周")
    list_line(place, "village_clerk")
    reported = make_report(place.lane)
    act = an_act(place.actor("town_desk"), reported, "属于城管局职责")
    actions.transfer_case(act, unit_id=organ.pk, post_id=place.posts["organ_desk"].pk)
    assert Case.objects.get().free_choices == 1


# ------------------------------------------------------------------------------------------------------- the list as it is shown


def test_the_list_says_what_each_line_did_in_ninety_days(place: Place) -> None:
    now = clock.now()
    list_line(place, "village_clerk")
    list_line(place, "town_desk", code="traffic")
    list_line(
        place, "county_desk", code="traffic", level="village", valid_from=day_of(now) + timedelta(days=9)
    )
    list_line(place, "county_desk", code="greening", valid_to=day_of(now))
    with clock.set_to(now - timedelta(days=91)):
        make_report(place.lane)
    first, second = make_report(place.lane), make_report(place.lane2)
    give(place, first, "lane_head", place.lane, "巷长就在现场")
    actions.withdraw_case(second.code, act_id=new_id())
    lines = responsibilities(place.actor("county_desk"), place.county.pk, at=now + timedelta(minutes=1))
    assert [(row.category, row.level, row.post, row.coming, row.routed, row.elsewhere) for row in lines] == [
        ("环境卫生", "街巷", "村文书", False, 2, 1),
        ("交通秩序", "街巷", "乡镇（街道）综治中心", False, 0, 0),
        ("交通秩序", "村", "县（市、区）综治中心", True, 0, 0),
    ]
    # one who sees a lane counts a lane
    lines = responsibilities(place.actor("lane_head_2"), place.county.pk, at=now + timedelta(minutes=1))
    assert (lines[0].routed, lines[0].elsewhere) == (1, 0)


def test_the_list_costs_two_statements(
    place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    list_line(place, "village_clerk")
    make_report(place.lane)
    actor = place.actor("county_desk")
    with django_assert_num_queries(2):
        responsibilities(actor, place.county.pk, at=clock.now())
    for number, code in enumerate(("traffic", "greening", "hazards")):
        list_line(place, "organ_desk", code=code, organ=make_organ(place, f"部门{number}", f"o{number}/"))
        make_report(place.lane, code)
    with django_assert_num_queries(2):
        assert len(responsibilities(actor, place.county.pk, at=clock.now())) == 4
