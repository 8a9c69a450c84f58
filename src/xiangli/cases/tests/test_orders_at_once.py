"""One order that arrives twice in the same moment is one case, and whoever sends it is answered alike."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from xiangli.cases.actions.orders import Taken, open_source, take_order, take_replies
from xiangli.cases.models import ExternalOrder
from xiangli.cases.queries.orders import order_units
from xiangli.cases.rules.orders import Line
from xiangli.cases.tests.acting import together
from xiangli.cases.tests.factories import make_place
from xiangli.cases.tests.test_orders import close
from xiangli.kernel import chance, clock
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


def taken(results: list[Taken | Refused]) -> list[Taken]:
    return [one for one in results if isinstance(one, Taken)]


def test_an_order_sent_twice_at_once_and_replies_taken_twice_at_once() -> None:
    with clock.set_to(MONDAY), chance.set_to(99):
        place = make_place()
        source, _token = open_source(county=place.county, code="12345", name="12345 热线", now=MONDAY)
        unit = order_units([place.village.pk])[place.village.pk]
        for number in ("a", "b", "c"):
            line = Line(number, "希望早点修路", unit.pk, "", "voices", None, "", "")
            other = Line(number, "换了说法的同一件", unit.pk, "", "voices", None, "", "")
            results = together(
                partial(take_order, line, unit, source=source),
                partial(take_order, other, unit, source=source),
            )
            first, second = taken(results)
            assert first.matter_id == second.matter_id
            assert sorted([first.again, second.again]) == [False, True]
            close(place, number)
        assert Matter.objects.count() == ExternalOrder.objects.count() == 3
        assert LedgerEvent.objects.filter(kind="report_case").count() == 3
        desk = place.actor("town_desk")
        answers = together(partial(take_replies, desk), partial(take_replies, desk))
        refused = [one for one in answers if isinstance(one, Refused)]
        assert [one.code for one in refused] == ["no_replies"]
        assert [len(one) for one in answers if isinstance(one, list)] == [3]
