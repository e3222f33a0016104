"""The servers that B2 compares, each in a process of its own, all on uvloop, compression off.

`publish` hands one burst of payloads to the server's own way of sending to everybody, and returns
when that has returned. None of them is given a head start: what they do besides sending (history,
encoding, envelopes) is what their users get.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import uvicorn

from realtime.broker.broker_memory import MemoryBroker
from realtime.node import RealtimeServer
from realtime.ports import SubscribeOptions
from realtime.publication import Publication
from realtime.transport.websocket_frames import TEXT, frame
from tests.benchmarks.open_door import EPOCH, Nobody, OpenPolicy, TrustingAuthenticator
from web.websocket_protocol import http_protocol

CHANNEL: Final = "bench"
SOCKET_PATH: Final = "/connection/websocket"
Publish = Callable[[Sequence[bytes]], Awaitable[None]]


class Fan:
    """`port`: where it listens once it is started. `subscribers`: how many would get a burst."""

    port: int

    async def start(self) -> None:
        raise NotImplementedError

    @property
    def subscribers(self) -> int:
        raise NotImplementedError

    async def publish(self, burst: Sequence[bytes]) -> None:
        raise NotImplementedError


async def serve(app: Any, **options: Any) -> int:
    """An ASGI application under uvicorn, as our worker configures it; the port it listens on."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        interface="asgi3",
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        log_config=None,
        log_level="error",
        access_log=False,
        **{"http": "httptools", "ws": "websockets-sansio", "lifespan": "off", **options},
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    task.add_done_callback(lambda _: None)  # held by the server's process until it ends
    _running.append(task)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


_running: list[asyncio.Task[None]] = []


class MaxRay(Fan):
    """Facts with offsets on a recoverable channel, the hardest promise that is made."""

    def __init__(self) -> None:
        policy = OpenPolicy(SubscribeOptions("fact"))
        self._offset = 0
        self._server = RealtimeServer(
            TrustingAuthenticator(), policy, Nobody(), MemoryBroker(), Nobody()
        )

    async def start(self) -> None:
        await self._server.start()
        self.port = await serve(self._server.app, http=http_protocol(self._server, SOCKET_PATH))

    @property
    def subscribers(self) -> int:
        return self._server.metrics.subscriptions

    async def publish(self, burst: Sequence[bytes]) -> None:
        first = self._offset + 1
        self._offset += len(burst)
        await self._server.publish(
            [Publication(CHANNEL, data, first + n, EPOCH) for n, data in enumerate(burst)]
        )


class Channels(Fan):
    """Litestar's ChannelsPlugin with its in-memory backend and its own WebSocket handlers."""

    async def start(self) -> None:
        from litestar import Litestar
        from litestar.channels import ChannelsPlugin
        from litestar.channels.backends.memory import MemoryChannelsBackend

        self._plugin = ChannelsPlugin(
            MemoryChannelsBackend(), channels=[CHANNEL], create_ws_route_handlers=True
        )
        self.port = await serve(
            Litestar(plugins=[self._plugin], logging_config=None, openapi_config=None),
            lifespan="on",
        )

    @property
    def subscribers(self) -> int:
        return len(self._plugin._channels[CHANNEL])

    async def publish(self, burst: Sequence[bytes]) -> None:
        for data in burst:
            await self._plugin.wait_published(data, CHANNEL)


class PlainLoop(Fan):
    """What one writes first: an ASGI application that sends to each socket in turn."""

    def __init__(self) -> None:
        self._sends: set[Callable[[Any], Awaitable[None]]] = set()

    async def start(self) -> None:
        self.port = await serve(self._serve)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self._sends.add(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._sends.discard(send)

    @property
    def subscribers(self) -> int:
        return len(self._sends)

    async def publish(self, burst: Sequence[bytes]) -> None:
        for data in burst:
            text = data.decode()
            for send in list(self._sends):
                with contextlib.suppress(OSError):
                    await send({"type": "websocket.send", "text": text})


class SocketIo(Fan):
    """python-socketio's AsyncServer, emitting to a room over its WebSocket transport."""

    async def start(self) -> None:
        import socketio

        self._server = socketio.AsyncServer(
            async_mode="asgi", transports=["websocket"], http_compression=False
        )
        self._count = 0

        async def connect(sid: str, environ: Any, auth: Any = None) -> None:
            await self._server.enter_room(sid, CHANNEL)
            self._count += 1

        self._server.on("connect", connect)
        self.port = await serve(socketio.ASGIApp(self._server))

    @property
    def subscribers(self) -> int:
        return self._count

    async def publish(self, burst: Sequence[bytes]) -> None:
        for data in burst:
            await self._server.emit("e", data.decode(), room=CHANNEL)


class Picows(Fan):
    """picows, a WebSocket library in Cython: a loop over its transports, no channels at all."""

    async def start(self) -> None:
        import picows

        transports: set[Any] = set()

        class Listener(picows.WSListener):
            def on_ws_connected(self, transport: Any) -> None:
                transports.add(transport)

            def on_ws_disconnected(self, transport: Any) -> None:
                transports.discard(transport)

        self._transports = transports
        self._text = picows.WSMsgType.TEXT
        server = await picows.ws_create_server(lambda _: Listener(), "127.0.0.1", 0)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    @property
    def subscribers(self) -> int:
        return len(self._transports)

    async def publish(self, burst: Sequence[bytes]) -> None:
        for data in burst:
            for transport in self._transports:
                transport.send(self._text, data)


class RawBytes(Fan):
    """The lower bound: one frame for the burst, framed once, and a write for each socket."""

    async def start(self) -> None:
        transports: set[asyncio.Transport] = set()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast(asyncio.Transport, transport)

            def data_received(self, data: bytes) -> None:
                if data.startswith(b"GET "):
                    self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                    transports.add(self.transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.discard(self.transport)

        self._transports = transports
        server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    @property
    def subscribers(self) -> int:
        return len(self._transports)

    async def publish(self, burst: Sequence[bytes]) -> None:
        data = frame(TEXT, b"\n".join(burst))
        for transport in self._transports:
            transport.write(data)


FANS: Final[dict[str, Callable[[], Fan]]] = {
    "maxray": MaxRay,
    "channels": Channels,
    "plain": PlainLoop,
    "socketio": SocketIo,
    "picows": Picows,
    "raw": RawBytes,
}
NEEDS: Final = {"socketio": "socketio", "picows": "picows"}
"""Packages of the `bench` extra, which need not be installed."""
