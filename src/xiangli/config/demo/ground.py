"""Made-up ground: a polygon split into as many cells as it has units, by Voronoi. No public town or village
polygons exist, so everything below the county is made here, and marked as synthetic where it is stored."""

from random import Random

import shapely
from shapely.geometry import MultiPoint, Point, Polygon

_ROUNDS = 3  # of moving each seed to the middle of its cell: enough for cells of like size


def split(ground: Polygon, count: int, random: Random) -> list[Polygon]:
    """`count` cells that together cover `ground` (but for slivers that a bend cuts off), ordered from the
    north down.

    The same ground, count and state of `random` give the same cells.
    """
    if count == 1:
        return [ground]
    seeds = _points_within(ground, count, random)
    cells: list[Polygon] = []
    for _round in range(_ROUNDS):
        cells = _cells(ground, seeds)
        seeds = [cell.centroid for cell in cells]
    return sorted(cells, key=lambda cell: (-cell.centroid.y, cell.centroid.x))


def middle(ground: Polygon) -> tuple[float, float]:
    """(latitude, longitude) of a point inside."""
    point = ground.centroid if ground.contains(ground.centroid) else ground.representative_point()
    return round(point.y, 6), round(point.x, 6)


def _cells(ground: Polygon, seeds: list[Point]) -> list[Polygon]:
    around = ground.envelope.buffer(max(ground.length, 1e-6))
    whole = shapely.get_parts(shapely.voronoi_polygons(MultiPoint(seeds), extend_to=around))
    clipped = [_largest(cell) for cell in shapely.intersection(whole, ground)]
    return [cell for cell in clipped if cell is not None]


def _largest(shape: shapely.Geometry) -> Polygon | None:
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon) and part.area > 0]
    return max(parts, key=lambda part: part.area, default=None)


def _points_within(ground: Polygon, count: int, random: Random) -> list[Point]:
    shapely.prepare(ground)
    west, south, east, north = ground.bounds
    points: list[Point] = []
    while len(points) < count:
        point = Point(random.uniform(west, east), random.uniform(south, north))
        if ground.contains(point):
            points.append(point)
    return points
