"""The queue: what lies in one's posts, chosen by filters, a page at a time, and how much of it is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from xiangli.matters.models import Matter, MatterGrant, MatterQuerySet, among
from xiangli.matters.queries import search
from xiangli.matters.rules import is_place
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.rules import Actor
from xiangli.web.paging import Page, paginate

PAGE: Final = 100  # rows
OPEN_ORDER: Final = ("due_at", "id")
# Closing is a matter's last change, so this is the order of closing; `closed_at` itself may be NULL and cannot page by key.
CLOSED_ORDER: Final = ("-changed_at", "-id")
FOUND_ORDER: Final = ("-number",)  # of a search: the newest first

OPEN: Final = "open"
CLOSED: Final = "closed"
ALL: Final = "all"  # both; of a search only

_ROW: Final = (
    *(
        "number",
        "workflow",
        "topic",
        "state",
        "title",
        "danger",
        "visibility",
        "place_name",
        "alarm",
        "me_too",
    ),
    *("next_clock", "next_clock_at", "next_amber_at", "due_at", "reported_at", "changed_at", "closed_at"),
    *("handler__display_name", "holder_post__name", "holder_post__name_en"),
)
_CHINA: Final = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody chose of their queue. Each field that is not empty leaves fewer.

    `state` is "open", "closed", "all" (with `text`; without, as "open") or one of a workflow's open states.
    `net` holds the topics of a net, in which nothing private stands. `since` and `until` are days, both included:
    of the report, and with "closed" of the end.
    """

    state: str = OPEN
    lamp: str = ""  # "red", "amber", "green", "none": of the clock that runs
    topic: str = ""
    net: frozenset[str] | None = None
    unit: str = ""  # path of the place
    supervised: bool = False  # that a seat of the actor's supervises
    who: UUID | None = None  # the user who handles it
    since: date | None = None
    until: date | None = None
    text: str = ""  # words, a number, a place, the name of who handles it


@dataclass(frozen=True, slots=True)
class Lamps:
    """Open matters by their lamp; `none` have no clock that runs."""

    red: int
    amber: int
    green: int
    none: int

    @property
    def total(self) -> int:
        return self.red + self.amber + self.green + self.none


def queue(
    actor: Actor, filters: Filters, *, at: datetime, cursor: str = "", size: int = PAGE
) -> Page[Matter]:
    """A page of what the actor may see of this choice: the most pressing first, of closed ones the latest, of a
    search the newest. Rows have what a list shows, with handler and post. A number of statements that the rows do
    not change: one, with `text` three. Raises Refused("invalid_cursor").
    """
    if not actor.held or not _somewhere(filters):
        return Page(items=[])
    if not filters.text.strip():
        order = CLOSED_ORDER if filters.state == CLOSED else OPEN_ORDER
        parts = [_row(_of_state(part, filters, actor, at)) for part in _parts(actor, filters)]
        return paginate(*parts, order=order, cursor=cursor, size=size)
    asked = search.understand(filters.text, at=at)
    allowed = _chosen(Matter.objects.visible_to(actor), filters, actor, at).filter(
        asked.narrowed(), visibility=Visibility.ORDINARY
    )
    if filters.unit:
        allowed = allowed.filter(place_path__startswith=filters.unit)
    if asked.words:
        if filters.state in (CLOSED, ALL) and not asked.narrows:
            found = search.newest(
                actor, asked.words, allowed, within=filters.unit, order=FOUND_ORDER, cursor=cursor, size=size
            )
            allowed = Matter.objects.visible_to(actor).filter(pk__in=found, visibility=Visibility.ORDINARY)
        else:  # open matters, or one person's: few
            allowed = search.saying(allowed, asked.words)
    return paginate(_row(allowed), order=FOUND_ORDER, cursor=cursor, size=size)


