"""Shared readers of territory. Every one takes the moment it is asked for."""

from datetime import datetime
from typing import Any

from xiangli.territory.rules import NOBODY, Actor


def actor_for(user: Any, *, at: datetime) -> Actor:
    """The actor of a signed-in user: appointments in force at `at`, in one statement; NOBODY for a visitor."""
    raise NotImplementedError
