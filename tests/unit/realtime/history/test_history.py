"""Reads of history that many share, or many make at once."""

from __future__ import annotations

import asyncio

from realtime.settings import RealtimeSettings
from tests.unit.realtime.world import Reader, World


async def test_more_channels_than_are_cached_recover_at_once() -> None:
    async with World(RealtimeSettings(history_cache_channels=2)) as world:
        readers = {f"fact:{n}": Reader() for n in range(20)}
        for channel, reader in readers.items():
            await world.publish(channel)
            await world.join(reader, channel)
            world.hub.unsubscribe(reader, channel)
            await world.publish(channel, 3)
        await asyncio.gather(*(world.join(reader, name) for name, reader in readers.items()))
        for reader in readers.values():
            assert reader.results[-1].recovered
            assert reader.facts == [2, 3, 4]
            assert not reader.faults
