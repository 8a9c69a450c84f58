"""What the tests of acts share: bringing a case to a state, what stands in its rows, and who is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.db import connection

from xiangli.accounts.models import User
from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.models import Case
from xiangli.cases.states import State
from xiangli.cases.tests.factories import Place, an_act, make_report
from xiangli.kernel import clock, timers
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due, LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterClock
from xiangli.territory.actions import end_appointment
from xiangli.territory.models import Appointment, Unit
from xiangli.territory.queries import people_in_seats
from xiangli.territory.rules import day_of

T = TypeVar("T")


def refusal(code: str) -> pytest.RaisesExc[Refused]:
    """Expects a refusal, which says in words what to do instead."""
    return pytest.RaisesExc(
        Refused, check=lambda refused: refused.code == code and len(str(refused.reason)) > 5
    )


def now_of(reported: Receipted) -> Matter:
    return Matter.objects.select_related("case__category").get(pk=reported.matter.pk)


def case_of(reported: Receipted) -> Case:
    return Case.objects.select_related("category").get(pk=reported.matter.pk)


def clock_of(reported: Receipted, name: str) -> MatterClock:
    """The live clock of this name."""
    return MatterClock.objects.get(matter=reported.matter.pk, name=name, stopped_at=None)


def live(reported: Receipted) -> set[str]:
    found = MatterClock.objects.filter(matter=reported.matter.pk, stopped_at=None)
    return set(found.values_list("name", flat=True))


def events(reported: Receipted) -> list[str]:
    found = LedgerEvent.objects.filter(stream=reported.matter.pk).order_by("seq")
    return list(found.values_list("kind", flat=True))


def last_event(reported: Receipted) -> LedgerEvent:
    event = LedgerEvent.objects.filter(stream=reported.matter.pk).order_by("seq").last()
    assert event is not None
    return event


def told(kind: str) -> Counter[str]:
    """How often each person is told of `kind`, by name, as the outbox has it."""
    names: Counter[str] = Counter()
    for message in OutboxMessage.objects.filter(topic="notices.tell", payload__kind=kind):
        users = set(message.payload["users"])
        seat = message.payload["seat"]
        if seat:
            users |= {str(user) for user in people_in_seats([seat], at=clock.now())[seat]}
        names.update(User.objects.filter(pk__in=users).values_list("display_name", flat=True))
    return names


def reporters_told() -> list[str]:
    """Of what reporters are told outside, in order."""
    found = OutboxMessage.objects.filter(topic="matters.tell_reporters").order_by("created_at", "id")
    return [message.payload["kind"] for message in found]


def fire_until(moment: datetime) -> list[datetime]:
    """Let time pass: fire each moment as it comes; returns the moments."""
    fired = []
    while (due := Due.objects.filter(at__lte=moment).order_by("at").first()) is not None:
        with clock.set_to(due.at):
            assert timers.fire_once(due.at)
        assert not Due.objects.filter(attempts__gt=0).exists(), "a handler failed"
        fired.append(due.at)
    return fired


def seat_ids(place: Place, code: str, unit: Unit) -> dict[str, Any]:
    """A seat as a form names it."""
    return {"unit_id": unit.pk, "post_id": place.posts[code].pk}


def leave(place: Place, *whom: str) -> None:
    for who in whom:
        for held in Appointment.objects.filter(user=place.people[who], valid_to=None):
            end_appointment(appointment=held, on=day_of(clock.now()))


def bring_to(place: Place, state: str, category: str = "", **more: Any) -> Receipted:
    """A case of the first lane in this state, of a category that asks for no photos: its lane head's, or the
    village's where a desk has it."""
    category = category or ("work_safety" if state == State.TO_VERIFY else "voices")
    reported = make_report(place.lane, category, **more)
    head, director = place.actor("lane_head"), place.actor("village_director")
    if state == State.REPORTED:
        actions.hand_up_case(an_act(head, reported, "本巷办不了"))
    if state in (State.IN_PROGRESS, State.SUSPENDED, State.TO_VERIFY, State.RESOLVED, State.CLOSED):
        actions.take_case(an_act(head, reported))
    if state == State.SUSPENDED:
        actions.suspend_case(an_act(director, reported, "等配件到货"), days=5)
    if state in (State.TO_VERIFY, State.RESOLVED, State.CLOSED):
        actions.resolve_case(an_act(head, reported, "已经办好"))
    if state == State.CLOSED:
        actions.close_case(an_act(director, reported, "已经办好，谢谢您"))
    if state == State.DECLINED:
        actions.decline_case(an_act(director, reported, "不归我们管"), where="请到县自然资源局窗口")
    if state == State.WITHDRAWN:
        actions.withdraw_case(reported.code, act_id=new_id())
    if state == State.MERGED:
        with clock.set_to(reported.matter.reported_at - timedelta(hours=1)):
            other = make_report(place.lane, category)  # what was reported before takes it in
        actions.merge_case(an_act(director, reported), number=other.matter.number)
    assert now_of(reported).state == state
    return reported


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def a_photo(place: Place, seed: int) -> StoredFile:
    """A stored picture, as `store_pictures` leaves it."""
    return StoredFile.objects.create(
        scope=place.county.pk,
        name=f"{seed:064x}",
        size=1,
        media_type="image/jpeg",
        width=1,
        height=1,
        created_at=clock.now(),
        touched_at=clock.now(),
    )


def together(*works: Callable[[], T]) -> list[T | Refused]:
    """Run each in a thread with a connection of its own, all starting at once; a refusal is a result. The clock
    is theirs too."""
    start, moment = Barrier(len(works)), clock.now()

    def run(work: Callable[[], T]) -> T | Refused:
        start.wait()
        try:
            with clock.set_to(moment):
                return work()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
