"""All that the page of one case shows, behind the fence, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import JSONField, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from xiangli.cases.models import Case, ExternalOrder
from xiangli.cases.queries.loop import in_english
from xiangli.cases.queries.nets import name_of_level, names_of_nets, settled_in
from xiangli.cases.rules import Facts
from xiangli.kernel import clock
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.states import GrantKind, LinkKind, PhotoRole, Visibility
from xiangli.territory.rules import Actor, day_of

NEAR = 5  # cases of the same kind in the same place, offered to be merged into


@dataclass(frozen=True, slots=True)
class ClockNow:
    """A clock that has not been stopped."""

    id: UUID
    name: str
    about: UUID | None  # of which order or part
    amount: int
    kind: str
    extended: int
    source: str
    started_at: datetime
    pauses: tuple[tuple[datetime, datetime | None], ...]
    due_at: datetime | None
    amber_at: datetime | None
    provisional: bool
    stage: str

    @property
    def paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None


@dataclass(frozen=True, slots=True)
class PartNow:
    """A seat's share in a case handled together."""

    id: UUID
    seat: str
    name: str
    asked_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderNow:
    """An order to answer for a case, and by whom it was given and answered."""

    id: UUID
    seat: str
    name: str
    by: UUID
    by_name: str
    ordered_at: datetime
    answered_at: datetime | None
    answered_name: str


@dataclass(frozen=True, slots=True)
class ExtensionNow:
    """More time that was asked for, and what was decided."""

    id: UUID
    days: int
    asked_at: datetime
    by: UUID
    by_name: str
    decided_at: datetime | None
    decided_name: str
    approved: bool | None


