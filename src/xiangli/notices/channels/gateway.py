"""SMS and voice over a gateway that takes and gives JSON: each province's has names of its own, so they are data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from xiangli.notices.channels.web import Line, Message, Undelivered, ask
from xiangli.notices.states import Fault


class Gateway:
    """One POST a message: the `body` of the settings with its places filled, and the answer's `code` read."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings, self._web = line.settings, web

    async def send(self, message: Message) -> None:
        places = {**message.places, "to": message.to, "text": message.text, "id": str(message.id)}
        answer = await ask(
            self._web,
            "POST",
            self._settings["url"],
            headers=self._settings["headers"],
            json=filled(self._settings["body"], places),
        )
        code = _at(answer, self._settings["code"])
        for name, fault in (
            ("good", None),
            ("unknown", Fault.UNKNOWN),
            ("busy", Fault.BUSY),
            ("denied", Fault.CREDENTIALS),
        ):
            if code in {str(one) for one in self._settings[name]}:
                if fault is not None:
                    raise Undelivered(fault)
                return
        raise Undelivered(Fault.NONSENSE if code is None else Fault.REFUSED)


def filled(value: Any, places: Mapping[str, str]) -> Any:
    """A JSON value with {to}, {text} and the like in its strings replaced. One pass: what is filled in is not read again."""
    if isinstance(value, dict):
        return {key: filled(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, places) for inner in value]
    if not isinstance(value, str):
        return value
    parts = value.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        out.append(places.get(name, "") + rest if brace and name.isidentifier() else "{" + part)
    return "".join(out)


def _at(answer: Mapping[str, Any], path: str) -> str | None:
    """What stands at "data.code", as text; None where nothing plain does."""
    found: Any = answer
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int | bool) else None
