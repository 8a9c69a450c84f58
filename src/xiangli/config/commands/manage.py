"""`xiangli manage ...`: Django's own commands, with this home's database."""

import click

from xiangli.config.words import words


@click.command(
    "manage",
    help=words(
        "运行 Django 管理命令，例如 xiangli manage shell。", "Run one of Django's commands, such as shell."
    ),
    add_help_option=False,
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "allow_interspersed_args": False,
    },
)
@click.argument("words_", nargs=-1, type=click.UNPROCESSED)
def command(*, words_: tuple[str, ...]) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True):
        from django.core.management import execute_from_command_line

        execute_from_command_line(["xiangli manage", *words_])
