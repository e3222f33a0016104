"""The composition: one server of realtime connections, to be started and stopped by its host."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from realtime import codes
from realtime.asgi import WebSocketApp
from realtime.broker import Broker
from realtime.clock import Clock, SystemClock
from realtime.codec import Codec
from realtime.codes import Disconnect, Unsubscribe
from realtime.connection import Connection, Services
from realtime.history import HistoryReader
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.origin import OriginCheck, allow_origins
from realtime.outbox import Transport
from realtime.ports import Authenticator, ChannelPolicy, HistorySource, RpcHandler
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel


class RealtimeServer:
    """`app` is the ASGI application for the WebSocket route. One event loop, which also starts it.

    `start` before the first connection, `drain` and then `stop` at the end.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        policy: ChannelPolicy,
        rpc: RpcHandler,
        broker: Broker,
        history: HistorySource,
        settings: RealtimeSettings | None = None,
        clock: Clock | None = None,
        check_origin: OriginCheck | None = None,
    ) -> None:
        self.settings = settings or RealtimeSettings()
        self.metrics = Metrics()
        self.accepting = False
        self._clock = clock or SystemClock()
        self._broker = broker
        self._wheel = TimerWheel(self._clock, self.settings.wheel_tick_s)
        self._history = HistoryReader(broker, history, self.settings, self._clock, self.metrics)
        self._hub = Hub(
            broker, self._history, policy, self.settings, self._clock, self._wheel, self.metrics
        )
        self._services = Services(
            authenticator,
            policy,
            rpc,
            broker,
            self._history,
            self._hub,
            self.settings,
            self._clock,
            self._wheel,
            self.metrics,
            tasks=set(),
        )
        self.app = WebSocketApp(self, check_origin or allow_origins(self.settings.allowed_origins))
        self._connections: set[Connection] = set()
        self._users: dict[str, set[Connection]] = {}
        self._turning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect to the broker and accept connections."""
        self._turning = asyncio.create_task(self._wheel.run(), name="realtime-wheel")
        self._expire_history()
        await self._hub.start()
        self.accepting = True

    async def drain(self, over_s: float) -> None:
        """Accept no more, and send all clients elsewhere, evenly spread over a time."""
        self.accepting = False
        waiting = list(self._connections)
        for number, connection in enumerate(waiting):
            connection.close(codes.DISCONNECT_SHUTDOWN)
            if number + 1 < len(waiting):
                await self._clock.sleep(over_s / len(waiting))

    async def stop(self, timeout_s: float = 5.0) -> None:
        """End everything. Calls of the application under way get `timeout_s` to finish."""
        self.accepting = False
        for connection in list(self._connections):
            connection.close(codes.DISCONNECT_SHUTDOWN)
        if self._services.tasks:
            _, late = await asyncio.wait(self._services.tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._hub.stop()
        await self._history.stop()
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)

    async def publish(self, batch: Sequence[Publication]) -> None:
        """To the subscribers of every node. Raises BrokerUnavailable."""
        await self._broker.publish(batch)

    def message_user(self, user: str, data: bytes) -> int:
        """Push a payload to a user's connections on this node; returns how many."""
        connections = self._of(user)
        for connection in connections:
            connection.message(data)
        return len(connections)

    def disconnect_user(
        self, user: str, code: Disconnect = codes.DISCONNECT_FORCE_NO_RECONNECT
    ) -> int:
        """End a user's connections on this node; returns how many there were."""
        connections = self._of(user)
        for connection in connections:
            connection.close(code)
        return len(connections)

    def unsubscribe(
        self, user: str, channel: str, code: Unsubscribe = codes.UNSUBSCRIBE_SERVER
    ) -> int:
        """End a user's subscriptions to a channel on this node; returns how many there were."""
        return sum(connection.leave(channel, code) for connection in self._of(user))

    def open(self, transport: Transport, codec: Codec) -> Connection:
        """Begin a connection (called by transports)."""
        connection = Connection(
            str(uuid.uuid4()), codec, transport, self._services, self._connected, self._closed
        )
        self._connections.add(connection)
        return connection

    def _of(self, user: str) -> tuple[Connection, ...]:
        return tuple(self._users.get(user, ()))

    def _connected(self, connection: Connection) -> None:
        self._users.setdefault(connection.identity.user, set()).add(connection)

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        user = connection.user
        connections = self._users.get(user) if user is not None else None
        if user is not None and connections is not None:
            connections.discard(connection)
            if not connections:
                del self._users[user]

    def _expire_history(self) -> None:
        self._history.expire()
        self._wheel.after(self.settings.history_cache_s, self._expire_history)
