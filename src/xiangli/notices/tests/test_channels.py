"""What the providers are asked, what their answers mean, and what is done with one that fails."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.notices.channels import (
    PROVIDERS,
    Batch,
    Line,
    Message,
    check_settings,
    fields_of,
    send_all,
    sending,
)
from xiangli.notices.channels.gateway import filled
from xiangli.notices.states import ChannelKind, Fault
from xiangli.notices.tests import providers as fakes
from xiangli.notices.tests.providers import Providers

TO = {
    "wecom": "zhang", "dingtalk": "wang", "sms": "13800000001", "voice": "13900000009", "email": "wang@example.cn",
    "wecom_group": "", "ding_group": "",
}  # fmt: skip
SENDS = {
    "wecom": "/cgi-bin/message/send",
    "dingtalk": "/topapi/message/corpconversation/asyncsend_v2",
    "sms": "/sms",
    "voice": "/voice",
    "wecom_group": "/cgi-bin/webhook/send",
    "ding_group": "/robot/send",
}
BY_HTTP = sorted(SENDS)
TEXT = "有事项交给您办：环境卫生，庙上村 二巷，编号 20261122-0007。（14:20）"
PLACES = {"number": "20261122-0007", "category": "环境卫生", "lane": "庙上村 二巷", "says": "有事项交给您办"}


def line(providers: Providers, kind: str, **changes: Any) -> Line:
    settings = check_settings(kind, providers.settings(kind) | changes)
    return Line(new_id(), ChannelKind(kind), settings, str(new_id()))


def message(kind: str, to: str | None = None) -> Message:
    return Message(new_id(), TO[kind] if to is None else to, TEXT, PLACES)


def send(given: Line, *messages: Message, urgent: bool = False) -> list[Fault | None]:
    ends = send_all([Batch(given, messages, urgent)])
    return [ends[one.id] for one in messages]


@pytest.mark.parametrize("kind", [*BY_HTTP, "email"])
def test_a_message_is_taken(providers: Providers, kind: str) -> None:
    assert send(line(providers, kind), message(kind)) == [None]
    if kind == "email":
        [letter] = mail.outbox
        assert (letter.subject, letter.body, letter.to) == ("有事项交给您办", TEXT, ["wang@example.cn"])
        return
    [body] = providers.sent(SENDS[kind])
    assert TEXT in json.dumps(body, ensure_ascii=False)
    if kind in ("sms", "voice"):
        assert body == {"phone": TO[kind], "content": TEXT, "vars": ["20261122-0007", "环境卫生"]}


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
def test_a_token_is_asked_for_once_and_again_when_it_is_no_longer_taken(
    providers: Providers, kind: str
) -> None:
    given = line(providers, kind)
    assert send(given, *(message(kind) for _n in range(20))) == [None] * 20
    assert send(given, message(kind)) == [None]
    assert providers.tokens == 1
    providers.tokens = 7  # the provider has another good one by now
    assert send(given, *(message(kind) for _n in range(20))) == [None] * 20
    assert providers.tokens == 8


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
def test_a_provider_that_takes_no_token_of_its_own_is_not_asked_for_ever(
    providers: Providers, kind: str
) -> None:
    providers.fails[SENDS[kind]] = {"errcode": 42001, "errmsg": "expired"}
    assert send(line(providers, kind), message(kind)) == [Fault.CREDENTIALS]
    assert len(providers.sent()) == 2


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "sms", "voice"])
def test_an_address_that_the_provider_does_not_know_is_permanent(providers: Providers, kind: str) -> None:
    ends = send(line(providers, kind), message(kind), message(kind, "nobody"))
    assert ends == [None, Fault.UNKNOWN]
    assert Fault.UNKNOWN.permanent


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("wecom", {"secret": "wrong"}),
        ("dingtalk", {"app_secret": "wrong"}),
        ("wecom_group", {"key": "wrong"}),
        ("ding_group", {"secret": "wrong"}),
        ("ding_group", {"secret": ""}),
        ("sms", {"headers": {"Authorization": "wrong"}}),
        ("voice", {"headers": {}}),
    ],
)
def test_wrong_credentials_are_said_so_and_may_be_mended(
    providers: Providers, kind: str, changes: dict[str, Any]
) -> None:
    assert send(line(providers, kind, **changes), message(kind)) == [Fault.CREDENTIALS]
    assert not Fault.CREDENTIALS.permanent


@pytest.mark.parametrize("kind", BY_HTTP)
@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("html", Fault.NONSENSE),
        ("list", Fault.NONSENSE),
        ({"errcode": "ok"}, Fault.NONSENSE),
        ({}, Fault.NONSENSE),
        ("moved", Fault.NONSENSE),
        ("cut", Fault.NONSENSE),
        ("endless", Fault.NONSENSE),
        ("500", Fault.BROKEN),
        ("429", Fault.BUSY),
        ("403", Fault.CREDENTIALS),
        ({"errcode": 4711, "data": {"status": "E9"}}, Fault.REFUSED),
    ],
)
def test_an_answer_that_is_none_is_a_fault_of_ours_and_tried_again(
    providers: Providers, kind: str, how: Any, fault: Fault
) -> None:
    providers.fails[SENDS[kind]] = how
    assert send(line(providers, kind), message(kind)) == [fault]
    assert not fault.permanent


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
@pytest.mark.parametrize(
    "how", ["html", "list", {"errcode": 0}, {"errcode": 0, "access_token": 5, "expires_in": "x"}]
)
def test_a_token_that_is_none_is_nonsense(providers: Providers, kind: str, how: Any) -> None:
    providers.fails["/cgi-bin/gettoken"] = providers.fails["/gettoken"] = how
    assert send(line(providers, kind), message(kind)) == [Fault.NONSENSE]


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
def test_a_limit_of_the_provider_is_waited_out(providers: Providers, kind: str) -> None:
    providers.fails[SENDS[kind]] = {"errcode": 45009 if kind == "wecom" else 90018}
    assert send(line(providers, kind), message(kind)) == [Fault.BUSY]


def test_what_dingtalk_has_shown_already_has_arrived(providers: Providers) -> None:
    """A worker was killed after it sent: the same words to the same person are refused, because they are there."""
    providers.fails[SENDS["dingtalk"]] = {"errcode": 143106}
    assert send(line(providers, "dingtalk"), message("dingtalk")) == [None]


def test_a_user_whom_wecom_leaves_out_did_not_get_it(providers: Providers) -> None:
    providers.fails[SENDS["wecom"]] = {"errcode": 0, "invaliduser": "zhang"}
    assert send(line(providers, "wecom"), message("wecom")) == [Fault.UNKNOWN]


# -- a provider that hangs


@pytest.mark.parametrize("how", ["hang", "drip"])
@pytest.mark.parametrize("kind", BY_HTTP)
def test_a_provider_that_hangs_is_left_after_its_time(
    providers: Providers, kind: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WHOLE", 0.3)
    providers.fails[SENDS[kind]] = how
    began = time.monotonic()
    assert send(line(providers, kind), message(kind)) == [Fault.NO_ANSWER]
    assert time.monotonic() - began < 1.5


def test_a_hanging_provider_costs_its_time_once_and_holds_up_no_other(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WHOLE", 1.5)
    providers.fails["/sms"] = "hang"
    slow, well = line(providers, "sms"), line(providers, "wecom")
    many = [message("sms") for _n in range(50)]
    other = message("wecom")
    began = time.monotonic()
    ends = send_all([Batch(slow, many), Batch(well, [other])])
    assert time.monotonic() - began < 3  # not 50 / AT_ONCE times as long
    assert ends[other.id] is None
    assert {ends[one.id] for one in many} == {Fault.NO_ANSWER}
    assert len(providers.sent("/sms")) == sending.AT_ONCE
    # For a minute it is not asked again, but for danger.
    began = time.monotonic()
    assert send(slow, message("sms")) == [Fault.NO_ANSWER]
    assert time.monotonic() - began < 1
    assert len(providers.sent("/sms")) == sending.AT_ONCE
    providers.fails.clear()
    assert send(slow, message("sms"), urgent=True) == [None]
    assert send(slow, message("sms")) == [None]  # it speaks again


def test_a_provider_that_is_not_there_is_silent(providers: Providers) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert send(line(providers, "wecom", base=nowhere), message("wecom")) == [Fault.NO_ANSWER]


def test_whose_turn_did_not_come_is_left_out(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ROUND", -1.0)
    given = message("wecom")
    assert send_all([Batch(line(providers, "wecom"), [given])]) == {}


def test_it_may_be_called_where_a_loop_runs(providers: Providers) -> None:
    import asyncio

    async def inside() -> list[Fault | None]:
        return send(line(providers, "wecom"), message("wecom"))

    assert asyncio.run(inside()) == [None]


# -- mail servers


@contextmanager
def mail_server(*replies: bytes, answers: bool = True) -> Iterator[int]:
    """Talks like a mail server: `replies` in turn to what it is told; then, or at once, it says no more."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def talk() -> None:
        try:
            peer, _address = listener.accept()
        except OSError:
            return
        with peer:
            for number, reply in enumerate(replies):
                if number:
                    peer.recv(4096)
                peer.sendall(reply)
            if answers:
                return
            over.wait(10)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("replies", "fault"),
    [
        (
            (b"220 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"550 no such user\r\n", b"250 ok\r\n"),
            Fault.UNKNOWN,
        ),
        ((b"220 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"451 later\r\n", b"250 ok\r\n"), Fault.BUSY),
        ((b"220 ok\r\n", b"250 ok\r\n", b"553 not you\r\n", b"250 ok\r\n"), Fault.CREDENTIALS),
        ((b"554 go away\r\n",), Fault.REFUSED),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), Fault.NONSENSE),
        ((b"220 ok\r\n",), Fault.NO_ANSWER),
    ],
)
def test_what_a_mail_server_says(
    providers: Providers, replies: tuple[bytes, ...], fault: Fault, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server(*replies) as port:
        assert send(line(providers, "email", port=port), message("email")) == [fault]


def test_a_mail_server_that_hangs_is_left(
    providers: Providers, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    monkeypatch.setattr("xiangli.notices.channels.mail.WAITS", 0.3)
    with mail_server(answers=False) as port:
        began = time.monotonic()
        assert send(line(providers, "email", port=port), message("email")) == [Fault.NO_ANSWER]
        assert time.monotonic() - began < 2


# -- the log


def test_neither_secret_nor_address_nor_word_stands_in_the_log(
    providers: Providers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WHOLE", 0.3)
    caplog.set_level(logging.DEBUG)
    for how in (None, "hang", "html", "cut", {"errcode": 4711, "errmsg": "13800000001 张巷长"}):
        for kind in [*BY_HTTP, "email"]:
            providers.fails = {SENDS[kind]: how} if kind in SENDS and how else {}
            send(line(providers, kind), message(kind), message(kind, "nobody"))
    secrets = [fakes.SECRET, fakes.APP_SECRET, fakes.ROBOT_KEY, fakes.ROBOT_SECRET, "gate-4410", "token-"]
    for word in (*secrets, "13800000001", "张巷长", "二巷", "wang@example.cn"):
        assert word not in caplog.text, word


def test_the_settings_silence_the_library_that_logs_addresses() -> None:
    from django.conf import settings

    assert settings.LOGGING["loggers"]["httpx"]["level"] == "WARNING"


# -- settings


def test_every_kind_of_channel_has_a_provider_and_settings() -> None:
    assert set(PROVIDERS) == {kind.value for kind in ChannelKind}
    assert all(fields_of(kind) for kind in ChannelKind)


@pytest.mark.parametrize("kind", [kind.value for kind in ChannelKind])
def test_settings_that_lack_something_are_refused_without_quoting_a_value(
    providers: Providers, kind: str
) -> None:
    whole = providers.settings(kind)
    assert check_settings(kind, whole)
    for field in fields_of(kind):
        if field.default is None:
            with pytest.raises(Refused, match=field.name) as refused:
                check_settings(kind, {name: value for name, value in whole.items() if name != field.name})
            assert fakes.SECRET not in str(refused.value)
    with pytest.raises(Refused, match="colour"):
        check_settings(kind, whole | {"colour": "teal"})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("wecom", {"agent_id": "first"}),
        ("wecom", {"base": "http://example.cn"}),
        ("wecom", {"base": "ftp://example.cn"}),
        ("sms", {"url": "http://10.0.0.1/sms"}),
        ("sms", {"body": {"content": "{text}"}}),
        ("sms", {"good": "OK"}),
        ("email", {"security": "ssl"}),
        ("email", {"port": True}),
    ],
)
def test_settings_that_cannot_work_are_refused(
    providers: Providers, kind: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(kind, providers.settings(kind) | changes)
    assert refused.value.code == "channel_settings"


@given(st.text(), st.text())
def test_what_is_filled_in_is_not_read_again(to: str, text: str) -> None:
    places = {"to": to, "text": text}
    assert filled({"a": ["{to}", "{text}!"], "b": 5}, places) == {"a": [to, text + "!"], "b": 5}


def test_braces_that_name_nothing_stay(providers: Providers) -> None:
    assert filled("{ {to} {}", {"to": "x"}) == "{ x {}"
    assert filled("{lane}|{to}", {"to": "x"}) == "|x"
