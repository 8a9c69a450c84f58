"""The arithmetic of limits: what the law says of days, and every bad input by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from xiangli.kernel.clocks import (
    SHANGHAI,
    Deadline,
    Kind,
    Length,
    Pause,
    WorkingCalendar,
    amber,
    deadline,
    parse_hours,
)
from xiangli.kernel.tests.oracle import Oracle

HOURS = "08:00-12:00 14:30-18:00"
# The Mid-Autumn and National Day of 2026 as the State Council announced them, and the Spring Festival.
EXCEPTIONS = {
    date(2026, 2, 14): True,
    **dict.fromkeys((date(2026, 2, day) for day in range(16, 24)), False),
    date(2026, 2, 28): True,
    date(2026, 9, 20): True,
    date(2026, 9, 25): False,
    **dict.fromkeys((date(2026, 10, day) for day in range(1, 8)), False),
    date(2026, 10, 10): True,
}
CALENDAR = WorkingCalendar(EXCEPTIONS, frozenset({2025, 2026}), parse_hours(HOURS))


def at(text: str) -> datetime:
    """A moment as a clock in Shanghai shows it: "2026-09-30 17:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def due(start: str, amount: int, kind: Kind, *pauses: tuple[str, str], roll_over: bool = False) -> datetime:
    gaps = [(at(since), at(to)) for since, to in pauses]
    return deadline(
        at(start), Length(amount, kind), calendar=CALENDAR, pauses=gaps, roll_over=roll_over
    ).at.astimezone(SHANGHAI)


# ---------------------------------------------------------------------------------------------------- time that runs


def test_minutes_run_through_night_and_holidays() -> None:
    assert due("2026-10-01 23:55", 10, Kind.MINUTES) == at("2026-10-02 00:05")


def test_seventy_two_hours_are_three_whole_days_whatever_days_they_are() -> None:
    assert due("2026-10-01 09:30", 72, Kind.HOURS) == at("2026-10-04 09:30")


def test_a_pause_is_left_out_of_running_time() -> None:
    paused = ("2026-09-01 10:00", "2026-09-02 16:00"), ("2026-09-03 00:00", "2026-09-03 01:00")
    assert due("2026-09-01 09:00", 24, Kind.HOURS, *paused) == at("2026-09-03 16:00")


def test_time_is_up_before_a_pause_that_begins_with_its_last_moment() -> None:
    assert due("2026-09-01 09:00", 1, Kind.HOURS, ("2026-09-01 10:00", "2026-09-01 12:00")) == at(
        "2026-09-01 10:00"
    )


def test_pauses_before_the_start_and_after_the_end_change_nothing() -> None:
    paused = ("2026-08-01 09:00", "2026-08-03 09:00"), ("2026-10-01 09:00", "2026-10-02 09:00")
    assert due("2026-09-01 09:00", 24, Kind.HOURS, *paused) == at("2026-09-02 09:00")
    assert due("2026-09-01 09:00", 3, Kind.WORKING_DAYS, *paused) == at("2026-09-05 00:00")


def test_of_a_pause_over_the_start_only_what_follows_the_start_counts() -> None:
    assert due("2026-09-01 09:00", 2, Kind.HOURS, ("2026-08-31 09:00", "2026-09-01 10:00")) == at(
        "2026-09-01 12:00"
    )


# -------------------------------------------------------------------------------------------------------- duty hours


def test_duty_hours_stop_at_noon_in_the_evening_and_over_holidays() -> None:
    # Wednesday 30 September: one hour is left. Then National Day, until Thursday the 8th.
    assert due("2026-09-30 17:00", 2, Kind.DUTY_HOURS) == at("2026-10-08 09:00")
    assert due("2026-09-30 11:00", 2, Kind.DUTY_HOURS) == at("2026-09-30 15:30")


def test_duty_hours_run_on_a_saturday_that_is_worked() -> None:
    assert due("2026-10-09 17:00", 2, Kind.DUTY_HOURS) == at("2026-10-10 09:00")


def test_the_end_of_duty_is_the_deadline_and_not_the_next_morning() -> None:
    assert due("2026-09-29 18:00", 15, Kind.DUTY_HOURS) == at("2026-10-08 18:00")


def test_a_pause_over_noon_takes_only_duty_hours() -> None:
    assert due("2026-09-01 11:00", 2, Kind.DUTY_HOURS, ("2026-09-01 11:30", "2026-09-01 15:00")) == at(
        "2026-09-01 16:30"
    )


