from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.territory.rules import (
    NOBODY,
    Actor,
    Candidate,
    Held,
    day_of,
    in_force,
    is_label,
    is_pseudo_unit,
    line_of,
    needs_second_factor,
    normal_plate_code,
    numeral,
    overlap,
    pick_answer,
    plate_code_from,
    short_name,
)

LINE = ["14/", "14/08/", "14/08/26/", "14/08/26/101/", "14/08/26/101/200/", "14/08/26/101/200/01/"]
LANE = LINE[-1]


def ident(number: int) -> UUID:
    return UUID(int=number)


def candidate(
    path: str = LANE,
    *,
    user: int = 1,
    post: int = 1,
    order: int = 10,
    deputy: bool = False,
    absent: bool = False,
) -> Candidate:
    return Candidate(
        unit_id=ident(1000 + len(path)),
        unit_path=path,
        unit_name=path,
        post_id=ident(2000 + post),
        post_name="巷长",
        post_order=order,
        appointment_id=ident(user * 1000 + len(path) * 10 + post),
        user_id=ident(user),
        user_name=f"{user}",
        deputy=deputy,
        absent=absent,
    )


def held(path: str, *permissions: str, deputy: bool = False, post: int = 1) -> Held:
    return Held(
        appointment_id=ident(post * 100 + len(path)),
        post_id=ident(post),
        post_code="lane_head",
        post_name="巷长",
        unit_id=ident(1000 + len(path)),
        unit_name=path,
        unit_path=path,
        county_id=ident(9),
        level="lane",
        rank=5,
        duties=frozenset(),
        permissions=frozenset(permissions),
        deputy=deputy,
    )


def test_pick_answer_takes_the_holder_of_the_deepest_seat() -> None:
    lane, village = candidate(user=1), candidate(LINE[4], user=2)
    answer = pick_answer([village, lane], expected={LANE, LINE[4]})
    assert answer is not None
    assert (answer.user_id, answer.alarm, answer.deputy) == (ident(1), "", False)


def test_pick_answer_takes_the_deputy_while_the_holder_is_away() -> None:
    answer = pick_answer([candidate(user=1, absent=True), candidate(user=2, deputy=True)], expected={LANE})
    assert answer is not None
    assert (answer.user_id, answer.deputy, answer.alarm) == (ident(2), True, "")


def test_pick_answer_moves_up_with_an_alarm_where_a_post_below_is_vacant() -> None:
    answer = pick_answer([candidate(LINE[4], user=2)], expected={LANE, LINE[4]})
    assert answer is not None
    assert (answer.unit_path, answer.alarm) == (LINE[4], "vacant")


def test_pick_answer_gives_no_alarm_for_a_duty_that_starts_higher_up() -> None:
    answer = pick_answer([candidate(LINE[4], user=2)], expected={LINE[4]})
    assert answer is not None
    assert answer.alarm == ""


def test_pick_answer_passes_an_absent_deputy_too() -> None:
    people = [
        candidate(user=1, absent=True),
        candidate(user=2, deputy=True, absent=True),
        candidate(LINE[3], user=3),
    ]
    answer = pick_answer(people, expected={LANE, LINE[3]})
    assert answer is not None
    assert (answer.user_id, answer.alarm) == (ident(3), "vacant")


def test_pick_answer_asks_the_absent_holder_at_the_top_rather_than_nobody() -> None:
    people = [candidate(LINE[2], user=1, absent=True), candidate(LINE[2], user=2, deputy=True, absent=True)]
    answer = pick_answer(people, expected={LINE[2]})
    assert answer is not None
    assert (answer.user_id, answer.alarm) == (ident(1), "vacant")


def test_pick_answer_bars_the_whole_seat_of_a_subject() -> None:
    people = [candidate(user=1), candidate(user=2, deputy=True), candidate(LINE[3], user=3)]
    answer = pick_answer(people, expected={LANE, LINE[3]}, excluding=[ident(2)])
    assert answer is not None
    assert (answer.user_id, answer.alarm) == (
        ident(3),
        "",
    )  # no alarm: the seat is filled, it may not be asked


def test_pick_answer_finds_nobody_when_all_are_subjects() -> None:
    assert pick_answer([candidate(user=1)], expected={LANE}, excluding=[ident(1)]) is None
    assert pick_answer([], expected={LANE}) is None


