"""Listening to one Redis: a connection that is kept for ever, and names that are listened to on it.

When it breaks, or falls silent, it is made again with backoff; all names are listened to again, and
only then its user is told, who must find out what was missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable
from typing import TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from realtime.broker.link_redis import Connector, pack, write
from realtime.clock import Clock
from realtime.errors import BrokerUnavailable
from realtime.settings import BrokerSettings

log = logging.getLogger(__name__)

_SUBSCRIBE_CHUNK = 500
"""Names in one SUBSCRIBE command when all are listened to again."""

OnMessage: TypeAlias = Callable[[bytes, bytes], None]
"""The name it came on, and the payload."""
OnReconnected: TypeAlias = Callable[[], None]


class PubSub:
    """Runs the callbacks on the event loop; what `on_message` raises is logged.

    `always`: a name that is listened to whenever there is a connection.
    """

    def __init__(
        self,
        url: str,
        settings: BrokerSettings,
        clock: Clock,
        always: str,
        on_message: OnMessage,
        on_reconnected: OnReconnected,
    ) -> None:
        self._connector = Connector(url, settings)
        self._settings = settings
        self._clock = clock
        self._always = always
        self._on_message = on_message
        self._on_reconnected = on_reconnected
        self._listened: set[str] = set()
        self._acks: dict[str, asyncio.Future[None]] = {}
        self._link: AbstractConnection | None = None
        self._writing = asyncio.Lock()
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether messages arrive just now."""
        return self._link is not None

    @property
    def listened(self) -> frozenset[str]:
        """What is listened to, apart from `always`."""
        return frozenset(self._listened)

    async def start(self) -> None:
        """Returns when a first connection stands or has failed."""
        self._tasks = [
            asyncio.create_task(self._run(), name="redis-pubsub"),
            asyncio.create_task(self._beat(), name="redis-pubsub-heartbeat"),
        ]
        await self._tried.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def listen(self, name: str) -> None:
        """What is published after this returns arrives. Raises BrokerUnavailable."""
        try:
            async with asyncio.timeout(self._settings.command_timeout_s):
                await self._listen(name)
        except TimeoutError:
            raise BrokerUnavailable("Redis does not answer") from None

    async def unlisten(self, name: str) -> None:
        """Never fails: without a connection there is nothing to tell."""
        self._listened.discard(name)
        with contextlib.suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(self._settings.command_timeout_s):
                await self._command("UNSUBSCRIBE", name)

    async def _listen(self, name: str) -> None:
        self._listened.add(name)
        ack = self._acks.get(name)
        if ack is None:
            ack = self._acks[name] = asyncio.get_running_loop().create_future()
            try:
                await self._command("SUBSCRIBE", name)
            except BrokerUnavailable as error:
                self._refuse(name, error)
            except asyncio.CancelledError:
                self._refuse(name, BrokerUnavailable("gave up before Redis was asked"))
                raise
        # Shielded: others may wait for the same.
        await asyncio.shield(ack)

    async def _command(self, command: str, *names: str) -> None:
        """Write; commands leave in the order of the calls."""
        async with self._writing:
            if self._link is None:
                raise BrokerUnavailable("no connection to Redis")
            await self._send(self._link, command, *names)

    async def _send(self, link: AbstractConnection, command: str, *names: str) -> None:
        await write(link, pack([(command, *names)]))

    async def _run(self) -> None:
        """Keep a connection, for ever."""
        failures = 0
        served = False
        while True:
            link = self._connector.new()
            try:
                await link.connect()  # type: ignore[no-untyped-call]  # redis-py does not say
                await self._listen_again(link)
                self._tried.set()
                failures = 0
                if served:
                    self._on_reconnected()
                served = True
                await self._read(link)
            except (RedisError, OSError, BrokerUnavailable) as error:
                log.warning("pub/sub connection to Redis: %s", error)
            except Exception:  # a node that listens no more, and does not know it, is worse
                log.exception("pub/sub connection to Redis")
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
            pause_s = random.uniform(ceiling / 2, ceiling)  # noqa: S311  jitter, not a secret
            await self._clock.sleep(pause_s)

    def _drop_link(self) -> None:
        self._link = None
        for name in list(self._acks):
            self._refuse(name, BrokerUnavailable("the connection to Redis was lost"))

    def _refuse(self, name: str, error: BrokerUnavailable) -> None:
        """Those who wait to listen to the name are told; they may try again."""
        self._listened.discard(name)
        ack = self._acks.pop(name, None)
        if ack is not None and not ack.done():
            ack.set_exception(error)
            ack.exception()  # marked as seen: all who waited may have gone

    async def _listen_again(self, link: AbstractConnection) -> None:
        """Subscribe to all that is listened to and wait for each acknowledgement.

        What arrives meanwhile is dropped: it counts as missed.
        """
        async with self._writing:
            wanted = sorted(self._listened | {self._always})
            for start in range(0, len(wanted), _SUBSCRIBE_CHUNK):
                await self._send(link, "SUBSCRIBE", *wanted[start : start + _SUBSCRIBE_CHUNK])
            missing = len(wanted)
            while missing:
                message = await link.read_response()
                if message[0] == b"subscribe":
                    missing -= 1
            self._link = link
            self._heard_at = self._clock.monotonic()

    async def _read(self, link: AbstractConnection) -> None:
        while True:
            # inf: no time limit of its own. Silence is what the heartbeat is for.
            message = await link.read_response(timeout=math.inf)
            self._heard_at = self._clock.monotonic()
            kind = message[0]
            if kind == b"message":
                self._hand_over(message[1], message[2])
            elif kind == b"subscribe":
                ack = self._acks.pop(message[1].decode(), None)
                if ack is not None and not ack.done():
                    ack.set_result(None)

    def _hand_over(self, name: bytes, payload: bytes) -> None:
        try:
            self._on_message(name, payload)
        except Exception:  # the connection serves all names: no message may take it down
            log.exception("a message from Redis could not be handled")

    async def _beat(self) -> None:
        """Find a connection that died without a word: ping, and cut it when nothing comes back."""
        interval = self._settings.heartbeat_s
        while True:
            await self._clock.sleep(interval)  # a setting: so late may a dead one be found
            link = self._link
            if link is None:
                continue
            if self._clock.monotonic() - self._heard_at > 2.5 * interval:
                log.warning("no sign of life from Redis; connecting anew")
                await link.disconnect(nowait=True)
                continue
            with contextlib.suppress(BrokerUnavailable):
                await self._command("PING")
