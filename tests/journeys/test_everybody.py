"""For everybody: in English, by the keyboard alone, without scripts, on a slow line."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from tests.journeys import scenes
from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import PIN, act, code_on, do, open_case, press, report
from tests.support.browser import PHONE
from xiangli.accounts import actions
from xiangli.cases.tests.factories import Place, make_report

pytestmark = pytest.mark.journey

# --- in English

_CHINESE = """() => {
  const found = [], han = /\\p{Script=Han}/u;
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (han.test(node.data) && !node.parentElement.closest("[lang^=zh], script, style")) found.push(node.data.trim());
    } else for (const attribute of node.attributes)
      if (han.test(attribute.value) && attribute.name !== "value") found.push(attribute.value);
  }
  return found;
}"""


def _left_in_chinese(page: Page, place: Place, *said: str) -> list[str]:
    """What of a page is Chinese and neither the name of a place or a person nor somebody's own words."""
    assert page.locator("html").get_attribute("lang") == "en"
    units = (place.county, place.town, place.village, place.grid, place.lane, place.lane2)
    names = [unit.name for unit in units] + [user.display_name for user in place.people.values()]
    left = []
    for text in page.evaluate(_CHINESE):
        for name in sorted((*names, *said), key=len, reverse=True):
            text = text.replace(name, "")  # what is left of the text after each name
        if re.search(r"[\u4e00-\u9fff]", text):
            left.append(f"{urlsplit(page.url).path}: {text}")
    return left


