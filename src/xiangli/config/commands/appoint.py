"""`xiangli appoint`"""

from __future__ import annotations

from datetime import datetime

import click

from xiangli.config.words import words

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    "appoint",
    help=words(
        "任命岗位，并给出一次性登记链接。",
        "Appoint somebody to a post, and print the one-time enrolment link.",
    ),
)
@click.option(
    "--unit",
    "where",
    required=True,
    help=words("单位的代码、路径或门牌号", "the unit's code, path or plate code"),
)
@click.option(
    "--post",
    "post_code",
    required=True,
    help=words("岗位代码，如 lane_head", "the post's code, such as lane_head"),
)
@click.option("--name", required=True, help=words("姓名", "the person's name"))
@click.option(
    "--username",
    help=words("登录名；已有的人按它查找", "name to sign in by; finds somebody who is there already"),
)
@click.option("--from", "since", type=_DAY, help=words("从哪天起，默认今天", "first day; today by default"))
@click.option("--to", "until", type=_DAY, help=words("到哪天为止（不含）", "the day after the last one"))
@click.option("--deputy", is_flag=True, help=words("任命为代理", "as a deputy"))
def command(
    where: str,
    post_code: str,
    name: str,
    username: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    deputy: bool,
) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.conf import settings
        from django.db import transaction
        from django.urls import reverse
        from django.utils import timezone, translation

        from xiangli.accounts.actions import issue_enrolment
        from xiangli.accounts.models import User
        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused
        from xiangli.territory.actions import appoint
        from xiangli.territory.queries import post_of, unit_at
        from xiangli.territory.rules import day_of

        now = clock.now()
        with translation.override(words("zh-hans", "en")):
            try:
                unit = unit_at(where, at=now)
                if unit is None:
                    raise click.ClickException(
                        words(
                            f"没有代码、路径或门牌号为 {where} 的单位。请先用 xiangli import-units 导入。",
                            f"no unit has the code, path or plate {where}. Import it first: xiangli import-units.",
                        )
                    )
                post = post_of(unit, post_code)
                with transaction.atomic():
                    user = User.objects.filter(username__iexact=username).first() if username else None
                    if user is None:
                        user = User.objects.create_user(display_name=name, username=username)
                    appoint(
                        user=user,
                        unit=unit,
                        post=post,
                        valid_from=since.date() if since else day_of(now),
                        valid_to=until.date() if until else None,
                        standing="deputy" if deputy else "holder",
                    )
                    enrolment, token = issue_enrolment(user=user, issued_by=None, now=now)
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
            expires = timezone.localtime(enrolment.expires_at)
            link = settings.PUBLIC_URL + reverse("accounts:enrol", args=[token])
        click.echo(
            words(
                f"已任命：{unit.short_name} {post.name} {user.display_name}",
                f"appointed: {unit.short_name}, {post.name_en}, {user.display_name}",
            )
        )
        click.echo(
            words(
                f"请在 {expires:%Y-%m-%d %H:%M} 之前用本人的手机打开（只能用一次）：",
                f"to be opened on the person's own phone before {expires:%Y-%m-%d %H:%M}, once:",
            )
        )
        click.echo(link)
