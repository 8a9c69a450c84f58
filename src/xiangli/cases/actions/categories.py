"""Loading categories, their limits and hotlines from a TOML file: at every migration from ours, and from a
county's own."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.db import transaction

from xiangli.cases.models import Category, Hotline, Limit

OURS = Path(str(files("xiangli.cases"))) / "data" / "categories.toml"
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
def load_categories(path: Path = OURS) -> int:
    """Create what is missing and bring what is there up to the file; a row that the file does not name stays.
    Returns the categories read.

    A limit already in force on its day is never changed, because cases were judged by it: a new limit takes a
    later `valid_from`.
    """
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    for order, row in enumerate(data.get("hotline", []), start=1):
        Hotline.objects.update_or_create(
            number=row["number"], defaults={"name": row["name"], "name_en": row["name_en"], "order": order}
        )
    limits, sources = data["limits"], data["source"]
    for order, row in enumerate(data["category"], start=1):
        unknown = set(row) - set(_FIELDS) - {"code"}
        if unknown:
            raise ValueError(f"{path.name}: category {row.get('code')!r} has unknown keys {sorted(unknown)}")
        category, _created = Category.objects.update_or_create(
            code=row["code"],
            defaults={"order": order * 10, **{key: row[key] for key in _FIELDS if key in row}},
        )
        kind = "danger" if category.danger else "ordinary"
        for clock in ("respond", "put_right"):
            Limit.objects.get_or_create(
                category=category,
                clock=clock,
                valid_from=limits["valid_from"],
                defaults={"minutes": limits[kind][clock], "source": sources[kind]},
            )
    return len(data["category"])
