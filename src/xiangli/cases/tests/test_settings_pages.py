from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from xiangli.cases.models import Category, Limit, Responsibility
from xiangli.cases.queries import category_with_limits, template_workbook
from xiangli.cases.states import ClockName
from xiangli.cases.tests.factories import Place, make_place
from xiangli.kernel import clock
from xiangli.kernel.models import LedgerEvent
from xiangli.territory.rules import day_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    place = make_place()
    place.people["county_admin"] = place.seat("county_admin", place.county, "荆管理")
    return place


@pytest.fixture
def admin(place: Place) -> Client:
    client = Client()
    client.force_login(place.people["county_admin"])
    return client


def words_of(category: Category, **changes: Any) -> dict[str, Any]:
    values = {
        name: getattr(category, name)
        for name in (
            "name",
            "name_en",
            "hint",
            "hint_en",
            "duty",
            "intake",
            "evidence",
            "verify_share",
            "order",
            "hotlines",
        )
    } | changes
    ticks = {name: "on" for name in ("verify", "public") if changes.get(name, getattr(category, name))}
    return {key: value for key, value in values.items() if key not in ("verify", "public")} | ticks


def tomorrow() -> date:
    return day_of(clock.now()) + timedelta(days=1)


def test_a_category_is_changed_from_the_next_report_on(admin: Client) -> None:
    row = Category.objects.get(code="environment")
    answer = admin.post(
        "/settings/categories/environment/", words_of(row, name="环境整治", verify=True), follow=True
    )
    assert "已改“环境整治”" in answer.content.decode()
    row.refresh_from_db()
    assert (row.name, row.verify) == ("环境整治", True)
    known = category_with_limits("environment", on=clock.now())
    assert known is not None
    assert known[0].verify
    event = LedgerEvent.objects.get(kind="set_category")
    assert event.data == {"category": "environment", "set": {"name": "环境整治", "verify": True}}


def test_what_is_sealed_does_not_open_and_what_is_private_is_no_neighbours(admin: Client) -> None:
    for code, change, said in (
        ("family_violence", {"intake": "open"}, "要等保密通道"),
        ("service_complaint", {"public": True}, "不公开的事项不能给邻居看"),
    ):
        row = Category.objects.get(code=code)
        answer = admin.post(f"/settings/categories/{code}/", words_of(row, **change))
        assert answer.status_code == 400
        assert said in answer.content.decode()
    assert not LedgerEvent.objects.filter(kind="set_category").exists()


def test_complaints_about_those_who_answer_stay_open_and_never_come_to_them(admin: Client) -> None:
    row = Category.objects.get(code="service_complaint")
    for change, said in (
        ({"duty": "environment"}, "投诉会到被投诉的人手里"),
        ({"intake": "closed", "hotlines": ["12345"]}, "一直受理，不能关"),
    ):
        answer = admin.post("/settings/categories/service_complaint/", words_of(row, **change))
        assert answer.status_code == 400
        assert said in answer.content.decode()
    # nor does anything that the whole village reads become a complaint about a person
    ordinary = Category.objects.get(code="environment")
    as_complaint = words_of(ordinary, duty="complaints")
    for address, form in (
        ("/settings/categories/environment/", as_complaint),
        ("/settings/categories/new/", as_complaint | {"code": "against_him"}),
    ):
        answer = admin.post(address, form)
        assert answer.status_code == 400
        assert "已有专门一类" in answer.content.decode()
    assert not Category.objects.filter(code="against_him").exists()
    assert not LedgerEvent.objects.filter(kind__in=("set_category", "add_category")).exists()
    # its words may change
    admin.post("/settings/categories/service_complaint/", words_of(row, hint="不满意就说"))
    row.refresh_from_db()
    assert (row.hint, row.duty, row.intake) == ("不满意就说", "complaints", "open")


