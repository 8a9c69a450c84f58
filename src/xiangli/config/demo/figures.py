"""A few dated figures: the articles' of the county; made up, and saying so, of a town's villages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from random import Random
from typing import Final

from xiangli.config.demo.ids import demo_id
from xiangli.territory.models import Figure, Unit

_FIGURES: Final = {
    "140821": (
        ("人口", "58", "万人", date(2018, 12, 31), "县情，文章所述（2018）"),
        ("农村人口比重", "80", "%", date(2018, 12, 31), "县情，文章所述（2018，“80%以上”）"),
    ),
}
_HOUSEHOLDS_IN: Final = ("140821201", date(2025, 12, 31), "演示数字，按村里街巷数虚构")  # a town: 庙上乡


def count(county: Unit, units: Iterable[tuple[Unit, int]]) -> None:
    """Write the figures of a county; `units` are its own and those below, each with how many stand right below it."""
    found = [(county, *row) for row in _FIGURES.get(county.code, ())]
    town, as_of, source = _HOUSEHOLDS_IN
    random = Random(f"figures/{county.code}")  # noqa: S311  # made-up numbers, the same on every machine
    for unit, lanes in units:
        if unit.code.startswith(town) and len(unit.code) == 12 and not unit.is_pseudo:
            households = sum(
                random.randint(20, 30) for _lane in range(lanes)
            )  # of each lane, as the articles say
            if households:
                found.append((unit, "户数", str(households), "户", as_of, source))
    Figure.objects.bulk_create(
        Figure(
            id=demo_id("figure", unit.path, name, as_of.isoformat()),
            unit=unit,
            name=name,
            value=Decimal(value),
            measure=measure,
            as_of=as_of,
            source=source,
        )
        for unit, name, value, measure, as_of, source in found
    )
