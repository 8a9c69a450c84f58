"""The query code, and who may act on a matter: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.ids import new_id
from xiangli.matters.rules import (
    CODE_DIGITS,
    authority_over,
    check_digit,
    clean_code,
    group_code,
    is_code,
    query_code,
)
from xiangli.territory.rules import Actor, Held, seat_of

CODES = st.binary(min_size=32, max_size=32).map(query_code)


@given(CODES)
def test_a_code_is_sixteen_digits_that_check(code: str) -> None:
    assert len(code) == CODE_DIGITS
    assert code.isascii()
    assert code.isdigit()
    assert is_code(code)


@given(CODES, st.sampled_from(["", " ", "-", "  ", "\u3000", "–"]))
def test_a_code_comes_back_however_it_is_typed(code: str, between: str) -> None:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    for typed in (code, group_code(code), between.join(code), group_code(wide)):
        assert clean_code(typed) == code
    assert clean_code(group_code(code).replace(" ", between)) == code


@given(CODES)
def test_every_single_wrong_digit_is_found(code: str) -> None:
    for place in range(CODE_DIGITS):
        for digit in "0123456789":
            wrong = code[:place] + digit + code[place + 1 :]
            assert is_code(wrong) == (wrong == code)


@given(CODES)
def test_every_pair_of_neighbours_swapped_is_found(code: str) -> None:
    for place in range(CODE_DIGITS - 1):
        wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        assert is_code(wrong) == (wrong == code)


def test_the_table_finds_them_whatever_stands_before() -> None:
    """All of them, not a sample: for each state that digits before may have led to, and each pair of digits."""
    before = {check_digit(str(number)): str(number) for number in range(1000)}
    assert len(before) == 10
    for body in before.values():
        assert len({check_digit(body + digit) for digit in "0123456789"}) == 10
        for one in "0123456789":
            for other in "0123456789":
                if one != other:
                    assert check_digit(body + one + other) != check_digit(body + other + one)


@given(st.text(max_size=40))
def test_any_text_can_be_asked(typed: str) -> None:
    digits = clean_code(typed)
    assert digits.isdigit() or not digits
    assert is_code(digits) in (True, False)


def test_codes_do_not_run_short() -> None:
    """A code carries as many digits of the digest as it has room for: no leading part is fixed."""
    codes = {query_code(new_id().bytes[8:] * 4) for _ in range(2000)}
    assert len(codes) == 2000
    for place in range(CODE_DIGITS):
        assert len({code[place] for code in codes}) == 10


# ------------------------------------------------------------------------------------------------------- who may act

PATHS = st.lists(st.sampled_from(["1/", "2/"]), max_size=4).map(lambda steps: "9/" + "".join(steps))
VERBS = st.frozensets(st.sampled_from(["take_case", "close_case"]))


@st.composite
def held(draw: st.DrawFn) -> Held:
    return Held(
        appointment_id=new_id(),
        post_id=new_id(),
        post_code="post",
        post_name="岗位",
        unit_id=new_id(),
        unit_name="单位",
        unit_path=draw(PATHS),
        county_id=new_id(),
        level="lane",
        rank=5,
        duties=frozenset(),
        permissions=draw(VERBS),
        deputy=draw(st.booleans()),
    )


@given(st.lists(held(), max_size=4), PATHS, st.booleans(), st.booleans(), st.data())
def test_authority_is_held_by_territory_or_by_a_seat_and_never_by_a_subject(
    posts: list[Held], path: str, ordinary: bool, is_subject: bool, data: st.DataObject
) -> None:
    seats = [post.seat for post in posts if data.draw(st.booleans())]
    found = authority_over(
        Actor(new_id(), "某人", tuple(posts)),
        "take_case",
        place_path=path,
        ordinary=ordinary,
        seats=seats,
        is_subject=is_subject,
    )
    fitting = [
        post
        for post in posts
        if "take_case" in post.permissions
        and (post.seat in seats or (ordinary and path.startswith(post.unit_path)))
        and not is_subject
    ]
    assert (found in fitting) if fitting else found is None


@pytest.mark.parametrize("ordinary", [True, False])
def test_nobody_has_no_authority(ordinary: bool) -> None:
    seat = seat_of(new_id(), new_id())
    nobody = Actor(user_id=None)
    assert (
        authority_over(
            nobody, "take_case", place_path="9/", ordinary=ordinary, seats=[seat], is_subject=False
        )
        is None
    )
