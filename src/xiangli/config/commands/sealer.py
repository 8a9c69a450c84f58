"""`xiangli sealer`"""

import threading
from collections.abc import Callable

import click

from xiangli.config.words import words


@click.command(
    "sealer", help=words("封存新的存证事件，直到被停止。", "Seal the ledger's new events until stopped.")
)
def command() -> None:
    from xiangli.config.commands._loop import until_told

    until_told(_loop)


def _loop() -> Callable[[threading.Event], None]:
    from xiangli.kernel.ledger import run_sealer

    return run_sealer
