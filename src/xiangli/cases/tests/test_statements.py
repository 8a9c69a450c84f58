"""How many statements a page may cost, whatever the rows it shows.

Counted is everything a request sends to the database except BEGIN and COMMIT, savepoints included. Each test
runs in real transactions, because inside a test's own transaction every commit would count as a savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions
from xiangli.cases.actions import Receipted
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, files, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import StoredFile
from xiangli.kernel.tests.photos import encoded, scene
from xiangli.matters import actions as matters
from xiangli.matters.models import Matter, MatterPhoto, Receipt
from xiangli.matters.states import PhotoRole
from xiangli.notices.models import Notice
from xiangli.territory.models import Boundary

pytestmark = pytest.mark.django_db(transaction=True)

REPORT, LIST, MATTER = 14, 6, 10
QUEUE = 8  # with its counters, and the filters somebody keeps
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements sent within the block, in order; filled when it ends."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [row["sql"] for row in captured.captured_queries if row["sql"] not in _CONTROL]


def photos(count: int, *, first: int = 0) -> list[SimpleUploadedFile]:
    """`count` different photos, as a form sends them."""
    return [
        SimpleUploadedFile(f"{n}.jpg", encoded(scene(320, 240, seed=n)), "image/jpeg")
        for n in range(first, first + count)
    ]


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    client.get(reverse("cases:tasks"))  # the desk's stamp is written once a minute
    return client


def statements(client: Client, address: str) -> list[str]:
    """What one look at a page sends; the look must succeed."""
    with counted() as found:
        response = client.get(address)
    assert response.status_code == 200, response.content.decode()
    return found


def shape(sent: list[str]) -> str:
    return f"{len(sent)} statements:\n" + "\n".join(f"  {n}. {sql[:150]}" for n, sql in enumerate(sent, 1))


def test_a_report_with_everything_costs_at_most_14_statements(place: Place) -> None:
    Boundary.objects.create(
        unit=place.lane2,
        ring=[(111.50, 35.50), (111.52, 35.50), (111.52, 35.52), (111.50, 35.52)],
        rank=5,
        source="test",
        synthetic=True,
    )
    client = Client()
    client.get(reverse("cases:plate", args=[place.lane.plate_code]))
    form = {
        "client_id": str(new_id()),
        "category": "environment",
        "words": "二巷口有一堆垃圾，好几天了",
        "lat": "35.51",
        "lng": "111.51",
        "place_note": "第三户门前",
        "name": "王女士",
        "phone": "13800000000",
        "photos": photos(9),
    }
    address = reverse("cases:report", args=[place.lane.plate_code])
    with counted() as sent:
        response = client.post(address, form)
    assert response.status_code == 302, response.content.decode()
    matter = Matter.objects.get()
    assert (matter.place_id, matter.off_map) == (place.lane2.pk, False)
    assert MatterPhoto.objects.filter(matter=matter, role=PhotoRole.REPORT).count() == 9
    assert set(StoredFile.objects.values_list("references", flat=True)) == {1}
    assert Receipt.objects.get().contact is not None
    assert len(sent) <= REPORT, shape(sent)


# --------------------------------------------------------------------------------------------------------------- lists


def same_cost(client: Client, address: str, *, most: int, grow: Iterator[int], shows: str) -> None:
    """One look with one row, one with thirty: the same number of statements, at most `most`.

    `grow` makes rows up to the number it yields; `shows` stands in the page once for each.
    """
    sent: dict[int, list[str]] = {}
    client.get(address)  # what a process reads once a minute is not counted
    for rows in grow:
        with counted() as found:
            response = client.get(address)
        assert response.status_code == 200, response.content.decode()
        assert response.content.decode().count(shows) == rows
        sent[rows] = found
    assert set(sent) == {1, 30}
    assert len(sent[1]) == len(sent[30]), shape(sent[30])
    assert len(sent[30]) <= most, shape(sent[30])


def growing(place: Place, category: str = "environment", *, closed: bool = False) -> Iterator[int]:
    made = 0
    for rows in (1, 30):
        while made < rows:
            reported = make_report(place.lane, category)
            if closed:
                actions.withdraw_case(reported.code, act_id=new_id())
            made += 1
        yield rows


ROW = 'href="/cases/'


@pytest.mark.parametrize("who", ["lane_head", "town_desk"])
def test_my_tasks_cost_the_same_with_1_and_30_rows(place: Place, who: str) -> None:
    address, category = reverse("cases:tasks"), {"lane_head": "environment"}.get(who, "service_complaint")
    same_cost(signed_in(place, who), address, most=LIST, grow=growing(place, category), shows=ROW)


@pytest.mark.parametrize("who", ["lane_head", "village_director", "county_desk"])
def test_the_inbox_costs_the_same_with_1_and_30_rows(place: Place, who: str) -> None:
    same_cost(signed_in(place, who), reverse("matters:queue"), most=QUEUE, grow=growing(place), shows=ROW)


def test_the_inbox_of_closed_matters_costs_the_same_with_1_and_30_rows(place: Place) -> None:
    address = reverse("matters:queue") + "?state=closed"
    client = signed_in(place, "village_director")
    same_cost(client, address, most=QUEUE, grow=growing(place, closed=True), shows=ROW)


def test_an_enrolled_persons_notices_cost_the_same_with_1_and_30_rows(place: Place) -> None:
    def grow() -> Iterator[int]:
        for rows in growing(place):
            while outbox.work_once(clock.now()):
                pass
            assert Notice.objects.filter(user=place.people["lane_head"]).count() == rows
            yield rows

    client = signed_in(place, "lane_head")
    same_cost(client, reverse("notices:inbox"), most=LIST, grow=grow(), shows='href="/notices/0')


def test_a_list_of_several_posts_costs_no_more(place: Place) -> None:
    """One person with three posts in two towns' lanes: one merged inbox, still one statement of rows."""
    from xiangli.cases.tests.factories import SINCE
    from xiangli.territory.actions import appoint

    user = place.people["lane_head"]
    appoint(user=user, unit=place.lane2, post=place.posts["lane_head"], valid_from=SINCE, standing="deputy")
    appoint(user=user, unit=place.town, post=place.posts["town_head"], valid_from=SINCE)
    same_cost(
        signed_in(place, "lane_head"), reverse("matters:queue"), most=QUEUE, grow=growing(place), shows=ROW
    )


