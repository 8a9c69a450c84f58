"""`xiangli source`"""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from xiangli.cases.models import OrderSource
from xiangli.cases.queries.orders import source_of_token
from xiangli.cases.tests.factories import make_place
from xiangli.config.commands.source import command

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def county(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "zh")
    make_place()


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_a_platform_is_opened_listed_and_ended() -> None:
    opened = run("add", "12345", "--county", "140826", "--name", "12345 热线")
    assert opened.exit_code == 0, opened.output
    token = next(line for line in opened.output.splitlines() if line.startswith("xl_"))
    assert source_of_token(token) == OrderSource.objects.get()
    listed = run("list").output
    assert "140826 绛县  12345  12345 热线" in listed
    assert token not in listed
    assert run("end", "12345", "--county", "140826").exit_code == 0
    assert source_of_token(token) is None
    assert run("end", "12345", "--county", "140826").exit_code == 1


@pytest.mark.parametrize(("source", "county"), [("12345", "999999"), ("市 平台", "140826")])
def test_what_is_wrong_is_said_and_nothing_is_opened(source: str, county: str) -> None:
    refused = run("add", source, "--county", county)
    assert refused.exit_code == 1
    assert "Error: " in refused.output
    assert not OrderSource.objects.exists()
