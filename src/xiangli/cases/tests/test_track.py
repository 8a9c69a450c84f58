"""What the reporter's page says of each state, and what it offers until when; what a neighbour may leave."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import clock, timers
from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger import erase_payloads
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.matters.models import Matter, MeToo
from xiangli.matters.queries import open_text
from xiangli.notices.actions import open_channel

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)  # 14:00 in the county


@pytest.fixture
def place() -> Iterator[Place]:
    with clock.set_to(MONDAY):
        yield make_place()


def page(reported: Receipted, at: datetime = MONDAY, name: str = "cases:track") -> str:
    """The words of a page, without markup."""
    with clock.set_to(at):
        answer = Client().get(reverse(name, args=[reported.code]))
    assert answer.status_code == 200
    main = answer.content.decode().split("<main", 1)[1].split("</main>", 1)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def send(reported: Receipted, action: str, at: datetime = MONDAY, **data: Any) -> int:
    with clock.set_to(at):
        address = reverse("cases:track_act", args=[reported.code, action])
        return Client().post(address, {"act_id": str(new_id()), **data}).status_code


def do(place: Place, who: str, action: str, reported: Receipted, note: str = "", **more: Any) -> None:
    getattr(actions, action)(an_act(place.actor(who), reported, note), **more)


def pass_time(until: datetime) -> None:
    while (due := Due.objects.filter(at__lte=until).order_by("at").first()) is not None:
        with clock.set_to(due.at):
            timers.fire_once(due.at)


def closed(place: Place) -> Receipted:
    reported = make_report(place.lane, "traffic")
    do(place, "lane_head", "take_case", reported)
    do(place, "lane_head", "resolve_case", reported, "挪走了")
    do(place, "village_clerk", "close_case", reported, "已经挪走，谢谢")
    return reported


def test_at_each_level_it_says_who_has_it_and_that_it_is_late(place: Place) -> None:
    reported = make_report(place.lane)
    said = page(reported)
    assert "已经交给街巷长，正等着接单。最迟" in said
    assert "现在在 一巷 街巷长 张巷长 手里" in said
    assert "上一级已经介入" not in said
    seen = []
    for hour in range(12, 240, 12):
        at = MONDAY + timedelta(hours=hour, minutes=1)
        pass_time(at)
        said = page(reported, at)
        (holder,) = re.findall(r"现在在 (\S+) \S+ (\S+) 手里", said)
        if holder not in seen:
            seen.append(holder)
        top = Matter.objects.get(pk=reported.matter.pk).alarm == "top"
        assert ("县里正指定专人答复" if top else "已经超时，上一级已经介入") in said
        assert "最迟" not in said.split("办理经过")[0]  # a promise that is broken is not repeated
    assert seen == [
        ("一巷", "张巷长"),
        ("第一网格", "王网格"),
        ("庙上村", "赵主任"),
        ("横水镇", "周值班"),
        ("绛县", "吴值班"),
    ]
    assert said.count("超时，上一级已介入") >= 1
    assert said.count("超时，转到上一级办理") == 4


def test_what_waits_says_until_when_and_why(place: Place) -> None:
    reported = make_report(place.lane)
    do(place, "lane_head", "take_case", reported)
    do(place, "grid_head", "suspend_case", reported, "等配件到货", days=5)
    said = page(reported)
    head = said.split("办理经过")[0]
    assert "这件事要等一等，最迟 11月" in head
    assert "接着办。" in head
    assert "为什么要等 等配件到货" in head
    assert "挂起 5 天" in said
    after = MONDAY + timedelta(days=9)
    pass_time(after)
    said = page(reported, after)
    assert "街巷长正在处理" in said
    assert "为什么要等" not in said
    assert "挂起到期" in said


def test_what_was_declined_says_why_where_to_go_and_how_to_object(place: Place) -> None:
    reported = make_report(place.lane, "services")
    do(
        place,
        "village_clerk",
        "decline_case",
        reported,
        "这项业务由窗口办理",
        where="县政务大厅，电话 0359-0000000",
    )
    # it lay in the lane's seat, and the village declined it: the town looks again
    head = page(reported).split("办理经过")[0]
    assert "这件事不在这里受理。" in head
    assert "理由 这项业务由窗口办理" in head
    assert "可以去哪里办 县政务大厅，电话 0359-0000000" in head
    assert "不同意，请上一级再看" in head
    assert "前可以提出。" in head
    late = MONDAY + timedelta(days=9)
    assert "不同意" not in page(reported, late)
    assert send(reported, "reopen_case", late, note="还是想办") == 409
    assert send(reported, "reopen_case", note="窗口让我回村里") == 302
    said = page(reported)
    assert "已经收到，由乡镇（街道）综治中心安排办理。" in said
    assert "窗口让我回村里" in said
    assert "可以去哪里办 县" not in said.split("办理经过")[0]


def test_what_was_merged_says_into_which_and_how_that_one_stands(place: Place) -> None:
    first = make_report(place.lane, "traffic")
    second = make_report(place.lane, "traffic", contact_phone="13800000002")
    third = make_report(place.lane, "traffic", words="还是那辆车")
    numbers = {row.pk: row.number for row in Matter.objects.all()}
    do(place, "village_clerk", "merge_case", third, number=numbers[second.matter.pk])
    do(place, "village_clerk", "merge_case", second, number=numbers[first.matter.pk])
    for reported in (second, third):
        said = page(reported)
        assert f"和编号 {numbers[first.matter.pk]} 是同一件事" in said
        assert "那件现在“待处理”" in said
    assert "那件办好了，也会告诉您" in page(second)
    assert "也会告诉您" not in page(third)
    do(place, "lane_head", "take_case", first)
    do(place, "lane_head", "resolve_case", first, "挪走了")
    do(place, "village_clerk", "close_case", first, "已经挪走")
    said = page(second)
    assert "那件现在“已办结”" in said
    assert "那件已经有结果" in said
    assert "挪走了" not in said  # the words of the other are its own reporter's


def test_after_closing_there_are_days_and_then_silence_is_said(place: Place) -> None:
    reported = closed(place)
    said = page(reported)
    assert "已经办结。没解决的话，" in said
    assert "前可以要求重办。" in said
    assert "解决了吗？" in said
    late = MONDAY + timedelta(days=9)
    said = page(reported, late)
    assert "已办结，未确认" in said
    assert "请扫公示牌重新反映" in said
    assert "解决了吗？" not in said
    assert "要求重办" not in said
    assert "评价一下" in said
    assert send(reported, "confirm_case", late) == 409
    assert send(reported, "confirm_case") == 302
    said = page(reported, late)
    assert "您确认过已经解决" in said
    assert "未确认" not in said


def test_a_nudge_is_offered_once_a_day(place: Place) -> None:
    reported = make_report(place.lane)
    assert "催办" in page(reported).split("办理经过")[0]
    assert send(reported, "nudge_case") == 302
    said = page(reported)
    assert "今天已经催过" in said
    assert "催办" not in said.split("办理经过")[0]
    assert "催办" in said.split("办理经过")[1]
    assert send(reported, "nudge_case") == 409
    tomorrow = MONDAY + timedelta(hours=11)  # after midnight in the county
    assert "催办" in page(reported, tomorrow).split("办理经过")[0]
    assert send(reported, "nudge_case", tomorrow) == 302
    assert "催" not in page(closed(place)).split("办理经过")[0]


def test_what_colleagues_write_to_each_other_is_not_read_by_the_reporter(place: Place) -> None:
    add_organ(place)
    reported = make_report(place.lane)
    organ = place.actor("organ_desk").held[0]
    do(place, "lane_head", "take_case", reported)
    do(place, "lane_head", "ask_extension", reported, "人手不够", days=2)
    do(place, "grid_head", "decide_extension", reported, "下不为例", approved=True)
    do(place, "village_clerk", "supervise_case", reported, "抓紧，别拖")
    do(
        place,
        "village_clerk",
        "handle_together",
        reported,
        "去关一下阀门",
        unit_id=organ.unit_id,
        post_id=organ.post_id,
    )
    do(place, "lane_head", "return_case", reported, "我修不了")
    said = page(reported)
    for reason in ("人手不够", "下不为例", "抓紧，别拖", "去关一下阀门", "我修不了"):
        assert reason not in said
    assert "同意延期 2 天" in said
    assert "督办" in said
    assert "协同" in said


def test_words_that_were_erased_leave_the_page_whole(place: Place) -> None:
    reported = make_report(place.lane)
    do(place, "lane_head", "take_case", reported)
    do(place, "grid_head", "suspend_case", reported, "等配件到货", days=5)
    event = LedgerEvent.objects.get(kind="suspend_case")
    erase_payloads([event.pk], scope=place.county.pk, reason="test", now=MONDAY)
    head = page(reported).split("办理经过")[0]
    assert "这件事要等一等，最迟" in head
    assert "配件" not in head


def test_the_receipt_says_the_same_sentence(place: Place) -> None:
    reported = make_report(place.lane)
    assert "已经交给街巷长，正等着接单。最迟" in page(reported, name="cases:receipt")
    do(place, "lane_head", "take_case", reported)
    do(place, "grid_head", "suspend_case", reported, "等配件到货", days=5)
    assert "这件事要等一等，最迟" in page(reported, name="cases:receipt")


# -- a neighbour


def me_too(place: Place, reported: Receipted, **data: str) -> Any:
    address = reverse("cases:me_too", args=[place.lane.plate_code, reported.matter.pk])
    return Client().post(address, {"client_id": str(new_id()), **data})


def send_texts(place: Place) -> None:
    gateway = {
        "url": "https://sms.example.org/send",
        "body": {"to": "{to}", "text": "{text}"},
        "code": "code",
        "good": ["0"],
    }
    open_channel(county=place.county.pk, kind="sms", settings=gateway, now=MONDAY)


def test_a_neighbour_may_leave_a_number_where_the_county_sends_texts(place: Place) -> None:
    reported = make_report(place.lane, "traffic")
    plate = reverse("cases:plate", args=[place.lane.plate_code])
    # nobody is promised a message that no channel brings
    assert "留个电话" not in Client().get(plate).content.decode()
    send_texts(place)
    assert "留个电话" in Client().get(plate).content.decode()
    assert me_too(place, reported, phone="138 0000 0003").status_code == 302
    kept = MeToo.objects.get()
    assert kept.contact is not None
    assert b"13800000003" not in bytes(kept.contact)
    matter = Matter.objects.get(pk=reported.matter.pk)
    assert json.loads(open_text(matter, "contact", bytes(kept.contact)))["phone"] == "13800000003"
    assert me_too(place, reported).status_code == 302
    assert MeToo.objects.filter(contact=None).count() == 1


def test_a_number_that_is_none_comes_back_as_typed_and_counts_nobody(place: Place) -> None:
    reported = make_report(place.lane, "traffic")
    other = make_report(place.lane, "traffic")
    send_texts(place)
    answer = me_too(place, reported, phone="一三八")
    assert answer.status_code == 400
    said = answer.content.decode()
    assert 'value="一三八"' in said
    assert said.count("电话号码只能是数字") == 1
    assert not MeToo.objects.exists()
    assert Matter.objects.get(pk=other.matter.pk).me_too == 0


def test_neighbours_see_what_is_still_open_in_its_new_state_and_nothing_that_is_over(place: Place) -> None:
    waits = make_report(place.lane, "traffic")
    do(place, "lane_head", "take_case", waits)
    do(place, "grid_head", "suspend_case", waits, "等产权人签字", days=5)
    first, second = make_report(place.lane, "greening"), make_report(place.lane, "greening")
    number = Matter.objects.get(pk=first.matter.pk).number
    do(place, "village_clerk", "merge_case", second, number=number)
    gone = make_report(place.lane, "facilities")
    do(place, "village_clerk", "decline_case", gone, "不归这里管", where="县里窗口")
    said = Client().get(reverse("cases:plate", args=[place.lane.plate_code])).content.decode()
    assert said.count("我也遇到") == 2
    assert "挂起" in said
    assert "另有 1 人反映" in said
    for secret in ("等产权人签字", "不归这里管", "不予受理", "已合并"):
        assert secret not in said
