"""Deny by default: every address x every role x inside and outside x GET and POST, against a table written by
hand.

An address that is not in PAGES fails the first test until somebody has decided who may open it. Somebody
else's territory answers 404, like what is not there: a 403 would tell that there is something.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from xiangli.accounts import sessions
from xiangli.accounts.actions import issue_enrolment
from xiangli.accounts.models import User
from xiangli.cases.actions import Receipted, Report, report_case
from xiangli.cases.queries import category_with_limits
from xiangli.cases.states import TABLE, Channel
from xiangli.cases.tests.factories import SINCE, Place, make_place, make_report
from xiangli.kernel import clock, files, jobs
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Job, JobFile
from xiangli.kernel.tests.photos import encoded, scene
from xiangli.matters import actions as matters
from xiangli.matters.models import Matter, MatterGrant, MatterPhoto, MatterSubject
from xiangli.matters.states import GrantKind, PhotoRole, Visibility
from xiangli.notices.models import Delivery, Notice
from xiangli.notices.states import ChannelKind, DeliveryState
from xiangli.territory.actions import appoint, open_organ, open_unit, set_on_call
from xiangli.territory.models import Absence, Level, OnCall, Standing, Unit

pytestmark = pytest.mark.django_db

# ------------------------------------------------------------------------------------------------------- who

ROLES: Final = (
    "anonymous",
    "no_post",  # signed in, never appointed
    "ended",  # at the town's desk until last year
    "future",  # at the town's desk from 2090 on
    "lane_head",  # of the lane: the private matter is about them
    "deputy",  # of that lane head
    "next_lane",  # head of the next lane
    "village_director",
    "next_village",  # director of the next village
    "subject",  # the village's clerk, and all three matters are about them
    "town_desk",
    "other_town",  # desk of the next town
    "county_desk",
    "county_supervision",
    "town_admin",
    "county_admin",
    "county_leader",
    "other_county",  # desk of the next county
    "grantee",  # head of a lane in the next county, named in a grant on all three matters
)
STRANGERS: Final = {"anonymous", "no_post", "ended", "future"}  # nobody here holds a post today

# ------------------------------------------------------------------------------------------------------- what

KINDS: Final = (Visibility.ORDINARY, Visibility.PRIVATE, Visibility.SEALED)

# Who sees which matter. The complaint is about the lane's head and deputy, the grid's head and the officer,
# and went to the town; the sealed one has a list: supervision, and the grantee.
SEES: Final = {
    Visibility.ORDINARY: {
        "lane_head", "deputy", "village_director", "town_desk", "county_desk", "county_supervision", "grantee",
        "town_admin", "county_admin", "county_leader",
    },
    Visibility.PRIVATE: {"town_desk", "grantee"},
    Visibility.SEALED: {"county_supervision", "grantee"},
}  # fmt: skip

# Who may do what with it just reported. On the private and sealed ones only the seats on the matter count;
# a grant to a person lets that person look.
MAY: Final = {
    (Visibility.ORDINARY, "take_case"): {
        "lane_head", "deputy", "village_director", "town_desk", "county_desk", "county_supervision",
    },
    (Visibility.ORDINARY, "assign_case"): {
        "village_director", "town_desk", "county_desk", "county_supervision",
    },
    (Visibility.ORDINARY, "return_case"): {
        "lane_head", "deputy", "village_director", "town_desk", "county_desk", "county_supervision",
    },
    (Visibility.ORDINARY, "handle_on_spot"): {
        "lane_head", "deputy", "village_director", "town_desk", "county_desk",
    },
    (Visibility.ORDINARY, "reveal_contact"): {"town_desk"},
    (Visibility.PRIVATE, "take_case"): {"town_desk"},
    (Visibility.PRIVATE, "assign_case"): {"town_desk"},
    # the county's desk holds no seat for complaints, supervision does
    (Visibility.PRIVATE, "return_case"): set(),
    (Visibility.PRIVATE, "handle_on_spot"): {"town_desk"},
    (Visibility.PRIVATE, "reveal_contact"): {"town_desk"},
    (Visibility.SEALED, "take_case"): {"county_supervision"},
    (Visibility.SEALED, "assign_case"): {"county_supervision"},
    (Visibility.SEALED, "return_case"): set(),  # there is nobody above
    (Visibility.SEALED, "handle_on_spot"): set(),
    (Visibility.SEALED, "reveal_contact"): set(),
}  # fmt: skip
MAY_ENROL: Final = {
    "village_director",
    "subject",
    "town_desk",
    "other_town",
    "county_desk",
    "other_county",
    "next_village",
    "town_admin",
    "county_admin",
}

MAY_ASSIGN: Final = {
    "village_director",
    "next_village",
    "subject",
    "town_desk",
    "other_town",
    "county_desk",
    "county_supervision",
    "other_county",
}
MAY_RETRY: Final = {"town_desk", "other_town", "county_desk", "other_county"}
ADMINS: Final = {"town_admin", "county_admin"}
MAY_END_ON_CALL: Final = {"village_director", "subject", "town_desk", "county_desk", *ADMINS}
MAY_REPORT: Final = set(ROLES) - STRANGERS - {"town_admin", "county_admin", "county_leader"}
MAY_IMPORT: Final = {"town_desk", "other_town", "county_desk", "other_county"}
MAY_PRINT: Final = {"village_director", "subject", "town_desk", "county_desk", *ADMINS}

# Whoever fills posts, and of these whoever has the lane below.
MAY_APPOINT: Final = {*MAY_RETRY, "village_director", "next_village", *ADMINS}
APPOINTS_OVER_THE_LANE: Final = {"village_director", "town_desk", "county_desk", *ADMINS}

SETS_UP: Final = {"county_admin"}
MAY_CHANGE: Final = {*MAY_RETRY, *ADMINS}  # whoever opens and changes units

OVER_THE_LANE: Final = {  # whose territory holds the lane
    *("lane_head", "deputy", "village_director", "subject", "town_desk"),
    *("county_desk", "county_supervision", "county_leader"),
    *ADMINS,
}
MAY_SET_FIGURES: Final = {"town_desk", "county_desk", *ADMINS}

# ------------------------------------------------------------------------------------------------------- where

LOGIN: Final = "login"  # led to the page that asks who it is
Outcome = int | str
Rule = Callable[[str], Outcome]  # role -> outcome


def everybody(outcome: Outcome) -> Rule:
    return lambda role: outcome


def signed_in(outcome: Outcome) -> Rule:
    """Whoever has signed in, post or none: their own things only."""
    return lambda role: LOGIN if role == "anonymous" else outcome


def staff(outcome: Outcome, *, only: set[str] | None = None, others: Outcome = 403) -> Rule:
    """Whoever holds a post today; of these `only` those named."""

    def rule(role: str) -> Outcome:
        if role == "anonymous":
            return LOGIN
        if role in STRANGERS:
            return others if only is not None else 403
        return outcome if only is None or role in only else others

    return rule


class Page(NamedTuple):
    get: Rule
    post: Rule  # of an empty form, unless FORMS has a better one


NO_GET, NO_POST = everybody(405), everybody(405)


def _of_the_lane(outcome: Outcome, *, only: set[str] = OVER_THE_LANE, inside: Outcome = 404) -> Rule:
    """A page of the lane: `outcome` for those of `only`, `inside` for others whose territory holds it."""

    def rule(role: str) -> Outcome:
        if role == "anonymous":
            return LOGIN
        if role in STRANGERS:
            return 403
        return outcome if role in only else inside if role in OVER_THE_LANE else 404

    return rule


def _looked_after(role: str) -> Outcome:
    """The town's and the county's desk; those of the next ones hold the permission elsewhere."""
    if role == "anonymous":
        return LOGIN
    return 403 if role not in MAY_RETRY else 400 if role in {"town_desk", "county_desk"} else 404


def appoints(outcome: Outcome) -> Rule:
    """Whoever fills the posts of the lane; of the others who fill posts it is not said that the lane has any."""

    def rule(role: str) -> Outcome:
        if role == "anonymous":
            return LOGIN
        return 403 if role not in MAY_APPOINT else outcome if role in APPOINTS_OVER_THE_LANE else 404

    return rule


COUNTY_ADMIN: Final = Page(staff(200, only={"county_admin"}), staff(400, only={"county_admin"}))


def changes(outcome: Outcome) -> Rule:
    """Whoever opens and changes the units above the lane; of the others who do so elsewhere: there is no such unit."""

    def rule(role: str) -> Outcome:
        if role == "anonymous":
            return LOGIN
        return 403 if role not in MAY_CHANGE else 404 if role in {"other_town", "other_county"} else outcome

    return rule


# Pages that show no matter, or one's own.
PAGES: Final[dict[str, Page]] = {
    # without account
    "cases:home": Page(everybody(200), everybody(400)),
    "cases:plate": Page(everybody(200), NO_POST),
    "cases:report": Page(everybody(200), everybody(400)),
    "cases:complain": Page(everybody(200), everybody(400)),
    "cases:find": Page(everybody(200), everybody(400)),
    "cases:danger_words": Page(everybody(200), NO_POST),
    "web:look": Page(NO_GET, everybody(302)),
    "web:alive": Page(everybody(200), NO_POST),
    "web:ready": Page(everybody(200), NO_POST),
    "metrics": Page(everybody(404), NO_POST),  # for a machine with the token
    "web:robots": Page(everybody(200), NO_POST),
    "set_language": Page(everybody(302), everybody(302)),
    "accounts:enrol": Page(everybody(200), everybody(200)),
    "accounts:enrol_desk": Page(everybody(200), everybody(200)),
    # one's own
    "accounts:welcome": Page(signed_in(200), signed_in(405)),
    "accounts:reauth": Page(signed_in(200), signed_in(200)),
    "accounts:me": Page(signed_in(200), signed_in(405)),
    "accounts:change_pin": Page(signed_in(404), signed_in(404)),  # no enrolled phone
    "accounts:set_password": Page(signed_in(200), signed_in(200)),
    "accounts:revoke_device": Page(NO_GET, signed_in(404)),  # somebody else's phone
    "notices:inbox": Page(signed_in(200), signed_in(405)),
    "notices:read_all": Page(signed_in(405), signed_in(302)),
    # the library's own
    "account_login": Page(
        lambda role: 200 if role == "anonymous" else 302, lambda role: 200 if role == "anonymous" else 302
    ),
    "account_logout": Page(lambda role: 302 if role == "anonymous" else 200, everybody(302)),
    "account_inactive": Page(everybody(200), NO_POST),
    "mfa_index": Page(signed_in(200), signed_in(405)),
    "mfa_authenticate": Page(everybody(302), everybody(302)),
    "mfa_login_webauthn": Page(everybody(302), everybody(302)),
    "mfa_reauthenticate_webauthn": Page(signed_in(200), signed_in(302)),
    "mfa_list_webauthn": Page(signed_in(200), signed_in(405)),
    "mfa_add_webauthn": Page(signed_in(200), signed_in(200)),
    "mfa_edit_webauthn": Page(signed_in(404), signed_in(404)),
    "mfa_remove_webauthn": Page(signed_in(404), signed_in(404)),
    "mfa_activate_totp": Page(signed_in(200), signed_in(200)),
    "mfa_deactivate_totp": Page(signed_in(404), signed_in(404)),
    "mfa_view_recovery_codes": Page(signed_in(404), signed_in(405)),
    "mfa_generate_recovery_codes": Page(signed_in(200), signed_in(200)),
    "mfa_download_recovery_codes": Page(signed_in(404), signed_in(404)),
    # for a post
    "cases:tasks": Page(staff(200), NO_POST),
    "matters:queue": Page(staff(200), NO_POST),
    "matters:news": Page(staff(200), NO_POST),
    "matters:day_list": Page(staff(200), NO_POST),
    # nothing ticked
    "matters:assign_many": Page(staff(400, only=MAY_ASSIGN), staff(400, only=MAY_ASSIGN)),
    # one's own filters, and one that is nobody's
    "matters:filters": Page(staff(200), NO_POST),
    "matters:save_filter": Page(NO_GET, staff(400)),
    "matters:rename_filter": Page(NO_GET, staff(400)),
    "matters:delete_filter": Page(NO_GET, staff(404)),
    "cases:responsibilities": Page(staff(200), NO_POST),
    "cases:field_report": Page(staff(200), staff(400)),
    "cases:intake": Page(staff(200, only=MAY_REPORT), staff(400, only=MAY_REPORT)),
    "cases:intake_places": Page(staff(200, only=MAY_REPORT), NO_POST),
    # orders from elsewhere; the workbook of somebody else is not there
    "cases:orders": Page(staff(200, only=MAY_IMPORT), NO_POST),
    "cases:import_orders": Page(staff(200, only=MAY_IMPORT), staff(400, only=MAY_IMPORT)),
    "cases:check_orders": Page(
        staff(404, only=MAY_IMPORT, others=403), staff(404, only=MAY_IMPORT, others=403)
    ),
    "cases:annotated_orders": Page(staff(404, only=MAY_IMPORT, others=403), NO_POST),
    "cases:orders_template": Page(staff(200, only=MAY_IMPORT), NO_POST),
    "cases:export_replies": Page(NO_GET, staff(302, only=MAY_IMPORT)),
    # for platforms, by the token of a source; whoever has signed in is nobody here
    "cases:api_take_order": Page(NO_GET, everybody(401)),
    "cases:api_replies": Page(everybody(401), NO_POST),
    "territory:enrol_people": Page(staff(200, only=MAY_ENROL), signed_in(405)),
    "insight:units": Page(staff(200), NO_POST),
    "insight:unit": Page(_of_the_lane(200), NO_POST),
    "insight:dossier": Page(_of_the_lane(404), NO_POST),  # of villages: a lane has none
    "insight:set_figure": Page(
        _of_the_lane(200, only=MAY_SET_FIGURES, inside=403),
        _of_the_lane(400, only=MAY_SET_FIGURES, inside=403),
    ),
    "insight:remove_figure": Page(NO_GET, _of_the_lane(404)),  # there is none
    # without asking for a unit: of one's own
    "insight:map": Page(staff(200), NO_POST),
    "insight:map_units": Page(staff(200), NO_POST),
    "insight:map_points": Page(staff(200), NO_POST),
    # the link of the lane's head: only from the village, the town and the county above
    "territory:issue_enrolment": Page(
        NO_GET,
        staff(200, only={"village_director", "subject", "town_desk", "county_desk", *ADMINS}, others=404),
    ),
    # posts and people: the lane's, its head's, an absence of the head's to come
    "territory:people": Page(staff(200, only=MAY_APPOINT), signed_in(405)),
    "territory:find_seats": Page(staff(200, only=MAY_APPOINT), signed_in(405)),
    "territory:person": Page(appoints(200), signed_in(405)),
    "territory:off_board": Page(appoints(200), appoints(400)),
    "territory:seats": Page(appoints(200), signed_in(405)),
    "territory:appoint": Page(appoints(200), appoints(400)),
    "territory:set_duty_number": Page(appoints(200), appoints(302)),
    "territory:end_appointment": Page(appoints(200), appoints(400)),
    "territory:record_absence": Page(appoints(200), appoints(400)),
    "territory:end_absence": Page(signed_in(405), appoints(302)),
    # tables of appointments; what was found in one is only for who brought it
    "territory:import_people": Page(staff(200, only=MAY_APPOINT), staff(400, only=MAY_APPOINT)),
    "territory:import_units": Page(
        staff(200, only={*MAY_RETRY, *ADMINS}), staff(400, only={*MAY_RETRY, *ADMINS})
    ),
    "territory:table_template": Page(staff(200, only=MAY_APPOINT), signed_in(405)),
    "territory:imported": Page(signed_in(404), signed_in(404)),
    # levels and posts of the county
    "territory:scheme": Page(staff(200, only=SETS_UP), signed_in(405)),
    "territory:edit_level": Page(staff(200, only=SETS_UP), staff(400, only=SETS_UP)),
    "territory:add_level": Page(staff(200, only=SETS_UP), staff(400, only=SETS_UP)),
    "territory:edit_post": Page(staff(200, only=SETS_UP), staff(400, only=SETS_UP)),
    "territory:add_post": Page(staff(200, only=SETS_UP), staff(400, only=SETS_UP)),
    # the lane among the units: nothing can be opened below it, and it needs no merge that names nobody
    "territory:settings": Page(staff(200, only=MAY_APPOINT), signed_in(405)),
    "territory:list_units": Page(staff(200, only=MAY_CHANGE), signed_in(405)),
    "territory:show_unit": Page(changes(200), signed_in(405)),
    "territory:open_unit": Page(changes(404), changes(404)),
    "territory:rename_unit": Page(changes(200), changes(400)),
    "territory:split_unit": Page(changes(200), changes(400)),
    "territory:end_unit": Page(changes(200), changes(400)),
    "territory:merge_units": Page(staff(409, only=MAY_CHANGE), staff(409, only=MAY_CHANGE)),
    # the plate of the lane
    "territory:print_plate": Page(
        lambda role: LOGIN if role == "anonymous" else 200 if role in MAY_PRINT else 404, signed_in(405)
    ),
    # of villages: a lane has none
    "territory:print_board": Page(signed_in(404), signed_in(405)),
    "territory:plates": Page(staff(200, only=MAY_ENROL), signed_in(405)),
    # of the lane, and nothing said to be printed
    "territory:record_print": Page(
        signed_in(405), lambda role: LOGIN if role == "anonymous" else 409 if role in MAY_PRINT else 404
    ),
    "notices:preferences": Page(signed_in(200), signed_in(200)),
    "notices:set_address": Page(signed_in(404), signed_in(404)),  # no such channel
    "notices:deliveries": Page(staff(200, only=MAY_RETRY), signed_in(405)),
    "notices:retry_delivery": Page(
        signed_in(405), staff(404, only=MAY_RETRY, others=403)
    ),  # which one is not said
    # a message to the lane's head that did not arrive, and nobody chosen to tell it
    "notices:hand_over_delivery": Page(signed_in(405), lambda role: _looked_after(role)),
    # the roster, and an entry of it in the lane's seat
    "territory:on_call": Page(staff(200), signed_in(405)),
    "territory:set_on_call": Page(staff(200, only=MAY_ENROL), staff(400, only=MAY_ENROL)),
    "territory:end_on_call": Page(
        lambda role: LOGIN if role == "anonymous" else 200 if role in MAY_END_ON_CALL else 404,
        lambda role: LOGIN if role == "anonymous" else 302 if role in MAY_END_ON_CALL else 404,
    ),
    "insight:begin": Page(signed_in(302), NO_POST),
    # figures of what one looks after
    **{
        name: Page(staff(200), NO_POST)
        for name in ("insight:figures", "insight:figures_workbook", "insight:figures_paper")
    },
    # what a county's administrator decides
    "territory:calendar": COUNTY_ADMIN,
    "territory:hours": COUNTY_ADMIN,
    "cases:categories": Page(staff(200, only={"county_admin"}), NO_POST),
    "cases:category": COUNTY_ADMIN,
    "cases:add_category": COUNTY_ADMIN,
    "cases:set_limit": Page(NO_GET, staff(400, only={"county_admin"})),
    "cases:drop_limit": Page(NO_GET, staff(404, only={"county_admin"})),
    "cases:import_list": COUNTY_ADMIN,
    # nobody's upload but one's own
    "cases:check_list": Page(staff(404, only={"county_admin"}), staff(404, only={"county_admin"})),
    "cases:annotated_list": Page(staff(404, only={"county_admin"}), NO_POST),
    "cases:list_workbook": Page(staff(200, only={"county_admin"}), NO_POST),
    # the lane head's own job, and what it made
    **{
        name: Page(
            lambda role: LOGIN if role == "anonymous" else 200 if role == "lane_head" else 404, signed_in(405)
        )
        for name in ("web:job", "web:job_file")
    },
    # the lane head's notice
    "notices:open": Page(
        lambda role: LOGIN if role == "anonymous" else 302 if role == "lane_head" else 404, signed_in(405)
    ),
}

# Pages of one matter: outcomes for whoever sees it, and who holds its receipt. Everybody else: 404.
SHOWN: Final[dict[str, tuple[Outcome, Outcome]]] = {
    "cases:case": (200, 405),
    "cases:taken_down": (200, 405),
    "cases:photo": (200, 405),
    "matters:matter": (302, 405),
}
RECEIPT: Final[dict[str, tuple[Outcome, Outcome]]] = {
    "cases:track": (200, 405),
    "cases:receipt": (200, 405),
    "cases:track_photo": (200, 405),
    "cases:track_act": (405, 409),  # of a form without its own id
}
# Acts on one matter, tried with whole forms below.
ACTS: Final = {"cases:act", "cases:reveal", "cases:me_too"}


def addresses(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            yield f"{space}{entry.name}", entry


def test_every_address_is_decided() -> None:
    names = [name for name, _ in addresses(get_resolver())]
    assert len(names) == len(set(names))
    assert set(names) == PAGES.keys() | SHOWN.keys() | RECEIPT.keys() | ACTS


# Nothing that a browser sends along by itself is looked at there, so there is nothing to forge: a request without the
# token of a source is answered 401 whoever has signed in (PAGES above, and cases/tests/test_orders_pages.py).
NO_FORMS: Final = ["cases:api_take_order"]


def test_no_page_is_exempt_from_the_check_of_forged_forms() -> None:
    exempt = [n for n, entry in addresses(get_resolver()) if getattr(entry.callback, "csrf_exempt", False)]
    assert exempt == NO_FORMS


# ------------------------------------------------------------------------------------------------------- the county


@dataclass
class World:
    place: Place
    people: dict[str, User]  # by role; nobody for "anonymous"
    reported: dict[Visibility, Receipted]
    photos: dict[Visibility, MatterPhoto]
    notice: Notice
    delivery: Delivery
    token: str
    on_call: OnCall  # tonight, in the lane's seat
    job: Job
    absence: Absence  # of the lane's head, far ahead

    def sign_in(self, role: str) -> dict[str, str]:
        """The cookies of somebody who proved themselves a moment ago."""
        client = Client()
        if role != "anonymous":
            client.force_login(self.people[role], backend=sessions.BACKEND)
            session = client.session
            session[sessions.FRESH] = int(clock.now().timestamp())
            session.save()
        return {name: morsel.value for name, morsel in client.cookies.items()}

    def address(self, name: str, kind: Visibility | None = None, action: str = "") -> str:
        known: dict[str, Any] = {
            "plate_code": self.place.lane.plate_code,
            "token": self.token,
            "notice_id": self.notice.pk,
            "delivery_id": self.delivery.pk,
            "kind": "pigeon",
            "filter_id": new_id(),
            "figure_id": new_id(),
            "unit_id": self.place.lane.pk,
            "what": "people",
            "level_id": self.place.lane.level_id,
            "post_id": self.place.posts["lane_head"].pk,
            "appointment_id": self.absence.appointment_id,
            "absence_id": self.absence.pk,
            "user_id": self.people["lane_head"].pk,
            "device_id": new_id(),
            "entry_id": self.on_call.pk,
            "job_id": self.job.pk,
            "code": "environment",
            "limit_id": new_id(),
            "which": "template",
            "pk": 1,
            "action": action or "confirm_case",
        }
        if kind is not None:
            known |= {
                "matter_id": self.reported[kind].matter.pk,
                "photo_id": self.photos[kind].pk,
                "code": self.reported[kind].code,
            }
        wanted = next(entry for found, entry in addresses(get_resolver()) if found == name)
        return reverse(name, kwargs={key: known[key] for key in wanted.pattern.converters})


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Made once for the module: every request of the walk is rolled back."""
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase: what is durable may lie in it
        with around:
            yield make_world()
            transaction.set_rollback(True)


