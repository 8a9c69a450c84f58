"""`xiangli verify-ledger`"""

import click

from xiangli.config.words import words


@click.command("verify-ledger", help=words("校验存证链。", "Verify the ledger."))
def command() -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready():
        from xiangli.kernel.ledger import verify_ledger

        verify_ledger()
