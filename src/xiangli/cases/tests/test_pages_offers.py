"""A button shows exactly where its action would not be refused: every act, by everybody, in every situation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.models import Case, Category
from xiangli.cases.pages.staff.offers import Offer, Sight, offers
from xiangli.cases.queries import forget_known
from xiangli.cases.queries.dossier import dossier_of
from xiangli.cases.states import TABLE
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import chance, clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.queries import subject_places
from xiangli.territory.rules import Actor

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in the county
WORDS = "写清楚了原因，请看"


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(MONDAY), chance.set_to(99):  # nothing is drawn for a check
        yield


@dataclass
class Situation:
    """A case to be looked at, and another like it into which it could go."""

    place: Place
    reported: Receipted
    other: Receipted
    kept: dict[str, Any] = field(default_factory=dict)

    def act(self, who: str, action: str, note: str = WORDS, **more: Any) -> None:
        done = an_act(self.place.actor(who), self.reported, note)
        getattr(actions, action)(done, **more)

    def seat(self, who: str) -> dict[str, Any]:
        held = self.place.actor(who).held[0]
        return {"unit_id": held.unit_id, "post_id": held.post_id}

    @property
    def case(self) -> Case:
        return Case.objects.get(pk=self.reported.matter.pk)


def begin(place: Place, category: str = "environment", **more: Any) -> Situation:
    return Situation(place, make_report(place.lane, category, **more), make_report(place.lane, category))


def assigned(place: Place) -> Situation:
    return begin(place)


def reported(place: Place) -> Situation:
    found = begin(place)
    found.act("lane_head", "hand_up_case")
    return found


def taken(place: Place) -> Situation:
    found = begin(place)
    found.act("lane_head", "take_case")
    return found


def taken_above(place: Place) -> Situation:
    found = begin(place)
    found.act("village_director", "assign_case", **found.seat("grid_head"))
    found.act("grid_head", "take_case")
    return found


def shared(place: Place) -> Situation:
    found = taken(place)
    found.act("grid_head", "handle_together", **found.seat("lane_head_2"))
    found.act("grid_head", "handle_together", **found.seat("organ_desk"))
    return found


def transferred(place: Place) -> Situation:
    found = begin(place)
    found.act("town_desk", "transfer_case", **found.seat("organ_desk"))
    return found


def extension_asked(place: Place) -> Situation:
    found = taken(place)
    found.act("lane_head", "ask_extension", days=1)
    return found


def extended(place: Place) -> Situation:
    found = extension_asked(place)
    most = 3
    found.act("grid_head", "decide_extension", approved=True)
    while most:
        most -= 1
        with pytest.raises(Refused) if most == 0 else transaction.atomic():
            found.act("lane_head", "ask_extension", days=1)
            found.act("grid_head", "decide_extension", approved=True)
    return found


def overdue(place: Place) -> Situation:
    found = taken(place)
    found.kept["at"] = MONDAY + timedelta(days=9)
    return found


def suspended(place: Place) -> Situation:
    found = taken(place)
    found.act("grid_head", "suspend_case", days=2)
    return found


def supervised(place: Place) -> Situation:
    found = taken(place)
    found.act("town_desk", "supervise_case")
    return found


def at_the_top(place: Place) -> Situation:
    found = begin(place)
    found.act("county_desk", "assign_case", **found.seat("county_desk"))
    found.act("county_desk", "take_case")
    return found


def to_verify(place: Place) -> Situation:
    Category.objects.filter(code="environment").update(verify=True)
    forget_known()
    found = taken(place)
    found.act("lane_head", "resolve_case")
    return found


def resolved(place: Place) -> Situation:
    found = begin(place, "voices")
    found.act("lane_head", "take_case")
    found.act("lane_head", "resolve_case")
    return found


def supervised_and_resolved(place: Place) -> Situation:
    found = begin(place, "voices")
    found.act("town_desk", "supervise_case")
    found.act("lane_head", "take_case")
    found.act("lane_head", "resolve_case")
    return found


def dangerous(place: Place) -> Situation:
    found = begin(place)
    both = [found.reported.matter.pk, found.other.matter.pk]  # it goes into nothing slower
    Matter.objects.filter(pk__in=both).update(danger=True)
    return found


def private(place: Place) -> Situation:
    return begin(place, "service_complaint")


def closed(place: Place) -> Situation:
    found = resolved(place)
    found.act("village_director", "close_case")
    return found


SITUATIONS: list[Callable[[Place], Situation]] = [
    *(assigned, reported, taken, taken_above, shared, transferred, extension_asked, extended, overdue),
    *(suspended, supervised, at_the_top, to_verify, resolved, supervised_and_resolved, dangerous, private),
    closed,
]


def sight_of(situation: Situation, actor: Actor) -> Sight | None:
    dossier = dossier_of(actor, situation.reported.matter.pk)
    if dossier is None:
        return None
    return Sight(actor, dossier, clock.now(), subject_places(dossier.matter, at=clock.now()))


def tried(situation: Situation, actor: Actor, action: str, offer: Offer | None) -> str:
    """What the action says to words that leave nothing to be desired; "" where it does it. Undone afterwards."""
    more: dict[str, Any] = {}
    match action:
        case "assign_case" | "transfer_case" | "handle_together":
            seat = _first_seat(offer) if offer else _any_seat(situation, action)
            more = dict(zip(("unit_id", "post_id"), seat.split(":"), strict=True))
        case "verify_case":
            more = {"passed": True}
        case "decide_extension":
            more = {"approved": True}
        case "suspend_case" | "ask_extension":
            more = {"days": 1}
        case "merge_case":
            more = {"number": situation.other.matter.number}
        case "decline_case":
            more = {"where": "县住建局窗口"}
        case "finish_part":
            part = situation.case.parts.filter(done_at=None).first()
            more = {"part_id": offer.part if offer else part.pk if part else new_id()}
        case "answer_order":
            order = situation.case.orders.filter(answered_at=None).first()
            more = {"order_id": offer.order if offer else order.pk if order else new_id()}
    more = {key: UUID(str(value)) if key.endswith("_id") else value for key, value in more.items()}
    try:
        with transaction.atomic():
            getattr(actions, action)(an_act(actor, situation.reported, WORDS), **more)
            transaction.set_rollback(True)
    except Refused as refused:
        return refused.code
    return ""


def _first_seat(offer: Offer) -> str:
    for _label, group in offer.form.fields["seat"].widget.choices:
        if isinstance(group, list | tuple):
            return str(group[0][0])
    raise AssertionError("no seat is offered")


def _any_seat(situation: Situation, action: str) -> str:
    who = "organ_desk" if action == "transfer_case" else "village_director"
    return situation.place.actor(who).held[0].seat


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_a_button_shows_exactly_where_its_action_is_not_refused(
    situation: Callable[[Place], Situation],
) -> None:
    place = make_place()
    add_organ(place)
    place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
    Category.objects.update(evidence="none")
    forget_known()
    found, wrong = situation(place), []
    state = Matter.objects.get(pk=found.reported.matter.pk).state
    acts = [row.action for row in TABLE.from_state(state) if row.permission]
    with clock.set_to(found.kept.get("at", MONDAY)):
        for who in place.people:
            actor = place.actor(who)
            sight = sight_of(found, actor)
            shown = {offer.action: offer for offer in offers(sight)} if sight else {}
            assert shown.keys() <= set(acts)
            for action in acts:
                said = tried(found, actor, action, shown.get(action))
                if (said == "") != (action in shown):
                    wrong.append(f"{who} {action}: shown {action in shown}, refused {said or 'not'}")
    assert wrong == []
