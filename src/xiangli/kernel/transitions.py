"""Transitions as data: which action leads from which states to which, and the permission it asks for.

A workflow writes its table once; the rule that permits, the button that shows and the generated diagram all
read that table.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: `action` leads from any of `sources` to one of `targets`; without targets the state stays.

    `permission` is what a post must grant. Without one it is an act of the reporter, who has no post but holds
    the receipt (`by_reporter`), or of a clock, which asks nobody (`by_rule`). `note_required`: the rule in one
    line asks for words.
    """

    action: str
    sources: frozenset[str]
    targets: tuple[str, ...]
    permission: str | None
    label: Any
    hint: Any = ""
    by_reporter: bool = False
    by_rule: bool = False
    note_required: bool = False


class TransitionTable(Mapping[str, Transition]):
    """The transitions of one workflow by the name of their action. Refuses a table that names an action
    twice.
    """

    def __init__(self, rows: Iterable[Transition]) -> None:
        self._rows: dict[str, Transition] = {}
        for row in rows:
            if row.action in self._rows:
                raise ValueError(f"action {row.action!r} stands twice in the table")
            self._rows[row.action] = row

    def __getitem__(self, action: str) -> Transition:
        return self._rows[action]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def from_state(self, state: str) -> list[Transition]:
        """The transitions that leave `state`, in the order of the table."""
        return [row for row in self._rows.values() if state in row.sources]
