import threading
import time

import pytest

from xiangli.config.commands.worker import side_by_side


def test_loops_run_beside_each_other_until_told() -> None:
    stop = threading.Event()
    met = threading.Barrier(3, timeout=10)
    ended: list[str] = []

    def loop(name: str) -> None:
        met.wait()
        stop.wait(10)
        ended.append(name)

    thread = threading.Thread(
        target=side_by_side, args=(stop, lambda _stop: loop("one"), lambda _stop: loop("other"))
    )
    thread.start()
    met.wait()
    assert ended == []
    stop.set()
    thread.join(10)
    assert sorted(ended) == ["one", "other"]


def test_a_loop_that_fails_takes_the_others_with_it() -> None:
    stop = threading.Event()

    def sleep(told: threading.Event) -> None:
        told.wait(20)

    def fail(told: threading.Event) -> None:
        raise ValueError("one")

    began = time.monotonic()
    with pytest.raises(ValueError, match="one"):
        side_by_side(stop, sleep, fail)
    assert stop.is_set()
    assert time.monotonic() - began < 10
