"""Presence on one or several Redises; what is stored how: layout_redis.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from realtime.broker.layout_redis import presence_keys
from realtime.broker.link_redis import Command, RedisLink, Script, Word
from realtime.broker.shards_redis import RedisShards, all_of
from realtime.presence.presence import PresenceStats, Present
from realtime.publication import Peer
from realtime.settings import BrokerSettings

_PRESENCE = Script(__file__, "presence.lua")
_encode_peer = msgspec.msgpack.Encoder().encode
_decode_peer = msgspec.msgpack.Decoder(Peer).decode

# Clients in one call of the script, during which Redis serves nobody else: about 1 ms.
_CLIENTS_A_CALL = 200


class RedisPresence:
    """Connects when first used. `urls`: one, or several separated by commas, as the broker's."""

    def __init__(self, urls: str, settings: BrokerSettings | None = None) -> None:
        self._settings = settings or BrokerSettings()
        self._shards = RedisShards(urls, self._settings)

    async def close(self) -> None:
        await self._shards.close()

    async def add(self, batch: Sequence[Present]) -> None:
        await self._change("add", [self._settings.presence_ttl_s * 1000], batch)

    async def remove(self, batch: Sequence[Present]) -> None:
        await self._change("remove", [], batch)

    async def clients(self, channel: str) -> Mapping[str, Peer]:
        keys = presence_keys(self._settings.prefix, channel)
        found = await self._shards.of(channel).run(_PRESENCE, keys, "clients", repeat=True)
        pairs = zip(found[::2], found[1::2], strict=True)
        return {client.decode(): _decode_peer(peer) for client, peer in pairs}

    async def stats(self, channel: str) -> PresenceStats:
        keys = presence_keys(self._settings.prefix, channel)
        clients, users = await self._shards.of(channel).run(_PRESENCE, keys, "stats", repeat=True)
        return PresenceStats(clients, users)

    async def _change(
        self, operation: str, options: Sequence[Word], batch: Sequence[Present]
    ) -> None:
        parts = self._shards.split(batch, lambda one: one.channel)
        await all_of([self._send(link, operation, options, part) for link, part in parts.items()])

    async def _send(
        self, link: RedisLink, operation: str, options: Sequence[Word], batch: Sequence[Present]
    ) -> None:
        by_channel: dict[str, list[Present]] = {}
        for one in batch:
            by_channel.setdefault(one.channel, []).append(one)
        # The first call carries the text: no batch is half refused for a script not loaded.
        call = _PRESENCE.introduce
        commands: list[Command] = []
        for channel, present in by_channel.items():
            keys = presence_keys(self._settings.prefix, channel)
            for start in range(0, len(present), _CLIENTS_A_CALL):
                words: list[Word] = [operation, *options]
                for one in present[start : start + _CLIENTS_A_CALL]:
                    words.append(one.client)
                    if operation == "add":
                        words += (one.info.user, _encode_peer(one.info))
                commands.append(call(keys, words))
                call = _PRESENCE.call
        await link.ask_all(commands, repeat=True)
