"""Units as an administrator sees them: with their dates, those that have ended too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from xiangli.kernel.models import LedgerEvent
from xiangli.territory.models import Boundary, Level, Succession, Unit
from xiangli.territory.queries.common import unit_rows
from xiangli.territory.rules import END_UNIT, ORGAN, Actor, day_of, line_of
from xiangli.web.paging import Page, paginate


def administered(actor: Actor) -> list[Unit]:
    """The topmost units in which the actor opens and changes units. One statement."""
    paths = {held.unit_path for held in actor.held if END_UNIT in held.permissions}
    tops = [path for path in paths if not paths & set(line_of(path)[:-1])]
    return list(Unit.objects.select_related("level").filter(path__in=tops).order_by("path"))


def unit_to_administer(actor: Actor, unit_id: UUID) -> Unit | None:
    """A unit, in force or ended, that lies where the actor opens and changes units. One statement."""
    unit = unit_rows(pk=unit_id).first()
    return unit if unit is not None and actor.may(END_UNIT, unit.path) else None


def units_to_change(actor: Actor, unit_ids: list[UUID]) -> list[Unit]:
    """Several of them; those outside the actor's territory are left out. One statement."""
    return [unit for unit in unit_rows(pk__in=unit_ids).order_by("path") if actor.may(END_UNIT, unit.path)]


def units_below(unit: Unit, *, at: datetime, ended: bool = False, cursor: str = "") -> Page[Unit]:
    """The units right below one, each with how many lie right below it (`below`); with `ended`, those too that are
    gone. One statement."""
    there = Q(valid_to=None) | Q(valid_to__gt=day_of(at))
    counted = (
        Unit.objects.filter(there, parent=OuterRef("pk")).order_by().values("parent").annotate(n=Count("pk"))
    )
    rows = Unit.objects.select_related("level").filter(parent=unit)
    if not ended:
        rows = rows.filter(there)
    below = Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
    return paginate(rows.annotate(below=below), order=("path",), cursor=cursor)


@dataclass(frozen=True, slots=True)
class FormerName:
    """What a unit was called until a day."""

    name: str
    short_name: str
    until: date


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a unit comes from and what became of it."""

    before: tuple[Succession, ...]
    after: tuple[Succession, ...]
    names: tuple[FormerName, ...]
    ground: str  # where its outline is from; "" while nobody has drawn it
    made_up: bool


def lineage(unit: Unit) -> Lineage:
    """Three statements, whatever its history."""
    rows = Succession.objects.select_related("predecessor", "successor").filter(
        Q(predecessor=unit) | Q(successor=unit)
    )
    steps = list(rows.order_by("on", "predecessor__path", "successor__path"))
    names = LedgerEvent.objects.filter(stream=unit.pk, kind="rename_unit").order_by("seq")
    ground = Boundary.objects.filter(unit=unit).values_list("source", "synthetic").first()
    return Lineage(
        before=tuple(step for step in steps if step.successor_id == unit.pk),
        after=tuple(step for step in steps if step.predecessor_id == unit.pk),
        names=tuple(
            FormerName(data["old"]["name"], data["old"]["short_name"], date.fromisoformat(data["on"]))
            for data in names.values_list("data", flat=True)
        ),
        ground=ground[0] if ground else "",
        made_up=bool(ground and ground[1]),
    )


def beside(unit: Unit) -> list[Unit]:
    """The units of the same level under the same parent that have no end, without itself. One statement."""
    rows = Unit.objects.filter(parent=unit.parent_id, level=unit.level_id, valid_to=None)
    return list(rows.exclude(pk=unit.pk).order_by("path")) if unit.parent_id else []


def children(unit: Unit, *, on: date) -> list[Unit]:
    """The units right below one that are there on `on` or later. One statement."""
    return list(Unit.objects.filter(Q(valid_to=None) | Q(valid_to__gt=on), parent=unit).order_by("path"))


def levels_below(unit: Unit) -> list[Level]:
    """The levels that may be opened right below a unit, organs last. One statement."""
    rows = Level.objects.filter(parent=unit.level_id) if unit.level_id else Level.objects.none()
    return sorted(rows, key=lambda level: (level.code == ORGAN, level.rank, level.code))


def plates_under(unit: Unit, *, on: date) -> int:
    """How many plates hang at and under a unit, each with its name on it. One statement."""
    rows = Unit.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=on), path__startswith=unit.path, plate_code__isnull=False
    )
    return rows.count()
