"""A broker under test, with all that it delivered."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from functools import partial

from realtime.broker.broker import Broker
from realtime.broker.broker_memory import MemoryBroker
from realtime.broker.broker_redis import RedisBroker
from realtime.broker.sharding import shard_of
from realtime.clock import Clock
from realtime.publication import Publication
from realtime.settings import BrokerSettings
from tests.integration.realtime.waiting import until

_numbers = itertools.count()

NAMES = ["ürgent:π", "with space", "a\nb\0c", "c:s:l", "x" * 255, "{a}", "a}b{c", "{}", "%7B*?[a]"]
"""Channels with all that could be taken for syntax somewhere."""


class Listener:
    """`reconnects`: the channels that were told of, for each time."""

    def __init__(self, broker: Broker, shards: int = 1) -> None:
        self.broker = broker
        names = [f"flush-{number}" for number in range(50)]
        self.marks = {shard_of(name, shards): name for name in names}.values()
        self.got: list[Publication] = []
        self.reconnects: list[frozenset[str]] = []

    async def start(self) -> None:
        await self.broker.start(self.got.append, self._reconnected)

    def _reconnected(self, channels: Collection[str]) -> None:
        self.reconnects.append(frozenset(channels))

    async def flush(self) -> None:
        """Wait until all that was published before has been delivered, by every Redis."""
        for channel in self.marks:
            await self.broker.subscribe(channel)
            mark = Publication(channel, b"%d" % next(_numbers), delivery="signal")
            await self.broker.publish([mark])
            await until(partial(self.got.__contains__, mark))
            self.got.remove(mark)


def broker_of(
    kind: str, urls: Mapping[str, str], settings: BrokerSettings, clock: Clock | None = None
) -> Broker:
    """`kind`: memory, or which of the `redis_urls`."""
    if kind == "memory":
        return MemoryBroker(settings, clock)
    return RedisBroker(urls[kind], settings, clock)


def facts(channel: str, *offsets: int, epoch: str = "e1") -> list[Publication]:
    return [Publication(channel, b'{"n":%d}' % offset, offset, epoch) for offset in offsets]
