"""Pure rules of territory: what an actor may, who answers, what a code or a name says. No Django here but its
words; data and `now` in, verdict out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from xiangli.kernel.refusals import Refused

COMPLAINTS = "complaints"  # the duty to answer complaints about the service of those who answer here
ORGAN = "organ"  # the level of a county's organs, in every scheme
OUTSIDE = "outside"  # the seat of the organ outside the county
BOARD_LEVELS = frozenset(
    {"village", "community"}
)  # where a board of who is responsible hangs, in every scheme

APPOINT_STAFF = "appoint_staff"
END_UNIT = "end_unit"
ENROL_STAFF = "enrol_staff"
PRINT_PLATE = "print_plate"
SET_ON_CALL = "set_on_call"
MANAGE_SETTINGS = "manage_settings"  # categories, limits, lists, levels and posts, the calendar
IMPORT_ORDERS = "import_orders"  # bring in orders from elsewhere, and take their replies
REVEAL_CONTACT = "reveal_contact"  # opens personal fields: whoever holds it signs in with a second factor

# What a cover by the hour does not bring along: it answers for what is reported in those hours, and leaves
# nothing standing behind, neither units and posts nor somebody's way in nor its own next night.
STANDING_VERBS = frozenset({APPOINT_STAFF, END_UNIT, ENROL_STAFF, SET_ON_CALL, MANAGE_SETTINGS})

_CHINA = ZoneInfo("Asia/Shanghai")
_DAY = timedelta(days=1)


def day_of(at: datetime) -> date:
    """The calendar day of a moment where the counties are: appointments and units change at their
    midnight."""
    return at.astimezone(_CHINA).date()


def in_force(valid_from: date, valid_to: date | None, day: date) -> bool:
    """Whether a dated row holds on `day`; `valid_to` is the first day on which it no longer does."""
    return valid_from <= day and (valid_to is None or day < valid_to)


def overlap(a_from: date, a_to: date | None, b_from: date, b_to: date | None) -> bool:
    """Whether two dated rows share a day."""
    return (b_to is None or a_from < b_to) and (a_to is None or b_from < a_to)


def line_of(path: str) -> list[str]:
    """The paths from the top down to `path` itself: "14/08/21/" -> "14/", "14/08/", "14/08/21/"."""
    return [path[: match.end()] for match in re.finditer("/", path)]


def is_label(text: str) -> bool:
    """Whether `text` may be one step of a path."""
    return re.fullmatch("[0-9a-z]{1,8}", text) is not None


def is_telephone(text: str) -> bool:
    """Whether `text` may be a telephone number to put on a plate, or none: 3 to 12 digits, in groups or not."""
    digits = re.sub(r"[\s-]", "", text)
    return not text or (len(text) <= 20 and re.fullmatch(r"\+?[0-9]{3,13}", digits) is not None)


def seat_of(unit_id: UUID, post_id: UUID) -> str:
    """The name of a seat: a post of a unit, whoever holds it."""
    return f"{unit_id}:{post_id}"


@dataclass(frozen=True, slots=True)
class Held:
    """One appointment in force: a post that the actor holds, or covers as a deputy; or the hours of the roster
    in which the actor is on call in it."""

    appointment_id: UUID  # on call: the id of the roster's entry
    post_id: UUID
    post_code: str
    post_name: str
    unit_id: UUID
    unit_name: str
    unit_path: str
    county_id: UUID
    level: str
    rank: int  # of the unit's level; 1 = county
    duties: frozenset[str]
    permissions: frozenset[str]
    deputy: bool = False
    post_title: str = ""  # the post's name as the record keeps it, in Chinese whoever reads
    on_call: bool = False

    @property
    def seat(self) -> str:
        return seat_of(self.unit_id, self.post_id)

    @property
    def authority(self) -> str:
        """How the ledger names the post that authorised an act."""
        return f"{'on_call' if self.on_call else 'appointment'}:{self.appointment_id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user and the appointments in force. Nobody (`user_id` None) holds nothing and sees
    nothing."""

    user_id: UUID | None
    name: str = ""
    held: tuple[Held, ...] = ()

    def __bool__(self) -> bool:
        return self.user_id is not None

    @property
    def scope_paths(self) -> list[str]:
        """The shortest paths that cover all the actor's units."""
        paths: list[str] = []
        for path in sorted({held.unit_path for held in self.held}, key=lambda path: (len(path), path)):
            if not any(path.startswith(shorter) for shorter in paths):
                paths.append(path)
        return paths

    @property
    def seats(self) -> list[str]:
        return [held.seat for held in self.held]

    def covers(self, path: str) -> bool:
        """Whether `path` lies in a unit of one of the actor's posts."""
        return any(path.startswith(held.unit_path) for held in self.held)

    def authority(self, permission: str, path: str, *, seats: Collection[str] = ()) -> Held | None:
        """The appointment that authorises `permission` at `path`: the deepest whose unit covers it; or one
        whose seat is in `seats` (the holder's seat, a seat named in a grant). None: not authorised."""
        fitting = [
            held
            for held in self.held
            if permission in held.permissions and (path.startswith(held.unit_path) or held.seat in seats)
        ]
        return max(
            fitting,
            key=lambda held: (held.seat in seats, len(held.unit_path), not held.on_call, not held.deputy),
            default=None,
        )

    def may(self, permission: str, path: str, *, seats: Collection[str] = ()) -> bool:
        return self.authority(permission, path, seats=seats) is not None


