"""`python -m web.worker --fd N`: one web worker, serving on a listening socket that it was given.

Run by `maxray up`, any number of them on one socket. SIGTERM drains it: clients are sent elsewhere
over the time that the settings give, requests under way are finished.

While PostgreSQL or Ray is away at its start, it takes emergencies only (web/spool/intake_only.py),
and becomes a whole worker on the same socket once they are there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import uvicorn
import uvloop
from litestar import Litestar

from actors.clock import SystemClock
from config import Settings
from config.collector import relax_collector
from config.logging import configure_logging
from config.ready import announce_ready
from config.source import load_settings
from web.audit.hook import RequestIdFilter
from web.channels.controller import SOCKET_PATH
from web.composition import AWAY, Application, application, opened_spool
from web.http_protocol import BoundedHttpProtocol
from web.spool.intake_only import intake_app
from web.tls.context import files_of, server_context
from web.tls.reload import follow, warn_of_end
from web.websocket_protocol import http_protocol

log = logging.getLogger(__name__)

# Requests that have not ended this long after the sockets were drained are cut.
GRACE_S = 5
# Between attempts to become whole, of which each costs a few connections.
AGAIN_AFTER_S = 1.0
# What is away for so long is no start that stumbled: nobody is to wait for this worker any longer.
OUTAGE_S = 10.0
# Callers who wait for a worker, as those of `maxray up`.
BACKLOG = 2048


class _Server(uvicorn.Server):
    """uvicorn, with our own way to end: the signals first drain the sockets."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def __init__(self, config: uvicorn.Config, *, whole: bool = True) -> None:
        super().__init__(config)
        self._whole = whole

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._whole:
            announce_ready(os.environ)


@contextlib.asynccontextmanager
async def _tls(settings: Settings) -> AsyncIterator[ssl.SSLContext | None]:
    """What handshakes are answered with, renewed as its files are; None without TLS.

    Raises CertificateRefused.
    """
    files = files_of(settings)
    if files is None:
        yield None
        return
    context = server_context(files)
    warn_of_end(files, time.time())
    following = asyncio.create_task(follow(context, files, SystemClock()))
    try:
        yield context
    finally:
        following.cancel()
        await asyncio.wait({following})


def _config(
    app: Litestar,
    protocol: type[asyncio.Protocol],
    settings: Settings,
    context: ssl.SSLContext | None,
    ws: Literal["none", "websockets-sansio"],
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        # Of other paths than the realtime server's own: nobody is let in there.
        ws=ws,
        ws_ping_interval=None,  # the protocol has its own pings
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
        timeout_graceful_shutdown=GRACE_S,
    )


def _door(settings: Settings, fd: int | None) -> socket.socket:
    """The listening socket: given, or one of our own. The intake is lent a copy of it, so that it
    is open between that server and the next.

    Not uvicorn's `fd`: it takes any for a Unix socket, and then nothing switches Nagle's algorithm
    off. Each answer on a kept connection waited 40 ms for the caller's delayed ACK.
    """
    if fd is not None:
        return socket.socket(fileno=fd)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)


class _Intake:
    """Takes emergencies from `begin` to `end`; both raise what it fell over. `begin` may be called
    again."""

    def __init__(
        self, settings: Settings, context: ssl.SSLContext | None, door: socket.socket
    ) -> None:
        self._settings = settings
        self._context = context
        self._door = door
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="intake-only")

    async def end(self) -> None:
        """After the requests under way."""
        self._over.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        settings = self._settings
        async with intake_app(settings, await opened_spool(settings), SystemClock()) as app:
            config = _config(app, BoundedHttpProtocol, settings, self._context, "none")
            server = _Server(config, whole=False)
            log.warning("emergencies are taken, and nothing else")
            serving = asyncio.create_task(server.serve([self._door.dup()]))
            over = asyncio.create_task(self._over.wait())
            ends = {serving, over}
            await asyncio.wait(ends, timeout=OUTAGE_S, return_when=asyncio.FIRST_COMPLETED)
            if not (serving.done() or over.done()):
                announce_ready(os.environ)  # all that it can be for now; else it is started anew
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            server.should_exit = True
            await serving


async def _whole(
    settings: Settings, closing: contextlib.AsyncExitStack, intake: _Intake, stop: asyncio.Event
) -> Application | None:
    """The application, once all is there that it needs; None where `stop` came first."""
    while not stop.is_set():
        try:
            return await closing.enter_async_context(application(settings))
        except AWAY as error:
            log.error(
                "not all is there that a worker needs: %s", str(error) or type(error).__name__
            )
        intake.begin()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_AFTER_S)
    return None


async def serve(settings: Settings, fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with contextlib.AsyncExitStack() as closing:
        context = await closing.enter_async_context(_tls(settings))
        door = closing.enter_context(_door(settings, fd))
        intake = _Intake(settings, context, door)
        try:
            app = await _whole(settings, closing, intake, stop)
        finally:
            await intake.end()
        if app is not None:
            await _serve(app, settings, context, door, stop)


async def _serve(
    app: Application,
    settings: Settings,
    context: ssl.SSLContext | None,
    door: socket.socket,
    stop: asyncio.Event,
) -> None:
    relax_collector()
    protocol = http_protocol(app.realtime, SOCKET_PATH)
    server = _Server(_config(app.asgi, protocol, settings, context, "websockets-sansio"))
    serving = asyncio.create_task(server.serve([door]))  # which it closes before it drains
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        log.info("draining over %g s", settings.drain_s)
        await app.realtime.drain(settings.drain_s)
        server.should_exit = True
    stopping.cancel()
    await serving


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m web.worker", description=__doc__)
    parser.add_argument("--fd", type=int, help="the listening socket's file descriptor")
    arguments = parser.parse_args()
    settings = load_settings(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
    uvloop.run(serve(settings, arguments.fd))
    return 0


if __name__ == "__main__":
    sys.exit(main())
