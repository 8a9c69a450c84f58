"""The loop at its desks: claimed, transferred, waiting and going on, more time, supervised, together, merged,
declined, and taken for a check by chance."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.journeys.conftest import Clock, Lots
from tests.journeys.looking import Looker
from tests.journeys.people import act, do, open_case, press, report
from xiangli.cases.actions.responsibilities import import_responsibilities
from xiangli.cases.queries import forget_routes
from xiangli.cases.tests.factories import Place, add_organ, make_report, make_sections
from xiangli.kernel import clock as kernel_clock
from xiangli.kernel import outbox, timers
from xiangli.kernel.models import Due

pytestmark = pytest.mark.journey

DITCH = "二巷排水沟堵了一段，下雨水往院里灌"


def pass_time(clock: Clock, **units: float) -> None:
    """Let time go by: the timers fire at their moments, and what they have to tell is told."""
    clock.forward(**units)
    until = clock.at
    while (due := Due.objects.filter(at__lte=until).order_by("at").first()) is not None:
        clock.at = due.at
        timers.fire_once(due.at)
        while outbox.work_once(due.at):
            pass
    clock.at = until
    assert kernel_clock.now() == until


def state(page: Page) -> str:
    return page.locator(".about .state").first.inner_text()


class TestSections:
    @pytest.fixture
    def place(self, clock: Clock, live_server: LiveServer, settings: Settings) -> Place:
        settings.PUBLIC_URL = live_server.url
        return make_sections()

    def test_the_head_of_a_section_claims_what_the_section_shares(
        self,
        place: Place,
        clock: Clock,
        eyes: Looker,
        at_desk: Callable[[str], Page],
        on_phone: Callable[[str], Page],
    ) -> None:
        make_report(place.lane, words="村口便道的石板松了，老人走着不稳")
        head = at_desk("section_head")
        open_case(head, "村口便道")
        eyes.look(head, "claim", desk=True, whole=False)
        press(head, "领办", within=act(head, "领办"))
        expect(head.get_by_role("status")).to_contain_text("由您牵头")
        assert state(head) == "处理中"
        expect(head.locator(".facts")).to_contain_text("第一片区 片长")

        # and nobody claims it after him: his deputy sees who has it
        deputy = at_desk("section_head_2")
        open_case(deputy, "村口便道")
        expect(deputy.locator(".facts")).to_contain_text("王片长")
        expect(deputy.locator("summary", has_text="领办")).to_have_count(0)
        outbox.work_once(clock.now())
        group = on_phone("lane_head")
        group.goto("/notices/")
        expect(group.locator("main")).to_contain_text("领办")


def test_transferred_to_the_organ_whose_business_it_is_and_answered_by_it(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    add_organ(place)
    add_organ(place, "other_organ", "城管局")
    listed = "事项类别,发生在,由谁负责,部门,起,止,依据\n公共设施,街巷,部门经办,水务局,2026-01-01,,县政府常务会议纪要〔2026〕3号"
    assert import_responsibilities(listed.encode(), county=place.county, now=clock.now()).sound
    forget_routes()
    code = report(phone, place.lane2, DITCH, "其他情况")
    town = at_desk("town_desk")
    open_case(town, DITCH)
    form = act(town, "转派")
    expect(form.locator("optgroup")).to_have_attribute("label", "县直部门")
    do(town, "转派", "排水沟是水务局管的", seat="水务局 部门经办 水经办", seat_label="转给哪个部门")
    expect(town.locator(".facts")).to_contain_text("水务局 部门经办")
    expect(town.locator(".timeline")).to_contain_text("排水沟是水务局管的")
    eyes.look(town, desk=True)

    organ = on_phone("organ_desk")
    open_case(organ, DITCH, where="/tasks/")
    eyes.look(organ, "organ-case")
    press(organ, "接单", within=act(organ, "接单"))
    do(organ, "处理完成", "堵的一段挖通了，试过水")
    assert state(organ) == "已处理"
    do(organ, "办结", "沟已挖通，下次下雨请再看看。")
    assert state(organ) == "已办结"
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("沟已挖通")
    expect(phone.locator(".timeline")).not_to_contain_text("水务局管的")


def test_the_seat_on_the_list_stands_first_and_another_takes_a_reason(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    add_organ(place)
    add_organ(place, "other_organ", "城管局")
    listed = "事项类别,发生在,由谁负责,部门,起,止,依据\n公共设施,街巷,部门经办,水务局,2026-01-01,,县政府常务会议纪要〔2026〕3号"
    make_report(place.lane2, "facilities", words=DITCH)
    assert import_responsibilities(listed.encode(), county=place.county, now=clock.now()).sound
    forget_routes()
    town = at_desk("town_desk")
    open_case(town, DITCH)
    form = act(town, "转派")  # not folded away: it is what the list says
    expect(town.locator(".acts > details").first).to_contain_text("转派")
    expect(form).to_contain_text("权责清单上由水务局 部门经办负责")
    first = form.locator("optgroup").first
    expect(first).to_have_attribute("label", "权责清单所列")
    expect(first.locator("option")).to_have_text("水务局 部门经办 水经办")
    eyes.look(town, "transfer-listed", desk=True, whole=False)
    form = act(town, "交办")
    form.get_by_label("由谁办").select_option(label="第一网格 网格长 王网格")
    press(town, "交办", within=form)
    expect(town.get_by_role("alert")).to_contain_text("不是权责清单上写的岗位")
    form = act(town, "交办")
    expect(form.locator("textarea")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("select")).to_have_value(place.actor("grid_head").held[0].seat)
    eyes.look(town, desk=True)
    form.locator("textarea").fill("水务局的人出差，先由网格垫上")
    press(town, "交办", within=form)
    expect(town.locator(".facts")).to_contain_text("第一网格 网格长")


def test_it_waits_for_a_part_and_the_pause_is_drawn(
    place: Place,
    clock: Clock,
    eyes: Looker,
    phone: Page,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    code = report(phone, place.lane2, "巷口的灯箱坏了，零件要从市里买", "公共设施")
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "巷口的灯箱", where="/tasks/")
    press(lane_head, "接单", within=act(lane_head, "接单"))
    clock.forward(hours=5)
    grid_head = at_desk("grid_head")
    open_case(grid_head, "巷口的灯箱")
    form = act(grid_head, "挂起")
    form.locator("textarea").fill("等市里发来灯箱零件")
    form.get_by_label("挂起几天").fill("99")
    press(grid_head, "挂起", within=form)
    expect(grid_head.get_by_role("alert")).to_contain_text("请写 1 到")
    form = act(grid_head, "挂起")
    expect(form.get_by_label("挂起几天")).to_have_value("99")
    expect(form.get_by_label("挂起几天")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("textarea")).to_have_value("等市里发来灯箱零件")
    eyes.look(grid_head, "suspend-refused", desk=True, whole=False)
    form.get_by_label("挂起几天").fill("2")
    press(grid_head, "挂起", within=form)
    assert state(grid_head) == "挂起"
    clock.forward(hours=7)
    grid_head = at_desk("grid_head")  # a desk is signed out meanwhile
    open_case(grid_head, "巷口的灯箱")
    expect(grid_head.locator(".clock", has_text="办好")).to_contain_text("停住，恢复后接着算")
    expect(grid_head.locator(".clock .still")).to_have_count(1)
    eyes.look(grid_head, "suspended", desk=True, whole=False)
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("等市里发来灯箱零件")

    lane_head.goto("/tasks/")
    open_case(lane_head, "巷口的灯箱", where="/tasks/")
    eyes.look(lane_head)
    do(lane_head, "恢复办理", "零件到了")
    assert state(lane_head) == "处理中"
    expect(lane_head.locator(".clock", has_text="办好")).to_contain_text("中间停过 7 小时")
    eyes.look(lane_head, "resumed")


def test_more_time_is_asked_for_and_granted_by_the_level_above(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], on_phone: Callable[[str], Page]
) -> None:
    make_report(place.lane2, "facilities", words="巷道中间有个坑，要等水泥")
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "巷道中间", where="/tasks/")
    press(lane_head, "接单", within=act(lane_head, "接单"))
    due = lane_head.locator(".clock", has_text="办好").locator(".hint").inner_text()
    do(lane_head, "申请延期", "水泥后天才到", typed={"延长几天": "2"})
    expect(lane_head.get_by_role("status")).to_contain_text("已申请延期")
    expect(lane_head.locator(".about")).to_contain_text("等审批")

    # whoever is right above has it among the tasks, with the words, and says no or yes
    grid_head = at_desk("grid_head")
    expect(grid_head.locator(".task")).to_contain_text("等您审批延期")
    eyes.look(grid_head, "tasks-asked", desk=True)
    open_case(grid_head, "巷道中间", where="/tasks/")
    form = act(grid_head, "审批延期")
    expect(form).to_contain_text("李巷长")
    expect(form).to_contain_text("水泥后天才到")
    form.get_by_label("不同意").check()
    press(grid_head, "审批延期", within=form)
    expect(grid_head.get_by_role("alert")).to_contain_text("请写明理由")
    form = act(grid_head, "审批延期")
    expect(form.get_by_label("不同意")).to_be_checked()
    eyes.look(grid_head, "decide-extension", desk=True, whole=False)
    form.get_by_label("同意延期", exact=True).check()
    press(grid_head, "审批延期", within=form)
    expect(grid_head.locator(".timeline")).to_contain_text("同意延期 2 天")
    expect(grid_head.locator(".clock .added")).to_have_count(1)
    eyes.look(grid_head, desk=True)
    lane_head.reload()
    after = lane_head.locator(".clock", has_text="办好").locator(".hint").inner_text()
    assert after != due
    assert "已延期 2 天" in after
    expect(lane_head.locator(".about")).to_contain_text("已同意")
    eyes.look(lane_head, "extended")


def test_supervised_and_answered(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], on_phone: Callable[[str], Page]
) -> None:
    make_report(place.lane2, words="公厕后面的污水漫到路上了")
    town = at_desk("town_desk")
    open_case(town, "公厕后面")
    do(town, "督办", "今天之内报进展")
    expect(town.get_by_role("status")).to_contain_text("已督办")
    expect(town.locator("summary", has_text="督办")).to_have_count(0)
    town.goto("/desk/?supervised=on")
    expect(town.locator("tbody tr")).to_have_count(1)
    eyes.look(town, "desk-supervised", desk=True, whole=False)

    lane_head = on_phone("lane_head_2")
    expect(lane_head.locator(".task")).to_contain_text("等您答复督办")
    eyes.look(lane_head)
    open_case(lane_head, "公厕后面", where="/tasks/")
    form = act(lane_head, "答复督办", "周值班")
    expect(form.locator("..")).to_contain_text("横水镇")
    eyes.look(lane_head, "answer-order")
    form.locator("textarea").fill("抽水车下午到，先垫了砖")
    press(lane_head, "答复督办", within=form)
    expect(lane_head.locator(".about")).to_contain_text("已答复")
    town.goto("/desk/?supervised=on")
    open_case(town, "公厕后面", where="/desk/?supervised=on")
    expect(town.locator(".timeline")).to_contain_text("抽水车下午到")
    eyes.look(town, "order-answered", desk=True, whole=False)


def test_handled_together_and_not_done_before_everybody_is(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page], on_phone: Callable[[str], Page]
) -> None:
    add_organ(place)
    make_report(place.lane2, "voices", words="健身器材旁边积水，滑倒过人")
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "健身器材", where="/tasks/")
    press(lane_head, "接单", within=act(lane_head, "接单"))
    grid_head = at_desk("grid_head")
    open_case(grid_head, "健身器材")
    do(grid_head, "协同", "请看看排水口", seat="水务局 部门经办 水经办", seat_label="请谁协同")
    expect(grid_head.locator(".about")).to_contain_text("协同 · 水务局 部门经办")
    eyes.look(grid_head, desk=True)
    lane_head.reload()
    expect(lane_head.locator(".acts")).to_contain_text("还有协同的岗位没有报告结果")
    expect(lane_head.locator("summary", has_text="处理完成")).to_have_count(0)
    eyes.look(lane_head, "together")

    organ = on_phone("organ_desk")
    expect(organ.locator(".task")).to_contain_text("请您协同")
    open_case(organ, "健身器材", where="/tasks/")
    eyes.look(organ)
    do(organ, "协同完成", "排水口通了")
    lane_head.reload()
    expect(lane_head.locator(".about")).to_contain_text("排水口通了")
    do(lane_head, "处理完成", "积水已清，排水口通了")
    assert state(lane_head) == "已处理"


def test_the_same_thing_twice_is_merged(
    place: Place, clock: Clock, eyes: Looker, phone: Page, at_desk: Callable[[str], Page]
) -> None:
    first = make_report(place.lane2, words="二巷口一大堆垃圾没人清")
    clock.forward(minutes=20)
    code = report(phone, place.lane2, "巷口垃圾发臭了")
    clerk = at_desk("village_clerk")
    open_case(clerk, "巷口垃圾发臭了")
    form = act(clerk, "合并")
    expect(form.locator(".near")).to_contain_text(str(first.matter.number))
    eyes.look(clerk, "merge", desk=True, whole=False)
    form.get_by_label("并入哪一件").fill("999999999")
    press(clerk, "合并", within=form)
    expect(clerk.get_by_role("alert")).to_contain_text("没有这个编号的事项")
    form = act(clerk, "合并")
    expect(form.get_by_label("并入哪一件")).to_have_value("999999999")
    form.get_by_label("并入哪一件").fill(str(first.matter.number))
    # asked once more, and thought better of
    form.get_by_role("button", name="合并", exact=True).click()
    expect(clerk.get_by_role("dialog")).to_contain_text("不能撤销")
    eyes.look(clerk, "merge-sure", desk=True, whole=False)
    clerk.get_by_role("dialog").get_by_role("button", name="再想想").click()
    assert state(clerk) == "待处理"
    press(clerk, "合并", within=form)
    assert state(clerk) == "已合并"
    expect(clerk.locator(".facts")).to_contain_text(str(first.matter.number))
    eyes.look(clerk, desk=True)
    phone.goto(f"/t/{code}/")
    expect(phone.locator("h1")).to_contain_text("同一件事")


def test_declined_with_where_to_go_instead(
    place: Place, clock: Clock, eyes: Looker, phone: Page, at_desk: Callable[[str], Page]
) -> None:
    code = report(phone, place.lane2, "我家宅基地证上的名字写错了", "其他情况")
    clerk = at_desk("village_clerk")
    open_case(clerk, "我家宅基地证")
    do(
        clerk,
        "不予受理",
        "更正证书由自然资源部门办",
        typed={"可以去哪里办": "县自然资源局不动产窗口，0359-6520222"},
    )
    assert state(clerk) == "不予受理"
    eyes.look(clerk, "declined", desk=True, whole=False)
    phone.goto(f"/t/{code}/")
    expect(phone.locator(".timeline")).to_contain_text("县自然资源局不动产窗口")
    eyes.look(phone)


def test_taken_for_a_check_by_chance(
    place: Place,
    clock: Clock,
    lots: Lots,
    eyes: Looker,
    at_desk: Callable[[str], Page],
    on_phone: Callable[[str], Page],
) -> None:
    make_report(place.lane2, "voices", words="想在巷口放两条长椅")
    lots.number = 0
    lane_head = on_phone("lane_head_2")
    open_case(lane_head, "想在巷口", where="/tasks/")
    do(lane_head, "当场处理", "长椅已放好")
    assert state(lane_head) == "待核实"
    expect(lane_head.locator("summary", has_text="核查")).to_have_count(0)
    director = at_desk("village_director")
    open_case(director, "想在巷口", where="/tasks/")
    form = act(director, "核查")
    form.get_by_label("通过，已经解决").check()
    press(director, "核查", within=form)
    assert state(director) == "已处理"


def test_left_alone_it_turns_amber_then_red_and_the_lists_say_so(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    make_report(place.lane2, words="二巷尾的野草比人高了")
    pass_time(clock, hours=11)
    director = at_desk("grid_head")
    director.goto("/desk/?lamp=amber")
    expect(director.locator("tbody tr")).to_have_count(1)
    expect(director.locator("tbody .lamp")).to_contain_text("将到期")
    pass_time(clock, hours=2)
    director = at_desk("grid_head")
    director.goto("/desk/?lamp=amber")
    expect(director.locator("main")).to_contain_text("没有符合条件的事项")
    director.goto("/desk/?lamp=red")
    expect(director.locator("tbody tr")).to_have_count(1)
    director.goto("/desk/?supervised=on")
    open_case(director, "二巷尾的野草", where="/desk/?supervised=on")
    expect(director.locator(".facts")).to_contain_text("第一网格 网格长")
    expect(director.locator(".timeline")).to_contain_text("超时 · 响应")
    expect(director.locator(".clock", has_text="超时后上移")).to_contain_text("到时转到上一级")
    eyes.look(director, "overdue-case", desk=True, whole=False)


def test_in_english_the_page_of_a_case_reads_whole(
    place: Place, clock: Clock, eyes: Looker, at_desk: Callable[[str], Page]
) -> None:
    add_organ(place)
    make_report(place.lane2, "facilities", words=DITCH)
    town = at_desk("town_desk")
    open_case(town, DITCH)
    press(town, "English")
    town.locator("details.more > summary").click()
    eyes.look(town, "case-english", desk=True)
    for words in ("What you can do now", "More choices", "Transfer", "Decline", "Response", "Hand up"):
        expect(town.locator("main")).to_contain_text(words)
