"""The bounds of one shard; over them a caller gets `busy`, never an endless queue."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Counts are of commands unless named otherwise. Each lane and mailbox is bounded alone."""

    lane: int = 8_192  # accepted into one lane (urgent, normal) and not answered yet
    mailbox: int = 1_024  # of these, for one entity
    batch: int = 512  # in one commit; urgent ones may exceed it
    slice: int = 64  # executed before other work of the loop gets a turn
    answers: int = 20_000  # answers kept in memory for quick repeats; PostgreSQL has all
    loads: int = 256  # entities read from the journal at once, urgent ones first
    idle_s: float = 120.0  # an entity untouched for so long leaves the memory
    entities: int = 200_000  # beyond it the longest untouched leave at once
    answer_retention_s: float = 48 * 3600.0
