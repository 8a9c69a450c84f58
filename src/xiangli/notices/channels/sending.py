"""Sending what has been made ready: all channels at once, each message within ten seconds, none waiting for a provider
that has just fallen silent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from xiangli.notices.channels.providers import PROVIDERS, Provider
from xiangli.notices.channels.web import Line, Message, Undelivered, client
from xiangli.notices.states import Fault

WHOLE: Final = 10.0  # seconds for one message, token and all
ROUND: Final = 20.0  # seconds after which a round begins no further message
REST: Final = 60.0  # seconds for which a provider that fell silent is not asked, but for danger
AT_ONCE: Final = 8  # messages to one provider

_silent_until: dict[str, float] = {}  # by the line's key (monotonic seconds)
_log = logging.getLogger(__name__)

Ends = dict[UUID, Fault | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes out by one channel in this round. `urgent`: not even a silent provider is left in peace."""

    line: Line
    messages: Sequence[Message]
    urgent: bool = False


def send_all(batches: Sequence[Batch]) -> Ends:
    """How each message ended, by its id: None when its provider took it; missing when its turn did not come. Takes at
    most half a minute, and a few seconds more where a mail server is slow to hang up.
    """
    if not batches:
        return {}
    # A thread of its own: whoever calls may have an event loop running in this one.
    with ThreadPoolExecutor(1, thread_name_prefix="notices") as thread:
        return thread.submit(asyncio.run, _all(batches)).result()


async def _all(batches: Sequence[Batch]) -> Ends:
    ends: Ends = {}
    async with client() as web:
        for found in await asyncio.gather(
            *(_one(batch, PROVIDERS[batch.line.kind](batch.line, web)) for batch in batches)
        ):
            ends.update(found)
    return ends


async def _one(batch: Batch, provider: Provider) -> Ends:
    """One channel's messages. After one silence the rest of the round is not tried: it would wait as long."""
    ends: Ends = {}
    key = batch.line.key
    silent = not batch.urgent and time.monotonic() < _silent_until.get(key, 0.0)
    until = time.monotonic() + ROUND
    gate = asyncio.Semaphore(AT_ONCE)

    async def send(message: Message) -> None:
        nonlocal silent
        async with gate:
            if time.monotonic() > until:
                return
            if silent:
                ends[message.id] = Fault.NO_ANSWER
                return
            ends[message.id] = end = await _try(provider, message)
            if end is Fault.NO_ANSWER:
                silent = True
                _silent_until[key] = time.monotonic() + REST
            else:
                _silent_until.pop(key, None)

    await asyncio.gather(*(send(message) for message in batch.messages))
    return ends


async def _try(provider: Provider, message: Message) -> Fault | None:
    try:
        async with asyncio.timeout(WHOLE):
            await provider.send(message)
    except Undelivered as undelivered:
        return undelivered.fault
    except TimeoutError:
        return Fault.NO_ANSWER
    except Exception as error:
        # one message's trouble is not the others'; the class alone: its words may quote the message
        _log.error("notices: a channel failed: %s", type(error).__qualname__)
        return Fault.REFUSED
    return None
