"""What a county's administrator decided, in the county's stream of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.calendar import Changes, Exceptional, publish_year
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
        county_id = posts[0].county_id
    if county_id is None:
        raise Refused("not_permitted", _("您的岗位不管这项设置；请找县级管理员。"))
    with transaction.atomic():
        county = lock(Unit(pk=county_id))
        authority = authority_of(by, MANAGE_SETTINGS, county)
        record(county, kind, by, authority, clock.now(), data)
    return county


def enter_year(*, by: Actor, year: int, days: Sequence[Exceptional], source: str) -> Changes:
    """Enter a year's holidays and worked weekends, in place of those it had. Clocks that were counted provisionally
    are counted again by the worker. Raises Refused (not_permitted), ValueError as `publish_year`."""
    with transaction.atomic():
        record_setting(by=by, kind="enter_year", data={"year": year, "days": len(days), "source": source})
        return publish_year(year, days, source=source)
