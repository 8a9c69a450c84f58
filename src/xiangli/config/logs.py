"""What a log may say: which page, which error, where in the code. Never the address of a request (it can hold a query
code), never the error's own words (a database quotes the values it refuses).

Three forms: `Plain` for what the code itself says, `Discreet` for what Django says of requests, `Lines` for machines
(XIANGLI_LOG=json), which does both.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

_Error = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Plain(logging.Formatter):
    """A line, and after an error its kind and the places in the code, innermost last."""

    def formatException(self, ei: _Error) -> str:  # noqa: N802  # the library's name
        """The kind of error and the places."""
        kind, places = _error(ei)
        return "".join([kind, *(f"\n    {place}" for place in places)])


class Discreet(Plain):
    """What Django tells of a request, without what it tells."""

    def format(self, record: logging.LogRecord) -> str:
        page, status = _request(record)
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {page} {status or ''}"
        if not record.exc_info or record.exc_info[0] is None:
            return line
        return f"{line} {self.formatException(record.exc_info)}"


class Lines(logging.Formatter):
    """One JSON object a line: `at` (UTC), `level`, `logger`, `process`; `message`, or of a request `page` and `status`;
    of an error `error` and `places`. What a record brings as `fields` (codes, ids and figures) stands beside them."""

    def __init__(self, *, discreet: bool = False) -> None:
        super().__init__()
        self.discreet = discreet

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        said: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
        }
        if self.discreet or hasattr(record, "request"):
            page, status = _request(record)
            said |= {"page": page} | ({"status": status} if status else {})
        else:
            said["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            said["error"], said["places"] = _error(record.exc_info)
        said |= getattr(record, "fields", {})
        return json.dumps(said, ensure_ascii=False, default=str)


def _request(record: logging.LogRecord) -> tuple[str, int | None]:
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    return match.view_name if match else "?", getattr(record, "status_code", None)


def _error(found: _Error) -> tuple[str, list[str]]:
    frames = traceback.extract_tb(found[2])
    kind = found[0].__name__ if found[0] else "?"
    return kind, [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
