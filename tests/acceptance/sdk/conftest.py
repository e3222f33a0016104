"""Servers for all tests in here, one Node process, and clients that are closed after each test."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import pytest
import pytest_asyncio

from tests.acceptance.sdk import settings
from tests.acceptance.sdk.proxy import Proxy
from tests.acceptance.sdk.sdk import Client, Kind, Subscribe, Subscription, Transport
from tests.acceptance.sdk.sdk_javascript import (
    Driver,
    JavaScriptClient,
    JavaScriptSubscription,
)
from tests.acceptance.sdk.sdk_python import PythonClient
from tests.acceptance.sdk.server import Server
from tests.integration.realtime.redis_server import RedisServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The Python SDK leaves sockets that were cut under it to the collector, which says so.

    So does asyncio of Python 3.11 with one that it had accepted when the proxy was closed.
    """
    here = Path(__file__).parent
    left = [f"ignore:unclosed {what}:ResourceWarning" for what in ("transport", "<socket")]
    for item in items:
        if here in item.path.parents:
            for warning in left:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="package", autouse=True)
def _collected() -> Iterator[None]:
    """Nor does it say so in the tests that come after these."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Dialect(msgspec.Struct, frozen=True):
    """One way to speak to the server."""

    language: Literal["python", "javascript"]
    protobuf: bool
    transport: Transport = "websocket"

    def __str__(self) -> str:
        return f"{self.language}-{self.transport}-{'protobuf' if self.protobuf else 'json'}"


WEBSOCKET = [
    Dialect("python", protobuf=False),
    Dialect("python", protobuf=True),
    Dialect("javascript", protobuf=False),
    Dialect("javascript", protobuf=True),
]
HTTP = [
    Dialect("javascript", protobuf=False, transport="http_stream"),
    Dialect("javascript", protobuf=True, transport="http_stream"),
    Dialect("javascript", protobuf=False, transport="sse"),  # SSE is text: JSON only
]
EVERY = [*WEBSOCKET, *HTTP]
JAVASCRIPT = [one for one in EVERY if one.language == "javascript"]


class Address(Protocol):
    """A server, or a proxy before it."""

    @property
    def http(self) -> str: ...

    @property
    def websocket(self) -> str: ...


class Bench:
    """Makes clients and proxies, and ends them with the test."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._stack = AsyncExitStack()

    async def client(
        self,
        dialect: Dialect,
        at: Address,
        *,
        token: str = "",
        tokens: Sequence[str] | None = None,
        data: Any = None,
    ) -> Client:
        """Not yet connected."""
        client: Client
        if dialect.language == "python":
            client = PythonClient(
                at.websocket, protobuf=dialect.protobuf, token=token, tokens=tokens, data=data
            )
        else:
            client = await self.javascript(dialect, at, token=token, tokens=tokens, data=data)
            return client
        self._stack.push_async_callback(client.close)
        return client

    async def javascript(
        self,
        dialect: Dialect,
        at: Address,
        *,
        token: str = "",
        tokens: Sequence[str] | None = None,
        data: Any = None,
    ) -> JavaScriptClient:
        """For what only this SDK can do. Not yet connected."""
        client = await JavaScriptClient.create(
            self._driver,
            at.http,
            transport=dialect.transport,
            protobuf=dialect.protobuf,
            token=token,
            tokens=tokens,
            data=data,
        )
        self._stack.push_async_callback(client.close)
        return client

    async def proxy(self, server: Server) -> Proxy:
        proxy = Proxy(server.port)
        await proxy.start()
        self._stack.push_async_callback(proxy.stop)
        return proxy

    async def close(self) -> None:
        await self._stack.aclose()


async def subscribed(client: Client, channel: str, **options: Any) -> Subscription:
    """A subscription that has been made."""
    subscription = await client.new_subscription(channel, Subscribe(**options))
    await subscription.subscribe()
    await subscription.ready()
    return subscription


async def mapped(
    client: JavaScriptClient, channel: str, kind: Kind = "map", **options: Any
) -> JavaScriptSubscription:
    """A map subscription that has its first snapshot."""
    subscription = await client.new_subscription(channel, Subscribe(**options), kind)
    await subscription.subscribe()
    await subscription.log.nth("sync")
    return subscription


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A part of a channel's name, or of a user's, that nobody else uses."""
    return f"n{next(_numbers)}"


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def driver() -> AsyncIterator[Driver]:
    driver = Driver()
    await driver.start()
    yield driver
    await driver.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def bench(driver: Driver) -> AsyncIterator[Bench]:
    bench = Bench(driver)
    yield bench
    await bench.close()


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("realtime")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers(folder: Path) -> AsyncIterator[dict[str, Server]]:
    """All of them, started at once: most of a start is the import of modules."""
    servers = {
        "server": Server(settings.settings(), folder, "server"),
        "hasty": Server(settings.settings(**settings.HASTY), folder, "hasty"),
        "insecure": Server(settings.INSECURE, folder, "insecure"),
    }
    await asyncio.gather(*(server.start() for server in servers.values()))
    yield servers
    await asyncio.gather(*(server.stop() for server in servers.values()))


@pytest.fixture(scope="package")
def server(servers: dict[str, Server]) -> Server:
    """One that wants tokens."""
    return servers["server"]


@pytest.fixture(scope="package")
def hasty(servers: dict[str, Server]) -> Server:
    """One that wants tokens, pings often, and ends at once what has expired."""
    return servers["hasty"]


@pytest.fixture(scope="package")
def insecure(servers: dict[str, Server]) -> Server:
    """One that asks nobody for anything: as the SDKs' own suites want it."""
    return servers["insecure"]


@pytest_asyncio.fixture(loop_scope="session")
async def own_redis() -> AsyncIterator[RedisServer]:
    # Not pytest's folders: paths of unix sockets are limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="rt-") as folder:
        redis = RedisServer(Path(folder))
        await redis.start()
        yield redis
        redis.kill()


@pytest.fixture(params=WEBSOCKET, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    one: Dialect = request.param
    return one


@pytest.fixture(params=EVERY, ids=str)
def any_dialect(request: pytest.FixtureRequest) -> Dialect:
    one: Dialect = request.param
    return one
