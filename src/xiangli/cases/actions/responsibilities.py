"""Importing a county's list of responsibilities: all of it, or nothing."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from xiangli.cases.models import Responsibility
from xiangli.cases.queries.responsibilities import ReadList, read_responsibilities
from xiangli.cases.queries.routing import forget_routes
from xiangli.territory.models import County, Unit
from xiangli.territory.rules import day_of


@transaction.atomic
def import_responsibilities(content: bytes, *, county: Unit, now: datetime) -> ReadList:
    """Write the lines of a workbook or .csv file, unless any row has a fault: then nothing is written, and the
    rows say why (`ReadList.sound`). A line that starts later ends the one before it on that day; nothing is
    deleted; the same file again changes nothing. Raises Refused for a file that cannot be read."""
    County.objects.select_for_update().get(pk=county.pk)  # two imports at once wait for each other
    read = read_responsibilities(content, county=county, today=day_of(now))
    if not read.sound:
        return read
    # What ends earlier first, so that on no day two lines hold, not even between two statements.
    for line_id, end in sorted(read.changes.ends.items(), key=lambda change: change[1] or date.max):
        Responsibility.objects.filter(pk=line_id).update(valid_to=end)
    Responsibility.objects.bulk_create(
        Responsibility(
            county=county,
            category_id=line.category,
            level=line.level,
            post_id=line.post,
            organ_id=line.organ,
            valid_from=line.valid_from,
            valid_to=line.valid_to,
            source=line.source,
        )
        for line in read.changes.new
    )
    forget_routes()
    return read