def test_a_start_at_night_waits_for_the_morning() -> None:
    assert due("2026-09-05 03:00", 1, Kind.DUTY_HOURS) == at("2026-09-07 09:00")


# -------------------------------------------------------------------------------------------------------------- days


def test_the_day_of_the_start_is_not_counted_and_the_last_is_whole() -> None:
    """民法典 201 and 203: three days from a Tuesday, at whatever hour, end as Friday ends."""
    for hour in ("00:00", "09:00", "23:59"):
        assert due(f"2026-09-01 {hour}", 3, Kind.CALENDAR_DAYS) == at("2026-09-05 00:00")
        assert due(f"2026-09-01 {hour}", 3, Kind.WORKING_DAYS) == at("2026-09-05 00:00")


def test_working_days_leave_out_weekends_and_holidays_and_count_days_worked_to_make_up() -> None:
    assert due("2026-09-04 09:00", 1, Kind.WORKING_DAYS) == at("2026-09-08 00:00")
    assert due("2026-09-30 09:00", 2, Kind.WORKING_DAYS) == at("2026-10-10 00:00")
    assert due("2026-09-30 09:00", 3, Kind.WORKING_DAYS) == at("2026-10-11 00:00")


def test_five_working_days_over_the_spring_festival() -> None:
    # Friday the 13th. Saturday the 14th is worked; then nine days free; then 24, 25, 26, 27.
    assert due("2026-02-13 10:00", 5, Kind.WORKING_DAYS) == at("2026-02-28 00:00")


def test_calendar_days_that_end_on_a_holiday_roll_over_only_where_asked() -> None:
    """民法典 203 II."""
    assert due("2026-09-25 10:00", 7, Kind.CALENDAR_DAYS) == at("2026-10-03 00:00")
    assert due("2026-09-25 10:00", 7, Kind.CALENDAR_DAYS, roll_over=True) == at("2026-10-09 00:00")
    assert due("2026-09-22 10:00", 7, Kind.CALENDAR_DAYS, roll_over=True) == at("2026-09-30 00:00")


def test_a_pause_over_midnight_takes_out_the_day_that_ends_there() -> None:
    noon_to_noon = ("2026-09-02 12:00", "2026-09-03 12:00")
    assert due("2026-09-01 09:00", 3, Kind.CALENDAR_DAYS, noon_to_noon) == at("2026-09-06 00:00")
    within_a_day = ("2026-09-02 00:01", "2026-09-02 23:59")
    assert due("2026-09-01 09:00", 3, Kind.CALENDAR_DAYS, within_a_day) == at("2026-09-05 00:00")


def test_at_midnight_itself_the_day_that_ends_is_asked() -> None:
    until = ("2026-09-02 12:00", "2026-09-03 00:00")
    assert due("2026-09-01 09:00", 1, Kind.CALENDAR_DAYS, until) == at("2026-09-04 00:00")
    since = ("2026-09-03 00:00", "2026-09-03 12:00")
    assert due("2026-09-01 09:00", 1, Kind.CALENDAR_DAYS, since) == at("2026-09-03 00:00")


def test_a_limit_rolls_over_a_working_day_that_ends_in_a_pause() -> None:
    # Seven days end on Saturday the 5th; Monday ends in the pause: no deadline lies in one.
    paused = ("2026-09-07 15:00", "2026-09-08 09:00")
    assert due("2026-08-29 09:00", 7, Kind.CALENDAR_DAYS, paused, roll_over=True) == at("2026-09-09 00:00")


# ------------------------------------------------------------------------------------------------------- provisional


def test_a_year_without_its_announcement_makes_days_provisional() -> None:
    start = at("2026-12-20 09:00")
    for kind in (Kind.WORKING_DAYS, Kind.DUTY_HOURS):
        assert deadline(start, Length(60, kind), calendar=CALENDAR).provisional
        assert not deadline(start, Length(3, kind), calendar=CALENDAR).provisional
    # What no calendar can move is never provisional.
    for kind in (Kind.MINUTES, Kind.HOURS, Kind.CALENDAR_DAYS):
        assert not deadline(start, Length(60, kind), calendar=CALENDAR).provisional
    rolled = deadline(start, Length(60, Kind.CALENDAR_DAYS), calendar=CALENDAR, roll_over=True)
    assert rolled.provisional
    # known itself, the last day is free, and what comes after it is not known
    free = WorkingCalendar({date(2026, 12, 24): False}, CALENDAR.published, CALENDAR.duty_hours)
    for roll_over in (False, True):
        limit = Length(4, Kind.CALENDAR_DAYS)
        assert deadline(start, limit, calendar=free, roll_over=roll_over).provisional == roll_over


