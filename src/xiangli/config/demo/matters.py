"""A working month of the five counties: the plan of `tales` told by the real actions, at the moments it names,
so that events, notices and clocks are what they would be.

A county group is one transaction: it is there whole or not at all, and loading again takes up what is
missing. Two groups are told at once, each by a process of its own.
"""

import io
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Model, Q
from django.utils import translation

from xiangli.accounts.models import User
from xiangli.cases import actions as cases
from xiangli.cases.models import Category
from xiangli.cases.queries import category_with_limits
from xiangli.cases.states import Channel, EvidenceRule, State
from xiangli.config.apart import start
from xiangli.config.demo import pictures, speech
from xiangli.config.demo.people import names
from xiangli.config.demo.tales import CROWDS, MONTH, Crowd, Step, Tale, beyond, plan, scene, strays
from xiangli.config.demo.territory import Say, demo_id
from xiangli.config.words import words
from xiangli.kernel import chance, clock, outbox
from xiangli.kernel.files import store_picture
from xiangli.kernel.ledger import seal_once
from xiangli.kernel.models import StoredFile
from xiangli.matters.models import Matter
from xiangli.notices.actions import read_all_notices
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint
from xiangli.territory.models import Absence, Appointment, Post, Standing, Unit
from xiangli.territory.queries import (
    actor_for,
    plated_units,
    seat_people,
    seats_under,
    spoken_name,
    unit_of_point,
    who_answers,
)
from xiangli.territory.rules import Actor, day_of

_HOME: Final = "14/08/21/"  # the scene's county is one group, the other four the other
_ASTRAY: Final = "14/08/26/"
_ABOVE: Final = "61/08/31/"
_READ: Final = timedelta(days=2)  # notices that are older were read
_NOT_DRAWN: Final = 99  # into the sample that somebody else checks: the same month each time
_FLUSH: Final = 8  # steps told before their notices are delivered
_CHINA: Final = ZoneInfo("Asia/Shanghai")

Count = Callable[[int], None]


def load_matters(
    *,
    now: datetime,
    say: Say = lambda what, done, total: None,
    crowds: Sequence[Crowd] = CROWDS,
    apart: bool = True,
) -> int:
    """Tell the month before `now`, and return how many matters that were. `apart`: each group in a process of
    its own, which sees only what is committed; else here, one after the other."""
    groups = [group for group in _groups(crowds) if not _told(group)]
    total = sum(len(_tales(group, now)) for group in groups)
    _analyze(Unit, Appointment, User)
    if not apart:
        told = 0
        for group in groups:
            told += _tell(group, now, partial(_say_more, say, told, total))
    elif groups:
        _tell_apart(groups, now, partial(_say_more, say, 0, total))
    _analyze()
    say(words("事项已装入", "the matters are there"), total, total)
    return total


def _say_more(say: Say, before: int, total: int, told: int) -> None:
    say(words("一个月的事项", "a month of matters"), before + told, total)


def scene_client_id() -> UUID:
    """The id under which the first article's scene was reported: its receipt follows from it."""
    return demo_id("report", "scene")


def _groups(crowds: Sequence[Crowd]) -> list[tuple[Crowd, ...]]:
    home = tuple(crowd for crowd in crowds if crowd.path.startswith(_HOME))
    others = tuple(crowd for crowd in crowds if not crowd.path.startswith(_HOME))
    return [group for group in (home, others) if group]


def _told(group: Iterable[Crowd]) -> bool:
    within = Q(pk__in=[])
    for crowd in group:
        within |= Q(place_path__startswith=crowd.path)
    return Matter.objects.filter(within).exists()


def _analyze(*models: type[Model]) -> None:
    """Let the planner know what was written in bulk a moment ago; without `models`, everywhere. A table that
    is about to be filled is left alone: a table known to be empty is read from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE " + ", ".join(model._meta.db_table for model in models))


def _tell_apart(groups: Sequence[tuple[Crowd, ...]], now: datetime, count: Count) -> None:
    before = _reported_so_far()
    processes = [start(_tell, group, now) for group in groups]
    while any(process.is_alive() for process in processes):
        count(_reported_so_far() - before)
        time.sleep(0.5)
    if any(process.exitcode for process in processes):
        raise RuntimeError("a part of the demo was not loaded; run `xiangli demo` again")


def _reported_so_far() -> int:
    """How many matters have a number: the sequence shows it before their transactions end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM matters_number")
        return int(cursor.fetchone()[0])


