"""From what happened to what a provider was asked to say, and back: each once in our rows."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import gettext_lazy as _

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import OutboxMessage
from xiangli.notices import actions, states, tasks
from xiangli.notices.actions import sending
from xiangli.notices.channels import send_all
from xiangli.notices.channels import sending as providers_sending
from xiangli.notices.models import Address, Channel, Delivery, Notice
from xiangli.notices.rules import ATTEMPTS
from xiangli.notices.states import DeliveryState, Fault
from xiangli.notices.tests.factories import FACTS, MORNING, NIGHT, NOW, Town, make_town
from xiangli.notices.tests.providers import Providers
from xiangli.territory.models import County, OnCall

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a workflow registers."""
    for registry in ("_words", "_templates", "_reporter_templates"):
        monkeypatch.setattr(states, registry, {})
    monkeypatch.setattr(states, "_group_news", set())
    states.register_words({"assign_case": _("有事项交给您办"), "report_case": _("有新的事项等您处理")})
    states.register_group_news(["report_case"])


@pytest.fixture
def town(providers: Providers) -> Iterator[Town]:
    made = make_town(providers)
    with clock.set_to(NOW):
        yield made


# -- to a person


def test_a_person_is_told_in_the_app_and_by_each_channel_they_want(town: Town) -> None:
    town.open("wecom", "dingtalk", "email")
    town.reach("head", "wecom", "zhang")
    town.reach("head", "dingtalk", "wang")
    town.reach("head", "email", "zhang@example.cn")
    Address.objects.filter(kind="dingtalk").update(wanted=False)
    matter = town.tell("head")
    town.work()
    assert list(Notice.objects.values_list("about", "count")) == [(matter, 1)]
    assert town.rows() == [("wecom", "张巷长", "sent", 1), ("email", "张巷长", "sent", 1)]
    link = f"http://127.0.0.1:8000/m/{matter}/"
    text = f"有事项交给您办：环境卫生，横北村 一巷，编号 20261120-0007。{link}（16:00）"
    assert town.texts() == [text]
    assert [(letter.subject, letter.body) for letter in mail.outbox] == [("有事项交给您办", text)]
    assert Delivery.objects.filter(sent_at=NOW, attempts=1, last_error="").count() == 2


