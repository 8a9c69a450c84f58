from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.template.loader import render_to_string
from django.test import Client


def test_choose_look_keeps_it_on_the_device_and_goes_back(client: Client) -> None:
    answer = client.post("/look/", {"look": "elder", "next": "/p/7K3MQ9TX/?a=1"})
    assert (answer.status_code, answer["Location"]) == (302, "/p/7K3MQ9TX/?a=1")
    assert client.cookies["xl_look"].value == "elder"
    assert int(client.cookies["xl_look"]["max-age"]) > 300 * 86400
    client.post("/look/", {"look": "", "next": "/"})
    assert client.cookies["xl_look"].value == ""


@pytest.mark.parametrize("look", ["neon", '"><script>', "ELDER"])
def test_choose_look_ignores_unknown_ones(client: Client, look: str) -> None:
    client.post("/look/", {"look": look, "next": "/"})
    assert client.cookies["xl_look"].value == ""


@pytest.mark.parametrize(
    "after", ["https://example.org/", "//example.org", "javascript:alert(1)", "", "\\\\example.org"]
)
def test_choose_look_never_leads_to_another_site(client: Client, after: str) -> None:
    assert client.post("/look/", {"look": "dark", "next": after})["Location"] == "/"


def test_choose_look_asks_for_the_form_token() -> None:
    assert Client(enforce_csrf_checks=True).post("/look/", {"look": "dark", "next": "/"}).status_code == 403
    assert Client().get("/look/").status_code == 405


def test_alive_asks_nothing_of_the_database(client: Client) -> None:
    answer = client.get("/healthz")  # pytest-django lets no statement through here
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_says_whether_the_database_answers(client: Client) -> None:
    assert client.get("/readyz").status_code == 200
    with patch.object(connection, "cursor", side_effect=OperationalError):
        answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"database\n")


def test_robots_stay_out_of_query_codes_and_staff_pages(client: Client) -> None:
    said = client.get("/robots.txt").content.decode().splitlines()
    assert said[0] == "User-agent: *"
    assert {"Disallow: /t/", "Disallow: /enrol/", "Disallow: /photos/"} <= set(said)


@pytest.mark.django_db
def test_a_missing_page_says_what_to_do_in_both_languages(client: Client) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "没有找到这一页" in answer.content.decode()
    assert "12345" in answer.content.decode()
    english = client.get("/no/such/page/", headers={"accept-language": "en"}).content.decode()
    assert "We could not find this page" in english


@pytest.mark.django_db
def test_the_language_is_switched_by_a_form_and_stays(client: Client) -> None:
    assert client.post("/language/setlang/", {"language": "en", "next": "/no/such/page/"}).status_code == 302
    assert 'lang="en"' in client.get("/no/such/page/").content.decode()


@pytest.mark.parametrize("name", ["400.html", "500.html"])
def test_the_last_resort_pages_need_no_request(name: str) -> None:
    page = render_to_string(name)
    assert 'lang="en"' in page
    assert "tel:12345" in page


@pytest.mark.parametrize("name", ["403.html", "403_csrf.html", "429.html"])
def test_error_pages_say_what_to_do(name: str) -> None:
    assert "12345" in render_to_string(name)
    assert "请" in render_to_string(name)
