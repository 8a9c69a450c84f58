from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import gettext_lazy as _
from pytest_django import DjangoAssertNumQueries

from xiangli.accounts.models import User
from xiangli.kernel.ids import new_id
from xiangli.notices import states
from xiangli.notices.models import Notice
from xiangli.notices.queries import unread_count
from xiangli.territory.rules import NOBODY, Actor

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user(display_name="王芳")


@pytest.fixture
def phone(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def notice(user: User, minute: int = 0, kind: str = "test.assign", **columns: object) -> Notice:
    return Notice.objects.create(
        message=new_id(), user=user, about=new_id(), kind=kind, at=NOW + timedelta(minutes=minute), **columns
    )


def test_a_visitor_is_asked_to_sign_in(user: User) -> None:
    mine = notice(user)
    for path in ("/notices/", f"/notices/{mine.pk}/"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=/notices/")
    assert Client().post("/notices/read/").status_code == 302
    mine.refresh_from_db()
    assert mine.read_at is None


def test_an_empty_inbox_says_what_will_stand_here(phone: Client) -> None:
    page = phone.get("/notices/").content.decode()
    assert "还没有消息" in page
    assert "全部标为已读" not in page


def test_the_newest_stands_first_and_the_unread_stands_out(
    user: User, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_words", {})
    states.register_words({"test.assign": _("有事项交给您"), "test.return": _("事项被退回")})
    notice(user, 1, "test.assign", read_at=NOW)
    notice(user, 2, "test.return")
    notice(user, 3, "test.unheard_of")
    page = phone.get("/notices/").content.decode()
    assert page.index("有一件事项有了新进展") < page.index("事项被退回") < page.index("有事项交给您")
    assert page.count(">未读<") == 2
    assert "全部标为已读" in page


def test_only_what_the_actor_may_see_is_named(
    user: User, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, hidden = notice(user, 1), notice(user, 2)
    asked: list[Collection[UUID]] = []

    def names(actor: Actor, about: Collection[UUID]) -> Mapping[UUID, str]:
        asked.append(about)
        assert actor.user_id == user.pk
        assert seen.about is not None
        return {seen.about: "北姚村 二巷"}

    monkeypatch.setattr(states, "_describers", [names])
    page = phone.get("/notices/").content.decode()
    assert page.count("北姚村 二巷") == 1
    assert asked == [{seen.about, hidden.about}]


def test_opening_marks_as_read_and_leads_to_the_matter(user: User, phone: Client) -> None:
    mine, other = notice(user), notice(user)
    for _time in range(2):
        answer = phone.get(f"/notices/{mine.pk}/")
        assert (answer.status_code, answer["Location"]) == (302, f"/m/{mine.about}/")
    mine.refresh_from_db()
    first = mine.read_at
    assert first is not None
    phone.get(f"/notices/{mine.pk}/")
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.read_at == first
    assert other.read_at is None


def test_somebody_elses_notice_is_not_found(phone: Client) -> None:
    theirs = notice(User.objects.create_user(display_name="李强"))
    assert phone.get(f"/notices/{theirs.pk}/").status_code == 404
    assert phone.get(f"/notices/{new_id()}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_read_all_marks_ones_own_only(user: User, phone: Client) -> None:
    other = User.objects.create_user(display_name="李强")
    notice(user)
    notice(user)
    theirs = notice(other)
    assert phone.get("/notices/read/").status_code == 405
    assert phone.post("/notices/read/")["Location"] == "/notices/"
    assert unread_count(Actor(user_id=user.pk)) == 0
    assert unread_count(Actor(user_id=other.pk)) == 1
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_unread_is_counted_to_99(user: User) -> None:
    Notice.objects.bulk_create(
        Notice(message=new_id(), user=user, about=new_id(), kind="test.assign", at=NOW) for _n in range(120)
    )
    assert unread_count(Actor(user_id=user.pk)) == 99
    assert unread_count(NOBODY) == 0


def test_the_list_is_paged_by_key(user: User, phone: Client) -> None:
    for minute in range(60):
        notice(user, minute)
    first = phone.get("/notices/")
    assert len(first.context["rows"]) == 50
    second = phone.get("/notices/", {"cursor": first.context["page"].next})
    assert [row["notice"].at for row in second.context["rows"]] == [
        NOW + timedelta(minutes=minute) for minute in range(9, -1, -1)
    ]
    assert phone.get("/notices/", {"cursor": "forged"}).status_code == 400


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_takes_the_same_statements_whatever_its_rows(
    user: User, phone: Client, rows: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for minute in range(rows):
        notice(user, minute)
    phone.get("/notices/")  # the session is stamped once a minute, not with every page
    with django_assert_max_num_queries(6):
        assert phone.get("/notices/").status_code == 200


def test_what_says_the_same_of_the_same_matter_is_one_line_and_is_read_together(
    user: User, phone: Client
) -> None:
    matter = new_id()
    for minute in range(3):
        Notice.objects.create(
            message=new_id(), user=user, about=matter, kind="test.assign", at=NOW + timedelta(minutes=minute)
        )
    newest = Notice.objects.latest("at")
    other = notice(user, 5)
    answer = phone.get("/notices/")
    assert [(row["notice"].pk, row["times"]) for row in answer.context["rows"]] == [
        (other.pk, 1),
        (newest.pk, 3),
    ]
    assert "3 次" in answer.content.decode()
    phone.get(f"/notices/{newest.pk}/")
    assert list(Notice.objects.filter(read_at=None)) == [other]


def test_a_line_that_stands_for_many_says_how_many_and_leads_to_ones_work(user: User, phone: Client) -> None:
    many = Notice.objects.create(message=new_id(), user=user, kind="test.assign", at=NOW, count=40)
    another = Notice.objects.create(message=new_id(), user=user, kind="test.assign", at=NOW, count=2)
    assert "40 件" in phone.get("/notices/").content.decode()
    assert phone.get(f"/notices/{many.pk}/")["Location"] == settings.LOGIN_REDIRECT_URL
    assert list(Notice.objects.filter(read_at=None)) == [another]