candidates = st.lists(
    st.builds(
        candidate,
        st.sampled_from(LINE[2:]),
        user=st.integers(1, 6),
        post=st.integers(1, 3),
        order=st.integers(1, 3),
        deputy=st.booleans(),
        absent=st.booleans(),
    ),
    max_size=12,
)


@given(candidates, st.sets(st.integers(1, 6).map(ident)))
def test_pick_answer_never_goes_to_or_through_an_excluded_person(
    people: Sequence[Candidate], excluding: set[UUID]
) -> None:
    answer = pick_answer(people, expected={c.unit_path for c in people}, excluding=excluding)
    free = [
        c
        for c in people
        if not any(
            (o.unit_id, o.post_id) == (c.unit_id, c.post_id) and o.user_id in excluding for o in people
        )
    ]
    if answer is None:
        assert not free
        return
    assert answer.user_id not in excluding
    assert any(
        (c.unit_id, c.post_id, c.user_id) == (answer.unit_id, answer.post_id, answer.user_id) for c in free
    )
    there = [c for c in free if not c.absent]
    if there:  # the nearest seat in which somebody is
        assert len(answer.unit_path) == max(len(c.unit_path) for c in there)
    else:
        assert len(answer.unit_path) == min(len(c.unit_path) for c in free)


@given(candidates, st.randoms(use_true_random=False))
def test_pick_answer_does_not_hang_on_the_order_of_rows(people: list[Candidate], random: object) -> None:
    shuffled = list(people)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives random.Random
    assert pick_answer(people, expected=set()) == pick_answer(shuffled, expected=set())


def test_actor_authority_is_the_deepest_post_that_covers_the_place() -> None:
    actor = Actor(
        ident(1), held=(held(LINE[3], "close_case"), held(LINE[4], "close_case"), held(LANE, "take_case"))
    )
    assert actor.authority("close_case", LANE) == actor.held[1]
    assert actor.authority("take_case", LANE) == actor.held[2]
    assert actor.authority("take_case", LINE[4]) is None
    assert not actor.may("reveal_contact", LANE)


def test_actor_authority_reaches_another_territory_only_by_a_seat() -> None:
    elsewhere = held("61/08/31/", "take_case")
    actor = Actor(ident(1), held=(elsewhere,))
    assert actor.authority("take_case", LANE) is None
    assert actor.authority("take_case", LANE, seats=[elsewhere.seat]) == elsewhere


def test_actor_authority_prefers_ones_own_post_to_one_covered() -> None:
    actor = Actor(
        ident(1), held=(held(LANE, "take_case", deputy=True, post=1), held(LANE, "take_case", post=2))
    )
    assert actor.authority("take_case", LANE) == actor.held[1]


def test_nobody_holds_and_sees_nothing() -> None:
    assert not NOBODY
    assert NOBODY.scope_paths == []
    assert not NOBODY.may("take_case", LANE)


@given(st.lists(st.sampled_from([*LINE, "61/", "61/08/", "1/"]), max_size=6), st.sampled_from(LINE))
def test_actor_scope_paths_cover_each_post_once(paths: list[str], asked: str) -> None:
    actor = Actor(ident(1), held=tuple(held(path, "see") for path in paths))
    scope = actor.scope_paths
    assert all(sum(path.startswith(top) for top in scope) == 1 for path in paths)
    assert actor.may("see", asked) == any(asked.startswith(top) for top in scope)


def test_day_of_is_the_counties_own_day() -> None:
    assert day_of(datetime(2026, 11, 20, 15, 59, tzinfo=UTC)) == date(2026, 11, 20)
    assert day_of(datetime(2026, 11, 20, 16, 0, tzinfo=UTC)) == date(2026, 11, 21)


def test_in_force_ends_before_its_last_day() -> None:
    first, last = date(2025, 1, 1), date(2025, 7, 1)
    assert in_force(first, last, first)
    assert not in_force(first, last, last)
    assert in_force(first, None, date(2099, 1, 1))


days = st.dates(date(2024, 1, 1), date(2024, 2, 1))


