"""A tree of processes that lives and dies as one.

Each child stands in a session of its own, so a Ctrl-C in the terminal reaches only the launcher, which stops
the children in the order opposite to their start. The kernel ends them when the launcher is killed. A child
that ends by itself is started again, later each time it does so soon.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from xiangli.config.words import words

from .embedded import die_with_parent

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
# A child that stood this long was well: its next fall is a new one.
_WELL_S: Final = 60.0


@dataclass
class Child:
    """One process of the tree: how to start it, and how long it may take to stop, in seconds."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_wait_s: float = 15.0
    process: subprocess.Popen[bytes] | None = None
    falls: int = 0
    started: float = 0.0
    again_at: float = field(default=0.0)


def command(
    words: Sequence[str], environment: Mapping[str, str], *, behind: int = 0
) -> Callable[[], subprocess.Popen[bytes]]:
    """A start for Child: `words` with `environment`, in a session of its own. `behind`: how far it stands
    back (0 to 19, as `nice` counts) when the processors are wanted by others.
    """
    tie = die_with_parent(signal.SIGTERM)

    def prepare() -> None:
        tie()
        os.nice(behind)
        # Linux may weigh whole sessions against each other (autogroup); then this is what counts.
        with suppress(OSError), open("/proc/self/autogroup", "w") as group:
            group.write(str(behind))

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(words),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=prepare,
        )

    return start


class Stop:
    """Remembers that SIGINT, SIGTERM or SIGHUP came. (A threading.Event may deadlock when a handler sets
    it.)
    """

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class Tree:
    """Children in the order of their start. `say` is told, in a sentence, of everything that happens to
    them.
    """

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children = list(children)
        self.say = say

    def start(self) -> None:
        """Start every child. Call from the main thread: the kernel ties the children's lives to it."""
        for child in self.children:
            if child.process is None:
                self._start(child)

    def mend(self) -> None:
        """Notice children that ended, and start again those whose time has come. To be called often."""
        for child in self.children:
            if child.process is None:
                if time.monotonic() >= child.again_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._fell(child, code)

    def stop(self) -> None:
        """Stop the children in reverse order; one that takes too long is killed, with all it has started."""
        for child in reversed(self.children):
            process, child.process = child.process, None
            if process is None:
                continue
            if process.poll() is None:
                process.send_signal(child.stop_signal)
                try:
                    process.wait(child.stop_wait_s)
                except subprocess.TimeoutExpired:
                    seconds = f"{child.stop_wait_s:.0f}"
                    self.say(
                        words(
                            f"{child.name} 在 {seconds} 秒内没有停下，已强行结束",
                            f"{child.name} did not stop within {seconds} s and is killed",
                        )
                    )
            _kill_session(process)
            process.wait()

    def _start(self, child: Child) -> None:
        try:
            child.process = child.start()
        except Exception as error:
            # Whatever keeps it from starting (a full disk, a damaged file) may be mended while the others
            # serve.
            self._later(
                child, words(f"{child.name} 启动失败：{error}", f"{child.name} does not start: {error}")
            )
            return
        child.started = time.monotonic()

    def _fell(self, child: Child, code: int) -> None:
        process, child.process = child.process, None
        if process is not None:
            _kill_session(process)  # workers of a killed server would keep its port
        if time.monotonic() - child.started > _WELL_S:
            child.falls = 0
        self._later(
            child, words(f"{child.name} 意外结束（{_ending(code)}）", f"{child.name} ended ({_ending(code)})")
        )

    def _later(self, child: Child, what: str) -> None:
        pause = min(_FIRST_PAUSE_S * 2**child.falls, _LONGEST_PAUSE_S)
        child.falls += 1
        child.again_at = time.monotonic() + pause
        self.say(what + words(f"，{pause:.1f} 秒后重新启动", f"; starting it again in {pause:.1f} s"))


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the session that `process` led."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nobody is left. (macOS says EPERM when only zombies are.)
        return


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
