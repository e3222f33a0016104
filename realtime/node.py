"""The composition: one server of realtime connections, to be started and stopped by its host."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Mapping, Sequence

from realtime import codes
from realtime.broker.broker import Broker
from realtime.clock import Clock, SystemClock
from realtime.codes import Disconnect, Unsubscribe
from realtime.errors import NotAvailable
from realtime.history.archive import Archive
from realtime.history.reader import HistoryReader
from realtime.hub.hub import Hub
from realtime.hub.turn import Turn
from realtime.maps.keyed import (
    KeyedChange,
    KeyedOutcome,
    KeyedSlice,
    KeyedStore,
)
from realtime.maps.keyed_submission import change_key
from realtime.metrics import Metrics
from realtime.nodes import orders
from realtime.nodes.control import (
    ControlBus,
    DisconnectOrder,
    Emulated,
    MessageOrder,
    NodeInfo,
    Order,
    RefreshOrder,
    SubscribeOrder,
    Target,
    UnsubscribeOrder,
)
from realtime.nodes.nodes import Nodes
from realtime.nodes.register import Register
from realtime.ports import (
    Authenticator,
    ChannelPolicy,
    HistorySource,
    RpcHandler,
    SubscribeOptions,
)
from realtime.presence.attendance import Attendance
from realtime.presence.presence import Presence, PresenceStats
from realtime.protocol.codec import Codec
from realtime.publication import (
    Append,
    HistorySlice,
    Peer,
    Publication,
    Retention,
    StreamPosition,
)
from realtime.session.connection import Connection
from realtime.session.services import Services
from realtime.settings import RealtimeSettings
from realtime.transport.asgi import WebSocketApp
from realtime.transport.emulation import EmulationApp
from realtime.transport.http_stream import HttpStreamApp
from realtime.transport.origin import OriginCheck, allow_origins
from realtime.transport.outbox import Transport
from realtime.transport.outbox_socket import RawSocket
from realtime.transport.sse import SseApp
from realtime.wheel import TimerWheel


class RealtimeServer:
    """`app` is the ASGI application for the WebSocket route, `http_stream_app` and `sse_app` are
    those for networks that break WebSockets, with `emulation_app` for the way there. One event
    loop, which also starts it.

    `start` before the first connection, `drain` and then `stop` at the end. Without `control` its
    orders reach the connections of this node only; without `presence` nobody is told who is where;
    without `keyed` there are no maps.
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
        presence: Presence | None = None,
        control: ControlBus | None = None,
        name: str = "",
        keyed: KeyedStore | None = None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.settings = settings or RealtimeSettings()
        self.metrics = Metrics()
        self._name = name or self.id
        self._open = False
        self._clock = clock or SystemClock()
        self._started_at = self._clock.monotonic()
        self._broker = broker
        self._presence = presence
        self._wheel = TimerWheel(self._clock, self.settings.wheel_tick_s)
        self._history = HistoryReader(broker, history, self.settings, self._clock, self.metrics)
        self._archive = Archive(broker, self._history)
        turn = Turn(self.metrics)
        self._hub = Hub(
            broker,
            self._history,
            policy,
            self.settings,
            self._clock,
            self._wheel,
            self.metrics,
            turn,
            keyed,
        )
        self._attendance = Attendance(presence, broker, self.settings, self._wheel)
        self._services = Services(
            node=self.id,
            authenticator=authenticator,
            policy=policy,
            rpc=rpc,
            broker=broker,
            presence=presence,
            attendance=self._attendance,
            archive=self._archive,
            hub=self._hub,
            keyed=keyed,
            settings=self.settings,
            clock=self._clock,
            wheel=self._wheel,
            turn=turn,
            metrics=self.metrics,
            tasks=set(),
        )
        self._register = Register(self.settings)
        self._nodes = Nodes(
            self.id,
            control,
            self.settings,
            self._clock,
            self._wheel,
            self._describe,
            self._hub.counts,
            self._carry_out,
            self._emulated,
        )
        self.check_origin = check_origin or allow_origins(self.settings.allowed_origins)
        self.app = WebSocketApp(self, self.check_origin)
        self.http_stream_app = HttpStreamApp(self, self.check_origin)
        self.sse_app = SseApp(self, self.check_origin)
        self.emulation_app = EmulationApp(self, self.check_origin)
        self._turning: asyncio.Task[None] | None = None

    # Its life.

    @property
    def accepting(self) -> bool:
        """Whether a new connection is welcome."""
        limit = self.settings.max_connections
        return self._open and not (limit and len(self._register) >= limit)

    async def start(self) -> None:
        """Connect to the broker and accept connections."""
        self._turning = asyncio.create_task(self._wheel.run(), name="realtime-wheel")
        self._expire_history()
        self._attendance.start()
        await self._hub.start()
        await self._nodes.start()
        self._open = True

    async def drain(self, over_s: float | None = None) -> None:
        """Accept no more, and send all clients elsewhere, evenly spread over a time (that of the
        settings) and in no order, so that neither old nor new ones come back in a wave.
        """
        self._open = False
        over_s = self.settings.drain_s if over_s is None else over_s
        waiting = list(self._register)
        random.shuffle(waiting)
        for number, connection in enumerate(waiting):
            connection.close(codes.DISCONNECT_SHUTDOWN)
            if number + 1 < len(waiting):
                await self._clock.sleep(over_s / len(waiting))

    async def stop(self, timeout_s: float = 5.0) -> None:
        """End everything. Calls of the application under way get `timeout_s` to finish."""
        self._open = False
        for connection in self._register:
            connection.close(codes.DISCONNECT_SHUTDOWN)
        if self._services.tasks:
            _, late = await asyncio.wait(self._services.tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._attendance.stop()
        await self._nodes.stop()
        await self._hub.stop()
        await self._history.stop()
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)

    # Channels.

    async def publish(self, batch: Sequence[Publication]) -> None:
        """To the subscribers of every node. Raises BrokerUnavailable."""
        await self._broker.publish(batch)

    async def append(self, append: Append) -> StreamPosition:
        """The same, behind the newest of a stream that the broker counts."""
        return await self._broker.append(append)

    async def history(
        self,
        channel: str,
        retention: Retention | None,
        since: StreamPosition | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> HistorySlice:
        """See `Archive.page`; a negative `limit` is as many as one reply may have."""
        most = self.settings.history_limit
        limit = limit if 0 <= limit <= most else most
        return await self._archive.page(channel, retention, since, limit, reverse)

    async def clear_history(self, channel: str) -> None:
        """Drop what a stream of the broker's holds. Raises BrokerUnavailable."""
        await self._broker.clear(channel)

    async def publish_keyed(self, change: KeyedChange) -> KeyedOutcome:
        """Set or remove a key of a map. Raises NotAvailable, LimitExceeded, BrokerUnavailable."""
        return await change_key(self._services.keyed, change)

    async def read_keyed(self, channel: str, since: int = 0, limit: int = 100) -> KeyedSlice:
        """A page of a map's log, ascending by offset, removals among it: see `KeyedStore.changes`.

        Raises NotAvailable, BrokerUnavailable.
        """
        return await self._told_keyed().changes(channel, since, limit)

    async def clear_keyed(self, channel: str) -> None:
        """Empty a map. Raises NotAvailable, BrokerUnavailable."""
        await self._told_keyed().clear(channel)

    def _told_keyed(self) -> KeyedStore:
        if self._services.keyed is None:
            raise NotAvailable("there are no maps here")
        return self._services.keyed

    async def presence(self, channel: str) -> Mapping[str, Peer]:
        """Who is there, by client id. Raises NotAvailable, BrokerUnavailable."""
        return await (await self._told_presence()).clients(channel)

    async def presence_stats(self, channel: str) -> PresenceStats:
        """How many are there. Raises NotAvailable, BrokerUnavailable."""
        return await (await self._told_presence()).stats(channel)

    async def channels(self, pattern: str = "") -> dict[str, int]:
        """The channels that somebody is on, on all nodes, with how many clients each has.

        `pattern`: a glob such as "chat:*". Raises BrokerUnavailable.
        """
        return await self._nodes.channels(pattern)

    # Connections, on all nodes. Each returns how many of this node's it concerned, and raises
    # BrokerUnavailable when the others could not be told: this node has obeyed even then.

    async def subscribe(
        self,
        target: Target,
        channel: str,
        options: SubscribeOptions,
        since: StreamPosition | None = None,
    ) -> int:
        """Subscribe clients to a channel, recovering `since` a position if one is given."""
        return await self._give(SubscribeOrder(target, channel, options, since))

    async def unsubscribe(
        self, target: Target, channel: str = "", why: Unsubscribe = codes.UNSUBSCRIBE_SERVER
    ) -> int:
        """End subscriptions to a channel, or with "" to all."""
        return await self._give(UnsubscribeOrder(target, channel, why.code, why.reason))

    async def disconnect(
        self, target: Target, why: Disconnect = codes.DISCONNECT_FORCE_NO_RECONNECT
    ) -> int:
        return await self._give(DisconnectOrder(target, why.code, why.reason))

    async def refresh(
        self, target: Target, expires_at: float | None = None, expired: bool = False
    ) -> int:
        """Prolong connections (seconds since the Unix epoch, None: for ever), or expire them."""
        return await self._give(RefreshOrder(target, expires_at, expired))

    async def message(self, target: Target, data: bytes) -> int:
        """Push a payload that belongs to no channel."""
        return await self._give(MessageOrder(target, data))

    async def info(self) -> tuple[NodeInfo, ...]:
        """The nodes that are there, this one first."""
        return self._nodes.known()

    # For transports.

    def open(
        self,
        transport: Transport | RawSocket,
        codec: Codec,
        address: str = "",
        emulated: bool = False,
    ) -> Connection:
        """Begin a connection. `address`: where it comes from. `emulated`: its commands come on
        another way than this transport, by the session's name; see `emulate`.
        """
        connection = Connection(
            codec,
            transport,
            self._services,
            self._admit,
            self._register.closed,
            address,
            emulated,
        )
        over = self._register.opened(connection)
        if over is not None:
            connection.close(over)
        return connection

    def session(self, session_id: str) -> Connection | None:
        """An emulated connection of this node."""
        return self._register.session(session_id)

    async def emulate(self, node: str, session: str, data: bytes) -> bool:
        """Hand a client's message to its session, here or on another node; whether there is one.

        Another node is believed to have it. Raises BrokerUnavailable.
        """
        if node != self.id:
            if self._nodes.knows(node):
                await self._nodes.tell(Emulated(session, data, node))
                return True
            return False
        return self._emulated(Emulated(session, data, node))

    def _emulated(self, emulated: Emulated) -> bool:
        connection = self._register.session(emulated.session)
        if connection is not None:
            connection.receive(emulated.data)
        return connection is not None

    def _admit(self, connection: Connection) -> Disconnect | None:
        """Its user is known; why it cannot stay, if it cannot."""
        identity = connection.identity
        if identity.alone and identity.user:
            why = codes.DISCONNECT_CONNECTION_LIMIT
            others = Target(user=identity.user, except_clients=(connection.client,))
            order = DisconnectOrder(others, why.code, why.reason)
            self._carry_out(order)
            self._nodes.mention(order)
        return self._register.connected(connection)

    async def _give(self, order: Order) -> int:
        count = self._carry_out(order)
        await self._nodes.tell(order)
        return count

    def _carry_out(self, order: Order) -> int:
        return orders.carry_out(order, self._register)

    async def _told_presence(self) -> Presence:
        if self._presence is None:
            raise NotAvailable("nobody keeps presence here")
        await self._attendance.told()
        return self._presence

    def _describe(self) -> NodeInfo:
        return NodeInfo(
            self.id,
            self._name,
            self.settings.server_version,
            clients=len(self._register),
            users=self._register.users,
            subscriptions=self.metrics.subscriptions,
            channels=self.metrics.channels,
            uptime_s=int(self._clock.monotonic() - self._started_at),
        )

    def _expire_history(self) -> None:
        self._history.expire()
        self._wheel.after(self.settings.history_cache_s, self._expire_history)
