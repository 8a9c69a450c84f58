"""The figures of a unit: written with their day and their source, never without."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import lock, record
from xiangli.territory.models import Figure, Unit
from xiangli.territory.rules import END_UNIT, MANAGE_SETTINGS, Actor, day_of

FEWEST_PEOPLE: Final = 5  # a figure about fewer is about somebody
# 人, 老人, 低保户; not 万人, of which each is ten thousand, nor 人/平方公里
_PEOPLE: Final = re.compile(
    r"(?![百千万亿]|thousand|million)[^/每]*(人|名|位|口|户|人次|家庭|people|persons?|households?|families)",
    re.IGNORECASE,
)


def may_set_figures(actor: Actor, path: str) -> bool:
    """Whether the actor writes the figures of the unit at `path`: whoever changes units there, or keeps the county's
    settings."""
    return _authority(actor, path) is not None


def _authority(actor: Actor, path: str) -> str | None:
    held = actor.authority(END_UNIT, path) or actor.authority(MANAGE_SETTINGS, path)
    return held.authority if held else None


def check_figure(value: Decimal, measure: str, as_of: date, *, today: date) -> None:
    """Refuse a figure (negative, too_few, future) that cannot be, that is about so few people that it tells who they
    are, or of a day that has not come."""
    if value < 0:
        raise Refused("negative", _("数值不能小于 0。"), field="value")
    if 0 < value < FEWEST_PEOPLE and _PEOPLE.fullmatch(measure.strip()):
        raise Refused(
            "too_few",
            _("少于 %(fewest)d 人（户）的数字可能认出是谁，这里不登记；请在上一级单位登记合计。")
            % {"fewest": FEWEST_PEOPLE},
            field="value",
        )
    if as_of > today:
        raise Refused("future", _("截止日期还没到；请填数字是哪一天的。"), field="as_of")


def set_figure(
    *, by: Actor, unit: Unit, name: str, value: Decimal, measure: str, as_of: date, source: str
) -> Figure:
    """Write a figure of a unit as of a day; the same name on the same day is corrected, another day stands beside
    it. Raises Refused: not_permitted, negative, too_few, future."""
    now = clock.now()
    with transaction.atomic():
        locked = lock(unit)
        authority = _may(by, locked)
        check_figure(value, measure, as_of, today=day_of(now))
        figure, _created = Figure.objects.update_or_create(
            unit=locked,
            name=name,
            as_of=as_of,
            defaults={"value": value, "measure": measure, "source": source},
        )
        record(
            locked, "set_figure", by, authority, now,
            {
                "figure": figure.pk, "name": name, "value": str(value), "measure": measure,
                "as_of": as_of.isoformat(), "source": source,
            },
        )  # fmt: skip
    return figure


def remove_figure(*, by: Actor, unit: Unit, figure: Figure) -> None:
    """Take out a figure that was written by mistake; the ledger keeps what it was. Raises Refused: not_permitted."""
    now = clock.now()
    with transaction.atomic():
        locked = lock(unit)
        authority = _may(by, locked)
        record(
            locked, "remove_figure", by, authority, now,
            {"figure": figure.pk, "name": figure.name, "value": str(figure.value), "as_of": figure.as_of.isoformat()},
        )  # fmt: skip
        Figure.objects.filter(pk=figure.pk, unit=locked).delete()


def _may(by: Actor, unit: Unit) -> str:
    authority = _authority(by, unit.path)
    if authority is None:
        raise Refused("not_permitted", _("您的岗位不登记这个单位的数字；请找乡镇或县里的管理员。"))
    return authority
