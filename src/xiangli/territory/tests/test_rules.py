from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.refusals import Refused
from xiangli.territory.rules import (
    NOBODY,
    ON_CALL_AHEAD,
    Actor,
    Candidate,
    Held,
    check_on_call,
    day_of,
    in_force,
    is_label,
    is_pseudo_unit,
    line_of,
    needs_second_factor,
    night_of,
    normal_plate_code,
    numeral,
    overlap,
    parse_quiet_hours,
    pick_answer,
    plate_code_from,
    seat_of,
    short_name,
    uncovered,
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
    on_call: bool = False,
    has_duty: bool = True,
) -> Candidate:
    return Candidate(
        unit_id=ident(1000 + len(path)),
        unit_path=path,
        unit_name=path,
        post_id=ident(2000 + post),
        post_name="巷长",
        post_order=order,
        appointment_id=ident(user * 1000 + len(path) * 10 + post + 500 * on_call),
        user_id=ident(user),
        user_name=f"{user}",
        deputy=deputy,
        absent=absent,
        on_call=on_call,
        has_duty=has_duty,
    )


def held(path: str, *permissions: str, deputy: bool = False, post: int = 1, on_call: bool = False) -> Held:
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
        on_call=on_call,
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


# on call


def test_pick_answer_asks_whoever_is_on_call_before_the_holder_and_before_an_absence() -> None:
    night = candidate(user=9, on_call=True)
    for absent in (False, True):
        answer = pick_answer([candidate(user=1, absent=absent), night], expected={LANE}, urgent=True)
        assert answer is not None
        assert (answer.user_id, answer.appointment_id, answer.alarm) == (ident(9), None, "")
        assert answer.on_call == (ident(9),)


def test_pick_answer_does_not_ask_the_roster_for_what_is_not_urgent() -> None:
    people = [candidate(user=1), candidate(user=9, on_call=True)]
    answer = pick_answer(people, expected={LANE})
    assert answer is not None
    assert (answer.user_id, answer.on_call) == (ident(1), ())
    assert pick_answer(people[1:], expected={LANE}) is None


def test_pick_answer_keeps_to_the_nearest_seat_and_tells_who_is_on_call_above_it() -> None:
    people = [candidate(user=1), candidate(LINE[3], user=2), candidate(LINE[3], user=9, on_call=True)]
    answer = pick_answer(people, expected={LANE, LINE[3]}, urgent=True)
    assert answer is not None
    assert (answer.user_id, answer.unit_path, answer.on_call) == (ident(1), LANE, (ident(9),))


def test_pick_answer_tells_everybody_on_call_in_the_nearest_unit_that_has_any_and_nobody_above() -> None:
    people = [
        candidate(user=1),
        candidate(LINE[3], user=8, on_call=True),
        candidate(LINE[3], user=7, on_call=True),
        candidate(LINE[3], user=6, post=2, order=20, on_call=True, has_duty=False),
        candidate(LINE[2], user=5, on_call=True),
    ]
    answer = pick_answer(people, expected={LANE}, urgent=True)
    assert answer is not None
    assert answer.on_call == (ident(7), ident(8), ident(6))


def test_pick_answer_gives_nothing_to_a_seat_without_the_duty_but_tells_who_is_on_call_in_it() -> None:
    night = candidate(LANE, user=9, on_call=True, has_duty=False)
    answer = pick_answer([night, candidate(LINE[3], user=2)], expected={LINE[3]}, urgent=True)
    assert answer is not None
    assert (answer.user_id, answer.alarm, answer.on_call) == (ident(2), "", (ident(9),))
    assert pick_answer([night], expected=set(), urgent=True) is None


def test_pick_answer_finds_somebody_on_call_where_the_holder_and_all_deputies_are_absent() -> None:
    away = [
        candidate(user=1, absent=True),
        candidate(user=2, deputy=True, absent=True),
        candidate(user=3, deputy=True, absent=True),
    ]
    night = candidate(user=9, on_call=True)
    above = candidate(LINE[3], user=4)
    by_night = pick_answer([*away, night, above], expected={LANE, LINE[3]}, urgent=True)
    assert by_night is not None
    assert (by_night.user_id, by_night.alarm) == (ident(9), "")
    by_day = pick_answer([*away, night, above], expected={LANE, LINE[3]})
    assert by_day is not None
    assert (by_day.user_id, by_day.alarm) == (ident(4), "vacant")


def test_pick_answer_never_asks_or_tells_a_subject_on_call_nor_goes_through_the_seat() -> None:
    people = [
        candidate(user=1),
        candidate(user=9, on_call=True),
        candidate(LINE[3], user=2),
        candidate(LINE[2], user=9, on_call=True, post=2, has_duty=False),
        candidate(LINE[2], user=8, on_call=True, post=3, has_duty=False),
    ]
    for urgent in (False, True):  # by day, too, the seat is not asked while its subject sits there
        answer = pick_answer(people, expected={LANE, LINE[3]}, excluding=[ident(9)], urgent=urgent)
        assert answer is not None
        assert (answer.user_id, answer.alarm) == (ident(2), "")
        assert answer.on_call == ((ident(8),) if urgent else ())


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
# Two posts with the duty, and a third that is only on call; a post has one order wherever it stands.
on_duty = st.builds(
    lambda path, user, post, deputy, absent: candidate(
        path, user=user, post=post, order=post, deputy=deputy, absent=absent
    ),
    *(st.sampled_from(LINE[2:]), st.integers(1, 6), st.integers(1, 2), st.booleans(), st.booleans()),
)
on_call = st.builds(
    lambda path, user, post: candidate(
        path, user=user, post=post, order=post, on_call=True, has_duty=post < 3
    ),
    *(st.sampled_from(LINE[2:]), st.integers(1, 6), st.integers(1, 3)),
)


