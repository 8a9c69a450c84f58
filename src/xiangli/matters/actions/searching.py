"""What a matter is found by, written after it: a report does not wait for it, nor pay for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef

from xiangli.kernel.models import LedgerEvent, LedgerPayload
from xiangli.matters.models import Matter, SearchText
from xiangli.matters.rules import pairs, place_terms
from xiangli.matters.states import Visibility

AT_ONCE: Final = 500  # matters that one run takes: in a flood, reports go first
# How many numbers back a run looks: of two reports at once, the one with the lower number may commit later.
_SLACK: Final = 500
_UP: Final = ("place", "place__parent", "place__parent__parent", "place__parent__parent__parent")
_TOWN: Final = 4  # labels of a town's path: what lies above is in everybody's address


def keep_words() -> int:
    """Make the newest matters findable; returns how many. It goes on where it stopped, oldest first."""
    last = SearchText.objects.aggregate(last=Max("number"))["last"] or 0
    new = Matter.objects.filter(
        number__gt=last - _SLACK, visibility=Visibility.ORDINARY, search_text=None
    ).order_by("number")
    return _write(list(new.values_list("pk", flat=True)[:AT_ONCE]))


def forget_words() -> int:
    """Clear what was made of words that have been erased since; returns of how many matters."""
    erased = LedgerEvent.objects.filter(stream=OuterRef("pk"), seq=1, payload__erased_by__isnull=False)
    return _write_again(SearchText.objects.filter(Exists(erased), whole=True).values_list("pk", flat=True))


def mend_words() -> int:
    """Put right what the runs between missed: matters that moved to another place, are no longer ordinary, or were
    passed over. Returns how many."""
    mended, _rows = SearchText.objects.exclude(matter__visibility=Visibility.ORDINARY).delete()
    moved = SearchText.objects.exclude(place_path=F("matter__place_path"))
    mended += _write_again(moved.values_list("pk", flat=True))
    missed = Matter.objects.filter(visibility=Visibility.ORDINARY, search_text=None).order_by("number")
    while ids := list(missed.values_list("pk", flat=True)[:AT_ONCE]):
        mended += _write(ids)
    return mended


def _write_again(rows: Any) -> int:
    done = 0
    for ids in _batches(list(rows)):
        with transaction.atomic():
            SearchText.objects.filter(pk__in=ids).delete()
            done += _write(ids)
    return done


def _batches(ids: list[UUID]) -> list[list[UUID]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def _write(ids: Collection[UUID]) -> int:
    """The rows of these matters, of which none is there. Three statements."""
    if not ids:
        return 0
    begun = LedgerPayload.objects.filter(event__stream__in=ids, event__seq=1)
    said = dict(begun.values_list("event__stream", "body"))
    names = [f"{up}__{column}" for up in _UP for column in ("path", "short_name")]
    matters = Matter.objects.filter(pk__in=ids, visibility=Visibility.ORDINARY).values(
        "pk", "number", "title", "place_path", "place_name", "place_note", *names
    )
    rows = [_row(matter, said.get(matter["pk"])) for matter in matters]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)] or [[]] * 5)
    return len(rows)


# In SQL: as rows of the ORM, each with an expression for its words, it took the worker five times as long.
_INSERT: Final = f"""
    INSERT INTO {SearchText._meta.db_table} (matter_id, number, place_path, words, whole)
    SELECT matter, number, place, array_to_tsvector(string_to_array(terms, ' ')), whole
      FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::boolean[]) new (matter, number, place, terms, whole)
        ON CONFLICT DO NOTHING
"""  # noqa: S608  # the model's own name; another worker may be at it


def _row(matter: dict[str, Any], payload: dict[str, Any] | None) -> tuple[UUID, int, str, str, bool]:
    """`payload` is of the event with which the matter began; None: it was erased, and with it all that came from it."""
    line = [
        matter[f"{up}__short_name"]
        for up in reversed(_UP)
        if (matter[f"{up}__path"] or "").count("/") >= _TOWN
    ]
    place = matter["place_name"]
    terms = pairs(" ".join([*line, "".join(line), place, place.replace(" ", "")]))
    if payload is not None:
        terms |= pairs(f"{matter['title']}\n{payload.get('words', '')}\n{matter['place_note']}")
    every = " ".join([*sorted(terms), *place_terms(matter["place_path"])])
    return matter["pk"], matter["number"], matter["place_path"], every, payload is not None
