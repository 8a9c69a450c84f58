"""What was reported and put right, by unit and by category: ordinary cases of a territory, within a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from xiangli.cases.queries import topic_labels
from xiangli.insight.rules import Period, Tally
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.rules import Actor, day_of


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit below, in force at some time of the period or with something to count; without `unit`, the matters of the
    unit itself. Together the rows make up the total."""

    unit: Unit | None
    tally: Tally
    ended: date | None = None  # the first day without it, where it ended before today
    further: bool = False  # there are units below it


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A category."""

    code: str
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a unit for a period, as they are at `at`: in all, by the units below, by category."""

    unit: Unit
    period: Period
    at: datetime
    total: Tally
    units: tuple[UnitRow, ...]
    topics: tuple[TopicRow, ...]


def figures(actor: Actor, unit: Unit, period: Period, *, at: datetime) -> Figures:
    """The figures of `unit`, which lies in the actor's territory (Refused otherwise). Five statements, however many units and categories.

    Closed cases stand under the unit in which they were closed, also where it ended since; open ones moved with
    their place. Private and sealed matters are absent, and those that the actor is a subject of.
    """
    check_territory(actor, unit)
    by_unit: dict[str, Tally] = {}
    by_topic: dict[str, Tally] = {}
    total = Tally()
    for sql, words in (
        (_REPORTED, ("reported",)),
        (_CLOSED, ("closed", "median_s", "reopened", "confirmed", "rated", "stars")),
        (_OPEN, ("open", "overdue")),
    ):
        for key, topic, *values in _rows(sql, actor, unit, period, at):
            found: Mapping[str, Any] = dict(zip(words, values, strict=True))
            if key is not None:
                by_unit[key] = replace(by_unit.get(key, Tally()), **found)
            elif topic is not None:
                by_topic[topic] = replace(by_topic.get(topic, Tally()), **found)
            else:
                total = replace(total, **found)
    names = topic_labels()
    return Figures(
        unit=unit,
        period=period,
        at=at,
        total=total,
        units=_units(unit, period, by_unit, at),
        topics=tuple(
            TopicRow(code, name, by_topic[code]) for code, name in names.items() if code in by_topic
        ),
    )


def now_of(actor: Actor, unit: Unit, *, at: datetime) -> Tally:
    """Open and overdue at this moment. One statement, of open matters only."""
    check_territory(actor, unit)
    period = Period("", day_of(at), day_of(at))
    for key, topic, count, overdue in _rows(_OPEN, actor, unit, period, at):
        if key is None and topic is None:
            return Tally(open=count, overdue=overdue)
    return Tally()


def check_territory(actor: Actor, unit: Unit) -> None:
    """Refused (not_found) for a unit outside the actor's territory."""
    if not actor.covers(unit.path):
        raise Refused("not_found", "")


def _units(unit: Unit, period: Period, tallies: Mapping[str, Tally], at: datetime) -> tuple[UnitRow, ...]:
    """In the order of the tree, never by how well they do."""
    in_period = Q(valid_to=None) | Q(valid_to__gt=period.since)
    below = list(
        Unit.objects.filter(
            in_period & Q(valid_from__lt=period.until) | Q(path__in=tallies), parent=unit, kind=UnitKind.PLACE
        )
        .select_related("level")
        .order_by("path")
    )
    today = day_of(at)
    rows = [
        UnitRow(
            child,
            tallies.get(child.path, Tally()),
            ended=child.valid_to if child.valid_to and child.valid_to <= today else None,
            further=child.level is None or not child.level.has_plate,
        )
        for child in below
        if not child.is_pseudo or child.path in tallies
    ]
    if unit.path in tallies:  # what lies in the unit and in none below
        rows.append(UnitRow(None, tallies[unit.path]))
    return tuple(rows)


# The unit below `scope` in which a place lies, or `scope` itself: one more label of its path.
def _key(path: str) -> str:
    return f"left(m.{path}, length(%(scope)s) + strpos(substr(m.{path}, length(%(scope)s) + 1), '/'))"


# The fence for what is counted: ordinary cases of the territory, without those about the one who counts
# (matters.MatterQuerySet.visible_to says the same for rows).
def _within(path: str) -> str:
    return f"""
    m.workflow = 'case' AND m.visibility = 'ordinary' AND m.{path} >= %(scope)s AND m.{path} < %(beyond)s
    AND NOT EXISTS (SELECT 1 FROM matters_mattersubject s WHERE s.matter_id = m.id AND s.user_id = %(user)s)
"""  # noqa: S608  # a column's name of this file


# A report is counted where it was made, by the boundaries of that day; a close where the place lies then; what is
# open, where it is today.
_WHEN_REPORTED, _TODAY = "reported_path", "place_path"
_GROUPS: Final = "GROUP BY GROUPING SETS ((1), (2), ())"
_REPORTED: Final = f"""
    SELECT {_key(_WHEN_REPORTED)}, m.topic, count(*)
      FROM matters_matter m
     WHERE {_within(_WHEN_REPORTED)} AND m.reported_at >= %(since)s AND m.reported_at < %(until)s {_GROUPS}
"""  # noqa: S608  # constants of this file
_CLOSED: Final = f"""
    SELECT {_key(_TODAY)}, m.topic, count(*),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM m.closed_at - m.reported_at)),
           count(*) FILTER (WHERE c.reopened > 0), count(*) FILTER (WHERE c.confirmed_at IS NOT NULL),
           count(c.rating), coalesce(sum(c.rating), 0)
      FROM matters_matter m JOIN cases_case c ON c.matter_id = m.id
     WHERE {_within(_TODAY)} AND m.state = 'closed' AND m.closed_at >= %(since)s AND m.closed_at < %(until)s {_GROUPS}
"""  # noqa: S608  # constants of this file
_OPEN: Final = f"""
    SELECT {_key(_TODAY)}, m.topic, count(*), count(*) FILTER (WHERE m.next_clock_at <= %(now)s)
      FROM matters_matter m
     WHERE {_within(_TODAY)} AND m.closed_at IS NULL {_GROUPS}
"""  # noqa: S608  # constants of this file


def _rows(sql: str, actor: Actor, unit: Unit, period: Period, at: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "scope": unit.path,
                "beyond": unit.path[:-1] + "0",  # "0" follows "/" in the collation of paths
                "user": actor.user_id,
                "since": period.begins,
                "until": period.ends,
                "now": at,
            },
        )
        return list(cursor.fetchall())
