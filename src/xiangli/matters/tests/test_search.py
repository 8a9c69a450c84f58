"""Search: what is found by what, what is never found, and that both ways of looking find the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from xiangli.kernel.ledger.erasure import erase_payloads
from xiangli.kernel.models import LedgerEvent
from xiangli.matters import actions
from xiangli.matters.actions import By
from xiangli.matters.models import Matter, MatterGrant, MatterSubject, SearchText
from xiangli.matters.queries import Filters, lamp_counts, queue, search
from xiangli.matters.rules import pairs, search_terms
from xiangli.matters.states import GrantKind, Visibility
from xiangli.matters.tests.test_models import NOW, TODAY, AMatter, APost, build, ground
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import Actor

__all__ = ["ground"]

COUNTY, TOWN, VILLAGE, LANE, LANE_2, TOWN_2, VILLAGE_2 = range(7)
PATHS = ["1/2/3/", "1/2/3/4/", "1/2/3/4/5/", "1/2/3/4/5/1/", "1/2/3/4/5/2/", "1/2/3/9/", "1/2/3/9/1/"]
NAMES = ["临猗县", "庙上乡", "庙上村", "一巷", "二巷", "北辛乡", "北姚村"]


class Place:
    """A county of two towns, with a desk in each of three units."""

    def __init__(self, ground: Any) -> None:
        self.ground = ground
        posts = [
            APost(n, unit, False, TODAY, None, False) for n, unit in enumerate((COUNTY, TOWN, VILLAGE_2))
        ]
        self.lanes = build(
            ground, PATHS, posts, [AMatter(u, "ordinary", {}, {}, frozenset()) for u in range(7)]
        )
        self.units = [matter.place for matter in self.lanes]
        Matter.objects.all().delete()
        for unit, name in zip(self.units, NAMES, strict=True):
            unit.short_name = name
            above = [one for one in self.units if unit.path.startswith(one.path) and one.path != unit.path]
            unit.parent = max(above, key=lambda one: len(one.path), default=None)
            unit.save()
        self.county, self.town, self.village_2 = (actor_for(user, at=NOW) for user in ground[2])

    def report(self, unit: int, words: str, visibility: str = Visibility.ORDINARY, **more: Any) -> Matter:
        place = self.units[unit]
        matter = Matter(
            county=self.units[0], workflow="case", topic="t", state="reported", visibility=visibility,
            title=words[:20] if visibility == Visibility.ORDINARY else "t", place=place, place_path=place.path,
            place_name=f"{NAMES[VILLAGE]} {NAMES[unit]}" if unit in (LANE, LANE_2) else NAMES[unit],
            holder_unit=place, holder_seat="outside", reported_at=NOW, changed_at=NOW, **more,
        )  # fmt: skip
        matter.save()
        actions.record(matter, "report_case", by=By("plate"), at=NOW, data={}, words={"words": words})
        matter.save()
        return matter


@pytest.fixture
def place(ground: Any) -> Place:
    return Place(ground)


def found(actor: Actor, text: str, state: str = "all", **chosen: Any) -> set[UUID]:
    page = queue(actor, Filters(text=text, state=state, **chosen), at=NOW)
    assert page.next == ""
    return {row.pk for row in page.items}


def test_words_are_found_wherever_a_dictionary_would_have_cut(place: Place) -> None:
    rubbish = place.report(LANE_2, "二巷口有一堆垃圾，好几天没人清了 Wi-Fi A座")
    lamp = place.report(LANE, "路灯坏了三天没人修", closed_at=NOW)
    assert actions.keep_words() == 2
    for state in ("open", "all"):
        for text in (
            "垃圾",
            "二巷",
            "二巷口",
            "一堆垃圾",
            "垃圾 没人清",
            "没人清的垃圾",
            "圾",
            "wi-fi",
            "A座",
            "ａ座",
        ):
            assert found(place.town, text, state) == {rubbish.pk}, (text, state)
        assert found(place.town, "垃圾 路灯", state) == set()
        assert found(place.town, "，。", state) == set()
    assert found(place.town, "没人") == {rubbish.pk, lamp.pk}
    assert found(place.town, "路灯", "closed") == {lamp.pk}
    assert found(place.town, "路灯", "open") == set()
    assert found(place.town, "垃圾", "closed") == set()
    assert lamp_counts(place.town, Filters(text="垃圾"), at=NOW).total == 1


def test_places_are_found_by_their_names(place: Place) -> None:
    first, second = place.report(LANE, "路灯坏了"), place.report(LANE_2, "路灯也坏了", place_note="老槐树下")
    other = place.report(VILLAGE_2, "路灯不亮")
    actions.keep_words()
    assert found(place.county, "庙上村 路灯") == found(place.county, "庙上乡") == {first.pk, second.pk}
    assert found(place.county, "庙上乡庙上村二巷") == found(place.county, "槐树") == {second.pk}
    assert found(place.county, "北姚村的路灯") == {other.pk}
    assert found(place.county, "路灯", unit=PATHS[LANE]) == {first.pk}
    assert found(place.county, "路灯", unit=PATHS[TOWN_2]) == {other.pk}


def test_a_number_is_found_by_its_digits_alone(place: Place) -> None:
    one, other = place.report(LANE, "路灯坏了"), place.report(LANE_2, "路灯坏了")
    assert found(place.town, f" {one.number} ") == found(place.town, f"#{one.number}") == {one.pk}
    assert found(place.village_2, str(one.number)) == set()
    assert found(place.town, str(other.number + 1)) == found(place.town, "9" * 30) == set()


def test_a_name_finds_what_its_person_handles_or_has_waiting(place: Place) -> None:
    waiting = place.report(LANE, "路灯坏了")
    taken = place.report(LANE, "路上有坑", handler=place.ground[2][1])
    done = place.report(LANE, "路灯不亮", handler=place.ground[2][1], closed_at=NOW)
    place.report(LANE, "路灯一闪一闪", handler=place.ground[2][0])
    Matter.objects.filter(pk=waiting.pk).update(holder_seat=place.town.seats[0])
    actions.keep_words()
    assert found(place.county, "人1") == {waiting.pk, taken.pk, done.pk}
    assert found(place.county, "人1", "open") == {waiting.pk, taken.pk}
    assert found(place.county, "人1 路灯") == {waiting.pk, done.pk}
    assert found(place.county, "人1 路灯", "closed") == {done.pk}


def test_nobody_is_found_by_a_long_number(place: Place) -> None:
    place.report(LANE, "电话 13800001234，车牌 晋M12345，身份证 14082119700101123x，楼号 12")
    actions.keep_words()
    for text in ("13800001234", "M12345", "12345", "14082119700101123x"):
        for state in ("open", "all"):
            assert found(place.town, text, state) == set()
    kept = str(SearchText.objects.get().words)
    assert not any(number in kept for number in ("1380", "2345", "1408"))
    assert len(found(place.town, "楼号 12")) == 1


def test_private_and_sealed_matters_are_found_by_nothing(place: Place) -> None:
    rows = [place.report(LANE, "邻居打人", kind) for kind in (Visibility.PRIVATE, Visibility.SEALED)]
    for row in rows:
        MatterGrant.objects.create(matter=row, kind=GrantKind.SEALED, user=place.ground[2][1], granted_at=NOW)
    assert actions.keep_words() == actions.mend_words() == 0
    assert not SearchText.objects.exists()
    for text in ("打人", "庙上村", str(rows[0].number), str(rows[1].number)):
        assert found(place.town, text) == found(place.town, text, "open") == set()
    later = place.report(LANE, "邻居打人")
    actions.keep_words()
    Matter.objects.filter(pk=later.pk).update(visibility=Visibility.PRIVATE)
    assert found(place.town, "打人") == set()  # before anything is mended
    assert actions.mend_words() == 1
    assert not SearchText.objects.exists()


def test_the_fence_stands_before_search(place: Place) -> None:
    row, other = place.report(LANE, "垃圾"), place.report(VILLAGE_2, "垃圾")
    actions.keep_words()
    assert found(place.town, "垃圾") == {row.pk}
    assert found(place.village_2, "垃圾") == {other.pk}
    MatterGrant.objects.create(
        matter=row, kind=GrantKind.TOGETHER, seat=place.village_2.seats[0], granted_at=NOW
    )
    assert found(place.village_2, "垃圾") == {row.pk, other.pk}
    assert found(place.village_2, "垃圾", unit=PATHS[TOWN]) == {row.pk}
    MatterSubject.objects.create(matter=row, user=place.ground[2][2])
    assert found(place.village_2, "垃圾") == {other.pk}


def test_what_is_erased_is_found_no_more(place: Place) -> None:
    row, other = place.report(LANE, "二巷口有垃圾"), place.report(LANE, "二巷口有石头")
    actions.keep_words()
    event = LedgerEvent.objects.get(stream=row.pk)
    erase_payloads([event.pk], scope=row.county_id, reason="retention", now=NOW)
    assert actions.forget_words() == 1
    assert actions.forget_words() == 0
    assert found(place.town, "垃圾") == set()
    assert found(place.town, "二巷口") == {other.pk}
    assert found(place.town, "庙上村") == {row.pk, other.pk}  # the place is nobody's words
    assert "垃圾" not in str(SearchText.objects.get(pk=row.pk).words)


def test_a_late_commit_and_a_move_are_mended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [place.report(LANE, "垃圾") for _n in range(3)]
    SearchText.objects.all().delete()
    actions.keep_words()
    SearchText.objects.filter(pk=rows[1].pk).delete()  # as if it had committed after its neighbour
    assert actions.keep_words() == 1
    monkeypatch.setattr(actions.searching, "_SLACK", 0)
    SearchText.objects.filter(pk=rows[0].pk).delete()
    assert actions.keep_words() == 0
    assert actions.mend_words() == 1
    Matter.objects.filter(pk=rows[2].pk).update(place=place.units[VILLAGE_2], place_path=PATHS[VILLAGE_2])
    assert actions.mend_words() == 1
    assert found(place.village_2, "垃圾") == {rows[2].pk}
    assert actions.mend_words() == 0


def test_a_search_is_three_statements(
    place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 2):
        for _n in range(count):
            place.report(LANE, "垃圾")
        actions.keep_words()
        for state in ("all", "open"):
            found(place.town, "垃圾", state)
            with django_assert_num_queries(3 if state == "all" else 2):
                assert found(place.town, "垃圾", state)


WORDS = ["垃圾", "路灯", "水"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6), st.sets(st.sampled_from(WORDS), min_size=1), st.booleans(), st.booleans()
        ),
        min_size=1,
        max_size=9,
    ),
    st.sets(st.sampled_from(WORDS), min_size=1),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_both_ways_find_the_newest_page_by_page(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    reports: list[tuple[int, set[str], bool, bool]],
    asked: set[str],
    size: int,
    window: int,
) -> None:
    """With a window of a few rows the index must be asked, with a wide one never; pages are the same."""
    with transaction.atomic():
        for unit, words, closed, granted in reports:
            row = place.report(unit, "，".join(sorted(words)), closed_at=NOW if closed else None)
            if granted:
                MatterGrant.objects.create(
                    matter=row, kind=GrantKind.TOGETHER, seat=place.village_2.seats[0], granted_at=NOW
                )
        actions.keep_words()
        for actor in (place.county, place.town, place.village_2):
            for state in ("all", "closed", "open"):
                wanted = [
                    row.pk
                    for row in Matter.objects.visible_to(actor).order_by("-number")
                    if asked <= set(row.title.split("，"))
                    and (state == "all" or (row.closed_at is None) == (state == "open"))
                ]
                for wide in (window, 1000):
                    monkeypatch.setattr(search, "WINDOW", wide)
                    chosen = Filters(text=" ".join(asked), state=state)
                    pages = [queue(actor, chosen, at=NOW, size=size)]
                    while pages[-1].next:
                        pages.append(queue(actor, chosen, at=NOW, size=size, cursor=pages[-1].next))
                    assert [row.pk for page in pages for row in page.items] == wanted
                    for earlier, later in pairwise(pages):
                        back = queue(actor, chosen, at=NOW, size=size, cursor=later.previous)
                        assert [row.pk for row in back.items] == [row.pk for row in earlier.items]
        transaction.set_rollback(True)


def test_pairs_and_terms() -> None:
    assert pairs("二巷口，Wi-Fi 12") == {"二巷", "巷口", "口", "wi", "fi", "12"}
    assert pairs("13812345678 a12345") == set()
    assert search_terms(["垃圾", "没人清"]) == "'垃圾' & '没人' & '人清'"
    assert search_terms(["庙", "上", "村"]) == "'庙上' & '上村'"
    assert search_terms(["二", "巷", "的", "垃圾"]) == "'二巷' & '垃圾'"
    assert search_terms(["水"]) == "'水':*"
    assert search_terms(["的", "，", "'", "13812345678"]) == ""
