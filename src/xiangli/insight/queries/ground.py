"""Outlines as a map draws them: simplified together, so that neighbours keep one border, and kept by what they are."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from uuid import UUID

import shapely
from shapely.geometry import Polygon

from xiangli.territory.models import Unit
from xiangli.territory.queries.tree import rings_below

_FINENESS: Final = 700  # of the whole width: finer than a screen shows, nothing is sent
_KEPT: Final = 32  # maps a process remembers: each a few hundred kilobytes at the most


def outlines(unit: Unit, *, at: datetime) -> tuple[bytes, str]:
    """The outlines of a unit and of the places in force right below it, as JSON of (latitude, longitude) in degrees,
    WGS-84, and their version: the same outlines give the same version. One statement."""
    return _drawn(unit.pk, tuple(rings_below(unit, at=at)))


@lru_cache(maxsize=_KEPT)
def _drawn(unit_id: UUID, rows: tuple[tuple[UUID, str], ...]) -> tuple[bytes, str]:
    grounds = {row_id: ground for row_id, text in rows if (ground := _polygon(text)) is not None}
    tolerance = _width(list(grounds.values())) / _FINENESS
    own = grounds.pop(unit_id, None)
    below: list[Polygon] = (
        list(shapely.coverage_simplify(list(grounds.values()), tolerance)) if grounds else []
    )
    drawn = {
        "own": _pairs(shapely.simplify(own, tolerance)) if own else [],
        "units": [
            {"id": str(row_id), "ring": _pairs(ground), "middle": _middle(ground)}
            for row_id, ground in zip(grounds, below, strict=True)
        ],
    }
    content = json.dumps(drawn, separators=(",", ":")).encode()
    return content, sha256(content).hexdigest()[:32]


def _width(grounds: list[Polygon]) -> float:
    if not grounds:
        return 0.0
    west, south, east, north = shapely.total_bounds(grounds)
    return float(max(east - west, north - south))


def _polygon(text: str) -> Polygon | None:
    """What PostgreSQL writes as "((lng,lat),(lng,lat),…)"; None for less than a triangle."""
    pairs = [pair.split(",") for pair in text.strip("()").split("),(")]
    return Polygon([(float(lng), float(lat)) for lng, lat in pairs]) if len(pairs) >= 3 else None


def _pairs(ground: Polygon) -> list[tuple[float, float]]:
    return [(round(lat, 5), round(lng, 5)) for lng, lat in ground.exterior.coords[:-1]]


def _middle(ground: Polygon) -> tuple[float, float]:
    """Where its number stands: inside, whatever its shape."""
    point = ground.representative_point()
    return round(point.y, 5), round(point.x, 5)
