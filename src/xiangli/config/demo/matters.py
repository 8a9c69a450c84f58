"""A working month of the five counties: the plan of `tales` told by the real actions, at the moments it names,
so that events, notices and clocks are what they would be.

A county group is one transaction: it is there whole or not at all, and loading again takes up what is
missing. Two groups are told at once, each by a process of its own.
"""

import io
import logging
import time as wall
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from operator import itemgetter
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model, Q
from django.utils import translation

from xiangli.accounts.models import User
from xiangli.cases import actions as cases
from xiangli.cases.models import Category
from xiangli.cases.queries import category_with_limits
from xiangli.cases.rules import Limits
from xiangli.config.apart import start
from xiangli.config.demo import pictures
from xiangli.config.demo.ids import demo_id
from xiangli.config.demo.tales import CROWDS, MONTH, Crowd, Rules, Tale, beyond, plan, scene, strays
from xiangli.config.demo.teller import Album, Teller
from xiangli.config.demo.territory import Say
from xiangli.config.words import words
from xiangli.kernel import clock, outbox, timers
from xiangli.kernel.calendar import calendar_of
from xiangli.kernel.clocks import SHANGHAI
from xiangli.kernel.files import store_picture
from xiangli.kernel.ledger import seal_once
from xiangli.kernel.models import StoredFile
from xiangli.matters.models import Matter
from xiangli.notices.actions import read_all_notices
from xiangli.notices.models import Notice
from xiangli.territory.actions import appoint
from xiangli.territory.models import Appointment, Post, Standing, Unit
from xiangli.territory.queries import DUTY_HOURS, plated_units
from xiangli.territory.rules import Actor, day_of

_HOME: Final = "14/08/21/"  # the scene's county is one group, the other four the other
_ASTRAY: Final = "14/08/26/"
_ABOVE: Final = "61/08/31/"
_READ: Final = timedelta(days=2)  # notices that are older were read
_FLUSH: Final = 16  # steps told before their notices are delivered
_DIGEST: Final = timedelta(hours=8, minutes=30)  # when the counties are told what is late at the top

Count = Callable[[int], None]

_log = logging.getLogger(__name__)


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
    total = sum(_size(group) for group in groups)
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
        wall.sleep(0.5)
    if any(process.exitcode for process in processes):
        raise RuntimeError("a part of the demo was not loaded; run `xiangli demo` again")


def _reported_so_far() -> int:
    """How many matters have a number: the sequence shows it before their transactions end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM matters_number")
        return int(cursor.fetchone()[0])


def rules() -> Rules:
    """The counties' rules: in the demo all keep the usual duty hours."""
    rows = Category.objects.values_list("code", "verify", "danger")

    @cache
    def on_day(code: str, day: date) -> Limits:
        found = category_with_limits(code, on=datetime.combine(day, time.min, SHANGHAI))
        assert found is not None  # they are loaded before the demo
        return found[1]

    return Rules(
        calendar=calendar_of(DUTY_HOURS),
        verified=frozenset(code for code, verify, _danger in rows if verify),
        danger=frozenset(code for code, _verify, danger in rows if danger),
        limits=lambda code, at: on_day(code, day_of(at)),
    )


def _size(group: Sequence[Crowd]) -> int:
    """How many tales there are to tell."""
    special = {_HOME: 1, _ASTRAY: 4, _ABOVE: 2}
    counties = {crowd.path[:9] for crowd in group}
    return sum(len(crowd.ends) for crowd in group) + sum(special.get(path, 0) for path in counties)


def _tales(group: Sequence[Crowd], now: datetime) -> list[Tale]:
    found = rules()
    tales = [tale for crowd in group for tale in plan(crowd, now=now, rules=found)]
    counties = {crowd.path[:9] for crowd in group}
    if _HOME in counties:
        tales.append(scene(now))
    if _ASTRAY in counties:
        tales += strays(now, county=_ASTRAY, rules=found)
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
    told = 0
    with translation.override("zh-hans"), transaction.atomic():
        teller = Teller(group, album, now)
        if any(crowd.path.startswith(_ABOVE) for crowd in group):
            with clock.set_to(now - MONTH):
                teller.units["outside"] = _seat_everywhere(_ABOVE, at=now - MONTH)
        time_passes = _Time(now)
        for done, (step, tale) in enumerate(steps, start=1):
            time_passes.to(step.at)
            with clock.set_to(step.at):
                teller.tell(tale, step)
            if done % _FLUSH == 0:
                _deliver(step.at + timedelta(seconds=5))
            if step.verb == "report":
                told += 1
                count(told)
        time_passes.to(now)
        _deliver(now)
    _log.debug("demo: %d steps told, of which could not be taken: %s", len(steps), dict(teller.refused))
    return told


class _Time:
    """What happens by itself as the month goes by: clocks run out, days begin and end, notices are read."""

    def __init__(self, now: datetime) -> None:
        self._fired = now - MONTH
        midnights = [_midnight_after(now - MONTH) + timedelta(days=day) for day in range(MONTH.days + 1)]
        mornings = [midnight + _DIGEST for midnight in midnights]
        self._coming: list[tuple[datetime, Callable[[datetime], object]]] = sorted(
            [
                *((at, _end_day) for at in midnights),
                *((at, cases.tell_top) for at in mornings),
                (now - _READ, _read_notices),
            ],
            key=itemgetter(0),
            reverse=True,
        )

    def to(self, moment: datetime) -> None:
        """Let time pass up to a moment."""
        while self._coming and self._coming[-1][0] <= moment:
            at, happens = self._coming.pop()
            self._fire(at)
            with clock.set_to(at):
                happens(at)
        self._fire(moment)

    def _fire(self, until: datetime) -> None:
        """Fire the clocks at the moments at which they run out. What is behind the last of them has fired: the look
        ahead does not read it again."""
        while (at := _next_due(self._fired, until)) is not None:
            with clock.set_to(at):
                timers.fire_once(at)
            self._fired = at


def _next_due(after: datetime, until: datetime) -> datetime | None:
    with connection.cursor() as cursor:  # asked before each step
        cursor.execute(
            "SELECT min(at) FROM kernel_due WHERE stuck_at IS NULL AND at > %s AND at <= %s", [after, until]
        )
        found: datetime | None = cursor.fetchone()[0]
        return found


def _midnight_after(at: datetime) -> datetime:
    return at.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _end_day(at: datetime) -> None:
    _deliver(at)
    seal_once(at)


def _deliver(at: datetime) -> None:
    with clock.set_to(at):
        while outbox.work_once(at, limit=500):
            pass


def _read_notices(at: datetime) -> None:
    _deliver(at)
    unread = Notice.objects.filter(read_at=None, at__lte=at)
    for user_id in unread.order_by().values_list("user", flat=True).distinct():
        read_all_notices(Actor(user_id), now=at)


def _album(tales: Collection[Tale], now: datetime) -> Album:
    """The drawings as stored pictures of each county; more lanes where more is reported."""
    album: dict[tuple[str, str, int, bool], StoredFile] = {}
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
