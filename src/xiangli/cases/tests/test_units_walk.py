"""Units and people changed at random while cases run: merged, split, ended, set up anew, appointed, gone, on call; today
or on a day to come. Every open case keeps somebody who answers for it, in a unit that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q

from xiangli.accounts.models import User
from xiangli.cases import actions
from xiangli.cases.actions import mend_clocks
from xiangli.cases.tests import whole
from xiangli.cases.tests.factories import SINCE, add_organ, make_place, make_report
from xiangli.cases.tests.test_machine import CATEGORIES, START, Draw, Loop
from xiangli.kernel import clock, outbox
from xiangli.kernel.models import OutboxMessage
from xiangli.matters.models import Matter
from xiangli.territory.actions import (
    Named,
    appoint,
    end_appointment,
    end_unit,
    merge_units,
    off_board,
    open_unit,
    preview,
    set_on_call,
    split_unit,
)
from xiangli.territory.actions.plans import plan_merge
from xiangli.territory.models import Appointment, Level, Standing, Succession, Unit
from xiangli.territory.queries import actor_for, successors_of
from xiangli.territory.rules import Actor, day_of

DAY = timedelta(days=1)


class Walk(Loop):
    """The loop of one case, in a county whose units do not stand still."""

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self.dice = dice
        self.counted: Counter[str] = Counter()
        self.named = 0
        admin = self.place.seat("county_admin", self.place.county, "荆管理")
        self.admin_id = admin.pk
        with clock.set_to(self.now):
            self.town_admin = self.place.seat("town_admin", self.place.town, "畅管理")

    # --- what may be chosen

    @property
    def today(self) -> date:
        return day_of(self.now)

    def by(self) -> Actor | None:
        user = User.objects.get(pk=self.dice.choice([self.admin_id, self.town_admin.pk]))
        return actor_for(user, at=self.now)

    def units(self, *levels: str) -> list[Unit]:
        there = Q(valid_to=None) | Q(valid_to__gt=self.today)
        rows = Unit.objects.filter(there, valid_from__lte=self.today, level__code__in=levels)
        return list(rows.select_related("level").order_by("path"))

    def some(self, rows: list[Any], most: int) -> list[Any]:
        return self.dice.sample(rows, min(len(rows), self.dice.randint(1, most)))

    def a_name(self) -> Named:
        self.named += 1
        return Named(f"新设{self.named}")

    def a_day(self) -> date:
        return self.today + self.dice.choice([0, 0, 1, 3]) * DAY

    def attempt(self, what: str, act: Callable[[], Any]) -> None:
        """What is refused has changed nothing; what is done counts."""
        if self.do(act):
            self.counted[what] += 1
            self.last = None
            self.checked.clear()
        else:
            self.counted[f"{what} refused"] += 1

    # --- what happens

    def new_report(self) -> None:
        lanes = self.units("lane")
        if lanes and len(self.reports) < 12:
            with clock.set_to(self.now):
                lane, category = self.dice.choice(lanes), self.dice.choice(CATEGORIES)
                self.reports.append(make_report(lane, category, contact_phone="13800000000"))
            self.now += timedelta(seconds=1)

    def merge(self) -> None:
        level = self.dice.choice(["village", "village", "grid", "lane", "lane"])
        beside: dict[Any, list[Unit]] = {}
        for unit in self.units(level):
            beside.setdefault(unit.parent_id, []).append(unit)
        rows = beside[self.dice.choice(sorted(beside, key=str))]
        chosen = self.some(rows, 3)
        others = [unit for unit in rows if unit not in chosen]
        into = self.dice.choice(others) if others and self.dice.random() < 0.4 else self.a_name()
        on, by = self.a_day(), self.by()

        def act() -> None:
            preview(plan_merge(by=by, units=chosen, on=on, into=into, now=self.now), now=self.now)
            merge_units(by=by, units=chosen, on=on, into=into)

        self.attempt("merge", act)

    def split(self) -> None:
        unit = self.dice.choice(self.units("village", "grid", "lane"))
        parts = [self.a_name() for _part in range(self.dice.randint(2, 3))]
        below = Unit.objects.filter(Q(valid_to=None) | Q(valid_to__gt=self.today), parent=unit)
        goes = {child.pk: self.dice.randrange(len(parts)) for child in below}
        on, by = self.a_day(), self.by()
        self.attempt("split", lambda: split_unit(by=by, unit=unit, on=on, parts=parts, goes=goes))

    def end(self) -> None:
        unit = self.dice.choice(self.units("grid", "lane", "village"))
        others = [one for one in self.units(unit.level.code) if one.pk != unit.pk] if unit.level else []
        if others:
            following, on, by = self.some(others, 2), self.a_day(), self.by()
            self.attempt("end", lambda: end_unit(by=by, unit=unit, on=on, successors=following))

    def open(self) -> None:
        above = self.dice.choice(self.units("grid"))
        level, named, by = Level.objects.get(parent=above.level, code="lane"), self.a_name(), self.by()
        self.attempt(
            "open",
            lambda: open_unit(by=by, parent=above, level=level, name=named.name, valid_from=self.today),
        )

    def appoint_somebody(self) -> None:
        unit = self.dice.choice(self.units("village", "grid", "lane"))
        assert unit.level is not None
        posts = [post for post in self.place.posts.values() if unit.level.code in post.levels]
        post, by, since = self.dice.choice(posts), self.by(), self.a_day()
        user = User.objects.get(pk=self.dice.choice(self.people()))
        standing = self.dice.choice([Standing.HOLDER, Standing.HOLDER, Standing.DEPUTY])
        self.attempt(
            "appoint",
            lambda: appoint(by=by, user=user, unit=unit, post=post, valid_from=since, standing=standing),
        )

    def people(self) -> list[Any]:
        return sorted(user.pk for user in self.place.people.values())

    def off_board_somebody(self) -> None:
        user = User.objects.get(pk=self.dice.choice(self.people()))
        on, by = self.a_day(), self.dice.choice([self.by(), None])
        self.attempt("off_board", lambda: off_board(by=by, user=user, on=on))

    def end_somebody(self) -> None:
        rows = list(Appointment.objects.filter(valid_to=None).exclude(user=self.admin_id).order_by("pk"))
        row, on, by = self.dice.choice(rows), self.a_day(), self.dice.choice([self.by(), None])
        self.attempt("end_appointment", lambda: end_appointment(by=by, appointment=row, on=on))

    def on_call(self) -> None:
        seat = self.dice.choice(list(Appointment.objects.select_related("unit", "post").order_by("pk")))
        user = User.objects.get(pk=self.dice.choice(self.people()))
        until, by = self.now + self.dice.randint(1, 60) * timedelta(hours=1), self.by()
        self.attempt(
            "on_call",
            lambda: set_on_call(
                by=by, unit=seat.unit, post=seat.post, user=user, starts=self.now, ends=until
            ),
        )

    def work_on_a_case(self) -> None:
        if self.reports:
            reported = self.dice.choice(self.reports)
            for _act in range(4):
                self.likely_act(reported, self.dice)

    def some_time_passes(self) -> None:
        self.time_passes(self.dice.choice([1, 60, 1500, 6000]), self.dice.random() < 0.3)
        self.the_worker_looks_through()

    def the_worker_looks_through(self) -> None:
        """What it does within ten minutes, and what was left for this morning."""
        with clock.set_to(self.now):
            OutboxMessage.objects.exclude(topic__startswith="territory.").delete()
            while outbox.work_once(self.now):
                pass
            assert not OutboxMessage.objects.exclude(last_error="").exists(), "a handler failed"
            actions.move_ended_cases(self.now)
            actions.release_cases(self.now)
            actions.reseat_cases(self.now)
            self.checked.clear()
            self.every_case_is_whole()
            for matter in Matter.objects.open().select_related("place", "holder_unit"):
                whole.check_nobody_waits_in_vain(matter, now=self.now)
                for unit in (matter.place, matter.holder_unit):
                    assert unit.valid_to is None or unit.valid_to > self.today, (matter.state, unit.path)
                assert matter.place_path == matter.place.path
            assert mend_clocks(self.now) == 0
        self.last = None

    def the_county_is_whole(self) -> None:
        """No unit hangs in the air on any day from now on, none ends without whoever follows, nobody stands in what
        is gone, and no post has two heads."""
        for day in (self.today, self.today + DAY, self.today + 9 * DAY):
            there = Unit.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day), valid_from__lte=day)
            for unit in there.exclude(pk=self.place.county.pk).select_related("parent"):
                above = unit.parent
                assert above is not None
                assert above.valid_from <= day, unit.path
                assert above.valid_to is None or above.valid_to > day, f"{unit.path} hangs in the air"
                assert unit.path.startswith(above.path)
            for unit in Unit.objects.filter(valid_to__lte=day, valid_from__gte=SINCE):
                assert successors_of(unit, day), f"nobody follows {unit.path}"
        assert not Appointment.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=self.today), unit__valid_to__lte=self.today
        ).exists()
        for step in Succession.objects.select_related("predecessor"):
            assert step.on == step.predecessor.valid_to

    def step(self) -> None:
        often: list[tuple[Callable[[], None], int]] = [
            (self.new_report, 5), (self.work_on_a_case, 6), (self.some_time_passes, 5), (self.merge, 3), (self.split, 2),
            (self.end, 2), (self.open, 1), (self.appoint_somebody, 6), (self.off_board_somebody, 2), (self.end_somebody, 2),
            (self.on_call, 1),
        ]  # fmt: skip
        [(act, _weight)] = self.dice.choices(often, [weight for _act, weight in often])
        act()
        self.every_case_is_whole()
        self.the_county_is_whole()


def walk(seed: int, draw: Draw, *, steps: int) -> Counter[str]:
    """One walk from a seed, rolled back at its end."""
    with transaction.atomic():
        with clock.set_to(START):
            place = make_place()
            place.people["town_head"] = place.seat("town_head", place.town, "冯镇长")
            add_organ(place)
            level = {level.code: level for level in Level.objects.filter(scheme__counties=place.county.pk)}
            other = open_unit(parent=place.town, level=level["village"], name="乔寺村", valid_from=SINCE)
            grid = open_unit(parent=other, level=level["grid"], name="第一网格", valid_from=SINCE)
            place.people["other_director"] = place.seat("village_director", other, "卫主任")
            for number in (1, 2):
                lane = open_unit(parent=grid, level=level["lane"], name=f"{number}巷", valid_from=SINCE)
                place.people[f"other_{number}"] = place.seat("lane_head", lane, f"杨巷长{number}")
        Loop.place, Loop.draw_number, Loop.done = place, staticmethod(draw), Counter()
        going = Walk(Random(seed))
        try:
            for _step in range(steps):
                going.step()
            going.the_worker_looks_through()
        finally:
            going.teardown()
        transaction.set_rollback(True)
    return going.counted


@pytest.mark.parametrize("seed", range(2))
def test_every_case_is_answered_for_whatever_becomes_of_units_and_people(
    db: None, draw: Draw, seed: int
) -> None:
    counted = walk(seed, draw, steps=40)
    assert counted["merge"], counted
    assert counted["appoint"] + counted["off_board"] + counted["end_appointment"] >= 3, counted


@pytest.mark.long
def test_every_case_is_answered_for_whatever_becomes_of_units_and_people_at_length(
    db: None, draw: Draw
) -> None:
    counted: Counter[str] = Counter()
    for seed in range(100, 110):
        counted += walk(seed, draw, steps=100)
    assert min(counted[what] for what in ("merge", "split", "end", "open", "on_call", "off_board")) >= 3, (
        counted
    )
