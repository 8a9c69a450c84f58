"""`xiangli responsibilities`"""

from __future__ import annotations

from pathlib import Path

import click

from xiangli.config.words import words


@click.command(
    "responsibilities",
    help=words(
        "一个县的权责清单。import：导入 FILE（.xlsx 或 .csv），有一行不对就全都不写；"
        "export：把现行清单写到 FILE；template：写一份可以填的空表。",
        "A county's list of responsibilities. import: read FILE (.xlsx or .csv), and write nothing unless every "
        "row is sound; export: put the list in force into FILE; template: an empty one to fill in.",
    ),
)
@click.argument("what", type=click.Choice(["import", "export", "template"]))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--county", required=True, help=words("县的代码或路径", "the county's code or path"))
@click.option("--check", is_flag=True, help=words("只检查，不写入", "only look, write nothing"))
@click.option(
    "--annotated",
    type=click.Path(dir_okay=False, path_type=Path),
    help=words("把每一行的结果写到这个 .xlsx", "write each row's verdict to this .xlsx"),
)
def command(*, what: str, file: Path, county: str, check: bool, annotated: Path | None) -> None:
    from xiangli.config.launcher.home import django_ready

    if what == "import" and not file.is_file():
        raise click.ClickException(words(f"没有文件 {file}。", f"there is no file {file}."))
    with django_ready():
        from django.utils import translation

        from xiangli.cases import actions, queries
        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused
        from xiangli.territory.models import County
        from xiangli.territory.queries import unit_at
        from xiangli.territory.rules import day_of

        now = clock.now()
        with translation.override(words("zh-hans", "en")):
            unit = unit_at(county, at=now)
            if unit is None or not County.objects.filter(pk=unit.pk).exists():
                raise click.ClickException(
                    words(
                        f"没有代码或路径为 {county} 的县。请先用 xiangli import-units 导入。",
                        f"no county has the code or path {county}. Import it first: xiangli import-units.",
                    )
                )
            if what != "import":
                make = queries.responsibility_workbook if what == "export" else queries.template_workbook
                file.write_bytes(make(unit, today=day_of(now)))
                click.echo(words(f"已写到 {file}。", f"written to {file}."))
                return
            try:
                content = file.read_bytes()
                read = (
                    queries.read_responsibilities(content, county=unit, today=day_of(now))
                    if check
                    else actions.import_responsibilities(content, county=unit, now=now)
                )
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
            if annotated is not None:
                annotated.write_bytes(queries.annotated_workbook(read))
            _say(read)
            if not read.sound:
                raise click.ClickException(
                    words("有行不对，一行也没有写入。", "some rows are wrong; nothing was written.")
                )
            if check:
                click.echo(words("只检查，没有写入。", "only looked; nothing was written."))


def _say(read: object) -> None:
    from xiangli.cases.queries import ReadList
    from xiangli.cases.rules.responsibilities import Verdict

    assert isinstance(read, ReadList)
    for row in read.judged:
        for fault in row.faults:
            click.echo(
                words(
                    f"第 {row.number} 行，{read.heading(fault.column)}：{fault.words}",
                    f"row {row.number}, {read.heading(fault.column)}: {fault.words}",
                )
            )
    totals = read.totals
    click.echo(
        words(
            f"新增 {totals[Verdict.NEW]} 行，改止期 {totals[Verdict.ENDS]} 行，"
            f"已有 {totals[Verdict.SAME]} 行，有错 {totals[Verdict.WRONG]} 行。",
            f"{totals[Verdict.NEW]} new, {totals[Verdict.ENDS]} with another last day, "
            f"{totals[Verdict.SAME]} as they stand, {totals[Verdict.WRONG]} wrong.",
        )
    )
