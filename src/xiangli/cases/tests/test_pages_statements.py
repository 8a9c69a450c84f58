"""What the pages of staff cost when parts, orders, extensions and lineage pile up: no more than without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from xiangli.cases import actions
from xiangli.cases.models import Extension, Order, Part
from xiangli.cases.queries import forget_known, forget_routes
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.cases.tests.test_statements import (
    LIST,
    MATTER,
    QUEUE,
    ROW,
    same_cost,
    shape,
    signed_in,
    statements,
)
from xiangli.kernel import clock
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterLink
from xiangli.matters.states import GrantKind, LinkKind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Place:
    made = make_place()
    add_organ(made)
    return made


def pile_up(place: Place, matter: Matter, count: int) -> None:
    """As many of everything that hangs on a case; of what may be open once a seat, the others are done."""
    now, organ = clock.now(), place.actor("organ_desk").held[0]
    by = place.people["town_desk"]
    for _ in range(count):
        part = Part.objects.create(
            case_id=matter.pk,
            unit_id=organ.unit_id,
            post_id=organ.post_id,
            seat=organ.seat,
            asked_at=now,
            done_at=now,
        )
        Order.objects.create(
            case_id=matter.pk, by_seat=organ.seat, by_user=by, ordered_at=now, answered_at=now, answered_by=by
        )
        Extension.objects.create(
            case_id=matter.pk, days=1, asked_at=now, asked_by=by, decided_at=now, decided_by=by, approved=True
        )
        MatterClock.objects.create(
            matter=matter, name="part", about=part.pk, amount=3, kind="hours", source="办法", started_at=now
        )
        MatterGrant.objects.create(matter=matter, kind=GrantKind.SUPERVISOR, seat=organ.seat, granted_at=now)
        MatterLink.objects.create(
            matter=make_report(place.lane).matter, other=matter, kind=LinkKind.MERGED, at=now
        )


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("who", ["lane_head", "grid_head", "village_director", "town_desk"])
def test_a_matters_page_costs_the_same_whatever_hangs_on_it(place: Place, who: str, language: str) -> None:
    """At its dearest: just reported, nothing of the county's settings read before."""
    reported = make_report(place.lane, contact_phone="13800000000")
    client, address = signed_in(place, who), reverse("cases:case", args=[reported.matter.pk])
    client.cookies["django_language"] = language
    sent = []
    for count in (1, 20):
        pile_up(place, reported.matter, count)
        forget_known()
        forget_routes()
        sent.append(statements(client, address))
    assert len(sent[0]) == len(sent[1]) <= MATTER, shape(sent[1])


@pytest.mark.parametrize("who", ["organ_desk", "lane_head", "grid_head"])
def test_tasks_asked_by_others_cost_the_same_with_1_and_30_rows(place: Place, who: str) -> None:
    now, organ = clock.now(), place.actor("organ_desk").held[0]

    def grow() -> Iterator[int]:
        made = 0
        for rows in (1, 30):
            while made < rows:
                matter = make_report(place.lane).matter
                MatterGrant.objects.create(
                    matter=matter, kind=GrantKind.TOGETHER, seat=organ.seat, granted_at=now
                )
                Part.objects.create(
                    case_id=matter.pk,
                    unit_id=organ.unit_id,
                    post_id=organ.post_id,
                    seat=organ.seat,
                    asked_at=now,
                )
                Order.objects.create(
                    case_id=matter.pk, by_seat=organ.seat, by_user=place.people["town_desk"], ordered_at=now
                )
                Extension.objects.create(
                    case_id=matter.pk, days=1, asked_at=now, asked_by=place.people["lane_head"]
                )
                made += 1
            yield rows

    same_cost(signed_in(place, who), reverse("cases:tasks"), most=LIST, grow=grow(), shows=ROW)


@pytest.mark.parametrize("chosen", ["lamp=red", "lamp=amber", "supervised=on"])
def test_filters_cost_the_same_with_1_and_30_rows(place: Place, chosen: str) -> None:
    now = clock.now()
    director = place.actor("village_director").held[0]

    def grow() -> Iterator[int]:
        made = 0
        for rows in (1, 30):
            while made < rows:
                matter = make_report(place.lane).matter
                MatterGrant.objects.create(
                    matter=matter, kind=GrantKind.SUPERVISOR, seat=director.seat, granted_at=now
                )
                at = now if chosen == "lamp=red" else matter.next_clock_at
                Matter.objects.filter(pk=matter.pk).update(next_amber_at=now, next_clock_at=at)
                made += 1
            yield rows

    address = f"{reverse('matters:queue')}?{chosen}"
    same_cost(signed_in(place, "village_director"), address, most=QUEUE, grow=grow(), shows=ROW)


def test_a_net_costs_the_same_with_1_and_30_rows(place: Place) -> None:
    def grow() -> Iterator[int]:
        made = 0
        for rows in (1, 30):
            while made < rows:
                make_report(place.lane, "hazards")
                made += 1
            yield rows

    address = f"{reverse('matters:queue')}?state=assigned&net=flood"
    same_cost(signed_in(place, "village_director"), address, most=QUEUE, grow=grow(), shows=ROW)


@pytest.mark.parametrize("who", ["lane_head", "village_director", "town_desk"])
def test_a_settled_matters_page_says_where_within_its_statements(place: Place, who: str) -> None:
    reported = make_report(place.lane, "voices", contact_phone="13800000000")
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "好了"))
    client, address = signed_in(place, who), reverse("cases:case", args=[reported.matter.pk])
    forget_known()
    forget_routes()
    sent = statements(client, address)
    assert len(sent) <= MATTER, shape(sent)
