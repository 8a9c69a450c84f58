"""Finding ordinary matters by words, number, place, and who handles them.

A rare word is looked up in an index of words; the newest twenty of a common one are found sooner by looking through
the newest matters. Which it is, no statistics need say: the newest `WINDOW` of the place are looked through first,
only as far as needed, and the index is asked where they do not fill the page. So neither kind of word costs more as
the years pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import BooleanField, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from xiangli.matters.models import Matter, MatterQuerySet, SearchText
from xiangli.matters.rules import place_terms, search_terms
from xiangli.territory.rules import Actor, day_of, in_force, seat_of
from xiangli.web.paging import start_of

WINDOW: Final = 2000  # rows that are looked through before the index is asked
_LONGEST: Final = 60  # characters of what is typed


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed, understood: a number, people's names, and what is left as a tsquery."""

    number: int | None = None
    people: tuple[UUID, ...] = ()  # of that name
    seats: tuple[str, ...] = ()  # that they sit in
    words: str = ""
    nothing: bool = False  # it says nothing that could be found

    @property
    def narrows(self) -> bool:
        """Whether it leaves few, without its words."""
        return self.number is not None or bool(self.people) or self.nothing

    def narrowed(self) -> Q:
        """What is asked for besides words."""
        if self.nothing:
            return Q(pk__in=[])
        if self.number is not None:
            return Q(number=self.number)
        if self.people:
            return Q(handler__in=self.people) | Q(handler=None, holder_seat__in=self.seats, closed_at=None)
        return Q()


def understand(text: str, *, at: datetime) -> Asked:
    """What was typed: a number alone is a matter's; a word that is the whole name of somebody who works here asks
    for what they handle, or what waits in their seats; the rest are words and places. One statement."""
    parts = text[:_LONGEST].split()
    if len(parts) == 1 and (digits := parts[0].lstrip("#")).isdecimal():
        return Asked(number=int(digits)) if len(digits) <= 18 else Asked(nothing=True)
    held = get_user_model()._default_manager.filter(display_name__in=parts, appointments__isnull=False).values_list(
        "pk", "display_name", "appointments__unit", "appointments__post", "appointments__valid_from",
        "appointments__valid_to",
    )  # fmt: skip
    people: dict[UUID, None] = {}
    seats, names, day = [], set(), day_of(at)
    for user, name, unit, post, valid_from, valid_to in held:
        people[user] = None
        names.add(name)
        if in_force(valid_from, valid_to, day):
            seats.append(seat_of(unit, post))
    words = search_terms(word for part in parts if part not in names for word in [*_cut(part), " "])
    return Asked(people=tuple(people), seats=tuple(seats), words=words, nothing=not (people or words))


def saying(rows: MatterQuerySet, words: str) -> MatterQuerySet:
    """Of few matters, those that say these words. Each is looked up by its key: as a join, a common word would have
    all that say it read, of all years."""
    says = Func(
        F("words"), Value(words), template="(%(expressions)s::tsquery)", arg_joiner=" @@ ",
        output_field=BooleanField(),
    )  # fmt: skip
    said = SearchText.objects.filter(matter=OuterRef("pk")).values(says=says)
    return rows.filter(Coalesce(Subquery(said), Value(value=False)))


def newest(
    actor: Actor,
    words: str,
    allowed: MatterQuerySet,
    *,
    within: str,
    order: Sequence[str],
    cursor: str,
    size: int,
) -> list[UUID]:
    """Of the matters `allowed`, those that say these words: the first `size` and one after `cursor`. One statement."""
    backward, start = start_of(Matter, order, cursor)
    places = allowed.places_of(actor, within=within)
    than = "gt" if backward else "lt"
    beyond: dict[str, Any] = {} if start is None else {f"number__{than}": start[0]}

    def stretch(rows: Any) -> tuple[str, tuple[Any, ...]]:
        part: tuple[str, tuple[Any, ...]]
        part = rows.filter(**beyond).values("matter_id", "number", "words").query.sql_with_params()
        return part

    # Where the territory holds nothing of the unit, only what grants name is left.
    nowhere = [SearchText.objects.filter(number__lt=0)]
    walks = [stretch(rows) for rows in [SearchText.objects.in_place(path) for path in places] or nowhere]
    turn = f"ORDER BY number {'ASC' if backward else 'DESC'}"
    many, few = " UNION ALL ", f"{turn} LIMIT"
    ordered = many.join(f"(SELECT * FROM ({sql}) part {few} {WINDOW})" for sql, _params in walks)  # noqa: S608  # as below
    grants, of_grants = stretch(SearchText.objects.filter(allowed.granted_to(actor, "matter_id")))
    whole, of_whole = stretch(SearchText.objects.get_queryset())
    may, of_allowed = allowed.order_by().values("pk").query.sql_with_params()
    here = _here(places)
    statement = f"""
        WITH walk AS MATERIALIZED (
            SELECT matter_id, number FROM (SELECT * FROM ({ordered}) parts {few} {WINDOW}) near
             WHERE words @@ %s::tsquery AND matter_id IN ({may}) {few} {size + 1}
        ), looked_up AS MATERIALIZED (
            SELECT matter_id, number FROM (
                SELECT matter_id, number FROM ({whole}) every
                 WHERE words @@ %s::tsquery AND (SELECT count(*) FROM walk) <= {size}
                 {turn} OFFSET 0
            ) hits WHERE matter_id IN ({may}) {few} {size + 1}
        ), granted AS MATERIALIZED (
            SELECT matter_id, number FROM ({grants}) given WHERE words @@ %s::tsquery
        )
        SELECT matter_id FROM (
            SELECT matter_id, number FROM walk
             UNION
            SELECT matter_id, number FROM looked_up
             UNION
            SELECT matter_id, number FROM granted WHERE matter_id IN ({may})
        ) found {few} {size + 1}
    """  # noqa: S608  # made of compiled querysets and numbers; every value is a parameter
    parameters = [
        *(value for _sql, values in walks for value in values), words, *of_allowed,
        *of_whole, f"({words}){here}", *of_allowed, *of_grants, words, *of_allowed,
    ]  # fmt: skip
    with connection.cursor() as cursor_:
        cursor_.execute(statement, parameters)
        return [row[0] for row in cursor_.fetchall()]


def _here(places: Sequence[str]) -> str:
    """The places as part of a tsquery; "" where one of them is wider than a town."""
    deepest = [place_terms(path)[-1:] for path in places] or [["@"]]  # "@" is nowhere
    quoted = (f"'{term}'" for terms in deepest for term in terms)
    return f" & ({' | '.join(quoted)})" if all(deepest) else ""


@cache
def _jieba() -> Any:
    import rjieba  # its dictionary takes 50 MB: only a process that searches reads it

    return rjieba


def _cut(text: str) -> list[str]:
    words: list[str] = _jieba().cut(text)
    return words
