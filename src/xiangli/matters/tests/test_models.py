"""The fence against an oracle in plain Python: random trees, appointments, grants and subjects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.matters.models import Matter, MatterGrant, MatterSubject
from xiangli.matters.states import GrantKind, Visibility
from xiangli.territory.models import Appointment, Level, Post, Scheme, Standing, Unit
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import NOBODY, in_force, seat_of

NOW = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
TODAY = date(2026, 6, 1)
DAYS = st.sampled_from(
    [TODAY - timedelta(days=9), TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)]
)

# Labels that are prefixes of each other, and that LIKE would take for more than they are.
LABELS = ("1", "10", "100", "2")
PEOPLE, UNITS, MATTERS = 3, 7, 4


@dataclass(frozen=True)
class APost:
    person: int
    unit: int
    deputy: bool
    starts: date
    ends: date | None
    at_night_post: bool  # one of two posts of the unit


@dataclass(frozen=True)
class AMatter:
    place: int
    visibility: str
    to_people: dict[int, bool]  # and whether the grant has ended
    to_seats: dict[tuple[int, bool], bool]
    subjects: frozenset[int]


units = st.integers(0, UNITS - 1)
people = st.integers(0, PEOPLE - 1)
trees = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from(LABELS)), min_size=UNITS - 1, max_size=UNITS - 1
)
appointed = st.builds(
    APost,
    people,
    units,
    st.booleans(),
    DAYS,
    st.none() | DAYS.map(lambda day: day + timedelta(days=1)),
    st.booleans(),
).filter(lambda post: post.ends is None or post.ends > post.starts)
reported = st.builds(
    AMatter,
    units,
    st.sampled_from(Visibility.values),
    st.dictionaries(people, st.booleans(), max_size=2),
    st.dictionaries(st.tuples(units, st.booleans()), st.booleans(), max_size=3),
    st.frozensets(people, max_size=1),
)


def paths_of(tree: list[tuple[int, str]]) -> list[str]:
    """A county and six units below it; where a label is taken already, the next number."""
    paths = ["9/"]
    for position, label in tree:
        above, wanted = paths[position % len(paths)], label
        while f"{above}{wanted}/" in paths:
            wanted += "0"
        paths.append(f"{above}{wanted}/")
    return paths


def sees(person: int, matter: AMatter, posts: list[APost], paths: list[str]) -> bool:
    """The oracle: in words, what `visible_to` says in SQL."""
    mine = [post for post in posts if post.person == person and in_force(post.starts, post.ends, TODAY)]
    if not mine or person in matter.subjects:
        return False
    steps = paths[matter.place].split("/")[:-1]
    inside = any(steps[: len(own)] == own for own in (paths[post.unit].split("/")[:-1] for post in mine))
    granted = matter.to_people.get(person) is False or any(
        matter.to_seats.get((post.unit, post.at_night_post)) is False for post in mine
    )
    return granted or (matter.visibility == Visibility.ORDINARY and inside)


@pytest.fixture
def ground(db: None) -> tuple[Level, dict[bool, Post], list[User]]:
    scheme = Scheme.objects.create(code="any", name="任意", name_en="any")
    level = Level.objects.create(scheme=scheme, code="unit", rank=1, name="单位", name_en="unit")
    posts = {
        night: Post.objects.create(
            scheme=scheme, code=f"post-{night:d}", name="岗位", name_en="post", levels=["unit"], single=False
        )
        for night in (False, True)
    }
    return level, posts, [User.objects.create_user(display_name=f"人{n}") for n in range(PEOPLE)]


def build(
    ground: tuple[Level, dict[bool, Post], list[User]],
    paths: list[str],
    posts: list[APost],
    matters: list[AMatter],
) -> list[Matter]:
    level, kinds, users = ground
    made: list[Unit] = []
    for path in paths:
        unit = Unit(level=level, path=path, name=path, short_name=path, valid_from=date(2020, 1, 1))
        unit.county_id = made[0].pk if made else unit.pk
        made.append(unit)
    Unit.objects.bulk_create(made)
    once: set[tuple[int, int, bool]] = set()
    rows = []
    for post in posts:
        key = (post.person, post.unit, post.at_night_post)
        if key in once:
            continue
        once.add(key)
        rows.append(
            Appointment(
                user=users[post.person], unit=made[post.unit], post=kinds[post.at_night_post], single=False,
                standing=Standing.DEPUTY if post.deputy else Standing.HOLDER,
                valid_from=post.starts, valid_to=post.ends, recorded_at=NOW,
            )
        )  # fmt: skip
    Appointment.objects.bulk_create(rows)
    found = []
    for matter in matters:
        place = made[matter.place]
        row = Matter.objects.create(
            county=made[0], workflow="case", topic="t", state="reported", visibility=matter.visibility, title="t",
            place=place, place_path=place.path, place_name="t", holder_unit=place, holder_seat="outside",
            reported_at=NOW, changed_at=NOW,
        )  # fmt: skip
        grants = [
            MatterGrant(
                matter=row,
                kind=GrantKind.TOGETHER,
                user=users[n],
                granted_at=NOW,
                ended_at=NOW if ended else None,
            )
            for n, ended in matter.to_people.items()
        ]
        grants += [
            MatterGrant(
                matter=row, kind=GrantKind.DEPARTMENT, seat=seat_of(made[unit].pk, kinds[night].pk), granted_at=NOW,
                ended_at=NOW if ended else None,
            )
            for (unit, night), ended in matter.to_seats.items()
        ]  # fmt: skip
        MatterGrant.objects.bulk_create(grants)
        MatterSubject.objects.bulk_create(MatterSubject(matter=row, user=users[n]) for n in matter.subjects)
        found.append(row)
    return found


def first_of_each(posts: list[APost]) -> list[APost]:
    """As `build` writes them: one appointment a person, unit and post."""
    return list({(p.person, p.unit, p.at_night_post): p for p in reversed(posts)}.values())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees, st.lists(appointed, max_size=6), st.lists(reported, min_size=1, max_size=MATTERS))
def test_visible_to_is_what_the_oracle_says(
    ground: tuple[Level, dict[bool, Post], list[User]],
    tree: list[tuple[int, str]],
    posts: list[APost],
    matters: list[AMatter],
) -> None:
    paths, posts = paths_of(tree), first_of_each(posts)
    with transaction.atomic():
        rows = build(ground, paths, posts, matters)
        for number, user in enumerate(ground[2]):
            seen = set(Matter.objects.visible_to(actor_for(user, at=NOW)).values_list("pk", flat=True))
            expected = {
                row.pk
                for row, matter in zip(rows, matters, strict=True)
                if sees(number, matter, posts, paths)
            }
            assert seen == expected
        assert not Matter.objects.visible_to(NOBODY).exists()
        public: set[UUID] = set(Matter.objects.public_in("9/").values_list("pk", flat=True))
        assert public == {row.pk for row in rows if row.visibility == Visibility.ORDINARY}
        transaction.set_rollback(True)


def test_the_fence_is_one_statement(
    ground: tuple[Level, dict[bool, Post], list[User]], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    paths = paths_of([(0, "1"), (0, "2"), (1, "1"), (1, "2"), (2, "1"), (3, "1")])
    posts = [APost(0, unit, False, TODAY, None, False) for unit in (3, 4, 5)]
    everything = AMatter(3, Visibility.SEALED, {0: False}, {(3, False): False}, frozenset())
    rows = build(ground, paths, posts, [everything] * 5)
    actor = actor_for(ground[2][0], at=NOW)
    with django_assert_num_queries(1):
        assert len(Matter.objects.visible_to(actor)) == len(rows) == 5
    assert len({row.number for row in rows}) == 5


def test_a_unit_is_not_the_one_whose_number_begins_alike(
    ground: tuple[Level, dict[bool, Post], list[User]],
) -> None:
    paths = ["9/", "9/1/", "9/10/", "9/1/2/", "9/10/2/", "9/_/", "9/%/"]
    plain = [AMatter(place, Visibility.ORDINARY, {}, {}, frozenset()) for place in range(UNITS)]
    rows = build(
        ground, paths, [APost(0, 1, False, TODAY, None, False), APost(1, 5, False, TODAY, None, False)], plain
    )
    for person, places in ((0, [1, 3]), (1, [5])):
        seen = set(
            Matter.objects.visible_to(actor_for(ground[2][person], at=NOW)).values_list("pk", flat=True)
        )
        assert seen == {rows[place].pk for place in places}
