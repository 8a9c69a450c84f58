"""Every component of the kit, on sample pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from xiangli.web.tests.gallery_pages import PAGES, render_page

_BUDGET = 30 * 1024  # bytes, packed: what a plate's page may weigh without pictures


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_nothing_that_a_strict_policy_refuses(name: str) -> None:
    tags = _Tags(render_page(name)).tags
    assert [tag for tag, attributes in tags if "style" in attributes] == []
    assert [tag for tag, attributes in tags if any(key.startswith("on") for key in attributes)] == []
    assert [tag for tag, _ in tags if tag == "style"] == []
    assert [1 for tag, attributes in tags if tag == "script" and "src" not in attributes] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_skipped_to_its_words_and_names_its_language(name: str) -> None:
    tags = _Tags(render_page(name))
    assert tags.of("html")[0]["lang"] == "zh-hans"
    assert tags.of("main")[0]["id"] == "main"
    assert any(link.get("href") == "#main" for link in tags.of("a"))
    ids = [attributes["id"] for _, attributes in tags.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("cookie", "attribute"), [("", None), ("elder", "elder"), ("dark", "dark"), ('"><script>', None)]
)
def test_look_is_taken_from_the_cookie_when_it_is_known(cookie: str, attribute: str | None) -> None:
    assert _Tags(render_page("plate", cookie)).of("html")[0].get("data-look") == attribute


def test_a_lamp_has_colour_icon_and_word() -> None:
    page = render_page("tasks")
    assert re.search(r'<span class="lamp red"[^>]*><svg[^>]*>.*?</svg><span>已超时 2 天</span>', page)
    assert re.search(
        r'<span class="lamp amber"[^>]*><svg[^>]*>.*?</svg><span>将到期 还剩 5 小时</span>', page
    )
    assert re.search(r'<span class="lamp green"[^>]*><svg[^>]*>.*?</svg><span>正常</span>', page)


def test_a_field_ties_label_hint_and_error_to_its_widget() -> None:
    page = render_page("report")
    words = next(tag for tag in _Tags(page).of("textarea") if tag["name"] == "words")
    assert words["aria-invalid"] == "true"
    named = str(words["aria-describedby"]).split()
    assert sorted(named) == ["id_words_error", "id_words_helptext"]
    assert all(f'id="{name}"' in page for name in named)
    assert '<label for="id_words">什么事</label>' in page
    assert '<a href="#id_words">什么事</a>' in page  # from the summary on top


def test_a_phone_is_a_link_without_its_dashes() -> None:
    page = render_page("plate")
    assert 'href="tel:03595551002"' in page
    assert ">0359-5551002</a>" in page


def test_a_time_has_its_exact_moment_beside_it() -> None:
    assert (
        '<time datetime="2026-11-22T13:20:00+08:00" title="2026年11月22日 13:20">今天 13:20</time>'
        in render_page("plate")
    )


def test_buttons_that_need_a_script_are_hidden_without_one() -> None:
    buttons = [b for b in _Tags(render_page("receipt")).of("button") if b.get("type") == "button"]
    assert len(buttons) == 3
    assert all("hidden" in button for button in buttons)


def test_the_other_language_is_complete_in_the_shell() -> None:
    page = render_page("plate", language="en")
    assert "Skip to the page" in page
    assert "Not happy with the service" in page
    assert ">简体中文</button>" in page


@pytest.mark.django_db
def test_a_plate_page_stays_within_its_weight_on_the_wire(client: Client) -> None:
    page = render_page("plate")
    tags = _Tags(page)
    fetched = [
        str(link["href"]) for link in tags.of("link") if link["rel"] in ("stylesheet", "icon", "manifest")
    ]
    fetched += [str(script["src"]) for script in tags.of("script")]
    weights = {"page": len(page.encode())}
    for address in fetched:
        answer = client.get(address, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200, address
        if address.endswith((".css", ".js")):
            assert answer["Content-Encoding"] == "gzip", address
        weights[address] = len(answer.getvalue())
    assert len(weights) == 5
    assert sum(weights.values()) < _BUDGET, weights
