"""`xiangli appoint` and `xiangli import-units`, as somebody types them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.test import Client

from xiangli.accounts.models import Enrolment, User
from xiangli.config import doctor
from xiangli.config.commands import appoint, county, import_units, organ
from xiangli.config.doctor.inside import _hours as county_hours
from xiangli.territory.models import Appointment, County, Unit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "zh")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, rows in {
        "provinces": "14,山西省",
        "cities": "1408,运城市",
        "areas": "140826,绛县",
        "streets": "140826101,横水镇",
        "villages": "140826101200,横北村委会",
    }.items():
        (tmp_path / f"{name}.csv").write_text(f"code,name\n{rows}\n", encoding="utf-8")
    return tmp_path


def typed(command: object, *words: str) -> Result:
    return CliRunner().invoke(command, words)  # type: ignore[arg-type]  # a click command


def test_a_county_is_imported_staffed_and_its_first_phone_enrolled(package: Path) -> None:
    done = typed(import_units.command, str(package), "--county", "140826")
    assert done.exit_code == 0, done.output
    assert "新增 5 个单位" in done.output
    assert County.objects.get().scheme.code == "lanes"

    words = ("--unit", "140826101200", "--post", "village_director", "--name", "姚秀兰", "--username", "yao")
    done = typed(appoint.command, *words)
    assert done.exit_code == 0, done.output
    assert "横北村" in done.output
    link = re.search(r"http://[^/]+(/enrol/\S+)", done.output)
    assert link is not None
    assert Client().get(link.group(1)).status_code == 200
    user = User.objects.get(username="yao")
    assert (user.display_name, user.has_usable_password()) == ("姚秀兰", False)
    assert Enrolment.objects.get(user=user).issued_by is None

    # a second post for the same person, found by the name to sign in by
    done = typed(
        appoint.command,
        "--unit",
        "14/08/26/101",
        "--post",
        "town_head",
        "--name",
        "-",
        "--username",
        "YAO",
        "--deputy",
    )
    assert done.exit_code == 0, done.output
    assert User.objects.count() == 1
    assert Appointment.objects.filter(user=user).count() == 2


def test_appoint_says_what_is_wrong_and_writes_nothing(package: Path) -> None:
    typed(import_units.command, str(package), "--all")
    for words, said in (
        (("--unit", "999999", "--post", "lane_head", "--name", "某人"), "没有代码"),
        (("--unit", "140826101200", "--post", "emperor", "--name", "某人"), "village_director"),
        (("--unit", "140826101200", "--post", "lane_head", "--name", "某人"), "不设在"),
        (
            ("--unit", "140826101200", "--post", "village_clerk", "--name", "某人", "--to", "2020-01-01"),
            "结束日期",
        ),
    ):
        done = typed(appoint.command, *words)
        assert done.exit_code == 1
        assert said in done.output
    assert not User.objects.exists()
    assert not Enrolment.objects.exists()


def test_import_units_says_what_is_wrong(package: Path) -> None:
    (package / "villages.csv").write_text("code,name\n1408261012,横北\n", encoding="utf-8")
    done = typed(import_units.command, str(package), "--all")
    assert done.exit_code == 1
    assert "villages.csv 第 2 行" in done.output
    assert typed(import_units.command, str(package)).exit_code == 1
    assert not Unit.objects.exists()


def test_an_organ_is_opened_and_its_desk_appointed(package: Path) -> None:
    typed(import_units.command, str(package), "--county", "140826")
    done = typed(organ.command, "绛县水务局", "--county", "140826", "--short", "水务局")
    assert done.exit_code == 0, done.output
    assert "14/08/26/o1/" in done.output
    done = typed(appoint.command, "--unit", "14/08/26/o1/", "--post", "organ_desk", "--name", "郭晓波")
    assert done.exit_code == 0, done.output
    held = Appointment.objects.get()
    assert (held.unit.kind, held.unit.short_name, held.post.code) == ("organ", "水务局", "organ_desk")
    for words, said in (
        (("绛县水务局", "--county", "140826"), "14/08/26/o1/"),
        (("水务局", "--county", "999999"), "import-units"),
        (("水务局", "--county", "140826101"), "部门"),
    ):
        done = typed(organ.command, *words)
        assert done.exit_code == 1, done.output
        assert said in done.output
    assert Unit.objects.filter(kind="organ").count() == 1


def test_a_countys_hours_are_shown_and_set(package: Path) -> None:
    typed(import_units.command, str(package), "--county", "140826")
    done = typed(county.command, "140826")
    assert done.exit_code == 0, done.output
    assert "08:00-12:00 14:30-18:00；静默时段 22:00-07:00" in done.output
    done = typed(county.command, "140826", "--duty-hours", "08:30-17:00", "--quiet-hours", "21:00-07:30")
    assert "08:30-17:00；静默时段 21:00-07:30" in done.output
    assert typed(county.command, "140826", "--quiet-hours", "").exit_code == 0
    kept = County.objects.get()
    assert (kept.duty_hours, kept.quiet_hours) == ("08:30-17:00", "")
    for words, said in (
        (("140826", "--duty-hours", "12:00-08:00"), "时间写得不对"),
        (("140826", "--duty-hours", ""), "时间写得不对"),
        (("140826", "--duty-hours", "09:00-17:00", "--quiet-hours", "22点"), "22:00-07:00"),
        (("140826101",), "import-units"),
        (("999999",), "import-units"),
    ):
        done = typed(county.command, *words)
        assert done.exit_code == 1, done.output
        assert said in done.output
    kept.refresh_from_db()
    assert (kept.duty_hours, kept.quiet_hours) == ("08:30-17:00", "")


def test_doctor_names_a_county_whose_hours_cannot_be_read(package: Path) -> None:
    typed(import_units.command, str(package), "--county", "140826")
    (fine,) = county_hours()
    assert fine.level is doctor.Level.OK
    County.objects.update(duty_hours="八点到十二点")
    (finding,) = county_hours()
    assert finding.level is doctor.Level.FAIL
    assert "14/08/26/" in finding.found
    assert "xiangli county" in finding.mend
