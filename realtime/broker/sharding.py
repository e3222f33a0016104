"""Which of several Redises a channel lives on.

Jump consistent hash (Lamping and Veach, 2014) over the first 64 bits of BLAKE2b of the channel's
name in UTF-8: it needs no table, and one more Redis at the end of the list moves 1/n of the
channels, all of them to the new one. So the list's order matters: every process must have the same
one, and one that is lost for good is replaced in its place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

# Not each comma: a password may hold one.
_BETWEEN_URLS = re.compile(r",(?=(?:rediss?|unix)://)")

_MULTIPLIER = 2862933555777941757
_UINT64 = (1 << 64) - 1


def split_urls(urls: str) -> tuple[str, ...]:
    """The URLs of a comma-separated list."""
    return tuple(_BETWEEN_URLS.split(urls))


@lru_cache(maxsize=65536)
def shard_of(channel: str, shards: int) -> int:
    """The index, 0 to `shards` - 1, of the channel's shard."""
    if shards == 1:
        return 0
    key = int.from_bytes(blake2b(channel.encode(), digest_size=8).digest(), "big")
    shard, jump = 0, 0
    while jump < shards:
        shard = jump
        key = (key * _MULTIPLIER + 1) & _UINT64
        jump = int((shard + 1) * (1 << 31) / ((key >> 33) + 1))
    return shard
