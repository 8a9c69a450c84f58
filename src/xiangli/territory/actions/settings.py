"""What a county's administrator decided, in the county's stream of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.calendar import Changes, Exceptional, publish_year, year_of
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import authority_of, lock, record
from xiangli.territory.models import Unit
from xiangli.territory.rules import MANAGE_SETTINGS, Actor


def record_setting(*, by: Actor, kind: str, data: dict[str, Any], county_id: UUID | None = None) -> Unit:
    """Write down that `by` decided `kind` for a county, and return the county, locked: whoever changes a setting
    calls it first, in the same transaction. Without `county_id`, the county of the post that may.

    `data`: codes and numbers only. Raises Refused (not_permitted).
    """
    posts = [held for held in by.held if MANAGE_SETTINGS in held.permissions]
    if county_id is None and posts:
        county_id = min(posts, key=lambda held: (held.rank, held.unit_path)).county_id
    if county_id is None:
        raise Refused("not_permitted", _("您的岗位不管这项设置；请找县级管理员。"))
    with transaction.atomic():
        county = lock(Unit(pk=county_id))
        authority = authority_of(by, MANAGE_SETTINGS, county)
        record(county, kind, by, authority, clock.now(), data)
    return county


def enter_year(
    *,
    by: Actor,
    year: int,
    days: Sequence[Exceptional],
    source: str,
    instead_of: Sequence[Exceptional] | None = None,
) -> Changes:
    """Enter a year's holidays and worked weekends, in place of those it had. Clocks that were counted provisionally
    are counted again by the worker. All counties of a platform share one calendar, as the whole country does.

    `instead_of`: the days as they stood when the person looked; None: whatever there is. Raises Refused:
    not_permitted, invalid_year, changed_meanwhile.
    """
    with transaction.atomic():
        record_setting(by=by, kind="enter_year", data={"year": year, "days": len(days), "source": source})
        with (
            connection.cursor() as cursor
        ):  # two counties' administrators at once: the second sees what the first wrote
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('xiangli/calendar', 0))")
        _source, stands = year_of(year)
        if instead_of is not None and stands not in (
            sorted(instead_of),
            sorted(days),
        ):  # sent twice is no change
            raise Refused(
                "changed_meanwhile",
                _("您核对的时候，这一年的安排被别人改了。请重新上传文件，再看一遍改动。"),
            )
        try:
            return publish_year(year, days, source=source)
        except ValueError as error:  # a day of another year, or twice, or a source that is none
            raise Refused(
                "invalid_year", _("这一年的安排录不进去：请写明依据哪个通知，并核对每个日期。")
            ) from error
