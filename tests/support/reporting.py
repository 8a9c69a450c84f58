"""People who report over HTTP: what a browser sends, on a kept connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from tests.support.wire import Wire

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


class Reporter:
    """One browser that has a report's form open (`cookie` and `token` are the form's)."""

    def __init__(self, port: int, cookie: str, token: str) -> None:
        self.port, self.cookie, self.token = port, cookie, token
        self._wire = Wire(port)

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
        status, headers = self._wire.exchange(head.encode() + sent)
        parts = headers.get("location", "").split("/")  # /t/<code>/receipt/
        code = parts[2] if status == 302 and len(parts) > 3 and parts[3] == "receipt" else ""
        return status, code

    def close(self) -> None:
        """Close the connection; the next report opens another."""
        self._wire.close()
