"""Categories are rows: ours are only added, a county's own file has its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from xiangli.cases.actions import load_categories
from xiangli.cases.models import Category, Limit

OWN = """
[source]
ordinary = "县里规定"
danger = "县里规定"
[limits]
valid_from = 2026-01-01
ordinary = { respond = 60, put_right = 600 }
danger = { respond = 5, put_right = 600 }
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
    assert Limit.objects.filter(category__code="environment", clock="respond").count() == 2


def test_a_key_that_no_category_has_is_named_and_nothing_is_loaded(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('name = "沟渠"', 'colour = "red"'), encoding="utf-8")
    with pytest.raises(ValueError, match="colour"):
        load_categories(file)
    assert not Category.objects.exists()
