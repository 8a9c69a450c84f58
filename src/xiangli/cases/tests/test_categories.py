"""Categories are rows: ours are only added, a county's own file has its way."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from xiangli.cases.actions import load_categories
from xiangli.cases.models import Category, Limit
from xiangli.cases.states import ClockName

OWN = """
[[limit]]
applies = "ordinary"
valid_from = 2026-01-01
source = "县里规定"
respond = [60, "minutes"]
put_right = [5, "working_days"]
[[limit]]
applies = "danger"
valid_from = 2026-01-01
source = "县里规定"
respond = [5, "minutes"]
[[category]]
code = "environment"
name = "环境"
name_en = "Environment"
duty = "environment"
[[category]]
code = "ditches"
name = "沟渠"
name_en = "Ditches"
duty = "facilities"
"""


def test_a_county_s_change_outlasts_the_next_start(db: None, tmp_path: Path) -> None:
    count = load_categories()
    assert Category.objects.count() == count
    file = tmp_path / "own.toml"
    file.write_text(OWN, encoding="utf-8")
    assert load_categories(file) == 2
    load_categories()
    assert Category.objects.get(code="environment").name == "环境"
    assert Category.objects.filter(code="ditches").exists()
    # a limit in force stays beside the new one: cases of its days were judged by it
    responds = Limit.objects.filter(category__code="environment", clock="respond")
    assert {"县里规定"} < set(responds.values_list("source", flat=True))


def test_a_later_limit_of_ours_does_not_take_the_place_of_a_countys_own(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace("2026-01-01", "2026-01-15"), encoding="utf-8")
    load_categories(file)
    load_categories()  # an upgrade, whose file has a limit of a later day
    assert Limit.objects.filter(category__code="hazards", clock="respond", valid_from__gt=date(2026, 1, 15))
    there = Limit.objects.filter(category__code="environment").order_by("valid_from")
    in_force = {row.clock: row.source for row in there}
    assert in_force["respond"] == in_force["put_right"] == "县里规定"
    assert set(in_force) == set(ClockName.values)  # what the county left open is filled in


def test_a_key_that_no_category_has_is_named_and_nothing_is_loaded(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('name = "沟渠"', 'colour = "red"'), encoding="utf-8")
    with pytest.raises(ValueError, match="colour"):
        load_categories(file)
    assert not Category.objects.exists()


def test_limits_are_an_amount_and_what_it_counts_by_severity(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('code = "ditches"', 'code = "ditches"\ndanger = true'), encoding="utf-8")
    load_categories(file)
    rows = Limit.objects.values_list("category__code", "clock", "amount", "kind", "source")
    assert set(rows) == {
        ("environment", "respond", 60, "minutes", "县里规定"),
        ("environment", "put_right", 5, "working_days", "县里规定"),
        ("ditches", "respond", 5, "minutes", "县里规定"),
    }


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ('respond = [0, "minutes"]', "limit 1, respond"),
        ('respond = [-60, "minutes"]', "limit 1, respond"),
        ('respond = [60, "fortnights"]', "limit 1, respond"),
        ('respond = ["60", "minutes"]', "limit 1, respond"),
        ("respond = [60]", "limit 1, respond"),
        ("respond = 60", "limit 1, respond"),
        ('respond = [0.5, "hours"]', "limit 1, respond"),
        ('respond = [true, "hours"]', "limit 1, respond"),
        ('answer_back = [60, "minutes"]', "limit 1 names 'answer_back'"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_place_and_nothing_is_loaded(
    db: None, tmp_path: Path, wrong: str, place: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('respond = [60, "minutes"]', wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=f"own.toml: {place}"):
        load_categories(file)
    assert not Category.objects.exists()


def test_a_limit_for_no_severity_is_refused_by_its_place(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('applies = "danger"', 'applies = "grave"'), encoding="utf-8")
    with pytest.raises(ValueError, match="limit 2 applies to 'grave'"):
        load_categories(file)
    assert not Category.objects.exists()
