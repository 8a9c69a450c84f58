"""What people and machines send that is wrong: it is refused in words, nothing is half done, nothing typed is
lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions, rules
from xiangli.cases.tests.acting import together
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.kernel.tests.photos import encoded, png_claiming, scene
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import FORGED_CODES, FORGED_WINDOW
from xiangli.matters.rules import check_digit, group_code
from xiangli.territory.actions import end_unit
from xiangli.territory.models import Boundary
from xiangli.territory.rules import day_of

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

WORDS = "二巷口有一堆垃圾，好几天了"


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def a_form(**more: Any) -> dict[str, Any]:
    return {"client_id": str(new_id()), "category": "environment", "words": WORDS} | more


def send(place: Place, form: dict[str, Any], *, plate: str | None = None, **headers: Any) -> Answer:
    return Client().post(reverse("cases:report", args=[plate or place.lane.plate_code]), form, **headers)


def a_photo(seed: int = 1) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{seed}.jpg", encoded(scene(120, 90, seed=seed)), "image/jpeg")


def kept_of(response: Answer) -> str:
    """The mark of the photos that a page has kept."""
    text = response.content.decode()
    return text.split('name="kept" value="')[1].split('"')[0] if 'name="kept"' in text else ""


def nothing_reported() -> bool:
    return not (Matter.objects.exists() or MatterPhoto.objects.exists() or OutboxMessage.objects.exists())


# ------------------------------------------------------------------------------------------------------- photos


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photo.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "打不开"),
        ("photo.jpg", b"", ""),
        ("bomb.png", png_claiming(60_000, 60_000), "像素"),
        ("large.png", encoded(Image.new("1", (12_000, 9_000)), "PNG"), "像素"),
        ("big.jpg", encoded(scene()) + bytes(30 * 1024 * 1024), "20 MB"),
        ("torn.jpg", encoded(scene())[:2000], "不完整"),
    ],
    ids=["no image", "empty file", "bomb by its header", "108 megapixels", "30 MB", "torn"],
)
def test_a_bad_photo_is_named_and_the_rest_of_the_form_is_kept(
    place: Place, name: str, content: bytes, said: str
) -> None:
    photos = [a_photo(1), SimpleUploadedFile(name, content, "image/jpeg"), a_photo(2)]
    response = send(place, a_form(photos=photos, place_note="第三户门前"))
    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert WORDS in page
    assert "第三户门前" in page
    assert nothing_reported()
    # Sent once more without it: the good ones have been kept.
    kept = kept_of(response)
    assert kept or not content
    if kept:
        assert "第 2 张" in page
        assert send(place, a_form(kept=kept)).status_code == 302
        assert MatterPhoto.objects.count() == 2


def test_of_ten_photos_nine_are_kept_and_the_tenth_is_named(place: Place) -> None:
    response = send(place, a_form(photos=[a_photo(n) for n in range(10)]))
    assert response.status_code == 400
    assert "最多 9 张照片，从第 10 张起没有收下" in response.content.decode()
    assert nothing_reported()
    assert send(place, a_form(kept=kept_of(response))).status_code == 302
    assert MatterPhoto.objects.count() == StoredFile.objects.count() == 9


def test_photos_kept_from_before_count_among_the_nine(place: Place) -> None:
    first = send(place, a_form(words="", photos=[a_photo(n) for n in range(8)]))
    response = send(place, a_form(kept=kept_of(first), photos=[a_photo(8), a_photo(9)]))
    assert response.status_code == 400
    assert "从第 2 张起" in response.content.decode()


def test_a_hundred_photos_are_refused_in_words(place: Place) -> None:
    """More files than the server reads at all: said on a page, not by a bare error."""
    response = send(
        place, a_form(photos=[a_photo(n) for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1)])
    )
    assert response.status_code == 400
    assert nothing_reported()


@pytest.mark.parametrize("mark", ["", "forged", "W10:1abc:zzzz"])
def test_a_forged_mark_of_kept_photos_brings_none(place: Place, mark: str) -> None:
    assert send(place, a_form(kept=mark)).status_code == 302
    assert not MatterPhoto.objects.exists()


def test_a_photo_of_another_county_cannot_be_brought_along(place: Place) -> None:
    elsewhere = make_place("14/08/27/")
    kept = kept_of(send(elsewhere, a_form(words="", photos=[a_photo()])))
    assert kept
    assert send(place, a_form(kept=kept)).status_code == 302
    assert not MatterPhoto.objects.exists()


# ------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "请写几个字"),
        ("   \n ", "请写几个字"),
        ("脏", "请写几个字"),
        ("脏" * 10_000, "最多 2000 字，现在有 10000 字"),
    ],
    ids=["empty", "blank", "one character", "10,000 characters"],
)
def test_too_few_or_too_many_words_are_refused_and_kept(place: Place, words: str, said: str) -> None:
    response = send(place, a_form(words=words))
    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert words.strip() in page
    assert nothing_reported()


def test_2000_characters_are_read(place: Place) -> None:
    assert send(place, a_form(words="脏" * rules.MAX_WORDS)).status_code == 302


@pytest.mark.parametrize(
    "broken",
    [
        {"client_id": "1"},
        {"client_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8"},  # not of version 7
        {"client_id": ""},
        {"category": ""},
        {"category": "no-such"},
        {"category": "service_complaint"},
        {"words": "有\x00零"},
        {"lat": "nan", "lng": "111"},
        {"lat": "1e999", "lng": "111"},
        {"lat": "91", "lng": "111"},
        {"lat": "35", "lng": "abc"},
        {"phone": "打我手机"},
        {"phone": "1" * 40},
        {"name": "王" * 41},
        {"place_note": "门" * 121},
    ],
    ids=str,
)
def test_a_bent_form_is_refused_on_its_own_page(place: Place, broken: dict[str, str]) -> None:
    response = send(place, a_form(**broken))
    assert response.status_code == 400
    assert "<textarea" in response.content.decode()
    assert nothing_reported()


def test_markup_in_words_stays_words(place: Place) -> None:
    response = send(place, a_form(words="<script>alert(1)</script>{{ 7 }}"))
    page = Client().get(response.headers["Location"].replace("receipt/", "")).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


# ------------------------------------------------------------------------------------------------------- places


def test_a_point_outside_every_unit_goes_to_the_nearest_desk_and_is_marked(place: Place) -> None:
    ring = [(111.50, 35.50), (111.51, 35.50), (111.51, 35.51), (111.50, 35.51)]
    Boundary.objects.create(unit=place.lane, ring=ring, rank=5, source="test", synthetic=True)
    type(place.lane2).objects.filter(pk=place.lane2.pk).update(lat=36.0, lng=112.0)
    assert send(place, a_form(lat="36.2", lng="112.2")).status_code == 302
    matter = Matter.objects.get()
    assert (matter.place_id, matter.off_map, matter.alarm) == (place.lane2.pk, True, "off_map")
    assert (matter.lat, matter.lng) == (36.2, 112.2)
    assert matter.holder_unit_id == place.lane2.pk
    client = Client()
    client.force_login(place.people["lane_head_2"], backend=BACKEND)
    assert "由最近的单位先接" in client.get(reverse("cases:case", args=[matter.pk])).content.decode()


def test_an_ended_lanes_old_plate_leads_to_its_successor(place: Place) -> None:
    code = place.lane.plate_code
    end_unit(unit=place.lane, on=day_of(clock.now()), successors=[place.lane2])
    assert "李巷长" in Client().get(reverse("cases:plate", args=[code])).content.decode()
    form_page = Client().get(reverse("cases:report", args=[code]))
    assert form_page.headers["Location"] == reverse("cases:plate", args=[place.lane2.plate_code])
    assert send(place, a_form(), plate=code).status_code == 302
    assert Matter.objects.get().place_id == place.lane2.pk


def test_the_old_plate_of_a_split_lane_asks_which(place: Place) -> None:
    code = place.lane.plate_code
    end_unit(unit=place.lane, on=day_of(clock.now()), successors=[place.lane2, place.grid])
    page = Client().get(reverse("cases:plate", args=[code])).content.decode()
    assert place.lane2.short_name in page
    assert place.grid.short_name in page
    response = send(place, a_form(), plate=code)
    assert response.headers["Location"] == reverse("cases:plate", args=[code])
    assert nothing_reported()


@pytest.mark.parametrize("code", ["ZZZZZZZZ", "1", "0" * 60, "-"])
def test_a_plate_that_is_not_there_is_404_in_words(place: Place, code: str) -> None:
    for name in ("cases:plate", "cases:report"):
        response = Client().get(reverse(name, args=[code]))
        assert response.status_code == 404
        assert "没有这块公示牌" in response.content.decode()


def test_transposed_characters_of_a_plate_are_no_other_lanes_plate(place: Place) -> None:
    code = place.lane.plate_code or ""
    for first in range(7):
        wrong = code[:first] + code[first + 1] + code[first] + code[first + 2 :]
        if wrong != code:
            assert Client().get(reverse("cases:plate", args=[wrong])).status_code == 404, wrong


# ------------------------------------------------------------------------------------------------------- codes


def find(code: str, **headers: Any) -> Answer:
    return Client().post(reverse("cases:find"), {"code": code}, **headers)


def forged() -> Iterator[str]:
    """Well-formed codes that nobody holds."""
    number = 0
    while True:
        body = f"{number:015d}"
        yield body + check_digit(body)
        number += 1


def test_transposed_digits_are_told_at_once_and_not_counted(place: Place) -> None:
    code = make_report(place.lane).code
    first = next(n for n in range(15) if code[n] != code[n + 1])
    wrong = code[:first] + code[first + 1] + code[first] + code[first + 2 :]
    for _ in range(FORGED_CODES * 2):
        response = find(wrong)
        assert response.status_code == 400
        assert "相邻两位颠倒" in response.content.decode()
    assert find(code).status_code == 302


def test_a_code_as_people_type_it_is_found(place: Place) -> None:
    code = make_report(place.lane).code
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    for typed in (code, group_code(code), f"  {group_code(code).replace(' ', '-')} ", wide):
        assert find(typed).headers["Location"] == reverse("cases:track", args=[code])


def test_forged_codes_are_counted_and_slowed_even_where_one_is_right(place: Place) -> None:
    code, guesses = make_report(place.lane).code, forged()
    for _ in range(FORGED_CODES):
        assert find(next(guesses)).status_code == 404
    for answer in (find(next(guesses)), find(code)):
        assert answer.status_code == 429
        assert "10 分钟后再试" in answer.content.decode()
    for name in ("cases:track", "cases:receipt"):
        assert Client().get(reverse(name, args=[code])).status_code == 429
    # of another address, and after the time
    assert find(code, REMOTE_ADDR="192.0.2.7").status_code == 302
    with clock.set_to(clock.now() + FORGED_WINDOW + timedelta(seconds=1)):
        assert find(code).status_code == 302


def test_guesses_on_the_track_page_count_as_well(place: Place) -> None:
    guesses = forged()
    statuses = [
        Client().get(reverse("cases:track", args=[next(guesses)])).status_code
        for _ in range(FORGED_CODES + 2)
    ]
    assert statuses == [404] * FORGED_CODES + [429] * 2


@pytest.mark.parametrize("code", ["abc", "1" * 200, "٣" * 16, "0000 0000 0000 0001", "²" * 16])
def test_what_is_no_code_is_refused_in_words(place: Place, code: str) -> None:
    assert Client().get(reverse("cases:track", args=[code])).status_code in (404, 409)
    assert find(code).status_code == 400


# ------------------------------------------------------------------------------------------------------- floods


def test_a_flood_from_one_plate_is_slowed_and_nothing_typed_is_lost(place: Place) -> None:
    kept = kept_of(send(place, a_form(words="", photos=[a_photo()])))  # counts as one of the flood
    for number in range(rules.FLOOD - 1):
        assert send(place, a_form(words=f"第 {number} 堆垃圾")).status_code == 302
    form = a_form(words="真的还有一堆垃圾", kept=kept, name="王女士", phone="13800000000")
    response = send(place, form)
    page = response.content.decode()
    assert response.status_code == 429
    for typed in ("真的还有一堆垃圾", "王女士", "13800000000", kept):
        assert typed in page
    assert "0359-6520001" in page  # the lane's duty number
    assert Matter.objects.count() == rules.FLOOD - 1
    # another lane is not slowed, and ten minutes later the very same form goes through, with its photo
    assert send(place, a_form(), plate=place.lane2.plate_code).status_code == 302
    with clock.set_to(clock.now() + rules.FLOOD_WINDOW + timedelta(seconds=1)):
        assert send(place, form).status_code == 302
    assert MatterPhoto.objects.count() == 1


def test_in_a_flood_no_picture_is_decoded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(rules.FLOOD):
        send(place, a_form(words=""))
    monkeypatch.setattr("xiangli.kernel.files.read_picture", lambda *_, **__: pytest.fail("decoded"))
    assert send(place, a_form(photos=[a_photo()])).status_code == 429


def test_a_flood_of_complaints_keeps_the_words_too(place: Place) -> None:
    address = reverse("cases:complain", args=[place.lane.plate_code])
    for _ in range(rules.FLOOD):
        assert (
            Client().post(address, {"client_id": str(new_id()), "words": "巷长从来不管"}).status_code == 302
        )
    response = Client().post(address, {"client_id": str(new_id()), "words": "还是没有人管"})
    page = response.content.decode()
    assert response.status_code == 429
    assert "还是没有人管" in page
    assert "12388" in page or "12345" in page


# ------------------------------------------------------------------------------------------------------- twice, and at once


def test_the_same_form_twice_leads_to_the_same_receipt(place: Place) -> None:
    form = a_form()
    first, second = send(place, form), send(place, form)
    assert first.status_code == second.status_code == 302
    assert first.headers["Location"] == second.headers["Location"]
    assert Matter.objects.count() == LedgerEvent.objects.filter(kind="report_case").count() == 1
    assert OutboxMessage.objects.count() == 1


def test_the_same_me_too_twice_counts_once(place: Place) -> None:
    matter = make_report(place.lane).matter
    form = {"client_id": str(new_id())}
    address = reverse("cases:me_too", args=[place.lane.plate_code, matter.pk])
    for _ in range(2):
        assert Client().post(address, form).status_code == 302
    assert Matter.objects.get().me_too == 1
    for bad in ("", "x", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"):
        assert Client().post(address, {"client_id": bad}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_the_same_report_sent_at_once_is_one_matter(transactional_db: None) -> None:
    place = make_place()
    for _ in range(5):
        form = a_form()
        answers = together(*[lambda form=form: send(place, form).headers.get("Location")] * 3)
        assert len(set(answers)) == 1
        assert answers[0] is not None
    assert Matter.objects.count() == LedgerEvent.objects.filter(kind="report_case").count() == 5
    assert OutboxMessage.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_wins_and_the_other_is_told_by_whom(transactional_db: None) -> None:
    place = make_place()
    for _ in range(5):
        reported = make_report(place.lane)
        seen = reported.matter.turn
        people = {who: place.actor(who) for who in ("lane_head", "village_director")}
        acts = [an_act(actor, reported, seen=seen) for actor in people.values()]
        results = together(*[lambda act=act: actions.take_case(act) for act in acts])
        assert sorted(type(result).__name__ for result in results) == ["NoneType", "Refused"]
        matter = Matter.objects.get(pk=reported.matter.pk)
        winner = people["lane_head" if results[0] is None else "village_director"]
        loser = next(result for result in results if isinstance(result, Refused))
        assert matter.handler_id == winner.user_id
        assert loser.code == "changed"
        assert winner.name in str(loser.reason)
        assert matter.event_seq == LedgerEvent.objects.filter(stream=matter.pk).count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_loser_sees_the_new_state_and_the_winners_name_on_the_page(transactional_db: None) -> None:
    place = make_place()
    reported = make_report(place.lane)
    actions.take_case(an_act(place.actor("lane_head"), reported))
    client = Client()
    client.force_login(place.people["village_director"], backend=BACKEND)
    form = {"act_id": str(new_id()), "seen": "0", "note": ""}
    response = client.post(reverse("cases:act", args=[reported.matter.pk, "take_case"]), form)
    page = response.content.decode()
    assert response.status_code == 409
    assert "张巷长" in page
    assert "处理中" in page


@pytest.mark.django_db(transaction=True)
def test_one_act_pressed_three_times_at_once_is_one_act(transactional_db: None) -> None:
    place = make_place()
    reported = make_report(place.lane)
    act = an_act(place.actor("lane_head"), reported, seen=reported.matter.turn)
    assert together(*[lambda: actions.take_case(act)] * 3) == [None, None, None]
    assert LedgerEvent.objects.filter(stream=reported.matter.pk, kind="take_case").count() == 1


def test_a_bent_form_of_staff_is_refused_on_the_case(place: Place) -> None:
    reported = make_report(place.lane)
    client = Client()
    client.force_login(place.people["village_director"], backend=BACKEND)
    whole = {"act_id": str(new_id()), "seen": "0", "note": "请今天去看"}
    for broken in (
        {"act_id": "x"},
        {"seen": "-1"},
        {"seen": "x"},
        {"seat": "x"},
        {"seat": f"{new_id()}:{new_id()}"},
        {"seat": ""},
        {"note": "字" * 2001, "seat": f"{place.lane2.pk}:{place.posts['lane_head'].pk}"},
        {"after": io.BytesIO(b"no photo")},
    ):
        response = client.post(reverse("cases:act", args=[reported.matter.pk, "assign_case"]), whole | broken)
        assert response.status_code in (400, 409), broken
    assert Matter.objects.get().turn == 0