def _tales(group: Sequence[Crowd], now: datetime) -> list[Tale]:
    verified = frozenset(Category.objects.filter(verify=True).values_list("code", flat=True))
    tales = [tale for crowd in group for tale in plan(crowd, now=now, verified=verified)]
    counties = {crowd.path[:9] for crowd in group}
    if _HOME in counties:
        tales.append(scene(now))
    if _ASTRAY in counties:
        tales += strays(now, county=_ASTRAY)
    if _ABOVE in counties:
        tales += beyond(now, county=_ABOVE)
    return tales


def _tell(group: Sequence[Crowd], now: datetime, count: Count = lambda told: None) -> int:
    """Tell one group, step by step in the order in which things happened, in one transaction."""
    tales = _tales(group, now)
    steps = sorted(
        ((step, tale) for tale in tales for step in tale.steps), key=lambda pair: (pair[0].at, pair[1].key)
    )
    album = _album(tales, now)  # before the transaction: files are not taken back with it
    reading, told = now - _READ, 0
    with translation.override("zh-hans"), transaction.atomic():
        teller = _Teller(group, album, now)
        midnight = _midnight_after(now - MONTH)
        for done, (step, tale) in enumerate(steps, start=1):
            while step.at >= midnight:
                _deliver(midnight)
                seal_once(midnight)
                midnight = _midnight_after(midnight)
            if step.at >= reading:
                _deliver(reading)
                _read_notices(reading)
                reading = now + _READ
            with clock.set_to(step.at), chance.set_to(_NOT_DRAWN):
                teller.tell(tale, step)
            if done % _FLUSH == 0:
                _deliver(step.at + timedelta(seconds=5))
            if step.verb == "report":
                told += 1
                count(told)
        _deliver(now)
    return told


def _midnight_after(at: datetime) -> datetime:
    return at.astimezone(_CHINA).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _deliver(at: datetime) -> None:
    with clock.set_to(at):
        while outbox.work_once(at, limit=500):
            pass


def _read_notices(at: datetime) -> None:
    unread = Notice.objects.filter(read_at=None, at__lte=at)
    for user_id in unread.order_by().values_list("user", flat=True).distinct():
        read_all_notices(Actor(user_id), now=at)


_Album = dict[tuple[str, str, int, bool], StoredFile]  # county's path, kind, variant, after


def _album(tales: Collection[Tale], now: datetime) -> _Album:
    """The drawings as stored pictures of each county; more lanes where more is reported."""
    album: _Album = {}
    for path in sorted({tale.path[:9] for tale in tales}):
        county = Unit.objects.get(path=path)
        here = sum(tale.path.startswith(path) for tale in tales)
        variants = 1 + (here > 200) + (here > 800)
        place = (county.lat or 0.0, county.lng or 0.0)
        for drawing in pictures.drawings(variants=variants, place=place):
            album[path, drawing.kind, drawing.variant, drawing.after] = store_picture(
                io.BytesIO(drawing.content), scope=county.pk, declared_name="demo.jpg", now=now
            )
    return album


