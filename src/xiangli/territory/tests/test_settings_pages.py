from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from xiangli.kernel import clock
from xiangli.kernel.calendar import published_years, year_of
from xiangli.kernel.models import LedgerEvent
from xiangli.territory.models import County
from xiangli.territory.tests.factories import Small, make_county

pytestmark = pytest.mark.django_db

DAYS = """日期,上班,名称
2026-12-31,0,元旦
2027-01-01,0,元旦
2027-01-03,1,元旦
2027-05-03,0,劳动节
2027-10-01,0,国庆节
"""


@pytest.fixture
def small() -> Small:
    return make_county()


def signed_in(small: Small, post: str, unit: object) -> Client:
    client = Client()
    client.force_login(small.seat(post, unit, "管理员").user)  # type: ignore[arg-type]  # a unit of the small county
    return client


def upload(client: Client, content: bytes, year: int = 2027) -> str:
    file = SimpleUploadedFile("days.csv", content)
    form = {"year": year, "source": "国办发明电〔2026〕9号", "file": file}
    return client.post("/settings/calendar/", form).content.decode()


def test_a_year_is_read_shown_and_entered_when_confirmed(small: Small) -> None:
    client = signed_in(small, "county_admin", small.county)
    assert 2027 not in published_years()
    page = upload(client, DAYS.encode())
    assert "国庆节" in page
    assert year_of(2027) == ("", [])  # only shown so far
    signed = re.search(r'name="confirm" value="([^"]+)"', page)
    assert signed is not None
    answer = client.post("/settings/calendar/", {"confirm": signed[1]}, follow=True)
    assert "2027 年已录入，改动 5 天" in answer.content.decode()
    source, days = year_of(2027)
    assert (source, len(days)) == ("国办发明电〔2026〕9号", 5)
    event = LedgerEvent.objects.get(kind="enter_year")
    assert event.data == {"year": 2027, "days": 5, "source": source}
    assert event.authority.startswith("appointment:")
    assert "2027-10-01" in client.get("/settings/calendar/?year=2027").content.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (DAYS.replace("2027-05-03", "2027-05-33").encode(), "第 5 行：日期读不懂：2027-05-33"),
        (DAYS.replace("2027-10-01,0,国庆节\n", "").encode(), "是法定的国庆节，文件里没有"),
        (b"\xff\xfe\x00broken", "读不懂这个文件"),
        (b"", "这个文件是空的"),
    ],
)
def test_a_file_with_faults_says_where_and_changes_nothing(small: Small, content: bytes, said: str) -> None:
    page = upload(signed_in(small, "county_admin", small.county), content)
    assert said in page
    assert year_of(2027) == ("", [])


def test_what_was_shown_is_what_is_entered(small: Small) -> None:
    client = signed_in(small, "county_admin", small.county)
    answer = client.post("/settings/calendar/", {"confirm": "[2027,1]:forged"})
    assert answer.status_code in (400, 409)
    assert year_of(2027) == ("", [])


def look(client: Client, content: bytes) -> str:
    signed = re.search(r'name="confirm" value="([^"]+)"', upload(client, content))
    assert signed is not None
    return signed[1]


def test_two_who_enter_a_year_do_not_write_over_each_other(small: Small) -> None:
    one, other = (signed_in(small, "county_admin", small.county) for _one in range(2))
    first = look(one, DAYS.encode())
    shorter = look(other, DAYS.replace("2027-01-03,1,元旦\n", "").encode())
    assert one.post("/settings/calendar/", {"confirm": first}).status_code == 302
    answer = other.post("/settings/calendar/", {"confirm": shorter})
    assert answer.status_code == 409
    assert "被别人改了" in answer.content.decode()
    assert len(year_of(2027)[1]) == 5
    # the same once more, by a second click, is no change
    again = one.post("/settings/calendar/", {"confirm": first}, follow=True)
    assert "2027 年已录入，改动 0 天" in again.content.decode()
    # whoever looked again may; and nobody confirms what another looked at
    assert other.post("/settings/calendar/", {"confirm": first}).status_code >= 400
    anew = look(other, DAYS.replace("2027-01-03,1,元旦\n", "").encode())
    assert other.post("/settings/calendar/", {"confirm": anew}).status_code == 302
    assert len(year_of(2027)[1]) == 4


def test_a_source_that_would_give_the_year_to_the_library_is_refused_in_words(small: Small) -> None:
    client = signed_in(small, "county_admin", small.county)
    file = SimpleUploadedFile("days.csv", DAYS.encode())
    form = {"year": 2027, "source": "chinesecalendar 9", "file": file}
    signed = re.search(
        r'name="confirm" value="([^"]+)"', client.post("/settings/calendar/", form).content.decode()
    )
    assert signed is not None
    answer = client.post("/settings/calendar/", {"confirm": signed[1]})
    assert answer.status_code == 400
    assert "请写明依据哪个通知" in answer.content.decode()
    assert year_of(2027) == ("", [])


@pytest.mark.parametrize("asked", ["²", "٢٠٢٧", "9" * 5000, "2019", "2101", "\0", "-1"])
def test_a_year_that_is_none_shows_todays(small: Small, asked: str) -> None:
    client = signed_in(small, "county_admin", small.county)
    answer = client.get("/settings/calendar/", {"year": asked})
    assert answer.status_code == 200
    assert answer.context["year"] == clock.now().year


def test_hours_are_checked_and_kept(small: Small) -> None:
    client = signed_in(small, "county_admin", small.county)
    wrong = client.post("/settings/hours/", {"duty_hours": "早上到晚上", "quiet_hours": "22:00-07:00"})
    assert wrong.status_code == 400
    assert "时间写得不对：上班时间请按先后写成" in wrong.content.decode()
    late = client.post("/settings/hours/", {"duty_hours": "08:00-12:00", "quiet_hours": "夜里"})
    assert late.status_code == 400
    assert County.objects.get(unit=small.county).duty_hours == "08:00-12:00 14:30-18:00"
    client.post("/settings/hours/", {"duty_hours": "08:30-12:00 14:00-17:30", "quiet_hours": ""})
    profile = County.objects.get(unit=small.county)
    assert (profile.duty_hours, profile.quiet_hours) == ("08:30-12:00 14:00-17:30", "")


@pytest.mark.parametrize("address", ["/settings/calendar/", "/settings/hours/"])
def test_only_the_countys_administrator(small: Small, address: str) -> None:
    for post, unit in (("town_admin", small.town), ("county_desk", small.county)):
        client = signed_in(small, post, unit)
        assert client.get(address).status_code == 403
        assert client.post(address, {"duty_hours": "08:00-12:00"}).status_code == 403
