"""`xiangli channel` and `xiangli address`, as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from xiangli.accounts.models import User
from xiangli.config import doctor
from xiangli.config.commands import address, channel
from xiangli.config.doctor.inside import _dead_letters as dead_letters
from xiangli.notices.channels import sending, tokens
from xiangli.notices.models import Address, Channel, Delivery
from xiangli.notices.queries import line_of, open_address
from xiangli.notices.tests.providers import SECRET, Providers, running
from xiangli.territory.tests.factories import Small, make_county

pytestmark = pytest.mark.django_db(transaction=True)

COUNTY = ("--county", "140826")


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "zh")


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    monkeypatch.setattr(tokens, "_kept", {})
    monkeypatch.setattr(sending, "_silent_until", {})
    with running() as found:
        yield found


@pytest.fixture
def place() -> Small:
    return make_county()


def typed(command: object, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(command, words, input=given)  # type: ignore[arg-type]  # a click command


def test_a_channel_is_opened_from_standard_input_and_tried(providers: Providers, place: Small) -> None:
    settings = json.dumps(providers.settings("wecom"))
    done = typed(channel.command, "set", "wecom", *COUNTY, given=settings)
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    row = Channel.objects.get()
    assert (row.county, row.kind, row.enabled) == (place.county, "wecom", True)
    assert line_of(row).settings["secret"] == SECRET
    assert SECRET.encode() not in bytes(row.settings)

    User.objects.create_user(display_name="张三", username="zhangsan")
    done = typed(channel.command, "test", "wecom", *COUNTY, "--to", "zhangsan")
    assert done.exit_code == 1
    assert "没有登记" in done.output
    done = typed(address.command, "zhangsan", "wecom", given="zhang\n")
    assert done.exit_code == 0, done.output
    assert "z***" in done.output
    done = typed(channel.command, "test", "wecom", *COUNTY, "--to", "zhangsan")
    assert done.exit_code == 0, done.output
    [sent] = providers.sent()
    assert sent["touser"] == "zhang"
    assert "测试消息" in sent["text"]["content"]
    assert not Delivery.objects.exists()

    done = typed(channel.command, "list")
    assert "140826 绛县  wecom  开通" in done.output
    assert typed(channel.command, "close", "wecom", *COUNTY).exit_code == 0
    assert "已关闭" in typed(channel.command, "list").output
    assert typed(channel.command, "close", "wecom", *COUNTY).exit_code == 1


def test_a_group_is_tried_without_a_person(providers: Providers, place: Small) -> None:
    typed(channel.command, "set", "ding_group", *COUNTY, given=json.dumps(providers.settings("ding_group")))
    assert typed(channel.command, "test", "ding_group", *COUNTY).exit_code == 0
    providers.fails["/robot/send"] = "500"
    done = typed(channel.command, "test", "ding_group", *COUNTY)
    assert done.exit_code == 1
    assert "对方的服务出了故障" in done.output


@pytest.mark.parametrize(
    ("words", "given", "says"),
    [
        (("set", "pigeon", *COUNTY), "{}", "没有通道 pigeon"),
        (("set", "wecom", "--county", "999999"), "{}", "没有代码为 999999 的县"),
        (("set", "wecom", *COUNTY), "secret-4711", "不是 JSON"),
        (("set", "wecom", *COUNTY), "[1]", "一个 JSON 对象"),
        (("set", "wecom", *COUNTY), '{"secret": "secret-4711"}', "还缺设置 corp_id"),
        (("set", "wecom", *COUNTY), '{"corp_id": "x", "agent_id": "secret-4711", "secret": "x"}', "agent_id"),
        (("test", "wecom", *COUNTY), "", "--to"),
        (("test", "wecom", *COUNTY, "--to", "nobody"), "", "没有找到"),
    ],
)
def test_what_cannot_be_is_refused_in_words_that_quote_no_secret(
    place: Small, words: tuple[str, ...], given: str, says: str
) -> None:
    done = typed(channel.command, *words, given=given)
    assert done.exit_code != 0
    assert says in done.output
    assert "secret-4711" not in done.output
    assert not Channel.objects.exists()


def test_an_address_is_checked_replaced_and_deleted(place: Small) -> None:
    user = User.objects.create_user(display_name="张三", username="zhangsan")
    wrong = typed(address.command, "zhangsan", "sms", given="12345\n")
    assert wrong.exit_code == 1
    assert "11 位" in wrong.output
    for number in ("13800001234", "138 0000 5678"):
        assert typed(address.command, "张三", "sms", given=number + "\n").exit_code == 0
    row = Address.objects.get(user=user)
    assert open_address(row) == "13800005678"
    assert "已删去" in typed(address.command, "zhangsan", "sms", "--forget").output
    assert "没有登记" in typed(address.command, "zhangsan", "sms", "--forget").output
    assert typed(address.command, "zhangsan", "wecom_group", given="x\n").exit_code == 1


def test_the_doctor_tells_what_was_not_delivered(place: Small) -> None:
    [fine] = dead_letters()
    assert fine.level is doctor.Level.OK
    now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    Delivery.objects.create(
        county=place.county, kind="sms", what="x", state="dead", made_at=now, not_before=now
    )
    [found] = dead_letters()
    assert (found.level, found.found) == (doctor.Level.WARN, "绛县 sms 1")
    assert "/deliveries/" in found.mend