def test_the_last_days_of_december_hang_on_the_next_announcement() -> None:
    start = at("2026-12-25 09:00")
    assert deadline(start, Length(1, Kind.WORKING_DAYS), calendar=CALENDAR) == Deadline(
        at("2026-12-29 00:00"), True
    )
    known = WorkingCalendar(EXCEPTIONS, frozenset({2026, 2027}), CALENDAR.duty_hours)
    assert not deadline(start, Length(1, Kind.WORKING_DAYS), calendar=known).provisional


# ------------------------------------------------------------------------------------------------------------- amber


def test_amber_is_four_fifths_in_the_same_measure() -> None:
    start = at("2026-09-30 17:00")
    assert amber(start, Length(10, Kind.MINUTES), calendar=CALENDAR) == at("2026-09-30 17:08")
    assert amber(start, Length(5, Kind.DUTY_HOURS), calendar=CALENDAR) == at("2026-10-08 11:00")
    # From the 30th at 17:00 to the 4th at 24:00 are 103 hours.
    assert amber(start, Length(4, Kind.CALENDAR_DAYS), calendar=CALENDAR) == start + timedelta(hours=82.4)


def test_amber_leaves_pauses_out() -> None:
    start = at("2026-09-01 12:00")
    pauses: list[Pause] = [(at("2026-09-02 12:00"), at("2026-09-03 12:00"))]
    # Wednesday ends in the pause: the second counted day is Friday. 84 hours, 60 of them unpaused.
    limit = Length(2, Kind.CALENDAR_DAYS)
    assert deadline(start, limit, calendar=CALENDAR, pauses=pauses).at == at("2026-09-05 00:00")
    assert amber(start, limit, calendar=CALENDAR, pauses=pauses) == start + timedelta(hours=48 + 24)


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("amount", [0, -1, -72])
@pytest.mark.parametrize("kind", Kind)
def test_a_limit_of_nothing_or_less_is_refused(amount: int, kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"{amount} {kind} leaves no time"):
        Length(amount, kind)


@pytest.mark.parametrize("kind", Kind)
def test_moments_without_a_zone_are_refused(kind: Kind) -> None:
    naive = datetime(2026, 9, 1, 9)  # noqa: DTZ001 - that is what is refused
    limit = Length(1, kind)
    with pytest.raises(ValueError, match="names no time zone"):
        deadline(naive, limit, calendar=CALENDAR)
    with pytest.raises(ValueError, match="names no time zone"):
        deadline(at("2026-08-01 09:00"), limit, calendar=CALENDAR, pauses=[(naive, at("2026-09-02 09:00"))])
    with pytest.raises(ValueError, match="names no time zone"):
        amber(naive, limit, calendar=CALENDAR)


@pytest.mark.parametrize("kind", Kind)
def test_the_zone_in_which_a_moment_is_said_changes_nothing(kind: Kind) -> None:
    """New York changes to winter time on 1 November 2026 at 06:00 UTC: an hour that is there twice."""
    start, since, to = at("2026-10-30 23:30"), at("2026-11-01 13:30"), at("2026-11-02 15:00")
    zones = UTC, timezone(timedelta(hours=8)), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")
    ends = {
        deadline(
            start.astimezone(zone),
            Length(30, kind),
            calendar=CALENDAR,
            pauses=[(since.astimezone(zone), to.astimezone(zone))],
        ).at
        for zone in zones
    }
    assert len(ends) == 1
    assert ends.pop().tzinfo is UTC


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "pauses",
    [
        [("2026-09-02 09:00", "2026-09-02 08:00")],  # ends before it began
        [("2026-09-03 09:00", "2026-09-03 10:00"), ("2026-09-02 09:00", "2026-09-02 10:00")],  # order
        [("2026-09-02 09:00", "2026-09-02 11:00"), ("2026-09-02 10:00", "2026-09-02 12:00")],  # overlap
        [("2026-09-02 09:00", "2026-09-02 11:00"), ("2026-09-02 09:00", "2026-09-02 11:00")],  # twice
    ],
)
def test_pauses_out_of_order_or_overlapping_are_refused(kind: Kind, pauses: list[tuple[str, str]]) -> None:
    for measure in (deadline, amber):
        with pytest.raises(ValueError, match="out of order"):
            measure(
                at("2026-09-01 09:00"),
                Length(3, kind),
                calendar=CALENDAR,
                pauses=[(at(since), at(to)) for since, to in pauses],
            )


