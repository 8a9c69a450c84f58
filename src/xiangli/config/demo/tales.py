"""The plan of the demo's month: how many matters, where, how each ends, and when each of its steps happens.
Pure: the same seed, the same rules and the same `now` give the same plan. What clocks do by themselves is not
planned: time does it while the plan is told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from math import exp
from random import Random
from typing import Final

from xiangli.cases.rules import Limits
from xiangli.cases.states import ClockName, State
from xiangli.config.demo import speech
from xiangli.config.demo.people import LANE
from xiangli.kernel.clocks import SHANGHAI, Length, WorkingCalendar, amber, deadline

MONTH: Final = timedelta(days=30)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many matters under one path, by the state in which the month leaves them, unless time does more."""

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
    left_alone: float = 0.4  # of those that wait to be received: nobody looked at them, and they moved up
    claimed: float = 0.0  # that the head of a section takes the lead in

    @property
    def ends(self) -> list[State]:
        return [state for state in State for _one in range(getattr(self, state.value))]


# The deepest first: a place belongs to the first crowd whose path it is under. The demo's lane head, village,
# town and county see what stands for them and for those before; so does the grid head of the other county.
# With the scene of the first article, off the map and outside the county, these are 2,000.
CROWDS: Final = (
    Crowd(
        LANE,
        assigned=3,
        in_progress=3,
        resolved=2,
        closed=30,
        withdrawn=1,
        merged=1,
        handed_up=0,
        left_alone=0,
    ),
    Crowd(LANE[:-3], 3, 10, 8, 3, 8, 70, 4, suspended=1, declined=1, merged=2),
    Crowd(LANE[:-7], 14, 54, 44, 12, 36, 352, 24, suspended=5, declined=8, merged=7),
    Crowd("14/08/21/", 8, 24, 18, 5, 15, 205, 14, suspended=2, declined=4, merged=3),
    Crowd("14/08/26/101/200/01/", 5, 3, 6, 1, 3, 34, 2, handed_up=0.7, left_alone=0),
    Crowd("14/08/26/101/200/", 1, 5, 4, 1, 4, 38, 3, merged=2),
    Crowd("14/08/26/101/", 8, 30, 24, 6, 20, 260, 18, suspended=3, declined=5, merged=4),
    Crowd("14/08/26/", 4, 15, 12, 3, 10, 147, 10, suspended=1, declined=2, merged=2),
    Crowd("21/07/82/", 2, 7, 6, 2, 5, 68, 5, suspended=1, declined=1, merged=1),
    Crowd("62/10/02/", 2, 7, 6, 2, 5, 68, 5, suspended=1, declined=1, merged=1),
    Crowd("61/08/31/", 2, 7, 6, 2, 5, 67, 5, suspended=1, declined=1, merged=1, claimed=0.15),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a matter, as `teller` tells it."""

    at: datetime
    verb: str
    days: int = 0  # for how long it is suspended, or how many days more are asked for


@dataclass(frozen=True, slots=True)
class Tale:
    """One matter from its report to where the month leaves it."""

    key: str  # its name, from which its ids and its words follow
    path: str  # the crowd's
    category: str
    steps: tuple[Step, ...]
    staff: bool = False  # found by staff, not reported by a resident
    sampled: bool = False  # drawn to be checked by somebody else
    twin: str = ""  # the key of the matter that says the same, into which this one goes
    special: str = ""  # "scene", "off_map", "outside"

    @property
    def random(self) -> Random:
        return Random(f"tale/{self.key}")  # noqa: S311  # made-up matters, the same on every machine


class Stage(IntEnum):
    """How far a clock is at the end of the month."""

    GREEN = 0
    AMBER = 1
    RED = 2  # the level above is brought in
    UP = 3  # long enough ago that it has moved a level up, or several


_STEP: Final = timedelta(minutes=10)
_LOOK_BACK: Final = timedelta(days=9)
_Clock = tuple[
    datetime, datetime, datetime, datetime
]  # when it began, turns amber, red, moves what it bounds up


@dataclass(frozen=True)
class Rules:
    """What the plan knows of the counties' rules."""

    calendar: WorkingCalendar
    verified: frozenset[str]  # categories that somebody else checks
    danger: frozenset[str]
    limits: Callable[[str, datetime], Limits]  # of a category, on a day
    _counted: dict[tuple[datetime, Length, Length], _Clock] = field(default_factory=dict)
    _clocks: dict[tuple[str, str], list[_Clock]] = field(default_factory=dict)

    def clocks(self, name: ClockName, category: str, now: datetime) -> list[_Clock]:
        """The clock as it runs when it began at any time of the last days."""
        if (name, category) not in self._clocks:
            times = (now - _STEP * number for number in range(1, _LOOK_BACK // _STEP))
            self._clocks[name, category] = [self._clock(at, name, category) for at in times]
        return self._clocks[name, category]

    def _clock(self, began: datetime, name: ClockName, category: str) -> _Clock:
        limits = self.limits(category, began)
        length, escalate = limits.of(name).length, limits.of(ClockName.ESCALATE).length
        key = (began, length, escalate)
        if key not in self._counted:
            due = deadline(began, length, calendar=self.calendar, roll_over=True).at
            up = deadline(due, escalate, calendar=self.calendar, roll_over=True).at
            soon = amber(began, length, calendar=self.calendar, roll_over=True)
            self._counted[key] = (began, soon, due, up)
        return self._counted[key]


def plan(crowd: Crowd, *, now: datetime, rules: Rules) -> Iterator[Tale]:
    """The tales of one crowd."""
    told: list[Tale] = []
    for number, end in enumerate(crowd.ends):
        key = f"{crowd.path}{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        tale = _again(key, crowd, told, random) if end == State.MERGED else None
        tale = tale or _tale(key, crowd, end, number, random, now, rules)
        told.append(tale)
        yield tale


def _tale(
    key: str, crowd: Crowd, end: State, number: int, random: Random, now: datetime, rules: Rules
) -> Tale:
    sampled = random.random() < 0.1
    category = _category(end, random, rules, sampled)
    staff = end == State.CLOSED and random.random() < 0.15
    draft = _Draft(
        end=end,
        crowd=crowd,
        random=random,
        verified=sampled or category in rules.verified,
        danger=category in rules.danger,
        staff=staff,
        stage=_stage(end, crowd, random),
        slow=6.0 if end == State.CLOSED and not staff and random.random() < 0.05 else 1.0,
    )
    verbs = draft.verbs()
    if end in (State.IN_PROGRESS, State.CLOSED) and number % 60 == 7:  # complaints about the service
        category, draft.danger, sampled, staff = speech.COMPLAINT, False, False, False
        verbs = ["report", "take"] if end == State.IN_PROGRESS else ["report", "take", "resolve", "close"]
    steps = draft.timed(verbs, draft.anchor(category, now, rules), now)
    return Tale(key, crowd.path, category, tuple(_neighbours(steps, random, now)), staff, sampled)


def _stage(end: State, crowd: Crowd, random: Random) -> Stage:
    if end not in _STAGES:
        return Stage.GREEN
    *stays, up = _STAGES[end]
    return random.choices(list(Stage), (*stays, up if crowd.left_alone else 0))[0]


def _again(key: str, crowd: Crowd, told: Sequence[Tale], random: Random) -> Tale | None:
    """The same matter reported once more, and joined with the first while that one is being put right."""
    open_for = []
    for tale in told:
        moments = {step.verb: step.at for step in tale.steps}
        until = next((moments[verb] for verb in ("resolve", "close", "withdraw") if verb in moments), None)
        plain = not tale.staff and not tale.twin and tale.category != speech.COMPLAINT
        if plain and until and until - moments["report"] > 3 * _HOUR and "decline" not in moments:
            open_for.append((tale, moments["report"], until))
    if not open_for:
        return None
    twin, since, until = random.choice(open_for)
    at = since + (until - since) * random.uniform(0.1, 0.6)
    steps = (Step(at, "report"), Step(at + (until - at) * random.uniform(0.1, 0.8), "merge"))
    return Tale(key, crowd.path, twin.category, steps, twin=twin.key)


def scene(now: datetime) -> Tale:
    """The first article's: rubbish in the second lane, a photo, taken, cleared in half an hour, confirmed."""
    day = now.astimezone(SHANGHAI).replace(hour=9, minute=12, second=0, microsecond=0) - timedelta(days=8)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    minutes = {"report": 0, "take": 3, "resolve": 30, "confirm": 42, "evaluate": 44}
    steps = tuple(Step(day + timedelta(minutes=after), verb) for verb, after in minutes.items())
    return Tale("scene", LANE, "environment", steps, special="scene")


def strays(now: datetime, *, county: str, rules: Rules) -> list[Tale]:
    """From beyond the map of a county: two that wait and two that were put right."""
    found = []
    for number in range(4):
        key = f"{county}off-map/{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        end = State.CLOSED if number % 2 else State.REPORTED
        verbs = ["report", "take", "resolve", "close"] if number % 2 else ["report"]
        draft = _Draft(end, Crowd(county), random)
        steps = draft.timed(verbs, draft.anchor("information", now, rules), now)
        found.append(Tale(key, county, "information", tuple(steps), special="off_map"))
    return found


def beyond(now: datetime, *, county: str) -> list[Tale]:
    """Complaints that nobody inside the county may receive."""
    tales = []
    for number in range(2):
        key = f"{county}outside/{number}"
        random = Random(f"plan/{key}")  # noqa: S311  # as above
        steps = (Step(_some_time(random, now, days=6), "report"),)
        tales.append(Tale(key, county, speech.COMPLAINT, steps, special="outside"))
    return tales


def _category(end: State, random: Random, rules: Rules, sampled: bool) -> str:
    pool = dict(speech.CATEGORIES)
    if end == State.TO_VERIFY and not sampled:
        pool = {code: weight for code, weight in pool.items() if code in rules.verified}
    elif end == State.DECLINED:
        pool = {code: weight for code, weight in pool.items() if code in speech.DECLINED}
    if end in (State.REPORTED, State.ASSIGNED, State.SUSPENDED):
        for code in rules.danger:
            pool.pop(code, None)  # ten minutes, then it is somebody's
    return random.choices(list(pool), list(pool.values()))[0]


# Of what is open at the end, so much stands green, amber, red, and has moved up.
_STAGES: Final = {
    State.REPORTED: (50, 25, 25, 0),
    State.ASSIGNED: (62, 18, 20, 0),
    State.IN_PROGRESS: (64, 18, 14, 4),
    State.TO_VERIFY: (62, 20, 18, 0),
    State.RESOLVED: (64, 20, 16, 0),
}
# The clock that this goes by.
_CLOCK: Final = {
    State.REPORTED: ClockName.RESPOND,
    State.ASSIGNED: ClockName.RESPOND,
    State.IN_PROGRESS: ClockName.PUT_RIGHT,
    State.TO_VERIFY: ClockName.VERIFY,
    State.RESOLVED: ClockName.FEED_BACK,
}
_FROM_LAST: Final = (State.TO_VERIFY, State.RESOLVED, State.SUSPENDED)  # it runs from the last step

# Minutes: half of all wait longer, half less.
_USUAL: Final = {
    "hand_up": 50, "return": 60, "assign": 90, "accept": 60, "transfer": 110, "claim": 100, "decline": 120,
    "take": 45, "arrive": 40, "together": 90, "part": 600, "suspend": 240, "resume": 2900, "ask_more": 1500,
    "grant": 150, "refuse": 150, "supervise": 500, "answer": 140, "nudge": 900, "merge": 120,
    "resolve": 330, "on_spot": 8, "verify": 300, "fail": 300, "close": 600, "confirm": 420, "evaluate": 4,
    "reopen": 1100, "withdraw": 160,
}  # fmt: skip
_AT_ONCE: Final = 0.07  # of the usual, where there is danger and it waits for somebody to take it
_WAITS: Final = frozenset({"hand_up", "return", "assign", "accept", "transfer", "claim", "take", "arrive"})


@dataclass(slots=True)
class _Draft:
    """One tale while it is made up."""

    end: State
    crowd: Crowd
    random: Random
    verified: bool = False
    danger: bool = False
    staff: bool = False
    stage: Stage = Stage.GREEN
    slow: float = 1.0  # how many times the usual everything takes

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def verbs(self) -> list[str]:
        again = [*self.mended(), "reopen"] if self.chance(0.05) else []
        match self.end:
            case State.REPORTED:
                return self.waiting()
            case State.ASSIGNED:
                return ["report", *again] if again else ["report", *self.opening(), *self.pressed()]
            case State.IN_PROGRESS:
                return ["report", *self.opening(), *again, *self.taken(), *self.pressed()]
            case State.SUSPENDED:
                return ["report", *self.opening(), "take", "suspend"]
            case State.TO_VERIFY:
                return ["report", *self.opening(), *self.taken(), "resolve"]
            case State.RESOLVED:
                return ["report", *self.opening(), *self.mended()]
            case State.WITHDRAWN:
                return ["report", "take", "withdraw"] if self.chance(0.4) else ["report", "withdraw"]
            case State.DECLINED:
                return ["report", "hand_up", "decline"] if self.chance(0.5) else ["report", "decline"]
        if self.staff:
            checked = ["verify"] if self.verified else []
            return ["report", "on_spot", *checked, "close"]
        if self.chance(0.01) and not self.danger:
            again = ["decline", "reopen", "accept"]
        last = ["confirm"] if self.chance(0.55) else ["close"]
        if self.chance(0.35):
            last.append("evaluate")
        nudged = ["nudge"] if self.slow > 1 and self.chance(0.5) else []
        return ["report", *self.opening(), *again, *nudged, *self.mended(), *last]

    def waiting(self) -> list[str]:
        """Sent up once, or by the village too, so that it waits at the town; or left alone by all."""
        if self.chance(self.crowd.left_alone):
            self.stage = Stage.UP
            return ["report", *self.pressed()]
        return ["report", "hand_up", "take", "hand_up"] if self.chance(0.4) else ["report", "hand_up"]

    def opening(self) -> list[str]:
        """What happens before somebody takes it. `assign` does only where it waits to be received."""
        if self.chance(self.crowd.claimed):
            return ["claim"]
        if self.chance(self.crowd.handed_up):
            last = self.random.choices(("accept", "assign", "transfer"), (35, 40, 25))[0]
            returned = ["assign", "return"] if self.chance(0.12) else []
            return ["hand_up", *returned, last]
        return ["transfer"] if self.chance(0.05 if self.crowd.handed_up else 0) else ["assign"]

    def taken(self) -> list[str]:
        """What happens while it is in hand."""
        verbs = ["take"]
        if self.chance(0.9 if self.danger else 0.25):
            verbs.append("arrive")
        if self.chance(0.05):
            verbs += ["together", "part"]
        if self.end != State.IN_PROGRESS and not self.danger and self.chance(0.04):
            verbs += ["suspend", "resume"]
        if self.chance(0.05):
            verbs += ["ask_more", "grant" if self.chance(0.75) else "refuse"]
        return verbs

    def mended(self) -> list[str]:
        verbs = [*self.taken(), "resolve"]
        if (self.slow > 1 and self.chance(0.4)) or self.chance(0.01):
            verbs[-1:] = ["supervise", "answer", "resolve"]
        if self.verified:
            verbs += ["fail", "resolve", "verify"] if self.chance(0.12) else ["verify"]
        return verbs

    def pressed(self) -> list[str]:
        """What is late is asked after: by the reporter, and from above."""
        if self.stage == Stage.GREEN:
            return []
        verbs = ["nudge"] if self.chance(0.35) else []
        if self.stage >= Stage.RED and self.chance(0.35):
            verbs += ["supervise", "answer"] if self.chance(0.5) else ["supervise"]
        return verbs

    def anchor(self, category: str, now: datetime, rules: Rules) -> datetime:
        """When the clock began that runs at the end, so that it stands as it shall."""
        if self.end not in _CLOCK:
            return _some_time(self.random, now, days=3 if self.end in _FROM_LAST else MONTH.days)
        clocks = rules.clocks(_CLOCK[self.end], category, now)
        if self.stage == Stage.UP:
            # most of them for a day or two, the others for longer, until nobody is above them
            longest = timedelta(hours=36 if self.chance(0.7) else 150)
            fitting = [began for began, _soon, _due, up in clocks if up <= now < up + longest]
        else:
            # a stage lasts from one moment to the next
            since, until = int(self.stage), int(self.stage) + 1
            fitting = [clock[0] for clock in clocks if clock[since] <= now < clock[until]]
        # No clock of duty hours runs out on a Sunday: then some hours ago.
        at = self.random.choices(fitting, [_busy(at) for at in fitting])[0] if fitting else now - 3 * _HOUR
        return at + _STEP * self.random.random()

    def timed(self, verbs: list[str], anchor: datetime, now: datetime) -> list[Step]:
        """When each step happens, up to `now`. The clock that runs at the end began at `anchor`: with the last step, or
        else with the last reopening or the report."""
        last = len(verbs) - 1
        began = last if self.end in _FROM_LAST else max(verbs.index("report"), _last(verbs, "reopen"))
        waits = [self.wait(verb) for verb in verbs[1:]]
        reported_at = max(anchor - sum(waits[:began], timedelta(0)), now - MONTH)
        offsets = [timedelta(0)]
        for wait in waits:
            offsets.append(_awake(reported_at + offsets[-1] + wait, self.random) - reported_at)
        before = (anchor - reported_at) / offsets[began] if began else 1.0
        room, rest = (now - anchor) * self.random.uniform(0.6, 0.97), offsets[last] - offsets[began]
        after = min(1.0, room / rest) if rest else 1.0
        steps = []
        for number, (verb, offset) in enumerate(zip(verbs, offsets, strict=True)):
            late = offset - offsets[began]
            at = anchor + late * after if number > began else reported_at + offset * before
            steps.append(Step(at, verb, self.days(verb)))
        return steps

    def wait(self, verb: str) -> timedelta:
        usual = _USUAL[verb] * self.slow * (_AT_ONCE if self.danger and verb in _WAITS else 1)
        return timedelta(minutes=usual * exp(self.random.gauss(0, 0.8)))

    def days(self, verb: str) -> int:
        if verb == "suspend":
            return self.random.randint(12, 25) if self.end == State.SUSPENDED else self.random.randint(2, 9)
        return self.random.randint(1, 3) if verb == "ask_more" else 0


def _last(verbs: Sequence[str], verb: str) -> int:
    return max((number for number, found in enumerate(verbs) if found == verb), default=0)


def _awake(at: datetime, random: Random) -> datetime:
    """The same moment, or the next morning."""
    local = at.astimezone(SHANGHAI)
    if local.hour >= 22:
        local += timedelta(days=1)
    elif local.hour >= 7:
        return at
    return local.replace(hour=7, minute=20) + timedelta(minutes=random.uniform(0, 110))


def _some_time(random: Random, now: datetime, *, days: int) -> datetime:
    """Some time in the last days, mostly by day and on weekdays."""
    at = now
    for _try in range(40):
        at = now - timedelta(hours=random.uniform(5, days * 24))
        if random.random() < _busy(at):
            break
    return at


def _busy(at: datetime) -> float:
    """How many report at that hour, of the most there are."""
    local = at.astimezone(SHANGHAI)
    by_day = 1.0 if 8 <= local.hour < 19 else 0.35 if 6 <= local.hour < 22 else 0.03
    return by_day * (0.45 if local.weekday() > 4 else 1.0)


def _neighbours(steps: list[Step], random: Random, now: datetime) -> list[Step]:
    """Neighbours who saw it too, while nobody has put it right."""
    if random.random() > 0.12:
        return steps
    until = steps[1].at if len(steps) > 1 else now
    told = [
        Step(steps[0].at + (until - steps[0].at) * random.uniform(0.05, 0.95), "me_too")
        for _one in range(random.randint(1, 3))
    ]
    return sorted([*steps, *told], key=lambda step: step.at)