def make_world() -> World:
    place, next_county = make_place(), make_place("14/08/27/")
    people = dict(place.people)

    def unit(parent: Unit, label: str, name: str, code: str = "") -> Unit:
        level = Level.objects.exclude(code="organ").get(
            scheme=place.posts["town_desk"].scheme, parent=parent.level
        )
        return open_unit(parent=parent, level=level, label=label, name=name, code=code, valid_from=SINCE)

    other_town = unit(place.county, "101", "卫庄镇", "140826101")
    next_village = unit(place.town, "201", "乔寺村", "140826100201")
    people["other_town"] = place.seat("town_desk", other_town, "冯值班")
    people["next_village"] = place.seat("village_director", next_village, "陈主任")
    people["next_lane"] = people["lane_head_2"]
    people["town_admin"] = place.seat("town_admin", place.town, "畅管理")
    people["county_admin"] = place.seat("county_admin", place.county, "荆管理")
    people["county_leader"] = place.seat("county_leader", place.county, "卫领导")
    people["deputy"] = place.seat("lane_head", place.lane, "褚代理", standing=Standing.DEPUTY)
    people["ended"] = place.seat("town_desk", place.town, "卫前任", valid_to=date(2025, 1, 1))
    people["future"] = User.objects.create_user(display_name="蒋将任")
    appoint(
        user=people["future"], unit=place.town, post=place.posts["town_desk"], valid_from=date(2090, 1, 1)
    )
    people["no_post"] = User.objects.create_user(display_name="沈路人")
    people["subject"] = people["village_clerk"]
    people["other_county"] = next_county.people["county_desk"]
    people["grantee"] = next_county.people["lane_head"]

    reported = {kind: _reported(place, kind) for kind in KINDS}
    photos = {kind: _decked(reported[kind].matter, people) for kind in KINDS}
    notice = Notice.objects.create(
        message=new_id(),
        user=people["lane_head"],
        about=reported[Visibility.ORDINARY].matter.pk,
        kind="report_case",
        at=clock.now(),
    )
    delivery = Delivery.objects.create(
        county=place.county,
        kind=ChannelKind.SMS,
        user=people["lane_head"],
        about=reported[Visibility.ORDINARY].matter.pk,
        what="report_case",
        state=DeliveryState.DEAD,
        made_at=clock.now(),
        not_before=clock.now(),
    )
    newcomer = User.objects.create_user(display_name="韩新人")
    _enrolment, token = issue_enrolment(user=newcomer, issued_by=None, now=clock.now())
    (on_call,) = set_on_call(
        unit=place.lane,
        post=place.posts["lane_head"],
        user=people["next_lane"],
        starts=clock.now() + timedelta(hours=1),
        ends=clock.now() + timedelta(hours=2),
    )
    job = jobs.start("tests.fence", by=people["lane_head"].pk)
    jobs._keep(job, JobFile.Side.MADE, "plates.pdf", "application/pdf", b"%PDF")
    jobs._end(job, Job.State.DONE, "")
    absence = Absence.objects.create(
        appointment=people["lane_head"].appointments.get(), starts=datetime(2090, 1, 1, tzinfo=UTC)
    )
    return World(place, people, reported, photos, notice, delivery, token, on_call, job, absence)