@pytest.mark.parametrize("kind", Kind)
def test_while_a_pause_is_open_there_is_no_deadline(kind: Kind) -> None:
    over = at("2026-09-02 09:00"), at("2026-09-02 10:00")
    for pauses in ([(over[0], None)], [over, (at("2026-09-03 09:00"), None)], [(over[0], None), over]):
        for measure in (deadline, amber):
            with pytest.raises(ValueError, match="a pause is open"):
                measure(at("2026-09-01 09:00"), Length(3, kind), calendar=CALENDAR, pauses=pauses)


def test_a_clock_set_back_an_hour_leaves_the_deadline_where_it_was() -> None:
    """Nothing here reads the present. A pause that ends, by a clock set back, before it began is refused: whoever
    writes it takes the later of the two moments, and then the pause is nothing.
    """
    start, since = at("2026-09-01 09:00"), at("2026-09-02 10:30")
    limit = Length(48, Kind.HOURS)
    with pytest.raises(ValueError, match="out of order"):
        deadline(start, limit, calendar=CALENDAR, pauses=[(since, since - timedelta(hours=1))])
    assert deadline(start, limit, calendar=CALENDAR, pauses=[(since, since)]) == deadline(
        start, limit, calendar=CALENDAR
    )
    # A pause that the clock set back puts before the start: only what follows the start counts.
    early = start - timedelta(hours=1)
    assert deadline(start, limit, calendar=CALENDAR, pauses=[(early, early + timedelta(minutes=90))]).at == (
        start + timedelta(hours=48, minutes=30)
    )


def test_a_clock_set_forward_a_day_makes_a_pause_a_day_longer_and_no_more() -> None:
    start, since = at("2026-09-01 09:00"), at("2026-09-02 10:00")
    limit = Length(48, Kind.HOURS)
    short = deadline(start, limit, calendar=CALENDAR, pauses=[(since, since + timedelta(hours=1))]).at
    long = deadline(start, limit, calendar=CALENDAR, pauses=[(since, since + timedelta(hours=25))]).at
    assert long - short == timedelta(days=1)


def test_a_limit_past_the_end_of_all_calendars_is_refused() -> None:
    for kind in (Kind.MINUTES, Kind.HOURS, Kind.CALENDAR_DAYS):
        with pytest.raises(ValueError, match="after the year 9999"):
            deadline(at("9999-06-01 09:00"), Length(2**31 - 1, kind), calendar=CALENDAR)


def test_duty_hours_of_a_county_that_has_none_are_refused() -> None:
    closed = WorkingCalendar({}, frozenset({2026}), ())
    with pytest.raises(ValueError, match="set the county's duty hours"):
        deadline(at("2026-09-01 09:00"), Length(1, Kind.DUTY_HOURS), calendar=closed)


# ------------------------------------------------------------------------------------------------- duty hours, written


def test_duty_hours_are_read() -> None:
    assert parse_hours(" 08:00-12:00  14:30-18:00 ") == (
        (time(8), time(12)),
        (time(14, 30), time(18)),
    )
    assert parse_hours("08:00-12:00 12:00-18:00") == ((time(8), time(12)), (time(12), time(18)))
    assert CALENDAR.duty == timedelta(hours=7.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no duty hours"),
        ("  ", "no duty hours"),
        ("08:00", "cannot be read"),
        ("08:00-12:00-13:00", "cannot be read"),
        ("8 to 12", "cannot be read"),
        ("08:00-24:00", "up to 23:59"),
        ("08:00-12:60", "cannot be read"),
        ("08:00-08:00", "end before they begin"),
        ("22:00-07:00", "end before they begin"),
        ("08:00-12:00 11:00-18:00", "overlap"),
        ("14:30-18:00 08:00-12:00", "in order"),
    ],
)
def test_duty_hours_that_make_no_sense_are_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_hours(text)


# -------------------------------------------------------------------------------- against an oracle, minute by minute

