"""`xiangli organ`"""

from __future__ import annotations

from datetime import datetime

import click

from xiangli.config.words import words


@click.command(
    "organ",
    help=words(
        "设立县的部门（水务局、城市管理局……），事项可以转派给它。",
        "Open an organ of a county, such as its water bureau, to which matters can be transferred.",
    ),
)
@click.argument("name")
@click.option("--county", required=True, help=words("县的代码或路径", "the county's code or path"))
@click.option("--short", default="", help=words("平时的叫法，如“水务局”", "as people say it"))
@click.option("--name-en", default="", help=words("英文名称", "its name in English"))
@click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=words("从哪天起，默认今天", "first day; today by default"),
)
def command(*, name: str, county: str, short: str, name_en: str, since: datetime | None) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.utils import translation

        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused
        from xiangli.territory.actions import open_organ
        from xiangli.territory.queries import unit_at
        from xiangli.territory.rules import day_of

        now = clock.now()
        with translation.override(words("zh-hans", "en")):
            above = unit_at(county, at=now)
            if above is None:
                raise click.ClickException(
                    words(
                        f"没有代码或路径为 {county} 的县。请先用 xiangli import-units 导入。",
                        f"no county has the code or path {county}. Import it first: xiangli import-units.",
                    )
                )
            try:
                organ = open_organ(
                    county=above,
                    name=name,
                    short_name=short,
                    name_en=name_en,
                    valid_from=since.date() if since else day_of(now),
                )
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
    click.echo(words(f"已设立：{organ.name}，路径 {organ.path}", f"opened: {organ.name}, path {organ.path}"))
    click.echo(
        words("请任命经办人：", "appoint its people: ")
        + f"xiangli appoint --unit {organ.path} --post organ_desk --name …"
    )