def _reported(place: Place, kind: Visibility) -> Receipted:
    """A report with a contact. No category that is open makes a sealed matter yet, so a category is told so
    for the moment, in memory.
    """
    code = "service_complaint" if kind == Visibility.PRIVATE else "facilities"
    found = category_with_limits(code, on=clock.now())
    assert found is not None
    found[0].visibility = kind
    report = Report(
        client_id=new_id(),
        category=found[0],
        limits=found[1],
        words="第二盏路灯一直不亮",
        place=place.lane,
        place_name="庙上村 一巷",
        channel=Channel.PLATE,
        contact_phone="13800000000",
    )
    return report_case(report)


def _decked(matter: Matter, people: dict[str, User]) -> MatterPhoto:
    """Hang the photo, the grant, the subject and, on the sealed one, its list on a matter."""
    now = clock.now()
    if matter.visibility == Visibility.SEALED:
        MatterGrant.objects.filter(matter=matter).delete()
        supervision = people["county_supervision"].appointments.get()
        seat = f"{supervision.unit_id}:{supervision.post_id}"
        matters.put_in_seat(
            matter, SimpleNamespace(seat=seat, unit_id=supervision.unit_id, post_id=supervision.post_id)
        )
        matter.save()
        MatterGrant.objects.create(matter=matter, kind=GrantKind.SEALED, seat=seat, granted_at=now)
    MatterGrant.objects.create(matter=matter, kind=GrantKind.TOGETHER, user=people["grantee"], granted_at=now)
    MatterSubject.objects.get_or_create(matter=matter, user=people["subject"])
    content = encoded(scene(64, 64, seed=KINDS.index(Visibility(matter.visibility))))
    picture = files.store_picture(io.BytesIO(content), scope=matter.county_id, declared_name="", now=now)
    matters.attach_photos(matter, [picture], PhotoRole.REPORT, event_id=new_id())
    return MatterPhoto.objects.get(matter=matter)


