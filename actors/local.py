"""All shards in one process and one event loop: the same interface as `cluster.py`, without Ray.

For tests, the simulator and tools. Envelopes still pass through their wire form, so what does not
survive encoding fails here too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from actors.envelope import (
    Envelope,
    Reply,
    decode_envelopes,
    decode_replies,
    decode_signals,
    encode,
)
from actors.errors import Unavailable
from actors.ports import Transport
from actors.shard import Shard

MakeShard = Callable[[int, Transport, Callable[[], None]], Shard]


class LocalCluster:
    """`shards` shards made by `make(index, transport, on_fenced)`. A Transport, once started."""

    def __init__(self, shards: int, make: MakeShard) -> None:
        self.shards = shards
        self._make = make
        self._running: dict[int, Shard] = {}
        self.fenced: list[int] = []

    async def start(self) -> None:
        for index in range(self.shards):
            await self.start_shard(index)

    async def start_shard(self, index: int) -> Shard:
        """Start or replace one shard; the one replaced lives until it finds itself fenced."""
        shard = self._make(index, self, lambda: self.fenced.append(index))
        await shard.start()
        self._running[index] = shard
        return shard

    def shard(self, index: int) -> Shard:
        return self._running[index]

    def lose(self, index: int) -> Shard:
        """As if the process were out of reach: nobody finds the shard any more, but it lives on."""
        return self._running.pop(index)

    def kill(self, index: int) -> None:
        """As kill -9 of the shard's process: what it had not committed never happened."""
        self._running.pop(index).kill()

    async def stop(self) -> None:
        for index in list(self._running):
            await self._running.pop(index).stop()

    async def submit(self, shard: int, envelopes: Sequence[Envelope]) -> Sequence[Reply]:
        home = self._running.get(shard)
        if home is None:
            raise Unavailable(f"shard {shard} is not running")
        replies = await home.submit(decode_envelopes(encode(envelopes)))
        return decode_replies(encode(replies))

    def signal(self, shard: int, payload: bytes) -> None:
        home = self._running.get(shard)
        if home is not None:
            home.signal(decode_signals(payload))

    async def each(self, visit: Callable[[Shard], Awaitable[None]]) -> None:
        for shard in self._running.values():
            await visit(shard)
