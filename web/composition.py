"""The composition root of a web worker: everything is made here, handed in, and closed here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from actors import cluster
from actors.clock import SystemClock
from actors.domain.registry import KINDS
from actors.errors import RuntimeFault
from actors.ports import JournalError, JournalUnavailable
from actors.router import Router
from config import Settings
from realtime.broker.broker_redis import RedisBroker
from realtime.broker.sharding import split_urls
from realtime.errors import BrokerUnavailable
from realtime.maps.keyed_redis import RedisKeyedStore
from realtime.node import RealtimeServer
from realtime.settings import RealtimeSettings
from storage.audit import PostgresAuditTrail
from storage.audit.log import AuditLog
from storage.embedded import NotReady, probe
from storage.encryption import (
    KeysUnavailable,
    LocalSealer,
    MasterKeys,
    PostgresKeyStore,
    Vault,
)
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from storage.mail import PostgresMailOutbox
from storage.records import Records, RecordsUnavailable
from storage.relationships import Relationships
from storage.schema import SchemaBehind
from storage.schema import require as require_schema
from storage.spool import Spool, SpoolError
from web.access.family.letter import FamilyLetters
from web.access.grants import Grants
from web.access.live import LiveAccess
from web.access.standing import Standing
from web.accounts.kept_keys import KeptKeys
from web.accounts.service import Needs
from web.accounts.service import opened as accounts_opened
from web.accounts.throttle_fallback import FallbackThrottle
from web.accounts.throttle_redis import RedisThrottle
from web.app import create_app, public_address
from web.audit.socket_audit import SocketAudit
from web.audit.sockets import AuditedAuthenticator
from web.auth import OPEN
from web.channels.authenticator import TokenAuthenticator
from web.channels.controller import SOCKET_PATH
from web.channels.policy import READ_TIMEOUT_S, AccessPolicy
from web.channels.rpc import DeviceRpc
from web.entities import Entities
from web.mail.deliverer import Deliverer
from web.mail.mailer import Mailer
from web.mail.outgoing import transport_of
from web.mail.request import LetterWriters
from web.metrics import WorkerMetrics
from web.publishing import JournalHistory
from web.sealed_channels import SealedBroker, SealedMaps
from web.services import Services
from web.spool.away import within
from web.spool.store import PURPOSE, SpoolStore
from web.ui.controller import HANDLERS as FIRST_PAGE

log = logging.getLogger(__name__)

# As the SDKs' documentation has them; the last is what they send to by default.
HTTP_STREAM_PATH = "/connection/http_stream"
SSE_PATH = "/connection/sse"
EMULATION_PATH = "/emulation"
# What a readiness probe waits for one part; longer is as good as gone.
CHECK_TIMEOUT_S = 2.0

# What `application` raises where a part is away that it needs: it may be tried again.
AWAY: Final = (
    SchemaBehind,
    KeysUnavailable,
    JournalUnavailable,
    RecordsUnavailable,
    NotReady,
    OSError,
    TimeoutError,
)


@dataclass(frozen=True, slots=True)
class Application:
    """A web worker, ready to be served."""

    asgi: Litestar
    realtime: RealtimeServer


@asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[Application]:
    """Connect to everything the settings name; close it all on leaving.

    Raises ValueError where a setting is missing, and one of AWAY while a part is out of reach that
    must be there at the start (the cluster, PostgreSQL and its schema). Redis may come later.
    """
    for name in ("database_url", "redis_url", "ray_address", "token_secret", "master_key"):
        if getattr(settings, name) is None:
            raise ValueError(f"a web worker needs the setting {name}")
    assert settings.database_url and settings.redis_url
    assert settings.ray_address and settings.token_secret
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        # What is away is found out before Ray is joined: that takes a second of this loop's, and
        # where there is nobody to join, a minute.
        await require_schema(settings.database_url.reveal())
        vault = Vault(PostgresKeyStore(settings.database_url.reveal()), MasterKeys.of(settings))
        closing.push_async_callback(vault.close)
        await vault.start()
        journal = SealedJournal(PostgresJournal(settings.database_url.reveal()), vault)
        closing.push_async_callback(journal.close)
        await journal.open()
        epoch = await journal.journal_id()
        await probe.ray(settings.ray_address)
        cluster.connect(settings.ray_address)
        closing.callback(cluster.disconnect)
        transport = cluster.RayTransport(settings.shards)
        router = Router(transport, clock)
        closing.push_async_callback(router.close)
        records = await Records.open(settings.database_url.reveal(), vault)
        closing.push_async_callback(records.close)
        outbox = PostgresMailOutbox(records.database)
        audit = PostgresAuditTrail(settings.database_url.reveal(), clock)
        await audit.open()
        # Before the records are closed and after the sockets are: both still have things to say.
        closing.push_async_callback(audit.close)
        audit_log = AuditLog(settings.database_url.reveal())
        closing.push_async_callback(audit_log.close)
        broker = RedisBroker(settings.redis_url.reveal())
        maps = RedisKeyedStore(settings.redis_url.reveal())
        closing.push_async_callback(maps.close)
        mailer = Mailer(outbox, vault, settings.mail_from, clock)
        public_url = public_address(settings)
        throttle = RedisThrottle(split_urls(settings.redis_url.reveal())[0])
        closing.push_async_callback(throttle.close)
        accounts = await closing.enter_async_context(
            accounts_opened(
                Needs(
                    database_url=settings.database_url.reveal(),
                    vault=vault,
                    mailer=mailer,
                    audit=audit,
                    throttle=FallbackThrottle(throttle),
                    records=records,
                    clock=clock,
                    public_url=public_url,
                    token_secret=settings.token_secret,
                    kept_keys=KeptKeys.of(settings),
                )
            )
        )
        verify = accounts.verifier.verify

        relationships = Relationships(records.database)
        family = FamilyLetters(relationships, accounts, mailer, clock, public_url)
        writers = LetterWriters(accounts.letters.writers(), family.writers())
        deliverer = Deliverer(outbox, vault, transport_of(settings), clock, writers)
        deliverer.start()
        closing.push_async_callback(deliverer.stop)
        standing = Standing(relationships, Entities(router, READ_TIMEOUT_S), clock)
        grants = Grants(relationships, clock)
        told = SocketAudit(audit, clock, vault, records.emergencies.whose)
        closing.push_async_callback(told.close)
        realtime = RealtimeServer(
            AuditedAuthenticator(TokenAuthenticator(verify), audit, clock),
            AccessPolicy(router, clock, standing.held, grants.add, told),
            DeviceRpc(router, clock, told),
            SealedBroker(broker, vault),
            JournalHistory(journal, epoch, KINDS),
            RealtimeSettings(
                max_connections_per_user=settings.user_connections,
                max_connections_per_address=settings.address_connections,
                command_rate=float(settings.socket_commands_per_s),
                drain_s=settings.drain_s,
            ),
            control=broker,
            keyed=SealedMaps(maps, vault),
        )
        await realtime.start()
        closing.push_async_callback(realtime.stop)
        live = LiveAccess(realtime)
        await closing.enter_async_context(grants.watching(live))
        accounts.on_disabled(live.account_ended)
        accounts.revocations.on_ended(live.session_ended)

        spool = await opened_spool(settings)
        closing.push_async_callback(spool.close)

        async def health() -> Mapping[str, str | None]:
            return await _health(journal, records, broker, transport)

        services = Services(
            settings=settings,
            clock=clock,
            router=router,
            vault=vault,
            journal=journal,
            records=records,
            mailer=mailer,
            audit=audit,
            audit_log=audit_log,
            live=live,
            accounts=accounts,
            verify_token=verify,
            health=health,
            metrics=WorkerMetrics(realtime, router, transport, spool).render,
            spool=spool,
        )
        yield Application(create_app(services, [*transports(realtime), *FIRST_PAGE]), realtime)


async def opened_spool(settings: Settings) -> SpoolStore:
    """A disk that is full now may not be later: that is no reason not to start."""
    sealer = LocalSealer(MasterKeys.of(settings), PURPOSE)
    store = SpoolStore(Spool(settings.data / "spool"), sealer)
    try:
        found = await store.open()
    except SpoolError as error:
        log.error("the spool cannot be used now: %s", error)
    else:
        if found.depth:
            log.warning("%d emergencies wait in the spool", found.depth)
    return store


def transports(realtime: RealtimeServer) -> list[asgi]:
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
    journal: SealedJournal,
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

    async def outcome(check: Coroutine[None, None, None]) -> str | None:
        try:
            await within(CHECK_TIMEOUT_S, check)
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:g} s"
        except (JournalError, RecordsUnavailable, BrokerUnavailable, RuntimeFault) as error:
            return str(error) or type(error).__name__
        return None

    found = await asyncio.gather(*(outcome(check) for check in checks.values()))
    return dict(zip(checks, found, strict=True))
