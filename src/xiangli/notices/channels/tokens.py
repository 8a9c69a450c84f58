"""Access tokens, kept in the process: a provider limits how often one may be asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from xiangli.notices.channels.web import Line, Stale, Undelivered
from xiangli.notices.states import Fault

_EARLY: Final = 120.0  # seconds before its end in which a token is not used any more
_kept: dict[str, tuple[str, float]] = {}  # by the line's key: token, and until when (monotonic seconds)

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]


class Tokens:
    """The token of one line. Several messages that want it at once ask for it once."""

    def __init__(self, line: Line, fetch: Fetch) -> None:
        self._key, self._fetch, self._lock = line.key, fetch, asyncio.Lock()

    async def get(self, *, instead_of: str = "") -> str:
        """The token, from the provider where none is kept, or only the one that it no longer takes (`instead_of`)."""
        async with self._lock:
            token, until = _kept.get(self._key, ("", 0.0))
            if token and token != instead_of and time.monotonic() < until:
                return token
            answer = await self._fetch()
            fresh, lasts = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(fresh, str) or not fresh or not isinstance(lasts, int):
                raise Undelivered(Fault.NONSENSE)
            _kept[self._key] = (fresh, time.monotonic() + lasts - _EARLY)
            return fresh

    async def use(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send with the token, and once more with a fresh one where the provider takes it no longer. Raises
        Undelivered."""
        token = await self.get()
        try:
            await send(token)
        except Stale:
            try:
                await send(await self.get(instead_of=token))
            except Stale:
                raise Undelivered(Fault.CREDENTIALS) from None
