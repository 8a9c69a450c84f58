"""What a monitoring system watches, as OpenMetrics text: how far the loops behind the pages lag. Counts and seconds
only, of nobody and no place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import Count, Min
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from xiangli.kernel import outbox, timers
from xiangli.kernel.ledger import unsealed_tail
from xiangli.kernel.outbox import Waiting
from xiangli.notices.models import Delivery
from xiangli.notices.queries import dead_letters
from xiangli.notices.states import DeliveryState

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
        yield from self._queue(
            "timers", "Moments that have come and have not fired", timers.waiting(self.now)
        )
        yield _gauge("timers_stuck", "Moments given up until a person looks.", timers.count_stuck())
        yield from self._queue("outbox", "Effects that are due and not done", outbox.waiting(self.now))
        yield _gauge("outbox_stuck", "Effects given up until a person looks.", outbox.count_stuck())
        letters = Delivery.objects.filter(state=DeliveryState.WAITING, not_before__lte=self.now).aggregate(
            count=Count("pk"), oldest=Min("not_before")
        )
        yield from self._queue("deliveries", "Messages that are to leave and have not", Waiting(**letters))
        dead = sum(count for _county, _channel, count in dead_letters())
        yield _gauge("deliveries_dead", "Messages that no channel could bring, until a person tells.", dead)
        tail = unsealed_tail()
        yield from self._queue(
            "seals", "Events of the ledger that no seal covers yet", Waiting(tail.count, tail.oldest)
        )

    def _queue(self, name: str, what: str, waiting: Waiting) -> Iterator[Metric]:
        late = (self.now - waiting.oldest).total_seconds() if waiting.oldest else 0.0
        yield _gauge(f"{name}_waiting", f"{what}.", waiting.count)
        # Another machine's clock may be a little ahead of ours.
        yield _gauge(f"{name}_late_seconds", f"{what}: for how long the oldest has waited.", max(0.0, late))


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, what, value)
