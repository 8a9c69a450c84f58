"""A clerk's Monday at the queue: what is late first, a filter kept, several given at once, a summary beside the list,
news that move no row; by mouse and by keys alone, and on a narrow phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import NARROW, Looker
from tests.journeys.people import act, follow, press
from xiangli.cases.tests.factories import Place, make_report
from xiangli.matters.actions import keep_words
from xiangli.matters.models import Matter, SavedFilter

pytestmark = pytest.mark.journey


@pytest.fixture
def monday(place: Place, clock: Clock) -> dict[str, int]:
    """What came in: by its words, the number."""
    reported = {}
    for lane, category, words, hours in (
        (place.lane, "environment", "一巷口的垃圾三天没人收", 5),
        (place.lane2, "environment", "二巷尾的野草比人高了", 4),
        (place.lane2, "facilities", "二巷的路灯不亮", 2),
        (place.lane, "traffic", "面包车停在巷口挡路", 1),
        (place.lane, "facilities", "健身器材断了一根", 0),
    ):
        reported[words] = make_report(lane, category, words=words).matter.number
        clock.forward(hours=1 if hours else 0)
    return reported


def titles(page: Page) -> list[str]:
    return page.locator("[data-row] .what a").all_inner_texts()


def late(number: int, clock: Clock, *, hours: float) -> None:
    """The clock of a matter runs out in so many hours, and is amber two hours before."""
    at = clock.now() + timedelta(hours=hours)
    Matter.objects.filter(number=number).update(next_clock_at=at, next_amber_at=at - timedelta(hours=2))


def test_a_clerk_filters_keeps_and_gives_away(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    late(monday["一巷口的垃圾三天没人收"], clock, hours=-50)
    late(monday["二巷的路灯不亮"], clock, hours=1)
    page = at_desk("town_desk")
    page.goto("/desk/")
    assert titles(page)[:2] == ["一巷口的垃圾三天没人收", "二巷的路灯不亮"]  # the most pressing first
    counters = page.get_by_role("navigation", name="按时限筛选")
    expect(counters).to_contain_text("全部 5")
    expect(counters.get_by_role("link", name="已超时 1")).to_be_visible()
    expect(counters.get_by_role("link", name="将到期 1")).to_be_visible()
    eyes.look(page, "queue", desk=True, whole=False)

    # the counters filter, and again let all in
    follow(counters.get_by_role("link", name="已超时 1"))
    assert titles(page) == ["一巷口的垃圾三天没人收"]
    follow(counters.get_by_role("link", name="已超时 1"))
    assert len(titles(page)) == 5

    # a choice stands in the address and is kept under a name
    page.get_by_label("类别").select_option(label="公共设施")
    press(page, "筛选")
    assert "topic=facilities" in page.url
    assert sorted(titles(page)) == ["二巷的路灯不亮", "健身器材断了一根"]
    page.get_by_text("保存这个筛选").click()
    page.get_by_label("名称").fill("设施")
    press(page, "保存")
    expect(page.get_by_role("status").first).to_contain_text("已保存筛选“设施”")
    page.goto("/desk/")
    mine = page.get_by_role("navigation", name="我的筛选")
    follow(mine.get_by_role("link", name="设施"))
    assert len(titles(page)) == 2
    follow(mine.get_by_role("link", name="管理我的筛选"))
    page.get_by_text("改名 设施").click()
    page.get_by_label("名称").fill("灯和器材")
    press(page, "保存")
    expect(page.get_by_role("link", name="灯和器材")).to_be_visible()
    eyes.look(page, desk=True)
    press(page, "删除 灯和器材")
    expect(page.get_by_role("main")).to_contain_text("还没有保存的筛选")
    assert not SavedFilter.objects.exists()

    # several at once: each to the lane head of its own place, after a look at what will happen
    page.goto("/desk/")
    for words in ("一巷口的垃圾三天没人收", "二巷尾的野草比人高了", "健身器材断了一根"):
        page.get_by_role("row", name=words).get_by_role("checkbox").check()
    expect(page.locator("[data-count]")).to_have_text("已选 3 件")
    press(page, "交办")
    expect(page.get_by_role("heading", level=1)).to_have_text("批量交办")
    eyes.look(page, desk=True)
    page.get_by_label("交给哪个岗位").select_option(label="庙上村 村文书（钱文书）")
    page.get_by_label("说明").fill("请今天安排")
    press(page, "下一步：看会怎样")
    expect(page.get_by_role("main")).to_contain_text("会交办 3 件")
    eyes.look(page, "queue-bulk", desk=True, whole=False)
    press(page, "确认交办 3 件")
    expect(page.get_by_role("status")).to_contain_text("已交办 3 件")
    eyes.look(page, desk=True)
    follow(page.get_by_role("button", name="返回受理台"))
    expect(page.get_by_role("row", name="健身器材断了一根")).to_contain_text("村文书")


def test_news_come_without_moving_the_row_and_the_summary_stands_beside(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    page = at_desk("town_desk")
    page.goto("/desk/")
    row = page.get_by_role("row", name="面包车停在巷口挡路")
    follow_summary(page, "面包车停在巷口挡路")
    drawer = page.get_by_role("complementary", name="事项摘要")
    expect(drawer).to_contain_text("由谁办")
    eyes.look(page, "queue-summary", desk=True, whole=False)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(row.get_by_role("link")).to_be_focused()

    before, order = row.bounding_box(), titles(page)
    clock.forward(minutes=1)
    for words in ("井盖翘起来了", "水管冒水", "墙皮掉了"):
        make_report(place.lane2, "facilities", words=words)
    bar = page.get_by_role("button", name="有 3 件新事项")
    expect(bar).to_be_visible()
    assert row.bounding_box() == before
    assert titles(page) == order
    eyes.look(page, desk=True)
    bar.click()
    expect(page.locator("[data-row]")).to_have_count(8)
    assert set(titles(page)[:3]) == {"井盖翘起来了", "水管冒水", "墙皮掉了"}
    expect(page.locator("[data-row] a").first).to_be_focused()
    expect(bar).to_have_count(0)
    page.wait_for_timeout(5000)  # the next answer tells nothing twice
    expect(page.locator("[data-bar] button")).to_have_count(0)


def follow_summary(page: Page, words: str) -> None:
    page.get_by_role("row", name=words).click()
    expect(page.locator("#drawer h2").first).to_have_text(words)


def tab_to(page: Page, selector: str) -> None:
    for _stop in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no way by Tab to {selector}")


def test_by_keys_alone(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    page = at_desk("village_director")
    page.goto("/desk/")
    keys = page.keyboard
    keys.press("?")
    expect(page.get_by_role("dialog", name="快捷键")).to_be_visible()
    eyes.look(page, desk=True)
    keys.press("Escape")
    keep_words()
    keys.press("/")
    expect(page.get_by_label("搜索")).to_be_focused()
    keys.type("路灯")
    with page.expect_navigation():
        keys.press("Enter")
    assert titles(page) == ["二巷的路灯不亮"]
    page.goto("/desk/")
    keys.press("j")
    keys.press("j")
    keys.press("k")
    words = titles(page)[0]
    expect(page.locator("[data-row] a").first).to_be_focused()
    keys.press("x")
    expect(page.locator("[data-row]").first.get_by_role("checkbox")).to_be_checked()
    keys.press("j")
    keys.press("k")
    keys.press("Enter")
    heading = page.locator("#drawer h2").first
    expect(heading).to_have_text(words)
    expect(heading).to_be_focused()

    # act in the summary: the first act that is offered stands open
    tab_to(page, "#drawer form select")
    keys.press("ArrowDown")
    tab_to(page, "#drawer form button")
    keys.press("Enter")
    expect(page.locator("#drawer").get_by_role("status")).to_be_visible()
    assert Matter.objects.filter(turn__gt=0).count() == 1
    keys.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator("[data-row] a").first).to_be_focused()  # back where it was
    assert titles(page)[0] == words
    with page.expect_navigation():
        keys.press("o")
    page.wait_for_url("**/cases/**")
    page.go_back()

    # single keys can be turned off
    keys.press("?")
    page.get_by_label("关掉单键快捷键").check()
    keys.press("Escape")
    keys.press("j")
    expect(page.locator("[data-row][data-at]")).to_have_count(0)


def test_on_a_narrow_phone_rows_are_cards_and_a_link_is_the_page(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    page = at_desk("town_desk")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of two numbers
    page.goto("/desk/")
    eyes.look(page)
    follow(page.get_by_role("link", name="面包车停在巷口挡路"))
    page.wait_for_url("**/cases/**")


def test_the_list_of_the_day_on_paper(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    make_report(place.lane, "service_complaint", words="巷长从来不管")
    late(monday["二巷的路灯不亮"], clock, hours=-1)
    page = at_desk("town_desk")
    page.goto("/desk/")
    follow(page.get_by_role("button", name="打印清单"))
    sheet = page.locator(".sheet")
    expect(sheet).to_contain_text("横水镇")
    expect(sheet).to_contain_text("未办结的一般事项 5 件：已超时 1 / 5")
    expect(sheet.locator("tbody tr")).to_have_count(6)
    expect(sheet.locator("tbody tr").first).to_contain_text("二巷的路灯不亮")
    private = sheet.locator("tbody tr", has_text="对服务的意见")
    expect(private).not_to_contain_text("横水镇")
    eyes.look(page, desk=True)


def test_an_act_that_is_refused_is_said_in_the_summary(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], monday: dict[str, int]
) -> None:
    page = at_desk("village_director")
    page.goto("/desk/")
    follow_summary(page, "健身器材断了一根")
    form = act(page, "退回")
    form.locator("textarea").evaluate("area => area.removeAttribute('required')")
    form.get_by_role("button", name="退回", exact=True).click()
    asked = page.locator("dialog[open]").get_by_role("button", name="退回", exact=True)
    if asked.count():
        asked.click()
    expect(page.locator("#drawer").get_by_role("alert").first).to_be_visible()
    expect(page.locator("#drawer h2").first).to_have_text("健身器材断了一根")
    assert not Matter.objects.filter(turn__gt=0).exists()
