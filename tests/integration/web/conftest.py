"""The REST API over real records, journal and domain, its shards in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar

from actors.clock import SystemClock
from actors.domain.registry import KINDS
from actors.local import LocalCluster
from actors.ports import Outgoing, Transport
from actors.router import Router
from actors.shard import Shard
from config import Secret, Settings
from realtime.broker.broker_memory import MemoryBroker
from storage import migrate
from storage.audit import PostgresAuditTrail
from storage.audit.log import AuditLog
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from storage.mail import PostgresMailOutbox
from storage.records import Records
from storage.relationships import Relationships
from tests.integration.web.api import Api
from tests.integration.web.contract import Contract
from tests.integration.web.node import Node
from web import tokens
from web.access.live import LiveAccess
from web.accounts.service import Needs
from web.accounts.service import opened as accounts_opened
from web.accounts.throttle_memory import MemoryThrottle
from web.app import create_app
from web.mail.mailer import Mailer
from web.services import Services

SECRET = "0123456789abcdef0123456789abcdef"
MASTER_KEY = "fedcba9876543210fedcba9876543210"
SCHEMA = "rest"


class Discarded:
    """A publisher whose channels nobody listens to; what goes out is not this suite's matter."""

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        return


class Stack:
    """What the application runs on, with what tests turn to make it fail."""

    def __init__(
        self, services: Services, cluster: LocalCluster, database_url: str, node: Node
    ) -> None:
        self.services = services
        self.node = node
        self.cluster = cluster
        self.database_url = database_url
        self.app: Litestar = create_app(services)


@pytest.fixture(scope="session")
async def stack(postgres: str) -> AsyncIterator[Stack]:
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    await connection.close()
    url = f"{postgres}?search_path={SCHEMA}"
    await migrate.run(url)
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        # One for each shard and one for the rest, as in the real processes.
        vault = Vault(PostgresKeyStore(url), MasterKeys(MASTER_KEY))
        await vault.start()
        closing.push_async_callback(vault.close)
        journals = [SealedJournal(PostgresJournal(url), vault) for _ in range(3)]
        for journal in journals:
            await journal.open()
            closing.push_async_callback(journal.close)

        starts = count()

        def shard(index: int, transport: Transport, on_fenced: Callable[[], None]) -> Shard:
            owner = f"rest-{index}/{next(starts)}"  # a writer of its own in the audit
            shard = Shard(
                index, KINDS, journals[index], Discarded(), transport, clock, owner, on_fenced
            )
            vault.on_erased(shard.forget)
            return shard

        cluster = LocalCluster(2, shard)
        await cluster.start()
        closing.push_async_callback(cluster.stop)
        router = Router(cluster, clock)
        closing.push_async_callback(router.close)
        records = await Records.open(url, vault)
        closing.push_async_callback(records.close)

        audit = PostgresAuditTrail(url, clock)
        await audit.open()
        closing.push_async_callback(audit.close)
        audit_log = AuditLog(url)
        closing.push_async_callback(audit_log.close)
        relationships = Relationships(records.database)
        node = Node(MemoryBroker(), router, relationships, journals[2], clock, SECRET)
        await node.realtime.start()
        closing.push_async_callback(node.realtime.stop)

        mailer = Mailer(
            PostgresMailOutbox(records.database), vault, "MaxRay <care@example.org>", clock
        )
        accounts = await closing.enter_async_context(
            accounts_opened(
                Needs(
                    database_url=url,
                    vault=vault,
                    mailer=mailer,
                    audit=audit,
                    throttle=MemoryThrottle(),
                    records=records,
                    clock=clock,
                    public_url="http://rest.test",
                    token_secret=Secret(SECRET),
                )
            )
        )

        async def health() -> Mapping[str, str | None]:
            return {"journal": None, "shard-0": None}

        async def metrics() -> bytes:
            return b"maxray_up 1\n"

        services = Services(
            settings=Settings(token_secret=Secret(SECRET)),
            clock=clock,
            router=router,
            vault=vault,
            journal=journals[2],
            records=records,
            mailer=mailer,
            audit=audit,
            audit_log=audit_log,
            live=LiveAccess(node.realtime),
            accounts=accounts,
            verify_token=lambda token: tokens.verify(SECRET, token, clock.now()),
            health=health,
            metrics=metrics,
        )
        stack = Stack(services, cluster, url, node)
        started, over = asyncio.Event(), asyncio.Event()

        async def live() -> None:
            # In a task of its own: the framework wants its lifespan left where it was entered.
            async with stack.app.lifespan():
                started.set()
                await over.wait()

        life = asyncio.create_task(live())
        await started.wait()
        yield stack
        over.set()
        await life


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar types ASGI in its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://rest.test") as client:
        yield client


@pytest.fixture(scope="session")
async def document(stack: Stack) -> dict[str, Any]:
    """What the application says of itself."""
    async with client_of(stack.app) as client:
        response = await client.get("/schema")
        assert response.status_code == 200
        found: dict[str, Any] = response.json()
        return found


@pytest.fixture(scope="session")
async def api(stack: Stack, document: dict[str, Any]) -> AsyncIterator[Api]:
    async with client_of(stack.app) as client:
        yield Api(client, SECRET, Contract(document))


@pytest.fixture(scope="session")
async def impatient(stack: Stack, api: Api) -> AsyncIterator[Api]:
    """The same, of an application that gives entities little time to answer."""
    app = create_app(replace(stack.services, answer_timeout_s=0.3))
    async with client_of(app) as client:
        yield api.elsewhere(client)
