"""Giving several cases at once: a Monday's reports to the posts that answer for their places, each by an act of its
own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xiangli.cases import rules
from xiangli.cases.actions.giving import assign_case
from xiangli.cases.actions.opening import Act
from xiangli.cases.queries.routing import route_of
from xiangli.cases.states import ASSIGN_CASE, TABLE, State
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterGrant
from xiangli.matters.rules import authority_over
from xiangli.matters.states import Choice, Given, GrantKind, Planned, Visibility
from xiangli.territory.queries import seats_on_ways
from xiangli.territory.rules import Actor, Answer, Held, day_of

_ACTION = "assign_case"


@dataclass(frozen=True, slots=True)
class _Fit:
    """A case that was asked for: the authority by which it may be given, and the seats on the way to its place to
    which; or why not."""

    matter: Matter
    held: Held | None = None
    seats: tuple[Answer, ...] = ()
    refused: str = ""

    def target(self, post: str) -> Answer | None:
        return next((seat for seat in self.seats if str(seat.post_id) == post), None)


def offer_posts(actor: Actor, ids: Sequence[UUID], at: datetime) -> list[Choice]:
    """The posts to which these cases could be given, each case to the seat in the unit of its own place: those that
    most of them have on their way first, the deepest first among these. Three statements."""
    by_post: dict[str, list[Answer]] = defaultdict(list)
    fits = [fit for fit in _fits(actor, ids, at) if not fit.refused]
    for fit in fits:
        for post in {str(seat.post_id) for seat in fit.seats}:
            seat = fit.target(post)
            assert seat is not None  # it is one of these
            by_post[post].append(seat)
    ranked = sorted(by_post.items(), key=lambda item: (-len(item[1]), -len(item[1][0].unit_path), item[0]))
    return [Choice(post, _choice_words(seats, len(fits)), len(seats)) for post, seats in ranked]


def _choice_words(seats: list[Answer], asked: int) -> str:
    distinct = {seat.seat: seat for seat in seats}
    if len(distinct) == 1:
        said = _seat_words(seats[0])
    else:
        said = ngettext(
            "%(post)s（按各件的地点，分到 %(count)d 个岗位）",
            "%(post)s（按各件的地点，分到 %(count)d 个岗位）",
            len(distinct),
        ) % {"post": seats[0].post_name, "count": len(distinct)}
    if len(seats) < asked:
        said = _("%(choice)s，%(fits)d / %(asked)d 件合适") % {
            "choice": said,
            "fits": len(seats),
            "asked": asked,
        }
    return said


def _seat_words(seat: Answer) -> str:
    return _("%(unit)s %(post)s（%(name)s）") % {
        "unit": seat.unit_name,
        "post": seat.post_name,
        "name": seat.user_name,
    }


def plan_assigning(actor: Actor, ids: Sequence[UUID], choice: str, note: str, at: datetime) -> list[Planned]:
    """What would become of each case, given to the post `choice` in its own place, with the words `note`; of those
    that would stay as they are, why. With no choice yet, only these. Three statements, and `route_of`'s."""
    return [_planned(fit, choice, note, at) for fit in _fits(actor, ids, at)]


def _planned(fit: _Fit, choice: str, note: str, at: datetime) -> Planned:
    matter = fit.matter
    if fit.refused or not choice:
        return Planned(matter.pk, fit.refused)
    target = fit.target(choice)
    if target is None:
        return Planned(matter.pk, _("这件事的地点没有这个岗位，或者现在没有人。"))
    if target.seat == matter.holder_seat and matter.handler_id is None and matter.state == State.ASSIGNED:
        return Planned(matter.pk, _("已经在%(seat)s这里，不用再交办。") % {"seat": _seat_words(target)})
    listed = _listed(fit, at)
    assert fit.held is not None  # or it was refused
    if listed and listed != fit.held.seat:
        try:
            rules.check_free_choice(listed, target.seat, note)
        except Refused as refused:
            return Planned(matter.pk, str(refused))
    return Planned(matter.pk, _("交给 %(seat)s") % {"seat": _seat_words(target)}, target.seat, matter.turn)


def _listed(fit: _Fit, at: datetime) -> str:
    """The seat that the list of responsibilities names; "" where it names none."""
    matter = fit.matter
    route = route_of(matter.case.category_id, matter.place, on=day_of(at))
    if route is None:
        return ""
    if route.organ_path:
        return route.organ_path  # of an organ, which is no seat on the way to a place
    seat = fit.target(str(route.post_id))
    return seat.seat if seat else ""


def assign_one(actor: Actor, given: Given, note: str) -> None:
    """Give one of them, in a transaction of its own: `assign_case`, which asks all its rules. A form that was sent
    twice gives it once. Raises Refused."""
    if not Matter.objects.filter(pk=given.matter_id, visibility=Visibility.ORDINARY).exists():
        raise Refused("one_by_one", _one_by_one())
    unit, _colon, post = given.to.partition(":")
    act = Act(actor=actor, matter_id=given.matter_id, act_id=given.act_id, note=note, seen=given.seen)
    try:
        assign_case(act, unit_id=UUID(unit), post_id=UUID(post))
    except ValueError as error:  # no seat at all
        raise Refused("seat_missing", _("请选由谁办理。"), field="seat") from error


def _one_by_one() -> str:
    return _("不公开的事项要一件一件看过再交办，请单独打开。")


def _fits(actor: Actor, ids: Sequence[UUID], at: datetime) -> list[_Fit]:
    """Each case that the actor may see, in the order asked for. Three statements."""
    found = {
        matter.pk: matter
        for matter in Matter.objects.visible_to(actor)
        .filter(pk__in=ids, workflow="case")
        .select_related("case", "place")
    }
    granted: dict[UUID, list[str]] = defaultdict(list)
    for matter_id, seat in (
        MatterGrant.objects.filter(matter__in=found, ended_at=None)
        .exclude(seat="")
        .exclude(kind=GrantKind.TOGETHER)
        .values_list("matter_id", "seat")
    ):
        granted[matter_id].append(seat)
    ordinary = {m.place_path for m in found.values() if m.visibility == Visibility.ORDINARY}
    seats = seats_on_ways(ordinary, at=at)
    return list(_each(actor, [found[pk] for pk in ids if pk in found], granted, seats))


def _each(
    actor: Actor, matters: list[Matter], granted: dict[UUID, list[str]], seats: list[Answer]
) -> Iterator[_Fit]:
    for matter in matters:
        if matter.visibility != Visibility.ORDINARY:
            yield _Fit(matter, refused=_one_by_one())
            continue
        if not rules.can(_ACTION, matter.state):
            try:
                rules.check_state(_ACTION, matter.state)
            except Refused as refused:
                yield _Fit(matter, refused=str(refused))
            continue
        held = authority_over(
            actor,
            ASSIGN_CASE,
            place_path=matter.place_path,
            ordinary=True,
            seats=[matter.holder_seat, *granted[matter.pk]],
            is_subject=False,  # the fence hides those
        )
        if held is None:
            words = _("您的岗位不能“%(action)s”，请联系村里或乡镇值班台。")
            yield _Fit(matter, refused=words % {"action": TABLE[_ACTION].label})
            continue
        on_way = [
            seat
            for seat in seats
            if matter.place_path.startswith(seat.unit_path) and seat.unit_path.startswith(held.unit_path)
        ]
        yield _Fit(matter, held, tuple(on_way))
