"""`python -m tests.benchmarks.idle_server`: a worker of idle connections, for B3.

Tokens are verified and channels are each connection's own. Prints its port; then, for each line on
stdin, the resident bytes of the process and the subscriptions it holds.
"""

from __future__ import annotations

import asyncio
import gc
import sys

import psutil
import uvloop

from actors.clock import SystemClock
from config.collector import relax_collector
from realtime.broker.broker_memory import MemoryBroker
from realtime.node import RealtimeServer
from realtime.ports import SubscribeOptions
from tests.benchmarks.fan_servers import SOCKET_PATH, serve
from tests.benchmarks.open_door import Nobody, OpenPolicy
from web import tokens
from web.channels.authenticator import TokenAuthenticator
from web.websocket_protocol import http_protocol

SECRET = "benchmark-" * 4


async def main() -> None:
    clock = SystemClock()
    server = RealtimeServer(
        TokenAuthenticator(lambda token: tokens.verify(SECRET, token, clock.now())),
        OpenPolicy(SubscribeOptions("fact")),
        Nobody(),
        MemoryBroker(),
        Nobody(),
    )
    await server.start()
    port = await serve(server.app, http=http_protocol(server, SOCKET_PATH))
    relax_collector()
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        gc.collect()
        resident = psutil.Process().memory_info().rss
        print(resident, server.metrics.subscriptions, flush=True)


if __name__ == "__main__":
    uvloop.run(main())
