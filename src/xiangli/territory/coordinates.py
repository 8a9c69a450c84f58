"""From the maps' datum to the ground's: GCJ-02, which public maps in China carry, to WGS-84, which is kept
here.

The offset of GCJ-02 is a published sum of sines over the distance from 105°E 35°N. Its inverse has no
closed form; three rounds of correction bring the error below a centimetre.
"""

from math import cos, pi, radians, sin, sqrt

_AXIS = 6378245.0  # of the Krasovsky 1940 ellipsoid, metres
_ECCENTRICITY = 0.00669342162296594323  # squared


def wgs84_to_gcj02(lng: float, lat: float) -> tuple[float, float]:
    """(longitude, latitude) in degrees, WGS-84 to GCJ-02. Meant for points inside China."""
    d_lng, d_lat = _offset(lng, lat)
    return lng + d_lng, lat + d_lat


def gcj02_to_wgs84(lng: float, lat: float) -> tuple[float, float]:
    """(longitude, latitude) in degrees, GCJ-02 to WGS-84, to about a centimetre. Meant for points inside
    China."""
    true_lng, true_lat = lng, lat
    for _round in range(3):
        d_lng, d_lat = _offset(true_lng, true_lat)
        true_lng, true_lat = lng - d_lng, lat - d_lat
    return true_lng, true_lat


def _offset(lng: float, lat: float) -> tuple[float, float]:
    x, y = lng - 105.0, lat - 35.0
    ripple = 20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += 2.0 / 3.0 * (ripple + 20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi))
    north += 2.0 / 3.0 * (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += 2.0 / 3.0 * (ripple + 20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi))
    east += 2.0 / 3.0 * (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi))
    flattened = 1.0 - _ECCENTRICITY * sin(radians(lat)) ** 2
    metres_a_degree_north = _AXIS * (1.0 - _ECCENTRICITY) / flattened**1.5 * pi / 180.0
    metres_a_degree_east = _AXIS / sqrt(flattened) * cos(radians(lat)) * pi / 180.0
    return east / metres_a_degree_east, north / metres_a_degree_north
