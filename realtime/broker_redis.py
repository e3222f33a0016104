"""The broker on Redis: pub/sub for what is live, a stream per channel for what was missed.

One pub/sub connection a node. When it breaks it is made again with backoff, all channels are
listened to again, and only then the hub is told, which checks what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from realtime.broker import Deliver, Reconnected
from realtime.clock import Clock, SystemClock
from realtime.errors import BrokerUnavailable
from realtime.publication import HistorySlice, Publication, StreamPosition
from realtime.publisher_redis import (
    RedisPublisher,
    connect,
    decode_publication,
    latest_key,
    pubsub_channel,
    stream_key,
)
from realtime.settings import BrokerSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

_SUBSCRIBE_CHUNK = 500
"""Channels in one SUBSCRIBE command when all are listened to again."""


class RedisBroker:
    def __init__(
        self, url: str, settings: BrokerSettings | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings or BrokerSettings()
        self._clock = clock or SystemClock()
        self._publisher = RedisPublisher(url, self._settings)
        self._redis = connect(url, self._settings)
        self._listened: set[str] = set()
        self._acks: dict[str, asyncio.Future[None]] = {}
        self._link: AbstractConnection | None = None
        self._writing = asyncio.Lock()
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether publications arrive just now."""
        return self._link is not None

    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        """Returns when a first connection stands or has failed."""
        self._tasks = [
            asyncio.create_task(self._run(deliver, reconnected), name="redis-broker"),
            asyncio.create_task(self._beat(), name="redis-broker-heartbeat"),
        ]
        await self._tried.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._publisher.close()
        await self._redis.aclose()

    async def publish(self, batch: Sequence[Publication]) -> None:
        await self._publisher.publish(batch)

    async def subscribe(self, channel: str) -> None:
        self._listened.add(channel)
        ack = self._acks.get(channel)
        if ack is None:
            ack = self._acks[channel] = asyncio.get_running_loop().create_future()
            try:
                await self._command("SUBSCRIBE", channel)
            except BrokerUnavailable as error:
                self._refuse(channel, error)
        try:
            async with asyncio.timeout(self._settings.command_timeout_s):
                await asyncio.shield(ack)
        except TimeoutError:
            raise BrokerUnavailable("Redis does not answer") from None

    async def unsubscribe(self, channel: str) -> None:
        self._listened.discard(channel)
        with contextlib.suppress(BrokerUnavailable):
            await self._command("UNSUBSCRIBE", channel)

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        key = stream_key(self._settings.prefix, channel)
        # One transaction, so that no trim or new entry comes between the two reads.
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xrange(key, min=f"{since + 1}-0", max="+", count=max(limit, 1))
        pipeline.xrevrange(key, count=1)
        entries, newest = await self._ask(pipeline.execute())
        if not newest:
            return None
        top = _position(newest[0])
        if since > top.offset:
            return None
        publications = tuple(decode_publication(fields[b"p"]) for _, fields in entries[:limit])
        found = HistorySlice(publications, top.offset, top.epoch)
        return found if limit == 0 or found.follows(since) else None

    async def top(self, channel: str) -> StreamPosition | None:
        key = stream_key(self._settings.prefix, channel)
        newest = await self._ask(self._redis.xrevrange(key, count=1))
        return _position(newest[0]) if newest else None

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        found = await self._ask(self._redis.hgetall(latest_key(self._settings.prefix, channel)))
        return {key.decode(): decode_publication(blob) for key, blob in found.items()}

    async def _ask(self, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(str(error)) from error

    async def _command(self, name: str, *channels: str) -> None:
        """Write to the pub/sub connection; commands leave in the order of the calls."""
        async with self._writing:
            if self._link is None:
                raise BrokerUnavailable("no connection to Redis")
            await self._send(self._link, name, *channels)

    async def _send(self, link: AbstractConnection, name: str, *channels: str) -> None:
        names = (pubsub_channel(self._settings.prefix, channel) for channel in channels)
        try:
            await link.send_command(name, *names, check_health=False)
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(str(error)) from error

    async def _run(self, deliver: Deliver, reconnected: Reconnected) -> None:
        """Keep a connection, for ever."""
        failures = 0
        served = False
        while True:
            link = self._new_link()
            try:
                await link.connect()  # type: ignore[no-untyped-call]
                await self._listen_again(link)
                self._tried.set()
                failures = 0
                if served:
                    reconnected()
                served = True
                await self._read(link, deliver)
            except (RedisError, OSError, BrokerUnavailable) as error:
                log.warning("pub/sub connection to Redis: %s", error)
            finally:
                self._drop_link()
                with contextlib.suppress(RedisError, OSError):
                    await link.disconnect(nowait=True)
            self._tried.set()
            failures += 1
            ceiling = min(
                self._settings.reconnect_max_s,
                self._settings.reconnect_min_s * 2 ** min(failures, 16),
            )
            # Jitter, so that not all nodes fall on a Redis that has just come up.
            await self._clock.sleep(random.uniform(ceiling / 2, ceiling))  # noqa: S311

    def _new_link(self) -> AbstractConnection:
        pool = self._redis.connection_pool
        link: AbstractConnection = pool.connection_class(**pool.connection_kwargs)
        return link

    def _drop_link(self) -> None:
        self._link = None
        for channel in list(self._acks):
            self._refuse(channel, BrokerUnavailable("the connection to Redis was lost"))

    def _refuse(self, channel: str, error: BrokerUnavailable) -> None:
        """Those who wait to listen to the channel are told; they may try again."""
        self._listened.discard(channel)
        ack = self._acks.pop(channel, None)
        if ack is not None and not ack.done():
            ack.set_exception(error)
            ack.exception()  # marked as seen: all who waited may have gone

    async def _listen_again(self, link: AbstractConnection) -> None:
        """Subscribe to all that is listened to and wait for each acknowledgement.

        What arrives meanwhile is dropped: the hub checks every position right after.
        """
        async with self._writing:
            wanted = sorted(self._listened)
            for start in range(0, len(wanted), _SUBSCRIBE_CHUNK):
                await self._send(link, "SUBSCRIBE", *wanted[start : start + _SUBSCRIBE_CHUNK])
            missing = len(wanted)
            while missing:
                message = await link.read_response()
                if message[0] == b"subscribe":
                    missing -= 1
            self._link = link
            self._heard_at = self._clock.monotonic()

    async def _read(self, link: AbstractConnection, deliver: Deliver) -> None:
        strip = len(pubsub_channel(self._settings.prefix, ""))
        while True:
            # inf: no time limit of its own. Silence is what the heartbeat is for.
            message = await link.read_response(timeout=math.inf)
            self._heard_at = self._clock.monotonic()
            kind = message[0]
            if kind == b"message":
                self._deliver(message[2], deliver)
            elif kind == b"subscribe":
                ack = self._acks.pop(message[1][strip:].decode(), None)
                if ack is not None and not ack.done():
                    ack.set_result(None)

    def _deliver(self, blob: bytes, deliver: Deliver) -> None:
        try:
            publication = decode_publication(blob)
        except (msgspec.MsgspecError, ValueError):
            log.exception("not a publication of ours on a Redis channel of ours")
            return
        try:
            deliver(publication)
        except Exception:
            # The connection serves all channels: one must not take it down.
            log.exception("delivering a publication on %r failed", publication.channel)

    async def _beat(self) -> None:
        """Find a connection that died without a word: ping, and cut it when nothing comes back."""
        interval = self._settings.heartbeat_s
        while True:
            await self._clock.sleep(interval)
            link = self._link
            if link is None:
                continue
            if self._clock.monotonic() - self._heard_at > 2.5 * interval:
                log.warning("no sign of life from Redis; connecting anew")
                await link.disconnect(nowait=True)
                continue
            with contextlib.suppress(BrokerUnavailable):
                await self._command("PING")


def _position(entry: Any) -> StreamPosition:
    entry_id, fields = entry
    return StreamPosition(int(entry_id.partition(b"-")[0]), fields[b"e"].decode())
