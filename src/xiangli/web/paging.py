"""Paging by key: a page begins where the last one ended, so page 1,000 costs what page 1 does.

A cursor is signed: it comes back as it was given out, for the same list, or is refused in words. It is no
permission: it only moves within what the queryset allows anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.core import signing
from django.db.models import Field, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.refusals import Refused

Row = TypeVar("Row", bound=Model)

SIZE: Final = 50  # rows
_AFTER, _BEFORE = "a", "b"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one page, and the cursors of the pages beside it; empty where there is none."""

    items: list[Row]
    next: str = ""
    previous: str = ""


def paginate(
    queryset: QuerySet[Row], *more: QuerySet[Row], order: Sequence[str], cursor: str = "", size: int = SIZE
) -> Page[Row]:
    """The page at `cursor` of `queryset` in `order`, which ends in a unique column: ("-changed_at", "-id").

    The keys are columns of the model itself that are never NULL, and run in one direction: so the database
    reads one stretch of an index. With `more`, the page of all of them together: querysets of the same model and
    columns that share no row, of each of which one stretch is read. One statement. Raises
    Refused("invalid_cursor").
    """
    keys, fields, salt = _keys(queryset.model, order)
    backward, start = _read(cursor, fields, salt) if cursor else (False, None)
    falling = order[0].startswith("-") != backward
    beyond = Q() if start is None else _beyond(keys, start, falling)
    by = [f"-{key}" if falling else key for key in keys]
    parts = [part.filter(beyond).order_by(*by)[: size + 1] for part in (queryset, *more)]
    if more:
        parts = [parts[0].union(*parts[1:], all=True).order_by(*by)[: size + 1]]
    found = list(parts[0])
    beside = len(found) > size
    rows = found[:size]
    if backward:
        rows.reverse()
    if not rows:
        return Page(items=rows)
    return Page(
        items=rows,
        next=_write(_AFTER, rows[-1], fields, salt) if beside or backward else "",
        previous=_write(_BEFORE, rows[0], fields, salt)
        if (beside if backward else start is not None)
        else "",
    )


def start_of(model: type[Model], order: Sequence[str], cursor: str) -> tuple[bool, list[Any] | None]:
    """Where a page at `cursor` begins: whether it is read backward, and the keys it begins after (None: at the
    beginning). For a list whose rows a statement of its own looks up. Raises Refused("invalid_cursor")."""
    _names, fields, salt = _keys(model, order)
    return _read(cursor, fields, salt) if cursor else (False, None)


def _keys(model: type[Model], order: Sequence[str]) -> tuple[list[str], list[Field[Any, Any]], str]:
    keys = [key.removeprefix("-") for key in order]
    falling = order[0].startswith("-")
    if any(key.startswith("-") != falling for key in order):
        raise ValueError(f"keys of an order run in one direction: {order}")
    fields = [_column(model, key) for key in keys]
    return keys, fields, f"xiangli.paging:{model._meta.label_lower}:{','.join(order)}"


def _column(model: type[Model], key: str) -> Field[Any, Any]:
    field = model._meta.get_field(key)
    if not isinstance(field, Field) or field.null:
        raise ValueError(f"{key} is no column that is never NULL")
    return field


def _beyond(keys: Sequence[str], start: Sequence[Any], falling: bool) -> Q:
    """Rows after `start`: a > x, or a = x and b > y, and so on.

    The leading key is compared once more by itself: an index is entered by a comparison, not by an OR.
    """
    than = "lt" if falling else "gt"
    beyond = Q()
    for depth, key in enumerate(keys):
        same = dict(zip(keys[:depth], start, strict=False))
        beyond |= Q(**same, **{f"{key}__{than}": start[depth]})
    return Q(**{f"{keys[0]}__{than}e": start[0]}) & beyond


def _write(direction: str, row: Model, fields: Sequence[Field[Any, Any]], salt: str) -> str:
    return signing.dumps([direction, *(field.value_to_string(row) for field in fields)], salt=salt)


def _read(cursor: str, fields: Sequence[Field[Any, Any]], salt: str) -> tuple[bool, list[Any]]:
    try:
        direction, *values = signing.loads(cursor, salt=salt)
    except signing.BadSignature as error:
        raise Refused("invalid_cursor", _("这个翻页地址不对，请从第一页重新看。")) from error
    return direction == _BEFORE, [field.to_python(value) for field, value in zip(fields, values, strict=True)]
