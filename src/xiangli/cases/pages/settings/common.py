"""Who may open these pages."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory.models import County, Unit
from xiangli.territory.rules import MANAGE_SETTINGS, Actor


def administrator(request: HttpRequest) -> Actor:
    """The county's administrator who asks. Raises Refused for anybody else."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    if not any(MANAGE_SETTINGS in held.permissions for held in actor.held):
        raise Refused("forbidden_manage_settings", _("您的岗位不管这项设置；请找县级管理员。"))
    return actor


def county_of(actor: Actor) -> Unit:
    """The county that this administrator looks after."""
    held = min(
        (held for held in actor.held if MANAGE_SETTINGS in held.permissions),
        key=lambda held: (held.rank, held.unit_path),
    )
    return Unit.objects.get(pk=held.county_id)


def counties() -> list[str]:
    """The names of the counties that share one platform, and with it its categories. One statement."""
    return list(County.objects.order_by("unit__path").values_list("unit__short_name", flat=True))