def lamp_counts(actor: Actor, filters: Filters, *, at: datetime) -> Lamps:
    """How many open matters of this choice are late, soon late, in time, or without a clock; its lamp, and a
    closed state, aside. Ordinary matters only: no count tells of another. One statement, with `text` two; it
    reads the open matters of the scope, which stay few."""
    if not actor.held or not _somewhere(filters):
        return Lamps(0, 0, 0, 0)
    rows = Matter.objects.visible_to(actor).filter(visibility=Visibility.ORDINARY, closed_at=None)
    rows = _narrowed(rows, filters, actor)
    if filters.unit:
        rows = rows.filter(place_path__startswith=filters.unit)
    if filters.state not in (OPEN, CLOSED, ALL):
        rows = rows.filter(state=filters.state)
    if filters.text.strip():
        asked = search.understand(filters.text, at=at)
        rows = rows.filter(asked.narrowed())
        rows = search.saying(rows, asked.words) if asked.words else rows
    counts = rows.aggregate(**{lamp: Count("pk", filter=condition) for lamp, condition in _lamps(at).items()})
    return Lamps(**counts)


def inbox(actor: Actor) -> MatterQuerySet:
    """All matters the actor may see, with what a row of a list shows and nothing else: at a hundred rows the
    columns that nobody looks at were a fifth of the page."""
    return _row(Matter.objects.visible_to(actor))


def my_tasks(actor: Actor) -> MatterQuerySet:
    """Open matters that wait for this actor: taken by them, or lying in a seat of theirs and taken by
    nobody.
    """
    return inbox(actor).open().filter(Q(handler=actor.user_id) | Q(handler=None, holder_seat__in=actor.seats))


def _row(rows: MatterQuerySet) -> MatterQuerySet:
    return rows.select_related("handler", "holder_post").only(*_ROW)


def _somewhere(filters: Filters) -> bool:
    return not filters.unit or is_place(filters.unit)


def _parts(actor: Actor, filters: Filters) -> list[MatterQuerySet]:
    return Matter.objects.visible_parts(actor, within=filters.unit, closed=filters.state == CLOSED)


def _chosen(rows: MatterQuerySet, filters: Filters, actor: Actor, at: datetime) -> MatterQuerySet:
    """Everything but place and text."""
    if filters.state == CLOSED:
        rows = rows.filter(closed_at__isnull=False)
    elif filters.state != ALL or not filters.text.strip():
        rows = rows.open()
    return _of_state(rows, filters, actor, at)


def _of_state(rows: MatterQuerySet, filters: Filters, actor: Actor, at: datetime) -> MatterQuerySet:
    """As `_chosen`, of what is open or closed already: said twice, the planner would take it for much rarer."""
    if filters.state not in (OPEN, CLOSED, ALL):
        rows = rows.filter(state=filters.state)
    if filters.lamp:
        rows = rows.filter(_lamps(at).get(filters.lamp, Q()))
    return _narrowed(rows, filters, actor)


def _narrowed(rows: MatterQuerySet, filters: Filters, actor: Actor) -> MatterQuerySet:
    if filters.topic:
        rows = rows.filter(topic=filters.topic)
    if filters.net is not None:
        rows = rows.filter(topic__in=filters.net, visibility=Visibility.ORDINARY)
    if filters.supervised:
        seats = MatterGrant.objects.filter(kind=GrantKind.SUPERVISOR, ended_at=None, seat__in=actor.seats)
        rows = rows.filter(among(seats))
    if filters.who is not None:
        rows = rows.filter(handler=filters.who)
    moment = "changed_at" if filters.state == CLOSED else "reported_at"
    if filters.since:
        rows = rows.filter(**{f"{moment}__gte": _midnight(filters.since)})
    if filters.until:
        rows = rows.filter(**{f"{moment}__lt": _midnight(filters.until + timedelta(days=1))})
    return rows


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _CHINA)


def _lamps(at: datetime) -> dict[str, Q]:
    red, amber = Q(next_clock_at__lte=at), Q(next_clock_at__gt=at, next_amber_at__lte=at)
    return {
        "red": red,
        "amber": amber,
        "green": Q(next_clock_at__gt=at) & ~Q(next_amber_at__isnull=False, next_amber_at__lte=at),
        "none": Q(next_clock_at=None),
    }
