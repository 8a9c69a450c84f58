"""Units: by key, by name, by the ground they stand on."""

from datetime import datetime
from math import cos, hypot, radians
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from xiangli.territory.models import Boundary, Unit
from xiangli.territory.queries.common import on_day, unit_rows
from xiangli.territory.rules import (
    day_of,
    line_of,
    normal_plate_code,
)


def ancestors(unit: Unit) -> list[Unit]:
    """The units above `unit`, from the top down, without itself."""
    return list(Unit.objects.filter(path__in=line_of(unit.path)[:-1]).order_by("path"))


def unit_at(code_or_path: str, *, at: datetime) -> Unit | None:
    """The unit in force with this path ("14/08/21/"), statutory code or plate code; None: there is none."""
    if "/" in code_or_path:
        named = Q(path=code_or_path.rstrip("/") + "/")
    else:
        named = Q(code=code_or_path) | Q(plate_code=normal_plate_code(code_or_path) or "-")
    return Unit.objects.select_related("level", "county__profile").filter(named, on_day(day_of(at))).first()


def unit_by_id(unit_id: UUID) -> Unit | None:
    """The unit, in force or ended; the caller asks the fence."""
    return unit_rows(pk=unit_id).first()


def ring_of(unit: Unit) -> list[tuple[float, float]]:
    """The outline of a unit as (latitude, longitude) in degrees, WGS-84; empty where none is known. One
    statement."""
    ring = Boundary.objects.filter(unit=unit).values_list("ring", flat=True).first()
    return [(lat, lng) for lng, lat in ring or []]


def spoken_name(unit: Unit) -> str:
    """A place as people say it: "庙上村 二巷". A unit with a statutory code is known by its own name; a
    grid or lane by the nearest unit above that has one, then its own. Reads parents, which the units of
    this module's queries bring along."""
    above = unit.parent if not unit.code else None
    while above is not None and not above.code:
        above = above.parent
    return f"{above.short_name} {unit.short_name}" if above is not None else unit.short_name


def unit_of_point(
    lat: float, lng: float, *, county: Unit | None = None, at: datetime
) -> tuple[Unit, bool] | None:
    """The deepest unit in force whose ground holds the point (degrees, WGS-84), with False; outside every
    unit, the nearest one that carries a plate, with True (off the map). `county` narrows the search to one
    county. None: there is no unit on the map at all. One statement, three when off the map."""
    day, within = day_of(at), county.pk if county else None
    holding = RawSQL(_HOLDING, [lng, lat, lng, lat, lng, lat, day, day, within, within])  # noqa: S611  # a constant of this file
    if (unit := unit_rows(pk=holding).first()) is not None:
        return unit, False
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, {"lat": lat, "lng": lng, "day": day, "county": within})
        near = cursor.fetchall()
    if not near:
        return None
    nearest = min(near, key=lambda row: hypot(row[1] - lat, (row[2] - lng) * cos(radians(lat))))
    return unit_rows(pk=nearest[0]).get(), True


_HOLDING = """
    SELECT b.unit_id
      FROM territory_boundary b JOIN territory_unit u ON u.id = b.unit_id
     WHERE box(b.ring) @> box(point(%s, %s), point(%s, %s))
       AND b.ring @> point(%s, %s)
       AND u.valid_from <= %s AND (u.valid_to IS NULL OR u.valid_to > %s)
       AND (%s::uuid IS NULL OR u.county_id = %s)
     ORDER BY b.rank DESC, u.path
     LIMIT 1
"""


# The index measures in degrees, which are shorter eastward: of the twenty nearest by degrees, metres decide.
_NEAR = """
    SELECT u.id, u.lat, u.lng
      FROM territory_unit u
     WHERE u.plate_code IS NOT NULL AND u.lat IS NOT NULL
       AND u.valid_from <= %(day)s AND (u.valid_to IS NULL OR u.valid_to > %(day)s)
       AND (%(county)s::uuid IS NULL OR u.county_id = %(county)s)
     ORDER BY point(u.lng, u.lat) <-> point(%(lng)s, %(lat)s)
     LIMIT 20
"""
