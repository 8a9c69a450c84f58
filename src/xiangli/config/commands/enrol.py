"""`xiangli enrol`"""

from __future__ import annotations

import click

from xiangli.config.words import words


@click.command(
    "enrol",
    help=words(
        "给已任命的人发一个新的一次性链接（旧的作废）。PERSON 是登录名、姓名或编号。",
        "Hand out a new one-time link to somebody who is appointed; older links end. PERSON is a name to "
        "sign in by, a full name or an id.",
    ),
)
@click.argument("person")
def command(person: str) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from django.conf import settings
        from django.urls import reverse
        from django.utils import translation

        from xiangli.accounts.actions import issue_enrolment
        from xiangli.accounts.queries import people_called
        from xiangli.kernel import clock
        from xiangli.kernel.refusals import Refused

        found = people_called(person)
        if not found:
            raise click.ClickException(
                words(
                    f"没有找到“{person}”。请先用 xiangli appoint 任命。",
                    f"nobody is called {person}. Appoint somebody first: xiangli appoint.",
                )
            )
        if len(found) > 1:
            several = "\n".join(f"  {user.pk}  {user.display_name}  {user.username or ''}" for user in found)
            raise click.ClickException(
                words(
                    f"有几个人叫“{person}”，请用编号再试：\n{several}",
                    f"several people are called {person}; try again with one of these ids:\n{several}",
                )
            )
        with translation.override(words("zh-hans", "en")):
            try:
                enrolment, token = issue_enrolment(user=found[0], issued_by=None, now=clock.now())
            except Refused as refused:
                raise click.ClickException(str(refused)) from refused
        click.echo(
            words(
                f"请{found[0].display_name}在 {enrolment.expires_at:%Y-%m-%d %H:%M} UTC 之前"
                "用本人的手机打开（只能用一次）：",
                f"to be opened by {found[0].display_name} on their own phone before "
                f"{enrolment.expires_at:%Y-%m-%d %H:%M} UTC, once:",
            )
        )
        click.echo(settings.PUBLIC_URL.rstrip("/") + reverse("accounts:enrol", args=[token]))
