"""What the readers of this package share."""

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import get_language

from xiangli.territory.models import County, Unit


def in_english() -> bool:
    return (get_language() or "").startswith("en")


def on_day(day: date, prefix: str = "") -> Q:
    """Rows in force on `day`."""
    return Q(**{f"{prefix}valid_from__lte": day}) & (
        Q(**{f"{prefix}valid_to": None}) | Q(**{f"{prefix}valid_to__gt": day})
    )


def unit_rows(**lookups: Any) -> QuerySet[Unit]:
    return Unit.objects.select_related("level", "county__profile", "parent__parent__parent").filter(**lookups)


def unit_with_plate(code: str) -> Unit | None:
    # a plate hangs once: nothing to order by, and compiling an ORDER BY is a tenth of a report
    return next(iter(unit_rows(plate_code=code)), None)


def profile_of(unit: Unit) -> County | None:
    """The profile read with the unit; None where the county has not chosen its scheme yet."""
    return getattr(unit.county, "profile", None) if unit.county_id else None
