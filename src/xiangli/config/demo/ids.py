"""Ids of demo rows."""

from hashlib import sha256
from uuid import UUID


def demo_id(*parts: str) -> UUID:
    """The id of a demo row: in the form of a UUIDv7 of the first day of 2025, the rest a digest of what it
    is."""
    digest = int.from_bytes(sha256("/".join(parts).encode()).digest()[:10])
    value = 1735660800000 << 80 | digest
    value = value & ~(0xF << 76) | 7 << 76  # version
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)  # variant