# ------------------------------------------------------------------------------------------------------- the walk


class Walk:
    """Asks for pages as one role, each time as if nothing had been asked before."""

    def __init__(self, world: World, role: str) -> None:
        self.world, self.role = world, role
        self.cookies = world.sign_in(role)
        self.wrong: list[str] = []

    def ask(self, method: str, address: str, form: dict[str, Any] | None = None) -> tuple[Outcome, str]:
        client = Client()
        client.cookies.load(self.cookies)
        with transaction.atomic():
            response = client.get(address) if method == "GET" else client.post(address, form or {})
            # read to its end, a picture's file is closed
            body = response.getvalue().decode(errors="replace")
            transaction.set_rollback(True)
        leads = response.headers.get("Location", "")
        return LOGIN if leads.startswith("/login/?") else response.status_code, body

    def expect(
        self, expected: Outcome, method: str, address: str, form: dict[str, Any] | None = None, what: str = ""
    ) -> str:
        found, body = self.ask(method, address, form)
        if found != expected:
            self.wrong.append(f"{self.role}: {method} {address} {what} gave {found}, not {expected}")
        return body


@pytest.mark.parametrize("role", ROLES)
def test_pages_without_a_matter(world: World, role: str) -> None:
    walk = Walk(world, role)
    for name, page in PAGES.items():
        walk.expect(page.get(role), "GET", world.address(name), what=name)
        walk.expect(page.post(role), "POST", world.address(name), what=name)
    assert not walk.wrong, "\n".join(walk.wrong)


