"""Servers for these tests: one Redis for all that only need one, another for those who kill it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.realtime.redis_server import RedisServer


async def _serve() -> AsyncIterator[RedisServer]:
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
    async for server in _serve():
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def own_redis() -> AsyncIterator[RedisServer]:
    """To be killed, paused and started again by one test."""
    async for server in _serve():
        yield server
