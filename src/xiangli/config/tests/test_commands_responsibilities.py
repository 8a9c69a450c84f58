"""`xiangli responsibilities`, as somebody types it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xiangli.cases.models import Responsibility
from xiangli.cases.queries import forget_routes
from xiangli.cases.tests.factories import Place, make_place
from xiangli.config.commands import responsibilities
from xiangli.kernel.sheets import read_rows

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "140826"


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XIANGLI_LANG", "zh")
    forget_routes()
    yield
    forget_routes()


@pytest.fixture
def place() -> Place:
    return make_place()


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(responsibilities.command, [str(word) for word in words])


def listed(folder: Path, *rows: str) -> Path:
    file = folder / "清单.csv"
    head = "事项类别,发生在,由谁负责,部门,起,止,依据"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    return file


def test_a_list_is_looked_at_imported_and_exported(place: Place, tmp_path: Path) -> None:
    file = listed(tmp_path, "环境卫生,街巷,网格长,,2026-01-01,,县权责清单")
    done = typed("import", file, "--county", CODE, "--check")
    assert done.exit_code == 0, done.output
    assert "新增 1 行" in done.output
    assert "没有写入" in done.output
    assert not Responsibility.objects.exists()
    done = typed("import", file, "--county", CODE)
    assert done.exit_code == 0, done.output
    assert Responsibility.objects.get().post.code == "grid_head"
    done = typed("import", file, "--county", CODE)
    assert "新增 0 行，改止期 0 行，已有 1 行，有错 0 行" in done.output
    out = tmp_path / "out.xlsx"
    done = typed("export", out, "--county", CODE)
    assert done.exit_code == 0, done.output
    assert read_rows(out.read_bytes())[1].cells[:3] == ("环境卫生", "街巷", "网格长")
    assert "已有 1 行" in typed("import", out, "--county", CODE).output


def test_what_is_wrong_is_said_row_by_row_and_given_back(place: Place, tmp_path: Path) -> None:
    file = listed(
        tmp_path, "环境卫生,街巷,网格长,,2026-01-01,,县权责清单", "环境卫声,街巷,网格长,,2026-01-01,,"
    )
    marked = tmp_path / "marked.xlsx"
    done = typed("import", file, "--county", CODE, "--annotated", marked)
    assert done.exit_code == 1
    assert "第 3 行，事项类别：没有“环境卫声”，是不是“环境卫生”？" in done.output
    assert "第 3 行，依据：" in done.output
    assert "一行也没有写入" in done.output
    assert not Responsibility.objects.exists()
    assert [row.cell(7) for row in read_rows(marked.read_bytes())] == ["结果", "可以写入", "有错"]


def test_a_template_is_written(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "空表.xlsx"
    done = typed("template", out, "--county", place.county.path)
    assert done.exit_code == 0, done.output
    assert read_rows(out.read_bytes())[0].cells[0] == "事项类别"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("import", "没有.csv", "--county", CODE), "没有文件"),
        (("template", "空.xlsx", "--county", "999999"), "没有代码或路径为 999999 的县"),
        (("template", "空.xlsx", "--county", CODE + "100"), "没有代码或路径为"),  # a town
    ],
)
def test_what_is_not_there_is_said(place: Place, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    what, name, *rest = words
    done = typed(what, tmp_path / name, *rest)
    assert done.exit_code == 1
    assert says in done.output


def test_a_file_that_is_no_list_is_refused_in_words(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("今天开会", encoding="utf-8")
    done = typed("import", file, "--county", CODE)
    assert done.exit_code == 1
    assert "表头里缺少" in done.output


def test_it_speaks_english(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    file = listed(
        tmp_path,
        "Cleanliness,lane,grid head,,2026-01-01,,list of 2026",
        "weather,lane,grid head,,2026-01-01,,x",
    )
    done = typed("import", file, "--county", CODE)
    assert done.exit_code == 1
    assert "row 3" in done.output
    assert "1 new" in done.output
