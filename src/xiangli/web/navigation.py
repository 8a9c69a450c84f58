"""What a menu is made of. The kit knows no module, so config lists the items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: its word, its URL (without arguments), its icon; the unread number on it or not; the verb that
    somebody needs to see it, in whatever post; what there is behind it; or only for those who serve at a place."""

    label: Any
    view: str
    icon: str
    counts_notices: bool = False
    verb: str = ""
    hint: Any = ""
    of_place: bool = False

    @property
    def url(self) -> str:
        return reverse(self.view)


def existing(items: Iterable[Item]) -> list[Item]:
    """The items whose page exists."""
    found = []
    for item in items:
        try:
            reverse(item.view)
        except NoReverseMatch:
            continue
        found.append(item)
    return found
