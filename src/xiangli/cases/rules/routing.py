"""Routing by the list of responsibilities: which line a case goes by, and when a choice departs from it. The
category, the level of the place and the day decide, and nothing of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from xiangli.kernel.refusals import Refused

BY_LIST = "responsibility-list"  # the published rules, as events name them
BY_DUTY = "place-and-duty"


@dataclass(frozen=True, slots=True)
class Route:
    """What the line in force says: the post that answers, in the nearest unit at or above the place, or in the
    organ; by which source, since when."""

    line: UUID
    post_id: UUID
    organ_id: UUID | None
    organ_path: str  # "" where the line names no organ
    source: str
    valid_from: date


def route_data(route: Route | None) -> dict[str, Any]:
    """How an event says by which published rule a case was routed; None: by its place and its category's
    duty, because the list says nothing or nobody sits where it points."""
    return {"rule": BY_LIST, "line": str(route.line)} if route else {"rule": BY_DUTY}


def is_free_choice(recommended_seat: str, chosen_seat: str) -> bool:
    """Whether a seat is another than the list names; "" where the list names none: then nothing departs
    from it."""
    return bool(recommended_seat) and chosen_seat != recommended_seat


def check_free_choice(recommended_seat: str, chosen_seat: str, note: str) -> bool:
    """Whether it is a free choice, which is counted; refused when it is one and gives no reason."""
    free = is_free_choice(recommended_seat, chosen_seat)
    if free and not note.strip():
        raise Refused(
            "free_choice_reason",
            _("这不是权责清单上写的岗位。可以交给它，请写明为什么；或改选清单上的岗位。"),
            field="note",
        )
    return free
