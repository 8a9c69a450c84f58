"""Loading categories, their limits, nets and hotlines from a TOML file: at every migration from ours, and from a
county's own."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from django.db import models, transaction

from xiangli.cases.models import Category, Hotline, Limit, Net
from xiangli.cases.queries import forget_known
from xiangli.cases.states import ClockName
from xiangli.kernel.clocks import Kind, Length
from xiangli.matters.states import Visibility

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
    "verify_share",
    "danger",
    "public",
    "hotlines",
)
_NET_FIELDS = ("name", "name_en", "categories", "valid_from", "valid_to")


@transaction.atomic
def load_categories(path: Path | None = None) -> int:
    """Load a county's own file: create what is missing, bring what is there up to the file; a row that the
    file does not name stays. Without a path, our file, of which only what is missing is created: what a
    county changed stays changed through every upgrade. Returns the categories read.

    A limit already in force on its day is never changed, because cases were judged by it: a new limit takes a
    later `valid_from`. Raises ValueError for a key that no category has, and for a net of what is not ordinary.
    """
    ours = path is None
    path = path or OURS
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    for order, row in enumerate(data.get("hotline", []), start=1):
        values = {"name": row["name"], "name_en": row["name_en"], "order": order}
        _put(Hotline.objects, ours, values, number=row["number"])
    limits = _limits_in(data, path.name)
    for order, row in enumerate(data["category"], start=1):
        unknown = set(row) - set(_FIELDS) - {"code"}
        if unknown:
            raise ValueError(f"{path.name}: category {row.get('code')!r} has unknown keys {sorted(unknown)}")
        values = {"order": order * 10, **{key: row[key] for key in _FIELDS if key in row}}
        _put(Category.objects, ours, values, code=row["code"])
    _put_nets(data.get("net", []), path.name, ours=ours)
    named = {row["code"] for row in data["category"]}
    for category in Category.objects.all():
        # Ours fill in what any category lacks, so that no clock is ever without a limit.
        if ours or category.code in named:
            _put_limits(category, limits["danger" if category.danger else "ordinary"], ours=ours)
    forget_known()
    return len(data["category"])


def give_limits(category: Category) -> None:
    """Give a new category the usual limits, so that no clock is ever without one."""
    data: dict[str, Any] = tomllib.loads(OURS.read_text(encoding="utf-8"))
    _put_limits(category, _limits_in(data, OURS.name)["danger" if category.danger else "ordinary"], ours=True)


def _limits_in(data: dict[str, Any], name: str) -> dict[str, list[dict[str, Any]]]:
    """The file's limits by severity. Raises ValueError naming the place for anything that is no limit."""
    found: dict[str, list[dict[str, Any]]] = {"ordinary": [], "danger": []}
    for number, row in enumerate(data["limit"], start=1):
        if row.get("applies") not in found:
            raise ValueError(
                f"{name}: limit {number} applies to {row.get('applies')!r}, not ordinary or danger"
            )
        for clock, value in row.items():
            if clock in ("applies", "valid_from", "source"):
                continue
            if clock not in ClockName.values:
                raise ValueError(
                    f"{name}: limit {number} names {clock!r}; there are {sorted(ClockName.values)}"
                )
            try:
                amount, kind = value
                if type(amount) is not int:
                    raise TypeError  # half a day is 12 hours
                length = Length(amount, Kind(kind))
            except (ValueError, TypeError) as error:
                raise ValueError(
                    f"{name}: limit {number}, {clock} = {value!r}: give a whole number above 0 and one of"
                    f" {[kind.value for kind in Kind]}, such as [3, 'working_days']"
                ) from error
            found[row["applies"]].append(
                {
                    "clock": clock,
                    "valid_from": row["valid_from"],
                    "defaults": {"amount": length.amount, "kind": length.kind.value, "source": row["source"]},
                }
            )
    return found


def _put_nets(rows: list[dict[str, Any]], name: str, *, ours: bool) -> None:
    """Nets hold ordinary categories only: nobody lists what is private or sealed by its topic."""
    ordinary = set(Category.objects.filter(visibility=Visibility.ORDINARY).values_list("code", flat=True))
    for order, row in enumerate(rows, start=1):
        if unknown := set(row) - set(_NET_FIELDS) - {"code"}:
            raise ValueError(f"{name}: net {row.get('code')!r} has unknown keys {sorted(unknown)}")
        # A county may make one of ours private; ours then still loads, and what is private shows in no net.
        if not ours and (wrong := set(row["categories"]) - ordinary):
            raise ValueError(
                f"{name}: net {row['code']!r} names {sorted(wrong)}; a net holds ordinary categories only"
            )
        _put(Net.objects, ours, {"order": order * 10, **row}, code=row["code"])


def _put_limits(category: Category, limits: list[dict[str, Any]], *, ours: bool) -> None:
    known = set(category.limits.values_list("clock", "valid_from"))
    # Where a county has set a limit of its own, a later one of ours does not take its place.
    theirs = {clock for clock, _day in known - {(row["clock"], row["valid_from"]) for row in limits}}
    Limit.objects.bulk_create(
        Limit(category=category, clock=row["clock"], valid_from=row["valid_from"], **row["defaults"])
        for row in limits
        if (row["clock"], row["valid_from"]) not in known and not (ours and row["clock"] in theirs)
    )


def _put(rows: models.Manager[Row], keep: bool, values: dict[str, Any], **key: Any) -> Row:
    """The row of `key`: made with `values` where it is missing, and brought up to them unless `keep`."""
    make = rows.get_or_create if keep else rows.update_or_create
    row, _created = make(**key, defaults=values)
    return row
