"""How an action says no: a reason a person can act on, in the person's language."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):  # noqa: N818  # a word of the trade: `raise Refused` says it
    """An action was refused, and nothing was changed.

    `code` is stable (for tests, the API and styling); `reason` is a translatable sentence that says why, what
    to do instead and whom to ask; `field` names the form's field it belongs to, if any; `facts` hold what the
    page may show beside it (who acted first, say).
    """

    def __init__(self, code: str, reason: Any, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.field = field
        self.facts: Mapping[str, Any] = facts

    def __str__(self) -> str:
        return str(self.reason)
