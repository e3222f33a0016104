"""`maxray realtime`: the realtime server alone, by a configuration file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import rich_click as click
import uvicorn
import uvloop
from rich.markup import escape

from config.logging import configure_logging
from config.settings import LogLevel
from realtime.standalone.app import StandaloneServer
from realtime.standalone.options import StandaloneOptions
from realtime.standalone.source import RefusedOptions, read_options
from web.cli.exits import Exit
from web.cli.options import errors, fail
from web.metrics import render_realtime
from web.websocket_protocol import http_protocol

_LEVELS: Final[dict[str, LogLevel | Literal["critical", "none"]]] = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "error": "error",
    "fatal": "critical",
    "none": "none",
}


class _Server(uvicorn.Server):
    """uvicorn, ended by us rather than by its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The TCP port.  [default: 8000]")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The options: JSON, YAML or TOML, by the names of Centrifugo v6.",
)
def realtime(port: int | None, host: str | None, config: Path | None) -> None:
    """Run the realtime server alone: channels by namespaces, tokens, a server HTTP API.

    No PostgreSQL, no Ray, no medicine: point any Centrifuge SDK, or an SDK's own test suite, at it.

    **Examples**

    - `maxray realtime --port 8000 --config realtime.json`
    - `curl -H "X-API-Key: KEY" -d '{"channel": "news", "data": {}}' localhost:8000/api/publish`
    """
    options, unknown = StandaloneOptions(), list[str]()
    if config is not None:
        try:
            options, unknown = read_options(config)
        except RefusedOptions as refused:
            fail(Exit.SETTINGS, "options refused\n" + "\n".join(f"  {p}" for p in refused.problems))
    console = errors()
    for told in unknown:
        console.print(f"[yellow]maxray:[/] option {escape(told)}", highlight=False)
    configure_logging(_LEVELS[options.log.level], "console")
    try:
        server = StandaloneServer(options, exposition=render_realtime)
    except ValueError as error:
        fail(Exit.SETTINGS, f"options refused\n  client.token: {error}")
    try:
        listening = _listen(host or options.http_server.address or "127.0.0.1", port, options)
    except OSError as error:
        fail(Exit.IN_USE, f"cannot listen: {error.strerror or error}")
    address = "{}:{}".format(*listening.getsockname()[:2])
    console.print(f"[bold]realtime server[/] on http://{address}", highlight=False)
    if options.client.insecure:
        console.print("[yellow]maxray:[/] client.insecure: anybody may do anything here")
    uvloop.run(_serve(server, listening, options))


def _listen(host: str, port: int | None, options: StandaloneOptions) -> socket.socket:
    """A listening socket, so that a taken port is told before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, options.http_server.port if port is None else port), family=family, backlog=2048
    )


async def _serve(
    server: StandaloneServer, listening: socket.socket, options: StandaloneOptions
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await server.start()
    serving = _Server(
        uvicorn.Config(
            server.app,
            interface="asgi3",  # not guessed from the callable, which is a bound method
            http=http_protocol(server.realtime, options.websocket.handler_prefix),
            ws="websockets-sansio",
            ws_ping_interval=None,  # the protocol has its own pings
            ws_max_size=options.websocket.message_size_limit,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    running = asyncio.create_task(serving.serve([listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await server.stop()
    serving.should_exit = True
    await running
