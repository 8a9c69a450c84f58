"""The demo's lists of responsibilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from xiangli.cases.actions import load_categories
from xiangli.cases.models import Category, Responsibility
from xiangli.cases.queries import forget_routes, responsible_for
from xiangli.config.demo.lists import load_lists
from xiangli.config.demo.territory import load_territory
from xiangli.territory.models import Unit
from xiangli.territory.queries import who_answers

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_routes()
    yield
    forget_routes()


def test_each_county_has_its_list_once_and_every_line_leads_to_somebody() -> None:
    load_categories()
    load_territory(now=NOW)
    assert load_lists(now=NOW) == 60
    assert load_lists(now=NOW) == 0
    lines = Responsibility.objects.select_related("category", "organ")
    assert set(Counter(lines.values_list("county", flat=True)).values()) == {12}
    led = 0
    for line in lines:
        places = Unit.objects.filter(
            county=line.county_id, level__code=line.level, kind="place", valid_to=None
        )
        assert places.exists(), line.level
        for place in places.order_by("path")[:3]:
            found = responsible_for(place, line.category, at=NOW)
            led += found.route is not None
            assert found.route is None or found.route.line == line.pk
            if line.organ_id is not None:
                assert found.answer.unit_id == line.organ_id
    assert led > 150  # seats of the demo are vacant here and there
    # in the lanes the demo's lists say what duties say, so that its tales go as they are told
    environment = Category.objects.get(code="environment")
    for lane in Unit.objects.filter(level__code__in=["lane", "estate", "group"], valid_to=None).order_by(
        "path"
    )[:30]:
        by_list = responsible_for(lane, environment, at=NOW).answer
        assert by_list.seat == who_answers(lane, environment.duty, at=NOW).seat
