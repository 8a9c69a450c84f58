"""A county's administrator in the quiet week of the year: categories and limits, the list, the calendar, the hours."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Clock
from tests.journeys.looking import Looker
from tests.journeys.people import follow, press
from xiangli.cases.models import Limit, Responsibility
from xiangli.cases.queries import template_workbook
from xiangli.cases.tests.factories import Place
from xiangli.kernel import jobs
from xiangli.kernel.calendar import year_of
from xiangli.kernel.models import Job, JobFile
from xiangli.territory.rules import day_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

YEAR = "日期,上班,名称\n2026-12-31,0,元旦\n2027-01-01,0,元旦\n2027-05-03,0,劳动节\n2027-10-01,0,国庆节\n"


@pytest.fixture
def admin(place: Place, at_desk: Callable[[str], Page]) -> Page:
    place.people["county_admin"] = place.seat("county_admin", place.county, "荆管理")
    page = at_desk("county_admin")
    follow(page.get_by_role("link", name="管理", exact=True))
    return page


def test_a_category_gets_a_limit_with_its_source_and_a_new_one_is_added(
    admin: Page, clock: Clock, eyes: Looker
) -> None:
    eyes.look(admin, desk=True)
    follow(admin.get_by_role("link", name="类别与时限"))
    eyes.look(admin, desk=True)
    follow(admin.get_by_role("link", name="环境卫生"))
    admin.get_by_text("写一条新的时限").click()
    admin.get_by_label("哪个时限").select_option(label="办好")
    admin.get_by_label("多少").fill("5")
    admin.get_by_label("按什么数").select_option(label="工作日")
    admin.get_by_label("依据").fill("县政府办〔2026〕12号 第三条")
    # what is wrong is said where it is, and nothing typed is lost
    admin.get_by_label("从哪天起").fill(f"{day_of(clock.now())}")
    press(admin, "写下")
    expect(admin.locator("main")).to_contain_text("最早从明天起")
    expect(admin.get_by_label("依据")).to_have_value("县政府办〔2026〕12号 第三条")
    eyes.look(admin, desk=True)
    tomorrow = day_of(clock.now()) + timedelta(days=1)
    admin.get_by_label("从哪天起").fill(f"{tomorrow}")
    press(admin, "写下")
    expect(admin.get_by_role("row", name="县政府办〔2026〕12号")).to_contain_text("还没到")
    assert Limit.objects.get(valid_from=tomorrow).amount == 5
    eyes.look(admin, "settings-category", desk=True)

    follow(admin.get_by_role("button", name="返回类别"))
    follow(admin.get_by_role("button", name="加一类"))
    admin.get_by_label("代码").fill("street_light")
    admin.get_by_label("名称", exact=True).fill("路灯")
    admin.get_by_label("英文名称").fill("Street lights")
    eyes.look(admin)
    press(admin, "加上")
    expect(admin.locator("#notice")).to_contain_text("已加“路灯”")


def test_a_list_with_a_fault_comes_back_annotated_and_is_written_once_it_is_mended(
    admin: Page, place: Place, clock: Clock, eyes: Looker, tmp_path: Path
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template_workbook(place.county, today=day_of(clock.now()))))
    sheet = book.worksheets[0]
    sheet.delete_rows(2, sheet.max_row)
    wanted = {"事项类别": "环境卫生", "发生在": "小巷", "由谁负责": "网格长", "依据": "县里的清单"}
    for column, cell in enumerate(sheet[1], start=1):
        sheet.cell(2, column, wanted.get(str(cell.value)) or ("2027-01-01" if cell.value == "起" else None))
    book.save(tmp_path / "list.xlsx")

    follow(admin.get_by_role("link", name="导入权责清单"))
    eyes.look(admin, desk=True)
    admin.get_by_label("清单文件").set_input_files(tmp_path / "list.xlsx")
    press(admin, "检查")
    expect(admin.locator("main")).to_contain_text("还没有写入任何一行")
    expect(admin.get_by_role("row", name="发生在")).to_be_visible()
    eyes.look(admin, desk=True)
    with admin.expect_download() as marked:
        admin.get_by_role("button", name="下载标注好的表格").click()
    marked.value.save_as(tmp_path / "marked.xlsx")
    mended = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    heads = [cell.value for cell in mended.worksheets[0][1]]
    assert "怎么改" in heads
    mended.worksheets[0].cell(2, heads.index("发生在") + 1, "街巷")
    mended.save(tmp_path / "mended.xlsx")

    follow(admin.get_by_role("button", name="改好再传"))
    admin.get_by_label("清单文件").set_input_files(tmp_path / "mended.xlsx")
    press(admin, "检查")
    press(admin, "写入清单")
    expect(admin.locator("#notice")).to_contain_text("已导入：新增 1 行")
    assert Responsibility.objects.count() == 1


def test_a_years_holidays_are_read_looked_at_and_entered(admin: Page, eyes: Looker, tmp_path: Path) -> None:
    (tmp_path / "2027.csv").write_text(YEAR, encoding="utf-8")
    follow(admin.get_by_role("link", name="工作日历"))
    eyes.look(admin, desk=True)
    admin.get_by_label("哪一年的通知").fill("2027")
    admin.get_by_label("依据").fill("国办发明电〔2026〕9号")
    admin.get_by_label("文件").set_input_files(tmp_path / "2027.csv")
    press(admin, "读文件，先看看")
    expect(admin.get_by_role("row", name="2027-10-01")).to_contain_text("新的")
    eyes.look(admin, desk=True)
    assert year_of(2027) == ("", [])
    press(admin, "确认录入")
    expect(admin.locator("#notice")).to_contain_text("2027 年已录入")
    assert len(year_of(2027)[1]) == 4

    admin.goto("/settings/hours/")
    admin.get_by_label("上班时间").fill("8点到12点")
    press(admin, "保存")
    expect(admin.locator("main")).to_contain_text("时间写得不对")
    eyes.look(admin)
    admin.get_by_label("上班时间").fill("08:30-12:00 14:00-17:30")
    press(admin, "保存")
    expect(admin.locator("#notice")).to_contain_text("已改")


def test_long_work_shows_how_far_it_is_and_then_what_it_made(
    admin: Page, place: Place, eyes: Looker, tmp_path: Path
) -> None:
    job = jobs.start("tests.long", by=place.people["county_admin"].pk, back="/settings/")
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, saying="正在生成公示牌", done=3, total=10)
    admin.goto(f"/jobs/{job.pk}/")
    bar = admin.get_by_role("progressbar", name="正在生成公示牌")
    expect(bar).to_have_attribute("value", "3")
    eyes.look(admin, desk=True)
    Job.objects.filter(pk=job.pk).update(done=7)
    expect(bar).to_have_attribute("value", "7")  # by itself
    jobs._keep(job, JobFile.Side.MADE, "公示牌.pdf", "application/pdf", b"%PDF-1.7")
    jobs._end(job, Job.State.DONE, "10 张公示牌")
    expect(admin.locator("#job")).to_contain_text("10 张公示牌")
    eyes.look(admin, desk=True)
    with admin.expect_download() as made:
        admin.get_by_role("button", name="下载结果").click()
    made.value.save_as(tmp_path / "plates.pdf")
    assert (tmp_path / "plates.pdf").read_bytes() == b"%PDF-1.7"
