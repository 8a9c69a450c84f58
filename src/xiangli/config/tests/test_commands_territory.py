"""`xiangli appoint` and `xiangli import-units`, as somebody types them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.test import Client

from xiangli.accounts.models import Enrolment, User
from xiangli.config.commands import appoint, import_units
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