def test_without_a_county_nothing_leaves_the_app(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head", county=None)
    town.work()
    assert Notice.objects.count() == 1
    assert town.rows() == []


def test_only_what_the_county_has_opened_is_used(town: Town) -> None:
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    town.work()
    assert town.rows() == []
    town.open("wecom")
    actions.close_channel(county=town.place.county.pk, kind="wecom", now=NOW)
    town.tell("head")
    town.work()
    assert town.rows() == []


def test_in_the_language_that_the_person_chose(town: Town) -> None:
    town.open("wecom")
    for who, account in (("head", "zhang"), ("next", "wang")):
        town.reach(who, "wecom", account)
    actions.set_preferences(user_id=town.people["next"].pk, wanted=["wecom"], language="en", now=NOW)
    matter = town.tell("head", "next", visibility="private")
    town.work()
    by_user = {body["touser"]: body["text"]["content"] for body in town.providers.sent()}
    assert by_user["zhang"] == f"有一件事项请您查看：http://127.0.0.1:8000/m/{matter}/（16:00）"
    assert re.search("[\u4e00-\u9fff]", by_user["wang"]) is None
    assert f"/m/{matter}/" in by_user["wang"]


@pytest.mark.parametrize("visibility", ["private", "sealed"])
def test_of_what_is_not_public_neither_verb_nor_category_nor_lane_leaves(town: Town, visibility: str) -> None:
    town.open("wecom", "sms", "wecom_group", "voice")
    town.reach("head", "wecom", "zhang")
    town.reach("head", "sms", "13800000001")
    town.reach("head", "voice", "13900000009")
    town.tell("head", visibility=visibility, danger=True, kind="report_case")
    town.work()
    kinds = {row[0] for row in town.rows()}
    assert kinds == ({"wecom", "sms", "voice"} if visibility == "private" else {"wecom", "voice"})
    for text in town.texts(""):
        for word in (*FACTS.values(), "有新的事项"):
            assert word not in text
    assert set(Delivery.objects.values_list("what", flat=True)) == {"neutral"}
    assert all(row.facts == {} for row in Delivery.objects.all())


def test_whom_it_is_about_is_told_nothing_anywhere(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.reach("next", "wecom", "wang")

    def barred(about: Collection[UUID]) -> dict[UUID, set[UUID]]:
        return {one: {town.people["head"].pk} for one in about}

    monkeypatch.setattr(states, "_barred", [barred])
    town.tell("head", "next")
    town.work()
    assert town.rows() == [("wecom", "王巷长", "sent", 1)]


def test_told_twice_by_the_same_message_nothing_goes_out_twice(town: Town) -> None:
    town.open("wecom", "wecom_group")
    town.reach("head", "wecom", "zhang")
    town.tell("head", kind="report_case")
    message = OutboxMessage.objects.get()
    tasks.tell([message], NOW)
    tasks.tell([message], NOW + MINUTE)
    assert Delivery.objects.count() == 2


def test_told_by_two_messages_of_one_act_a_person_gets_one(town: Town) -> None:
    """The seat is told, and who is on call besides; they are the same person."""
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    matter = town.tell("head")
    town.tell("head", matter=matter)
    town.work()
    assert town.rows() == [("wecom", "张巷长", "sent", 1)]


def test_facts_that_are_no_facts_stay_inside(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head", facts=FACTS | {"phone": "13800000000", "name": "王女士"})
    town.work()
    assert Delivery.objects.get().facts == FACTS


# -- danger and quiet hours


def test_at_night_a_message_waits_for_the_morning(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head", now=NIGHT)
    town.work(NIGHT)
    assert Notice.objects.count() == 1
    assert Delivery.objects.get().not_before == MORNING
    town.work(MORNING - SECOND)
    assert town.texts() == []
    town.work(MORNING)
    assert len(town.texts()) == 1


def test_what_a_worker_that_was_away_missed_does_not_ring_at_night(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    OutboxMessage.objects.filter(topic="notices.tell").delete()
    town.work(NIGHT)
    assert town.texts() == []
    assert Delivery.objects.get().attempts == 0
    town.work(MORNING)
    assert len(town.texts()) == 1


def test_a_countys_own_quiet_hours_count_and_a_slip_in_them_does_not_ring(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    for hours, at in (("20:00-08:00", MORNING + timedelta(hours=1)), ("", NIGHT), ("all night", MORNING)):
        County.objects.update(quiet_hours=hours)
        town.tell("head", now=NIGHT)
        tasks.tell(list(OutboxMessage.objects.filter(topic="notices.tell")), NIGHT)
        assert Delivery.objects.latest("pk").not_before == at, hours
        OutboxMessage.objects.all().delete()
        Delivery.objects.all().delete()


def test_danger_is_told_at_any_hour_by_telephone_besides_and_each_time(town: Town) -> None:
    town.open("wecom", "voice")
    town.reach("head", "wecom", "zhang")
    town.reach("head", "voice", "13900000009")
    for _n in range(6):
        town.tell("head", now=NIGHT, danger=True)
    town.tell("head", now=NIGHT)
    town.work(NIGHT)
    sent = [row for row in town.rows() if row[2] == "sent"]
    assert sorted(sent) == [("voice", "张巷长", "sent", 1)] * 6 + [("wecom", "张巷长", "sent", 1)] * 6
    assert town.texts("/voice") == ["【紧急】有事项交给您办。环境卫生，横北村 一巷。请马上打开巷里查看。"] * 6
    assert all(text.startswith("【紧急】有事项交给您办：环境卫生") for text in town.texts())


def test_whoever_is_on_call_cannot_switch_the_telephone_off(town: Town) -> None:
    town.open("voice")
    for who, number in (("head", "13900000009"), ("next", "13800000001")):
        town.reach(who, "voice", number)
        actions.set_preferences(user_id=town.people[who].pk, wanted=[], language="zh-hans", now=NOW)
    post = town.place.posts["lane_head"]
    OnCall.objects.create(
        unit=town.place.lane,
        post=post,
        user=town.people["head"],
        starts=NOW,
        ends=NOW + MINUTE,
        recorded_at=NOW,
    )
    town.tell("head", "next", danger=True)
    town.work()
    assert town.rows() == [("voice", "张巷长", "sent", 1)]
    town.tell("head", "next", danger=True, now=NOW + MINUTE)
    town.work(NOW + MINUTE)
    assert len(town.rows()) == 1


def test_danger_goes_before_what_waits(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ROUND", 1)
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.reach("next", "wecom", "wang")
    town.tell("head")
    town.work(NOW - MINUTE)
    town.tell("next", danger=True)
    tasks.tell(list(OutboxMessage.objects.filter(topic="notices.tell")), NOW)
    actions.deliver(NOW)
    assert [body["touser"] for body in town.providers.sent()] == ["wang"]


# -- many


def test_more_than_three_in_ten_minutes_go_as_one(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    for n in range(8):
        town.tell("head", now=NOW + n * MINUTE)
        town.work(NOW + n * MINUTE)
    assert [row[2:] for row in town.rows()] == [("sent", 1)] * 3 + [("waiting", 5)]
    held = Delivery.objects.get(state="waiting")
    assert (held.what, held.about, held.not_before) == ("digest", None, NOW + 10 * MINUTE)
    town.work(NOW + 10 * MINUTE)
    assert town.texts()[3] == "您有 5 件事项有了新进展：http://127.0.0.1:8000/notices/（16:03）"
    assert Notice.objects.count() == 8


def test_a_batch_at_once_leaves_three_and_holds_the_rest(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    for _n in range(20):
        town.tell("head")
    town.work()
    assert [row[2:] for row in town.rows()] == [("sent", 1)] * 3 + [("waiting", 17)]


def test_one_that_was_held_alone_still_says_what_it_is(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    for _n in range(4):
        matter = town.tell("head")
    town.work()
    town.work(NOW + 10 * MINUTE)
    assert f"编号 20261120-0007。http://127.0.0.1:8000/m/{matter}/" in town.texts()[-1]


def test_each_person_and_channel_is_counted_apart(town: Town) -> None:
    town.open("wecom", "dingtalk")
    for who, account in (("head", "zhang"), ("next", "wang")):
        town.reach(who, "wecom", account)
        town.reach(who, "dingtalk", account)
    for _n in range(3):
        town.tell("head", "next")
    town.work()
    assert [row[2] for row in town.rows()] == ["sent"] * 12


def test_a_flood_is_one_line_and_one_message_that_stand_for_many(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head", matters=[new_id() for _n in range(40)])
    town.work()
    assert list(Notice.objects.values_list("about", "count")) == [(None, 40)]
    assert town.texts() == ["有事项交给您办，共 40 件：http://127.0.0.1:8000/notices/（16:00）"]


def test_a_flood_of_danger_rings_once_and_says_how_many(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    town.open("voice")
    town.reach("head", "voice", "13900000009")
    town.tell("head", matters=[new_id(), new_id()], danger=True)
    town.work()
    assert town.texts("/voice") == ["【紧急】有事项交给您办，共 2 件。请马上打开巷里查看。"]
    assert "neutrally" not in caplog.text


def test_of_a_flood_that_is_not_public_only_the_number_leaves(town: Town) -> None:
    town.open("wecom", "voice")
    town.reach("head", "wecom", "zhang")
    town.reach("head", "voice", "13900000009")
    matters = [new_id(), new_id()]
    town.tell("head", matters=matters, visibility="private", danger=True)
    town.work()
    assert town.texts() == ["【紧急】您有 2 件事项有了新进展：http://127.0.0.1:8000/notices/（16:00）"]
    assert town.texts("/voice") == ["【紧急】有一件紧急事项，请马上打开巷里查看。"]


def test_in_a_flood_nobody_counts_what_is_about_them(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    matters = [new_id() for _n in range(3)]
    subjects = {matters[0]: {town.people["head"].pk}, matters[1]: {town.people["head"].pk}}
    monkeypatch.setattr(states, "_barred", [lambda about: {k: v for k, v in subjects.items() if k in about}])
    town.tell("head", "next", matters=matters)
    town.tell("head", matters=matters[:2])
    town.work()
    assert sorted(Notice.objects.values_list("user__display_name", "count")) == [("张巷长", 1), ("王巷长", 3)]


def test_a_flood_of_one_is_about_that_one(town: Town) -> None:
    matter = new_id()
    town.tell("head", matters=[matter])
    town.work()
    assert list(Notice.objects.values_list("about", "count")) == [(matter, 1)]


@pytest.mark.parametrize("people", [1, 12])
def test_telling_takes_the_same_statements_whatever_the_number(town: Town, people: int) -> None:
    town.open("wecom", "sms", "wecom_group")
    for n in range(people):
        who = f"p{n}"
        town.people[who] = _person(n)
        town.reach(who, "wecom", f"user{n}")
        town.reach(who, "sms", f"138000000{n:02}")
    names = [f"p{n}" for n in range(people)]
    for _n in range(5):
        town.tell(*names, kind="report_case")
    messages = list(OutboxMessage.objects.all())
    with CaptureQueriesContext(connection) as told:
        tasks.tell(messages, NOW)
    # what is known of them, seats, whom it is about, told before, told, channels, addresses, got lately, waiting for
    # a group, rows, wakers
    assert len(told) == 11
    again = [OutboxMessage(payload=message.payload) for message in messages]
    with CaptureQueriesContext(connection) as more:  # now some are held, and all of these join them
        tasks.tell(again, NOW + SECOND)
    assert len(more) == 11
    assert {row.count for row in Delivery.objects.filter(what="digest", user__isnull=False)} == {7}


def _person(n: int) -> User:
    return User.objects.create_user(display_name=f"乙{n}")


@pytest.mark.parametrize("people", [1, 12])
def test_sending_takes_the_same_statements_whatever_the_number(town: Town, people: int) -> None:
    town.open("wecom", "sms")
    for n in range(people):
        town.people[f"p{n}"] = _person(n)
        town.reach(f"p{n}", "wecom", "zhang")
        town.reach(f"p{n}", "sms", "13800000001" if n % 2 else "13811111111")
    town.tell(*(f"p{n}" for n in range(people)))
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    with CaptureQueriesContext(connection) as sent:
        actions.deliver(NOW)
    # of these, four begin and end the two short transactions
    assert len(sent) == 11


# -- groups


def test_a_group_gets_number_category_lane_and_link_and_nothing_else(town: Town) -> None:
    town.open("wecom_group", "ding_group")
    matter = town.tell("head", kind="report_case", facts=FACTS | {"words": "垃圾", "name": "王女士"})
    town.tell("head", kind="assign_case")
    town.work()
    assert town.texts("/webhook/send") == []
    town.work(NOW + MINUTE)
    expected = [f"20261120-0007 环境卫生 横北村 一巷 http://127.0.0.1:8000/m/{matter}/"]
    assert town.texts("/webhook/send") == expected
    assert town.texts("/robot/send") == expected


def test_a_group_is_spoken_to_once_a_minute_but_for_danger(town: Town) -> None:
    town.open("wecom_group")
    for n in range(30):
        town.tell("head", kind="report_case", now=NOW + n * SECOND)
        town.work(NOW + n * SECOND)
    town.tell("head", kind="assign_case", danger=True, now=NOW + 30 * SECOND)
    town.work(NOW + 30 * SECOND)
    assert len(town.texts("/webhook/send")) == 1
    town.work(NOW + MINUTE)
    assert town.texts("/webhook/send")[1] == "30 件事项有了新进展：http://127.0.0.1:8000/notices/（16:00）"


@pytest.mark.parametrize("visibility", ["private", "sealed"])
def test_what_is_not_public_never_goes_to_a_group(town: Town, visibility: str) -> None:
    town.open("wecom_group", "ding_group")
    town.tell("head", kind="report_case", visibility=visibility, danger=True)
    town.tell("head", kind="report_case", visibility=visibility, matters=[new_id(), new_id()])
    town.work()
    town.work(NOW + MINUTE)
    assert town.rows() == []


# -- words


def test_a_template_that_lacks_a_name_is_said_neutrally_and_told_in_the_log(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    states.register_templates({"return_case": _("{lane}的事项（{number}）退回来了：{link}")})
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    matter = town.tell("head", kind="return_case", facts={"number": "20261120-0007"})
    town.work()
    assert town.texts() == [f"有一件事项请您查看：http://127.0.0.1:8000/m/{matter}/（16:00）"]
    assert Delivery.objects.filter(state="sent", last_error="words").count() == 1
    assert "return_case" in caplog.text
    assert "0007" not in caplog.text
    town.tell("head", kind="return_case")
    town.work()
    assert town.texts()[1].startswith("横北村 一巷的事项（20261120-0007）退回来了：")


def test_a_template_may_not_name_what_there_is_not() -> None:
    with pytest.raises(ValueError, match="reporter"):
        states.register_templates({"x": "{reporter}说"})


def test_braces_in_a_lanes_name_are_only_braces(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head", facts=FACTS | {"lane": "{number} 巷 {0}"})
    town.work()
    assert "，{number} 巷 {0}，" in town.texts()[0]


# -- reporters


def reporter(town: Town, **more: Any) -> Delivery | None:
    given: dict[str, Any] = {
        "what": "close_case",
        "facts": FACTS,
        "about": new_id(),
        "danger": False,
        "now": NOW,
    }
    return actions.tell_reporter(county=town.place.county.pk, phone="13800000002", **(given | more))


def test_a_reporter_is_told_by_sms_and_the_number_is_gone_afterwards(town: Town) -> None:
    states.register_templates({"close_case": _("您反映的{category}已办结：{link}")}, reporter=True)
    town.open("sms")
    row = reporter(town)
    assert row is not None
    assert b"13800000002" not in bytes(Delivery.objects.get().address or b"")
    town.work()
    [body] = town.providers.sent("/sms")
    assert (body["phone"], body["content"]) == (
        "13800000002",
        "您反映的环境卫生已办结：http://127.0.0.1:8000/t/",
    )
    assert Delivery.objects.filter(state="sent", address=None).count() == 1


def test_where_the_county_sends_no_sms_no_number_is_kept(town: Town) -> None:
    town.open("wecom")
    assert reporter(town) is None
    assert not Delivery.objects.exists()


def test_a_reporter_of_what_is_not_public_is_told_only_if_they_asked_and_of_what_is_sealed_never(
    town: Town,
) -> None:
    states.register_templates({"close_case": _("您反映的{category}已办结：{link}")}, reporter=True)
    town.open("sms")
    assert reporter(town, visibility="private") is None
    assert reporter(town, visibility="sealed", asked=True) is None
    assert reporter(town, visibility="private", asked=True) is not None
    town.work()
    assert town.texts("/sms") == ["您反映的事项有了新进展，请凭查询码查看：http://127.0.0.1:8000/t/"]


def test_a_reporters_number_that_was_given_up_is_gone_too(town: Town) -> None:
    town.open("sms")
    town.providers.users.clear()
    reporter(town)
    town.work()
    row = Delivery.objects.get()
    assert (row.state, row.last_error, row.address) == ("dead", "unknown", None)


# -- failing


def test_what_fails_is_tried_again_with_longer_and_longer_waits_and_then_waits_for_a_person(
    town: Town,
) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.providers.fails["/cgi-bin/message/send"] = "500"
    town.tell("head")
    at, waits = NOW, []
    for attempt in range(1, ATTEMPTS + 1):
        town.work(at)
        row = Delivery.objects.get()
        assert row.attempts == attempt
        assert row.last_error == "broken"
        waits.append(row.not_before - at)
        at = row.not_before
        if attempt < ATTEMPTS:
            assert row.state == "waiting"
            town.work(at - SECOND)
            assert Delivery.objects.get().attempts == attempt
    assert Delivery.objects.get().state == "dead"
    assert len(town.providers.sent()) == ATTEMPTS
    assert waits[:-1] == sorted(waits[:-1])
    town.work(at + timedelta(days=1))
    assert len(town.providers.sent()) == ATTEMPTS


@pytest.mark.parametrize(
    ("breaks", "fault"),
    [
        (lambda town: town.reach("head", "wecom", "nobody"), Fault.UNKNOWN),
        (lambda town: Address.objects.all().delete(), Fault.NO_ADDRESS),
        (lambda town: Channel.objects.update(enabled=False), Fault.NO_CHANNEL),
        (lambda town: Channel.objects.update(settings=b"\x01\x01\x01scrambled......"), Fault.UNREADABLE),
        (lambda town: Address.objects.update(address=b""), Fault.UNREADABLE),
    ],
)
def test_what_trying_again_cannot_mend_waits_for_a_person_at_once(
    town: Town, breaks: Any, fault: Fault
) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    breaks(town)
    assert actions.deliver(NOW) == 1
    row = Delivery.objects.get()
    assert (row.state, row.last_error, row.attempts) == ("dead", fault, 1)


def test_wrong_credentials_are_mended_and_what_waited_goes_out(town: Town) -> None:
    town.open("wecom", secret="wrong")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    town.work()
    assert Delivery.objects.get().last_error == "credentials"
    town.open("wecom")
    town.work(NOW + 16 * SECOND)
    assert Delivery.objects.get().state == "sent"


def test_a_worker_killed_after_the_provider_took_it_sends_it_once_more_and_the_row_ends_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    with monkeypatch.context() as patch:
        patch.setattr(sending, "_write", _killed)
        with pytest.raises(KeyboardInterrupt):
            actions.deliver(NOW)
    assert len(town.providers.sent()) == 1
    assert actions.deliver(NOW + sending.LEASE - SECOND) == 0  # another worker leaves it alone
    # The errand itself comes back later than the lease ends.
    town.work(NOW + timedelta(minutes=2))
    assert len(town.providers.sent()) == 2
    assert town.rows() == [("wecom", "张巷长", "sent", 1)]
    town.work(NOW + timedelta(minutes=10))
    assert len(town.providers.sent()) == 2


def _killed(*_args: object, **_more: object) -> None:
    raise KeyboardInterrupt


def test_whose_turn_did_not_come_loses_no_attempt(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    OutboxMessage.objects.all().delete()
    with monkeypatch.context() as patch:
        patch.setattr(providers_sending, "ROUND", -1.0)
        actions.deliver(NOW)
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.last_error) == ("waiting", 0, "")
    town.work()
    assert Delivery.objects.get().state == "sent"


def test_what_nobody_was_woken_for_goes_out_all_the_same(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    tasks.tell(list(OutboxMessage.objects.all()), NOW)
    OutboxMessage.objects.all().delete()
    assert tasks.deliver_left_over(NOW) == 1
    assert Delivery.objects.get().state == "sent"


def test_a_full_round_calls_for_the_next(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ROUND", 2)
    town.open("wecom")
    for n in range(5):
        town.people[f"p{n}"] = _person(n)
        town.reach(f"p{n}", "wecom", "zhang")
    town.tell(*(f"p{n}" for n in range(5)))
    town.work()
    assert [row[2] for row in town.rows()] == ["sent"] * 5


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_provider_is_asked(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def spy(batches: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return send_all(batches)

    monkeypatch.setattr(sending, "send_all", spy)
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    town.work()
    assert seen == [False]
    assert Delivery.objects.get().state == DeliveryState.SENT


def test_the_log_tells_how_many_and_why_and_nobodys_name(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    town.open("wecom", "sms")
    town.reach("head", "wecom", "nobody")
    town.reach("head", "sms", "13811111111")
    reporter(town, facts=FACTS)
    town.tell("head")
    town.work()
    assert "could not be delivered: unknown" in caplog.text
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("django.db")
    )
    for word in ("nobody", "13811111111", "13800000002", "张巷长", "一巷", "0007", "corp-secret"):
        assert word not in ours, word


def test_old_messages_are_forgotten_and_what_waits_stays(town: Town) -> None:
    town.open("wecom")
    town.reach("head", "wecom", "zhang")
    town.tell("head")
    town.work()
    Delivery.objects.create(
        county=town.place.county, kind="sms", what="x", state="dead", made_at=NOW, not_before=NOW
    )
    assert actions.forget_old(NOW + timedelta(days=30)) == 0
    assert actions.forget_old(NOW + timedelta(days=30, seconds=1)) == 1
    assert actions.forget_old(NOW + timedelta(days=180, seconds=1)) == 2  # the notice, and what was given up
