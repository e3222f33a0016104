"""What a shard counts."""

from __future__ import annotations

from msgspec import Struct


class Stats(Struct):
    """Counters of one shard since it started; served to /metrics and `maxray status`."""

    shard: int = 0
    commands: int = 0
    commits: int = 0
    commit_s: float = 0.0
    rewinds: int = 0
    busy: int = 0
    repeats: int = 0
    signals: int = 0
    entities: int = 0
    waiting: int = 0
    timers: int = 0
    published: int = 0
    catch_ups: int = 0
    parked: int = 0