def _hidden(name: str, role: str) -> Outcome:
    """What somebody gets who may not see the matter: always the same, whether it exists or not."""
    if role == "anonymous":
        return LOGIN
    return 403 if role in STRANGERS and name.startswith("cases:") else 404


@pytest.mark.parametrize("role", ROLES)
def test_pages_of_a_matter(world: World, role: str) -> None:
    walk = Walk(world, role)
    for kind in KINDS:
        for name, (get, post) in SHOWN.items():
            address = world.address(name, kind)
            expected = get if role in SEES[kind] else _hidden(name, role)
            walk.expect(expected, "GET", address, what=f"{name} {kind}")
            walk.expect(post, "POST", address, what=f"{name} {kind}")
        for name, (get, post) in RECEIPT.items():  # whoever holds the receipt, whoever that is
            walk.expect(get, "GET", world.address(name, kind), what=f"{name} {kind}")
            walk.expect(post, "POST", world.address(name, kind), what=f"{name} {kind}")
    # what is not there answers like what one may not see
    nowhere = new_id()
    for name, argument in (
        ("cases:case", "matter_id"),
        ("cases:photo", "photo_id"),
        ("matters:matter", "matter_id"),
    ):
        walk.expect(_hidden(name, role), "GET", reverse(name, kwargs={argument: nowhere}), what="nowhere")
    assert not walk.wrong, "\n".join(walk.wrong)


