"""What a monitoring system watches, as OpenMetrics text: how far the loops behind the pages lag, how many requests
there are and how long they take. Counts and seconds only, of nobody and no place.

Requests are counted where they are answered. The server is several processes, which share their counts through files
in the folder that PROMETHEUS_MULTIPROC_DIR names (`xiangli run` makes it); without it a process counts for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db import DatabaseError
from django.db.models import Count, Min
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from xiangli.config.keeping import record
from xiangli.config.launcher.home import home
from xiangli.kernel import outbox, timers
from xiangli.kernel.ledger import unsealed_tail
from xiangli.kernel.outbox import Waiting
from xiangli.notices.models import Delivery
from xiangli.notices.queries import dead_letters
from xiangli.notices.states import DeliveryState

_PREFIX: Final = "xiangli_"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})

_counted: Final = Counter(
    "xiangli_requests", "Requests answered.", ["page", "method", "status"], registry=None
)
_timed: Final = Histogram(
    "xiangli_request_seconds",
    "Seconds until a request was answered.",
    ["page"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=None,
)


def note_request(page: str, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered. `page` is the name of the page, of which there are few."""
    _counted.labels(page, method if method in _METHODS else "other", f"{status // 100}xx").inc()
    _timed.labels(page).observe(seconds)


def exposition(now: datetime, accept: str) -> tuple[bytes, str]:
    """Everything, and its media type: OpenMetrics or the older format, as `accept` asks. The figures of requests come
    even when the database does not answer, and that it does not is one of the figures.
    """
    encode, media_type = choose_encoder(accept)
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library does not type it
    else:
        registry.register(_counted)
        registry.register(_timed)
    registry.register(_Now(now, forgiving=True))
    return encode(registry), media_type


def openmetrics(now: datetime) -> str:
    """The figures of this moment. Gauges without times: the older Prometheus format reads them as well."""
    said: bytes = generate_latest(_Now(now))  # type: ignore[no-untyped-call]  # the library does not type it
    return said.decode()


class _Now(Collector):
    """One look at the database. The library's own registry would add figures of this short process."""

    def __init__(self, now: datetime, *, forgiving: bool = False) -> None:
        self.now, self.forgiving = now, forgiving

    def collect(self) -> Iterator[Metric]:
        if not self.forgiving:
            yield from self._kept()
            yield from self._figures()
            return
        try:
            figures, answers = list(self._figures()), True
        except DatabaseError:
            figures, answers = [], False
        yield from self._kept()
        yield from figures
        yield _gauge("database_answers", "Whether the database answers: 1 or 0.", answers)

    def _kept(self) -> Iterator[Metric]:
        last = record.read(home(), record.LastBackup)
        if last is not None:
            age = (self.now - last.at).total_seconds()
            yield _gauge("backup_age_seconds", "How long ago `xiangli backup` last made one.", max(0.0, age))

    def _figures(self) -> Iterator[Metric]:
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
