"""One's own channels, and what could not be delivered: who sees it, and what they may do with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts import sessions
from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import OutboxMessage
from xiangli.notices import actions, queries, states
from xiangli.notices.models import Address, Delivery, Notice, Preference
from xiangli.notices.tests.factories import MORNING, NIGHT, NOW, Town, make_town
from xiangli.notices.tests.providers import Providers
from xiangli.territory.tests.factories import make_county

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(providers: Providers) -> Iterator[Town]:
    made = make_town(providers)
    with clock.set_to(NOW):
        yield made


def signed_in(user: User, *, fresh: bool = True) -> Client:
    client = Client()
    client.force_login(user, backend=sessions.BACKEND)
    if fresh:
        session = client.session
        session[sessions.FRESH] = int(clock.now().timestamp())
        session.save()
    return client


def dead(town: Town, who: str | None = "head", **columns: Any) -> Delivery:
    return Delivery.objects.create(
        **{
            "county": town.place.county,
            "kind": "wecom",
            "user": town.people[who] if who else None,
            "what": "assign_case",
            "state": "dead",
            "attempts": 8,
            "last_error": "no_answer",
            "made_at": NOW,
            "not_before": NOW,
        }
        | columns
    )


def seen_by(town: Town, who: str) -> set[Any]:
    return set(queries.undelivered(town.actor(who), at=NOW).values_list("pk", flat=True))


# -- one's own channels


def test_a_county_without_channels_says_where_messages_are(town: Town) -> None:
    page = signed_in(town.people["head"]).get("/me/notices/").content.decode()
    assert "县里还没有开通别的通道" in page


def test_the_page_shows_what_the_county_offers_and_masks_what_is_kept(town: Town) -> None:
    town.open("sms", "wecom", "wecom_group")
    town.reach("head", "sms", "13800001234")
    page = signed_in(town.people["head"]).get("/me/notices/").content.decode()
    assert "138****1234" in page
    assert "13800001234" not in page
    assert "群机器人" not in page
    assert page.count("还没有登记") == 1
    assert "语音电话只在有险情时打" not in page


def test_that_the_telephone_cannot_be_switched_off_on_call_is_said(town: Town) -> None:
    town.open("voice")
    assert "关了也会打" in signed_in(town.people["head"]).get("/me/notices/").content.decode()


def test_channels_are_switched_and_the_language_chosen(town: Town) -> None:
    town.open("sms", "wecom")
    town.reach("head", "sms", "13800001234")
    town.reach("head", "wecom", "zhang")
    town.reach("next", "wecom", "wang")
    client = signed_in(town.people["head"])
    answer = client.post("/me/notices/", {"wanted": ["wecom"], "language": "en"})
    assert answer["Location"] == "/me/notices/"
    mine = Address.objects.filter(user=town.people["head"])
    assert dict(mine.values_list("kind", "wanted")) == {"sms": False, "wecom": True}
    assert Preference.objects.get().language == "en"
    client.post("/me/notices/", {"language": "zh-hans"})
    assert not mine.filter(wanted=True).exists()
    assert Address.objects.get(user=town.people["next"]).wanted
    assert client.post("/me/notices/", {"wanted": ["pigeon"], "language": "zh-hans"}).status_code == 200
    assert client.post("/me/notices/", {"language": "tlh"}).status_code == 200
    assert Preference.objects.get().language == "zh-hans"


def test_an_address_asks_who_it_is_first_and_is_kept_encrypted(town: Town) -> None:
    town.open("sms")
    stranger = signed_in(town.people["head"], fresh=False)
    for answer in (
        stranger.get("/me/notices/sms/"),
        stranger.post("/me/notices/sms/", {"address": "13800001234"}),
    ):
        assert answer["Location"].startswith("/reauth/?next=")
    assert not Address.objects.exists()
    client = signed_in(town.people["head"])
    wrong = client.post("/me/notices/sms/", {"address": "12345"}).content.decode()
    assert "短信要发到手机号码" in wrong
    assert client.post("/me/notices/sms/", {"address": "138 0000 1234"})["Location"] == "/me/notices/"
    row = Address.objects.get()
    assert (row.user, row.kind, row.wanted) == (town.people["head"], "sms", True)
    assert b"1234" not in bytes(row.address)
    assert queries.open_address(row) == "13800001234"
    page = client.get("/me/notices/sms/").content.decode()
    assert "138****1234" in page
    assert "13800001234" not in page
    client.post("/me/notices/sms/", {"forget": "yes"})
    assert not Address.objects.exists()


@pytest.mark.parametrize("kind", ["wecom_group", "ding_group", "pigeon"])
def test_a_group_is_nobodys_address(town: Town, kind: str) -> None:
    assert signed_in(town.people["head"]).get(f"/me/notices/{kind}/").status_code == 404


def test_me_leads_there(town: Town) -> None:
    assert 'href="/me/notices/"' in signed_in(town.people["head"]).get("/me/").content.decode()


# -- what did not arrive: who sees it


def test_a_desk_sees_what_did_not_reach_people_under_it(town: Town) -> None:
    other = make_county("14/08/27/", name="垣曲县", west=112.0)
    elsewhere = other.seat("county_desk", other.county, "冯值班").user
    town.people["elsewhere"] = elsewhere
    to_head, to_town = dead(town), dead(town, "town")
    to_county, left = dead(town, "county"), dead(town, user=User.objects.create_user(display_name="离任"))
    group = dead(town, None, kind="wecom_group")
    dead(town, state="waiting")
    dead(town, state="sent")
    assert seen_by(town, "county") == {row.pk for row in (to_head, to_town, to_county, left, group)}
    assert seen_by(town, "town") == {to_head.pk, to_town.pk}
    for who in ("head", "director", "town_head", "elsewhere"):
        assert seen_by(town, who) == set(), who


def test_what_is_about_a_matter_is_seen_by_whoever_may_see_the_matter(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_town, closed = new_id(), new_id()

    def reach(actor: Any) -> QuerySet[Any]:
        """Stands for the matters that an actor may see: here, notices by what they are about."""
        return Notice.objects.filter(user=actor.user_id, kind="may see")

    for who in ("town", "county"):
        Notice.objects.create(
            id=open_to_town if who == "town" else new_id(),
            message=new_id(),
            user=town.people[who],
            kind="may see",
            at=NOW,
        )
    monkeypatch.setattr(states, "_reaches", [reach])
    staff = dead(town, about=open_to_town)
    reporter = dead(town, None, kind="sms", about=open_to_town)
    secret, secret_reporter = dead(town, about=closed), dead(town, None, kind="sms", about=closed)
    many = dead(town, what="digest", count=4)
    assert seen_by(town, "town") == {staff.pk, reporter.pk, many.pk}
    assert seen_by(town, "county") == {many.pk}
    del secret, secret_reporter


def test_the_page_says_to_whom_why_and_no_address(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_words", {"assign_case": "有事项交给您办"})
    town.reach("head", "wecom", "zhang4471")
    dead(town, danger=True)
    dead(town, what="neutral", last_error="unknown", attempts=1)
    dead(town, what="digest", count=5, last_error="credentials")
    page = signed_in(town.people["town"]).get("/deliveries/").content.decode()
    said = [
        "张巷长",
        f"一巷 {town.place.posts['lane_head'].name}",
        "有事项交给您办",
        "险情",
        "对方的服务没有应答",
    ]
    said += ["试了 8 次", "一件不公开的事项有了进展", "没有这个账号或号码", "5 件事项的进展", "通道的密钥"]
    for words in said:
        assert words in page, words
    assert "zhang4471" not in page
    assert "z***" not in page
    assert "本页全部再试一次" in page


def test_an_empty_list_says_so(town: Town) -> None:
    page = signed_in(town.people["county"]).get("/deliveries/").content.decode()
    assert "消息都送到了" in page
    assert signed_in(town.people["director"]).get("/deliveries/").status_code == 403
    assert Client().get("/deliveries/").status_code == 302


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_takes_the_same_statements_whatever_its_rows(
    town: Town, rows: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(rows):
        dead(
            town,
            user=town.place.seat("village_clerk", town.place.village, "甲").user
            if not n
            else town.people["head"],
        )
    client = signed_in(town.people["county"])
    client.get("/deliveries/")
    with django_assert_max_num_queries(7):
        assert client.get("/deliveries/").status_code == 200


# -- what did not arrive: the two ways on


def test_it_is_tried_again_with_all_its_attempts(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    row, other = dead(town), dead(town)
    client = signed_in(town.people["town"])
    answer = client.post("/deliveries/retry/", {"delivery": [str(row.pk)]})
    assert answer["Location"] == "/deliveries/"
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == ("waiting", 0, "")
    town.work()
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("sent", "dead")


def test_all_on_the_page_are_tried_again_and_at_night_they_wait(town: Town) -> None:
    rows = [dead(town) for _n in range(3)]
    urgent = dead(town, danger=True)
    with clock.set_to(NIGHT):
        ids = [str(row.pk) for row in (*rows, urgent)]
        signed_in(town.people["town"]).post("/deliveries/retry/", {"delivery": ids})
    assert {row.not_before for row in Delivery.objects.filter(danger=False)} == {MORNING}
    assert Delivery.objects.get(danger=True).not_before == NIGHT
    assert set(OutboxMessage.objects.values_list("available_at", flat=True)) == {NIGHT, MORNING}


def test_a_reporter_whose_number_is_gone_is_told_by_a_person(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = Notice.objects.create(message=new_id(), user=town.people["town"], kind="may see", at=NOW)
    monkeypatch.setattr(states, "_reaches", [lambda actor: Notice.objects.filter(user=actor.user_id)])
    row = dead(town, None, kind="sms", about=mark.pk)
    client = signed_in(town.people["town"])
    page = client.get("/deliveries/").content.decode()
    assert "反映人" in page
    assert "告诉反映人办得怎样了" in page
    assert "号码已删去" in page
    answer = client.post("/deliveries/retry/", {"delivery": [str(row.pk)]})
    assert answer.status_code == 409
    assert "当面或打电话" in answer.content.decode()


def test_handing_over_settles_it_and_tells_who_is_to_tell(town: Town) -> None:
    helper = town.place.seat("town_head", town.place.town, "沈副镇长", standing="deputy").user
    row = dead(town)
    client = signed_in(town.people["town"])
    assert "沈副镇长" in client.get("/deliveries/").content.decode()
    answer = client.post(f"/deliveries/{row.pk}/hand-over/", {"to": str(helper.pk)})
    assert answer["Location"] == "/deliveries/"
    row.refresh_from_db()
    assert (row.state, row.given_to, row.settled_at) == ("settled", helper, NOW)
    assert list(Notice.objects.values_list("user__display_name", "kind")) == [
        ("沈副镇长", "hand_over_delivery")
    ]
    # It is settled: nobody settles it again, or tries it.
    assert client.post(f"/deliveries/{row.pk}/hand-over/", {"to": str(helper.pk)}).status_code == 404
    assert client.post("/deliveries/retry/", {"delivery": [str(row.pk)]}).status_code == 404


def test_it_is_handed_only_to_ones_own_people_and_never_to_whom_it_is_about(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = Notice.objects.create(message=new_id(), user=town.people["town"], kind="may see", at=NOW)
    monkeypatch.setattr(states, "_reaches", [lambda actor: Notice.objects.filter(user=actor.user_id)])
    monkeypatch.setattr(states, "_barred", [lambda about: {mark.pk: {town.people["town_head"].pk}}])
    row = dead(town, about=mark.pk)
    client = signed_in(town.people["town"])
    for to in ("county", "head", "town_head"):
        answer = client.post(f"/deliveries/{row.pk}/hand-over/", {"to": str(town.people[to].pk)})
        assert answer.status_code == 400, to
    for form in ({}, {"to": "x"}, {"to": str(new_id())}):
        assert client.post(f"/deliveries/{row.pk}/hand-over/", form).status_code == 400
    row.refresh_from_db()
    assert row.state == "dead"
    assert (
        client.post(f"/deliveries/{row.pk}/hand-over/", {"to": str(town.people["town"].pk)}).status_code
        == 302
    )


def test_what_lies_elsewhere_is_not_found(town: Town) -> None:
    row = dead(town, "county")
    client = signed_in(town.people["town"])
    assert client.post("/deliveries/retry/", {"delivery": [str(row.pk)]}).status_code == 404
    assert client.post("/deliveries/retry/", {"delivery": ["x"]}).status_code == 400
    to = {"to": str(town.people["town"].pk)}
    assert client.post(f"/deliveries/{row.pk}/hand-over/", to).status_code == 404
    for who in ("head", "director"):
        assert signed_in(town.people[who]).post("/deliveries/retry/", {}).status_code == 403


def test_dead_letters_are_counted_for_the_doctor(town: Town) -> None:
    dead(town)
    dead(town)
    dead(town, kind="sms")
    assert queries.dead_letters() == [("绛县", "sms", 1), ("绛县", "wecom", 2)]


def test_opening_a_channel_again_replaces_its_settings(town: Town) -> None:
    town.open("wecom", secret="old")
    channel = queries.channels(town.place.county.pk).get()
    assert b"old" not in bytes(channel.settings)
    town.open("wecom")
    channel.refresh_from_db()
    assert queries.line_of(channel).settings["secret"] != "old"
    assert actions.close_channel(county=town.place.county.pk, kind="wecom", now=NOW)
    assert not actions.close_channel(county=town.place.county.pk, kind="wecom", now=NOW)
