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
from xiangli.cases.rules import Bound, Facts, Limits
from xiangli.cases.states import BEGINS, OPEN_STATES, TABLE, ClockName, EvidenceRule, Outcome, State
from xiangli.kernel.clocks import Kind, Length
from xiangli.kernel.refusals import Refused

ENDED = {State.CLOSED, State.DECLINED, State.WITHDRAWN, State.MERGED}
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


def test_only_a_withdrawn_or_merged_case_is_over_for_good() -> None:
    """A closed or declined one can be reopened and evaluated: only by its reporter."""
    over = {state for state in State if not TABLE.from_state(state)}
    assert over == {State.WITHDRAWN, State.MERGED}
    for state in ENDED:
        assert all(row.by_reporter for row in TABLE.from_state(state))
    assert set(State) - OPEN_STATES == ENDED


def test_from_every_open_state_people_can_bring_a_case_to_its_end() -> None:
    """Staff alone can, from each: no case hangs on a reporter who never looks again, nor on a clock."""
    leads: dict[str, set[str]] = {
        state: {target for row in TABLE.from_state(state) if row.permission for target in row.targets}
        for state in State
    }
    for state in OPEN_STATES:
        seen: set[str] = {state}
        for _ in State:
            seen |= {target for one in seen for target in leads[one]}
        assert State.CLOSED in seen, state


def test_sources_and_targets_are_states() -> None:
    """An act is somebody's: of a post that is permitted, of the reporter, or of a clock."""
    for row in TABLE.values():
        assert row.sources <= set(State)
        assert set(row.targets) <= set(State)
        assert [bool(row.permission), row.by_reporter, row.by_rule].count(True) == 1
        assert not row.note_required or row.hint


def test_what_a_clock_does_ends_no_case() -> None:
    """Nothing is closed, declined or merged by itself; without targets the state stays as it is."""
    for row in TABLE.values():
        if row.by_rule:
            assert row.sources | set(row.targets) <= OPEN_STATES
    assert {row.action for row in TABLE.values() if set(row.targets) & ENDED} == {
        "close_case", "confirm_case", "decline_case", "withdraw_case", "merge_case",
    }  # fmt: skip


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

OF_THE_LOOP = [name for name in ClockName if name in rules.LOOP]
BESIDE = [ClockName.ESCALATE, ClockName.ANSWER, ClockName.PART]  # what a supervisor or another seat waits for


def run(state: str, live: set[str], paused: set[str], *, begins: bool = False) -> tuple[set[str], set[str]]:
    """The clocks that live, and those of them that stand still, after the plan for `state` was carried out."""
    plan = rules.plan(state, live, begins=begins)
    assert not set(plan.start) & (live - set(plan.stop)), "a clock that runs begins anew"
    assert set(plan.stop) | set(plan.pause) | set(plan.resume) <= live
    after = (live - set(plan.stop)) | set(plan.start)
    return after, ((paused | set(plan.pause)) - set(plan.resume)) & after


WAYS = st.lists(st.sampled_from(list(State)), max_size=12)  # any way at all: the table's are among them


@given(st.sampled_from(BEGINS), WAYS)
def test_every_open_state_has_a_clock_that_runs_and_an_ended_one_has_none(
    born: State, way: list[State]
) -> None:
    live, paused = run(born, set(), set(), begins=True)
    assert live - paused == {ClockName.RESPOND, ClockName.PUT_RIGHT}
    for state in way:
        if state == State.SUSPENDED:
            live |= {ClockName.SUSPENSION}  # its length is the actor's to say, so the action starts it
        live, paused = run(state, live, paused)
        running = live - paused
        if state not in OPEN_STATES:
            assert not live
            live, paused = run(State.REPORTED, live, paused, begins=True)
            continue
        assert running & rules.LOOP, "an open case without a clock that runs"
        assert running & rules.LOOP <= rules.RUNS[state] | {ClockName.RESPOND}
        assert paused <= {ClockName.PUT_RIGHT}
        assert bool(paused) <= (state in (State.SUSPENDED, State.TO_VERIFY))


@given(WAYS)
def test_within_a_round_the_time_to_respond_begins_once(way: list[State]) -> None:
    """Whoever hands it round wins no time by it: once it has ended, only a new round brings it back."""
    live, paused = run(State.ASSIGNED, set(), set(), begins=True)
    ended = False
    for state in way:
        ended = ended or ClockName.RESPOND not in live
        live, paused = run(state, live | ({ClockName.SUSPENSION} & {state}), paused)
        assert not (ended and ClockName.RESPOND in live)


@given(
    st.sampled_from(sorted(OPEN_STATES)),
    st.sets(st.sampled_from(OF_THE_LOOP)),
    st.sets(st.sampled_from(BESIDE)),
)
def test_orders_parts_and_the_way_up_are_no_business_of_the_loop(
    state: State, live: set[str], beside: set[str]
) -> None:
    """Their clocks go on through every step of an open case, and are stopped with it."""
    plan = rules.plan(state, live | beside)
    assert not {*plan.start, *plan.stop, *plan.pause, *plan.resume} & set(BESIDE)
    assert set(rules.plan(State.CLOSED, live | beside).stop) == live | beside


