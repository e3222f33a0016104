"""The shell around a session: it performs effects, and is where errors become codes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from realtime import codes
from realtime.broker import Publisher
from realtime.clock import Clock
from realtime.codec import Codec
from realtime.codes import ClientError, Disconnect, Unsubscribe
from realtime.effect import (
    Authenticate,
    Call,
    Close,
    Effect,
    Join,
    Leave,
    Publish,
    ReadHistory,
    Refresh,
    Send,
)
from realtime.errors import (
    BrokerUnavailable,
    HistoryUnavailable,
    InvalidToken,
    NotAuthenticated,
    PermissionDenied,
    RpcError,
    TokenExpired,
    UnencodablePayload,
    UnknownChannel,
    UnrecoverablePosition,
)
from realtime.history import HistoryReader
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.outbox import Outbox, Transport
from realtime.ports import Authenticator, ChannelPolicy, Identity, RpcHandler
from realtime.protocol import (
    EMPTY,
    NO_DATA,
    Error,
    HistoryResult,
    PublicationMessage,
    Reply,
    RpcResult,
)
from realtime.session import Session, wire
from realtime.settings import RealtimeSettings
from realtime.wheel import Timer, TimerWheel

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What all connections of a node share."""

    authenticator: Authenticator
    policy: ChannelPolicy
    rpc: RpcHandler
    broker: Publisher
    history: HistoryReader
    hub: Hub
    settings: RealtimeSettings
    clock: Clock
    wheel: TimerWheel
    metrics: Metrics
    tasks: set[asyncio.Task[None]]
    """What runs for connections, also after their end: calls of the application, good-byes."""


_ERRORS: tuple[tuple[type[Exception], ClientError], ...] = (
    (PermissionDenied, codes.ERROR_PERMISSION_DENIED),
    (UnknownChannel, codes.ERROR_UNKNOWN_CHANNEL),
    (UnrecoverablePosition, codes.ERROR_UNRECOVERABLE_POSITION),
    (NotAuthenticated, codes.ERROR_UNAUTHORIZED),
    (TokenExpired, codes.ERROR_TOKEN_EXPIRED),
    (BrokerUnavailable, codes.ERROR_INTERNAL),
    (HistoryUnavailable, codes.ERROR_INTERNAL),
    (TimeoutError, codes.ERROR_INTERNAL),
)


def _error_of(error: Exception, doing: str) -> Error:
    """How an exception travels. What nobody foresaw is logged, and a temporary internal error."""
    if isinstance(error, RpcError):
        return Error(error.code, error.message, error.temporary)
    for kind, code in _ERRORS:
        if isinstance(error, kind):
            return wire(code)
    log.error("%s failed", doing, exc_info=error)
    return wire(codes.ERROR_INTERNAL)


