"""Telling whoever left a number: the reporter, each me-too, and those of what was merged into the matter."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from xiangli.matters.models import Matter, MatterLink, MeToo, Receipt
from xiangli.matters.queries import known_of, open_text
from xiangli.matters.states import NO_CODE, LinkKind, Visibility
from xiangli.notices.actions import tell_reporter


def tell_reporters(matter_id: UUID, what: str, *, now: datetime) -> int:
    """Queue a text message to everybody who left a number on a matter, once a number; returns how many.

    The number was left for this: to be told of this matter. Of one that is not ordinary nobody is told outside:
    the phone may be shared, and its owner may be whom the matter is about (rights.md).
    """
    matters = {row.pk: row for row in _with_merged(matter_id) if row.visibility == Visibility.ORDINARY}
    contacts = [
        *Receipt.objects.filter(matter__in=matters, contact__isnull=False).values_list(
            "matter_id", "contact"
        ),
        *MeToo.objects.filter(matter__in=matters, contact__isnull=False)
        .order_by("at", "id")
        .values_list("matter_id", "contact"),
    ]
    known = known_of(matters) if contacts else {}
    phones: dict[str, tuple[UUID, str]] = {}
    for where, envelope in contacts:
        contact = json.loads(open_text(matters[where], "contact", bytes(envelope or b"")))
        if phone := contact.get("phone", ""):
            phones.setdefault(phone, (where, what + NO_CODE if contact.get("no_code") else what))
    sent = 0
    for phone, (where, said) in phones.items():
        one = known[where]
        sent += (
            tell_reporter(
                county=one.county,
                phone=phone,
                what=said,
                facts=one.facts,
                about=where,
                danger=False,
                now=now,
                visibility=one.visibility,
            )
            is not None
        )
    return sent


def _with_merged(matter_id: UUID) -> list[Matter]:
    """The matter and all that went into it, through whatever steps. A statement for each step."""
    found, new = {matter_id}, {matter_id}
    while new:
        rows = MatterLink.objects.filter(kind=LinkKind.MERGED, other__in=new).values_list(
            "matter_id", flat=True
        )
        new = set(rows) - found
        found |= new
    return list(Matter.objects.filter(pk__in=found))