class _Teller:
    """Does each step as the person who would do it; keeps what does not change in a month."""

    def __init__(self, group: Sequence[Crowd], album: _Album, now: datetime) -> None:
        self._album = album
        self._variants = {
            path: 1 + max(key[2] for key in album if key[0] == path) for path in {key[0] for key in album}
        }
        self._units = _units_of(group, now)
        self._reports: dict[str, cases.Receipted] = {}  # by the tale's key
        self._subjects: dict[str, speech.Subject] = {}
        self._photographed: set[str] = set()
        self._limits = {
            code: found
            for code in Category.objects.values_list("code", flat=True)
            if (found := category_with_limits(code, on=now))
        }
        self._actors: dict[UUID, Actor] = {}
        self._seats: dict[str, list[UUID]] = {}
        self._away = [
            (row.appointment.user_id, row.starts, row.ends)
            for row in Absence.objects.select_related("appointment")
        ]
        if any(crowd.path.startswith(_ABOVE) for crowd in group):
            with clock.set_to(now - MONTH):
                self._units[_ABOVE + "outside"] = _seat_everywhere(_ABOVE, at=now - MONTH)

    def tell(self, tale: Tale, step: Step) -> None:
        """One step. What can no longer happen, since the people of this place took another way, does not."""
        if step.verb == "report":
            self._report(tale, step.at)
        elif step.verb in ("confirm", "reopen", "evaluate", "withdraw", "me_too"):
            self._as_reporter(tale, step)
        else:
            self._as_staff(tale, step)

    # Reporting

    def _report(self, tale: Tale, at: datetime) -> None:
        random = tale.random
        category, limits = self._limits[tale.category]
        point: tuple[float, float] | None = None
        off_map = False
        units = self._units[_ABOVE + "outside" if tale.special == "outside" else tale.path]
        place = random.choice(units)
        subject = speech.subject(tale.category, random)
        said, note = subject.report, speech.place_note(random) if random.random() < 0.3 else ""
        if tale.special == "scene":
            said, note = speech.scene("report"), speech.scene("note")
            subject = speech.Subject(said, speech.scene("done"), "rubbish")
        elif tale.special == "off_map":
            said, note = speech.off_map(random), ""
            place, point, off_map = _beyond_the_map(place, at)
        elif random.random() < 0.5 and place.lat is not None and place.lng is not None:
            point = (place.lat + random.uniform(-2e-4, 2e-4), place.lng + random.uniform(-2e-4, 2e-4))  # 20 m
        self._subjects[tale.key] = subject
        name, phone = "", ""
        if not tale.staff and random.random() < 0.35:
            name, phone = speech.caller(random, next(names(random))[0])
        photographed = tale.special == "scene" or random.random() < (
            0.8 if category.evidence == EvidenceRule.BEFORE_AFTER else 0.55
        )
        photos = self._photos(tale, after=False) if photographed else ()
        if photos:
            self._photographed.add(tale.key)
        finder = who_answers(place, category.duty, at=at).user_id if tale.staff else None
        self._reports[tale.key] = cases.report_case(
            cases.Report(
                client_id=demo_id("report", tale.key),
                category=category,
                limits=limits,
                words=said,
                place=place,
                place_name=spoken_name(place),
                channel=Channel.STAFF if finder else Channel.PLATE,
                point=point,
                off_map=off_map,
                place_note=note,
                contact_name=name,
                contact_phone=phone,
                photos=photos,
            ),
            actor=self._actor(finder, at) if finder else None,
        )

    def _photos(self, tale: Tale, *, after: bool) -> tuple[StoredFile, ...]:
        kind, county = self._subjects[tale.key].picture, tale.path[:9]
        if not kind:
            return ()
        variant = 0 if tale.special == "scene" else tale.random.randrange(self._variants[county])
        return (self._album[county, kind, variant, after],)

    # The reporter and the neighbours

    def _as_reporter(self, tale: Tale, step: Step) -> None:
        code, act_id = self._reports[tale.key].code, _act_id(tale, step)
        random = Random(f"words/{act_id}")  # noqa: S311  # made-up words, the same on every machine
        match step.verb:
            case "confirm":
                cases.confirm_case(code, act_id=act_id)
            case "reopen":
                cases.reopen_case(code, act_id=act_id, note=speech.act("reopen", random))
            case "withdraw":
                cases.withdraw_case(code, act_id=act_id, note=speech.act("withdraw", random))
            case "evaluate":
                stars, said = speech.evaluation(random)
                if tale.special == "scene":
                    stars, said = 5, speech.scene("evaluation")
                cases.evaluate_case(code, act_id=act_id, note=said, rating=stars)
            case _:
                matter = self._reports[tale.key].matter
                if self._limits[tale.category][0].public:
                    cases.say_me_too(matter.pk, place_path=matter.place_path, client_id=act_id)

    # Staff

    def _as_staff(self, tale: Tale, step: Step) -> None:
        matter = Matter.objects.get(pk=self._reports[tale.key].matter.pk)
        random = Random(f"words/{_act_id(tale, step)}")  # noqa: S311  # as above
        here = self._people(matter, step.at)
        match step.verb:
            case "return":
                sender = matter.handler_id or (here[0] if matter.state == State.ASSIGNED and here else None)
                if sender:
                    cases.return_case(self._act(tale, step, sender, speech.act("return", random)))
            case "assign":
                self._assign(tale, step, matter, here, speech.act("assign", random))
            case "take" if here:
                cases.take_case(self._act(tale, step, here[0]))
            case "resolve" if matter.handler_id:
                cases.resolve_case(self._mended(tale, step, matter.handler_id))
            case "on_spot" if here:
                cases.handle_on_spot(self._mended(tale, step, here[0], speech.act("onspot", random)))
            case "verify" | "fail":
                others = [person for person in here if person != matter.handler_id]
                if matter.state == State.TO_VERIFY and others:
                    act = self._act(tale, step, others[0], speech.act(step.verb, random))
                    cases.verify_case(act, passed=step.verb == "verify")
            case "close" if here:
                cases.close_case(self._act(tale, step, here[0], speech.act("close", random)))

    def _assign(self, tale: Tale, step: Step, matter: Matter, here: Sequence[UUID], note: str) -> None:
        """Whoever received it gives it to the seat nearest to the place that is manned."""
        if matter.state != State.REPORTED or not here:
            return
        held = self._actor(here[0], step.at).authority(
            "assign_case", matter.place_path, seats=[matter.holder_seat]
        )
        if held is None:
            return
        seats = seats_under(held.unit_path, at=step.at, near=matter.place_path)
        target = next((seat for seat in seats if seat.seat != matter.holder_seat), None)
        if target is not None and target.post_id is not None:
            cases.assign_case(
                self._act(tale, step, here[0], note), unit_id=target.unit_id, post_id=target.post_id
            )

    def _mended(self, tale: Tale, step: Step, who: UUID, note: str = "") -> cases.Act:
        rule = self._limits[tale.category][0].evidence
        before = tale.key not in self._photographed
        return self._act(
            tale,
            step,
            who,
            note or self._subjects[tale.key].done,
            before=self._photos(tale, after=False) if before and rule == EvidenceRule.BEFORE_AFTER else (),
            after=self._photos(tale, after=True)
            if rule != EvidenceRule.NONE or tale.random.random() < 0.5
            else (),
        )

    def _act(
        self,
        tale: Tale,
        step: Step,
        who: UUID,
        note: str = "",
        *,
        before: Sequence[StoredFile] = (),
        after: Sequence[StoredFile] = (),
    ) -> cases.Act:
        return cases.Act(
            actor=self._actor(who, step.at),
            matter_id=self._reports[tale.key].matter.pk,
            act_id=_act_id(tale, step),
            note=note,
            photos_before=before,
            photos_after=after,
        )

    def _people(self, matter: Matter, at: datetime) -> list[UUID]:
        """Who sits in the seat that has the matter: those who are there first."""
        if matter.holder_post_id is None:
            return []
        seat = matter.holder_seat
        if seat not in self._seats:
            self._seats[seat] = seat_people(matter.holder_unit_id, matter.holder_post_id, at=at)
        away = {user for user, starts, ends in self._away if starts <= at and (ends is None or at < ends)}
        return sorted(self._seats[seat], key=lambda user: user in away)

    def _actor(self, user_id: UUID, at: datetime) -> Actor:
        if user_id not in self._actors:
            self._actors[user_id] = actor_for(User.objects.get(pk=user_id), at=at)
        return self._actors[user_id]


