"""The rubbish of article 000, left alone: it climbs from the lane to the county by itself, and at each step the right
people are told, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import START, Clock
from tests.journeys.looking import Looker
from tests.journeys.people import act, open_case, press, report
from xiangli.cases import actions
from xiangli.cases.tests.factories import Place
from xiangli.kernel import outbox, timers
from xiangli.kernel.models import Due, LedgerEvent
from xiangli.matters.models import Matter, MatterClock
from xiangli.notices.models import Notice

pytestmark = pytest.mark.journey

RUBBISH = "二巷口有一堆垃圾，好几天了"
HOUR = timedelta(hours=1)


class Days:
    """Lets time go by, moment by moment, and says who was told of what since the last time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: Counter[tuple[str, str]] = Counter()

    def until(self, hours: float) -> Counter[tuple[str, str]]:
        """Let it be so many hours since the report."""
        moment = START + hours * HOUR
        while (due := Due.objects.filter(at__lte=moment).order_by("at").first()) is not None:
            self._clock.at = due.at
            assert timers.fire_once(due.at) == 1
            assert timers.fire_once(due.at) == 0  # no moment fires twice
            while outbox.work_once(due.at):
                pass
        self._clock.at = moment
        while outbox.work_once(moment):
            pass
        return self.told()

    def told(self) -> Counter[tuple[str, str]]:
        all_told = Counter(Notice.objects.values_list("kind", "user__display_name"))
        new, self._told = all_told - self._told, all_told
        return new


def once(*told: tuple[str, str]) -> Counter[tuple[str, str]]:
    return Counter(told)


def follows_up(phone: Page, code: str, *said: str) -> None:
    """The resident looks how it stands."""
    phone.goto(f"/t/{code}/")
    for words in said:
        expect(phone.locator("main")).to_contain_text(words)
    expect(phone.locator(".lamp.red").first).to_contain_text("已超时")


def finds_it_red(page: Page, *, where: str = "/tasks/") -> None:
    page.goto(where)
    row = page.locator(".task, tr[data-row]", has_text=RUBBISH)
    expect(row).to_have_count(1)
    expect(row.locator(".lamp.red")).to_contain_text("已超时")


def is_told(page: Page, *says: str) -> None:
    page.goto("/notices/")
    for words in says:
        expect(page.locator("main li", has_text=words).first).to_contain_text("二巷")


def test_rubbish_left_alone_climbs_from_the_lane_to_the_county(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    on_phone: Callable[[str], Page],
    at_desk: Callable[[str], Page],
) -> None:
    days = Days(clock)

    # Given a resident scans the plate and reports; twelve hours are the time to answer, three days to put it right
    code = report(phone, place.lane2, RUBBISH)
    assert days.until(0) == once(("report_case", "李巷长"))
    (matter,) = Matter.objects.all()
    limits = {row.name: row.due_at for row in MatterClock.objects.filter(matter=matter)}
    assert limits == {"respond": START + 12 * HOUR, "put_right": START + 72 * HOUR}
    phone.goto(f"/t/{code}/")
    expect(phone.locator("h1")).to_contain_text("已经交给街巷长，正等着接单。最迟 明天 02:00 前有人响应。")
    expect(phone.locator("main")).to_contain_text("现在在 二巷 街巷长 李巷长 手里")

    # When nobody takes it, the lane head is warned while a fifth of the time is left
    assert days.until(11) == once(("amber_case", "李巷长"))
    lane_head = on_phone("lane_head_2")
    expect(lane_head.locator(".task .lamp.amber")).to_contain_text("将到期")
    is_told(lane_head, "有事项快到期了")

    # Then it is red: the level above becomes supervisor and is told; it stays with the lane
    assert days.until(13) == once(("overdue_yours", "李巷长"), ("overdue_case", "王网格"))
    follows_up(phone, code, "已经超时，上一级已经介入", "现在在 二巷 街巷长 李巷长 手里")
    eyes.look(phone, "track-overdue")
    finds_it_red(lane_head)
    grid_head = on_phone("grid_head")
    is_told(grid_head, "有事项超时了，请督办")
    eyes.look(grid_head)
    grid_head.goto(f"/cases/{matter.pk}/")
    expect(grid_head.locator(".facts")).to_contain_text("第一网格 网格长")  # who supervises it

    # And a day later it moves up, and so on each day, until the county has it
    steps = [
        (37, "grid_head", "第一网格 网格长 王网格", ("李巷长", "王网格", "赵主任")),
        (61, "village_director", "庙上村 村党支部书记、村委会主任 赵主任", ("王网格", "赵主任", "周值班")),
        (85, "town_desk", "横水镇 乡镇（街道）综治中心 周值班", ("赵主任", "周值班", "吴值班")),
        (109, "county_desk", "绛县 县（市、区）综治中心 吴值班", ("周值班", "吴值班", "")),
    ]
    besides = {  # the time to put it right runs out besides, while the village has it
        61: once(("amber_case", "王网格")),
        85: once(("overdue_yours", "赵主任"), ("overdue_case", "周值班")),
    }
    for hours, who, holder, (before, now, above) in steps:
        told = once(("moved_from_you", before), ("move_up_case", now))
        if above:
            told += once(("overdue_case", above))
        assert days.until(hours) == told + besides.get(hours, once())
        follows_up(phone, code, f"现在在 {holder} 手里", "超时，转到上一级办理")
        page = grid_head if who == "grid_head" else at_desk(who)
        is_told(page, "有事项超时未办，转到您这里")
        finds_it_red(page)
        matter.refresh_from_db()
        assert matter.alarm == ("" if above else "top")
    follows_up(phone, code, "已经超时，县里正指定专人答复")
    eyes.look(phone)

    # At the top it goes nowhere: red, in every morning's digest, until somebody takes it by name
    assert days.until(240) == once()
    assert not Due.objects.exists()
    for morning in (1, 2):
        actions.tell_top(clock.now())
        assert days.until(240 + 24 * morning) == once(("top_case", "吴值班"))
    county = at_desk("county_desk")
    is_told(county, "有事项到了县级仍然超时，须有人负责答复")
    open_case(county, RUBBISH, where="/tasks/")
    expect(county.locator("main")).to_contain_text("须有一个人接下来负责，在那以前一直标红")
    eyes.look(county, "overdue-at-the-top", desk=True, whole=False)
    press(county, "接单", within=act(county, "接单"))
    expect(county.locator("main")).not_to_contain_text("在那以前一直标红")
    phone.goto(f"/t/{code}/")
    expect(phone.locator("h1")).to_contain_text("综治中心正在处理")
    actions.tell_top(clock.now())
    assert days.until(300) == once()

    # And everything that happened by itself stands in the record once, in order, for the resident too
    happened = LedgerEvent.objects.filter(stream=matter.pk, actor=None).order_by("seq")
    clocked = [kind for kind in happened.values_list("kind", flat=True) if kind != "report_case"]
    assert Counter(clocked) == {"amber_case": 2, "overdue_case": 2, "move_up_case": 4}
    for words, times in (("超时，上一级已介入", 2), ("超时，转到上一级办理", 4), ("接单", 1)):
        expect(phone.locator(".timeline li", has_text=words)).to_have_count(times)
