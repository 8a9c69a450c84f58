"""One way to write a value as bytes, so that a hash made today can be made again in twenty years, in any
language.

JSON with sorted keys, no spaces, UTF-8. What PostgreSQL's jsonb, or another language, could write differently
after a round trip is refused: floats (write a decimal as text), NUL characters, keys that are no text.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID


def plain(value: Any) -> Any:
    """`value` in the types of JSON alone: UUIDs and moments become text, tuples lists.

    Raises TypeError for what has no single written form, ValueError for a moment without a zone or a NUL
    character.
    """
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case str():
            if "\0" in value:
                raise ValueError("NUL character")
            return str(value)
        case UUID():
            return str(value)
        case datetime():
            return moment(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("a key must be text")
            return {plain(key): plain(item) for key, item in value.items()}
        case bytes() | bytearray() | memoryview():
            raise TypeError("bytes: write them as hex or base64")
        case Sequence() | set() | frozenset():
            items = [plain(item) for item in value]
            return sorted(items) if isinstance(value, set | frozenset) else items
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical(value: Any) -> bytes:
    """The bytes of `value`, the same for equal values. Raises as `plain` does, and UnicodeEncodeError for
    half a surrogate pair.
    """
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def moment(value: datetime) -> str:
    """A moment as ISO 8601 in UTC with microseconds. Raises ValueError without a time zone."""
    if value.utcoffset() is None:
        raise ValueError("a moment needs a time zone")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
