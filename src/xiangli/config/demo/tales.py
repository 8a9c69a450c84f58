"""The plan of the demo's month: how many matters, where, how each ends, and when each of its steps happens.
Pure: the same seed and the same `now` give the same plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from xiangli.cases.states import State
from xiangli.config.demo import speech
from xiangli.config.demo.people import LANE

MONTH: Final = timedelta(days=30)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_OPEN: Final = (State.REPORTED, State.ASSIGNED, State.IN_PROGRESS, State.TO_VERIFY, State.RESOLVED)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many matters under one path, by the state in which the month leaves them."""

    path: str
    reported: int = 0
    assigned: int = 0
    in_progress: int = 0
    to_verify: int = 0
    resolved: int = 0
    closed: int = 0
    withdrawn: int = 0
    suspended: int = 0
    declined: int = 0
    merged: int = 0
    handed_up: float = 0.1  # the share that the lowest post sends up before anybody takes it

    @property
    def ends(self) -> list[State]:
        return [state for state in State for _one in range(getattr(self, state.value))]


# The deepest first: a place belongs to the first crowd whose path it is under. The demo's lane head, village,
# town and county see what stands for them and for those before; so does the grid head of the other county.
# With the scene of the first article, off the map and outside the county, these are 2,000.
CROWDS: Final = (
    Crowd(LANE, assigned=3, in_progress=3, resolved=2, closed=31, withdrawn=1, handed_up=0),
    Crowd(LANE[:-3], 3, 10, 8, 3, 8, 74, 4),
    Crowd(LANE[:-7], 14, 54, 44, 12, 36, 372, 24),
    Crowd("14/08/21/", 8, 24, 18, 5, 15, 214, 14),
    Crowd("14/08/26/101/200/01/", 5, 3, 6, 1, 3, 34, 2, handed_up=0.7),
    Crowd("14/08/26/101/200/", 1, 5, 4, 1, 4, 40, 3),
    Crowd("14/08/26/101/", 8, 30, 24, 6, 20, 272, 18),
    Crowd("14/08/26/", 4, 15, 12, 3, 10, 152, 10),
    Crowd("21/07/82/", 2, 7, 6, 2, 5, 71, 5),
    Crowd("62/10/02/", 2, 7, 6, 2, 5, 71, 5),
    Crowd("61/08/31/", 2, 7, 6, 2, 5, 70, 5),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a matter, as `matters` tells it."""

    at: datetime
    verb: str


@dataclass(frozen=True, slots=True)
class Tale:
    """One matter from its report to where the month leaves it."""

    key: str  # its name, from which its ids and its words follow
    path: str  # the crowd's
    category: str
    steps: tuple[Step, ...]
    staff: bool = False  # found by staff, not reported by a resident
    special: str = ""  # "scene", "off_map", "outside"

    @property
    def random(self) -> Random:
        return Random(f"tale/{self.key}")  # noqa: S311  # made-up matters, the same on every machine


def plan(crowd: Crowd, *, now: datetime, verified: frozenset[str]) -> Iterator[Tale]:
    """The tales of one crowd; `verified` are the categories that somebody else checks."""
    for number, end in enumerate(crowd.ends):
        key = f"{crowd.path}{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        category = _category(end, random, verified)
        staff = end == State.CLOSED and random.random() < 0.15
        verbs = _verbs(end, random, category in verified, staff, crowd.handed_up)
        if (
            end in (State.IN_PROGRESS, State.CLOSED) and number % 60 == 7
        ):  # a few complaints about the service
            category, staff, verbs = speech.COMPLAINT, False, ["report", "take"]
            if end == State.CLOSED:
                verbs += ["resolve", "close"]
        reported_at = _reported_at(end, random, now, long="reopen" in verbs)
        steps = _timed(verbs, reported_at, random, now)
        yield Tale(key, crowd.path, category, tuple(_me_too(steps, random, now)), staff)


def scene(now: datetime) -> Tale:
    """The first article's: rubbish in the second lane, a photo, taken, cleared in half an hour, confirmed."""
    day = now.astimezone(_CHINA).replace(hour=9, minute=12, second=0, microsecond=0) - timedelta(days=8)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    minutes = {"report": 0, "take": 3, "resolve": 30, "confirm": 42, "evaluate": 44}
    steps = tuple(Step(day + timedelta(minutes=after), verb) for verb, after in minutes.items())
    return Tale("scene", LANE, "environment", steps, special="scene")


def strays(now: datetime, *, county: str) -> list[Tale]:
    """From beyond the map of a county: two that wait and two that were put right."""
    found = []
    for number in range(4):
        key = f"{county}off-map/{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        end = State.CLOSED if number % 2 else State.REPORTED
        verbs = ["report", "take", "resolve", "close"] if number % 2 else ["report"]
        steps = _timed(verbs, _reported_at(end, random, now), random, now)
        found.append(Tale(key, county, "information", tuple(steps), special="off_map"))
    return found


def beyond(now: datetime, *, county: str) -> list[Tale]:
    """Complaints that nobody inside the county may receive."""
    tales = []
    for number in range(2):
        key = f"{county}outside/{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        at = _reported_at(State.RESOLVED, random, now)
        tales.append(Tale(key, county, speech.COMPLAINT, (Step(at, "report"),), special="outside"))
    return tales


def _category(end: State, random: Random, verified: frozenset[str]) -> str:
    pool = dict(speech.CATEGORIES)
    if end == State.TO_VERIFY:
        pool = {code: weight for code, weight in pool.items() if code in verified}
    if end in (State.REPORTED, State.ASSIGNED):
        pool.pop("danger_now", None)  # ten minutes, then it is somebody's
    return random.choices(list(pool), list(pool.values()))[0]


def _verbs(end: State, random: Random, verified: bool, staff: bool, handed_up: float) -> list[str]:
    opening = ["report", "assign"]  # `assign` only where it waits to be received
    if random.random() < handed_up:
        opening = ["report", "return", "assign"] if random.random() < 0.5 else ["report", "return"]
    mended = ["take", "resolve"]
    if verified:
        mended += ["fail", "resolve", "verify"] if random.random() < 0.12 else ["verify"]
    again = [*mended, "reopen"] if random.random() < 0.05 else []
    match end:
        case State.REPORTED:  # sent up once, or by the village too, so that it waits at the town
            return ["report", "return", "take", "return"] if random.random() < 0.4 else ["report", "return"]
        case State.ASSIGNED:
            return ["report", *again] if again else ["report", "assign"]
        case State.IN_PROGRESS:
            return [*opening, *again, "take"]
        case State.TO_VERIFY:
            return [*opening, "take", "resolve"]
        case State.RESOLVED:
            return [*opening, *mended]
        case State.WITHDRAWN:
            return ["report", "take", "withdraw"] if random.random() < 0.4 else ["report", "withdraw"]
    if staff:
        return ["report", "on_spot", "verify", "close"] if verified else ["report", "on_spot", "close"]
    last = ["confirm"] if random.random() < 0.55 else ["close"]
    if random.random() < 0.35:
        last.append("evaluate")
    return [*opening, *again, *mended, *last]


# Minutes: half of all wait longer, half less.
_USUAL: Final = {
    "return": 50, "assign": 90, "take": 45, "resolve": 330, "on_spot": 8, "verify": 300, "fail": 300,
    "close": 600, "confirm": 420, "evaluate": 4, "reopen": 1100, "withdraw": 160,
}  # fmt: skip


def _timed(verbs: list[str], reported_at: datetime, random: Random, now: datetime) -> list[Step]:
    """When each step happens, after the report and before `now`."""
    offsets = [timedelta(0)]
    for verb in verbs[1:]:
        wait = timedelta(minutes=_USUAL[verb] * exp(random.gauss(0, 0.8)))
        offsets.append(_awake(reported_at + offsets[-1] + wait, random) - reported_at)
    room = (now - reported_at) * random.uniform(0.6, 0.97)
    pressed = min(1.0, room / offsets[-1]) if offsets[-1] else 1.0
    return [Step(reported_at + offset * pressed, verb) for verb, offset in zip(verbs, offsets, strict=True)]


def _awake(at: datetime, random: Random) -> datetime:
    """The same moment, or the next morning."""
    local = at.astimezone(_CHINA)
    if local.hour >= 22:
        local += timedelta(days=1)
    elif local.hour >= 7:
        return at
    return local.replace(hour=7, minute=20) + timedelta(minutes=random.uniform(0, 110))


# Hours since the report, by what the clock shall show: in time, soon due, overdue.
_AGES: Final = {
    State.REPORTED: ((0.1, 8.5), (9.2, 11.8), (12.5, 90)),
    State.ASSIGNED: ((0.1, 8.5), (9.2, 11.8), (12.5, 90)),
    State.IN_PROGRESS: ((1, 50), (55, 71), (73, 200)),
    State.TO_VERIFY: ((3, 50), (55, 71), (73, 160)),
    State.RESOLVED: ((6, 100), (6, 100), (20, 160)),
}


def _reported_at(end: State, random: Random, now: datetime, *, long: bool = False) -> datetime:
    """When it was reported, so that its clock stands as it shall now; mostly by day and on weekdays."""
    if end in _OPEN:
        youngest, oldest = _AGES[end][2 if long else random.choices((0, 1, 2), (55, 22, 23))[0]]
    else:
        youngest, oldest = 5.0, MONTH / timedelta(hours=1)
    at = now
    for _try in range(40):
        at = now - timedelta(hours=random.uniform(youngest, oldest))
        if random.random() < _busy(at):
            break
    return at


def _busy(at: datetime) -> float:
    """How many report at that hour, of the most there are."""
    local = at.astimezone(_CHINA)
    by_day = 1.0 if 8 <= local.hour < 19 else 0.35 if 6 <= local.hour < 22 else 0.03
    return by_day * (0.45 if local.weekday() > 4 else 1.0)


def _me_too(steps: list[Step], random: Random, now: datetime) -> list[Step]:
    """Neighbours who saw it too, while nobody has put it right."""
    if random.random() > 0.12:
        return steps
    until = steps[1].at if len(steps) > 1 else now
    told = [
        Step(steps[0].at + (until - steps[0].at) * random.uniform(0.05, 0.95), "me_too")
        for _one in range(random.randint(1, 3))
    ]
    return sorted([*steps, *told], key=lambda step: step.at)
