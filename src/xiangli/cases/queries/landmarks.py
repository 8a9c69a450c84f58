"""Landmarks: no list of units has them, but what people wrote of a place does."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from xiangli.matters.models import Matter
from xiangli.matters.states import Visibility
from xiangli.territory.rules import Actor, day_of

_LOOKED_AT: Final = 50  # the newest of them


def places_noted(
    actor: Actor, paths: Collection[str], said: str, *, at: datetime
) -> list[tuple[UUID, str, str, str]]:
    """Places in force at and under `paths` of which open ordinary matters that the actor may see say the same words:
    id, path, name and what was written ("老戏台旁"), the newest first and each place once. One statement, which reads
    open matters only."""
    within = Q(pk__in=[])
    for path in paths:
        within |= Q(place_path__startswith=path)
    day = day_of(at)
    rows = (
        Matter.objects.visible_to(actor)
        .open()
        .filter(within, visibility=Visibility.ORDINARY, place_note__contains=said)
        .filter(Q(place__valid_to=None) | Q(place__valid_to__gt=day))
        .order_by("-reported_at", "-id")
        .values_list("place_id", "place_path", "place_name", "place_note")[:_LOOKED_AT]
    )
    once: dict[UUID, tuple[UUID, str, str, str]] = {}
    for row in rows:
        once.setdefault(row[0], row)
    return list(once.values())
