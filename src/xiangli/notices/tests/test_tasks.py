"""From the outbox to the inbox."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from xiangli.accounts.models import User
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import OutboxMessage
from xiangli.kernel.outbox import put, work_once
from xiangli.notices import tasks
from xiangli.notices.models import Notice
from xiangli.territory.models import Appointment, Post, Scheme, Standing, Unit
from xiangli.territory.rules import OUTSIDE, seat_of

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def person(name: str) -> User:
    return User.objects.create_user(display_name=name)


class Lane:
    """A lane with a holder, a deputy and one whose time is over."""

    def __init__(self) -> None:
        scheme = Scheme.objects.create(code="lanes", name="巷", name_en="lanes")
        self.unit = Unit.objects.create(
            path="01/", name="二巷", short_name="二巷", valid_from=date(2020, 1, 1)
        )
        self.post = Post.objects.create(
            scheme=scheme, code="lane_head", name="巷长", name_en="lane head", levels=["lane"], single=False
        )
        self.holder, self.deputy, self.former = person("王芳"), person("李强"), person("张伟")
        self._appoint(self.holder, Standing.HOLDER)
        self._appoint(self.deputy, Standing.DEPUTY)
        self._appoint(self.former, Standing.HOLDER, valid_to=date(2026, 11, 1))
        self.seat = seat_of(self.unit.pk, self.post.pk)

    def _appoint(self, user: User, standing: str, valid_to: date | None = None) -> None:
        Appointment.objects.create(
            user=user,
            unit=self.unit,
            post=self.post,
            standing=standing,
            single=False,
            valid_from=date(2026, 1, 1),
            valid_to=valid_to,
            recorded_at=NOW,
        )


@pytest.fixture
def lane() -> Lane:
    return Lane()


def tell(seat: str | None, users: list[User], kind: str = "assign_case") -> UUID:
    matter = new_id()
    payload = {"matter": matter, "kind": kind, "seat": seat, "users": [user.pk for user in users]}
    put("notices.tell", payload, now=NOW)
    return matter


def told() -> dict[str, list[str]]:
    """Kinds by name of the person."""
    found: dict[str, list[str]] = {}
    for name, kind in Notice.objects.order_by("at").values_list("user__display_name", "kind"):
        found.setdefault(name, []).append(kind)
    return found


def test_the_people_of_a_seat_are_told(lane: Lane) -> None:
    matter = tell(lane.seat, [])
    assert work_once(NOW) == 1
    assert told() == {"王芳": ["assign_case"], "李强": ["assign_case"]}
    assert set(Notice.objects.values_list("about", "at", "read_at")) == {(matter, NOW, None)}


def test_a_named_person_is_told_once_though_in_the_seat_too(lane: Lane) -> None:
    other = person("赵敏")
    tell(lane.seat, [lane.holder, other])
    work_once(NOW)
    assert told() == {"王芳": ["assign_case"], "李强": ["assign_case"], "赵敏": ["assign_case"]}


@pytest.mark.parametrize("seat", [None, "", OUTSIDE])
def test_without_a_seat_only_the_named_are_told(lane: Lane, seat: str | None) -> None:
    tell(seat, [lane.former])
    work_once(NOW)
    assert told() == {"张伟": ["assign_case"]}


def test_an_empty_seat_tells_nobody_and_is_done(lane: Lane) -> None:
    tell(seat_of(lane.unit.pk, new_id()), [])
    work_once(NOW)
    assert told() == {}
    assert OutboxMessage.objects.get().done_at == NOW


def test_a_second_delivery_makes_no_second_notice(lane: Lane) -> None:
    tell(lane.seat, [])
    message = OutboxMessage.objects.get()
    tasks.tell([message], NOW)
    tasks.tell([message], NOW + timedelta(minutes=1))
    assert told() == {"王芳": ["assign_case"], "李强": ["assign_case"]}


def test_a_message_that_names_no_person_there_is_seen_as_stuck_not_lost(lane: Lane) -> None:
    put("notices.tell", {"matter": new_id(), "kind": "assign_case", "users": ["nobody"]}, now=NOW)
    work_once(NOW)
    assert OutboxMessage.objects.get().last_error == "ValueError"
    assert told() == {}


def test_old_notices_are_forgotten(lane: Lane) -> None:
    tell(lane.seat, [])
    work_once(NOW)
    assert tasks.forget_old(NOW + timedelta(days=180)) == 0
    assert tasks.forget_old(NOW + timedelta(days=180, seconds=1)) == 2
