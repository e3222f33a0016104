"""`python -m web.worker --fd N`: one web worker, serving on a listening socket that it was given.

Run by `maxray up`, any number of them on one socket. SIGTERM drains it: clients are sent elsewhere
over the time that the settings give, requests under way are finished.
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

import uvicorn
import uvloop

from actors.clock import SystemClock
from config import Settings
from config.collector import relax_collector
from config.logging import configure_logging
from config.ready import announce_ready
from config.source import load_settings
from web.audit.hook import RequestIdFilter
from web.channels.controller import SOCKET_PATH
from web.composition import Application, application
from web.tls.context import files_of, server_context
from web.tls.reload import follow, warn_of_end
from web.websocket_protocol import http_protocol

log = logging.getLogger(__name__)

# Requests that have not ended this long after the sockets were drained are cut.
GRACE_S = 5


class _Server(uvicorn.Server):
    """uvicorn, with our own way to end: the signals first drain the sockets."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
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


def _config(app: Application, settings: Settings, context: ssl.SSLContext | None) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        host=settings.host,
        port=settings.port,
        http=http_protocol(app.realtime, SOCKET_PATH),
        ws="websockets-sansio",
        ws_ping_interval=None,  # the protocol has its own pings
        ws_max_size=app.realtime.settings.max_message_bytes,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
        timeout_graceful_shutdown=GRACE_S,
    )


async def serve(settings: Settings, fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with _tls(settings) as context, application(settings) as app:
        relax_collector()
        server = _Server(_config(app, settings, context))
        # Not uvicorn's `fd`: it takes any for a Unix socket, and then nothing switches Nagle's
        # algorithm off. Each answer on a kept connection waited 40 ms for the caller's delayed ACK.
        given = None if fd is None else [socket.socket(fileno=fd)]
        serving = asyncio.create_task(server.serve(given))
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