@given(days, days | st.none(), days, days | st.none())
def test_overlap_is_a_day_in_common(a: date, a_to: date | None, b: date, b_to: date | None) -> None:
    shared = any(
        in_force(a, a_to, date.fromordinal(day)) and in_force(b, b_to, date.fromordinal(day))
        for day in range(date(2024, 1, 1).toordinal(), date(2024, 3, 1).toordinal())
    )
    if (a_to is None or a < a_to) and (b_to is None or b < b_to):
        assert overlap(a, a_to, b, b_to) == shared


def test_line_of_goes_from_the_top_to_the_unit_itself() -> None:
    assert line_of(LANE) == LINE
    assert line_of("") == []


@pytest.mark.parametrize(
    ("label", "fits"),
    [("02", True), ("p1", True), ("", False), ("1/2", False), ("二", False), ("a" * 9, False)],
)
def test_is_label(label: str, fits: bool) -> None:
    assert is_label(label) == fits


@given(st.integers(0, (1 << 35) - 1))
def test_plate_codes_are_read_as_people_type_them(number: int) -> None:
    code = plate_code_from(number)
    assert len(code) == 8
    assert normal_plate_code(f" {code[:4].lower()}-{code[4:]} ") == code
    assert normal_plate_code(code.replace("0", "O").replace("1", "l")) == code


@given(st.integers(0, (1 << 35) - 1), st.integers(0, 6))
def test_two_neighbours_swapped_are_another_code_only_by_zero_and_z(number: int, at: int) -> None:
    code = plate_code_from(number)
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    if swapped != code and {code[at], code[at + 1]} != {
        "0",
        "Z",
    }:  # the one pair that Luhn's rule cannot tell apart
        assert normal_plate_code(swapped) is None


@pytest.mark.parametrize("typed", ["", "12345", "UUUUUUUU", "1234567!", "壹贰叁肆伍陆柒捌", "1" * 400])
def test_what_is_no_plate_code(typed: str) -> None:
    assert normal_plate_code(typed) is None


def test_a_plate_code_holds_35_bits() -> None:
    with pytest.raises(ValueError, match="35 bits"):
        plate_code_from(1 << 35)


@pytest.mark.parametrize(
    ("name", "code", "pseudo"),
    [
        ("北姚村委会", "140821201206", False),
        ("辽宁省北镇市高山子监狱", "210782402", True),
        ("辽宁省北镇市高山子监狱虚拟生活区", "210782402598", True),
        ("新立农场", "210782403", True),
        ("山西绛县经济开发区", "140826402", True),
        ("一分场生活区", "210782403500", True),
        ("某某监狱", "140821201210", True),
        ("武安监狱社区居委会", "130481001003", True),
        ("开发区社区居委会", "140821100020", False),
        ("许农场村委会（许大垸农场）", "420000100200", False),
        ("永胜村（天岗石材开发区）（省级）", "220281100200", False),
        ("青峰林场生活区", "420325100300", True),
        ("清泉集一连", "230000100300", True),
        ("大连街道", "230000001", False),
        ("横水镇", "140826101", False),
        ("绛县", "140826", False),
    ],
)
def test_is_pseudo_unit(name: str, code: str, pseudo: bool) -> None:
    assert is_pseudo_unit(name, code) == pseudo


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("北姚村委会", "北姚村"),
        ("胥村村委会", "胥村"),
        ("崇相西社区居民委员会", "崇相西社区"),
        ("多福巷社区居委会", "多福巷社区"),
        ("北街居委会", "北街社区"),
        ("城东村民委员会", "城东村"),
        ("哈日嘎查委员会", "哈日嘎查"),
        ("大佛寺社区", "大佛寺社区"),
        ("庙上乡", "庙上乡"),
        ("村委会", "村委会"),
    ],
)
def test_short_name(name: str, short: str) -> None:
    assert short_name(name) == short


def test_numeral() -> None:
    assert [numeral(number) for number in (1, 2, 10, 11, 20, 21, 99)] == [
        "一", "二", "十", "十一", "二十", "二十一", "九十九",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="1 to 99"):
        numeral(100)


def test_whoever_opens_contacts_signs_in_with_a_second_factor() -> None:
    assert needs_second_factor(["take_case", "reveal_contact"])
    assert not needs_second_factor(["take_case"])
