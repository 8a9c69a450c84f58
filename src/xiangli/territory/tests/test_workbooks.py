"""Tables of appointments and of units: every row's verdict before anything is written."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from xiangli.accounts.models import User
from xiangli.kernel import clock, jobs
from xiangli.kernel.ledger import history
from xiangli.kernel.models import Job
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import Cell, read_rows
from xiangli.kernel.tables import Verdict, annotated
from xiangli.territory import actions
from xiangli.territory.models import Appointment, DutyNumber, Level, Standing, Unit
from xiangli.territory.queries import Actor, actor_for, workbooks
from xiangli.territory.rules import day_of
from xiangli.territory.tests.factories import SINCE, Small, make_county

TODAY = day_of(clock.now())
DAY = timedelta(days=1)
HEAD = ["单位", "岗位", "姓名", "登录名", "新人", "任职", "起", "止", "值班电话"]
UNIT_HEAD = ["上级单位", "层级", "编号", "名称", "简称", "英文名称", "代码", "起"]


@pytest.fixture
def small(db: None) -> Small:
    small = make_county()
    Unit.objects.filter(pk=small.village.pk).update(code="140826101200")
    return small


@pytest.fixture
def town(small: Small) -> Actor:
    return actor_for(small.seat("town_desk", small.town, "值班台").user, at=clock.now())


def book(*rows: Sequence[Cell], head: Sequence[str] = HEAD) -> bytes:
    made = Workbook()
    assert made.active is not None
    for row in (head, *rows):
        made.active.append(list(row))
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def row(unit: str = "横北村 一巷", post: str = "街巷长", name: str = "姚建国", **more: Any) -> list[Cell]:
    said = {"单位": unit, "岗位": post, "姓名": name, "起": TODAY, **more}
    return [said.get(column) for column in HEAD]


def judge(actor: Actor, *rows: Sequence[Cell]) -> list[Any]:
    return list(workbooks.read_appointments(book(*rows), actor=actor, today=TODAY).judged)


def test_a_sound_table_is_written_whole_and_twice_is_once(small: Small, town: Actor) -> None:
    content = book(
        row(值班电话="0359-6520001"),
        row(unit="横北村/第一网格/二巷", name="姚建国"),  # the same person, who is new in this table
        row(unit="14/08/26/101/200/01/", post="grid_head", name="王网格", 止=TODAY + 364 * DAY),
        row(unit="横北村 一巷", name="李代理", 任职="代理"),
        row(unit="140826101200", post="村文书", name="钱文书", 登录名="qianwenshu"),
    )
    table = actions.import_appointments(content, by=town, now=clock.now())
    assert table.sound
    assert table.totals == {Verdict.NEW: 5, Verdict.SAME: 0, Verdict.WRONG: 0}
    head = Appointment.objects.get(unit=small.lane, standing=Standing.HOLDER)
    assert head.user == Appointment.objects.get(unit=small.lane_two).user
    assert head.recorded_by_id == town.user_id
    assert Appointment.objects.get(unit=small.grid).valid_to == TODAY + 365 * DAY
    assert Appointment.objects.get(unit=small.lane, standing=Standing.DEPUTY).user.display_name == "李代理"
    assert User.objects.get(username="qianwenshu").display_name == "钱文书"
    assert DutyNumber.objects.get().phone == "0359-6520001"
    events = [event for event in history(small.lane.pk) if event.kind == "appoint"]
    assert [event.data["standing"] for event in events] == ["holder", "deputy"]
    assert events[0].authority == f"appointment:{town.held[0].appointment_id}"
    assert "姚建国" not in str([event.data for event in events])

    again = actions.import_appointments(content, by=town, now=clock.now())
    assert again.totals == {Verdict.NEW: 0, Verdict.SAME: 5, Verdict.WRONG: 0}
    assert Appointment.objects.exclude(unit=small.town).count() == 5


def test_every_fault_has_its_words_in_its_column(small: Small, town: Actor) -> None:
    small.seat("lane_head", small.lane_two, "赵在任")
    small.seat("village_director", small.village, "同名")
    small.seat("village_officer", small.village, "同名")
    other = make_county("61/08/31/", "子洲县", west=112.0)
    other.seat("lane_head", other.lane, user=User.objects.create_user(display_name="外人", username="waibu"))
    cases: list[tuple[list[Cell], str, str]] = [
        (row(unit="没有的村"), "unit", "没有这个单位"),
        (row(unit="61/08/31/101/200/01/01"), "unit", "没有这个单位"),
        (row(unit=""), "unit", "请写单位"),
        (row(unit="横水镇", post="乡镇长（街道主任）"), "unit", "上一级任命"),
        (row(post="巷长长"), "post", "没有这个岗位"),
        (row(unit="第一网格"), "post", "不设在"),
        (row(unit="二巷"), "post", "由赵在任担任"),
        (row(name=""), "name", "请写姓名"),
        (row(unit="横北村", post="村文书", name="同名"), "name", "有 2 位叫同名"),
        (row(name="值班台"), "name", "自己的任职"),
        (row(登录名="waibu"), "username", "不在您的辖区"),
        (row(登录名="x"), "username", "3 到 60 个字"),
        (row(任职="副的"), "standing", "负责人"),
        (row(任职="代理"), "standing", "代理不知替谁"),
        (row(起=None), "since", "请填日期"),
        (row(起="明天"), "since", "2026-11-22"),
        (row(起=TODAY - DAY), "since", "已经过去了"),
        (row(止=TODAY - DAY), "until", "早于第一天"),
        (row(值班电话="问村长"), "phone", "不是电话号码"),
    ]
    for written, column, words in cases:
        (judged,) = judge(town, written)
        assert judged.verdict == Verdict.WRONG, written
        assert any(key == column and words in why for key, why in judged.faults), (written, judged.faults)


def test_rows_are_weighed_against_each_other(small: Small, town: Actor) -> None:
    first, second, third, fourth = judge(
        town,
        row(任职="代理", name="先写的代理"),  # its holder stands below
        row(name="甲"),
        row(name="乙"),  # two heads of one lane
        row(name="甲", 起=TODAY + 3 * DAY),
    )
    assert first.verdict == second.verdict == Verdict.NEW
    assert "由甲担任（第 3 行）" in third.faults[0][1]
    assert "已在这个岗位上（第 3 行）" in fourth.faults[0][1]
    following = judge(town, row(name="甲", 止=TODAY + 9 * DAY), row(name="乙", 起=TODAY + 10 * DAY))
    assert [one.verdict for one in following] == [Verdict.NEW, Verdict.NEW]


def test_a_new_person_of_a_known_name_says_so(small: Small, town: Actor) -> None:
    known = small.seat("lane_head", small.lane_two, "姚建国").user
    (same,) = judge(town, row())
    assert same.item.person.id == known.pk
    (fresh,) = judge(town, row(新人="是"))
    assert fresh.item.person.is_new


def test_with_one_fault_nothing_is_written_but_what_is_asked_for(small: Small, town: Actor) -> None:
    content = book(row(), row(unit="没有的村"))
    table = actions.import_appointments(content, by=town, now=clock.now())
    assert not table.sound
    assert not Appointment.objects.filter(unit=small.lane).exists()
    assert not User.objects.filter(display_name="姚建国").exists()
    actions.import_appointments(content, by=town, now=clock.now(), only_good=True)
    assert Appointment.objects.filter(unit=small.lane).count() == 1


def test_killed_half_way_nothing_stands(small: Small, town: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("xiangli.territory.actions.workbooks._record_all", fail)
    with pytest.raises(MemoryError):
        actions.import_appointments(book(row()), by=town, now=clock.now())
    assert not Appointment.objects.filter(unit=small.lane).exists()
    assert not User.objects.filter(display_name="姚建国").exists()


def test_the_annotated_workbook_marks_the_cell_and_is_read_again(small: Small, town: Actor) -> None:
    table = workbooks.read_appointments(book(row(), row(post="没有的岗位")), actor=town, today=TODAY)
    content = annotated("结果", table)
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    assert [cell.value for cell in sheet[1]][-2:] == ["结果", "怎么改"]
    assert sheet.cell(2, 10).value == "可以写入"
    assert sheet.cell(3, 10).value == "有错"
    assert "岗位：没有这个岗位" in str(sheet.cell(3, 11).value)
    assert sheet.cell(3, 2).fill.fgColor.rgb == "00FFD6D6"
    assert sheet.cell(3, 1).fill.fgColor.rgb != "00FFD6D6"
    sheet.cell(3, 2).value = "街巷长"
    sheet.cell(3, 1).value = "二巷"
    stream = io.BytesIO()
    assert sheet.parent is not None
    sheet.parent.save(stream)
    mended = workbooks.read_appointments(stream.getvalue(), actor=town, today=TODAY)
    assert mended.sound


def test_a_formula_a_macro_and_another_encoding(small: Small, town: Actor) -> None:
    (formula,) = judge(town, row(name='=HYPERLINK("http://example.cn","姚建国")'))
    assert formula.faults  # nothing is computed: the program that wrote it kept no value
    content = book(row())
    with_macro = io.BytesIO(content)
    with zipfile.ZipFile(with_macro, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 a macro")
    assert workbooks.read_appointments(with_macro.getvalue(), actor=town, today=TODAY).sound
    text = "单位,岗位,姓名,起\n横北村 一巷,街巷长,姚建国," + TODAY.isoformat()
    assert workbooks.read_appointments(text.encode("gb18030"), actor=town, today=TODAY).sound
    for broken, code in (
        (text.encode("utf-16"), "file_encoding"),
        (b"\xd0\xcf\x11\xe0 old", "file_old"),
        (content[:-200], "file_unreadable"),
        ("单位,岗位\n一巷,街巷长".encode(), "columns_missing"),
        ("单位,所在单位,岗位,姓名,起\n一巷,一巷,街巷长,甲,2026-01-01".encode(), "columns_twice"),
        ((text + "\n").encode() + b"a,b\n" * 20_001, "file_rows"),
    ):
        with pytest.raises(Refused) as refused:
            workbooks.read_appointments(broken, actor=town, today=TODAY)
        assert refused.value.code == code


def lanes(small: Small, count: int) -> None:
    """Many lanes in the grid, past the actions."""
    Unit.objects.bulk_create(
        Unit(
            county=small.county,
            parent=small.grid,
            level=small.levels["lane"],
            path=f"{small.grid.path}x{number}/",
            name=f"{number}号巷",
            short_name=f"{number}号巷",
            valid_from=SINCE,
        )
        for number in range(count)
    )


def test_the_statements_do_not_grow_with_the_rows(small: Small, town: Actor) -> None:
    lanes(small, 60)

    def statements(first: int, rows: int) -> int:
        content = book(
            *(row(unit=f"{n}号巷", name=f"新人{n}", 值班电话="6520001") for n in range(first, first + rows))
        )
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert actions.import_appointments(content, by=town, now=clock.now()).sound
        return len(captured)

    assert statements(0, 1) == statements(10, 50)


@pytest.mark.long
def test_twenty_thousand_rows_with_three_hundred_faults(small: Small, town: Actor) -> None:
    lanes(small, 20_000)
    rows = [
        row(unit=f"{n}号巷", name=f"新人{n}", 任职="不懂" if n % 67 == 0 else None) for n in range(20_000)
    ]
    content = book(*rows)
    assert town.user_id is not None
    job = jobs.start(
        "territory.import_table",
        by=town.user_id,
        params={"what": "people"},
        content=content,
        filename="任职.xlsx",
    )
    begun = time.process_time()
    jobs.run_one(clock.now(), watched=False)
    took = time.process_time() - begun
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.verdict
    assert job.params["found"] == {"new": 19_701, "same": 0, "wrong": 299}
    made = jobs.made(job)
    assert made is not None
    back = read_rows(made[2], most=20_000)
    assert [one.cell(9) for one in back].count("有错") == 299
    assert not User.objects.filter(display_name="新人1").exists()

    job = jobs.start(
        "territory.import_table",
        by=town.user_id,
        params={"what": "people", "write": "good"},
        content=content,
        filename="任职.xlsx",
    )
    tracemalloc.start()
    jobs.run_one(clock.now(), watched=False)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.verdict
    assert Appointment.objects.filter(unit__parent=small.grid).count() == 19_701
    assert peak < 512 * 1024 * 1024, peak
    assert took < 30, took  # seconds of one core: 6, whatever else the machine does


# ----------------------------------------------------------------------------------------------------------- units


def unit(parent: str, level: str, name: str, **more: Any) -> list[Cell]:
    said = {"上级单位": parent, "层级": level, "名称": name, "起": SINCE, **more}
    return [said.get(column) for column in UNIT_HEAD]


def test_units_are_opened_below_rows_of_the_same_table(small: Small, town: Actor) -> None:
    content = book(
        unit("横水镇", "村", "新建村委会", 编号="201", 简称="新建村", 代码="140826101201"),
        unit("新建村", "网格", "第一网格"),
        unit("新建村 第一网格", "街巷", "一巷"),
        unit("新建村 第一网格", "街巷", "二巷", 编号=5),
        head=UNIT_HEAD,
    )
    table = actions.import_units(content, by=town, now=clock.now())
    assert table.sound, [one.faults for one in table.judged]
    village = Unit.objects.get(code="140826101201")
    assert (village.parent, village.short_name, village.county) == (small.town, "新建村", small.county)
    lane, two = Unit.objects.filter(parent__parent=village).order_by("path")
    assert lane.path == f"{village.path}01/01/"
    assert two.path == f"{village.path}01/05/"
    assert len({lane.plate_code, two.plate_code, None}) == 3
    assert history(lane.pk)[-1].kind == "open_unit"
    again = actions.import_units(content, by=town, now=clock.now())
    assert again.totals == {Verdict.NEW: 0, Verdict.SAME: 4, Verdict.WRONG: 0}
    assert Unit.objects.filter(path__startswith=village.path).count() == 4


def test_faults_of_units_have_their_words(small: Small, town: Actor) -> None:
    Unit.objects.filter(pk=small.lane_two.pk).update(valid_to=TODAY)
    cases = [
        (unit("没有的镇", "村", "某村"), "parent", "没有这个单位"),
        (unit("绛县", "乡镇", "某镇"), "parent", "没有这个单位"),
        (unit("横水镇", "街巷", "某巷"), "level", "不能设在"),
        (unit("横水镇", "区", "某区"), "level", "没有这一级"),
        (unit("横水镇", "村", ""), "name", "请写名称"),
        (unit("横水镇", "村", "横北村", 编号="300"), "name", "下面已经有"),
        (unit("第一网格", "街巷", "新巷", 编号="02"), "label", "用过了"),
        (unit("第一网格", "街巷", "新巷", 编号="二"), "label", "数字或小写字母"),
        (unit("横水镇", "村", "某村", 代码="140826101200"), "code", "横北村"),
        (unit("横水镇", "村", "某村", 起="开春"), "since", "2026-11-22"),
    ]
    for written, column, words in cases:
        table = workbooks.read_units(book(written, head=UNIT_HEAD), actor=town, today=TODAY)
        (judged,) = table.judged
        assert any(key == column and words in why for key, why in judged.faults), (written, judged.faults)
    twice = workbooks.read_units(
        book(unit("横水镇", "村", "甲村"), unit("横水镇", "村", "甲村"), head=UNIT_HEAD),
        actor=town,
        today=TODAY,
    )
    assert [one.verdict for one in twice.judged] == [Verdict.NEW, Verdict.WRONG]
    assert "第 2 行" in twice.judged[1].faults[0][1]


# ----------------------------------------------------------------------------------------------------------- pages


def test_a_table_is_brought_looked_at_and_written(small: Small, town: Actor) -> None:
    assert town.user_id is not None
    User.objects.filter(pk=town.user_id).update(require_second_factor=False)
    client = Client()
    client.force_login(User.objects.get(pk=town.user_id))
    address = reverse("territory:import_people")
    assert client.get(address).status_code == 200
    template = client.get(reverse("territory:table_template", args=["people"]))
    assert [cell.value for cell in load_workbook(io.BytesIO(template.content)).worksheets[0][1]] == HEAD
    assert client.post(address).status_code == 400

    def bring(content: bytes) -> str:
        answer = client.post(address, {"file": SimpleUploadedFile("任职.xlsx", content)})
        assert answer.status_code == 302
        job = Job.objects.latest("asked_at")
        assert client.get(reverse("territory:imported", args=[job.pk])).status_code == 302  # it runs yet
        assert jobs.run_one(clock.now(), watched=False)
        return reverse("territory:imported", args=[job.pk])

    wrong = bring(book(row(), row(unit="没有的村")))
    page = client.get(wrong).content.decode()
    assert "共 2 行：1 行可以写入，0 行已有，1 行有错。" in page
    assert "只写入没有错的 1 行" in page
    assert "没有的村 · 街巷长 · 姚建国" in page
    assert "单位：您的辖区里没有这个单位" in page
    mended = bring(book(row(), row(unit="二巷", name="李巷长")))
    assert "写入 2 行" in client.get(mended).content.decode()
    assert not Appointment.objects.filter(unit=small.lane).exists()
    client.post(mended, {"write": "all"})
    assert jobs.run_one(clock.now(), watched=False)
    job = Job.objects.latest("asked_at")
    assert job.verdict == "共 2 行：写入 2 行，0 行已有，0 行有错没有写。"
    assert Appointment.objects.filter(unit__in=[small.lane, small.lane_two]).count() == 2
    done = reverse("territory:imported", args=[job.pk])
    assert "再导一张" in client.get(done).content.decode()
    assert client.post(done).status_code == 409
    stranger = Client()
    stranger.force_login(small.seat("village_director", small.village).user)
    assert stranger.get(wrong).status_code == 404


def test_whoever_fills_no_posts_imports_none(small: Small) -> None:
    client = Client()
    client.force_login(small.seat("lane_head", small.lane).user)
    for what in ("people", "units"):
        assert client.get(reverse(f"territory:import_{what}")).status_code == 403
        assert client.get(reverse("territory:table_template", args=[what])).status_code == 403
    assert client.get(reverse("territory:table_template", args=["spies"])).status_code == 404


def test_the_level_of_an_organ_makes_an_organ(small: Small) -> None:
    county = actor_for(small.seat("county_desk", small.county).user, at=clock.now())
    content = book(unit("绛县", "部门", "水务局", 编号="o1"), head=UNIT_HEAD)
    assert actions.import_units(content, by=county, now=clock.now()).sound
    organ = Unit.objects.get(path="14/08/26/o1/")
    assert organ.kind == "organ"
    assert organ.level == Level.objects.get(scheme=small.posts["organ_desk"].scheme, code="organ")