@given(st.sampled_from(BEGINS), st.sets(st.sampled_from(list(ClockName))))
def test_a_new_round_starts_every_clock_anew(state: State, live: set[str]) -> None:
    plan = rules.plan(state, live, begins=True)
    assert set(plan.stop) == live
    assert set(plan.start) == rules.RUNS[state]


def test_a_limit_that_a_county_lost_is_the_longest_there_is() -> None:
    bound = Limits({"respond": Bound(Length(10, Kind.MINUTES), "县里规定")}).of("respond")
    assert (bound.length, bound.source) == (Length(10, Kind.MINUTES), "县里规定")
    assert Limits({}).of("put_right").length == Length(72, Kind.HOURS)


# ------------------------------------------------------------------------------------------------------- time asked for

NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
DAYS = st.none() | st.integers(-3, 40)


@given(DAYS, st.integers(1, 30), st.booleans())
def test_a_suspension_lasts_some_days_and_danger_does_not_wait(
    days: int | None, most: int, danger: bool
) -> None:
    if danger:
        with refusal("danger"):
            rules.check_suspension(facts(danger=True), days, most=most)
    elif days is None or not 1 <= days <= most:
        with refusal("days_range") as refused:
            rules.check_suspension(facts(), days, most=most)
        assert refused.value.field == "days"
        assert str(most) in str(refused.value.reason)
    else:
        assert rules.check_suspension(facts(), days, most=most) == days


@given(DAYS, st.integers(-2, 5), st.none() | st.integers(-1000, 1000))
def test_an_extension_is_asked_before_the_breach_and_within_what_is_left(
    days: int | None, most: int, minutes: int | None
) -> None:
    due = None if minutes is None else NOW + timedelta(minutes=minutes)
    if minutes is None or minutes <= 0:
        wrong = "breached"
    elif most < 1:
        wrong = "extended"
    else:
        wrong = "" if days is not None and 1 <= days <= most else "days_range"
    if wrong:
        with refusal(wrong):
            rules.check_extension(days, most=most, due_at=due, now=NOW)
    else:
        assert rules.check_extension(days, most=most, due_at=due, now=NOW) == days


@given(st.none() | st.integers(-1000, 1000))
def test_after_the_days_to_answer_a_new_report_is_the_way(minutes: int | None) -> None:
    until = None if minutes is None else NOW + timedelta(minutes=minutes)
    if minutes is not None and minutes < 0:
        with refusal("too_late") as refused:
            rules.check_in_time(until, NOW)
        assert "12345" in str(refused.value.reason)
    else:
        rules.check_in_time(until, NOW)


@given(st.none() | st.integers(-3, 3))
def test_a_reporter_nudges_once_a_day(ago: int | None) -> None:
    last = None if ago is None else NOW.date() - timedelta(days=ago)
    if ago == 0:
        with refusal("nudged"):
            rules.check_nudge(last, NOW.date())
    else:
        rules.check_nudge(last, NOW.date())


@given(st.booleans(), st.text(max_size=250))
def test_declining_says_where_to_go_and_danger_is_never_declined(danger: bool, where: str) -> None:
    if danger:
        with refusal("danger"):
            rules.check_declinable(facts(danger=True), where)
    elif len(where.strip()) < 2:
        with refusal("where_missing") as refused:
            rules.check_declinable(facts(), where)
        assert refused.value.field == "where"
    else:
        assert rules.check_declinable(facts(), where) == where.strip()[:200]


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


@given(st.booleans(), st.booleans(), st.integers(0, 100), st.integers(0, 99))
def test_a_resolution_is_checked_where_it_must_be_and_in_a_share_of_the_others(
    verify: bool, danger: bool, share: int, drawn: int
) -> None:
    why = rules.why_verified(facts(verify=verify, danger=danger, verify_share=share), drawn=drawn)
    expected = "sample" if drawn < share else ""
    assert why == ("category" if verify else "danger" if danger else expected)


@pytest.mark.parametrize("share", [0, 1, 10, 100])
def test_the_share_is_so_many_of_a_hundred(share: int) -> None:
    known = facts(verify_share=share)
    assert [bool(rules.why_verified(known, drawn=drawn)) for drawn in range(100)].count(True) == share


def test_both_ways_to_resolve_lead_to_the_check_and_past_it() -> None:
    for action in ("resolve_case", "handle_on_spot"):
        assert set(TABLE[action].targets) == {State.TO_VERIFY, State.RESOLVED}
    assert rules.check_outcome("handle_on_spot", "") == Outcome.ON_SPOT
    assert rules.check_outcome("resolve_case", "") == Outcome.PUT_RIGHT


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