@pytest.mark.parametrize("role", ROLES)
def test_lists_show_what_one_sees_and_nothing_else(world: World, role: str) -> None:
    walk = Walk(world, role)
    for kind in KINDS:
        number = str(world.reported[kind].matter.number)
        _found, desk = walk.ask("GET", reverse("matters:queue"))
        assert (number in desk) == (role in SEES[kind]), (role, kind)
        _found, plate = walk.ask("GET", world.address("cases:plate"))
        assert (f"/me-too/{world.reported[kind].matter.pk}/" in plate) == (kind == Visibility.ORDINARY)
        for word in (number, "路灯一直不亮"):
            assert word not in plate


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", KINDS)
def test_acts_on_a_matter(world: World, role: str, kind: Visibility) -> None:
    walk = Walk(world, role)
    matter = world.reported[kind].matter
    seat = f"{world.place.village.pk}:{world.place.posts['village_director'].pk}"
    hidden = _hidden("cases:act", role)
    for action in ("take_case", "assign_case", "return_case", "handle_on_spot", "reveal_contact"):
        form = {
            "act_id": str(new_id()),
            "seen": Matter.objects.get(pk=matter.pk).turn,
            "note": "灯泡已换，晚上亮了",
            "seat": seat,
        }
        address = world.address("cases:act", kind, action)
        expected: Outcome = 409 if role in SEES[kind] else hidden
        if role in MAY[kind, action]:
            expected = 200 if action == "reveal_contact" else 302
        if action == "handle_on_spot" and role in MAY[kind, action] and kind == Visibility.ORDINARY:
            expected = 409  # the category asks for a photo: a right to act is none to skip a rule
        body = walk.expect(expected, "POST", address, form, what=f"{kind}")
        assert ("13800000000" in body) == (action == "reveal_contact" and expected == 200)
        walk.expect(
            405 if action != "reveal_contact" else (302 if role not in STRANGERS else hidden), "GET", address
        )
    # acts that do not stand here now, that are not of staff, and that are nobody's
    for action in ("resolve_case", "verify_case", "close_case"):
        form = {"act_id": str(new_id()), "seen": 0, "note": "好了", "passed": "yes"}
        expected = 409 if role in SEES[kind] else hidden
        walk.expect(expected, "POST", world.address("cases:act", kind, action), form, what=f"{kind}")
    for action in ("confirm_case", "report_case", "load_categories", "nonsense"):
        form = {"act_id": str(new_id()), "seen": 0, "note": "好了"}
        expected = hidden if role in STRANGERS else 404
        walk.expect(expected, "POST", world.address("cases:act", kind, action), form, what=f"{kind}")
    # a neighbour joins in what is public, and only that
    joined: Outcome = 302 if kind == Visibility.ORDINARY else 404
    walk.expect(joined, "POST", world.address("cases:me_too", kind), {"client_id": str(new_id())})
    walk.expect(405, "GET", world.address("cases:me_too", kind))
    assert not walk.wrong, "\n".join(walk.wrong)


