"""What nobody means to send: every question and form field of the administrator's and the leader's pages, with
nonsense in it. A page answers in words or not at all, and never with an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from xiangli.cases.models import Category, Limit
from xiangli.cases.tests.factories import Place, make_place, make_report
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id

pytestmark = pytest.mark.django_db

NONSENSE: Final = (
    "", " ", "\0", "a\0b", "²", "٣", "-1", "0", "1e400", "NaN", "Infinity", "9" * 5000, "2026-13", "0000", "2026-02-30",
    "0001-01-01", "9999-12-31", "' OR 1=1 --", "%", "_", "<b>", "\ud7ff\uffff", "街" * 3000, "true", "\n", "lamp\n",
    "00000000-0000-0000-0000-000000000000", "../../etc/passwd", "{}", "[]", "{{ 7 }}", "%(scope)s", "=1+1", "😀",
)  # fmt: skip
MOST_LIKELY: Final = (
    "", "a\0b", "²", "-1", "NaN", "9" * 5000, "2026-02-30", "9999-12-31", "街" * 3000, "lamp\n", "{{ 7 }}", "%(scope)s",
)  # fmt: skip  # a form has many fields
ASKED: Final = {
    "/figures/": ("unit", "period"),
    "/figures/workbook/": ("unit", "period"),
    "/units/": ("unit", "q", "ended", "cursor"),
    "/units/{village}/": ("cursor",),
    "/map/": ("unit",),
    "/map/units.json": ("unit",),
    "/map/points.json": ("unit",),
    "/settings/calendar/": ("year",),
}
FILLED: Final = {
    "/units/{village}/figures/": {
        "name": "户数", "value": "318", "measure": "户", "as_of": "2026-01-01", "source": "清点",
    },
    "/settings/categories/environment/": {
        "name": "环境卫生", "name_en": "Environment", "hint": "", "hint_en": "", "duty": "environment", "intake": "open",
        "evidence": "none", "verify": "on", "verify_share": "10", "public": "on", "order": "10", "hotlines": "12345",
    },
    "/settings/categories/new/": {
        "code": "street_light", "name": "路灯", "name_en": "Street lights", "hint": "", "hint_en": "",
        "duty": "environment", "intake": "open", "evidence": "none", "verify": "on", "verify_share": "10",
        "public": "on", "order": "10", "hotlines": "12345",
    },
    "/settings/categories/environment/limits/": {
        "clock": "put_right", "amount": "5", "kind": "working_days", "valid_from": "2099-01-01", "source": "县里的文件",
    },
    "/settings/hours/": {"duty_hours": "08:00-12:00 14:30-18:00", "quiet_hours": "22:00-07:00"},
    "/settings/calendar/": {"year": "2027", "source": "国办发明电〔2026〕9号", "file": "", "confirm": ""},
}  # fmt: skip
FILES: Final = (
    b"", b"\n\n", b"\0", b"\xff\xfe\0", b"PK\x03\x04", b"PK\x03\x04" + b"x" * 2000, b"\xd0\xcf\x11\xe0", b"day,working,name",
    b"day,working,name\n", b"day,working,name\n2027-02-31,1,x", b"day,working,name\n2027-01-01,0",
    b"day,day,working,name\n1,2,3,4", "日期,上班,名称\n2027年1月1日,休,元旦".encode("gb18030"), b'"', b",,,,\n,,,", b"\xef\xbb\xbf",
    b"a,b\n" * 6000, b"," * 100, b"day,working,name\n0000-01-01,0,x", b"day,working,name\n9999-12-31,0,x",
)  # fmt: skip


@pytest.fixture
def place() -> Place:
    place = make_place()
    place.people["county_admin"] = place.seat("county_admin", place.county, "荆管理")
    make_report(place.lane)
    return place


@pytest.fixture
def admin(place: Place) -> Client:
    client = Client()
    client.force_login(place.people["county_admin"])
    return client


def answered(status: int, what: object) -> None:
    assert status < 500, what


def test_no_question_breaks_a_page(place: Place, admin: Client) -> None:
    for address, asked in ASKED.items():
        page = address.format(village=place.village.pk)
        assert admin.get(page).status_code == 200, page
        for field in asked:
            for typed in NONSENSE:
                answered(admin.get(page, {field: typed}).status_code, (page, field, typed[:40]))
        answered(admin.get(f"{page}?{asked[0]}=%ED%A0%80&{asked[0]}=%00&%00=1").status_code, page)


def one_wrong(whole: dict[str, str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    for field in whole:
        for typed in MOST_LIKELY:
            yield field, typed, whole | {field: typed}
        yield field, "left out", {key: value for key, value in whole.items() if key != field}


def test_no_form_field_breaks_a_page(place: Place, admin: Client) -> None:
    for address, whole in FILLED.items():
        page = address.format(village=place.village.pk)
        for field, typed, form in one_wrong(whole):
            answered(admin.post(page, form).status_code, (page, field, typed[:40]))
    # whatever was let through can be shown
    for page in ("/settings/categories/", "/settings/hours/", f"/units/{place.village.pk}/", "/figures/"):
        assert admin.get(page).status_code == 200, page
    for code in Category.objects.values_list("code", flat=True):
        assert admin.get(f"/settings/categories/{code}/").status_code == 200, code


def test_no_file_breaks_a_page(admin: Client) -> None:
    for page in ("/settings/calendar/", "/settings/responsibilities/"):
        for content in FILES:
            for name in ("a.csv", "\u202egnp" + "x" * 300):
                form = {"year": "2027", "source": "通知", "file": SimpleUploadedFile(name, content)}
                answered(admin.post(page, form).status_code, (page, content[:40], name[:20]))


def test_addresses_of_what_is_not_there(place: Place, admin: Client) -> None:
    nobody, limit = new_id(), Limit.objects.filter(valid_from__lte=clock.now()).first()
    assert limit is not None
    for page in (
        f"/jobs/{nobody}/",
        f"/units/{nobody}/",
        f"/units/{nobody}/dossier.pdf",
        f"/units/{place.lane.pk}/dossier.pdf",
        "/settings/categories/no_such/",
    ):
        assert admin.get(page).status_code == 404, page
    for page in (
        f"/units/{place.village.pk}/figures/{nobody}/remove/",
        f"/settings/categories/environment/limits/{nobody}/drop/",
    ):
        assert admin.post(page).status_code == 404, page
    for page in (f"/settings/responsibilities/{nobody}/", f"/settings/responsibilities/{nobody}/annotated/"):
        answered(admin.get(page).status_code, page)
        answered(admin.post(page).status_code, page)
