"""How a provider is asked over HTTP: briefly, and without believing what comes back."""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

import httpx

from xiangli.notices.states import ChannelKind, Fault

CONNECT: Final = 3.0  # seconds
MOST_BYTES: Final = 64 * 1024  # of an answer: these are a line of JSON


class Undelivered(Exception):  # noqa: N818  # a state of the message, said as `except Undelivered` reads
    """A provider did not take a message. Carries our code alone."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Line:
    """A county's channel, opened. `key` changes with its settings, so that nothing kept for older ones is used."""

    id: UUID
    kind: ChannelKind
    settings: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves: to an address (none: a group), in words, and the places that the words were made of."""

    id: UUID
    to: str
    text: str
    places: Mapping[str, str]
    fell_back: bool = False  # it could not be said as it was meant


@cache
def trust() -> ssl.SSLContext:
    """The certificates that the library brings and those that the machine trusts: a government cloud has its own."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def client() -> httpx.AsyncClient:
    """A client without cookies or redirects: what leads elsewhere is nonsense here. Whoever sends limits the whole."""
    return httpx.AsyncClient(verify=trust(), timeout=httpx.Timeout(None, connect=CONNECT))


async def ask(web: httpx.AsyncClient, method: str, url: str, **more: Any) -> dict[str, Any]:
    """The JSON object that a provider answers with. Raises Undelivered."""
    body = bytearray()
    try:
        async with web.stream(method, url, **more) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Undelivered(Fault.NONSENSE)
    except httpx.InvalidURL:
        raise Undelivered(Fault.CREDENTIALS) from None
    except (httpx.DecodingError, httpx.RemoteProtocolError):
        # a connection cut in the middle of an answer, or an answer that is no HTTP
        raise Undelivered(Fault.NONSENSE) from None
    except httpx.HTTPError:
        raise Undelivered(Fault.NO_ANSWER) from None
    if fault := _by_status(response.status_code):
        raise Undelivered(fault)
    try:
        answer = json.loads(body)
    except ValueError:
        raise Undelivered(Fault.NONSENSE) from None
    if not isinstance(answer, dict):
        raise Undelivered(Fault.NONSENSE)
    return answer


def _by_status(status: int) -> Fault | None:
    if status == 429:
        return Fault.BUSY
    if status in (401, 403):
        return Fault.CREDENTIALS
    if status >= 500:
        return Fault.BROKEN
    # Gateways say what they refuse in a 400's JSON; a page that was moved, or is not there, is not theirs.
    return Fault.NONSENSE if 300 <= status < 400 or status == 404 else None


def judge(code: Any, *, stale: Collection[int], faults: Mapping[int, Fault]) -> None:
    """Read a provider's `errcode`. Raises Undelivered, or Stale for a token it no longer takes."""
    if not isinstance(code, int) or isinstance(code, bool):
        raise Undelivered(Fault.NONSENSE)
    if code in stale:
        raise Stale
    if code:
        raise Undelivered(faults.get(code, Fault.REFUSED))


class Stale(Exception):  # noqa: N818  # as Undelivered
    """The provider no longer takes the token."""