def test_in_english_nothing_of_the_page_is_left_in_chinese(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    words, answer, organ = "路面塌了一块", "已经填平压实", "市纪委监委"
    left: list[str] = []

    def read(page: Page) -> None:
        left.extend(_left_in_chinese(page, place, words, answer, organ))

    # A resident changes the language on the plate, and it stays
    make_report(place.lane2, "facilities", words=words)
    phone.goto(f"/p/{place.lane2.plate_code}/")
    press(phone, "English")
    read(phone)
    eyes.look(phone)
    for address in ("/", "/t/", f"/p/{place.lane2.plate_code}/complain/"):
        phone.goto(address)
        read(phone)
    phone.goto(f"/p/{place.lane2.plate_code}/report/")
    read(phone)
    phone.locator("#id_words").fill(words)
    phone.get_by_role("radio", name="Public facilities").check()
    phone.locator("#id_phone").fill("x")
    with phone.expect_navigation():
        phone.locator("form[data-draft] .main-action").click()
    read(phone)
    phone.locator("#id_phone").fill("13800000000")
    with phone.expect_navigation():
        phone.locator("form[data-draft] .main-action").click()
    code = code_on(phone)
    read(phone)

    # So do the lane head and the village
    lane_head = on_phone("lane_head_2")
    lane_head.goto("/me/")
    press(lane_head, "English")
    for address in ("/me/", "/tasks/", "/report/", "/notices/"):
        lane_head.goto(address)
        read(lane_head)
    lane_head.goto("/tasks/")
    lane_head.locator("a.task").last.click()
    lane_head.wait_for_url("**/cases/**")
    read(lane_head)
    do(lane_head, "Handle on the spot", answer, after=scenes.lane(rubbish=False), field="Photo after")
    read(lane_head)
    director = at_desk("village_director")
    press(director, "English")
    for address in ("/desk/", "/tasks/", "/enrolments/", "/me/", lane_head.url):
        director.goto(address)
        read(director)
    eyes.look(director, desk=True, whole=False)
    phone.goto(f"/t/{code}/")
    read(phone)
    assert not left, "\n".join(left)


# --- by the keyboard alone

_SEEN = """() => {
  const here = document.activeElement, shows = (element) => {
    if (!element) return false;
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  return shows(here) || shows(here.nextElementSibling);
}"""


def _tab_to(page: Page, selector: str, *, most: int = 60) -> None:
    """Press Tab until the focus is there. Wherever it stops on the way, one can see where it is."""
    for _press in range(most):
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert page.evaluate(_SEEN), f"no focus to be seen on {where}"
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{most} times Tab, and not at {selector}")


def test_by_the_keyboard_alone_a_report_is_sent_and_handled(
    place: Place, clock: Clock, desk: Page, at_desk: Callable[[str], Page]
) -> None:
    desk.goto(f"/p/{place.lane2.plate_code}/")
    _tab_to(desk, ".skip")
    desk.keyboard.press("Enter")
    _tab_to(desk, "a.main-action")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/report/")
    _tab_to(desk, "#id_words")
    desk.keyboard.type("车堵住了巷口")
    _tab_to(desk, "input[name=category]")
    for _step in range(4):  # with the arrows, as in any group of choices
        desk.keyboard.press("ArrowDown")
    expect(desk.get_by_role("radio", name="交通秩序")).to_be_checked()
    _tab_to(desk, "form .main-action")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    code = code_on(desk)

    director = at_desk("village_director")
    director.goto("/desk/")
    director.keyboard.press("j")
    expect(director.locator("[data-row] a").first).to_be_focused()
    director.keyboard.press("o")
    director.wait_for_url("**/cases/**")
    for name in ("其他处理", "当场处理"):
        for _stop in range(40):
            _tab_to(director, "summary")
            if director.evaluate("document.activeElement.firstElementChild?.textContent") == name:
                break
        director.keyboard.press("Enter")
    _tab_to(director, "details[open] textarea")
    director.keyboard.type("已请车主挪走")
    _tab_to(director, "details[open] button")
    with director.expect_navigation():
        director.keyboard.press("Enter")
    expect(director.locator(".state").first).to_have_text("已处理")

    desk.goto(f"/t/{code}/")
    _tab_to(desk, ".verdict button")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    expect(desk.locator(".state").first).to_have_text("已办结")


# --- without scripts


def test_without_scripts_a_report_is_sent_handled_and_followed(
    place: Place, clock: Clock, person: Callable[..., BrowserContext]
) -> None:
    # A resident's old phone
    resident = person(**PHONE, java_script_enabled=False).new_page()
    code = report(resident, place.lane2, "垃圾堆在路边", photo=scenes.lane(rubbish=True))
    expect(resident.locator("button[data-copy]")).to_be_hidden()  # what needs a script is not offered

    # The lane head's too
    _enrolment, token = actions.issue_enrolment(
        user=place.people["lane_head_2"], issued_by=None, now=clock.now()
    )
    lane_head = person(**PHONE, java_script_enabled=False).new_page()
    lane_head.goto(f"/enrol/{token}/")
    lane_head.get_by_label("设一个六位数字密码").fill(PIN)
    lane_head.get_by_label("再输一次").fill(PIN)
    press(lane_head, "绑定这部手机")
    open_case(lane_head, "垃圾堆在路边", where="/tasks/")
    press(lane_head, "接单", within=act(lane_head, "接单"))
    do(lane_head, "处理完成", "已清走", after=scenes.lane(rubbish=False))
    expect(lane_head.locator(".state").first).to_have_text("已处理")

    # And the resident finds, confirms and says
    resident.goto("/t/")
    resident.get_by_label("查询码").fill(code)
    press(resident, "查询")
    expect(resident.locator(".pair img")).to_have_count(2)
    press(resident, "已解决")
    form = act(resident, "评价一下")
    form.get_by_role("radio", name="满意", exact=True).check(force=True)
    press(resident, "提交评价", within=form)
    expect(resident.locator(".stars")).to_contain_text("满意")


# --- on a slow line


def test_a_plate_weighs_less_than_30_kb_besides_pictures(
    place: Place, clock: Clock, phone: Page, live_server: LiveServer
) -> None:
    """Everything that the page fetches, as a server with gzip sends it: page, styles, scripts, icons."""
    for _report in range(5):
        make_report(place.lane2)
    fetched: list[Response] = []
    phone.on("response", lambda answer: fetched.append(answer))
    phone.goto(f"/p/{place.lane2.plate_code}/", wait_until="networkidle")
    weights = {
        urlsplit(answer.url).path: len(gzip.compress(answer.body(), 6))
        for answer in fetched
        if answer.ok and not answer.headers.get("content-type", "").startswith(("image/jpeg", "image/webp"))
    }
    assert any(path.endswith(".css") for path in weights)
    assert any(path.endswith(".js") for path in weights)
    assert sum(weights.values()) < 30_000, weights
