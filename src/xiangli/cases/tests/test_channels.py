"""How staff came to know of a case, how it came out, and on which level it was settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.sessions import BACKEND
from xiangli.cases import actions, rules
from xiangli.cases.states import REPORTER_TEMPLATES, Channel, Outcome, State
from xiangli.cases.tests.acting import bring_to, case_of, last_event, refusal
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.kernel import chance, clock, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import LedgerEvent
from xiangli.matters.models import Matter, Receipt
from xiangli.matters.queries import code_for, open_text
from xiangli.matters.rules import group_code
from xiangli.matters.states import NO_CODE
from xiangli.notices.actions import open_channel
from xiangli.notices.channels.words import say
from xiangli.notices.models import Delivery

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with clock.set_to(MONDAY), chance.set_to(99):
        yield


@pytest.fixture
def place() -> Place:
    return make_place()


def signed_in(place: Place, who: str) -> Client:
    client = Client()
    client.force_login(place.people[who], backend=BACKEND)
    return client


def typed(place: Place, **more: str) -> dict[str, str]:
    return {
        "client_id": str(new_id()),
        "place": str(place.lane.pk),
        "category": "facilities",
        "words": "巷口的路灯不亮了",
        **more,
    }


def send(place: Place, who: str = "lane_head", **more: str) -> tuple[int, str]:
    response = signed_in(place, who).post(reverse("cases:field_report"), typed(place, **more))
    return response.status_code, response.content.decode()


def the_case() -> Matter:
    return Matter.objects.select_related("case", "receipt").get()


# ------------------------------------------------------------------------------------------------- channels


def test_what_staff_see_themselves_is_the_usual(place: Place) -> None:
    assert send(place)[0] == 302
    matter = the_case()
    assert matter.case.channel == Channel.STAFF
    assert matter.receipt.contact is None
    first = LedgerEvent.objects.get(stream=matter.pk)
    assert first.data["channel"] == "staff"
    assert "consent" not in first.data


@pytest.mark.parametrize("channel", [Channel.PHONE, Channel.COUNTER])
def test_who_told_it_to_staff_may_leave_a_number_which_is_kept_encrypted(
    place: Place, channel: Channel
) -> None:
    assert send(place, channel=channel, name="陈大妈", phone="138 0000 0001")[0] == 302
    matter = the_case()
    assert matter.case.channel == channel
    assert matter.case.reported_by == place.people["lane_head"]
    sealed = bytes(matter.receipt.contact or b"")
    assert b"138" not in sealed
    kept = json.loads(open_text(matter, "contact", sealed))
    assert (kept["name"], kept["phone"]) == ("陈大妈", "13800000001")
    assert "13800000001" not in json.dumps(LedgerEvent.objects.get(stream=matter.pk).data)


def test_a_number_is_not_asked_for(place: Place) -> None:
    assert send(place, channel="phone")[0] == 302
    assert the_case().receipt.contact is None


def test_a_number_of_nobody_is_refused_where_it_stands(place: Place) -> None:
    status, body = send(place, phone="13800000001")
    assert status == 400
    assert "自己发现的事不用留电话" in body
    assert 'value="13800000001"' in body
    assert not Matter.objects.exists()


def test_out_of_a_group_comes_only_what_its_writer_agreed_to(place: Place) -> None:
    status, body = send(place, channel="group")
    assert status == 400
    assert "要发的人同意才能转来" in body
    assert "巷口的路灯不亮了" in body
    assert not Matter.objects.exists()
    assert send(place, channel="group", consent="on")[0] == 302
    first = LedgerEvent.objects.get(stream=the_case().pk)
    assert (first.data["channel"], first.data["consent"]) == ("group", True)


@pytest.mark.parametrize("channel", ["plate", "web", "wechat"])
def test_staff_report_through_no_channel_of_residents(place: Place, channel: str) -> None:
    status, body = send(place, channel=channel)
    assert status == 400
    assert "请选这件事是怎么知道的" in body
    assert not Matter.objects.exists()


def test_a_resident_does_not_report_as_staff(place: Place) -> None:
    with refusal("channel_unknown"):
        make_report(place.lane, channel=Channel.PHONE)


def test_staff_are_given_no_query_code(place: Place) -> None:
    form = typed(place, channel="phone", phone="13800000001")
    client = signed_in(place, "lane_head")
    response = client.post(reverse("cases:field_report"), form, follow=True)
    body, code = response.content.decode(), code_for(UUID(form["client_id"]))
    assert str(the_case().number) in body
    assert code not in body
    assert group_code(code) not in body


def test_the_caller_is_told_how_it_ended_without_a_code_to_type(place: Place) -> None:
    gateway = {
        "url": "https://sms.example.org/send",
        "body": {"to": "{to}", "text": "{text}"},
        "code": "code",
        "good": ["0"],
    }
    open_channel(county=place.county.pk, kind="sms", settings=gateway, now=MONDAY)
    send(place, channel="phone", category="voices", phone="13800000001")
    head, desk = place.actor("lane_head"), place.actor("village_director")
    reported = actions.Receipted(code="", matter=the_case(), again=False)
    actions.handle_on_spot(an_act(head, reported, "换了灯泡"))
    actions.close_case(an_act(desk, reported, "已经修好"))
    for _round in range(10):
        outbox.work_once(MONDAY + timedelta(hours=1))
    told = Delivery.objects.filter(user=None)
    assert {row.what for row in told} == {f"handle_on_spot{NO_CODE}", f"close_case{NO_CODE}"}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_message_to_reporters_can_be_said_to_whoever_holds_no_code(language: str) -> None:
    kinds = [kind for kind in REPORTER_TEMPLATES if not kind.endswith(NO_CODE)]
    for kind in kinds:
        said = say(
            kind="sms",
            what=kind + NO_CODE,
            facts={"number": "2026000001", "category": "公共设施", "lane": "一巷"},
            count=1,
            danger=False,
            reporter=True,
            link="https://example.org/t/",
            made_at=MONDAY,
            language=language,
        )
        assert not said.fell_back
        assert "2026000001" in said.text
        assert "https://" not in said.text
        assert "{" not in said.text


# ------------------------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize("outcome", [Outcome.EXPLAINED, Outcome.STOPPED, Outcome.NOTHING, Outcome.POLICE])
def test_how_it_came_out_stands_in_the_record_and_on_the_pages(place: Place, outcome: Outcome) -> None:
    reported = make_report(place.lane, "disputes")
    actions.handle_on_spot(an_act(place.actor("lane_head"), reported, "到场看过"), outcome=outcome)
    assert case_of(reported).outcome == outcome
    assert last_event(reported).data["outcome"] == outcome
    page = signed_in(place, "village_clerk").get(reverse("cases:case", args=[reported.matter.pk]))
    assert f"当场处理 · {outcome.label}" in page.content.decode()
    track = Client().get(reverse("cases:track", args=[reported.code])).content.decode()
    assert f"当场处理 · {outcome.label}" in track


@pytest.mark.parametrize(
    ("action", "outcome"),
    [("resolve_case", "on_spot"), ("handle_on_spot", "put_right"), ("resolve_case", "x")],
)
def test_an_outcome_that_the_act_does_not_know_is_refused(place: Place, action: str, outcome: str) -> None:
    with refusal("outcome_unknown"):
        rules.check_outcome(action, outcome)
    reported = bring_to(place, State.IN_PROGRESS if action == "resolve_case" else State.ASSIGNED)
    with refusal("outcome_unknown"):
        getattr(actions, action)(an_act(place.actor("lane_head"), reported, "好了"), outcome=outcome)
    assert case_of(reported).outcome == ""


def test_the_form_offers_the_outcomes_with_the_usual_one_chosen(place: Place) -> None:
    reported = bring_to(place, State.IN_PROGRESS)
    client = signed_in(place, "lane_head")
    body = client.get(reverse("cases:case", args=[reported.matter.pk])).content.decode()
    assert '<option value="put_right" selected>' in body
    assert '<option value="on_spot"' not in body
    form = {
        "act_id": str(new_id()),
        "seen": str(Matter.objects.get().turn),
        "note": "说清楚了",
        "outcome": "explained",
    }
    client.post(reverse("cases:act", args=[reported.matter.pk, "resolve_case"]), form)
    assert case_of(reported).outcome == Outcome.EXPLAINED


# ------------------------------------------------------------------------------------------------- the level


def test_the_level_is_that_of_the_seat_that_resolved_it(place: Place) -> None:
    add_organ(place)
    by_lane, by_village, by_organ = (make_report(place.lane, "voices") for _ in range(3))
    actions.handle_on_spot(an_act(place.actor("lane_head"), by_lane, "好了"))
    actions.handle_on_spot(an_act(place.actor("village_director"), by_village, "好了"))
    organ = place.actor("organ_desk")
    held = organ.held[0]
    actions.transfer_case(
        an_act(place.actor("village_director"), by_organ, "归水务局"),
        unit_id=held.unit_id,
        post_id=held.post_id,
    )
    actions.handle_on_spot(an_act(organ, by_organ, "好了"))
    found = [case_of(one).settled_level for one in (by_lane, by_village, by_organ)]
    assert found == ["lane", "village", "organ"]
    assert last_event(by_village).data["level"] == "village"
    client, address = signed_in(place, "village_clerk"), reverse("cases:case", args=[by_village.matter.pk])
    track = reverse("cases:track", args=[by_village.code])
    assert "在村一级解决" in client.get(address).content.decode()
    assert "在村一级解决" in Client().get(track).content.decode()
    english = Client()
    english.cookies["django_language"] = "en"
    assert "Settled in the village" in english.get(track).content.decode()


def test_what_was_not_settled_after_all_has_no_level(place: Place) -> None:
    reopened, failed = bring_to(place, State.CLOSED), bring_to(place, State.TO_VERIFY)
    assert case_of(reopened).settled_level == case_of(failed).settled_level == "lane"
    actions.reopen_case(reopened.code, act_id=new_id(), note="还是不亮")
    actions.verify_case(an_act(place.actor("village_director"), failed, "还差一半"), passed=False)
    for one in (reopened, failed):
        assert (case_of(one).settled_level, case_of(one).outcome) == ("", "")


@pytest.mark.parametrize("state", [*State])
def test_court_petition_and_legal_aid_are_always_shown_to_the_reporter(place: Place, state: State) -> None:
    reported = bring_to(place, state)
    body = Client().get(reverse("cases:track", args=[reported.code])).content.decode()
    for way in ("tel:12345", "tel:12348", "信访", "法院"):
        assert way in body
    assert ("一级解决" in body) == (state in (State.TO_VERIFY, State.RESOLVED, State.CLOSED))


def test_a_receipt_of_a_resident_keeps_its_code(place: Place) -> None:
    reported = make_report(place.lane, contact_phone="13800000001")
    matter = reported.matter
    sealed = bytes(Receipt.objects.get(pk=matter.pk).contact or b"")
    assert "no_code" not in json.loads(open_text(matter, "contact", sealed))
