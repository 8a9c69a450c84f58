"""Deny by default, act by act: every post of every scheme x every transition x every state x where it stands to the
case, against tables written by hand.

The full product is asked of the pure rules that every act begins with; the real actions, on rows, are asked for every
post, transition and standing, and for every transition and state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from xiangli.cases import actions, rules
from xiangli.cases.actions import Act, Receipted
from xiangli.cases.states import TABLE, State
from xiangli.cases.tests.acting import bring_to
from xiangli.cases.tests.factories import SINCE, Place, add_organ, make_place, make_sections
from xiangli.kernel import chance, clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterGrant, MatterSubject
from xiangli.matters.rules import authority_over
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.actions import load_preset, presets
from xiangli.territory.models import Appointment, Level, Post, Unit
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import OUTSIDE, Actor, Held, seat_of

# ------------------------------------------------------------------------------------------------------- who may do what

FIELD: Final = {
    "take_case", "return_case", "resolve_case", "handle_on_spot", "hand_up_case", "arrive_case", "resume_case",
    "ask_extension", "finish_part", "answer_order",
}  # fmt: skip
LEAD: Final = {"accept_case", "handle_together", "suspend_case", "decide_extension"}
OFFICE: Final = {
    "assign_case", "verify_case", "close_case", "decline_case", "transfer_case", "merge_case", "supervise_case",
}  # fmt: skip
HEAD_OF_TOWN: Final = FIELD | {"assign_case", "verify_case", "close_case", "supervise_case"}
SUPERVISION: Final = {
    "assign_case", "take_case", "return_case", "resolve_case", "close_case", "supervise_case",
}  # fmt: skip
ORGAN: Final = FIELD | {
    "accept_case", "decline_case", "verify_case", "close_case", "handle_together", "suspend_case",
}  # fmt: skip
EVERYWHERE: Final[dict[str, set[str]]] = {
    "village_director": FIELD | LEAD | OFFICE,
    "village_clerk": FIELD | LEAD | OFFICE,
    "village_officer": set(),
    "legal_adviser": set(),
    "town_desk": FIELD | LEAD | OFFICE,
    "town_head": HEAD_OF_TOWN,
    "county_desk": FIELD | LEAD | OFFICE,
    "county_supervision": SUPERVISION,
    "organ_desk": ORGAN,
    # who administers or visits handles nothing
    "liaison_cadre": set(),
    "town_admin": set(),
    "county_admin": set(),
    "county_leader": {"supervise_case"},
}
MAY: Final[dict[str, dict[str, set[str]]]] = {
    "lanes": {
        "lane_head": FIELD,
        "grid_head": FIELD | LEAD | {"assign_case", "verify_case"},
        "grid_worker": FIELD,
        **EVERYWHERE,
    },
    "grid-heads": {
        "lane_head": FIELD,
        "grid_head": FIELD | LEAD | {"assign_case", "verify_case"},
        "grid_worker": FIELD,
        **EVERYWHERE,
    },
    "sections": {
        "anchor": FIELD,
        "group_head": FIELD,
        "section_head": FIELD
        | LEAD
        | {"claim_case", "assign_case", "verify_case", "close_case", "supervise_case"},
        **EVERYWHERE,
    },
    "estates": {
        "entrance_head": FIELD,
        "building_head": FIELD,
        "estate_head": FIELD | LEAD | {"assign_case", "verify_case"},
        "grid_worker": FIELD,
        **EVERYWHERE,
    },
}

# ------------------------------------------------------------------------------------------------------- in which state

WAITING: Final = {"reported", "assigned"}
TO_BE_DONE: Final = {"reported", "assigned", "in_progress"}
IN_HAND: Final = {"assigned", "in_progress"}
OPEN: Final = {"reported", "assigned", "in_progress", "suspended", "to_verify", "resolved"}
WHEN: Final[dict[str, set[str]]] = {
    "accept_case": {"reported"},
    "take_case": WAITING,
    "claim_case": WAITING,
    "handle_on_spot": WAITING,
    "decline_case": WAITING,
    "arrive_case": TO_BE_DONE,
    "assign_case": TO_BE_DONE,
    "transfer_case": TO_BE_DONE,
    "hand_up_case": TO_BE_DONE,
    "return_case": IN_HAND,
    "handle_together": IN_HAND,
    "suspend_case": IN_HAND,
    "ask_extension": IN_HAND,
    "decide_extension": IN_HAND,
    "finish_part": {"reported", "assigned", "in_progress", "suspended"},
    "merge_case": {"reported", "assigned", "in_progress", "suspended"},
    "resume_case": {"suspended"},
    "resolve_case": {"in_progress"},
    "verify_case": {"to_verify"},
    "close_case": {"resolved"},
    "supervise_case": OPEN,
    "answer_order": OPEN,
}
BY_REPORTER: Final[dict[str, set[str]]] = {
    "confirm_case": {"resolved", "closed"},
    "reopen_case": {"resolved", "closed", "declined"},
    "evaluate_case": {"resolved", "closed", "declined"},
    "nudge_case": {"reported", "assigned", "in_progress", "suspended", "to_verify"},
    "withdraw_case": {"reported", "assigned", "in_progress", "suspended"},
}
BY_RULE: Final[dict[str, set[str]]] = {
    "amber_case": OPEN,
    "overdue_case": OPEN,
    "move_up_case": OPEN,
    "end_suspension": {"suspended"},
}

# ------------------------------------------------------------------------------------------------------- where they stand

STANDINGS: Final = (
    "territory",  # a post over the place
    "holder",  # elsewhere, and the case lies in their seat
    "supervisor",  # elsewhere, and their seat supervises it
    "helper",  # elsewhere, and their seat was asked for a share
    "outside",  # elsewhere
    "subject",  # a post over the place that holds the case, and it is about them
)
SHARE: Final = {"arrive_case", "finish_part"}  # all that a helper may


def expected(may: set[str], action: str, standing: str, *, ordinary: bool, organ: bool) -> str:
    """What answers an act, whatever the state; "permitted" where the state decides."""
    if standing in ("outside", "subject"):
        return "not_found"
    if standing == "territory" and (organ or not ordinary):  # an organ answers for no place
        return "not_found"
    if action not in may or (standing == "helper" and action not in SHARE):
        return "not_permitted"
    return "permitted"


def test_every_transition_is_written_down_here() -> None:
    assert {row.action for row in TABLE.values() if row.permission} == set(WHEN)
    assert {row.action for row in TABLE.values() if row.by_reporter} == set(BY_REPORTER)
    assert {row.action for row in TABLE.values() if row.by_rule} == set(BY_RULE)
    assert set(presets()) == set(MAY)
    for scheme in MAY.values():
        assert set().union(*scheme.values()) <= set(WHEN)
    assert set().union(*(may for scheme in MAY.values() for may in scheme.values())) == set(WHEN)


# ------------------------------------------------------------------------------------------------------- the full product

LANE: Final = "14/08/26/100/200/01/01/"
ELSEWHERE: Final = "61/08/31/100/200/01/"
HERS: Final = seat_of(UUID(int=1), UUID(int=2))
OTHERS: Final = seat_of(UUID(int=3), UUID(int=4))


def an_actor(post: Post, path: str) -> Actor:
    held = Held(
        appointment_id=UUID(int=5), post_id=UUID(int=2), post_code=post.code, post_name=post.name, unit_id=UUID(int=1),
        unit_name="", unit_path=path, county_id=UUID(int=6), level=post.levels[0], rank=1,
        duties=frozenset(post.duties), permissions=frozenset(post.permissions),
    )  # fmt: skip
    return Actor(UUID(int=7), "", (held,))


def verdict(post: Post, action: str, state: str, standing: str, *, ordinary: bool) -> str:
    """What the rules say, in the order in which an act asks them."""
    organ = post.levels == ["organ"]
    over = standing in ("territory", "subject") and not organ
    actor = an_actor(post, LANE if over else ELSEWHERE)
    granted = standing in ("supervisor", "helper")
    seats = [HERS if standing in ("holder", "subject") else OTHERS]
    sees = (ordinary and actor.covers(LANE)) or granted or HERS in seats
    if not sees or standing == "subject":
        return "not_found"
    if standing == "supervisor" or (standing == "helper" and action in rules.HELPS):
        seats.append(HERS)
    permission = TABLE[action].permission
    assert permission is not None
    held = authority_over(
        actor, permission, place_path=LANE, ordinary=ordinary, seats=seats, is_subject=standing == "subject"
    )
    if held is None:
        return "not_permitted"
    if not rules.can(action, state):
        with pytest.raises(Refused):
            rules.check_state(action, state)
        return "wrong_state"
    return "permitted"


@pytest.mark.django_db
def test_every_post_transition_state_and_standing(record_property: Any) -> None:
    cells = 0
    for scheme, posts in MAY.items():
        rows = {post.code: post for post in Post.objects.filter(scheme=load_preset(scheme))}
        assert set(rows) == set(posts)
        for code, may in posts.items():
            organ = code == "organ_desk"
            for action, standing, ordinary in product(WHEN, STANDINGS, (True, False)):
                said = expected(may, action, standing, ordinary=ordinary, organ=organ)
                for state in State:
                    right = "wrong_state" if said == "permitted" and state not in WHEN[action] else said
                    cell = (scheme, code, action, str(state), standing, "ordinary" if ordinary else "private")
                    assert verdict(rows[code], action, state, standing, ordinary=ordinary) == right, cell
                    cells += 1
    for action, states in (BY_REPORTER | BY_RULE).items():
        for state in State:
            assert rules.can(action, state) == (state in states), (action, state)
            cells += 1
    record_property("cells", cells)
    posts_of_all = sum(map(len, MAY.values()))
    assert cells == posts_of_all * len(WHEN) * len(State) * len(STANDINGS) * 2 + 9 * len(State)
    assert cells == 171_690


# ------------------------------------------------------------------------------------------------------- on rows


class Scene:
    """A county in which every post of a scheme is held by somebody over the case's place, and by somebody else in
    another county; and one case in each state."""

    def __init__(self, scheme: str) -> None:
        make, prefixes = {
            "lanes": (make_place, ("14/08/26/", "14/08/27/")),
            "sections": (make_sections, ("61/08/31/", "61/08/32/")),
        }[scheme]
        self.here, self.there = make(prefixes[0]), make(prefixes[1])
        below = {place.county.pk: self.below(place) for place in (self.here, self.there)}
        self.codes = sorted(MAY[scheme])
        self.inside = {code: self.held_by(self.here, code) for code in self.codes}
        self.outside = {code: self.held_by(self.there, code) for code in self.codes}
        self.cases = {state: bring_to(self.here, state) for state in State}
        # everything happened at the very bottom, so that every post has it in its territory
        lowest = below[self.here.county.pk]
        Matter.objects.update(place=lowest, place_path=lowest.path)

    def below(self, place: Place) -> Unit:
        """The lowest unit there is: the lane, or the cluster in it."""
        cluster = Level.objects.filter(scheme=place.posts["town_desk"].scheme, code="cluster").first()
        if cluster is None:
            return place.lane
        return Unit.objects.create(
            parent=place.lane,
            level=cluster,
            path=f"{place.lane.path}c1/",
            name="一组一片",
            short_name="一片",
            valid_from=SINCE,
            county=place.county,
        )

    def held_by(self, place: Place, code: str) -> Actor:
        """Somebody in this post, in a unit on the way down; an organ is on no such way."""
        post = place.posts[code]
        if post.levels == ["organ"]:
            add_organ(place)
            return place.actor("organ_desk")
        units = Unit.objects.filter(county=place.county, level__code__in=post.levels).order_by("path")
        unit = units[0]
        found = Appointment.objects.filter(unit=unit, post=post).first()
        user = found.user if found else place.seat(code, unit, code)
        return actor_for(user, at=clock.now())

    def try_it(
        self, action: str, actor: Actor, reported: Receipted, standing: str = "", *, ordinary: bool = True
    ) -> str:
        """What the real action answers; all is undone."""
        seat = actor.seats[0]
        act = Act(actor=actor, matter_id=reported.matter.pk, act_id=new_id())
        with transaction.atomic():
            try:
                if not ordinary:  # and in nobody's seat, unless the standing says in whose
                    Matter.objects.filter(pk=reported.matter.pk).update(
                        visibility=Visibility.PRIVATE, holder_seat=OUTSIDE, holder_post=None
                    )
                self.stand(reported.matter, actor, standing, seat)
                getattr(actions, action)(act, **self.fields(action))
                return "permitted"
            except Refused as refused:
                gate = refused.code in ("not_found", "not_permitted", "wrong_state")
                return (
                    refused.code if gate else "permitted"
                )  # what it is refused for is asked for behind the gate
            finally:
                transaction.set_rollback(True)

    def stand(self, matter: Matter, actor: Actor, standing: str, seat: str) -> None:
        granted = {
            "holder": GrantKind.HOLDER,
            "supervisor": GrantKind.SUPERVISOR,
            "helper": GrantKind.TOGETHER,
            "subject": GrantKind.HOLDER,
        }
        if standing in ("holder", "subject"):
            unit, _colon, post = seat.partition(":")
            Matter.objects.filter(pk=matter.pk).update(
                holder_seat=seat, holder_unit_id=unit, holder_post_id=post
            )
        if standing == "subject":
            Matter.objects.filter(pk=matter.pk).update(visibility=Visibility.PRIVATE)
            assert actor.user_id is not None
            MatterSubject.objects.create(matter=matter, user_id=actor.user_id)
        if standing in granted:
            MatterGrant.objects.create(
                matter=matter, seat=seat, kind=granted[standing], granted_at=clock.now()
            )

    def fields(self, action: str) -> dict[str, Any]:
        nowhere = {"unit_id": UUID(int=0), "post_id": UUID(int=0)}
        asked: dict[str, dict[str, Any]] = {
            "assign_case": nowhere,
            "transfer_case": nowhere,
            "handle_together": nowhere,
            "finish_part": {"part_id": UUID(int=0)},
            "answer_order": {"order_id": UUID(int=0)},
            "suspend_case": {"days": None},
            "ask_extension": {"days": None},
            "decide_extension": {"approved": True},
            "verify_case": {"passed": True},
            "merge_case": {"number": None},
            "decline_case": {"where": ""},
        }
        return asked.get(action, {})


@pytest.fixture(scope="module", params=["lanes", "sections"])
def scene(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[str, Scene]]:
    with django_db_blocker.unblock(), transaction.atomic():
        try:
            with chance.set_to(99):  # nothing is drawn into the sample
                made = Scene(request.param)
            yield request.param, made
        finally:
            transaction.set_rollback(True)


def test_every_post_meets_the_same_answer_on_rows(scene: tuple[str, Scene], record_property: Any) -> None:
    scheme, rows = scene
    cells = 0
    for code, (action, states), standing, ordinary in product(
        rows.codes, WHEN.items(), STANDINGS, (True, False)
    ):
        organ = code == "organ_desk"
        over = standing in ("territory", "subject")
        actor = (rows.inside if over else rows.outside)[code]
        if standing == "outside" and organ:
            continue  # as "territory": an organ is outside wherever it is
        reported = rows.cases[State(min(states))]
        said = expected(MAY[scheme][code], action, standing, ordinary=ordinary, organ=organ)
        answer = rows.try_it(action, actor, reported, standing, ordinary=ordinary)
        assert answer == said, (scheme, code, action, standing, ordinary)
        cells += 1
    record_property("cells_on_rows", cells)
    assert cells > 2000


def test_every_transition_in_every_state_on_rows(scene: tuple[str, Scene], record_property: Any) -> None:
    scheme, rows = scene
    cells = 0
    for (action, states), state in product(WHEN.items(), State):
        code = next(
            (
                one
                for one in ("town_desk", "section_head", "lane_head")
                if one in MAY[scheme] and action in MAY[scheme][one]
            ),
            None,
        )
        if code is None:
            continue  # nobody claims where there are no sections
        answer = rows.try_it(action, rows.inside[code], rows.cases[state])
        assert answer == ("permitted" if state in states else "wrong_state"), (action, state)
        cells += 1
    for (action, states), state in product(BY_REPORTER.items(), State):
        reported = rows.cases[state]
        more = {} if action == "confirm_case" else {"note": "反映人说的话"}
        with transaction.atomic():
            try:
                getattr(actions, action)(reported.code, act_id=new_id(), **more)
                answer = "permitted"
            except Refused as refused:
                answer = refused.code
            transaction.set_rollback(True)
        assert answer == ("permitted" if state in states else "wrong_state"), (action, state)
        cells += 1
    record_property("cells_on_rows", cells)
    assert cells >= (len(WHEN) - 1 + len(BY_REPORTER)) * len(State)
