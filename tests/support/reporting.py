"""People who report over HTTP: what a browser sends, on a kept connection, at the cost of a few system calls.

A library's client would take more of the machine than the server it is to measure.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final
from uuid import UUID

_BOUNDARY: Final = "----XiangliFormBoundary7MA4YWxkTrZu0gW"
_HEADERS: Final = (
    "POST {path} HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "Origin: http://127.0.0.1:{port}\r\n"
    "Cookie: csrftoken={cookie}\r\n"
    "Accept: text/html\r\n"
    "Accept-Language: zh-CN,zh;q=0.9\r\n"
    "Content-Type: multipart/form-data; boundary={boundary}\r\n"
    "Content-Length: {length}\r\n\r\n"
)


class UnansweredError(ConnectionError):
    """The server went away before it answered: whether the report stands is not known."""


class Reporter:
    """One browser that has a report's form open (`cookie` and `token` are the form's)."""

    def __init__(self, port: int, cookie: str, token: str) -> None:
        self.port, self.cookie, self.token = port, cookie, token
        self._socket: socket.socket | None = None

    def report(self, plate: str, client_id: UUID, fields: Mapping[str, str]) -> tuple[int, str]:
        """Send one report; returns the status and, where it was acknowledged (302 to a receipt), the query
        code, else "". Raises UnansweredError.
        """
        form = {"csrfmiddlewaretoken": self.token, "client_id": str(client_id), "kept": "", **fields}
        body = "".join(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form.items()
        )
        # A browser sends the photos' field without a photo, too.
        body += (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photos"; filename=""\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n\r\n--{_BOUNDARY}--\r\n"
        )
        sent = body.encode()
        head = _HEADERS.format(
            path=f"/p/{plate}/report/",
            port=self.port,
            cookie=self.cookie,
            boundary=_BOUNDARY,
            length=len(sent),
        )
        try:
            status, location = self._exchange(head.encode() + sent)
        except OSError as error:
            self.close()
            raise UnansweredError from error
        parts = location.split("/")  # /t/<code>/receipt/
        code = parts[2] if status == 302 and len(parts) > 3 and parts[3] == "receipt" else ""
        return status, code

    def close(self) -> None:
        """Close the connection; the next report opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> tuple[int, str]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        status_line, *lines = bytes(answer[:end]).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)
        }
        left = int(headers.get("content-length", "0")) - (len(answer) - end - 4)
        while left > 0:
            left -= len(self._more())
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(status_line.split()[1]), headers.get("location", "")

    def _more(self) -> bytes:
        assert self._socket is not None
        found = self._socket.recv(65536)
        if not found:
            raise ConnectionResetError
        return found
