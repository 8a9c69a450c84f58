"""All that the page of one case shows, behind the fence, in one statement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef, QuerySet, Subquery, UUIDField, Value
from django.db.models.functions import Cast, Coalesce, JSONObject

from xiangli.cases.models import Case, Extension, Order, Part
from xiangli.cases.queries.loop import in_english
from xiangli.cases.rules import Facts
from xiangli.matters.models import Matter, MatterClock, MatterGrant, MatterPhoto
from xiangli.matters.states import GrantKind, LinkKind, PhotoRole, Visibility
from xiangli.territory.models import Post, Unit
from xiangli.territory.rules import Actor

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
)


def dossier_of(actor: Actor, matter_id: UUID) -> Dossier | None:
    """The case that the actor may see; None: there is none. One statement, whatever hangs on it."""
    of_this, person = OuterRef("pk"), "display_name"
    seen = Matter.objects.visible_to(actor).filter(workflow="case")
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
            its_grants=_json(
                MatterGrant.objects.filter(matter=of_this, ended_at=None)
                .exclude(seat="")
                .order_by("granted_at", "id"),
                kind="kind",
                seat="seat",
                name=_seat_name("seat"),
            ),
            its_clocks=_json(
                MatterClock.objects.filter(matter=of_this, stopped_at=None).order_by("started_at", "id"),
                **{
                    name: name
                    for name in (
                        *("id", "name", "about", "amount", "kind", "extended", "source", "started_at"),
                        *("pauses", "due_at", "amber_at", "provisional"),
                    )
                },
            ),
            its_parts=_json(
                Part.objects.filter(case=of_this).order_by("asked_at", "id"),
                **{name: name for name in ("id", "seat", "asked_at", "done_at")},
                name=_seat_name("seat"),
            ),
            its_orders=_json(
                Order.objects.filter(case=of_this).order_by("ordered_at", "id"),
                **{name: name for name in ("id", "ordered_at", "answered_at")},
                seat="by_seat",
                name=_seat_name("by_seat"),
                by="by_user",
                by_name=f"by_user__{person}",
                answered_name=f"answered_by__{person}",
            ),
            its_extensions=_json(
                Extension.objects.filter(case=of_this).order_by("asked_at", "id"),
                **{name: name for name in ("id", "days", "asked_at", "decided_at", "approved")},
                by="asked_by",
                by_name=f"asked_by__{person}",
                decided_name=f"decided_by__{person}",
            ),
            its_photos=_json(
                MatterPhoto.objects.filter(matter=of_this).order_by("event", "position"),
                **{name: name for name in ("id", "event", "role", "position")},
            ),
            went_into=_others(seen.filter(back_links__matter=of_this, back_links__kind=LinkKind.MERGED)),
            came_in=_others(seen.filter(links__other=of_this, links__kind=LinkKind.MERGED)),
            nearby=_others(near.exclude(pk=of_this).order_by("-reported_at", "-id")[:NEAR]),
        )
        .first()
    )
    return _dossier(found) if found is not None else None


def _json(rows: QuerySet[Any], **columns: Any) -> ArraySubquery:
    """The rows that hang on a case, each as an object, in one column of its statement."""
    return ArraySubquery(rows.values(row=JSONObject(**columns)))


def _others(rows: QuerySet[Matter]) -> ArraySubquery:
    ordered = rows if rows.query.order_by else rows.order_by("number")
    return _json(ordered, **{name: name for name in ("id", "number", "title", "state", "reported_at")})


def _seat_name(column: str) -> Coalesce:
    """A seat in words: "庙上村 村文书". In SQL, because a seat is a text that names a unit and a post."""

    def part(number: int) -> Cast:
        split = Func(OuterRef(column), Value(":"), Value(number), function="split_part")
        return Cast(split, UUIDField())

    unit = Subquery(Unit.objects.filter(pk=part(1)).values("short_name")[:1])
    title = Subquery(Post.objects.filter(pk=part(2)).values("name_en" if in_english() else "name")[:1])
    return Coalesce(Func(Value(" "), unit, title, function="concat_ws"), Value(""))


def _dossier(found: Any) -> Dossier:
    grants = found.its_grants
    return Dossier(
        matter=found,
        case=found.case,
        seats=[
            found.holder_seat,
            *(row["seat"] for row in grants if row["kind"] != GrantKind.TOGETHER),
        ],
        helpers=[row["seat"] for row in grants if row["kind"] == GrantKind.TOGETHER],
        supervisors=[row["name"] for row in grants if row["kind"] == GrantKind.SUPERVISOR],
        clocks=[
            ClockNow(**_read(row, "id", "about", times=("started_at", "due_at", "amber_at")))
            for row in found.its_clocks
        ],
        parts=[PartNow(**_read(row, "id", times=("asked_at", "done_at"))) for row in found.its_parts],
        orders=[
            OrderNow(**_read(row, "id", "by", times=("ordered_at", "answered_at")))
            for row in found.its_orders
        ],
        extensions=[
            ExtensionNow(**_read(row, "id", "by", times=("asked_at", "decided_at")))
            for row in found.its_extensions
        ],
        photos=[MatterPhoto(matter=found, **_read(row, "id", "event")) for row in found.its_photos],
        into=_other_cases(found.went_into),
        merged=_other_cases(found.came_in),
        near=_other_cases(found.nearby),
    )


def _other_cases(rows: list[dict[str, Any]]) -> list[OtherCase]:
    return [OtherCase(**_read(row, "id", times=("reported_at",))) for row in rows]


def _read(row: dict[str, Any], *ids: str, times: Collection[str] = ()) -> dict[str, Any]:
    """An object of the statement with its ids and moments as such."""
    read = {
        **row,
        **{key: UUID(row[key]) if row[key] else None for key in ids},
        **{key: datetime.fromisoformat(row[key]) if row[key] else None for key in times},
    }
    for key in ("answered_name", "decided_name"):
        if key in read:
            read[key] = read[key] or ""
    if "pauses" in read:
        read["pauses"] = tuple(
            (datetime.fromisoformat(since), datetime.fromisoformat(until) if until else None)
            for since, until in row["pauses"]
        )
    return read
