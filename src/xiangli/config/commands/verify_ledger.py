"""`xiangli verify-ledger`"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from xiangli.config.words import words

if TYPE_CHECKING:
    from xiangli.kernel.ledger import Report

_SHOWN = 50  # failures printed; the JSON has more


@click.command(
    "verify-ledger",
    help=words(
        "校验存证：逐条重算散列，核对每条链、每个封存批次和已公布的链头。有问题时退出码为 1。",
        "Verify the ledger: make every hash again, walk every chain, seal and published head. Exit code 1 when"
        " anything is wrong.",
    ),
)
@click.option(
    "--county", metavar="CODE", help=words("只校验一个县（行政区划代码）", "One county, by its code.")
)
@click.option(
    "--heads",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=words(
        "已公布链头的目录，例如保存在别处的副本", "Folder of published heads, such as a copy kept elsewhere."
    ),
)
@click.option("--json", "as_json", is_flag=True, help=words("以 JSON 输出", "Print the report as JSON."))
def command(*, county: str | None, heads: Path | None, as_json: bool) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.utils import translation

        from xiangli.kernel.ledger import verify_ledger
        from xiangli.matters.queries import chain_heads

        scope = _scope(county) if county else None
        with _progress(shown=not as_json and sys.stderr.isatty()) as progress:
            report = verify_ledger(scope, heads_dir=heads, stream_heads=chain_heads, progress=progress)
        with translation.override(words("zh-hans", "en")):
            print(json.dumps(report.as_json(), indent=2) if as_json else "\n".join(_told(report)))
        ok = report.ok
    if not ok:
        sys.exit(1)


def _scope(code: str) -> UUID:
    from django.db.models import F

    from xiangli.territory.models import Unit

    # a county names itself; of several with one code the latest
    found = Unit.objects.filter(code=code, county=F("pk")).order_by("-valid_from").first()
    if found is None:
        raise click.ClickException(
            words(
                f"没有代码为 {code} 的县。请用六位行政区划代码，例如 140821。",
                f"There is no county with the code {code}. Use the six digits of the division, such as 140821.",
            )
        )
    return found.pk


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int], Any] | None]:
    """A bar on the terminal, over all events."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from xiangli.kernel.models import LedgerEvent

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words("校验事件", "events"), total=LedgerEvent.objects.count())
        yield lambda done: bar.update(task, completed=done)


def _told(report: "Report") -> Iterator[str]:
    """The report in words."""
    runs = ", ".join(f"{count} × #{number}" for number, count in sorted(report.erased.items()))
    yield words(
        f"核对了 {report.events} 个事件（{report.streams} 条链）、{report.payloads} 份正文、"
        f"{report.seals} 个封存批次、{report.heads} 个已公布的链头。",
        f"Checked {report.events} events in {report.streams} chains, {report.payloads} payloads, "
        f"{report.seals} seals, {report.heads} published heads.",
    )
    if runs:
        yield words(f"依清除记录清空的正文：{runs}。", f"Payloads erased, by run: {runs}.")
    if report.tail.count and report.tail.oldest:
        oldest = report.tail.oldest.astimezone().isoformat(timespec="seconds")
        yield words(
            f"尚未封存：{report.tail.count} 个事件，最早的发生在 {oldest}。",
            f"Not sealed yet: {report.tail.count} events, the oldest of {oldest}.",
        )
    if report.headless:
        yield words(
            f"还没有公布过链头的县：{len(report.headless)} 个。末尾被删除时，没有链头就看不出来。",
            f"Counties without a published head: {len(report.headless)}. Without one, a removal at the end of"
            " the seals does not show.",
        )
    for failure in report.failures[:_SHOWN]:
        where = "  ".join(f"{name} {value}" for name, value in failure.place().items())
        yield f"✗ {failure.fault.label}  [{where}]"
    if report.failed > _SHOWN:
        yield words(f"…共 {report.failed} 处。", f"… {report.failed} in all.")
    yield (
        words("存证完整。", "The ledger is whole.")
        if report.ok
        else words(
            "存证有问题。请不要改动数据库，先做备份，再联系县里的数据安全负责人。",
            "The ledger is not whole. Change nothing in the database, make a copy of it, and tell the county's"
            " officer for data security.",
        )
    )
