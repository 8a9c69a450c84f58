import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.canonical import canonical, moment, plain

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.uuids() | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_read_back_has_the_same_bytes(value: Any) -> None:
    written = canonical(value)
    assert canonical(json.loads(written)) == written


@given(st.dictionaries(TEXT, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_count(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(VALUES, VALUES)
def test_different_values_have_different_bytes(one: Any, other: Any) -> None:
    same = json.dumps(plain(one), sort_keys=True) == json.dumps(plain(other), sort_keys=True)
    assert (canonical(one) == canonical(other)) is same


def test_chinese_is_written_as_itself() -> None:
    assert canonical({"b": [1, None, True], "a": "二巷"}) == '{"a":"二巷","b":[1,null,true]}'.encode()


def test_plain_turns_ids_and_moments_into_text() -> None:
    one = UUID("01912d68-783e-7a03-8467-5661c1243ad4")
    assert plain({"id": one, "at": datetime(2026, 11, 22, 1, 2, 3, 4, UTC), "both": {"b", "a"}}) == {
        "id": str(one),
        "at": "2026-11-22T01:02:03.000004Z",
        "both": ["a", "b"],
    }


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", {1: "x"}, object(), memoryview(b"x")])
def test_what_has_no_single_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical({"x": value})


@pytest.mark.parametrize("value", ["a\0b", datetime(2026, 1, 1), "\ud800"])  # noqa: DTZ001  # without a zone, on purpose
def test_what_the_database_would_not_give_back_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # half a surrogate pair is a UnicodeEncodeError, which is one
        canonical([value])


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14, 14))
def test_a_moment_is_the_same_in_every_zone(at: datetime, hours: int) -> None:
    try:
        elsewhere = at.astimezone(timezone(timedelta(hours=hours)))
    except OverflowError:
        return
    assert moment(elsewhere) == moment(at)
