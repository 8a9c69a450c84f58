"""WeCom: messages of the county's own application to a person, and the robot of a group."""

from __future__ import annotations

from functools import partial
from typing import Final

import httpx

from xiangli.notices.channels.tokens import Tokens
from xiangli.notices.channels.web import Line, Message, Undelivered, ask, judge
from xiangli.notices.states import Fault

BASE: Final = "https://qyapi.weixin.qq.com"  # a government's own WeCom has another

_STALE: Final = frozenset({40014, 42001})
_FAULTS: Final = {
    -1: Fault.BUSY,
    40001: Fault.CREDENTIALS,  # secret
    40003: Fault.UNKNOWN,  # a user that is none
    40013: Fault.CREDENTIALS,  # corp id
    40056: Fault.CREDENTIALS,  # agent id
    40058: Fault.CREDENTIALS,  # a parameter: what differs between counties is the settings
    41001: Fault.CREDENTIALS,
    45009: Fault.BUSY,
    45033: Fault.BUSY,
    48002: Fault.CREDENTIALS,  # no right to the interface
    60011: Fault.CREDENTIALS,
    60020: Fault.CREDENTIALS,  # this machine's address is not on the application's list
    60111: Fault.UNKNOWN,
    81013: Fault.UNKNOWN,  # nobody of whom the message is for may get it
    82001: Fault.UNKNOWN,
    93000: Fault.CREDENTIALS,  # a robot's key
    301002: Fault.CREDENTIALS,
}


class WeCom:
    """Application messages (message/send)."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings, self._web = line.settings, web
        self._tokens = Tokens(line, self._fetch)

    async def _fetch(self) -> dict[str, object]:
        given = {"corpid": self._settings["corp_id"], "corpsecret": self._settings["secret"]}
        answer = await ask(self._web, "GET", f"{self._settings['base']}/cgi-bin/gettoken", params=given)
        judge(answer.get("errcode"), stale=(), faults=_FAULTS)
        return answer

    async def send(self, message: Message) -> None:
        await self._tokens.use(partial(self._send, message))

    async def _send(self, message: Message, token: str) -> None:
        answer = await ask(
            self._web,
            "POST",
            f"{self._settings['base']}/cgi-bin/message/send",
            params={"access_token": token},
            json={
                "touser": message.to,
                "msgtype": "text",
                "agentid": self._settings["agent_id"],
                "text": {"content": message.text},
                # What a killed worker sent, and sends again, arrives once.
                "enable_duplicate_check": 1,
                "duplicate_check_interval": 1800,  # seconds
            },
        )
        judge(answer.get("errcode"), stale=_STALE, faults=_FAULTS)
        if answer.get("invaliduser") or answer.get("unlicenseduser"):
            raise Undelivered(Fault.UNKNOWN)


class WeComGroup:
    """A group's robot."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings, self._web = line.settings, web

    async def send(self, message: Message) -> None:
        answer = await ask(
            self._web,
            "POST",
            f"{self._settings['base']}/cgi-bin/webhook/send",
            params={"key": self._settings["key"]},
            json={"msgtype": "text", "text": {"content": message.text}},
        )
        judge(answer.get("errcode"), stale=(), faults=_FAULTS)
