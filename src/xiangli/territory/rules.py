"""Pure rules of territory: what an actor may, and who answers. No Django here; data and `now` in, verdict out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

OUTSIDE = "outside"  # the seat of the organ outside the county


def seat_of(unit_id: UUID, post_id: UUID) -> str:
    """The name of a seat: a post of a unit, whoever holds it."""
    return f"{unit_id}:{post_id}"


@dataclass(frozen=True, slots=True)
class Held:
    """One appointment in force: a post that the actor holds, or covers as a deputy."""

    appointment_id: UUID
    post_id: UUID
    post_code: str
    post_name: str
    unit_id: UUID
    unit_name: str
    unit_path: str
    county_id: UUID
    level: str
    rank: int  # of the unit's level; 1 = county
    duties: frozenset[str]
    permissions: frozenset[str]
    deputy: bool = False

    @property
    def seat(self) -> str:
        return seat_of(self.unit_id, self.post_id)

    @property
    def authority(self) -> str:
        """How the ledger names the post that authorised an act."""
        return f"appointment:{self.appointment_id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user and the appointments in force. Nobody (`user_id` None) holds nothing and sees nothing."""

    user_id: UUID | None
    name: str = ""
    held: tuple[Held, ...] = ()

    def __bool__(self) -> bool:
        return self.user_id is not None

    @property
    def scope_paths(self) -> list[str]:
        """The shortest paths that cover all the actor's units."""
        paths: list[str] = []
        for path in sorted({held.unit_path for held in self.held}, key=len):
            if not any(path.startswith(shorter) for shorter in paths):
                paths.append(path)
        return paths

    @property
    def seats(self) -> list[str]:
        return [held.seat for held in self.held]

    def authority(self, permission: str, path: str, *, seats: Collection[str] = ()) -> Held | None:
        """The appointment that authorises `permission` at `path`: the deepest whose unit covers it; or one whose seat is in `seats`
        (the holder's seat, a seat named in a grant). None: not authorised."""
        fitting = [
            held
            for held in self.held
            if permission in held.permissions and (path.startswith(held.unit_path) or held.seat in seats)
        ]
        return max(fitting, key=lambda held: (held.seat in seats, len(held.unit_path), not held.deputy), default=None)

    def may(self, permission: str, path: str, *, seats: Collection[str] = ()) -> bool:
        return self.authority(permission, path, seats=seats) is not None


NOBODY = Actor(user_id=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One appointment in force on a duty in a unit or above it."""

    unit_id: UUID
    unit_path: str
    unit_name: str
    post_id: UUID
    post_name: str
    post_order: int
    appointment_id: UUID
    user_id: UUID
    user_name: str
    deputy: bool
    absent: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers: a seat, and the person in it now. `alarm` is "vacant" when the unit asked for had nobody and one above answers;
    `outside` when nobody inside the county may: then `unit_id` is the county's and the county's outside organ is named on its profile."""

    unit_id: UUID
    unit_path: str
    unit_name: str
    seat: str
    post_id: UUID | None = None
    post_name: str = ""
    appointment_id: UUID | None = None
    user_id: UUID | None = None
    user_name: str = ""
    deputy: bool = False
    alarm: str = ""
    outside: bool = False


def pick_answer(candidates: Sequence[Candidate], *, asked_path: str, excluding: Collection[UUID] = ()) -> Answer | None:
    """The first seat from `asked_path` upward in which somebody answers: the holder, else a deputy; None when there is none.

    A seat that any of `excluding` holds or covers is passed over whole: a complaint never goes to, or through, its subjects.
    A seat whose people are all absent is passed over too, with an alarm. Absence never vacates the county's top: there the absent holder
    answers rather than nobody.
    """
    barred = {(c.unit_id, c.post_id) for c in candidates if c.user_id in set(excluding)}
    able = [c for c in candidates if (c.unit_id, c.post_id) not in barred]
    able.sort(key=lambda c: (-len(c.unit_path), c.post_order, str(c.post_id), c.deputy, str(c.appointment_id)))
    chosen = next((c for c in able if not c.absent), None) or (able[-1] if able else None)
    if chosen is None:
        return None
    moved_up = chosen.unit_path != asked_path
    return Answer(
        unit_id=chosen.unit_id,
        unit_path=chosen.unit_path,
        unit_name=chosen.unit_name,
        seat=seat_of(chosen.unit_id, chosen.post_id),
        post_id=chosen.post_id,
        post_name=chosen.post_name,
        appointment_id=chosen.appointment_id,
        user_id=chosen.user_id,
        user_name=chosen.user_name,
        deputy=chosen.deputy,
        alarm="vacant" if moved_up else "",
    )


