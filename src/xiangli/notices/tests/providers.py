"""The providers' APIs on loopback: what they ask for, and the ways in which they fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CORP, SECRET = "ww-corp", "corp-secret-2f81"
APP_KEY, APP_SECRET = "ding-key", "ding-secret-77c0"
ROBOT_KEY, ROBOT_SECRET = "robot-key-9d3e", "SEC-robot-51b2"
GATE = "Bearer gate-4410"


@dataclass
class Asked:
    path: str
    params: dict[str, str]
    body: dict[str, Any]
    auth: str


@dataclass
class Providers:
    """`fails` says how each path misbehaves: "hang", "html", "list", "500", "429", "403", "moved", "cut", "endless", "drip", or
    a JSON answer to give instead. `asked` is what came in.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    fails: dict[str, Any] = field(default_factory=dict)
    users: set[str] = field(
        default_factory=lambda: {"zhang", "wang", "13800000001", "13800000002", "13900000009"}
    )
    tokens: int = 0  # given out; only the last one is good
    over: threading.Event = field(default_factory=threading.Event)

    def sent(self, path: str = "") -> list[dict[str, Any]]:
        """What was asked of the paths that send and end so, whether it was taken or not."""
        return [one.body for one in self.asked if "gettoken" not in one.path and one.path.endswith(path)]

    def answer(self, asked: Asked) -> dict[str, Any]:
        path, body = asked.path, asked.body
        if path == "/cgi-bin/gettoken":
            right = asked.params == {"corpid": CORP, "corpsecret": SECRET}
            return self._token() if right else {"errcode": 40001, "errmsg": "invalid credential"}
        if path == "/gettoken":
            right = asked.params == {"appkey": APP_KEY, "appsecret": APP_SECRET}
            return self._token() if right else {"errcode": 40089, "errmsg": "不合法的corpid或corpsecret"}
        if path == "/cgi-bin/message/send":
            assert body["msgtype"] == "text"
            assert body["agentid"] == 1000002
            if asked.params["access_token"] != self._good():
                return {"errcode": 42001, "errmsg": "access_token expired"}
            if body["touser"] not in self.users:
                return {"errcode": 81013, "errmsg": f"user {body['touser']} invalid"}
            return {"errcode": 0, "errmsg": "ok", "invaliduser": "", "msgid": "m1"}
        if path == "/topapi/message/corpconversation/asyncsend_v2":
            assert body["msg"]["msgtype"] == "text"
            assert body["agent_id"] == 4471
            if asked.params["access_token"] != self._good():
                return {"errcode": 40014, "errmsg": "不合法的access_token"}
            if body["userid_list"] not in self.users:
                return {"errcode": 33012, "errmsg": "无效的USERID"}
            return {"errcode": 0, "errmsg": "ok", "task_id": 25627, "request_id": "r1"}
        if path == "/cgi-bin/webhook/send":
            return {"errcode": 0 if asked.params == {"key": ROBOT_KEY} else 93000, "errmsg": ""}
        if path == "/robot/send":
            return self._ding_robot(asked.params)
        assert path in ("/sms", "/voice")
        if asked.auth != GATE:
            return {"data": {"status": "E401"}}
        return {"data": {"status": "OK" if body["phone"] in self.users else "E1101"}}

    def _token(self) -> dict[str, Any]:
        self.tokens += 1
        return {"errcode": 0, "errmsg": "ok", "access_token": self._good(), "expires_in": 7200}

    def _good(self) -> str:
        return f"token-{self.tokens}"

    def _ding_robot(self, params: dict[str, str]) -> dict[str, Any]:
        stamp = params.get("timestamp", "")
        digest = hmac.new(ROBOT_SECRET.encode(), f"{stamp}\n{ROBOT_SECRET}".encode(), hashlib.sha256).digest()
        signed = params.get("sign") == base64.b64encode(digest).decode()
        return {
            "errcode": 0 if signed and params["access_token"] == ROBOT_KEY else 310000,
            "errmsg": "sign not match",
        }

    def settings(self, kind: str) -> dict[str, Any]:
        """What a county says on the command line to use a channel of these."""
        gate = {
            "headers": {"Authorization": GATE},
            "body": {"phone": "{to}", "content": "{text}", "vars": ["{number}", "{category}"]},
            "code": "data.status",
            "good": ["OK"],
            "unknown": ["E1101"],
            "denied": ["E401"],
        }
        every: dict[str, dict[str, Any]] = {
            "wecom": {"corp_id": CORP, "agent_id": "1000002", "secret": SECRET, "base": self.url},
            "dingtalk": {
                "app_key": APP_KEY,
                "agent_id": 4471,
                "app_secret": APP_SECRET,
                "base": self.url + "/",
            },
            "wecom_group": {"key": ROBOT_KEY, "base": self.url},
            "ding_group": {"token": ROBOT_KEY, "secret": ROBOT_SECRET, "base": self.url},
            "sms": {"url": f"{self.url}/sms", **gate},
            "voice": {"url": f"{self.url}/voice", **gate},
            "email": {"host": "127.0.0.1", "port": 25, "security": "none", "sender": "xiangli@example.cn"},
        }
        return every[kind]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # as a real one: the usual five turn callers away


@contextmanager
def running() -> Iterator[Providers]:
    """All providers on one port of loopback."""
    providers = Providers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._take({})

        def do_POST(self) -> None:
            self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _take(self, body: dict[str, Any]) -> None:
            parts = urlsplit(self.path)
            params = {key: values[0] for key, values in parse_qs(parts.query).items()}
            asked = Asked(parts.path, params, body, self.headers.get("Authorization", ""))
            providers.asked.append(asked)
            how = providers.fails.get(parts.path)
            if how == "hang":
                providers.over.wait(30)
            elif how == "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{")
            elif how in ("endless", "drip"):
                self._on_and_on(slowly=how == "drip")
            elif how == "html":
                self._give(200, "<html><title>登录</title></html>".encode())
            elif how == "list":
                self._give(200, b"[1, 2]")
            elif how == "moved":
                self._give(302, b"", Location="https://example.cn/login")
            elif how in ("500", "429", "403"):
                self._give(int(how), b"{}")
            else:
                answer = providers.answer(asked) if how is None else how
                self._give(200, json.dumps(answer).encode())

        def _on_and_on(self, *, slowly: bool) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            try:
                while not providers.over.wait(0.05 if slowly else 0):
                    self.wfile.write(b"{" if slowly else b"{" * 10_000)
            except OSError:
                pass  # whoever asked has hung up

        def _give(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    providers.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield providers
    finally:
        providers.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
