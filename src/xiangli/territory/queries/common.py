"""What the readers of this package share."""

from datetime import date
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils.translation import get_language

from xiangli.territory.models import County, Unit

# Entries `o` of the roster that are on at %(at)s in a unit `u` in force. Whoever has no post left in the
# county (left office, in a unit that ended) is on call no longer, whatever the roster says.
ON_CALL_NOW: Final = """
    o.ended_at IS NULL AND o.starts <= %(at)s AND o.ends > %(at)s
    AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
    AND EXISTS (SELECT FROM territory_appointment k JOIN territory_unit v ON v.id = k.unit_id
                 WHERE k.user_id = o.user_id AND v.county_id = u.county_id
                   AND k.valid_from <= %(day)s AND (k.valid_to IS NULL OR k.valid_to > %(day)s)
                   AND v.valid_from <= %(day)s AND (v.valid_to IS NULL OR v.valid_to > %(day)s))
"""


def in_english() -> bool:
    return (get_language() or "").startswith("en")


def on_day(day: date, prefix: str = "") -> Q:
    """Rows in force on `day`."""
    return Q(**{f"{prefix}valid_from__lte": day}) & (
        Q(**{f"{prefix}valid_to": None}) | Q(**{f"{prefix}valid_to__gt": day})
    )


def unit_rows(**lookups: Any) -> QuerySet[Unit]:
    return Unit.objects.select_related("level", "county__profile", "parent__parent__parent").filter(**lookups)


def profile_of(unit: Unit) -> County | None:
    """The profile read with the unit; None where the county has not chosen its scheme yet."""
    return getattr(unit.county, "profile", None) if unit.county_id else None
