"""Where an entity lives: the key space is cut into slots, the slots are dealt out to shards.

The number of slots is for ever (a row's slot is stored beside it); the number of shards may change
between two starts: a slot's new owner raises its epoch in PostgreSQL and takes over from there.
"""

from __future__ import annotations

from zlib import crc32

# 128 slots: 16 shards still get 8 each, so the dealing is even; a commit locks at most so many
# rows.
SLOTS = 128


def slot_of(kind: str, entity: str) -> int:
    """The slot of an entity. CRC-32: stable over processes and versions, unlike `hash`."""
    return crc32(f"{kind}:{entity}".encode()) % SLOTS


def shard_of(slot: int, shards: int) -> int:
    """Which of `shards` shards owns a slot."""
    return slot % shards


def slots_of(shard: int, shards: int) -> tuple[int, ...]:
    """The slots of one shard, ascending."""
    if not 0 <= shard < shards <= SLOTS:
        raise ValueError(f"shard {shard} of {shards}: expected 0 <= shard < shards <= {SLOTS}")
    return tuple(range(shard, SLOTS, shards))
