"""`xiangli appoint`"""

import click

from xiangli.config.words import words


@click.command("appoint", help=words("任命岗位。", "Appoint somebody to a post."))
def command() -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from xiangli.territory.actions import appoint

        appoint()
