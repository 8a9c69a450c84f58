"""What the readers of tables share: who may bring which, the actor's county and units, things named in a cell."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import Cell
from xiangli.kernel.tables import Judged, day_in
from xiangli.territory.rules import APPOINT_STAFF, END_UNIT, Actor

STEP: Final = 500  # rows between two looks at how far it is
PEOPLE_KIND: Final = "people"
UNITS_KIND: Final = "units"
_VERBS: Final = {PEOPLE_KIND: APPOINT_STAFF, UNITS_KIND: END_UNIT}


def may_import(actor: Actor, what: str) -> bool:
    """Whether the actor fills posts, or opens units, anywhere: then from a table, too."""
    return what in _VERBS and any(_VERBS[what] in held.permissions for held in actor.held)


def check_may_import(actor: Actor, what: str) -> None:
    """Refused (forbidden_import) unless `may_import`."""
    if not may_import(actor, what):
        raise Refused("forbidden_import", _("您的岗位不导入这张表；请找乡镇或县里管岗位的人。"))


def county_of(actor: Actor, permission: str) -> UUID:
    """The county in which the actor does this: a person's posts of one kind lie in one."""
    return next(held.county_id for held in actor.held if permission in held.permissions)


def units_of(actor: Actor, permission: str) -> Q:
    """What lies in the units where the actor does this."""
    within = Q(pk__in=[])
    for held in actor.held:
        if permission in held.permissions:
            within |= Q(path__startswith=held.unit_path)
    return within


class Named:
    """Things that a cell names by code or by name; a name that two bear names neither."""

    def __init__(self, things: list[Any]) -> None:
        self._known: dict[str, list[Any]] = defaultdict(list)
        for thing in things:
            for word in {thing.code, thing.name, thing.name_en.casefold()}:
                self._known[word].append(thing)
        self.all = things

    def find(self, words: str) -> Any | None:
        found = self._known.get(words) or self._known.get(words.casefold()) or []
        return found[0] if len(found) == 1 else None

    @property
    def names(self) -> str:
        return "、".join(thing.name for thing in self.all)


def day_of_row(row: Judged[Any], cells: dict[str, Cell], key: str, *, needed: bool = False) -> date | None:
    try:
        day = day_in(cells.get(key))
    except ValueError:
        row.wrong(key, _("请写成 2026-11-22 这样的日期。"))
        return None
    if day is None and needed:
        row.wrong(key, _("请填日期。"))
    return day
