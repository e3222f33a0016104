"""The shell around a session: it performs effects, and hands it what came of them.

What takes time is a task of its own, one function an effect: `admission.py`, `joining.py`,
`reading.py`, `submission.py`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

from realtime import codes
from realtime.codes import Disconnect, Unsubscribe
from realtime.maps.keyed_submission import remove_own_key
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.codec import Codec
from realtime.protocol.messages import Error
from realtime.publication import Peer, StreamPosition
from realtime.session import admission, joining, reading, submission
from realtime.session.effect import (
    Arrive,
    Authenticate,
    Call,
    Close,
    Effect,
    HandOver,
    Join,
    Leave,
    Publish,
    ReadHistory,
    ReadPresence,
    ReadPresenceStats,
    Refresh,
    RefreshSubscription,
    Send,
)
from realtime.session.services import Services
from realtime.session.session import Session
from realtime.transport.message import Message
from realtime.transport.outbox import Outbox, Transport
from realtime.transport.outbox_message import MessageOutbox
from realtime.transport.outbox_socket import RawSocket, SocketOutbox
from realtime.wheel import Timer

_WORK: Final[Mapping[type[Effect], Callable[[Connection, Any], Coroutine[Any, Any, None]]]] = {
    Authenticate: admission.authenticate,
    Refresh: admission.refresh,
    RefreshSubscription: joining.refresh,
    Publish: submission.publish,
    Call: submission.call,
    HandOver: submission.hand_over,
    ReadHistory: reading.history,
    ReadPresence: reading.presence,
    ReadPresenceStats: reading.presence_stats,
}


class Connection:
    """`client`: the id of this connection; `session_id`: its secret name, of emulated ones only.

    `address`: where it comes from, "" where that is not known. `on_connected` and `on_closed` tell
    the node, which keeps the register; the former may still refuse.
    """

    __slots__ = (
        "__weakref__",
        "_armed",
        "_ended",
        "_held",
        "_identity",
        "_joins",
        "_on_closed",
        "_on_connected",
        "_outbox",
        "_timer",
        "_transport",
        "address",
        "codec",
        "deliver",
        "services",
        "session",
        "session_id",
    )

    def __init__(
        self,
        codec: Codec,
        transport: Transport | RawSocket,
        services: Services,
        on_connected: Callable[[Connection], Disconnect | None],
        on_closed: Callable[[Connection], None],
        address: str = "",
        emulated: bool = False,
    ) -> None:
        self.codec = codec
        self.services = services
        self.address = address
        self.session_id = str(uuid.uuid4()) if emulated else ""
        self._transport = transport
        self._on_connected = on_connected
        self._on_closed = on_closed
        now = services.clock.monotonic()
        self.session = Session(str(uuid.uuid4()), codec, services.settings, now)
        self._outbox = self._make_outbox()
        self.deliver: Callable[[Message], None] = self._outbox.deliver
        """Queue a message of a channel. An attribute, for it is called for each delivery."""
        self._held: list[Message] = []
        self._identity: Identity | None = None
        self._joins: dict[str, asyncio.Task[None]] = {}
        self._timer: Timer | None = None
        self._armed = 0.0
        self._ended = False
        services.metrics.connections += 1
        self._arm()

    def _make_outbox(self) -> Outbox:
        services, socket = self.services, self._transport
        shared = services.settings, services.wheel, services.metrics
        if isinstance(socket, RawSocket):
            return SocketOutbox(
                socket,
                self.codec,
                *shared,
                services.turn,
                on_slow=self._slow,
                on_broken=self.gone,
            )
        return MessageOutbox(socket, self.codec, *shared, on_slow=self._slow, on_broken=self.gone)

    @property
    def client(self) -> str:
        return self.session.client

    @property
    def identity(self) -> Identity:
        """Whom it belongs to; only of a connection that is connected."""
        assert self._identity is not None
        return self._identity

    @property
    def user(self) -> str | None:
        """Whose it is; None before it is connected."""
        return self._identity.user if self._identity is not None else None

    @property
    def token_id(self) -> str:
        """The name of the token it came with, or was refreshed by."""
        return self._identity.token_id if self._identity is not None else ""

    def peer(self, chan_info: bytes = b"") -> Peer:
        """The client as others see it."""
        return Peer(self.identity.user, self.client, self.identity.conn_info, chan_info)

    # From the socket.

    def receive(self, message: bytes) -> None:
        """A message came in."""
        self.services.metrics.messages_in += 1
        self.services.metrics.bytes_in += len(message)
        self.perform(self.session.receive(message, self.services.clock.monotonic()))

    def gone(self) -> None:
        """The socket is no more."""
        self.perform(self.session.gone())
        self._end()
        self._outbox.discard()

    # From the hub and the node (see channel.Subscriber).

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        self.perform(self.session.unsubscribed(channel, why))

    def close(self, why: Disconnect) -> None:
        self.perform(self.session.close(why))

    def message(self, data: bytes) -> None:
        """Push a payload that belongs to no channel. Raises UnencodablePayload."""
        self.perform(self.session.message(self.codec.payload(data)))

    def subscribe(
        self, channel: str, options: SubscribeOptions, since: StreamPosition | None = None
    ) -> None:
        """Begin one of the server's subscriptions; a push tells the client when it is there."""
        offset = since.offset if since is not None else None
        epoch = since.epoch if since is not None else ""
        self.perform(self.session.subscribe(channel, options, offset, epoch))

    def leave(self, channel: str, why: Unsubscribe) -> bool:
        """End a subscription, or an attempt at one, from the server's side."""
        known = channel in self.session.channels
        self.unsubscribed(channel, why)
        return known

    def prolong(self, expires_at: float | None) -> None:
        """Until when it stands (seconds since the Unix epoch), by the server's decision."""
        ttl_s = self.ttl_s(expires_at)
        if ttl_s is not None and ttl_s <= 0:
            self.close(codes.DISCONNECT_EXPIRED)
            return
        self.perform(self.session.prolonged(ttl_s, self.services.clock.monotonic()))
        self._arm()

    # For the work that effects ask for.

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._outbox.put(effect.frame)
            elif isinstance(effect, Close):
                self._end()
                self._spawn(self._say_goodbye(effect.why))
            elif isinstance(effect, Join):
                self._joins[effect.request.channel] = self._spawn(self._join(effect))
            elif isinstance(effect, Leave):
                self._leave(effect)
            elif isinstance(effect, Arrive):
                peer = self.peer(effect.options.chan_info)
                self.services.attendance.arrive(effect.channel, peer, effect.options)
                self._arm()
            else:
                self._spawn(_WORK[type(effect)](self, effect))

    def refuse(self, id_: int, why: Error | Disconnect) -> None:
        """A piece of work failed."""
        if isinstance(why, Disconnect):
            self.close(why)
        else:
            self.perform(self.session.refused(id_, why))

    def admit(self, identity: Identity) -> Disconnect | None:
        """It belongs to this identity from now on, unless the node says why not."""
        self._identity = identity
        return None if self._ended else self._on_connected(self)

    def renew(self, identity: Identity) -> None:
        """The same user, by a new token."""
        self._identity = identity
        self._arm()

    def hold(self) -> None:
        """Keep what channels deliver until `release`: the connect reply has to come first."""
        self._held = []
        self.deliver = self._held.append

    def release(self) -> None:
        held, self._held = self._held, []
        self.deliver = self._outbox.deliver
        for message in held:
            self._outbox.deliver(message)
        self._arm()

    def ttl_s(self, expires_at: float | None) -> float | None:
        """How long until then; None for never."""
        return None if expires_at is None else expires_at - self.services.clock.now()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.services.tasks.add(task)
        task.add_done_callback(self.services.tasks.discard)
        return task

    async def _join(self, effect: Join) -> None:
        channel = effect.request.channel
        try:
            await joining.join(self, effect)
        finally:
            if self._joins.get(channel) is asyncio.current_task():
                del self._joins[channel]

    def _leave(self, effect: Leave) -> None:
        join = self._joins.pop(effect.channel, None)
        if join is not None and join is not asyncio.current_task():
            join.cancel()
        self.services.hub.unsubscribe(self, effect.channel)
        if effect.options is not None:
            peer = self.peer(effect.options.chan_info)
            self.services.attendance.leave(effect.channel, peer, effect.options)
            keyed = effect.options.keyed
            if keyed is not None and keyed.remove_on_leave:
                self._spawn(remove_own_key(self, effect.channel, keyed.retention))

    def _end(self) -> None:
        """Stop taking part. Calls of the application run to their end: they may have been made."""
        if self._ended:
            return
        self._ended = True
        self.services.metrics.connections -= 1
        if self._timer is not None:
            self._timer.cancel()
        self._on_closed(self)

    async def _say_goodbye(self, why: Disconnect) -> None:
        """Write what is queued, then the close frame; within a time, for the peer may not read."""
        try:
            async with asyncio.timeout(self.services.settings.close_timeout_s):
                await self._outbox.drain()
                await self._transport.close(why)
        except (TimeoutError, OSError):
            self._transport.abort()
        finally:
            self._outbox.discard()

    def _slow(self) -> None:
        self.services.metrics.slow_disconnects += 1
        self._outbox.discard()
        self.close(codes.DISCONNECT_SLOW)

    def _arm(self) -> None:
        """Be called back when the session's next deadline comes; a later one finds itself then."""
        deadline = self.session.deadline
        if self._ended or (self._timer is not None and deadline >= self._armed):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        delay = max(0.0, deadline - self.services.clock.monotonic())
        self._timer = self.services.wheel.after(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.perform(self.session.tick(self.services.clock.monotonic()))
        self._arm()
