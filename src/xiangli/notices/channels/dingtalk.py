"""DingTalk: work notifications of the county's own application to a person, and the robot of a group."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from functools import partial
from typing import Final

import httpx

from xiangli.notices.channels.tokens import Tokens
from xiangli.notices.channels.web import Line, Message, ask, judge
from xiangli.notices.states import Fault

BASE: Final = "https://oapi.dingtalk.com"

_STALE: Final = frozenset({40014, 42001})
_FAULTS: Final = {
    -1: Fault.BUSY,
    88: Fault.CREDENTIALS,  # a missing right, told in words
    33012: Fault.UNKNOWN,  # a user that is none
    40003: Fault.UNKNOWN,
    40035: Fault.CREDENTIALS,
    40068: Fault.CREDENTIALS,  # app key
    40089: Fault.CREDENTIALS,  # app secret
    90002: Fault.BUSY,
    90018: Fault.BUSY,
    130101: Fault.BUSY,  # a robot more than 20 times a minute
    143103: Fault.BUSY,
    143104: Fault.BUSY,
    143105: Fault.BUSY,  # 500 to one person a day
    300001: Fault.CREDENTIALS,  # a robot's token
    310000: Fault.CREDENTIALS,  # its signature, its key words, its list of addresses
    400013: Fault.CREDENTIALS,
    1430000: Fault.UNKNOWN,
}
# Said of a message that went out before: DingTalk shows one person the same words once a day.
_ARRIVED: Final = frozenset({143106, 143206})


class DingTalk:
    """Work notifications (corpconversation/asyncsend_v2). DingTalk takes them and delivers later."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings, self._web = line.settings, web
        self._tokens = Tokens(line, self._fetch)

    async def _fetch(self) -> dict[str, object]:
        given = {"appkey": self._settings["app_key"], "appsecret": self._settings["app_secret"]}
        answer = await ask(self._web, "GET", f"{self._settings['base']}/gettoken", params=given)
        judge(answer.get("errcode"), stale=(), faults=_FAULTS)
        return answer

    async def send(self, message: Message) -> None:
        await self._tokens.use(partial(self._send, message))

    async def _send(self, message: Message, token: str) -> None:
        answer = await ask(
            self._web,
            "POST",
            f"{self._settings['base']}/topapi/message/corpconversation/asyncsend_v2",
            params={"access_token": token},
            json={
                "agent_id": self._settings["agent_id"],
                "userid_list": message.to,
                "msg": {"msgtype": "text", "text": {"content": message.text}},
            },
        )
        if answer.get("errcode") not in _ARRIVED:
            judge(answer.get("errcode"), stale=_STALE, faults=_FAULTS)


class DingGroup:
    """A group's robot, with or without its signature."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings, self._web = line.settings, web

    async def send(self, message: Message) -> None:
        asked = {"access_token": self._settings["token"]}
        if secret := self._settings["secret"]:
            stamp = str(time.time_ns() // 1_000_000)  # DingTalk compares it with its own clock, not with ours
            digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
            asked |= {"timestamp": stamp, "sign": base64.b64encode(digest).decode()}
        answer = await ask(
            self._web,
            "POST",
            f"{self._settings['base']}/robot/send",
            params=asked,
            json={"msgtype": "text", "text": {"content": message.text}},
        )
        judge(answer.get("errcode"), stale=(), faults=_FAULTS)
