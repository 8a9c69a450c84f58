"""What the page of a case says besides its words: clocks, shares, orders, extensions, lineage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.queries.dossier import ClockNow, Dossier, OtherCase
from xiangli.cases.queries.loop import days_words
from xiangli.cases.states import ClockName, State
from xiangli.matters.queries import Happened
from xiangli.web.bars import bar_of
from xiangli.web.rules import span_of
from xiangli.web.words import deadline_words, span_words, when_words


def facts_shown(dossier: Dossier, happened: Sequence[Happened], *, now: datetime) -> dict[str, Any]:
    """For the template, as plain data."""
    record, closed = dossier.case, dossier.matter.state in (State.CLOSED, State.DECLINED)
    return {
        "clocks": [_clock(row, dossier, now) for row in dossier.clocks],
        "parts": [
            {"row": part, "words": words_of(happened, "part", part.id, kind="finish_part")}
            for part in dossier.parts
        ],
        "orders": [
            {"row": order, "words": words_of(happened, "order", order.id, kind="answer_order")}
            for order in dossier.orders
        ],
        "extensions": [{"row": row, "days": days_words(row.days)} for row in dossier.extensions],
        "supervisors": dossier.supervisors,
        "came_out": _came_out(dossier),
        "nets": dossier.nets,
        "external": dossier.external,
        "into": _others(dossier.into),
        "merged": _others(dossier.merged),
        # silence after closing says nothing either way
        "unconfirmed": closed and record.confirmed_at is None,
        "may_answer": closed and record.confirm_until is not None and now <= record.confirm_until,
    }


def _came_out(dossier: Dossier) -> str:
    """How it was resolved, and on which level."""
    outcome = dossier.case.get_outcome_display() if dossier.case.outcome else ""
    return " · ".join(filter(None, (outcome, dossier.settled)))


def words_of(happened: Sequence[Happened], key: str, about: UUID, *, kind: str = "") -> str:
    """The words with which something was asked or done: of the event that names it."""
    for row in happened:
        if row.data.get(key) == str(about) and kind in ("", row.kind):
            return str(row.words.get("note", ""))
    return ""


def _others(rows: Sequence[OtherCase]) -> list[dict[str, Any]]:
    return [{"row": row, "label": State(row.state).label} for row in rows]


def _clock(row: ClockNow, dossier: Dossier, now: datetime) -> dict[str, Any]:
    """A clock as `web/components/clock_bar.html` draws it, and the same in words."""
    whose = next((part.name for part in dossier.parts if part.id == row.about), "") or next(
        (order.name for order in dossier.orders if order.id == row.about), ""
    )
    stood = sum(((until or now) - since for since, until in row.pauses), timedelta())
    added = rules.days_of(row.extended, row.kind) if row.extended else 0
    words = [_("%(when)s 起") % {"when": when_words(row.started_at, now=now)}]
    if row.due_at is not None:
        words.append(_("最迟 %(when)s") % {"when": deadline_words(row.due_at, now=now)})
    if row.paused:
        words.append(_("%(when)s 停住，恢复后接着算") % {"when": when_words(row.pauses[-1][0], now=now)})
    elif row.pauses:
        words.append(_("中间停过 %(span)s") % {"span": span_words(span_of(stood))})
    if added:
        words.append(_("已延期 %(days)s") % {"days": days_words(added)})
    if row.name == ClockName.ESCALATE:
        words.append(_("到时转到上一级"))
    if row.provisional:
        words.append(_("节假日安排还没公布，暂按周一到周五算"))
    return {
        "id": row.id,
        "name": f"{ClockName(row.name).label} · {whose}" if whose else ClockName(row.name).label,
        "paused": row.paused,
        "due_at": row.due_at,
        "amber_at": row.amber_at,
        "words": words,
        "source": row.source,
        "bar": bar_of(
            row.started_at,
            row.due_at,
            now=now,
            amber_at=row.amber_at,
            pauses=row.pauses,
            added=row.extended / row.amount,
        ),
    }
