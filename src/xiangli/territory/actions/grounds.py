"""The ground of units that become one."""

from collections.abc import Sequence
from typing import Final

from shapely import Polygon, unary_union
from shapely.geometry.base import BaseGeometry

from xiangli.territory.fields import Ring

# Rings drawn by several hands leave hairlines between neighbours: about ten metres are closed.
_GAP: Final = 0.0001  # degrees


def joined(rings: Sequence[Ring]) -> list[tuple[float, float]] | None:
    """The outline around all of `rings` ((longitude, latitude) in degrees), without holes; None where they do not
    touch, so that somebody has to draw it."""
    grounds = [Polygon(ring).buffer(0) for ring in rings]
    whole: BaseGeometry = unary_union(grounds)
    if whole.geom_type != "Polygon":
        whole = unary_union([ground.buffer(_GAP, join_style="mitre") for ground in grounds])
        whole = whole.buffer(-_GAP, join_style="mitre")
    if whole.geom_type != "Polygon" or whole.is_empty:
        return None
    assert isinstance(whole, Polygon)
    return [(x, y) for x, y, *_ in whole.exterior.coords[:-1]]
