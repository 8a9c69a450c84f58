"""The rows of the working calendar: what the library knows, what a county enters, and what both leave alone."""

from __future__ import annotations

from datetime import date, time, timedelta

import chinese_calendar
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xiangli.kernel.calendar import (
    Exceptional,
    calendar_of,
    load_calendar,
    publish_year,
    published_years,
    year_of,
)
from xiangli.kernel.clocks import announced_with
from xiangli.kernel.models import CalendarDay, CalendarYear

pytestmark = pytest.mark.django_db

NOTICE = "国办发明电〔2026〕9号"
DAYS_2027 = [
    Exceptional(date(2026, 12, 31), False, "元旦"),
    Exceptional(date(2027, 1, 1), False, "元旦"),
    Exceptional(date(2027, 1, 3), True, "元旦"),
]


def test_every_announced_day_is_as_the_library_says() -> None:
    load_calendar()
    known = calendar_of("08:00-12:00 14:30-18:00")
    assert known.duty_hours == ((time(8), time(12)), (time(14, 30), time(18)))
    day, last = date(2004, 1, 1), max(chinese_calendar.holidays)
    assert published_years() == known.published == set(range(2004, last.year + 1))
    while day <= last:
        assert known.works(day) == chinese_calendar.is_workday(day), day
        assert not known.is_provisional(day) or day >= date(last.year, 12, 25)
        day += timedelta(days=1)
    assert known.is_provisional(date(last.year, 12, 31))
    # only days that are not what their weekday says
    for row in CalendarDay.objects.all():
        assert row.working == (row.day.weekday() >= 5), row.day
    assert CalendarDay.objects.get(day=date(2026, 10, 10)).name == "国庆节"


def test_loading_again_changes_nothing_and_mends_what_is_not_as_the_library_says() -> None:
    assert load_calendar() == CalendarDay.objects.count() > 500
    assert load_calendar() == 0
    CalendarDay.objects.filter(day=date(2026, 10, 1)).delete()
    CalendarDay.objects.filter(day=date(2026, 10, 2)).update(working=True)
    CalendarDay.objects.create(day=date(2026, 7, 1), working=False, name="多出来的")
    assert load_calendar() == 3
    assert not calendar_of("").works(date(2026, 10, 1))
    assert calendar_of("").works(date(2026, 7, 1))


def test_a_year_entered_by_hand_stays_when_the_library_is_loaded() -> None:
    load_calendar()
    source, days = year_of(2026)
    assert source.startswith("chinesecalendar ")
    flood = Exceptional(date(2026, 7, 15), False, "防汛停工")
    changes = publish_year(2026, [*days, flood], source=NOTICE)
    assert (changes.added, changes.changed, changes.removed) == ((flood,), (), ())
    assert load_calendar() == 0
    assert year_of(2026) == (NOTICE, sorted([*days, flood]))
    assert not calendar_of("").works(flood.day)


def test_a_year_is_entered_with_the_last_week_of_december_before_it() -> None:
    load_calendar()
    before = year_of(2026)
    assert calendar_of("").works(date(2026, 12, 31))
    assert 2027 not in published_years()
    assert publish_year(2027, DAYS_2027, source=NOTICE).count == 3
    assert 2027 in published_years()
    known = calendar_of("")
    assert not known.works(date(2026, 12, 31))
    assert not known.is_provisional(date(2026, 12, 31))
    assert known.works(date(2027, 1, 3))
    assert year_of(2026) == before
    assert load_calendar() == 0  # the library keeps 2026, and the last of December is not its
    assert year_of(2027) == (NOTICE, DAYS_2027)


def test_entering_a_year_again_takes_the_place_of_what_it_had() -> None:
    publish_year(2027, DAYS_2027, source=NOTICE)
    first, second, third = DAYS_2027
    renamed = Exceptional(second.day, False, "新年")
    other = Exceptional(date(2027, 1, 2), True, "元旦")
    changes = publish_year(2027, [first, renamed, other], source="国办发明电〔2026〕10号")
    assert (changes.added, changes.changed, changes.removed) == ((other,), (renamed,), (third,))
    assert year_of(2027) == ("国办发明电〔2026〕10号", [first, renamed, other])
    assert CalendarYear.objects.count() == 1


@pytest.mark.parametrize(
    ("year", "days", "source", "said"),
    [
        (2026, DAYS_2027, NOTICE, "2026-12-31 is announced with 2027"),
        (2027, [*DAYS_2027, DAYS_2027[0]], NOTICE, "twice"),
        (2027, DAYS_2027, "chinesecalendar 9", "name the announcement"),
        (2027, DAYS_2027, "", "name the announcement"),
    ],
)
def test_a_year_that_cannot_be_is_refused_and_nothing_is_written(
    year: int, days: list[Exceptional], source: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        publish_year(year, days, source=source)
    assert not CalendarYear.objects.exists()
    assert not CalendarDay.objects.exists()


def test_the_last_week_of_december_belongs_to_the_next_year() -> None:
    assert [announced_with(date(2026, 12, day)) for day in (24, 25, 31)] == [2026, 2027, 2027]
    assert announced_with(date(2027, 1, 1)) == 2027
    # and so does every day that the library knows of the New Year's
    for days in (chinese_calendar.holidays, chinese_calendar.workdays):
        for day, name in days.items():
            if name == "New Year's Day" and day.month == 12:
                assert day.day >= 25


def test_a_year_nobody_entered_is_provisional_and_knows_its_weekends() -> None:
    known = calendar_of("")
    assert known.is_provisional(date(2026, 3, 2))
    assert known.works(date(2026, 3, 2))
    assert not known.works(date(2026, 3, 1))
    assert year_of(2026) == ("", [])


def test_the_rows_are_read_in_one_statement_and_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    load_calendar()
    moment = 1000.0
    monkeypatch.setattr("xiangli.kernel.calendar.monotonic", lambda: moment)
    with CaptureQueriesContext(connection) as statements:
        first = calendar_of("08:00-12:00")
        assert calendar_of("08:00-12:00") is first
        calendar_of("")
        published_years()
        assert len(statements) == 1
        # as another process would
        CalendarDay.objects.filter(day=date(2026, 10, 1)).delete()
        moment += 59
        assert not calendar_of("").works(date(2026, 10, 1))
        moment += 2
        assert calendar_of("").works(date(2026, 10, 1))
        assert len(statements) == 3


def test_duty_hours_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        calendar_of("all day")