EPOCH = datetime(1970, 1, 1, tzinfo=SHANGHAI)
DAY = 24 * 60  # minutes
ONE_DAY = timedelta(days=1)
FIRST, LAST = date(2023, 1, 1), date(2028, 12, 31)
YEAR_ENDS = [date(year, 12, day) for year in range(2023, 2028) for day in range(20, 32)]
ZONES = UTC, SHANGHAI, ZoneInfo("America/New_York"), timezone(timedelta(hours=5, minutes=45))
SPAN = 60  # days
LONGEST = {
    Kind.MINUTES: SPAN * DAY,
    Kind.HOURS: SPAN * 24,
    Kind.DUTY_HOURS: 300,
    Kind.WORKING_DAYS: 40,
    Kind.CALENDAR_DAYS: SPAN,
}


def moment(minute: int, zone: tzinfo = UTC) -> datetime:
    return (EPOCH.astimezone(UTC) + timedelta(minutes=minute)).astimezone(zone)


@cache
def announced(day: date) -> bool:
    """What the State Council announced; of years it has not come to, the weekends."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


@dataclass(frozen=True)
class Story:
    """What befell a clock. Moments are those of the oracle."""

    start: int
    kind: Kind
    amount: int
    events: list[tuple[str, int, int]]  # what, from when, to when
    hours: list[tuple[int, int]]
    odd_days: frozenset[int]  # days from the start on which a county works otherwise than was announced
    published: frozenset[int]
    roll_over: bool
    zone: tzinfo

    def works(self, day: date) -> bool:
        return announced(day) != ((day - moment(self.start, SHANGHAI).date()).days in self.odd_days)

    def calendar(self) -> WorkingCalendar:
        day = moment(self.start, SHANGHAI).date()
        days = (day + timedelta(days=number) for number in range(400))
        exceptions = {day: self.works(day) for day in days if self.works(day) != (day.weekday() < 5)}
        return WorkingCalendar(exceptions, self.published, parse_hours(self.written_hours()))

    def written_hours(self) -> str:
        return " ".join(
            f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
            for opens, closes in self.hours
        )


@st.composite
def duty_hours(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Up to three times a day, an hour or more together."""
    bounds = sorted(draw(st.lists(st.integers(0, DAY - 1), min_size=6, max_size=6, unique=True)))
    hours = list(zip(bounds[::2], bounds[1::2], strict=True))[: draw(st.integers(1, 3))]
    assume(sum(closes - opens for opens, closes in hours) >= 60)
    return hours


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Anywhere in 2023 to 2028. Mistakes live at midnight, where duty begins and ends, and where years end: half of
    all moments are there.
    """
    hours = draw(st.one_of(st.sampled_from([[(480, 720), (840, 1080)], [(540, 1020)]]), duty_hours()))
    edges = [0, *(minute for times in hours for minute in times)]
    of_day = st.one_of(st.sampled_from(edges), st.integers(0, DAY - 1))

    kind = draw(st.sampled_from(Kind))
    longest = LONGEST[kind]
    if kind == Kind.DUTY_HOURS:
        longest = sum(closes - opens for opens, closes in hours) * (SPAN // 2) // 60
    amount = draw(st.one_of(st.integers(1, min(longest, 16)), st.integers(1, longest)))

    day = draw(st.one_of(st.dates(FIRST, LAST - SPAN * ONE_DAY), st.sampled_from(YEAR_ENDS)))
    start = (day - date(1970, 1, 1)).days * DAY + draw(of_day)
    events, now = list[tuple[str, int, int]](), start
    if draw(st.booleans()):  # a pause that was there before the clock
        now -= draw(st.integers(1, 3 * DAY))
    whats = st.sampled_from(["pause", "pause", "extend", "edit", "vacancy"])
    for what in draw(st.lists(whats, max_size=6)):
        begins = max(now, (now // DAY + draw(st.integers(0, 9))) * DAY + draw(of_day))
        ends = max(begins, (begins // DAY + draw(st.integers(0, 4))) * DAY + draw(of_day))
        events.append((what, begins, ends))
        now = ends
    return Story(
        start=start,
        kind=kind,
        amount=amount,
        events=events,
        hours=hours,
        odd_days=draw(st.frozensets(st.integers(0, SPAN), max_size=4)),
        published=draw(
            st.one_of(st.just(frozenset(range(2023, 2027))), st.frozensets(st.integers(2023, 2029)))
        ),
        roll_over=draw(st.booleans()),
        zone=draw(st.sampled_from(ZONES)),
    )


def check_against_the_oracle(story: Story) -> None:
    calendar = story.calendar()
    amount, pauses = story.amount, list[tuple[int, int]]()

    def measured(*open_pauses: Pause) -> Deadline:
        return deadline(
            moment(story.start, story.zone),
            Length(amount, story.kind),
            calendar=calendar,
            pauses=[(moment(since, story.zone), moment(to)) for since, to in pauses] + list(open_pauses),
            roll_over=story.roll_over,
        )

    due = measured()
    for what, since, to in story.events:
        before = due
        match what:
            case "pause":
                with pytest.raises(ValueError, match="a pause is open"):
                    measured((moment(since), None))
                pauses.append((since, to))
                due = measured()
                assert due.at >= before.at
            case "extend":
                amount += 1 + (to - since) % (LONGEST[story.kind] // 10)
                due = measured()
                assert due.at >= before.at
            case _:  # somebody edits the matter, or a post falls vacant: no clock is wound for that
                due = measured()
                assert due == before

    slow = Oracle(story.start, pauses, story.works, story.hours)
    end, looked_at = _slow_deadline(slow, story, amount)
    assert due.at == moment(end)
    assert due.provisional == any((day + timedelta(days=7)).year not in story.published for day in looked_at)
    assert due.at.tzinfo is UTC

    turns = amber(
        moment(story.start, story.zone),
        Length(amount, story.kind),
        calendar=calendar,
        pauses=[(moment(since), moment(to, story.zone)) for since, to in pauses],
        roll_over=story.roll_over,
    )
    fifths = 4 * _whole(slow, story.kind, amount, end)  # of a minute
    reached = slow.after_duty if story.kind == Kind.DUTY_HOURS else slow.after_running
    if fifths % 5 == 0:
        assert turns == moment(reached(fifths // 5))
    else:  # within a minute, which the oracle does not look into
        assert moment(reached(fifths // 5)) < turns < moment(reached(fifths // 5 + 1))


def _slow_deadline(slow: Oracle, story: Story, amount: int) -> tuple[int, list[date]]:
    """When it is due, and the days whose work mattered."""
    first = story.start
    match story.kind:
        case Kind.MINUTES:
            return slow.after_running(amount), []
        case Kind.HOURS:
            return slow.after_running(amount * 60), []
        case Kind.DUTY_HOURS:
            end = slow.after_duty(amount * 60)
        case Kind.WORKING_DAYS:
            end, first = slow.after_days(amount, working=True), first + DAY
        case Kind.CALENDAR_DAYS:
            end = slow.after_days(amount, working=False)
            if not story.roll_over:
                return end, []
            end, first = slow.rolled_over(end), end - 1
    until = moment(end - 1, SHANGHAI).date()
    day = moment(first, SHANGHAI).date()
    return end, [day + timedelta(days=number) for number in range((until - day).days + 1)]


def _whole(slow: Oracle, kind: Kind, amount: int, end: int) -> int:
    """The whole of which amber is four fifths, in minutes."""
    match kind:
        case Kind.MINUTES:
            return amount
        case Kind.HOURS | Kind.DUTY_HOURS:
            return amount * 60
        case _:
            return slow.ran_until(end)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(story=stories())
def test_every_deadline_is_that_of_the_oracle(story: Story) -> None:
    check_against_the_oracle(story)


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
def test_every_deadline_is_that_of_the_oracle_at_length(story: Story) -> None:
    check_against_the_oracle(story)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(story=stories(), odd=st.timedeltas(timedelta(0), timedelta(seconds=59, microseconds=999_999)))
def test_what_is_less_than_a_minute_is_kept_by_what_runs_and_dropped_by_days(
    story: Story, odd: timedelta
) -> None:
    """The oracle sees minutes only: this is what it does not see."""

    def due(odd_start: timedelta, odd_pauses: timedelta) -> datetime:
        return deadline(
            moment(story.start) + odd_start,
            Length(story.amount, story.kind),
            calendar=story.calendar(),
            pauses=[(moment(since) + odd_pauses, moment(to) + odd_pauses) for _, since, to in story.events],
        ).at

    if story.kind in (Kind.MINUTES, Kind.HOURS):
        assert due(odd, odd) == due(timedelta(0), timedelta(0)) + odd
    elif story.kind != Kind.DUTY_HOURS:
        assert due(odd, timedelta(0)) == due(timedelta(0), timedelta(0))
