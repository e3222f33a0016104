"""Counters and gauges as plain numbers; the web layer exposes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Metrics:
    """Gauges first, then counters, which only grow. Read and written on the event loop alone."""

    connections: int = 0
    subscriptions: int = 0
    channels: int = 0
    queue_bytes: int = 0

    messages_in: int = 0
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
