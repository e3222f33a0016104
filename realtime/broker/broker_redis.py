"""The broker on one or several Redises: pub/sub for what is live, streams for what was missed.

Each channel lives on one of them (sharding.py). A node has one pub/sub connection to each Redis;
when that breaks it is made again with backoff, its channels are listened to again, and only then
the hub is told of them, which checks what it missed. What is stored how: layout_redis.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from realtime.broker.broker import Deliver, Reconnected
from realtime.broker.epoch import new_epoch
from realtime.broker.layout_redis import (
    answer_key,
    appended_key,
    control_channel,
    decode_publication,
    encode_append,
    latest_key,
    meta_key,
    pubsub_channel,
    stream_key,
)
from realtime.broker.link_redis import Command, Script
from realtime.broker.publisher_redis import RedisPublisher
from realtime.broker.pubsub_redis import PubSub
from realtime.broker.sharding import shard_of, split_urls
from realtime.broker.shards_redis import RedisShards
from realtime.clock import Clock, SystemClock
from realtime.errors import BrokerUnavailable, UnrecoverablePosition
from realtime.nodes.control import OnControl
from realtime.publication import Append, HistorySlice, Publication, Retention, StreamPosition
from realtime.settings import BrokerSettings

log = logging.getLogger(__name__)

_APPEND = Script(__file__, "append.lua")
_POSITION = Script(__file__, "position.lua")


class RedisBroker:
    """`urls`: one, or several separated by commas. Carries control messages, too (control.py)."""

    def __init__(
        self, urls: str, settings: BrokerSettings | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings or BrokerSettings()
        self._clock = clock or SystemClock()
        self._publisher = RedisPublisher(urls, self._settings)
        self._shards = RedisShards(urls, self._settings)
        self._listening = [self._pubsub(url) for url in split_urls(urls)]
        self._control_channel = control_channel(self._settings.prefix).encode()
        self._deliver: Deliver | None = None
        self._reconnected: Reconnected | None = None
        self._on_control: OnControl | None = None

    @property
    def connected(self) -> bool:
        """Whether publications of all channels arrive just now."""
        return all(pubsub.connected for pubsub in self._listening)

    def reaches(self, shard: int) -> bool:
        """Whether publications of one Redis' channels arrive just now."""
        return self._listening[shard].connected

    async def check(self) -> None:
        """Whether every Redis answers. Raises BrokerUnavailable."""
        await self._shards.check()

    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        """Returns when a first connection to each stands or has failed."""
        self._deliver, self._reconnected = deliver, reconnected
        await asyncio.gather(*(pubsub.start() for pubsub in self._listening))

    async def stop(self) -> None:
        await asyncio.gather(*(pubsub.stop() for pubsub in self._listening))
        self._deliver = None
        await self._publisher.close()
        await self._shards.close()

    async def publish(self, batch: Sequence[Publication]) -> None:
        await self._publisher.publish(batch)

    async def subscribe(self, channel: str) -> None:
        await self._pubsub_of(channel).listen(pubsub_channel(self._settings.prefix, channel))

    async def unsubscribe(self, channel: str) -> None:
        await self._pubsub_of(channel).unlisten(pubsub_channel(self._settings.prefix, channel))

    async def append(self, append: Append) -> StreamPosition:
        prefix, channel, retention = self._settings.prefix, append.channel, append.retention
        keys = [meta_key(prefix, channel), appended_key(prefix, channel)]
        if append.idempotency_key:
            keys.append(answer_key(prefix, channel, append.idempotency_key))
        offset, epoch = await self._shards.of(channel).run(
            _APPEND,
            keys,
            new_epoch(),
            *encode_append(append, int(self._clock.now() * 1000)),
            pubsub_channel(prefix, channel),
            retention.size,
            _ms(retention.ttl_s),
            _ms(retention.meta_ttl_s),
            _ms(self._settings.idempotency_ttl_s),
            repeat=bool(append.idempotency_key),
        )
        return StreamPosition(offset, epoch.decode())

    async def stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        prefix, link = self._settings.prefix, self._shards.of(channel)
        key = appended_key(prefix, channel)
        keys = [meta_key(prefix, channel), key]
        words = (new_epoch(), _ms(retention.meta_ttl_s))
        entries: Sequence[Any] = ()
        if limit == 0:
            blob, top = await link.run(_POSITION, keys, *words, repeat=True)
        else:
            # The entries are not read by the script, whose way of answering is slow, nor in a
            # transaction, which a full Redis refuses. What came between the two is cut off.
            (blob, top), entries = await link.ask_all(
                [_POSITION.introduce(keys, words), _page(key, since, limit, reverse)], repeat=True
            )
        epoch = blob.decode()
        if since is not None and since.epoch not in ("", epoch):
            raise UnrecoverablePosition(channel)
        read = (decode_publication(fields[1]) for _, fields in entries)
        publications = tuple(one for one in read if one.offset <= top and one.epoch == epoch)
        return HistorySlice(publications, top, epoch)

    async def clear(self, channel: str) -> None:
        key = appended_key(self._settings.prefix, channel)
        await self._shards.of(channel).ask("DEL", key, repeat=True)

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        key = stream_key(self._settings.prefix, channel)
        newest, entries = await self._shards.of(channel).ask_all(
            [
                ("XREVRANGE", key, "+", "-", "COUNT", 1),
                ("XRANGE", key, _entry_id(since + 1), "+", "COUNT", max(limit, 1)),
            ],
            repeat=True,
        )
        if not newest:
            return None
        top = _position(newest[0])
        if since > top.offset:
            return None
        # What came between the two reads is cut off; what was trimmed there is a hole.
        read = (decode_publication(fields[3]) for _, fields in entries[:limit])
        known = (one for one in read if one.offset <= top.offset and one.epoch == top.epoch)
        found = HistorySlice(tuple(known), top.offset, top.epoch)
        return found if limit == 0 or found.follows(since) else None

    async def top(self, channel: str) -> StreamPosition | None:
        key = stream_key(self._settings.prefix, channel)
        link = self._shards.of(channel)
        newest = await link.ask("XREVRANGE", key, "+", "-", "COUNT", 1, repeat=True)
        return _position(newest[0]) if newest else None

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        key = latest_key(self._settings.prefix, channel)
        found = await self._shards.of(channel).ask("HGETALL", key, repeat=True)
        pairs = zip(found[::2], found[1::2], strict=True)
        return {key.decode(): decode_publication(blob) for key, blob in pairs}

    async def listen(self, on_message: OnControl) -> None:
        """See `control.ControlBus`. Every Redis is listened to: any may be the one that is left."""
        self._on_control = on_message

    async def send(self, message: bytes) -> None:
        """See `control.ControlBus`."""
        for link, pubsub in zip(self._shards.links, self._listening, strict=True):
            if pubsub.connected:
                # Tried once only: a second Redis could bring it a second time.
                await link.ask("PUBLISH", self._control_channel, message)
                return
        raise BrokerUnavailable("no Redis to send a control message by")

    def _pubsub(self, url: str) -> PubSub:
        pubsub = PubSub(
            url,
            self._settings,
            self._clock,
            control_channel(self._settings.prefix),
            self._receive,
            lambda: self._tell(pubsub),
        )
        return pubsub

    def _pubsub_of(self, channel: str) -> PubSub:
        return self._listening[shard_of(channel, len(self._listening))]

    def _receive(self, name: bytes, payload: bytes) -> None:
        if name == self._control_channel:
            if self._on_control is not None:
                self._on_control(payload)
            return
        try:
            publication = decode_publication(payload)
        except (msgspec.MsgspecError, ValueError):
            log.exception("not a publication of ours on a Redis channel of ours")
            return
        if self._deliver is not None:
            self._deliver(publication)

    def _tell(self, pubsub: PubSub) -> None:
        if self._reconnected is not None:
            strip = len(pubsub_channel(self._settings.prefix, ""))
            self._reconnected(frozenset(name[strip:] for name in pubsub.listened))


def _position(entry: Any) -> StreamPosition:
    """Of an entry of a stream of published facts: id, then field names and values in turn."""
    entry_id, fields = entry
    return StreamPosition(int(entry_id.partition(b"-")[0]), fields[1].decode())


def _page(key: str, since: StreamPosition | None, limit: int, reverse: bool) -> Command:
    count: Command = ("COUNT", limit) if limit > 0 else ()
    if reverse:
        return ("XREVRANGE", key, _entry_id(since.offset - 1) if since else "+", "-", *count)
    return ("XRANGE", key, _entry_id(since.offset + 1) if since else "-", "+", *count)


def _entry_id(offset: int) -> str:
    """Within what Redis takes: clients may ask for any offset."""
    return f"{min(max(offset, 0), 2**63)}-0"


def _ms(seconds: float) -> int:
    """At least 1 where there is any time at all: Redis refuses, or takes for ever, a 0."""
    return max(1, round(seconds * 1000)) if seconds else 0