@dataclass(frozen=True, slots=True)
class OtherCase:
    """Another case that the actor may see."""

    id: UUID
    number: int
    title: str
    state: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case and all that hangs on it, but for its history. `seats` are those that may act besides the
    territory; `near` are open cases of the same kind in the same place."""

    matter: Matter
    case: Case
    seats: list[str]
    helpers: list[str]  # asked for a share only
    supervisors: list[str]
    clocks: list[ClockNow]
    parts: list[PartNow]
    orders: list[OrderNow]
    extensions: list[ExtensionNow]
    photos: list[MatterPhoto]
    into: list[OtherCase]
    merged: list[OtherCase]
    near: list[OtherCase]
    settled: str  # on which level, in words
    nets: list[str]  # names of those that its category stands in
    external: ExternalOrder | None  # where another platform handed it over

    def clock(self, name: str) -> ClockNow | None:
        return next((row for row in self.clocks if row.name == name), None)

    @property
    def facts(self) -> Facts:
        """What the rules need to know, as far as it stands before an act."""
        case, matter = self.case, self.matter
        return Facts(
            state=matter.state,
            handler=matter.handler_id,
            resolved_by=case.resolved_by_id,
            evidence=case.category.evidence,
            verify=case.category.verify,
            verify_share=case.category.verify_share,
            danger=matter.danger,
            confirmed=case.confirmed_at is not None,
            rated=case.rating is not None,
        )

    @property
    def shows_before(self) -> bool:
        """Whether a photo shows how it was."""
        return any(photo.role in (PhotoRole.BEFORE, PhotoRole.REPORT) for photo in self.photos)

    @property
    def open_parts(self) -> list[PartNow]:
        return [part for part in self.parts if part.done_at is None]

    @property
    def open_orders(self) -> list[OrderNow]:
        return [order for order in self.orders if order.answered_at is None]

    @property
    def asked(self) -> ExtensionNow | None:
        """The extension that waits for a decision."""
        return next((row for row in self.extensions if row.decided_at is None), None)


_JOINED = (
    "case__category",
    "case__reported_by",
    "receipt",
    "handler",
    "holder_unit",
    "holder_post",
    "place",
    "county",
    "external_order__source",
)


def dossier_of(actor: Actor, matter_id: UUID) -> Dossier | None:
    """The case that the actor may see; None: there is none. One statement, whatever hangs on it."""
    of_this, seen = OuterRef("pk"), Matter.objects.visible_to(actor).filter(workflow="case")
    near = seen.open().filter(
        place=OuterRef("place"),
        topic=OuterRef("topic"),
        visibility=Visibility.ORDINARY,
        danger__gte=OuterRef("danger"),  # what is dangerous goes into nothing slower
    )
    found = (
        seen.filter(pk=matter_id)
        .select_related(*_JOINED)
        .annotate(
            settled_name=name_of_level("county_id", "case__settled_level"),
            its_nets=names_of_nets("topic", on=day_of(clock.now())),
            hung=RawSQL(_HUNG.format(title="name_en" if in_english() else "name"), (), JSONField()),  # noqa: S611  # our own columns
            went_into=_others(seen.filter(back_links__matter=of_this, back_links__kind=LinkKind.MERGED)),
            came_in=_others(seen.filter(links__other=of_this, links__kind=LinkKind.MERGED)),
            nearby=_others(near.exclude(pk=of_this).order_by("-reported_at", "-id")[:NEAR]),
        )
        .first()
    )
    return _dossier(found) if found is not None else None


def _others(rows: QuerySet[Matter]) -> ArraySubquery:
    """Cases behind the same fence, each as an object."""
    ordered = rows if rows.query.order_by else rows.order_by("number")
    columns = {name: name for name in ("id", "number", "title", "state", "reported_at")}
    return ArraySubquery(ordered.values(row=JSONObject(**columns)))


# What hangs on a case, in one column of its statement. In SQL, because building seven sub-selects out of objects
# takes three times as long as reading them. A seat is a text that names a unit and a post.
_SEAT = """(SELECT concat_ws(' ', u.short_name, p.{{title}}) FROM territory_unit u, territory_post p
             WHERE u.id = split_part({seat}, ':', 1)::uuid AND p.id = split_part({seat}, ':', 2)::uuid)"""
_HUNG: Final = f"""jsonb_build_object(
    'grants', (SELECT jsonb_agg(jsonb_build_object('kind', g.kind, 'seat', g.seat, 'name', {_SEAT.format(seat="g.seat")})
                                ORDER BY g.granted_at, g.id)
                 FROM matters_mattergrant g
                WHERE g.matter_id = matters_matter.id AND g.ended_at IS NULL AND g.seat <> ''),
    'clocks', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.started_at, c.id) FROM matters_matterclock c
                WHERE c.matter_id = matters_matter.id AND c.stopped_at IS NULL),
    'parts', (SELECT jsonb_agg(to_jsonb(t) || jsonb_build_object('name', {_SEAT.format(seat="t.seat")})
                               ORDER BY t.asked_at, t.id)
                FROM cases_part t WHERE t.case_id = matters_matter.id),
    'orders', (SELECT jsonb_agg(to_jsonb(o) || jsonb_build_object('seat', o.by_seat, 'name', {_SEAT.format(seat="o.by_seat")},
                                'by', o.by_user_id, 'by_name', b.display_name, 'answered_name', a.display_name)
                                ORDER BY o.ordered_at, o.id)
                 FROM cases_order o JOIN accounts_user b ON b.id = o.by_user_id
                 LEFT JOIN accounts_user a ON a.id = o.answered_by_id
                WHERE o.case_id = matters_matter.id),
    'extensions', (SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('by', e.asked_by_id, 'by_name', b.display_name,
                                    'decided_name', d.display_name) ORDER BY e.asked_at, e.id)
                     FROM cases_extension e JOIN accounts_user b ON b.id = e.asked_by_id
                     LEFT JOIN accounts_user d ON d.id = e.decided_by_id
                    WHERE e.case_id = matters_matter.id),
    'photos', (SELECT jsonb_agg(to_jsonb(h) ORDER BY h.event, h.position) FROM matters_matterphoto h
                WHERE h.matter_id = matters_matter.id)
)"""  # noqa: S608  # constants of this file


def _dossier(found: Any) -> Dossier:
    hung = {name: rows or [] for name, rows in found.hung.items()}
    grants = hung["grants"]
    return Dossier(
        matter=found,
        case=found.case,
        seats=[
            found.holder_seat,
            *(row["seat"] for row in grants if row["kind"] != GrantKind.TOGETHER),
        ],
        helpers=[row["seat"] for row in grants if row["kind"] == GrantKind.TOGETHER],
        supervisors=[row["name"] or "" for row in grants if row["kind"] == GrantKind.SUPERVISOR],
        clocks=[_read(ClockNow, row) for row in hung["clocks"]],
        parts=[_read(PartNow, row) for row in hung["parts"]],
        orders=[_read(OrderNow, row) for row in hung["orders"]],
        extensions=[_read(ExtensionNow, row) for row in hung["extensions"]],
        photos=[
            MatterPhoto(matter=found, id=UUID(row["id"]), event=UUID(row["event"]), role=row["role"])
            for row in hung["photos"]
        ],
        into=[_read(OtherCase, row) for row in found.went_into],
        merged=[_read(OtherCase, row) for row in found.came_in],
        near=[_read(OtherCase, row) for row in found.nearby],
        settled=settled_in(found.settled_name, found.case.settled_level),
        # what is not ordinary stands in no net
        nets=found.its_nets if found.visibility == Visibility.ORDINARY else [],
        external=getattr(found, "external_order", None),
    )


_Row = TypeVar("_Row", ClockNow, PartNow, OrderNow, ExtensionNow, OtherCase)


def _read(kind: type[_Row], row: dict[str, Any]) -> _Row:
    """An object of the statement, with its ids and moments as such."""
    return kind(**{name: _value(name, row[name]) for name in kind.__slots__})


def _value(name: str, value: Any) -> Any:
    if name == "pauses":
        return tuple((_moment(since), _moment(until)) for since, until in value)
    if name.endswith("name"):
        return value or ""  # of nobody yet, or of a seat that is gone
    if value is None:
        return None
    if name in ("id", "about", "by"):
        return UUID(value)
    return _moment(value) if name.endswith("_at") else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
