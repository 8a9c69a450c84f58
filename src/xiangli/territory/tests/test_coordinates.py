import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.territory.coordinates import gcj02_to_wgs84, wgs84_to_gcj02

_METRE = 1e-5  # degrees, about one metre


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        # the points that ports of the published formula are tested with: Shanghai, Shenzhen, Beijing
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_known_points(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(*wgs84) == pytest.approx(gcj02, rel=0, abs=_METRE / 10)
    assert gcj02_to_wgs84(*gcj02) == pytest.approx(wgs84, rel=0, abs=_METRE / 10)


@given(st.floats(74, 134), st.floats(19, 53))
def test_there_and_back(lng: float, lat: float) -> None:
    assert gcj02_to_wgs84(*wgs84_to_gcj02(lng, lat)) == pytest.approx((lng, lat), rel=0, abs=_METRE / 10)


@given(st.floats(74, 134), st.floats(19, 53))
def test_the_offset_is_some_hundred_metres(lng: float, lat: float) -> None:
    shifted_lng, shifted_lat = wgs84_to_gcj02(lng, lat)
    assert 0 < abs(shifted_lng - lng) + abs(shifted_lat - lat) < 2000 * _METRE
