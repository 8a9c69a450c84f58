"""Identifiers: UUIDv7, made in Python, ordered by time, unique across cells."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): 48 bits of milliseconds, then randomness. Use as the default of every primary
    key.
    """
    return uuid_utils.compat.uuid7()


def is_client_id(value: UUID) -> bool:
    """Whether an id made by a phone or a form may become a key here: a UUIDv7 of the RFC's variant."""
    return value.version == 7
