"""`xiangli county`"""

from __future__ import annotations

import click

from xiangli.config.words import words


@click.command(
    "county",
    help=words(
        "查看或设置一个县的上班时间和静默时段。WHICH 是县的代码或路径。",
        "Show or set the hours of a county, given by its code or path.",
    ),
)
@click.argument("which")
@click.option(
    "--duty-hours",
    help=words(
        "上班时间，如 “08:00-12:00 14:30-18:00”；按上班时间计的时限用它",
        'when desks are staffed, such as "08:00-12:00 14:30-18:00": what duty hours are counted in',
    ),
)
@click.option(
    "--quiet-hours",
    help=words(
        '静默时段，如 22:00-07:00：除险情外不打电话、不发短信；写 "" 为不设',
        'when nobody is rung or written to but for danger, such as 22:00-07:00; "" for never',
    ),
)
def command(*, which: str, duty_hours: str | None, quiet_hours: str | None) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.utils import translation

        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused
        from xiangli.territory.actions import set_hours
        from xiangli.territory.models import County
        from xiangli.territory.queries import unit_at

        with translation.override(words("zh-hans", "en")):
            unit = unit_at(which, at=clock.now())
            profile = County.objects.filter(unit=unit).first() if unit else None
            if unit is None or profile is None:
                raise click.ClickException(
                    words(
                        f"没有代码或路径为 {which} 的县。请先用 xiangli import-units 导入。",
                        f"no county has the code or path {which}. Import it first: xiangli import-units.",
                    )
                )
            if duty_hours is not None or quiet_hours is not None:
                try:
                    profile = set_hours(county=unit, duty_hours=duty_hours, quiet_hours=quiet_hours)
                except Refused as refused:
                    raise click.ClickException(str(refused)) from refused
        quiet = profile.quiet_hours or words("不设", "none")
        click.echo(
            words(
                f"{unit.name}：上班时间 {profile.duty_hours}；静默时段 {quiet}",
                f"{unit.name_en or unit.name}: duty hours {profile.duty_hours}; quiet hours {quiet}",
            )
        )
