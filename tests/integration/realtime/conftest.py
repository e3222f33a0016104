"""Servers for these tests: one Redis for all that only need one, another for those who kill it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import Listener, broker_of
from tests.integration.realtime.redis_server import RedisServer

_prefixes = (f"contract-{number}" for number in itertools.count())


@asynccontextmanager
async def _serving() -> AsyncIterator[RedisServer]:
    # Not pytest's tmp_path: unix socket paths are limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="rt-") as folder:
        server = RedisServer(Path(folder))
        await server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server() -> AsyncIterator[RedisServer]:
    """Shared: tests use channel names or prefixes of their own."""
    async with _serving() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_urls(redis_server: RedisServer) -> AsyncIterator[Mapping[str, str]]:
    """What a broker on Redis may be given: one server, or three that share the channels."""
    async with contextlib.AsyncExitStack() as servers:
        more = [await servers.enter_async_context(_serving()) for _ in range(2)]
        yield {
            "redis": redis_server.url,
            "sharded": ",".join(server.url for server in (redis_server, *more)),
        }


@pytest_asyncio.fixture(params=["memory", "redis", "sharded"], loop_scope="session")
async def listener(
    request: pytest.FixtureRequest, redis_urls: Mapping[str, str]
) -> AsyncIterator[Listener]:
    """Each broker, started."""
    settings = BrokerSettings(history_size=50, prefix=next(_prefixes))
    shards = 3 if request.param == "sharded" else 1
    listener = Listener(broker_of(request.param, redis_urls, settings), shards)
    await listener.start()
    yield listener
    await listener.broker.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def own_redises() -> AsyncIterator[Sequence[RedisServer]]:
    """As `own_redis`, three."""
    async with contextlib.AsyncExitStack() as servers:
        yield [await servers.enter_async_context(_serving()) for _ in range(3)]


@pytest_asyncio.fixture(loop_scope="session")
async def own_redis() -> AsyncIterator[RedisServer]:
    """To be killed, paused and started again by one test."""
    async with _serving() as server:
        yield server
