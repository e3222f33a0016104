"""Two workers for each test, on one Redis and in one world for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from realtime.broker.broker_redis import RedisBroker
from realtime.settings import BrokerSettings
from storage.audit import MemoryAuditTrail
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.web.api import Api
from tests.integration.web.conftest import SECRET, Stack
from tests.integration.web.node import Node, Worker
from tests.integration.web.sockets.two_workers import Clock, Workers
from tests.integration.web.world import World, made, relationships_of
from web.audit.socket_audit import SocketAudit


@pytest.fixture(scope="package")
async def redis_server() -> AsyncIterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="acc-") as folder:
        server = RedisServer(Path(folder))
        await server.start()
        yield server
        server.kill()


@pytest.fixture
async def workers(stack: Stack, redis_server: RedisServer) -> AsyncIterator[Workers]:
    clock, audit, services = Clock(), MemoryAuditTrail(), stack.services
    settings = BrokerSettings(prefix=uuid4().hex)
    told = SocketAudit(audit, clock, services.vault, services.records.emergencies.whose)

    brokers = [RedisBroker(redis_server.url, settings) for _ in range(2)]

    def worker(broker: RedisBroker) -> Worker:
        return Worker(
            Node(
                broker,
                stack.services.router,
                relationships_of(stack),
                stack.services.journal,
                clock,
                SECRET,
                control=broker,
                told=told,
                audit=audit,
            )
        )

    async with AsyncExitStack() as closing:
        closing.push_async_callback(told.close)
        both = (worker(brokers[0]), worker(brokers[1]))
        for one in both:
            await one.node.realtime.start()
            closing.push_async_callback(one.node.realtime.stop)
            await closing.enter_async_context(one.serving())
        yield Workers(*both, clock, audit, brokers[0])


@pytest.fixture(scope="package")
async def world(stack: Stack, api: Api) -> World:
    return await made(stack, api)
