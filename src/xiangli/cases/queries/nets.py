"""Nets: topics that cut across the categories; and on which level cases are settled."""

from __future__ import annotations

from datetime import date

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from xiangli.cases.models import Category, Net
from xiangli.cases.queries.loop import in_english
from xiangli.matters.states import Topics
from xiangli.territory.models import Level


def topics_now(on: date) -> Topics:
    """The categories, and the nets that are in force on a day. One statement: a list needs both."""
    name = "name_en" if in_english() else "name"
    its_nets = _of("code", on=on).values(row=JSONObject(code="code", name=name, order="order"))
    rows = list(Category.objects.values_list("code", name, ArraySubquery(its_nets)))
    nets: dict[tuple[int, str], tuple[str, list[str]]] = {}
    for category, _name, found in rows:
        for net in found:
            nets.setdefault((net["order"], net["code"]), (net["name"], []))[1].append(category)
    return Topics(
        names={category: said for category, said, _found in rows},
        nets={code: (said, tuple(held)) for (_order, code), (said, held) in sorted(nets.items())},
    )


def names_of_nets(topic: str, *, on: date) -> ArraySubquery:
    """The names of the nets in force that a column's category stands in, for a statement."""
    return ArraySubquery(
        _of(topic, on=on).order_by("order", "code").values("name_en" if in_english() else "name")
    )


def _of(column: str, *, on: date) -> QuerySet[Net]:
    in_force = Q(valid_to=None) | Q(valid_to__gt=on)
    return Net.objects.filter(in_force, valid_from__lte=on, categories__contains=[OuterRef(column)])


def settled_in(name: str | None, level: str) -> str:
    """Where a case was settled, by its level and that level's name: "在村一级解决"; "" while it is not."""
    return _("在%(level)s一级解决") % {"level": name or level} if level else ""


def name_of_level(county: str, level: str) -> Subquery:
    """The name of the level in one column of a county in another, for a statement."""
    found = Level.objects.filter(scheme__counties=OuterRef(county), code=OuterRef(level))
    return Subquery(found.values("name_en" if in_english() else "name")[:1])