NOBODY = Actor(user_id=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One appointment in force in a unit or above it, or one entry of the roster that is on now."""

    unit_id: UUID
    unit_path: str
    unit_name: str
    post_id: UUID
    post_name: str
    post_order: int
    appointment_id: UUID  # on call: the id of the roster's entry
    user_id: UUID
    user_name: str
    deputy: bool
    absent: bool
    on_call: bool = False
    has_duty: bool = True  # the post answers for what is asked; without it, somebody on call is only told


@dataclass(frozen=True, slots=True)
class Listed:
    """The seat that a list of responsibilities names: a post, in the nearest unit on the way up that has it, or
    in the organ at `organ_path`."""

    post_id: UUID
    organ_path: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers: a seat, and the person in it now.

    `alarm` is "vacant" when somebody lower down should have answered and nobody was there; `outside` when
    nobody inside the county may: then `unit_id` is the county's and `post_name` is the outside organ its
    profile names. `on_call` are, where it is urgent, the users on call in the nearest unit that has any: they
    are told besides. `appointment_id` is None for somebody who answers because they are on call. `listed`: it
    is the seat that a list of responsibilities names.
    """

    unit_id: UUID
    unit_path: str
    unit_name: str
    seat: str
    post_id: UUID | None = None
    post_name: str = ""
    appointment_id: UUID | None = None
    user_id: UUID | None = None
    user_name: str = ""
    deputy: bool = False
    alarm: str = ""
    outside: bool = False
    on_call: tuple[UUID, ...] = ()
    listed: bool = False


def pick_answer(
    candidates: Sequence[Candidate],
    *,
    expected: Collection[str],
    excluding: Collection[UUID] = (),
    urgent: bool = False,
) -> Answer | None:
    """The first seat from below upward in which somebody answers: the holder, else a deputy; None when
    there is none.

    `expected` are the paths of the units on the way that have a post with this duty, filled or not: passing
    over one raises the alarm, while a duty that starts at the village raises none for the lane below it. A
    seat that any of `excluding` holds or covers, or is on call in, is passed over whole, without an alarm: a
    complaint never goes to, or through, its subjects. A seat whose people are all absent is passed over too.
    Absence never vacates the topmost seat: there the absent holder answers rather than nobody.

    `urgent`: in each seat somebody on call answers before its holder, and before an absence, at any hour. What
    is not urgent waits for whoever holds the seat: the roster is not asked.
    """
    excluded = set(excluding)
    barred = {(c.unit_id, c.post_id) for c in candidates if c.user_id in excluded}
    able = [c for c in candidates if (c.unit_id, c.post_id) not in barred and (urgent or not c.on_call)]
    able.sort(
        key=lambda c: (
            *(-len(c.unit_path), c.post_order, str(c.post_id)),
            *(not c.on_call, c.deputy, str(c.appointment_id)),
        )
    )
    answering = [c for c in able if c.has_duty]
    chosen = next((c for c in answering if not c.absent), None)
    if chosen is None:
        top = answering[-1].unit_path if answering else ""
        chosen = next((c for c in answering if c.unit_path == top), None)
    if chosen is None:
        return None
    barred_paths = {c.unit_path for c in candidates if (c.unit_id, c.post_id) in barred and c.has_duty}
    passed = {path for path in expected if len(path) > len(chosen.unit_path)}
    on_call = [c for c in able if c.on_call]
    return Answer(
        unit_id=chosen.unit_id,
        unit_path=chosen.unit_path,
        unit_name=chosen.unit_name,
        seat=seat_of(chosen.unit_id, chosen.post_id),
        post_id=chosen.post_id,
        post_name=chosen.post_name,
        appointment_id=None if chosen.on_call else chosen.appointment_id,
        user_id=chosen.user_id,
        user_name=chosen.user_name,
        deputy=chosen.deputy,
        alarm="vacant" if passed - barred_paths or chosen.absent else "",
        # of overlapping entries every one is asked: two who are told are better than one who sleeps
        on_call=tuple(dict.fromkeys(c.user_id for c in on_call if c.unit_path == on_call[0].unit_path)),
    )


def pick_listed(
    candidates: Sequence[Candidate],
    *,
    expected: Collection[str],
    excluding: Collection[UUID] = (),
    urgent: bool = False,
) -> Answer | None:
    """As `pick_answer`, of the seats that a list names (`has_duty` says which these are), but only somebody who
    is there: for an absent holder, others answer by their duty."""
    there = [c for c in candidates if not c.absent or c.user_id in excluding]
    answer = pick_answer(there, expected=expected, excluding=excluding, urgent=urgent)
    return replace(answer, listed=True) if answer else None


def may_enrol(actor: Actor, paths: Collection[str]) -> bool:
    """Whether `actor` may hand out the link of a person who is appointed, now or soon, in the units at
    `paths`.

    Every one of them lies below a unit where the actor enrols, never at its own level: whoever hands out a
    link could open it, so it must lead to nothing that the actor does not already answer for.
    """
    return bool(paths) and all(
        any(
            ENROL_STAFF in held.permissions and path != held.unit_path and path.startswith(held.unit_path)
            for held in actor.held
        )
        for path in paths
    )


def appointer(actor: Actor, path: str) -> Held | None:
    """The appointment by which `actor` may fill, change or end posts in the unit at `path`; None: not theirs to do.

    It stands in a unit above: the posts of one's own unit, one's own among them, are given by the level above.
    """
    fitting = [
        held
        for held in actor.held
        if APPOINT_STAFF in held.permissions and path != held.unit_path and path.startswith(held.unit_path)
    ]
    return max(fitting, key=lambda held: (len(held.unit_path), not held.deputy), default=None)


# How far ahead a roster is written: a month, as offices do. What is written further ahead names people who may
# long be gone, and keeps a seat open to them.
ON_CALL_AHEAD = timedelta(days=31)


def has_roster(duties: Collection[str]) -> bool:
    """Whether somebody may be on call in a post. Not in one that answers for complaints about the service alone:
    no danger comes to it, and what lies there, sealed matters among it, is not for whoever has the night."""
    return set(duties) != {COMPLAINTS}


def check_on_call(starts: datetime, ends: datetime, *, now: datetime) -> None:
    """Refuse hours on call (dates, over, too_far) that end before they start, are over, or lie further ahead
    than a roster is written."""
    if ends <= starts:
        raise Refused("dates", _("结束时间须晚于开始时间。"), field="ends")
    if ends <= now:
        raise Refused("over", _("这段时间已经过去了；请排今天以后的班。"), field="ends")
    if ends > now + ON_CALL_AHEAD:
        raise Refused(
            "too_far",
            _("值班最多排到 %(days)d 天以后；更远的请到时再排。") % {"days": ON_CALL_AHEAD.days},
            field="ends",
        )


def night_of(quiet_hours: tuple[time, time], at: datetime) -> tuple[datetime, datetime]:
    """The night that `at` lies in, else the next one to come: the county's quiet hours, (22:00, 07:00), which go
    over midnight or not."""
    begin, end = quiet_hours
    for day in (day_of(at) - _DAY, day_of(at), day_of(at) + _DAY):
        starts = datetime.combine(day, begin, _CHINA)
        ends = datetime.combine(day if begin < end else day + _DAY, end, _CHINA)
        if at < ends:
            break
    return starts, ends


def uncovered(
    starts: datetime, ends: datetime, covers: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """The stretches between `starts` and `ends` in which none of `covers` holds, in order."""
    gaps, until = [], starts
    for begin, end in sorted(covers):
        if begin >= ends:
            break
        if begin > until:
            gaps.append((until, begin))
        until = max(until, end)
    if until < ends:
        gaps.append((until, ends))
    return gaps


def parse_quiet_hours(text: str) -> tuple[time, time]:
    """The hours of a county's night, as it writes them: "22:00-07:00". ValueError, which says what is wrong."""
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f'quiet hours {text!r} cannot be read: write them like "22:00-07:00"') from error
    if begin == end:
        raise ValueError(
            f"quiet hours {text!r} are no time or the whole day: let them begin and end at two times"
        )
    return begin, end


def needs_second_factor(permissions: Collection[str]) -> bool:
    """Whether a post opens personal fields, or decides how a county works, so that its holder signs in with a second
    factor."""
    return REVEAL_CONTACT in permissions or MANAGE_SETTINGS in permissions


# Plate codes: seven characters of Crockford's alphabet (no I, L, O, U) and a check character, so that a
# code typed from the plate with two neighbours swapped is a typing error and not somebody else's lane.

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("ILO", "110")


def plate_code_from(number: int) -> str:
    """The plate code of a number below 2^35: seven characters and their check character (Luhn's rule,
    modulo 32)."""
    if not 0 <= number < 1 << 35:
        raise ValueError("a plate code holds 35 bits")
    body = "".join(_ALPHABET[number >> shift & 31] for shift in range(30, -1, -5))
    return body + _check_character(body)


def normal_plate_code(typed: str) -> str | None:
    """A plate code as it is stored, from what somebody typed (case, spaces, hyphens, O for 0); None: not a
    plate code."""
    code = re.sub(r"[\s-]", "", typed).upper().translate(_LOOKALIKES)
    if len(code) != 8 or any(character not in _ALPHABET for character in code):
        return None
    return code if _check_character(code[:-1]) == code[-1] else None


def _check_character(body: str) -> str:
    total = 0
    for position, character in enumerate(reversed(body)):
        value = _ALPHABET.index(character)
        if position % 2 == 0:
            value = value * 2 // 32 + value * 2 % 32
        total += value
    return _ALPHABET[-total % 32]


# What a statutory name says.

_NEVER_A_COMMUNITY = re.compile("虚拟|监狱|看守所|劳教|戒毒|少管所")
_ENTERPRISE_OR_ZONE = re.compile(
    "开发区|工业园|产业园|科技园|物流园|园区|集聚区|集中区|示范区|试验区|保税区|旅游区|景区|管委会|管理委员会|管理区|"
    "农场|林场|牧场|渔场|盐场|茶场|畜场|种场|果园场|园艺场|苗圃|养殖场|奶牛场|马场|鹿场|参场|采育场|"
    "兵团|农垦|连队|[0-9一二三四五六七八九十]连$|矿区|油田|公司|生活区"
)
_COMMITTEE = re.compile("(社区|居民|村民)?(居民|村民)?委员会$|(居|村|嘎查|牧)委会$")


def is_pseudo_unit(name: str, code: str) -> bool:
    """Whether a row of the statistics is no town, and no place of residents' self-government: a prison,
    farm, zone or the like.

    `code` is the statutory one: 9 digits for a town, 12 for a village; above the town nothing is pseudo.
    The codes keep 400 to 598 in the last three digits for what is like a town, a community or a village
    without being one. A zone's or farm's name says nothing where the row is a committee all the same
    (开发区社区居委会); a prison's always does.
    """
    if len(code) not in (9, 12):
        return False
    if "400" <= code[-3:] <= "598" or _NEVER_A_COMMUNITY.search(name):
        return True
    plain = re.sub(
        "[（(].*$", "", name
    )  # "永胜村（石材开发区）": the village is real, the bracket says where
    committee = _COMMITTEE.search(plain) or plain.endswith(("社区", "村", "嘎查", "街道", "镇", "乡"))
    return not committee and _ENTERPRISE_OR_ZONE.search(plain) is not None


def short_name(name: str) -> str:
    """A unit's name as people say it: 北姚村委会 -> 北姚村, 崇相西社区居民委员会 -> 崇相西社区, 北街居委会
    -> 北街社区."""
    match = _COMMITTEE.search(name)
    if match is None:
        return name
    stem = name[: match.start()]
    if not stem:
        return name
    if "社区" in match.group():
        return stem + "社区"
    if stem.endswith(("社区", "村", "嘎查")):
        return stem
    return stem + ("村" if "村" in match.group() else "社区")


_DIGITS = "零一二三四五六七八九"


def numeral(number: int) -> str:
    """A number from 1 to 99 as it stands on a lane's sign: 1 -> 一, 12 -> 十二, 20 -> 二十."""
    if not 1 <= number <= 99:
        raise ValueError("a lane's number is 1 to 99")
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十") + (
        _DIGITS[ones] if ones else ""
    )
