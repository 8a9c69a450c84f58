"""A loop that ends when the process is told to."""

import signal
import threading
from collections.abc import Callable

from xiangli.config.launcher.home import django_ready


def until_told(loop: Callable[[], Callable[[threading.Event], None]]) -> None:
    """Run a module's loop with Django until SIGTERM or SIGINT; `loop` imports it once Django stands.

    A thread waits for the signal: a handler that sets an Event may find its lock taken by the code it
    interrupted.
    """
    numbers = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    stop = threading.Event()

    def wait() -> None:
        signal.sigwait(numbers)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    with django_ready():
        loop()(stop)
