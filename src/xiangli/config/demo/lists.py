"""Lists of responsibilities for the demo: the sample of each county's scheme, brought by the action that brings
real ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.resources import files

from django.db.models import Exists, OuterRef

from xiangli.cases.actions import import_responsibilities
from xiangli.cases.models import Responsibility
from xiangli.territory.models import County

Say = Callable[[str, int, int], None]  # what is being done, how much of it, out of how much


def load_lists(*, now: datetime, say: Say = lambda what, done, total: None) -> int:
    """Bring the list of each county that has none: what somebody changed in the demo stays. Returns the lines
    that are new."""
    without = ~Exists(Responsibility.objects.filter(county=OuterRef("pk")))
    counties = list(County.objects.filter(without).select_related("unit", "scheme").order_by("unit__path"))
    new = 0
    for position, county in enumerate(counties):
        say(f"{county.unit.short_name}：权责清单", position, len(counties))
        sample = files("xiangli.cases").joinpath("data", "responsibilities", f"{county.scheme.code}.csv")
        read = import_responsibilities(sample.read_bytes(), county=county.unit, now=now)
        if not read.sound:
            raise ValueError(f"{sample}: {[row.faults for row in read.judged if row.faults]}")
        new += len(read.changes.new)
    return new
