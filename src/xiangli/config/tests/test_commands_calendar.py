"""`xiangli calendar`, as somebody types it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xiangli.config.commands import calendar
from xiangli.config.doctor import Level
from xiangli.config.doctor.inside import _calendar
from xiangli.kernel.calendar import calendar_of, load_calendar, published_years, year_of
from xiangli.kernel.models import CalendarDay, CalendarYear

pytestmark = pytest.mark.django_db(transaction=True)

# Friday 1 January with the Thursday before it; 1 to 3 May are Saturday to Monday; 1 October is a Friday.
YEAR = """day,working,name
2026-12-31,0,元旦
2027-01-01,0,元旦
2027-01-02,0,元旦
2027-01-03,1,元旦
2027-05-01,0,劳动节
2027-05-03,0,劳动节
2027-10-01,0,国庆节
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "days.csv"
    path.write_text(YEAR, encoding="utf-8")
    return path


def typed(*words: str) -> Result:
    return CliRunner().invoke(calendar.command, words)


def test_a_year_is_entered_shown_and_corrected(file: Path) -> None:
    notice = ("--source", "国办发明电〔2026〕9号")
    done = typed("--year", "2027", "--file", str(file), *notice)
    assert done.exit_code == 0, done.output
    assert "2027: 5 days added, 0 changed, 0 removed. Source: 国办发明电〔2026〕9号" in done.output
    assert "+ 2027-01-03 Sunday worked 元旦" in done.output
    assert "2027-01-02" not in done.output  # a free Saturday is what its weekday says
    known = calendar_of("")
    assert [known.works(date(2027, 1, day)) for day in (1, 2, 3, 4)] == [False, False, True, True]
    assert not known.works(date(2026, 12, 31))
    assert published_years() == {2027}

    shown = typed("--year", "2027")
    assert "source: 国办发明电〔2026〕9号" in shown.stderr
    # what is printed can be entered
    file.write_text(shown.stdout.replace("2027-05-03,0", "2027-05-04,0"), encoding="utf-8")
    done = typed("--year", "2027", "--file", str(file), *notice)
    assert "1 days added, 0 changed, 1 removed" in done.output
    assert "+ 2027-05-04 Tuesday free 劳动节" in done.output
    assert "- 2027-05-03 Monday free 劳动节" in done.output
    assert "0 days added, 0 changed, 0 removed" in typed("--year", "2027", "--file", str(file)).output


def test_chinese_columns_and_the_coding_of_a_spreadsheet_are_read(file: Path) -> None:
    lines = YEAR.replace("day,working,name", "名称,日期,上班").splitlines()
    turned = [lines[0]]
    for line in lines[1:]:
        day, working, name = line.split(",")
        turned.append(f"{name},{day.replace('-0', '/').replace('-', '/')},{'班' if working == '1' else '休'}")
    file.write_bytes("\r\n".join(turned).encode("gb18030"))
    done = typed("--year", "2027", "--file", str(file))
    assert done.exit_code == 0, done.output
    source, days = year_of(2027)
    assert source == "手工录入：days.csv"
    assert [(one.day, one.working) for one in days][:3] == [
        (date(2026, 12, 31), False),
        (date(2027, 1, 1), False),
        (date(2027, 1, 3), True),
    ]


def test_a_year_that_the_library_kept_is_kept_by_hand_from_then_on(file: Path) -> None:
    load_calendar()
    shown = typed("--year", "2026").stdout
    file.write_text(shown + "2026-07-15,0,防汛停工\n", encoding="utf-8")
    done = typed("--year", "2026", "--file", str(file))
    assert "1 days added, 0 changed, 0 removed" in done.output
    assert load_calendar() == 0
    assert not calendar_of("").works(date(2026, 7, 15))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2027-02-30,0,春节", "line 9: 2027-02-30 is no date"),
        ("soon,0,春节", "line 9: soon is no date"),
        ("2028-02-01,0,春节", "line 9: 2028-02-01 is not of the announcement for 2027"),
        ("2027-12-27,0,元旦", "it goes from 2026-12-25 to 2027-12-24"),
        ("2027-02-08,maybe,春节", "line 9: working is 1 or 0, and not maybe"),
        ("2027-02-08,,春节", "line 9: working is 1 or 0"),
        ("2027-02-08,0,", "line 9: a name has 1 to 40 characters"),
        (f"2027-02-08,0,{'节' * 41}", "line 9: a name has 1 to 40 characters"),
        ("2027-02-08,1,春节", "line 9: 2027-02-08 is a Monday and worked anyway"),
        ("2027-01-01,0,元旦", "line 9: 2027-01-01 stands in line 3 already"),
        ("2027-01-02,1,元旦", "line 9: 2027-01-02 stands in line 4 already"),
    ],
)
def test_a_line_that_cannot_be_is_refused_and_nothing_is_written(file: Path, line: str, said: str) -> None:
    file.write_text(YEAR + line + "\n" + "2027-13-01,0,x\n", encoding="utf-8")
    done = typed("--year", "2027", "--file", str(file))
    assert done.exit_code == 1
    assert said in done.output
    assert "line 10: 2027-13-01 is no date" in done.output  # all faults at once
    assert "nothing was changed" in done.output
    assert not CalendarYear.objects.exists()
    assert not CalendarDay.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "days.csv: "),
        ("2027-01-01,0,元旦\n", "the first line must name the columns"),
        ("day,day,working,name\n", "the first line must name the columns"),
        ("day,working,name\n", "2027-01-01, a Friday, is 元旦 by law and not in the file"),
        (YEAR.replace("2027-10-01", "2027-10-08"), "2027-10-01, a Friday, is 国庆节 by law"),
    ],
)
def test_half_a_year_is_refused(file: Path, text: str, said: str) -> None:
    file.write_text(text, encoding="utf-8")
    done = typed("--year", "2027", "--file", str(file))
    assert done.exit_code == 1
    assert said in done.output
    assert not CalendarYear.objects.exists()


def test_a_year_that_is_not_there_is_not_shown() -> None:
    done = typed("--year", "2031")
    assert done.exit_code == 1
    assert "2031 has not been entered" in done.output


def test_a_source_that_would_hand_the_year_to_the_library_is_refused(file: Path) -> None:
    done = typed("--year", "2027", "--file", str(file), "--source", "chinesecalendar 2")
    assert done.exit_code == 1
    assert "name the announcement" in done.output
    assert not CalendarYear.objects.exists()


def test_doctor_says_which_year_is_missing(file: Path) -> None:
    def says(year: int, month: int, day: int, hour: int = 0) -> tuple[Level, str]:
        finding = _calendar(datetime(year, month, day, hour, tzinfo=UTC))
        return finding.level, finding.found

    assert says(2026, 3, 1)[0] is Level.FAIL  # nothing at all
    load_calendar()
    assert says(2026, 10, 31) == (Level.OK, "holidays known until 2026")
    level, found = says(2026, 10, 31, 16)  # already November in Shanghai
    assert level is Level.WARN
    assert "the calendar of 2027 is not published" in found
    assert "xiangli calendar --year 2027" in _calendar(datetime(2026, 12, 31, tzinfo=UTC)).mend
    assert says(2027, 1, 1)[0] is Level.FAIL
    typed("--year", "2027", "--file", str(file))
    assert says(2026, 12, 31) == (Level.OK, "holidays known until 2027")
