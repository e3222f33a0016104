"""The stand-alone server, put together: one ASGI application, started and stopped by its host."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from realtime.clock import Clock, SystemClock
from realtime.errors import HistoryUnavailable, NotAvailable
from realtime.metrics import Metrics
from realtime.node import RealtimeServer
from realtime.ports import Identity
from realtime.publication import HistorySlice
from realtime.settings import RealtimeSettings
from realtime.standalone.api import HttpApiApp
from realtime.standalone.api_methods import Methods
from realtime.standalone.authenticator import TokenAuthenticator
from realtime.standalone.channels import ChannelRules
from realtime.standalone.engine import engine
from realtime.standalone.options import StandaloneOptions
from realtime.standalone.policy import NamespacePolicy
from realtime.standalone.tokens import TokenVerifier
from realtime.transport.origin import allow_origins

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

# One process has nobody to hand its clients to in an orderly way: long enough not to be a wave.
_DRAIN_S: Final = 1.0


class NoRpc:
    """Nobody answers calls here: there is no back end behind this server."""

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        raise NotAvailable("there is no back end behind this server")

    async def message(self, identity: Identity, data: bytes) -> None:
        """What is sent to nobody is dropped."""


class NoJournal:
    """All streams are the broker's; there is no journal behind it."""

    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        raise HistoryUnavailable(channel)


class StandaloneServer:
    """`app` is the ASGI application. `start` before the first request; `stop` at the end."""

    def __init__(
        self,
        options: StandaloneOptions,
        clock: Clock | None = None,
        exposition: Callable[[Metrics], bytes] | None = None,
    ) -> None:
        """`exposition` makes the body of the metrics page, where that is switched on.

        Raises ValueError for token keys that are none.
        """
        clock = clock or SystemClock()
        client = options.client
        rules = ChannelRules(options.channel)
        verifier = TokenVerifier(client.token)
        separate = client.subscription_token
        of_channels = TokenVerifier(separate) if separate.enabled else verifier
        self._engine = engine(options.engine, clock)
        self._options = options
        self._exposition = exposition
        self.realtime = RealtimeServer(
            TokenAuthenticator(client, rules, verifier, clock),
            NamespacePolicy(rules, of_channels, clock, client.insecure),
            NoRpc(),
            self._engine.broker,
            NoJournal(),
            settings_of(options),
            clock,
            allow_origins(client.allowed_origins or ("*",) * client.insecure),
            presence=self._engine.presence,
            control=self._engine.control,
            keyed=self._engine.keyed,
            name=options.node.name,
        )
        methods = Methods(self.realtime, rules, options.channel.max_length)
        self._api = HttpApiApp(options.http_api, methods)
        self._routes = self._routed()

    async def start(self) -> None:
        await self.realtime.start()

    async def stop(self) -> None:
        """Send the clients elsewhere, and end."""
        await self.realtime.drain(min(self._options.shutdown.timeout, _DRAIN_S))
        await self.realtime.stop()
        await self._engine.close()

    def _routed(self) -> Mapping[str, App]:
        options, realtime = self._options, self.realtime
        routes: dict[str, App] = {}
        if not options.websocket.disabled:
            routes[options.websocket.handler_prefix] = realtime.app
        if options.http_stream.enabled:
            routes[options.http_stream.handler_prefix] = realtime.http_stream_app
        if options.sse.enabled:
            routes[options.sse.handler_prefix] = realtime.sse_app
        if options.http_stream.enabled or options.sse.enabled:
            routes[options.emulation.handler_prefix] = realtime.emulation_app
        if options.health.enabled:
            routes[options.health.handler_prefix] = _healthy
        if options.prometheus.enabled and self._exposition is not None:
            routes[options.prometheus.handler_prefix] = self._metrics
        return routes

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._exposition is not None
        body = self._exposition(self.realtime.metrics)
        await _answer(send, 200, body, b"text/plain; version=0.0.4; charset=utf-8")

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route by exact path; the API by its prefix."""
        if scope["type"] == "lifespan":
            return
        path = scope["path"].rstrip("/") or "/"
        route = self._routes.get(path)
        if route is not None:
            await route(scope, receive, send)
        elif not self._options.http_api.disabled and path.startswith(
            self._options.http_api.handler_prefix + "/"
        ):
            await self._api(dict(scope), receive, send)
        elif scope["type"] == "http":
            await _answer(send, 404, b"not found\n")
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403


def settings_of(options: StandaloneOptions) -> RealtimeSettings:
    """The realtime server's settings by these options."""
    client = options.client
    return RealtimeSettings(
        ping_interval_s=int(client.ping_interval),
        pong_timeout_s=client.pong_timeout,
        connect_timeout_s=client.stale_close_delay,
        expired_close_delay_s=client.expired_close_delay,
        max_message_bytes=options.websocket.message_size_limit,
        max_channels=client.channel_limit,
        max_channel_length=options.channel.max_length,
        queue_bytes=client.queue_max_size,
        queue_hard_bytes=4 * client.queue_max_size,
        position_check_interval_s=client.channel_position_check_delay,
        expired_subscription_delay_s=client.expired_sub_close_delay,
        max_connections=client.connection_limit,
        max_connections_per_user=client.user_connection_limit,
        history_limit=client.history_max_publication_limit,
        recovery_limit=client.recovery_max_publication_limit,
        allowed_origins=client.allowed_origins,
        include_server_time=client.connect_include_server_time,
    )


async def _healthy(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, 200, b"{}", b"application/json")


async def _answer(
    send: Send, status: int, body: bytes, content_type: bytes = b"text/plain"
) -> None:
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
