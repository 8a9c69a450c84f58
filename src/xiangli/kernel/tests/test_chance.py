"""Lots: anything within the bounds, and what was set."""

import secrets

import pytest

from xiangli.kernel import chance


@pytest.fixture(autouse=True)
def by_chance(draw: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is outside tests."""
    monkeypatch.setattr(chance, "secrets", secrets)


def test_what_is_drawn_lies_below_the_bound_and_varies() -> None:
    drawn = {chance.drawn(100) for _once in range(400)}
    assert drawn <= set(range(100))
    assert len(drawn) > 50


def test_what_is_set_is_drawn_within_the_block_only() -> None:
    with chance.set_to(7):
        assert [chance.drawn(100), chance.drawn(5)] == [7, 2]
        with chance.set_to(99):
            assert chance.drawn(100) == 99
        assert chance.drawn(100) == 7
    assert len({chance.drawn(1000) for _once in range(50)}) > 1
