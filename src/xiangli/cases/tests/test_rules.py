"""The rules of the closed loop: pure, so that thousands of cases cost nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from math import cos, degrees, hypot, radians
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiangli.cases import rules
from xiangli.cases.rules import Facts, Limits
from xiangli.cases.states import BEGINS, OPEN_STATES, TABLE, EvidenceRule, Outcome, State
from xiangli.kernel.refusals import Refused

ENDED = {State.CLOSED, State.WITHDRAWN}
ME, YOU = UUID(int=1), UUID(int=2)


def facts(**more: object) -> Facts:
    known: dict[str, object] = {
        "state": State.IN_PROGRESS, "handler": None, "resolved_by": None, "evidence": EvidenceRule.NONE, "verify": False,
    }  # fmt: skip
    return Facts(**(known | more))  # type: ignore[arg-type]  # a test names only what it is about


def refusal(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda refused: refused.code == code)


# ------------------------------------------------------------------------------------------------------- the table


def test_every_state_is_reached_from_a_birth() -> None:
    reached: set[str] = set(BEGINS)
    for _ in State:
        reached |= {target for row in TABLE.values() if reached & row.sources for target in row.targets}
    assert reached == set(State)


def test_only_a_withdrawn_case_is_over_for_good() -> None:
    """A closed one can be reopened, confirmed and evaluated: only by its reporter."""
    assert {state for state in State if not TABLE.from_state(state)} == {State.WITHDRAWN}
    assert all(row.by_reporter for row in TABLE.from_state(State.CLOSED))
    assert set(State) - OPEN_STATES == ENDED


def test_from_every_open_state_people_can_bring_a_case_to_its_end() -> None:
    """Staff alone can, from each: no case hangs on a reporter who never looks again."""
    leads: dict[str, set[str]] = {
        state: {target for row in TABLE.from_state(state) if not row.by_reporter for target in row.targets}
        for state in State
    }
    for state in OPEN_STATES:
        seen: set[str] = {state}
        for _ in State:
            seen |= {target for one in seen for target in leads[one]}
        assert State.CLOSED in seen, state


def test_sources_and_targets_are_states() -> None:
    for row in TABLE.values():
        assert row.sources <= set(State)
        assert row.targets
        assert set(row.targets) <= set(State)
        assert bool(row.permission) != row.by_reporter
        assert not row.note_required or row.hint


@given(st.sampled_from(sorted(TABLE)), st.sampled_from(list(State)))
def test_can_is_the_twin_of_check_state(action: str, state: State) -> None:
    if rules.can(action, state):
        rules.check_state(action, state)
    else:
        with refusal("wrong_state") as refused:
            rules.check_state(action, state)
        assert str(state.label) in str(refused.value.reason)
        assert str(TABLE[action].label) in str(refused.value.reason)


# ------------------------------------------------------------------------------------------------------- clocks

MINUTES = st.none() | st.integers(0, 100_000)
MOMENTS = st.datetimes(datetime(2018, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is given beside


@given(MINUTES, MINUTES, MOMENTS, st.lists(st.sampled_from(list(State)), min_size=1, max_size=12))
def test_no_way_through_the_states_restarts_a_clock(
    respond: int | None, put_right: int | None, reported_at: datetime, way: list[State]
) -> None:
    """Whatever happens, and in whatever order: a clock stands at the report plus its limit, or does not run."""
    limits = Limits(respond=respond, put_right=put_right)
    ends = {"respond": respond, "put_right": put_right}
    for state in way:
        clock = rules.next_clock(state, limits, reported_at=reported_at)
        assert (clock.name == "") == (clock.at is None)
        if clock.name:
            minutes = ends[clock.name]
            assert minutes is not None
            assert clock.at == reported_at + timedelta(minutes=minutes)
        if state in ENDED | {State.RESOLVED}:
            assert clock.name == ""
        if clock.name == "respond":
            assert state in (State.REPORTED, State.ASSIGNED)


@given(
    MINUTES, MOMENTS, st.sampled_from([State.REPORTED, State.ASSIGNED, State.IN_PROGRESS, State.TO_VERIFY])
)
def test_what_is_not_put_right_always_has_its_clock(minutes: int | None, at: datetime, state: State) -> None:
    clock = rules.next_clock(state, Limits(respond=None, put_right=minutes), reported_at=at)
    assert clock.name == ("put_right" if minutes is not None else "")


# ------------------------------------------------------------------------------------------------------- words


@given(st.text(max_size=2100))
def test_words_are_kept_as_they_are_or_refused(words: str) -> None:
    length = len(words.strip())
    if 2 <= length <= rules.MAX_WORDS:
        assert rules.check_words(words) == words.strip()
    else:
        with refusal("words_missing" if length < 2 else "words_long") as refused:
            rules.check_words(words)
        assert refused.value.field == "words"


@given(st.sampled_from(sorted(TABLE)), st.text(max_size=30) | st.just("字" * 2001))
def test_a_note_is_asked_for_where_the_table_says(action: str, note: str) -> None:
    missing, long = not note.strip() and TABLE[action].note_required, len(note.strip()) > rules.MAX_WORDS
    if missing or long:
        with refusal("note_missing" if missing else "note_long"):
            rules.check_note(action, note)
    else:
        assert rules.check_note(action, note) == note.strip()


@given(st.text(min_size=1, max_size=200))
def test_a_title_is_one_short_line(words: str) -> None:
    title = rules.title_of(words)
    assert len(title) <= rules.TITLE_LENGTH
    assert title == " ".join(title.split())
    assert " ".join(words.split()).startswith(title.removesuffix("…"))


@given(st.none() | st.integers(-10, 10), st.sampled_from(["", "谢谢"]))
def test_an_evaluation_has_words_or_one_to_five_stars(rating: int | None, words: str) -> None:
    if rating is None and not words:
        with refusal("evaluation_empty"):
            rules.check_rating(rating, words)
    elif rating is not None and rating not in range(1, 6):
        with refusal("rating_range"):
            rules.check_rating(rating, words)
    else:
        rules.check_rating(rating, words)


@given(st.text(max_size=300))
def test_a_contact_is_opened_for_a_reason_only(reason: str) -> None:
    if len(reason.strip()) < 4:
        with refusal("reason_missing"):
            rules.check_reason(reason)
    else:
        assert reason.strip().startswith(rules.check_reason(reason))
        assert len(rules.check_reason(reason)) <= 200


# ------------------------------------------------------------------------------------------------------- people and photos


@pytest.mark.parametrize(("handler", "resolver"), list(product([None, ME, YOU], repeat=2)))
def test_nobody_verifies_own_work(handler: UUID | None, resolver: UUID | None) -> None:
    known = facts(handler=handler, resolved_by=resolver)
    if ME in (handler, resolver):
        with refusal("own_work"):
            rules.check_verifier(known, ME)
    else:
        rules.check_verifier(known, ME)


@pytest.mark.parametrize("handler", [None, ME, YOU])
def test_who_took_it_resolves_it(handler: UUID | None) -> None:
    if handler == YOU:
        with refusal("not_handler"):
            rules.check_handler("resolve_case", facts(handler=handler), ME)
    else:
        rules.check_handler("resolve_case", facts(handler=handler), ME)


@given(st.sampled_from(list(EvidenceRule)), st.integers(0, 2), st.integers(0, 2))
def test_photos_are_asked_for_where_the_category_needs_them(
    rule: EvidenceRule, before: int, after: int
) -> None:
    known = facts(evidence=rule, photos_before=before, photos_after=after)
    missing = (rule == EvidenceRule.BEFORE_AFTER and not before) or (rule != EvidenceRule.NONE and not after)
    if missing:
        with pytest.raises(Refused) as refused:
            rules.check_evidence(known)
        assert refused.value.code in ("photo_before_missing", "photo_after_missing")
        assert refused.value.field in ("before", "after")
    else:
        rules.check_evidence(known)


def test_a_resolution_leads_to_a_check_where_the_category_asks() -> None:
    assert rules.state_when_resolved(facts(verify=True)) == State.TO_VERIFY
    assert rules.state_when_resolved(facts(verify=False)) == State.RESOLVED
    for action in ("resolve_case", "handle_on_spot"):
        assert set(TABLE[action].targets) == {State.TO_VERIFY, State.RESOLVED}
    assert rules.outcome_of("handle_on_spot") == Outcome.ON_SPOT
    assert rules.outcome_of("resolve_case") == Outcome.PUT_RIGHT


def test_a_confirmation_counts_once() -> None:
    rules.check_confirm(facts())
    with refusal("confirmed"):
        rules.check_confirm(facts(confirmed=True))


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_form_of_an_older_turn_is_refused_with_who_and_what(seen: int, turn: int) -> None:
    last = {"who": "村主任 赵主任", "action": "接单", "state": "处理中"}
    if seen == turn:
        rules.check_turn(seen, turn, last=last)
    else:
        with refusal("changed") as refused:
            rules.check_turn(seen, turn, last=last)
        assert "赵主任" in str(refused.value.reason)
        assert refused.value.facts["state"] == "处理中"


def test_a_form_from_nowhere_is_refused_too() -> None:
    with refusal("changed"):
        rules.check_turn(3, 0, last=None)


PATHS = st.lists(st.sampled_from(["1/", "2/"]), min_size=1, max_size=4).map("".join)


@given(
    PATHS,
    st.lists(PATHS, max_size=3),
    st.sets(st.sampled_from([ME, YOU])),
    st.sets(st.sampled_from([ME, YOU])),
)
def test_no_matter_is_given_to_its_subjects_or_below_them(
    path: str, above: list[str], people: set[UUID], subjects: set[UUID]
) -> None:
    steps = path.count("/")
    under = any(
        path.split("/")[: one.count("/")] == one.split("/")[:-1] and one.count("/") < steps for one in above
    )
    free = rules.is_free_of_subjects(people, path, subjects=subjects, subject_paths=above)
    assert free == (not under and not people & subjects)
    if free:
        rules.check_seat_free_of_subjects(people, path, subjects=subjects, subject_paths=above)
    else:
        with refusal("subject_seat"):
            rules.check_seat_free_of_subjects(people, path, subjects=subjects, subject_paths=above)


@given(st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(-60, 60), st.floats(-170, 170))
def test_a_photo_from_elsewhere_says_nothing_of_the_place(
    north: float, east: float, lat: float, lng: float
) -> None:
    """Within 500 m it places the report; beyond, it does not. Measured on a sphere."""
    radius = 6_371_009.0
    place = (lat + degrees(north / radius), lng + degrees(east / radius / cos(radians(lat))))
    distance = hypot(north, east)
    found = rules.photo_point([place], near=(lat, lng))
    if distance < rules.NEAR_METRES * 0.98:
        assert found == place
    elif distance > rules.NEAR_METRES * 1.02:
        assert found is None
    assert rules.photo_point([place], near=(None, None)) is None
