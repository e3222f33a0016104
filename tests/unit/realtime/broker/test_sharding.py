"""Where a channel lives is a promise between processes and versions."""

from __future__ import annotations

from collections import Counter

import pytest

from realtime.broker.sharding import shard_of, split_urls

CHANNELS = [f"emergency:{number}" for number in range(5000)]


def test_the_same_channel_is_on_the_same_shard_in_every_version() -> None:
    names = ["", "fleet:city", "emergency:1", "ürgent:π", "{a}b"]
    assert [shard_of(name, 7) for name in names] == [5, 5, 2, 4, 0]


def test_the_channels_are_spread_evenly() -> None:
    for shards in (1, 2, 3, 8):
        counts = Counter(shard_of(channel, shards) for channel in CHANNELS)
        assert set(counts) == set(range(shards))
        even = len(CHANNELS) / shards
        assert all(0.8 * even < count < 1.2 * even for count in counts.values())


def test_one_more_shard_takes_its_part_and_nothing_else_moves() -> None:
    moved = [one for one in CHANNELS if shard_of(one, 3) != shard_of(one, 4)]
    assert {shard_of(channel, 4) for channel in moved} == {3}
    assert 0.2 < len(moved) / len(CHANNELS) < 0.3


@pytest.mark.parametrize(
    "urls",
    [
        ["redis://h:1/0"],
        ["redis://:p,w@h:1/0", "rediss://u:x@h:2", "unix://:a,b@/tmp/r.sock?db=1"],
    ],
)
def test_urls_are_split_at_the_commas_between_them(urls: list[str]) -> None:
    assert split_urls(",".join(urls)) == tuple(urls)
