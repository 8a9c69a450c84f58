"""Danger words: every entry of the list, how it is looked at, what it costs; the same on the phone; and how
often it is wrong on sentences that were written without sight of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xiangli.cases.forms import ReportForm
from xiangli.cases.models import Case
from xiangli.cases.rules import MAX_WORDS, dangers_in
from xiangli.cases.rules.danger import MOST_LOOKED_AT, NUMBERS, word_list, written_out
from xiangli.cases.tests.factories import make_place
from xiangli.kernel.ids import new_id

DATA: Final[dict[str, Any]] = tomllib.loads(
    files("xiangli.cases").joinpath("data/danger_words.toml").read_text(encoding="utf-8")
)
SETS: Final[dict[str, str]] = DATA["sets"]
GROUPS: Final = ("danger", "calm", "elsewhere", "feared")
ROOT: Final = Path(__file__).parents[4]

DANGER: Final = [(entry, words) for entry in DATA["danger"] for words in entry["yes"]]
CALM: Final = [words for group in GROUPS for entry in DATA[group] for words in entry.get("no", [])]

# ------------------------------------------------------------------------------------------------------- the file


@pytest.mark.parametrize(("entry", "words"), DANGER, ids=[words for _, words in DANGER])
def test_an_entry_finds_its_examples(entry: dict[str, Any], words: str) -> None:
    danger = dangers_in(words)
    assert danger is not None
    pattern = re.compile(written_out(entry["find"], SETS))
    assert any(pattern.search(found) for found in danger.found), danger


@pytest.mark.parametrize("words", CALM)
def test_what_only_sounds_like_danger_alarms_nobody(words: str) -> None:
    assert dangers_in(words) is None


def test_entries_are_whole() -> None:
    kinds = [row["name"] for row in DATA["kind"]]
    assert len(kinds) == len(set(kinds)) == len(word_list().kinds)
    assert {entry["kind"] for entry in DATA["danger"]} == set(kinds)
    assert all(sorted(row["numbers"]) == sorted(NUMBERS) for row in DATA["kind"])  # all three, in some order
    assert all(set(entry) <= {"kind", "find", "yes", "no", "sure"} for entry in DATA["danger"])
    assert all(entry["yes"] for entry in DATA["danger"])
    assert all(entry["no"] for group in GROUPS[1:] for entry in DATA[group])


def test_patterns_are_of_the_small_language_that_takes_linear_time() -> None:
    """No repetition without an end, none of a group, no look behind (old phones have none), no short gap that
    became a long one because a digit follows it."""
    patterns = [entry["find"] for group in GROUPS for entry in DATA[group]] + [
        DATA["now"]["find"],
        *SETS.values(),
    ]
    for pattern in patterns:
        assert not re.search(r"[*+\\{}^]", pattern), pattern
        assert "(?<" not in pattern, pattern
        assert not re.search(r"\(\?[^!=]", pattern), pattern
        assert all(int(gap) <= 12 for gap in re.findall(r"[~≈](\d+)", pattern)), pattern
        assert "||" not in pattern, pattern
        assert "(|" not in pattern, pattern
        assert not pattern.startswith("|"), pattern
        assert not pattern.endswith("|"), pattern
        assert re.compile(written_out(pattern, SETS)).search("") is None, f"finds nothing: {pattern}"


def test_signs_fold_in_pairs() -> None:
    pairs = DATA["fold"]["pairs"]
    assert len(pairs) % 2 == 0
    assert len(set(pairs[::2])) == len(pairs) // 2
    assert not set(pairs[::2]) & set(pairs[1::2])


# ------------------------------------------------------------------------------------------------------- the looking


@pytest.mark.parametrize(
    ("words", "kind", "first"),
    [
        ("三巷着火了", "fire", "119"),
        ("楼道里煤气味很大", "gas", "119"),
        ("房子塌了压着人", "collapse", "119"),
        ("有人落水", "water", "119"),
        ("有人拿刀砍人", "violence", "110"),
        ("撞人了", "traffic", "120"),
        ("有人触电", "shock", "120"),
        ("路灯杆漏电", "electric", "119"),
        ("婆婆喝农药了", "poison", "120"),
        ("我不想活了", "self_harm", "110"),
        ("电梯困人了", "trapped", "119"),
        ("孩子不见了", "child", "110"),
        ("老人昏倒了", "medical", "120"),
        ("救命", "help", "110"),
        # more than one: the more urgent number
        ("房子着火了，孩子昏迷", "fire", "119"),
        ("打起来了，有人流血", "violence", "110"),
        ("喝农药了，说不想活了", "poison", "120"),
    ],
)
def test_the_number_that_fits_comes_first(words: str, kind: str, first: str) -> None:
    danger = dangers_in(words)
    assert danger is not None
    assert (danger.kind, danger.numbers[0]) == (kind, first)
    assert sorted(danger.numbers) == sorted(NUMBERS)
    assert danger.found


@pytest.mark.parametrize(
    "words",
    [
        "着 火 了",
        "着火了",
        "　着　火了！！",
        "著火了，起火了",
        "樓上漏電",
        "ＯＮ ＦＩＲＥ",
        "救\u200b命",
        "有人觸電",
    ],
)
def test_spaces_full_width_and_traditional_signs_hide_nothing(words: str) -> None:
    assert dangers_in(words) is not None


@pytest.mark.parametrize(
    ("calm", "danger"),
    [
        ("去年这里着过火，现在没有消防栓", "去年这里着过火，现在又着火了"),
        ("怕孩子掉进井里", "孩子掉进井里了，怕来不及"),
        ("打火机扔了一地", "打火机扔进柴堆，着火了"),
        ("上次煤气泄漏修好了", "上次煤气泄漏修好了。今天又有煤气味"),
        ("容易触电", "有人触电，这里容易出事"),
    ],
)
def test_a_softening_word_softens_only_what_it_speaks_of(calm: str, danger: str) -> None:
    assert dangers_in(calm) is None
    assert dangers_in(danger) is not None


def test_talk_of_ending_ones_life_is_taken_at_its_word() -> None:
    for words in ("以前没说过，我不想活了", "怕他想不开", "如果再没人管我就跳楼"):
        danger = dangers_in(words)
        assert danger is not None, words
        assert danger.kind == "self_harm"


@pytest.mark.parametrize("words", ["", " ", "\n", "。，！", "路灯不亮", "\ud800", "😀" * 50])
def test_nothing_is_found_in_nothing(words: str) -> None:
    assert dangers_in(words) is None


# ------------------------------------------------------------------------------------------------------- its cost

_PIECES: Final = sorted({sign for group in GROUPS for entry in DATA[group] for sign in entry["find"]})


@given(st.text(st.sampled_from(_PIECES) | st.characters(), max_size=60))
@example("孩子")
@example("被有人的在")
@example("，怕去年")
@settings(max_examples=60, deadline=None)
def test_no_words_cost_much(piece: str) -> None:
    """Any words repeated to the longest report: some ten milliseconds; a second would be another order of
    growth, also on a slow machine."""
    words = (piece or "火") * (MAX_WORDS // max(1, len(piece)) + 1)
    before = time.process_time()
    dangers_in(words)
    assert time.process_time() - before < 1.0


def test_twice_the_words_cost_about_twice() -> None:
    def cost(words: str) -> float:
        found = []
        for _ in range(5):
            before = time.process_time()
            dangers_in(words)
            found.append(time.process_time() - before)
        return min(found)

    for piece in ("孩子", "被有人", "电线水打", "在里面没"):
        short, long = cost((piece * 1000)[:500]), cost((piece * 1000)[:2000])
        assert long < 12 * max(short, 0.0005), (piece, short, long)  # four times, with room; squared: sixteen


def test_more_than_a_report_can_hold_is_not_looked_at() -> None:
    assert MOST_LOOKED_AT == MAX_WORDS
    before = time.process_time()
    assert dangers_in("路" * 3_000_000 + "着火了") is None
    assert time.process_time() - before < 1.0


# ------------------------------------------------------------------------------------------------------- pages


@pytest.mark.django_db
def test_report_case_is_never_stopped_and_the_receipt_says_what_to_ring(client: Client) -> None:
    place = make_place()
    address = f"/p/{place.lane.plate_code}/report/"
    assert 'data-danger="/danger-words.json" hidden' in client.get(address).content.decode()
    for words, first in (("隔壁着火了，快来人", "119"), ("有人拿刀砍人", "110")):
        sent = {"client_id": str(new_id()), "category": "hazards", "words": words}
        # one part of the form still wrong: the box stands over it, without any script
        page = client.post(address, sent | {"phone": "abc"})
        assert page.status_code == 400
        assert _numbers(page.content.decode())[0] == first
        answer = client.post(address, sent)
        assert answer.status_code == 302, answer.content.decode()
        receipt = client.get(answer["Location"]).content.decode()
        assert _numbers(receipt) == list(getattr(dangers_in(words), "numbers", ()))
    assert Case.objects.count() == 2
    calm = {"client_id": str(new_id()), "category": "facilities", "words": "路灯不亮"}
    assert _numbers(client.get(client.post(address, calm)["Location"]).content.decode()) == []


@pytest.mark.django_db
def test_complain_shows_the_numbers_as_well(client: Client) -> None:
    place = make_place()
    address = f"/p/{place.lane.plate_code}/complain/"
    sent = {"client_id": str(new_id()), "words": "网格长喝醉了正在打人", "phone": "abc"}
    assert _numbers(client.post(address, sent).content.decode())[0] == "110"
    answer = client.post(address, sent | {"phone": ""})
    assert answer.status_code == 302
    assert _numbers(client.get(answer["Location"]).content.decode())[0] == "110"


def _numbers(page: str) -> list[str]:
    """The numbers of the box, in their order; none where it is hidden or not there."""
    box = re.search(
        r'<div class="flash danger urgent" role="alert"([^>]*)>(.*?)</div></div>', page, re.DOTALL
    )
    if box is None or "hidden" in box[1]:
        return []
    return re.findall(r'href="tel:(\d+)"', box[2])


def test_the_form_keeps_no_word_list() -> None:
    """Validation knows no danger: nothing that is typed is refused for what it says."""
    form = ReportForm({"client_id": str(new_id()), "category": "other", "words": "救命，着火了，有人拿刀"})
    assert form.is_valid(), form.errors


def test_the_list_for_the_phone_is_small_kept_for_a_day_and_asks_for_nothing(client: Client) -> None:
    answer = client.get("/danger-words.json", headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "public, max-age=86400"
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) < 31 * 1024  # fetched only once somebody types
    assert not answer.cookies
    assert client.post("/danger-words.json").status_code == 405


# ------------------------------------------------------------------------------------------------------- the phone

_ON_THE_PHONE: Final = """
import { prepare, numbersFor } from "MODULE";
let given = "";
process.stdin.setEncoding("utf8").on("data", (part) => (given += part)).on("end", () => {
  const { list, sentences } = JSON.parse(given);
  const ready = prepare(list);
  console.log(JSON.stringify(sentences.map((words) => numbersFor(ready, words) ?? [])));
});
"""


def _on_the_phone(sentences: list[str]) -> list[list[str]]:
    module = (ROOT / "frontend/desk/danger.js").as_uri()
    done = subprocess.run(
        [
            Path(sys.executable).with_name("node"),
            "--input-type=module",
            "-e",
            _ON_THE_PHONE.replace("MODULE", module),
        ],
        input=json.dumps({"list": word_list().compact(), "sentences": sentences}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_the_phone_says_what_the_server_says() -> None:
    mixed = [f"{words}，{CALM[at % len(CALM)]}。" for at, (_, words) in enumerate(DANGER)]
    sentences = (
        [words for _, words in DANGER]
        + CALM
        + mixed
        + ["", "着 火 了", "樓上漏電", "😀着火了", "路" * 1998 + "着火了"]
    )
    expected = [list(danger.numbers) if (danger := dangers_in(words)) else [] for words in sentences]
    assert _on_the_phone(sentences) == expected


# ------------------------------------------------------------------------------------------------------- how often it is wrong


@pytest.fixture(scope="module")
def measured() -> tuple[float, float, str]:
    """Shares of danger missed and of calm alarmed, and a sentence that says both. Counts only: the sentences
    stay unread by whoever mends the list, else they would measure nothing."""
    lines = (Path(__file__).parent / "data/danger_sentences.tsv").read_text(encoding="utf-8").splitlines()
    labelled = [line.split("\t", 1) for line in lines if line and not line.startswith("#")]
    danger = [words for label, words in labelled if label == "danger"]
    calm = [words for label, words in labelled if label == "calm"]
    assert len(danger) + len(calm) == len(labelled) == 1000
    missed = sum(dangers_in(words) is None for words in danger)
    false = sum(dangers_in(words) is not None for words in calm)
    said = f"danger words: {missed} of {len(danger)} missed, {false} of {len(calm)} false alarms"
    return missed / len(danger), false / len(calm), said


def test_on_a_thousand_sentences_written_blind_it_is_no_worse_than_it_was(
    measured: tuple[float, float, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Written blind; second look: 42 of 300 missed (14.0 %), 36 of 700 false alarms (5.1 %), on 22 November 2026;
    the limits are two points above. The first look, on the list before it was widened: 106 (35.3 %) and 31
    (4.4 %). The sentences stayed unread, but only totals of a first look are wholly blind."""
    missed, false, said = measured
    with capsys.disabled():
        print(f"\n{said}")  # noqa: T201  # the figures that are quoted
    assert missed <= 0.16, said
    assert false <= 0.071, said


def test_on_a_thousand_sentences_written_blind_it_misses_few(measured: tuple[float, float, str]) -> None:
    """What was asked for, and is not to be lowered. One point is between it and the second look."""
    missed, _false, said = measured
    assert missed <= 0.15, said
