from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.insight.rules import FEW, Tally, period_of, usual_periods

DAYS = st.dates(date(1991, 1, 1), date(2099, 12, 31))


@given(DAYS)
def test_the_months_of_a_year_and_its_quarters_cover_it_once(day: date) -> None:
    year = period_of(str(day.year))
    months = [period_of(f"{day.year}-{month:02}") for month in range(1, 13)]
    quarters = [period_of(f"{day.year}-Q{quarter}") for quarter in range(1, 5)]
    for parts in (months, quarters):
        assert parts[0].since == year.since
        assert parts[-1].until == year.until
        assert all(before.until == after.since for before, after in pairwise(parts))
        assert sum(part.holds(day) for part in parts) == 1
    assert year.last == date(day.year, 12, 31)
    assert year.ends - year.begins == timedelta(days=(year.until - year.since).days)


@given(DAYS)
def test_what_people_ask_for_most_holds_today_or_ended_before(today: date) -> None:
    usual = usual_periods(today)
    assert usual[0].holds(today)
    assert usual[0].code == f"{today:%Y-%m}"
    assert usual[1].until == usual[0].since
    assert usual[2].holds(today)
    assert usual[3].holds(today)
    assert usual[4].until == usual[3].since
    assert all(period_of(one.code) == one for one in usual)


@given(st.text(max_size=12))
def test_anything_else_is_no_period(text: str) -> None:
    try:
        found = period_of(text)
    except ValueError:
        return
    assert found.code == text.strip().replace("q", "Q").replace("Q", "-Q" if "-" not in text else "Q")
    assert found.since < found.until


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-00", "2026-Q5", "26", "1989", "2101", "2026-1", "昨天", "２０２６x"]
)
def test_these_are_no_periods(text: str) -> None:
    with pytest.raises(ValueError, match="no"):
        period_of(text)


@given(st.integers(0, 50), st.integers(0, 250))
def test_an_average_of_a_few_is_not_told(rated: int, stars: int) -> None:
    average = Tally(rated=rated, stars=stars).average
    assert (average is None) == (rated < FEW)
    assert average is None or average == stars / rated
