"""Ways of a case that several actions share: the list of a sealed one, and who hears of danger besides."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from xiangli.matters.models import Matter, MatterGrant
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.models import Unit
from xiangli.territory.queries import seats_by_name
from xiangli.territory.rules import OUTSIDE, Answer


def next_on_list(
    matter: Matter, *, at: datetime, excluding: Collection[UUID] = (), after: str | None = None
) -> Answer:
    """Where a sealed matter goes next: along its own list of posts, from the seat `after` (its holder's) on, to
    the first in which somebody sits and none of `excluding`; then out of the county. Never up the tree."""
    rows = MatterGrant.objects.filter(matter=matter, kind=GrantKind.SEALED, ended_at=None).exclude(seat="")
    seats = list(rows.order_by("granted_at", "id").values_list("seat", flat=True))
    after = matter.holder_seat if after is None else after
    later = seats[seats.index(after) + 1 :] if after in seats else seats
    if manned := seats_by_name(later, at=at, excluding=excluding):
        return manned[0]
    top = Unit.objects.get(pk=matter.county_id)
    return Answer(unit_id=top.pk, unit_path=top.path, unit_name=top.short_name, seat=OUTSIDE, outside=True)


def told_besides(matter: Matter, answer: Answer) -> tuple[UUID, ...]:
    """Who on call hears of danger besides the seat that answers; of what is not ordinary nobody without a grant
    does."""
    return answer.on_call if matter.visibility == Visibility.ORDINARY else ()