_HANDLE: Final = {"lane_head", "deputy", "village_director", "town_desk", "county_desk"}
_DESKS: Final = {"village_director", "town_desk", "county_desk"}
# The acts beside the loop's own, on a matter just reported (the private and the sealed one wait to be received).
# Nobody in supervision's post receives, hands up or declines: what is sealed goes along its list by itself.
MAY_FURTHER: Final = {
    (
        Visibility.ORDINARY,
        "accept_case",
    ): set(),  # it waits in the seat that handles it: there is nothing to receive
    (Visibility.ORDINARY, "claim_case"): set(),  # there are no sections here
    (Visibility.ORDINARY, "arrive_case"): _HANDLE,
    (Visibility.ORDINARY, "hand_up_case"): _HANDLE,
    (Visibility.ORDINARY, "transfer_case"): _DESKS,
    (Visibility.ORDINARY, "handle_together"): _DESKS,
    (Visibility.ORDINARY, "suspend_case"): _DESKS,
    (Visibility.ORDINARY, "ask_extension"): _HANDLE,
    (Visibility.ORDINARY, "supervise_case"): {*_DESKS, "county_supervision", "county_leader"},
    (Visibility.ORDINARY, "merge_case"): _DESKS,
    (Visibility.ORDINARY, "decline_case"): _DESKS,
    (Visibility.PRIVATE, "accept_case"): {"town_desk"},
    (Visibility.PRIVATE, "claim_case"): set(),
    (Visibility.PRIVATE, "arrive_case"): {"town_desk"},
    (Visibility.PRIVATE, "hand_up_case"): {"town_desk"},  # to the county's supervision
    (Visibility.PRIVATE, "transfer_case"): {"town_desk"},
    (Visibility.PRIVATE, "handle_together"): set(),  # while it waits to be received nobody handles it
    (Visibility.PRIVATE, "suspend_case"): set(),
    (Visibility.PRIVATE, "ask_extension"): set(),
    (Visibility.PRIVATE, "supervise_case"): set(),  # whoever has it does not supervise it
    (Visibility.PRIVATE, "merge_case"): set(),  # what is not ordinary stays by itself
    (Visibility.PRIVATE, "decline_case"): {"town_desk"},
    **{
        (Visibility.SEALED, action): set()
        for action in (
            *(
                "accept_case",
                "claim_case",
                "hand_up_case",
                "transfer_case",
                "handle_together",
                "suspend_case",
            ),
            *("ask_extension", "supervise_case", "merge_case", "decline_case", "arrive_case"),
        )
    },
}
# What waits for something that has not happened to these matters: nobody may.
AWAITED: Final = ("finish_part", "answer_order", "decide_extension", "resume_case")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_further_acts_on_a_matter(world: World, role: str, kind: Visibility) -> None:
    """Each from the same state: what one act changed is undone before the next."""
    walk = Walk(world, role)
    matter = world.reported[kind].matter
    organ = open_organ(county=world.place.county, name="城市管理局", valid_from=SINCE)
    desk = world.place.posts["organ_desk"]
    appoint(user=User.objects.create_user(display_name="冯值班"), unit=organ, post=desk, valid_from=SINCE)
    # a case goes into what was reported before it
    with clock.set_to(Matter.objects.get(pk=matter.pk).reported_at - timedelta(hours=1)):
        other = Matter.objects.get(pk=make_report(world.place.lane).matter.pk)
    seats = {"transfer_case": f"{organ.pk}:{desk.pk}"}
    village = f"{world.place.village.pk}:{world.place.posts['village_director'].pk}"
    hidden = _hidden("cases:act", role)
    for action in [action for found, action in MAY_FURTHER if found == kind] + list(AWAITED):
        form = {
            "act_id": str(new_id()),
            "seen": Matter.objects.get(pk=matter.pk).turn,
            "note": "请看原因",
            "seat": seats.get(action, village),
            "days": "1",
            "where": "县城市管理局窗口",
            "number": str(other.number),
            "part": str(new_id()),
            "order": str(new_id()),
            "approved": "yes",
        }
        expected: Outcome = 409 if role in SEES[kind] else hidden
        if role in MAY_FURTHER.get((kind, action), ()):
            expected = 302
        before = transaction.savepoint()
        walk.expect(expected, "POST", world.address("cases:act", kind, action), form, what=f"{kind}")
        transaction.savepoint_rollback(before)
    assert not walk.wrong, "\n".join(walk.wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_the_receipt_of_one_matter_opens_no_other(world: World, kind: Visibility) -> None:
    walk = Walk(world, "anonymous")
    for other in KINDS:
        kwargs: dict[str, Any] = {"code": world.reported[kind].code, "photo_id": world.photos[other].pk}
        walk.expect(200 if kind == other else 404, "GET", reverse("cases:track_photo", kwargs=kwargs))
    assert not walk.wrong, "\n".join(walk.wrong)


def test_the_table_speaks_of_every_act() -> None:
    """No act of staff is left out of the walk: each is tried where it may be done, or refused where it may not."""
    tried = {action for _, action in [*MAY, *MAY_FURTHER]} | {
        *AWAITED,
        "resolve_case",
        "verify_case",
        "close_case",
    }
    of_staff = {row.action for row in TABLE.values() if not row.by_reporter and not row.by_rule}
    assert of_staff | {"reveal_contact"} == tried
