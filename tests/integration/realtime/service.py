"""A real server: our application under uvicorn, as production runs it, and official SDK clients."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import centrifuge
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime.broker.broker import Broker
from realtime.errors import BrokerUnavailable
from realtime.node import RealtimeServer
from realtime.settings import RealtimeSettings
from realtime.transport.websocket import WebSocket
from tests.integration.realtime.waiting import until
from tests.unit.realtime.application import Calls, Journal, Policy, Tokens
from web.websocket_protocol import http_protocol

PATH = "/connection/websocket"
HTTP_STREAM_PATH = "/connection/http_stream"
SSE_PATH = "/connection/sse"
EMULATION_PATH = "/emulation"


class Service:
    """One web worker, with raw sockets as in production or, for comparison, over plain ASGI.

    `cut` breaks every TCP connection, as a lost network does.
    """

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        settings: RealtimeSettings,
        raw: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._scheme = "ws" if tls is None else "wss"
        self.journal = journal
        self.policy = Policy()
        self.tokens = Tokens()
        self.calls = Calls()
        self.realtime = RealtimeServer(
            self.tokens, self.policy, self.calls, broker, journal, settings
        )
        self._apps: dict[str, Any] = {
            PATH: self.realtime.app,
            HTTP_STREAM_PATH: self.realtime.http_stream_app,
            SSE_PATH: self.realtime.sse_app,
            EMULATION_PATH: self.realtime.emulation_app,
        }
        self._config = uvicorn.Config(
            self._route,
            host="127.0.0.1",
            port=0,
            interface="asgi3",
            http=http_protocol(self.realtime, PATH) if raw else "httptools",
            ws="websockets-sansio",
            ws_ping_interval=None,  # the protocol has pings of its own
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
        self._uvicorn = uvicorn.Server(self._config)
        self._serving: asyncio.Task[None] | None = None

    async def _route(self, scope: Any, receive: Any, send: Any) -> None:
        await self._apps.get(scope["path"], self.realtime.app)(scope, receive, send)

    async def start(self) -> None:
        await self.realtime.start()
        self._serving = asyncio.create_task(self._uvicorn.serve())
        await until(lambda: self._uvicorn.started)
        assert self._config.ws_protocol_class is WebSocketsSansIOProtocol

    async def stop(self) -> None:
        await self.realtime.stop()
        self._uvicorn.should_exit = True
        if self._serving is not None:
            await self._serving

    @property
    def port(self) -> int:
        port: int = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}{PATH}"

    @property
    def sockets(self) -> list[WebSocket]:
        """The raw ones."""
        connections = self._uvicorn.server_state.connections
        return [one for one in connections if isinstance(one, WebSocket)]

    @property
    def http_connections(self) -> list[HttpToolsProtocol]:
        """Those that are not sockets."""
        connections = self._uvicorn.server_state.connections
        return [one for one in connections if isinstance(one, HttpToolsProtocol)]

    def cut(self) -> None:
        for connection in list(self._uvicorn.server_state.connections):
            if isinstance(connection, WebSocket):
                connection.abort()
            elif isinstance(connection, WebSocketsSansIOProtocol):
                connection.transport.abort()

    async def publish(self, channel: str, count: int = 1) -> None:
        """Commit and publish; an unreachable broker is no reason not to commit."""
        facts = [self.journal.append(channel) for _ in range(count)]
        with contextlib.suppress(BrokerUnavailable):
            await self.realtime.publish(facts)


@asynccontextmanager
async def serving(
    broker: Broker,
    journal: Journal | None = None,
    settings: RealtimeSettings | None = None,
    raw: bool = True,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Service]:
    service = Service(broker, journal or Journal(), settings or RealtimeSettings(), raw, tls)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


class Events(centrifuge.ClientEventHandler):  # type: ignore[misc]  # the SDK has no types
    def __init__(self) -> None:
        self.connected = 0
        self.connecting: list[tuple[int, str]] = []
        self.disconnected: list[tuple[int, str]] = []
        self.errors: list[Any] = []

    async def on_connected(self, ctx: Any) -> None:
        self.connected += 1

    async def on_connecting(self, ctx: Any) -> None:
        self.connecting.append((ctx.code, ctx.reason))

    async def on_disconnected(self, ctx: Any) -> None:
        self.disconnected.append((ctx.code, ctx.reason))

    async def on_error(self, ctx: Any) -> None:
        self.errors.append(ctx.error)


# The SDK has no types.
class SubscriptionEvents(centrifuge.SubscriptionEventHandler):  # type: ignore[misc]  # nor here
    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.data: list[Any] = []
        self.subscribed: list[Any] = []
        self.unsubscribed: list[tuple[int, str]] = []
        self.subscribing: list[tuple[int, str]] = []
        self.errors: list[Any] = []

    async def on_publication(self, ctx: Any) -> None:
        self.offsets.append(ctx.pub.offset)
        self.data.append(ctx.pub.data)

    async def reach(self, offset: int) -> None:
        """Wait until this fact has come."""
        await until(lambda: self.offsets and self.offsets[-1] == offset)

    async def on_subscribed(self, ctx: Any) -> None:
        self.subscribed.append(ctx)

    async def on_subscribing(self, ctx: Any) -> None:
        self.subscribing.append((ctx.code, ctx.reason))

    async def on_unsubscribed(self, ctx: Any) -> None:
        self.unsubscribed.append((ctx.code, ctx.reason))

    async def on_error(self, ctx: Any) -> None:
        self.errors.append(ctx.error)


class Device:
    """An SDK client with all that happened to it."""

    def __init__(self, url: str, token: str = "ann", **options: Any) -> None:
        self.events = Events()
        self.client = centrifuge.Client(
            url, self.events, token=token, max_reconnect_delay=0.2, proxy=None, **options
        )

    async def __aenter__(self) -> Device:
        await self.client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.disconnect()

    async def subscribe(self, channel: str, **options: Any) -> SubscriptionEvents:
        """Returns when it is subscribed."""
        events = SubscriptionEvents()
        subscription = self.client.new_subscription(
            channel, events, max_resubscribe_delay=0.2, **options
        )
        await subscription.subscribe()
        await subscription.ready()
        return events
