"""What every act of staff begins with: the lock, the fence, the permission, the turn, the state and the words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import by_staff, clocks_of, done_before, step
from xiangli.cases.actions.ways import next_on_list
from xiangli.cases.models import Case
from xiangli.cases.queries import last_act
from xiangli.cases.states import TABLE
from xiangli.kernel import clock
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.actions import Clocks
from xiangli.matters.models import Matter
from xiangli.matters.queries import seats_on, subjects_of
from xiangli.matters.rules import authority_over
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.territory.models import Post, Unit
from xiangli.territory.queries import who_answers
from xiangli.territory.rules import Actor, Answer, Held


@dataclass(frozen=True, slots=True)
class Act:
    """One act of staff on a case: whose, on which, by which form. `act_id` is the form's own: pressing twice
    is once.

    `seen` is the matter's turn when the form was drawn; None where the caller has no form (command line,
    tests).
    """

    actor: Actor
    matter_id: UUID
    act_id: UUID
    note: str = ""
    seen: int | None = None
    photos_before: Sequence[StoredFile] = field(default_factory=tuple)
    photos_after: Sequence[StoredFile] = field(default_factory=tuple)


@dataclass(slots=True)
class Opened:
    """A locked case and what the checks before every act have found."""

    matter: Matter
    case: Case
    held: Held
    now: datetime
    subjects: set[UUID]
    note: str
    clocks: Clocks
    user: UUID


def open_case(act: Act, action: str) -> Opened | None:
    """Lock, then check fence, permission, turn, state and words, in this order. None: this very act was
    done before."""
    matter = matters.lock_matter(act.matter_id, actor=act.actor)
    if done_before(matter, act.act_id, action, user_id=act.actor.user_id):
        return None
    case = Case.objects.select_related("category").get(pk=matter.pk)
    subjects = subjects_of(matter)
    permission = TABLE[action].permission
    assert permission is not None  # acts of staff only
    held = authority_over(
        act.actor,
        permission,
        place_path=matter.place_path,
        ordinary=matter.visibility == Visibility.ORDINARY,
        seats=seats_on(matter, helping=action in rules.HELPS),
        is_subject=act.actor.user_id in subjects,
    )
    if held is None:
        raise Refused(
            "not_permitted",
            _("您的岗位不能“%(action)s”，请联系村里或乡镇值班台。") % {"action": TABLE[action].label},
        )
    if act.seen is not None and act.seen != matter.turn:
        rules.check_turn(act.seen, matter.turn, last=last_act(matter))
    rules.check_state(action, matter.state)
    assert act.actor.user_id is not None  # the fence lets nobody else through
    return Opened(
        matter,
        case,
        held,
        clock.now(),
        subjects,
        rules.check_note(action, act.note),
        clocks_of(matter),
        act.actor.user_id,
    )


def move(
    opened: Opened,
    act: Act,
    action: str,
    state: str,
    *,
    data: Mapping[str, Any] | None = None,
    words: Mapping[str, Any] | None = None,
) -> UUID:
    """Write the transition: the event, the clocks, then the row. Returns the event's id."""
    event = step(
        opened.matter,
        opened.case,
        action,
        state,
        by=by_staff(opened.held, act.actor),
        now=opened.now,
        data=data,
        words={"note": opened.note, **(words or {})},
        event_id=act.act_id,
        clocks=opened.clocks,
    )
    return event.pk


def attach(opened: Opened, act: Act, event_id: UUID) -> None:
    """Photos of before and after, under one event; positions run on so that none collides."""
    matters.attach_photos(opened.matter, act.photos_before, PhotoRole.BEFORE, event_id=event_id)
    matters.attach_photos(
        opened.matter, act.photos_after, PhotoRole.AFTER, event_id=event_id, start=len(act.photos_before) + 1
    )


def named(seat: Answer) -> str:
    """A seat as the record keeps it: in Chinese, whatever language the actor reads."""
    title = (
        Post.objects.filter(pk=seat.post_id).values_list("name", flat=True).first() if seat.post_id else ""
    )
    return f"{seat.unit_name} {title or seat.post_name}"


def seat_above(opened: Opened, duty: str, *, excluding: Collection[UUID] = ()) -> Answer:
    """Who answers on `duty` one unit above the holder's, passing over subjects; refused at the county's
    top."""
    matter, passed_over = opened.matter, opened.subjects | set(excluding)
    unit = Unit.objects.select_related("parent").get(pk=matter.holder_unit_id)
    if matter.visibility == Visibility.SEALED:
        answer = next_on_list(matter, at=opened.now, excluding=passed_over)
    elif unit.parent is None or unit.pk == unit.county_id:
        raise Refused("top", _("您这里已是最上一级，没有可以退回的岗位，请办理或交办。"))
    else:
        answer = who_answers(unit.parent, duty, at=opened.now, excluding=passed_over, urgent=matter.danger)
    if answer.outside:
        raise Refused("top", _("上面没有可以接手的岗位，请办理或交办。"))
    return answer
