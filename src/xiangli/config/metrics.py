"""What a monitoring system watches, as OpenMetrics text: how far the loops behind the pages lag. Counts and seconds
only, of nobody and no place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

_PREFIX: Final = "xiangli_"


def openmetrics(now: datetime) -> str:
    """The figures of this moment. Gauges without times: the older Prometheus format reads them as well."""
    said: bytes = generate_latest(_Now(now))  # type: ignore[no-untyped-call]  # the library does not type it
    return said.decode()


class _Now(Collector):
    """One look at the database. The library's own registry would add figures of this short process."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        from xiangli.kernel import outbox, timers
        from xiangli.kernel.ledger import unsealed_tail

        due, queue, tail = timers.waiting(self.now), outbox.waiting(self.now), unsealed_tail()
        yield _gauge("timers_waiting", "Moments that have come and have not fired.", due.count)
        yield self._late("timers_late_seconds", "For how long the oldest of them has waited.", due.oldest)
        yield _gauge("timers_stuck", "Moments given up until a person looks.", timers.count_stuck())
        yield _gauge("outbox_waiting", "Effects (messages, jobs) that are due and not done.", queue.count)
        yield self._late("outbox_late_seconds", "For how long the oldest of them has waited.", queue.oldest)
        yield _gauge("outbox_stuck", "Effects given up until a person looks.", outbox.count_stuck())
        yield _gauge("ledger_unsealed", "Events of the ledger that no seal covers yet.", tail.count)
        yield self._late(
            "ledger_unsealed_seconds", "For how long the oldest of them has waited.", tail.oldest
        )

    def _late(self, name: str, what: str, since: datetime | None) -> Metric:
        # Another machine's clock may be a little ahead of ours.
        return _gauge(name, what, max(0.0, (self.now - since).total_seconds()) if since else 0.0)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, what, value)
