"""Units as people write them in a table: by path, by code, or by their names from the top or from the nearest."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.territory.models import Unit
from xiangli.territory.rules import in_force, line_of

_APART = re.compile(r"[\s/·、>›\-—_,，.]+")
_DEEPEST = 5  # names that stand one after another: town, village, grid, lane, and one beside
_SAID = 5  # of several that bear a name


@dataclass(frozen=True, slots=True)
class Known:
    """A unit that a table may speak of."""

    id: UUID
    path: str
    code: str
    name: str
    short_name: str
    level_id: UUID | None
    level: str
    valid_from: date
    valid_to: date | None
    parent_id: UUID | None

    def in_force(self, day: date) -> bool:
        return in_force(self.valid_from, self.valid_to, day)


def plain(words: str) -> str:
    """A name as it is compared: without what people put between names."""
    return _APART.sub("", unicodedata.normalize("NFKC", words)).casefold()


class Gazetteer:
    """The units of some territories, to be found by what is written in a cell."""

    def __init__(self, units: Iterable[Known]) -> None:
        self.by_id: dict[UUID, Known] = {}
        self.by_path: dict[str, Known] = {}
        self._by_code: dict[str, list[Known]] = defaultdict(list)
        self._by_name: dict[str, list[Known]] = defaultdict(list)
        for unit in sorted(units, key=lambda unit: unit.path):
            self.add(unit)

    @classmethod
    def of(cls, within: Q, county: UUID) -> Gazetteer:
        """The units `within` a county. One statement."""
        fields = (
            *("id", "path", "code", "name", "short_name", "level_id", "level__code"),
            *("valid_from", "valid_to", "parent_id"),
        )
        rows = Unit.objects.filter(within, county=county, is_pseudo=False).values_list(*fields)
        return cls(
            Known(id, path, code, name, short_name, level_id, level or "", since, until, parent_id)
            for id, path, code, name, short_name, level_id, level, since, until, parent_id in rows.iterator(
                chunk_size=5000
            )
        )

    def add(self, unit: Known) -> None:
        """Let a unit be found; those above it stand there already."""
        self.by_id[unit.id] = self.by_path[unit.path] = unit
        if unit.code:
            self._by_code[unit.code].append(unit)
        above = [self.by_path[path] for path in line_of(unit.path)[:-1] if path in self.by_path]
        names = [[one.short_name] for one in above[-_DEEPEST:]]
        for own in {unit.short_name, unit.name}:
            said = plain(own)
            keys = {said}
            chain = said
            for [name] in reversed(names):
                keys.add(plain(name) + said)  # some above, and the unit: 北姚村 二巷
                chain = plain(name) + chain
                keys.add(chain)  # each on the way: 庙上乡 北姚村 第一网格 二巷
            for key in keys:
                self._by_name[key].append(unit)

    def find(self, words: str, day: date | None) -> tuple[Known | None, str]:
        """The unit in force on `day` (None: on any) that a cell names, or why there is none."""
        if "/" in words and re.fullmatch(r"[0-9a-z/]+", words):
            found = [self.by_path[path]] if (path := words.strip("/") + "/") in self.by_path else []
        elif words in self._by_code:
            found = self._by_code[words]
        else:
            found = self._by_name.get(plain(words), [])
        if not found:
            return None, _("您的辖区里没有这个单位。请写路径、代码，或“北姚村 二巷”这样的名称。")
        there = [unit for unit in found if day is None or unit.in_force(day)]
        if not there:
            return None, _("“%(unit)s”在那天不存在；请改写接续它的单位。") % {"unit": found[0].short_name}
        if len(there) > 1:
            paths = "、".join(unit.path for unit in there[:_SAID])
            return None, _("有 %(count)d 个单位叫这个名称，请改写路径：%(paths)s。") % {
                "count": len(there),
                "paths": paths,
            }
        return there[0], ""
