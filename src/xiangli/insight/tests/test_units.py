"""Unit pages: who answers, who is away, what is open, history, figures, the file of a village."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from xiangli.accounts.models import User
from xiangli.cases.actions import take_case
from xiangli.cases.tests.factories import Place, add_organ, an_act, make_place, make_report
from xiangli.insight.pages.dossier import dossier_of
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.states import Visibility
from xiangli.territory.actions import appoint, end_appointment, record_absence, set_duty_number, set_on_call
from xiangli.territory.actions.figures import check_figure, remove_figure, set_figure
from xiangli.territory.models import Figure, Standing, Succession, Unit
from xiangli.territory.queries import about

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)  # a Friday, 14:00 in the counties
TODAY = date(2026, 11, 20)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xiangli.kernel.clock.now", lambda: NOW)


@pytest.fixture
def place() -> Place:
    return make_place()


def at_work(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def read(client: Client, unit: Unit, query: str = "") -> str:
    answer = client.get(f"/units/{unit.pk}/{query}")
    assert answer.status_code == 200, answer.content.decode()[:300]
    return answer.content.decode()


def leave(place: Place, who: str) -> None:
    end_appointment(appointment=place.people[who].appointments.get(), on=TODAY)


# who answers


def test_a_unit_says_who_answers_for_each_duty(place: Place) -> None:
    _seats, duties = about.seats_about(Unit.objects.get(pk=place.village.pk), at=NOW)
    of = {duty: one for one in duties for duty in one.duties}
    assert of["环境卫生"].name == "赵主任"
    assert of["警务联络"].name == "孙警官"
    # the adviser's post of the village is empty: the town answers
    assert (of["法律咨询"].name, of["法律咨询"].place, of["法律咨询"].vacant) == ("周值班", "横水镇", True)
    # complaints begin at the town: nobody is missing below
    assert (of["服务投诉"].name, of["服务投诉"].vacant) == ("周值班", False)


def test_a_vacancy_is_loud_and_names_who_answers_meanwhile(place: Place) -> None:
    client = at_work(place.people["town_desk"])
    page = read(client, place.lane)
    assert "张巷长" in page
    assert "由 王网格 代为应答" not in page
    leave(place, "lane_head")
    page = read(client, place.lane)
    assert '<span class="lamp red">' in page
    assert "空缺" in page
    assert "由 第一网格 网格长 王网格 代为应答" in page
    assert "由 王网格 代为应答" in page
    # and on the pages above
    for above in (place.village, place.town):
        page = read(client, above)
        assert "下级空缺的岗位" in page
        assert "庙上村 一巷" in page
        assert "街巷长 空缺" in page


def test_a_deputy_answers_for_who_is_away(place: Place) -> None:
    client = at_work(place.people["village_director"])
    deputy = place.seat("lane_head", place.lane, "褚代理", standing=Standing.DEPUTY)
    record_absence(
        appointment=place.people["lane_head"].appointments.get(),
        starts=NOW - timedelta(hours=1),
        ends=NOW + timedelta(hours=20),
    )
    seats, duties = about.seats_about(place.lane, at=NOW)
    assert {one.name for one in duties if "环境卫生" in one.duties} == {"褚代理"}
    assert [(one.name, one.away, one.deputy) for one in seats[0].people] == [
        ("张巷长", True, False),
        ("褚代理", False, True),
    ]
    assert not seats[0].loud
    page = read(client, place.village)
    assert "今天外出" in page
    assert "张巷长" in page
    assert "到 明天 10:00" in page
    # whoever stands below sees who answers above, and not who is away
    assert "今天外出" not in read(at_work(deputy), place.village)


def test_tonight_and_the_duty_number_stand_on_the_page(place: Place) -> None:
    client = at_work(place.people["village_director"])
    assert "本单位今晚没有排值班" in read(client, place.village)
    set_duty_number(unit=place.village, post=place.posts["village_director"], phone="0359-6520009")
    set_on_call(
        unit=place.village,
        post=place.posts["village_director"],
        user=place.people["grid_head"],
        starts=NOW + timedelta(hours=8),
        ends=NOW + timedelta(hours=17),
    )
    page = read(client, place.village)
    assert "0359-6520009" in page
    assert "王网格 <span" in page
    assert "没有排值班" not in page


def test_an_organ_has_the_same_page(place: Place) -> None:
    organ = add_organ(place)
    page = read(at_work(place.people["organ_desk"]), organ)
    assert "核查反馈" in page  # its one duty
    assert "环境卫生" not in page  # it answers for no place
    assert "水经办" in page
    assert "界线还没有绘制" not in page
    assert at_work(place.people["town_desk"]).get(f"/units/{organ.pk}/").status_code == 404


def test_the_pairing_of_cadres_stands_on_the_page_of_the_village(place: Place) -> None:
    client = at_work(place.people["lane_head"])
    assert "联村干部 · " not in read(client, place.village)  # nobody answers for nothing: no alarm
    for name in ("冯科长", "陈干部"):
        place.seat("liaison_cadre", place.village, name)
    page = read(client, place.village)
    assert "联村干部" in page
    assert "冯科长" in page
    assert "陈干部" in page


# what is open, and in whose hands


def test_what_is_open_counts_ordinary_matters_by_lamp(place: Place) -> None:
    for category in ("environment", "facilities", "greening"):
        make_report(place.lane, category)
    late, soon, private = Matter.objects.order_by("number")
    Matter.objects.filter(pk=late.pk).update(
        next_clock="put_right", next_clock_at=NOW - timedelta(hours=2), next_amber_at=NOW - timedelta(hours=9)
    )
    Matter.objects.filter(pk=soon.pk).update(
        next_clock="put_right", next_clock_at=NOW + timedelta(hours=2), next_amber_at=NOW - timedelta(hours=1)
    )
    client = at_work(place.people["village_director"])
    assert "未办结 3 件，其中已超时 1 / 3" in read(client, place.village)
    Matter.objects.filter(pk=private.pk).update(visibility=Visibility.PRIVATE)
    page = read(client, place.village)
    assert "未办结 2 件，其中已超时 1 / 2" in page
    for words in ("已超时 1<", "将到期 1<", "正常 0<", "不计时 0<"):
        assert words in page
    # from below, no count of the village
    assert "未办结" not in read(at_work(place.people["lane_head"]), place.village)


def test_what_one_carries_is_shown_to_whoever_administers_there_and_to_nobody_else(place: Place) -> None:
    head = place.people["grid_head"]
    appoint(
        user=head, unit=place.lane, post=place.posts["lane_head"], valid_from=TODAY, standing=Standing.DEPUTY
    )
    taken = make_report(place.lane)
    take_case(an_act(place.actor("lane_head"), taken))
    shown = read(at_work(place.people["town_desk"]), place.lane)
    assert "一人多责" in shown
    assert "第一网格 网格长；庙上村 一巷 街巷长" in shown.replace("庙上村 第一网格", "第一网格")
    people = about.people_at(place.lane, place.actor("town_desk"), at=NOW)
    assert [(one.name, len(one.posts), one.duties) for one in people] == [
        ("张巷长", 1, 11),
        ("王网格", 2, 11),
    ]
    for who in ("lane_head", "grid_head", "village_clerk", "county_supervision"):
        assert "一人多责" not in read(at_work(place.people[who]), place.lane), who


# history


def test_history_has_dates_and_predecessors(place: Place) -> None:
    leave(place, "lane_head")
    successor = User.objects.create_user(display_name="许接任")
    appoint(user=successor, unit=place.lane, post=place.posts["lane_head"], valid_from=TODAY)
    offices, page = about.offices(place.lane, at=NOW, size=1)
    assert [(one.name, one.predecessor, one.last_day) for one in offices] == [("许接任", "张巷长", None)]
    offices, _page = about.offices(place.lane, at=NOW, size=1, cursor=page.next)
    assert [(one.name, one.predecessor, one.last_day) for one in offices] == [
        ("张巷长", "", TODAY - timedelta(days=1))
    ]
    text = read(at_work(place.people["village_director"]), place.lane)
    assert "2026-11-19" in text
    assert "至今" in text


def test_a_merged_unit_says_where_it_went_and_its_successor_from_where(place: Place) -> None:
    old = Unit.objects.create(
        kind="place",
        county=place.county,
        parent=place.town,
        level=place.village.level,
        path=place.town.path + "201/",
        name="北庙村",
        short_name="北庙村",
        valid_from=date(2018, 1, 1),
        valid_to=date(2019, 3, 1),
    )
    Succession.objects.create(predecessor=old, successor=place.village, on=date(2019, 3, 1))
    client = at_work(place.people["town_desk"])
    page = read(client, old)
    assert "2019-03-01 撤并入" in page
    assert "今天谁应答" not in page
    assert "接续自：" in read(client, place.village)
    assert "北庙村" in read(client, place.village)
    assert client.get(f"/units/{old.pk}/dossier.pdf").status_code == 404
    # the tree shows it when asked
    assert "北庙村" not in client.get(f"/units/?unit={place.town.pk}").content.decode()
    assert "北庙村" in client.get(f"/units/?unit={place.town.pk}&ended=1").content.decode()


# the tree


def test_the_tree_goes_one_level_at_a_time_and_searches_within_the_territory(place: Place) -> None:
    other = make_place("14/08/27/")
    client = at_work(place.people["town_desk"])
    page = client.get("/units/").content.decode()
    assert "横水镇" in page
    assert "庙上村" not in page
    page = client.get(f"/units/?unit={place.town.pk}").content.decode()
    assert "庙上村" in page
    assert "赵主任" in page
    assert "有岗位空缺" in page  # the legal adviser
    page = client.get("/units/?q=巷").content.decode()
    assert page.count("庙上村 一巷</a>") == 1  # not the one of the other county
    assert "没有找到这个单位" in client.get("/units/?q=北京").content.decode()
    assert client.get(f"/units/?unit={other.town.pk}").status_code == 404
    assert client.get("/units/?unit=abc").status_code == 404
    leave(place, "village_officer")
    assert about.vacant_under(place.town.path, at=NOW)[0].place == "庙上村"


def test_pages_cost_the_same_with_one_row_and_with_three(place: Place) -> None:
    director = place.people["town_desk"]
    client = at_work(director)
    set_figure_as(place)

    def statements(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get(address).status_code == 200
        return len(seen)

    make_report(place.lane)
    leave(place, "lane_head_2")
    addresses = [
        *("/units/", f"/units/?unit={place.grid.pk}", "/units/?q=巷", f"/units/{place.village.pk}/"),
        *(f"/map/?unit={place.grid.pk}", f"/map/units.json?unit={place.grid.pk}"),
        f"/map/points.json?unit={place.grid.pk}",
    ]
    client.get("/units/")
    before = {address: statements(address) for address in addresses}
    for number in range(3):
        lane = Unit.objects.create(
            county=place.county,
            parent=place.grid,
            level=place.lane.level,
            path=f"{place.grid.path}1{number}/",
            name=f"{number}巷",
            short_name=f"{number}巷",
            valid_from=date(2024, 1, 1),
        )
        place.seat("lane_head", lane, f"巷长{number}")
        make_report(lane)
        set_figure_as(place, name=f"数字{number}")
    leave(place, "lane_head")
    assert {address: statements(address) for address in addresses} == before
    assert before[f"/units/{place.village.pk}/"] <= 26


def test_what_is_to_print_stands_on_the_page_of_whoever_prints(place: Place) -> None:
    page = read(at_work(place.people["village_director"]), place.village)
    assert "街巷公示牌要印 2 / 2 块" in page
    assert "责任公示栏要印 1 / 1 块" in page
    assert f"/plates/?unit={place.village.pk}" in page
    assert "公示牌要印" not in read(at_work(place.people["county_supervision"]), place.village)
    other = make_place("14/08/27/")
    for address in ("", "dossier.pdf", "figures/"):
        found = at_work(other.people["town_desk"]).get(f"/units/{place.village.pk}/{address}")
        assert found.status_code == 404, address


# figures


def set_figure_as(place: Place, who: str = "town_desk", **more: object) -> Figure:
    values = {
        "name": "户数", "value": Decimal(318), "measure": "户", "as_of": date(2026, 11, 1),
        "source": "村委会 11 月清点", **more,
    }  # fmt: skip
    return set_figure(by=place.actor(who), unit=place.village, **values)  # type: ignore[arg-type]  # as a test gives them


def test_a_figure_is_written_with_its_day_and_source_and_leaves_an_event(place: Place) -> None:
    client = at_work(place.people["town_desk"])
    form = {"name": "户数", "value": "318", "measure": "户", "as_of": "2026-11-01", "source": "村委会清点"}
    answer = client.post(f"/units/{place.village.pk}/figures/", form, follow=True)
    page = answer.content.decode()
    assert "已登记：户数，截至 2026-11-01。" in page
    assert "318 户" in page
    assert "村委会清点" in page
    event = LedgerEvent.objects.filter(stream=place.village.pk).order_by("-seq").first()
    assert event is not None
    assert event.kind == "set_figure"
    # the same day corrects, another stands beside
    set_figure_as(place, value=Decimal(319))
    set_figure_as(place, value=Decimal(301), as_of=date(2025, 11, 1))
    assert [(one.value, one.as_of.year) for one in Figure.objects.order_by("-as_of")] == [
        (Decimal("319.00"), 2026),
        (Decimal("301.00"), 2025),
    ]
    # and a slip can be taken out again
    slip = set_figure_as(place, name="户")
    assert client.post(f"/units/{place.village.pk}/figures/{slip.pk}/remove/").status_code == 302
    assert not Figure.objects.filter(name="户").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": "-1"}, "数值不能小于 0"),
        ({"value": "3", "measure": "人"}, "可能认出是谁"),
        ({"as_of": "2026-11-21"}, "截止日期还没到"),
        ({"value": "很多"}, "请填数字"),
        ({"source": ""}, "请写数字从哪里来"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_in_words(place: Place, wrong: dict[str, str], said: str) -> None:
    form = {"name": "户数", "value": "318", "measure": "户", "as_of": "2026-11-01", "source": "清点", **wrong}
    answer = at_work(place.people["town_desk"]).post(f"/units/{place.village.pk}/figures/", form)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Figure.objects.exists()


def test_figures_are_written_by_whoever_changes_units_there(place: Place) -> None:
    for who in ("village_director", "lane_head", "county_supervision"):
        with pytest.raises(Refused, match="不登记"):
            set_figure_as(place, who)
        client = at_work(place.people[who])
        assert client.get(f"/units/{place.village.pk}/figures/").status_code in (403, 404)
    figure = set_figure_as(place, "county_desk")
    with pytest.raises(Refused):
        remove_figure(by=place.actor("village_director"), unit=place.village, figure=figure)
    # of another unit, it is not there
    assert (
        at_work(place.people["town_desk"])
        .post(f"/units/{place.town.pk}/figures/{figure.pk}/remove/")
        .status_code
        == 404
    )


# on paper


def test_the_file_of_a_village_says_all_of_it(place: Place) -> None:
    set_figure_as(place)
    hazard = make_report(place.lane, "hazards", words="井盖没了")
    other = make_report(place.lane, "environment")
    private = make_report(place.lane2, "hazards", words="只给几个人看")
    Matter.objects.filter(pk=private.matter.pk).update(visibility=Visibility.PRIVATE)
    leave(place, "lane_head_2")
    answer = at_work(place.people["village_clerk"]).get(f"/units/{place.village.pk}/dossier.pdf")
    assert answer["Content-Type"] == "application/pdf"
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).replace(
        "\n", ""
    )
    for words in (
        *("庙上村 一村一档", "钱文书", "赵主任", "张巷长", "0359-6520001", "王网格", "空缺", "318 户", "村委会 11 月清点"),
        *(str(hazard.matter.number), "安全隐患", "第 1 页", "2026-11-20", "网格 1 个", "街巷 2 个"),
    ):  # fmt: skip
        assert words in text, words
    assert str(other.matter.number) not in text  # no hazard
    assert str(private.matter.number) not in text
    assert at_work(place.people["town_desk"]).get(f"/units/{place.town.pk}/dossier.pdf").status_code == 404


@pytest.mark.parametrize(
    ("value", "measure", "refused"),
    [
        ("4", "人", True),
        ("3", "老人", True),
        ("2", "低保户", True),
        ("4", "户", True),
        ("1", "Households", True),
        ("5", "人", False),
        ("0", "人", False),
        ("3.2", "万人", False),
        ("3.5", "人/平方公里", False),
        ("3", "亩/户", False),
        ("2", "所", False),
    ],
)
def test_figures_of_so_few_people_that_they_are_somebody_are_not_kept(
    value: str, measure: str, refused: bool
) -> None:
    if not refused:
        check_figure(Decimal(value), measure, TODAY, today=TODAY)
        return
    with pytest.raises(Refused, match="可能认出是谁"):
        check_figure(Decimal(value), measure, TODAY, today=TODAY)


def test_a_list_in_the_dossier_that_is_cut_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for _one in range(2):
        make_report(place.lane, "hazards")
    village, actor = Unit.objects.get(pk=place.village.pk), place.actor("village_director")
    whole = dossier_of(actor, village, at=NOW)
    assert "只列前" not in whole["hazards"]["note"] + whole["history"]["note"]
    monkeypatch.setattr("xiangli.insight.pages.dossier.MOST_HAZARDS", 1)
    monkeypatch.setattr("xiangli.insight.pages.dossier.MOST_OFFICES", 1)
    cut = dossier_of(actor, village, at=NOW)
    assert (len(cut["hazards"]["rows"]), len(cut["history"]["rows"])) == (1, 1)
    assert cut["hazards"]["note"].startswith("只列前 1 行")
    assert "未办结事项 2 件" in cut["hazards"]["note"]
    assert cut["history"]["note"] == "只列前 1 行。"