@given(st.lists(on_duty, max_size=8), st.lists(on_call, max_size=5), st.sets(st.integers(1, 6).map(ident)))
def test_pick_answer_when_urgent_asks_the_roster_and_never_an_excluded_person(
    people: list[Candidate], roster: list[Candidate], excluding: set[UUID]
) -> None:
    everybody = people + roster
    barred = {(c.unit_id, c.post_id) for c in everybody if c.user_id in excluding}
    free = [c for c in everybody if (c.unit_id, c.post_id) not in barred]
    answer = pick_answer(everybody, expected=set(), excluding=excluding, urgent=True)
    if answer is None:
        assert not [c for c in free if c.has_duty]
        return
    assert answer.user_id not in excluding
    assert not excluding & set(answer.on_call)
    sitting = [c for c in free if seat_of(c.unit_id, c.post_id) == answer.seat and c.has_duty]
    if nights := {c.user_id for c in sitting if c.on_call}:
        assert answer.user_id in nights
    deepest = max((len(c.unit_path) for c in free if c.on_call), default=0)
    assert set(answer.on_call) == {c.user_id for c in free if c.on_call and len(c.unit_path) == deepest}


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


def test_actor_authority_names_the_roster_where_nothing_else_authorises() -> None:
    night = held(LINE[3], "close_case", on_call=True)
    own = held(LINE[3], "close_case", post=2)
    assert night.authority == f"on_call:{night.appointment_id}"
    assert Actor(ident(1), held=(night, own)).authority("close_case", LANE) == own
    assert Actor(ident(1), held=(night,)).authority("close_case", LANE) == night
    assert Actor(ident(1), held=(night,)).covers(LANE)
    assert not Actor(ident(1), held=(held(LANE),)).covers(LINE[3])


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


# the roster

EVENING = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # 22:00 in the counties
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        (EVENING, EVENING, "dates"),
        (EVENING, EVENING - HOUR, "dates"),
        (EVENING - 9 * HOUR, EVENING - HOUR, "over"),
        (EVENING - 9 * HOUR, EVENING, "over"),
        (EVENING + ON_CALL_AHEAD, EVENING + ON_CALL_AHEAD + HOUR, "too_far"),
    ],
)
def test_check_on_call_refuses(starts: datetime, ends: datetime, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        check_on_call(starts, ends, now=EVENING)
    assert (refused.value.code, refused.value.field) == (reason, "ends")


def test_check_on_call_takes_what_has_begun_and_what_ends_in_a_month() -> None:
    check_on_call(EVENING - HOUR, EVENING + HOUR, now=EVENING)
    check_on_call(EVENING, EVENING + ON_CALL_AHEAD, now=EVENING)


def test_night_of_is_the_one_that_lasts_else_the_one_to_come() -> None:
    hours = parse_quiet_hours("22:00-07:00")
    tonight = (EVENING, EVENING + 9 * HOUR)
    for at in (EVENING - 14 * HOUR, EVENING, EVENING + 8 * HOUR):  # 08:00, 22:00, 06:00
        assert night_of(hours, at) == tonight
    assert night_of(hours, EVENING + 9 * HOUR) == (EVENING + 24 * HOUR, EVENING + 33 * HOUR)
    early = parse_quiet_hours("00:30-06:00")
    assert night_of(early, EVENING) == (EVENING + 2.5 * HOUR, EVENING + 8 * HOUR)


@pytest.mark.parametrize("text", ["", "22:00", "22-7-8", "25:00-07:00", "22:00-22:00", "晚上"])
def test_parse_quiet_hours_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        parse_quiet_hours(text)


def test_uncovered_names_the_gaps() -> None:
    def at(hour: float) -> datetime:
        return EVENING + hour * HOUR

    assert uncovered(at(0), at(9), []) == [(at(0), at(9))]
    assert uncovered(at(0), at(9), [(at(-1), at(10))]) == []
    assert uncovered(at(0), at(9), [(at(5), at(9)), (at(-1), at(2)), (at(1), at(3))]) == [(at(3), at(5))]
    assert uncovered(at(0), at(9), [(at(1), at(2)), (at(9), at(12))]) == [(at(0), at(1)), (at(2), at(9))]


@given(
    st.lists(st.tuples(st.integers(-3, 12), st.integers(0, 6)).map(lambda cover: (cover[0], sum(cover)))),
)
def test_uncovered_by_the_hour(covers: list[tuple[int, int]]) -> None:
    gaps = uncovered(
        EVENING, EVENING + 9 * HOUR, [(EVENING + a * HOUR, EVENING + b * HOUR) for a, b in covers]
    )
    for hour in range(9):
        at = EVENING + (hour + 0.5) * HOUR
        covered = any(begin <= hour < end for begin, end in covers)
        assert covered != any(begin <= at < end for begin, end in gaps)
