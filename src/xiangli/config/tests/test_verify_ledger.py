"""`xiangli verify-ledger`, as an administrator sees it."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from xiangli.config.cli import main
from xiangli.kernel.ledger import publish_heads, seal_once
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.tests.ledgers import START, Book, sealed_book
from xiangli.territory.models import Unit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book(tmp_path: Path, settings: Any) -> Book:
    settings.LEDGER_HEADS = tmp_path / "heads"
    return sealed_book()


def run(*words: str, language: str = "zh_CN.UTF-8") -> Result:
    return CliRunner().invoke(main, ["verify-ledger", *words], env={"XIANGLI_LANG": language})


def test_a_whole_ledger_is_said_to_be_whole(book: Book) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "核对了 10 个事件（4 条链）、6 份正文、3 个封存批次、0 个已公布的链头。" in result.output
    assert "还没有公布过链头的县：2 个" in result.output
    assert "存证完整" in result.output


def test_the_tail_is_named_in_english_too(book: Book) -> None:
    book.write(book.here, "report")
    result = run(language="en")
    assert result.exit_code == 0
    assert "Not sealed yet: 1 events" in result.output
    assert "The ledger is whole." in result.output


def test_a_change_fails_and_says_where(book: Book) -> None:
    event = LedgerEvent.objects.filter(scope=book.here).order_by("id")[0]
    LedgerEvent.objects.filter(pk=event.pk).update(kind="other")
    result = run()
    assert result.exit_code == 1
    assert "事件内容与其散列不符" in result.output
    assert str(event.pk) in result.output
    assert "存证有问题" in result.output
    english = run(language="en")
    assert "does not match its hash" in english.output


def test_json_is_for_machines(book: Book) -> None:
    LedgerEvent.objects.filter(scope=book.there).update(authority="receipt")
    result = run("--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert (report["ok"], report["events"], report["failed"]) == (False, 10, 2)


def test_one_county_by_its_code(book: Book) -> None:
    county = Unit(
        id=book.here,
        path="14/08/21/",
        code="140821",
        name="临猗县",
        short_name="临猗",
        valid_from=date(2020, 1, 1),
    )
    county.county_id = county.pk
    county.save()
    LedgerEvent.objects.filter(scope=book.there).update(kind="other")
    assert run("--county", "140821").exit_code == 0
    assert run().exit_code == 1
    unknown = run("--county", "999999")
    assert unknown.exit_code == 1
    assert "没有代码为 999999 的县" in unknown.output


def test_heads_kept_elsewhere_are_used(book: Book, tmp_path: Path) -> None:
    publish_heads(START + timedelta(days=1), tmp_path / "copy")
    event = LedgerEvent.objects.filter(seal__number=2).first()
    assert event is not None
    seal = event.seal
    LedgerEvent.objects.filter(seal=seal).update(seal=None)
    assert seal is not None
    seal.delete()
    seal_once(START + timedelta(days=2))
    assert run().exit_code == 0
    found = run("--heads", str(tmp_path / "copy"))
    assert found.exit_code == 1
    assert "账本里没有已公布的链头" in found.output
