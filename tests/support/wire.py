"""One kept HTTP connection at the cost of a few system calls.

A library's client would take more of the machine than the server it is to measure.
"""

from __future__ import annotations

import socket


class UnansweredError(ConnectionError):
    """The server went away before it answered: whether it did what was asked is not known."""


class Wire:
    """A connection to a server on this machine, opened at the first request and whenever it was lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None

    def exchange(self, request: bytes) -> tuple[int, dict[str, str]]:
        """Send a whole request; returns the status and the headers of the answer, whose body is read and
        dropped. Raises UnansweredError.
        """
        try:
            return self._exchange(request)
        except OSError as error:
            self.close()
            raise UnansweredError from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> tuple[int, dict[str, str]]:
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
        return int(status_line.split()[1]), headers

    def _more(self) -> bytes:
        assert self._socket is not None
        found = self._socket.recv(65536)
        if not found:
            raise ConnectionResetError
        return found