# ------------------------------------------------------------------------------------------------------- one matter


def fill(reported: Receipted, *, events: int, pictures: int) -> None:
    """More happens on a matter: evaluations and photos, as many as asked for."""
    for number in range(events):
        actions.evaluate_case(reported.code, act_id=new_id(), note=f"第 {number} 次评价")
    with transaction.atomic():
        matter = Matter.objects.select_for_update().get(pk=reported.matter.pk)
        rows = StoredFile.objects.bulk_create(
            StoredFile(
                scope=matter.county_id,
                name=f"{number:064d}",
                size=1,
                media_type=files.MEDIA_TYPE,
                width=1,
                height=1,
                created_at=clock.now(),
                touched_at=clock.now(),
            )
            for number in range(pictures)
        )
        for number, row in enumerate(rows):
            matters.attach_photos(matter, [row], PhotoRole.AFTER, event_id=new_id(), start=number + 1)


def resolved(place: Place) -> Receipted:
    reported = make_report(place.lane, "voices", contact_phone="13800000000")
    actions.take_case(an_act(place.actor("lane_head"), reported))
    actions.resolve_case(an_act(place.actor("lane_head"), reported, "办好了"))
    return reported


@pytest.mark.parametrize("who", ["lane_head", "village_director", "town_desk", "county_desk"])
def test_a_matters_page_costs_the_same_with_few_and_30_events_and_photos(place: Place, who: str) -> None:
    reported = resolved(place)
    client, address = signed_in(place, who), reverse("cases:case", args=[reported.matter.pk])
    few = statements(client, address)
    fill(reported, events=27, pictures=30)
    many = statements(client, address)
    assert Matter.objects.get().event_seq == MatterPhoto.objects.count() == 30
    assert len(few) == len(many) <= MATTER, shape(many)


@pytest.mark.parametrize("who", ["lane_head", "grid_head", "village_director", "town_desk"])
def test_a_matters_page_with_every_choice_costs_at_most_10(place: Place, who: str) -> None:
    """Just reported, when the most can be done with it: assigning lists the seats there are."""
    reported = make_report(place.lane, contact_phone="13800000000")
    sent = statements(signed_in(place, who), reverse("cases:case", args=[reported.matter.pk]))
    assert len(sent) <= MATTER, shape(sent)


def test_a_private_matters_page_costs_at_most_10(place: Place) -> None:
    reported = make_report(place.lane, "service_complaint")
    sent = statements(signed_in(place, "town_desk"), reverse("cases:case", args=[reported.matter.pk]))
    assert len(sent) <= MATTER, shape(sent)


# ------------------------------------------------------------------------------------------------------- without account


def test_the_plate_and_its_form_cost_the_same_with_1_and_30_reports(place: Place) -> None:
    for name, most in (("cases:plate", LIST), ("cases:report", MATTER)):
        address = reverse(name, args=[place.lane.plate_code])
        Matter.objects.all().delete()
        make_report(place.lane)
        few = statements(Client(), address)
        for _ in range(29):
            make_report(place.lane)
        many = statements(Client(), address)
        assert len(few) == len(many) <= most, shape(many)


def test_the_track_and_the_receipt_cost_the_same_with_few_and_30_events_and_photos(place: Place) -> None:
    reported = resolved(place)
    addresses = [reverse(name, args=[reported.code]) for name in ("cases:track", "cases:receipt")]
    few = [len(statements(Client(), address)) for address in addresses]
    fill(reported, events=27, pictures=30)
    many = [len(statements(Client(), address)) for address in addresses]
    assert few == many
    assert max(many) <= LIST
