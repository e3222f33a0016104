"""Prometheus metrics of one web worker, and of the shards as the cluster tells them.

Counters live where the work is done (realtime.metrics, actors.shard.Stats, actors.router); they are
read when scraped, so counting costs nothing but the counting.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from actors.errors import RuntimeFault
from actors.router import Router
from actors.stats import Stats
from realtime.metrics import Histogram, Metrics
from realtime.node import RealtimeServer
from storage.spool import Summary

if TYPE_CHECKING:  # a realtime server that runs alone has no use for Ray, nor the time to load it
    from actors.cluster import RayTransport
    from web.spool.store import SpoolStore

_GAUGES: Final = frozenset(
    {
        "channels",
        "connections",
        "subscriptions",
        "entities",
        "waiting",
        "timers",
        "parked",
        "queue_bytes",
    }
)
SCRAPE_TIMEOUT_S: Final = 2.0


class WorkerMetrics:
    """`render` is the body of GET /metrics."""

    def __init__(
        self,
        realtime: RealtimeServer,
        router: Router,
        transport: RayTransport,
        spool: SpoolStore | None = None,
    ) -> None:
        self._realtime = realtime
        self._router = router
        self._transport = transport
        self._spool = spool

    async def render(self) -> bytes:
        """The text exposition format (version 0.0.4)."""
        shards = await asyncio.gather(*map(self._stats, range(self._transport.shards)))
        spool = None if self._spool is None else await self._spool.summary()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(self._families([s for s in shards if s is not None])))
        if spool is not None:
            registry.register(_Snapshot(spool_families(spool, time.time())))
        return generate_latest(registry)

    async def _stats(self, index: int) -> Stats | None:
        try:
            async with asyncio.timeout(SCRAPE_TIMEOUT_S):
                return await self._transport.stats(index)
        except (RuntimeFault, TimeoutError):
            return None  # its absence is the signal: maxray_shard_up says so

    def _families(self, shards: list[Stats]) -> Iterator[Metric]:
        yield from realtime_families(self._realtime.metrics)
        yield _family("maxray_router_asked", "commands asked by this worker", self._router.asked)
        yield _family("maxray_router_retried", "commands sent again", self._router.retried)
        yield _family("maxray_router_calls", "calls that carried them", self._router.calls)
        up = GaugeMetricFamily("maxray_shard_up", "whether the shard answers", labels=["shard"])
        answering = {stats.shard for stats in shards}
        for index in range(self._transport.shards):
            up.add_metric([str(index)], float(index in answering))
        yield up
        for name in Stats.__struct_fields__:
            if name == "shard":
                continue
            kind = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
            family = kind(f"maxray_shard_{name}", f"shard: {name}", labels=["shard"])
            for stats in shards:
                family.add_metric([str(stats.shard)], float(getattr(stats, name)))
            yield family


def render_realtime(metrics: Metrics) -> bytes:
    """The exposition of a realtime server that runs alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(realtime_families(metrics)))
    return generate_latest(registry)


def realtime_families(metrics: Metrics) -> Iterator[Metric]:
    """What a realtime server counts, also of one that runs alone."""
    for field in dataclasses.fields(metrics):
        value = getattr(metrics, field.name)
        yield _family(f"maxray_realtime_{field.name}", "realtime server of this worker", value)


def spool_families(spool: Summary, now: float) -> Iterator[Metric]:
    """Of the machine's spool, which all its workers share."""
    oldest = 0.0 if spool.oldest_at is None else max(0.0, now - spool.oldest_at)
    for name, text, value in (
        ("depth", "emergencies that wait to be replayed", spool.depth),
        ("oldest_age_seconds", "how long the first of them has waited", oldest),
        ("dead_letters", "emergencies that can never be raised", len(spool.dead)),
        ("unreadable", "records of a version that this one does not know", spool.unreadable),
        ("damaged", "times that something broken was cut off a file", spool.damaged),
    ):
        yield GaugeMetricFamily(f"maxray_spool_{name}", text, value=float(value))


def _family(name: str, text: str, value: float | Histogram) -> Metric:
    if isinstance(value, Histogram):
        return _histogram(name, text, value)
    gauge = name.removeprefix("maxray_realtime_") in _GAUGES
    kind = GaugeMetricFamily if gauge else CounterMetricFamily
    return kind(name, text, value=float(value))


def _histogram(name: str, text: str, value: Histogram) -> Metric:
    """Prometheus counts each bucket with those below it, and names times in whole words."""
    bounds = [*map(str, value.bounds), "+Inf"]
    buckets = [*zip(bounds, map(float, itertools.accumulate(value.counts)), strict=True)]
    family = HistogramMetricFamily(f"{name.removesuffix('_s')}_seconds", text)
    family.add_metric([], buckets, value.total)
    return family


class _Snapshot(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families
