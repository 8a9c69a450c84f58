"""Loading categories, their limits and hotlines from a TOML file: at every migration from ours, and from a
county's own."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from django.db import models, transaction

from xiangli.cases.models import Category, Hotline, Limit

OURS = Path(str(files("xiangli.cases"))) / "data" / "categories.toml"
Row = TypeVar("Row", bound=models.Model)
_FIELDS = (
    "name",
    "name_en",
    "hint",
    "hint_en",
    "duty",
    "visibility",
    "intake",
    "evidence",
    "verify",
    "danger",
    "public",
    "hotlines",
)


@transaction.atomic
def load_categories(path: Path | None = None) -> int:
    """Load a county's own file: create what is missing, bring what is there up to the file; a row that the
    file does not name stays. Without a path, our file, of which only what is missing is created: what a
    county changed stays changed through every upgrade. Returns the categories read.

    A limit already in force on its day is never changed, because cases were judged by it: a new limit takes a
    later `valid_from`. Raises ValueError for a key that no category has.
    """
    ours = path is None
    path = path or OURS
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    for order, row in enumerate(data.get("hotline", []), start=1):
        values = {"name": row["name"], "name_en": row["name_en"], "order": order}
        _put(Hotline.objects, ours, values, number=row["number"])
    limits, sources = data["limits"], data["source"]
    for order, row in enumerate(data["category"], start=1):
        unknown = set(row) - set(_FIELDS) - {"code"}
        if unknown:
            raise ValueError(f"{path.name}: category {row.get('code')!r} has unknown keys {sorted(unknown)}")
        values = {"order": order * 10, **{key: row[key] for key in _FIELDS if key in row}}
        category = _put(Category.objects, ours, values, code=row["code"])
        kind = "danger" if category.danger else "ordinary"
        for clock in ("respond", "put_right"):
            Limit.objects.get_or_create(
                category=category,
                clock=clock,
                valid_from=limits["valid_from"],
                defaults={"amount": limits[kind][clock], "kind": "minutes", "source": sources[kind]},
            )
    return len(data["category"])


def _put(rows: models.Manager[Row], keep: bool, values: dict[str, Any], **key: Any) -> Row:
    """The row of `key`: made with `values` where it is missing, and brought up to them unless `keep`."""
    make = rows.get_or_create if keep else rows.update_or_create
    row, _created = make(**key, defaults=values)
    return row