def test_what_is_not_taken_here_says_where_to_turn(admin: Client) -> None:
    for code, change in (
        ("family_violence", {"hotlines": []}),
        ("voices", {"intake": "closed", "hotlines": []}),
    ):
        answer = admin.post(
            f"/settings/categories/{code}/", words_of(Category.objects.get(code=code), **change)
        )
        assert answer.status_code == 400
        assert "至少一个热线" in answer.content.decode()
    row = Category.objects.get(code="voices")
    admin.post("/settings/categories/voices/", words_of(row, intake="closed", hotlines=["12345"]))
    row.refresh_from_db()
    assert (row.intake, row.hotlines) == ("closed", ["12345"])


@pytest.mark.parametrize("code", ["new", "lamp\n", "Lamp", "路灯", "a-b", "1lamp"])
def test_a_code_that_has_no_address_is_refused(admin: Client, code: str) -> None:
    form = words_of(Category.objects.get(code="environment")) | {"code": code}
    assert admin.post("/settings/categories/new/", form).status_code == 400
    assert not Category.objects.filter(code=code).exists()


def test_a_category_that_another_added_meanwhile_is_refused_in_words(
    admin: Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(**_asked: Any) -> None:
        Category.objects.create(code="lamp", name="路灯", name_en="Lamps", duty="facilities")

    monkeypatch.setattr("xiangli.cases.actions.settings.territory.record_setting", meanwhile)
    answer = admin.post(
        "/settings/categories/new/", words_of(Category.objects.get(code="environment")) | {"code": "lamp"}
    )
    assert answer.status_code == 400
    assert "已经有了" in answer.content.decode()


def test_whoever_shares_a_platform_is_told_whose_categories_they_change(admin: Client, place: Place) -> None:
    pages = ("/settings/categories/", "/settings/categories/new/", "/settings/categories/environment/")
    for page in pages:
        assert "共用" not in admin.get(page).content.decode()
    other = make_place("14/08/27/")
    for page in pages:
        said = admin.get(page).content.decode()
        assert "2 个县共用" in said
        assert other.county.short_name in said


def test_a_list_names_the_seats_of_the_county_it_is_imported_for(admin: Client, place: Place) -> None:
    other = make_place("14/08/27/")
    here = upload(admin, a_list(place)).redirect_chain[-1][0]
    admin.post(here)
    assert set(Responsibility.objects.values_list("county", flat=True)) == {place.county.pk}
    assert not Responsibility.objects.filter(county=other.county).exists()


def test_a_countys_own_category_has_every_limit(admin: Client) -> None:
    row = Category.objects.get(code="environment")
    form = words_of(row, name="路灯", name_en="Street lights") | {"code": "street_light"}
    assert "已加“路灯”" in admin.post("/settings/categories/new/", form, follow=True).content.decode()
    assert set(Limit.objects.filter(category__code="street_light").values_list("clock", flat=True)) == set(
        ClockName.values
    )
    again = admin.post("/settings/categories/new/", form)
    assert again.status_code == 400
    assert "已经有了" in again.content.decode()


def test_a_limit_begins_tomorrow_at_the_earliest_and_may_be_taken_back_until_then(admin: Client) -> None:
    form = {
        "clock": "put_right",
        "amount": "5",
        "kind": "working_days",
        "source": "县政府办〔2026〕12号 第三条",
    }
    early = admin.post(
        "/settings/categories/environment/limits/", form | {"valid_from": day_of(clock.now()).isoformat()}
    )
    assert early.status_code == 400
    assert "最早从明天起" in early.content.decode()
    admin.post("/settings/categories/environment/limits/", form | {"valid_from": tomorrow().isoformat()})
    limit = Limit.objects.get(category__code="environment", clock="put_right", valid_from=tomorrow())
    assert (limit.amount, limit.kind) == (5, "working_days")
    known = category_with_limits("environment", on=clock.now())
    later = category_with_limits("environment", on=clock.now() + timedelta(days=1))
    assert known is not None
    assert later is not None
    assert known[1].of(ClockName.PUT_RIGHT).length.amount != 5
    assert later[1].of(ClockName.PUT_RIGHT).length.amount == 5
    admin.post(f"/settings/categories/environment/limits/{limit.pk}/drop/")
    assert not Limit.objects.filter(pk=limit.pk).exists()
    in_force = Limit.objects.filter(category__code="environment", clock="put_right").latest("valid_from")
    refused = admin.post(f"/settings/categories/environment/limits/{in_force.pk}/drop/")
    assert refused.status_code >= 400
    assert Limit.objects.filter(pk=in_force.pk).exists()
    kinds = LedgerEvent.objects.filter(stream=LedgerEvent.objects.get(kind="set_limit").stream).values_list(
        "kind", flat=True
    )
    assert [kind for kind in kinds if kind in ("set_limit", "drop_limit")] == ["set_limit", "drop_limit"]


def a_list(place: Place, *, level: str = "街巷") -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(template_workbook(place.county, today=day_of(clock.now()))))
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    known = {
        "事项类别": "环境卫生",
        "发生在": level,
        "由谁负责": "网格长",
        "依据": "县里的清单",
        "起": tomorrow(),
    }
    for row in range(sheet.max_row, 1, -1):
        sheet.delete_rows(row)
    sheet.append([known.get(str(head)) for head in heads])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def upload(client: Client, content: bytes) -> Any:
    return client.post(
        "/settings/responsibilities/", {"file": SimpleUploadedFile("list.xlsx", content)}, follow=True
    )


