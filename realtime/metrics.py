"""Counters and gauges as plain numbers; the web layer exposes them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

PUBLISH_TO_WRITE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Histogram:
    """Seconds, counted in buckets: `counts[i]` are those of at most `bounds[i]` and above the one
    before, the last those above all. `total` is their sum.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value_s: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value_s)] += times
        self.total += value_s * times


@dataclass(slots=True)
class Metrics:
    """Gauges first, then counters, which only grow. Read and written on the event loop alone."""

    connections: int = 0
    subscriptions: int = 0
    channels: int = 0
    queue_bytes: int = 0

    messages_in: int = 0
    bytes_in: int = 0
    messages_out: int = 0
    bytes_out: int = 0
    writes: int = 0
    publications: int = 0
    duplicates_dropped: int = 0
    gaps_found: int = 0
    gaps_filled: int = 0
    positions_lost: int = 0
    recoveries_ok: int = 0
    recoveries_failed: int = 0
    revocations: int = 0
    slow_disconnects: int = 0
    broker_reconnects: int = 0
    history_reads: int = 0
    source_reads: int = 0
    unencodable_payloads: int = 0
    publish_to_write_s: Histogram = field(default_factory=lambda: Histogram(PUBLISH_TO_WRITE_S))
    """From a publication's arrival at this node to the write that carries it."""
