"""The five demo counties: the articles' figures, the same on every machine, and whole."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import unary_union
from shapely.geometry import Polygon, box

from xiangli.accounts.models import User
from xiangli.config.demo.ground import middle, split
from xiangli.config.demo.ids import demo_id
from xiangli.config.demo.people import DEMO_PEOPLE, LANE, PASSWORD
from xiangli.config.demo.territory import demo_plate_code, load_territory, shares
from xiangli.territory.models import Absence, Appointment, Boundary, County, DutyNumber, Figure, OnCall, Unit
from xiangli.territory.queries import actor_for, organ_seats, plate, unit_of_point, who_answers
from xiangli.territory.rules import normal_plate_code

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@given(st.integers(1, 30), st.integers())
@settings(max_examples=25, deadline=None)
def test_split_covers_the_ground_in_that_many_cells(count: int, seed: int) -> None:
    ground = Polygon([(0, 0), (4, 0), (4, 1), (2, 2), (0, 3)])  # convex: nothing is cut off
    cells = split(ground, count, Random(seed))
    assert len(cells) == count
    assert all(cell.is_valid and cell.within(ground.buffer(1e-9)) for cell in cells)
    assert sum(cell.area for cell in cells) == pytest.approx(ground.area)
    assert unary_union(cells).area == pytest.approx(ground.area)  # so no two share ground
    for cell in cells:
        lat, lng = middle(cell)
        assert cell.buffer(1e-5).contains(box(lng, lat, lng, lat).centroid)


def test_split_is_the_same_for_the_same_seed() -> None:
    ground = box(0, 0, 1, 1)
    assert split(ground, 7, Random(1)) == split(ground, 7, Random(1))
    assert split(ground, 7, Random(1)) != split(ground, 7, Random(2))


@given(st.integers(1, 50), st.integers(0, 500), st.integers())
def test_shares_hand_out_exactly(among: int, more: int, seed: int) -> None:
    handed = shares(among + more, among, 1, Random(seed))
    assert (len(handed), sum(handed), min(handed) >= 1) == (among, among + more, True)


def test_demo_ids_and_plate_codes_are_well_formed() -> None:
    made = demo_id("unit", LANE)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made == demo_id("unit", LANE) != demo_id("unit", "14/")
    assert normal_plate_code(demo_plate_code(LANE)) == demo_plate_code(LANE)


@pytest.mark.django_db
def test_the_five_counties() -> None:
    said: list[tuple[str, int, int]] = []
    load_territory(now=NOW, say=lambda *one: said.append(one))
    assert said[-1] == ("五个县已装入", 5, 5)

    # the articles' figures
    levels = Counter(Unit.objects.filter(valid_to=None).values_list("county__name", "level__code"))
    assert (levels["绛县", "grid"], levels["绛县", "lane"]) == (304, 1849)
    assert levels["西峰区", "grid"] == 395
    workers = Appointment.objects.filter(unit__county__name="北镇市", post__code="grid_worker").count()
    assert 757 * 0.93 < workers <= 757
    real = Unit.objects.exclude(code="").filter(level__code__in=["village", "community"])
    assert real.count() == 1069
    assert not real.filter(is_synthetic=True).exists()
    assert not Unit.objects.filter(code="", is_synthetic=False).exists()
    assert Unit.objects.filter(is_pseudo=True, name__contains="监狱").count() == 2
    assert County.objects.count() == 5
    said_of = (
        Figure.objects.filter(unit__code="140821").order_by("name").values_list("name", "value", "measure")
    )
    assert list(said_of) == [("人口", Decimal(58), "万人"), ("农村人口比重", Decimal(80), "%")]
    households = Figure.objects.filter(name="户数")
    assert (
        households.count()
        == Unit.objects.filter(
            path__startswith="14/08/21/201/", level__code="village", is_pseudo=False
        ).count()
    )
    for figure in households.select_related("unit"):
        lanes = figure.unit.children.filter(valid_to=None).count()
        assert 20 * lanes <= figure.value <= 30 * lanes
        assert "虚构" in figure.source

    # what is made up says so, and lies where its parent is
    assert set(Boundary.objects.filter(synthetic=False).values_list("unit__level__code", flat=True)) == {
        "county"
    }
    lane = Unit.objects.get(path=LANE)
    assert unit_of_point(lane.lat or 0, lane.lng or 0, at=NOW) == (lane, False)
    missed = 0
    for unit in Unit.objects.filter(level__has_plate=True, valid_to=None).order_by("id")[:200]:
        found = unit_of_point(unit.lat or 0, unit.lng or 0, at=NOW)
        assert found is not None
        missed += not found[0].path.startswith(unit.path)
    assert missed == 0

    # people: vacancies, absences, several posts for one, one post for each
    filled = Appointment.objects.filter(post__code="lane_head", standing="holder").count()
    lanes = Unit.objects.filter(level__code="lane", valid_to=None).count()
    assert 0.94 < filled / lanes < 0.99
    assert 0 < Absence.objects.count() < filled * 0.1
    assert Appointment.objects.filter(standing="deputy").exists()
    assert Appointment.objects.values("user").distinct().count() < Appointment.objects.count() * 0.99
    assert not User.objects.filter(is_demo=False).exists()
    assert not DutyNumber.objects.exclude(phone__regex=r"^0\d{3}-0\d{6}$").exists()  # nobody's number
    standing = Appointment.objects.values_list("unit__level__code", "post__levels").distinct()
    assert all(level in levels_of_post for level, levels_of_post in standing)

    # the scene of the first article
    head = who_answers(lane, "environment", at=NOW)
    assert (head.user_name, head.alarm) == ("姚建国", "")
    view = plate(demo_plate_code(LANE), at=NOW)
    assert view is not None
    assert [unit.short_name for unit in view.line] == ["临猗县", "庙上乡", "北姚村"]
    assert not any(person.vacant or not person.phone for person in view.people)
    old = plate(demo_plate_code("14/08/21/201/206/09/"), at=NOW)
    assert old is not None
    assert old.unit == lane

    # organs, which are no places, and somebody on call tonight at every town and county
    county = Unit.objects.get(path="14/08/21/")
    organs = organ_seats(county.pk, at=NOW)
    assert [organ.unit_name for organ in organs][:3] == ["城市管理局", "自然资源局", "水务局"]
    assert len(organs) == 9
    assert not Unit.objects.filter(kind="organ", plate_code__isnull=False).exists()
    assert not Boundary.objects.filter(unit__kind="organ").exists()
    tonight = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    desks = Unit.objects.filter(level__code__in=["town", "county"], is_pseudo=False, valid_to=None)
    manned = OnCall.objects.filter(starts__lte=tonight, ends__gt=tonight).values_list("unit", flat=True)
    assert set(manned) == set(desks.values_list("pk", flat=True))
    urgent = who_answers(lane, "hazards", at=tonight, urgent=True)
    assert (urgent.user_name, len(urgent.on_call)) == ("姚建国", 1)
    assert User.objects.get(pk=urgent.on_call[0]).username == "town"

    # everybody who can sign in stands where the tale says
    for person in DEMO_PEOPLE:
        user = User.objects.get(username=person.username)
        assert user.check_password(PASSWORD)
        actor = actor_for(user, at=NOW)
        assert [(held.post_code, held.unit_path) for held in actor.held] == [(person.post, person.path)]
    assert User.objects.exclude(username=None).count() == len(DEMO_PEOPLE)
    assert not User.objects.get(
        username=None, pk=demo_id("user", LANE[:-3], "grid_head")
    ).has_usable_password()