class Connection:
    """`on_connected` and `on_closed` tell the node, which keeps the register."""

    __slots__ = (
        "__weakref__",
        "_armed",
        "_ended",
        "_identity",
        "_joins",
        "_on_closed",
        "_on_connected",
        "_outbox",
        "_services",
        "_session",
        "_timer",
        "_transport",
        "codec",
    )

    def __init__(
        self,
        client: str,
        codec: Codec,
        transport: Transport,
        services: Services,
        on_connected: Callable[[Connection], None],
        on_closed: Callable[[Connection], None],
    ) -> None:
        self.codec = codec
        self._services = services
        self._transport = transport
        self._on_connected = on_connected
        self._on_closed = on_closed
        self._session = Session(client, codec, services.settings, services.clock.monotonic())
        self._outbox = Outbox(
            transport,
            codec,
            services.settings,
            services.wheel,
            services.metrics,
            on_slow=self._slow,
            on_broken=self.gone,
        )
        self._identity: Identity | None = None
        self._joins: dict[str, asyncio.Task[None]] = {}
        self._timer: Timer | None = None
        self._armed = 0.0
        self._ended = False
        services.metrics.connections += 1
        self._arm()

    @property
    def client(self) -> str:
        """The id of this connection."""
        return self._session.client

    @property
    def identity(self) -> Identity:
        """Whom it belongs to; only of a connection that is connected."""
        assert self._identity is not None
        return self._identity

    @property
    def user(self) -> str | None:
        """Whose it is; None before it is connected."""
        return self._identity.user if self._identity is not None else None

    # From the socket.

    def receive(self, message: bytes) -> None:
        """A message came in."""
        self._services.metrics.messages_in += 1
        self._perform(self._session.receive(message))

    def gone(self) -> None:
        """The socket is no more."""
        self._session.close(codes.DISCONNECT_CONNECTION_CLOSED)
        self._end()
        self._outbox.discard()

    # From the hub and the node (see channel.Subscriber).

    def push(self, frame: bytes) -> None:
        self._outbox.put(frame)

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        self._perform(self._session.unsubscribed(channel, why))

    def close(self, why: Disconnect) -> None:
        self._perform(self._session.close(why))

    def message(self, data: bytes) -> None:
        """Push a JSON payload that belongs to no channel."""
        self._perform(self._session.message(self.codec.payload(data)))

    def leave(self, channel: str, why: Unsubscribe) -> bool:
        """End a subscription, or an attempt at one, from the server's side."""
        known = channel in self._session.channels
        self._leave(channel)
        self._perform(self._session.unsubscribed(channel, why))
        return known

    # Effects.

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._outbox.put(effect.frame)
            elif isinstance(effect, Close):
                self._end()
                self._spawn(self._say_goodbye(effect.why))
            elif isinstance(effect, Join):
                self._joins[effect.request.channel] = self._spawn(self._join(effect))
            elif isinstance(effect, Leave):
                self._leave(effect.channel)
            elif isinstance(effect, Call):
                self._spawn(self._call(effect))
            elif isinstance(effect, Publish):
                self._spawn(self._publish(effect))
            elif isinstance(effect, ReadHistory):
                self._spawn(self._read_history(effect))
            elif isinstance(effect, Authenticate):
                self._spawn(self._authenticate(effect))
            else:
                self._spawn(self._refresh(effect))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._services.tasks.add(task)
        task.add_done_callback(self._services.tasks.discard)
        return task

    def _leave(self, channel: str) -> None:
        join = self._joins.pop(channel, None)
        if join is not None:
            join.cancel()
        self._services.hub.unsubscribe(self, channel)

    def _end(self) -> None:
        """Stop taking part. Calls of the application run to their end: they may have been made."""
        if self._ended:
            return
        self._ended = True
        self._services.metrics.connections -= 1
        for channel in list(self._session.channels):
            self._leave(channel)
        self._session.channels.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._on_closed(self)

    async def _say_goodbye(self, why: Disconnect) -> None:
        """Write what is queued, then the close frame; within a time, for the peer may not read."""
        try:
            async with asyncio.timeout(self._services.settings.close_timeout_s):
                await self._outbox.drain()
                await self._transport.close(why)
        except (TimeoutError, OSError):
            self._transport.abort()
        finally:
            self._outbox.discard()

    def _slow(self) -> None:
        self._services.metrics.slow_disconnects += 1
        self._outbox.discard()
        self.close(codes.DISCONNECT_SLOW)

    def _arm(self) -> None:
        """Be called back when the session's next deadline comes; a later one finds itself then."""
        deadline = self._session.deadline
        if self._ended or (self._timer is not None and deadline >= self._armed):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        delay = max(0.0, deadline - self._services.clock.monotonic())
        self._timer = self._services.wheel.after(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._session.tick(self._services.clock.monotonic()))
        self._arm()

    async def _authenticate(self, effect: Authenticate) -> None:
        found = await self._identify(effect.token, bytes(effect.data) or None)
        if isinstance(found, Disconnect):
            self.close(found)
            return
        if isinstance(found, ClientError):
            self._perform(self._session.connect_refused(effect.id, found))
            return
        identity, ttl_s, data = found
        self._identity = identity
        if not self._ended:
            self._on_connected(self)
        settings, clock = self._services.settings, self._services.clock
        # Spread over half an interval, for thousands may have come back in the same second.
        first_ping_s = settings.ping_interval_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._perform(
            self._session.connected(effect.id, ttl_s, data, clock.monotonic(), first_ping_s)
        )
        self._arm()

    async def _refresh(self, effect: Refresh) -> None:
        found = await self._identify(effect.token, None)
        if isinstance(found, tuple) and found[0].user != self.identity.user:
            found = codes.DISCONNECT_INVALID_TOKEN  # a connection never changes hands
        if isinstance(found, Disconnect):
            self.close(found)
        elif isinstance(found, ClientError):
            self._perform(self._session.refused(effect.id, wire(found)))
        else:
            self._identity, ttl_s, _ = found
            now = self._services.clock.monotonic()
            self._perform(self._session.refreshed(effect.id, ttl_s, now))
            self._arm()

    async def _identify(
        self, token: str, data: bytes | None
    ) -> tuple[Identity, float | None, Raw] | ClientError | Disconnect:
        """The identity, for how long (seconds), and the payload of the connect reply."""
        try:
            async with asyncio.timeout(self._services.settings.operation_timeout_s):
                identity = await self._services.authenticator.authenticate(token, data)
            payload = NO_DATA if identity.data is None else self.codec.payload(identity.data)
        except InvalidToken:
            return codes.DISCONNECT_INVALID_TOKEN
        except NotAuthenticated:
            return codes.ERROR_UNAUTHORIZED
        except TokenExpired:
            return codes.ERROR_TOKEN_EXPIRED
        except Exception:
            log.exception("authentication failed")
            return codes.ERROR_INTERNAL
        if identity.expires_at is None:
            return identity, None, payload
        ttl_s = identity.expires_at - self._services.clock.now()
        return (identity, ttl_s, payload) if ttl_s > 0 else codes.ERROR_TOKEN_EXPIRED

    async def _join(self, effect: Join) -> None:
        channel = effect.request.channel
        try:
            async with asyncio.timeout(self._services.settings.operation_timeout_s):
                result = await self._services.hub.subscribe(self, effect.request)
            # No await from here on: the reply is queued before any push can be.
            self._perform(self._session.subscribed(effect.id, channel, result))
        except UnencodablePayload:
            log.exception("what %r holds is not fit for its reader's format", channel)
            self.close(codes.DISCONNECT_INAPPROPRIATE_PROTOCOL)
        except Exception as error:
            refused = _error_of(error, f"subscribing to {channel!r}")
            self._perform(self._session.subscribe_refused(effect.id, channel, refused))
        finally:
            if self._joins.get(channel) is asyncio.current_task():
                del self._joins[channel]

    async def _call(self, effect: Call) -> None:
        try:
            answer = await self._services.rpc.rpc(self.identity, effect.method, bytes(effect.data))
            data = self.codec.payload(answer) if answer else NO_DATA
        except Exception as error:
            refused = _error_of(error, f"the call {effect.method!r}")
            self._perform(self._session.refused(effect.id, refused))
        else:
            self._perform(self._session.finished(Reply(effect.id, rpc=RpcResult(data))))

    async def _publish(self, effect: Publish) -> None:
        data = bytes(effect.data)
        try:
            publication = await self._services.policy.publish(self.identity, effect.channel, data)
            if publication.delivery == "fact":
                raise PermissionDenied("facts come from the journal alone")
            await self._services.broker.publish([publication])
        except Exception as error:
            refused = _error_of(error, f"publishing to {effect.channel!r}")
            self._perform(self._session.refused(effect.id, refused))
        else:
            self._perform(self._session.finished(Reply(effect.id, publish=EMPTY)))

    async def _read_history(self, effect: ReadHistory) -> None:
        request = effect.request
        if not self._services.hub.keeps_history(request.channel):
            self._perform(self._session.refused(effect.id, wire(codes.ERROR_NOT_AVAILABLE)))
            return
        limit = request.limit if request.limit >= 0 else self._services.settings.recovery_limit
        since = request.since
        try:
            found = await self._services.history.page(
                request.channel, since.offset if since else 0, limit
            )
            if since is not None and since.epoch not in ("", found.epoch):
                raise UnrecoverablePosition(request.channel)
            publications = tuple(
                PublicationMessage(self.codec.payload(one.data), one.offset)
                for one in found.publications
            )
        except Exception as error:
            refused = _error_of(error, f"reading the history of {request.channel!r}")
            self._perform(self._session.refused(effect.id, refused))
        else:
            result = HistoryResult(publications, found.epoch, found.top_offset)
            self._perform(self._session.finished(Reply(effect.id, history=result)))
