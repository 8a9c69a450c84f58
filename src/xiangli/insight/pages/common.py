"""What the pages share."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest

from xiangli.territory.models import Unit
from xiangli.territory.queries import unit_by_id
from xiangli.territory.rules import ORGAN, Actor


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return found


def unit_in_scope(actor: Actor, wanted: str | UUID | None) -> Unit:
    """The unit that is asked for, in force or ended, if it lies in the actor's territory (404 otherwise, as for one
    that is not there); without one, the widest that the actor looks after, a place before an organ. One statement."""
    if not wanted:
        widest = min(actor.held, key=lambda held: (held.level == ORGAN, held.rank, held.unit_path))
        unit = unit_by_id(widest.unit_id)
        assert unit is not None  # an appointment keeps its unit (PROTECT)
        return unit
    try:
        unit = unit_by_id(UUID(str(wanted)))
    except ValueError:
        unit = None
    if unit is None or not actor.covers(unit.path):
        raise Http404
    return unit


def tops_of(actor: Actor) -> list[tuple[str, str]]:
    """Where somebody's posts lie in several places: (unit, name) of each; empty for a single one."""
    paths = actor.scope_paths
    tops = {
        str(held.unit_id): held.unit_name
        for held in actor.held
        if held.unit_path in paths and held.level != ORGAN
    }
    return list(tops.items()) if len(tops) > 1 else []
