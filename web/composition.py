"""The composition root of a web worker: everything is made here, handed in, and closed here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from actors import cluster
from actors.clock import SystemClock
from actors.domain.registry import KINDS
from actors.errors import RuntimeFault
from actors.ports import JournalError
from actors.router import Router
from config import Settings
from realtime.broker_redis import RedisBroker
from realtime.errors import BrokerUnavailable
from realtime.keyed_redis import RedisKeyedStore
from realtime.node import RealtimeServer
from realtime.settings import RealtimeSettings
from storage.journal_postgres import PostgresJournal
from storage.records import Records, RecordsUnavailable
from web import tokens
from web.app import create_app
from web.auth import OPEN
from web.channels.authenticator import TokenAuthenticator
from web.channels.controller import SOCKET_PATH
from web.channels.policy import AccessPolicy
from web.channels.rpc import DeviceRpc
from web.metrics import WorkerMetrics
from web.publishing import JournalHistory
from web.services import Services
from web.ui.controller import HANDLERS as FIRST_PAGE

# As the SDKs' documentation has them; the last is what they send to by default.
HTTP_STREAM_PATH = "/connection/http_stream"
SSE_PATH = "/connection/sse"
EMULATION_PATH = "/emulation"
# What a readiness probe waits for one part; longer is as good as gone.
CHECK_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Application:
    """A web worker, ready to be served."""

    asgi: Litestar
    realtime: RealtimeServer


@asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[Application]:
    """Connect to everything the settings name; close it all on leaving.

    Raises ValueError where a setting is missing, and what the parts raise that must be there at the
    start (the cluster, PostgreSQL). Redis may come later.
    """
    for name in ("database_url", "redis_url", "ray_address", "token_secret"):
        if getattr(settings, name) is None:
            raise ValueError(f"a web worker needs the setting {name}")
    assert settings.database_url and settings.redis_url
    assert settings.ray_address and settings.token_secret
    secret = settings.token_secret
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        cluster.connect(settings.ray_address)
        closing.callback(cluster.disconnect)
        transport = cluster.RayTransport(settings.shards)
        router = Router(transport, clock)
        closing.push_async_callback(router.close)
        journal = PostgresJournal(settings.database_url.reveal())
        await journal.open()
        closing.push_async_callback(journal.close)
        records = await Records.open(settings.database_url.reveal())
        closing.push_async_callback(records.close)
        epoch = await journal.journal_id()
        broker = RedisBroker(settings.redis_url.reveal())
        maps = RedisKeyedStore(settings.redis_url.reveal())
        closing.push_async_callback(maps.close)

        def verify(token: str) -> tokens.Principal:
            return tokens.verify(secret.reveal(), token, clock.now())

        realtime = RealtimeServer(
            TokenAuthenticator(verify),
            AccessPolicy(router),
            DeviceRpc(router, clock),
            broker,
            JournalHistory(journal, epoch, KINDS),
            RealtimeSettings(
                max_connections_per_user=settings.user_connections,
                max_connections_per_address=settings.address_connections,
                command_rate=float(settings.socket_commands_per_s),
                drain_s=settings.drain_s,
            ),
            control=broker,
            keyed=maps,
        )
        await realtime.start()
        closing.push_async_callback(realtime.stop)

        async def health() -> Mapping[str, str | None]:
            return await _health(journal, records, broker, transport)

        services = Services(
            settings=settings,
            clock=clock,
            router=router,
            journal=journal,
            records=records,
            verify_token=verify,
            health=health,
            metrics=WorkerMetrics(realtime, router, transport).render,
        )
        yield Application(create_app(services, [*_transports(realtime), *FIRST_PAGE]), realtime)


def _transports(realtime: RealtimeServer) -> list[asgi]:
    """The ways for clients to the realtime server. Open to the router: the token comes with the
    protocol's connect command.
    """
    applications: dict[str, Callable[[Any, Any, Any], Awaitable[None]]] = {
        SOCKET_PATH: realtime.app,
        HTTP_STREAM_PATH: realtime.http_stream_app,
        SSE_PATH: realtime.sse_app,
        EMULATION_PATH: realtime.emulation_app,
    }
    return [_mounted(path, application) for path, application in applications.items()]


def _mounted(path: str, application: Callable[[Any, Any, Any], Awaitable[None]]) -> asgi:
    @asgi(path, is_mount=False, copy_scope=False, opt=OPEN)
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await application(scope, receive, send)

    return handler


async def _health(
    journal: PostgresJournal,
    records: Records,
    broker: RedisBroker,
    transport: cluster.RayTransport,
) -> Mapping[str, str | None]:
    """Each part a request may need, and what is wrong with it (None: nothing)."""

    async def journal_check() -> None:
        await journal.check()

    async def records_check() -> None:
        await records.check()

    async def broker_check() -> None:
        await broker.check()

    async def shard_check(index: int) -> None:
        await transport.check(index)

    checks = {
        "journal": journal_check(),
        "records": records_check(),
        "redis": broker_check(),
    } | {f"shard-{index}": shard_check(index) for index in range(transport.shards)}

    async def outcome(check: object) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check  # type: ignore[misc]
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:g} s"
        except (JournalError, RecordsUnavailable, BrokerUnavailable, RuntimeFault) as error:
            return str(error) or type(error).__name__
        return None

    found = await asyncio.gather(*(outcome(check) for check in checks.values()))
    return dict(zip(checks, found, strict=True))