def test_a_list_is_checked_row_by_row_before_anything_is_written(admin: Client, place: Place) -> None:
    wrong = upload(admin, a_list(place, level="没有这级"))
    page = wrong.content.decode()
    assert "还没有写入任何一行" in page
    assert "没有这级" in page
    assert "写入清单" not in page
    here = wrong.redirect_chain[-1][0]
    book = openpyxl.load_workbook(io.BytesIO(admin.get(f"{here}annotated/").content))
    assert "结果" in [cell.value for cell in book.worksheets[0][1]]
    assert admin.post(here).status_code == 409
    assert not Responsibility.objects.exists()

    right = upload(admin, a_list(place))
    here = right.redirect_chain[-1][0]
    assert "写入清单" in right.content.decode()
    assert not Responsibility.objects.exists()
    assert "已导入：新增 1 行" in admin.post(here, follow=True).content.decode()
    assert Responsibility.objects.count() == 1
    assert LedgerEvent.objects.filter(kind="enter_responsibilities").count() == 1


def test_somebody_elses_upload_is_not_there(admin: Client, place: Place) -> None:
    here = upload(admin, a_list(place)).redirect_chain[-1][0]
    other = Client()
    other.force_login(place.seat("county_admin", place.county, "另一位"))
    assert other.get(here).status_code == 404
    assert other.post(here).status_code == 404
    assert not Responsibility.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "/settings/categories/",
        "/settings/categories/new/",
        "/settings/categories/environment/",
        "/settings/responsibilities/",
    ],
)
def test_only_the_countys_administrator(place: Place, address: str) -> None:
    for who in ("county_desk", "town_desk", "lane_head"):
        client = Client()
        client.force_login(place.people[who])
        assert client.get(address).status_code == 403


def test_statements_do_not_grow_with_categories(
    admin: Client, django_assert_num_queries: Callable[..., CaptureQueriesContext]
) -> None:
    admin.get("/settings/categories/")  # what a process keeps is kept now
    with CaptureQueriesContext(connection) as captured:
        admin.get("/settings/categories/")
    few = len(captured)
    row = Category.objects.get(code="environment")
    for code in ("one", "two", "three"):
        admin.post("/settings/categories/new/", words_of(row) | {"code": code})
    with django_assert_num_queries(few):
        admin.get("/settings/categories/")