def _act_id(tale: Tale, step: Step) -> UUID:
    return demo_id("act", tale.key, step.verb, step.at.isoformat())


def _units_of(group: Sequence[Crowd], now: datetime) -> dict[str, list[Unit]]:
    """The places of each crowd: units with a plate under its path, and under none of a deeper crowd."""
    units: dict[str, list[Unit]] = {}
    taken: set[UUID] = set()
    for crowd in group:
        found = plated_units([crowd.path], at=now, most=100_000)
        units[crowd.path] = [unit for unit in found if unit.pk not in taken]
        taken.update(unit.pk for unit in found)
    return units


def _beyond_the_map(place: Unit, at: datetime) -> tuple[Unit, tuple[float, float], bool]:
    """The first point north of a place that no unit's ground holds, and the unit whose desk has it."""
    for step in range(1, 100):
        point = ((place.lat or 0.0) + step * 0.05, place.lng or 0.0)
        found = unit_of_point(*point, at=at)
        if found is not None and found[1]:
            return found[0], point, True
    raise RuntimeError("the map has no edge")


def _seat_everywhere(county: str, *, at: datetime) -> list[Unit]:
    """One village's officer, named on its plates, also stands in wherever complaints go: so one about those
    plates leaves the county. Returns the village's places."""
    officer = (
        Appointment.objects.filter(unit__path__startswith=county, post__code="village_officer")
        .select_related("user", "unit__county")
        .order_by("unit__path")[0]
    )
    way = {unit.path for unit in Unit.objects.filter(county=officer.unit.county_id, level__rank__lte=2)}
    posts = Post.objects.filter(scheme=officer.post.scheme_id, duties__contains=["complaints"])
    for post in posts.order_by("order"):
        for unit in Unit.objects.filter(path__in=way, level__code__in=post.levels):
            if officer.unit.path.startswith(unit.path):
                appoint(
                    user=officer.user, unit=unit, post=post, valid_from=day_of(at), standing=Standing.DEPUTY
                )
    return plated_units([officer.unit.path], at=at)
