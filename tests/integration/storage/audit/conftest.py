"""A migrated schema for the trail, and the superuser who tampers with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from actors.clock import SystemClock
from storage import migrate
from storage.audit import PostgresAuditTrail
from storage.audit.heads_memory import MemoryHeadStore
from storage.embedded import EmbeddedServers
from storage.embedded.folder import DataFolder
from tests.integration.storage.audit.tampered import (
    ACCESS,
    Tamper,
    Tampered,
    one_chain,
    twelve_commands,
)

SCHEMA = "audit_trail"
TABLES = ("audit", "audit_access", "audit_head", "audit_headed")


@pytest.fixture(scope="session")
async def migrated(postgres_servers: EmbeddedServers) -> str:
    """The URL of this version's schema, for the application's own role."""
    url = postgres_servers.database_url
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    await connection.close()
    await migrate.run(f"{url}?search_path={SCHEMA}")
    return f"{url}?search_path={SCHEMA}"


@pytest.fixture
async def superuser(
    postgres_servers: EmbeddedServers, migrated: str
) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may do anything; it begins by emptying the trail."""
    folder: DataFolder = postgres_servers.folder
    address = postgres_servers.database_url.rpartition("@")[2]
    connection = await asyncpg.connect(
        f"postgresql://postgres:{folder.secret('postgres-superuser')}@{address}",
        server_settings={"search_path": SCHEMA},
    )
    for table in TABLES:
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await connection.execute(f"TRUNCATE {table}")
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    for table in TABLES[:3]:
        await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
    yield connection
    await connection.close()


@pytest.fixture
def tamper(superuser: asyncpg.Connection) -> Tamper:
    """Run statements as somebody who first switches the triggers off."""

    async def run(script: str) -> None:
        for table in TABLES[:3]:
            await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await superuser.execute(script)

    return run


@pytest.fixture
async def trail(migrated: str, superuser: asyncpg.Connection) -> AsyncIterator[PostgresAuditTrail]:
    """An open trail on empty tables."""
    trail = PostgresAuditTrail(migrated, SystemClock())
    await trail.open()
    yield trail
    await trail.close()


@pytest.fixture
def store() -> MemoryHeadStore:
    return MemoryHeadStore()


@pytest.fixture
def tampered(migrated: str, store: MemoryHeadStore, tamper: Tamper) -> Tampered:
    """Empty tables."""
    return Tampered(migrated, store, tamper)


@pytest.fixture(params=[ACCESS, "audit"], ids=["access", "command"])
async def table(request: pytest.FixtureRequest, tampered: Tampered) -> str:
    """The name of a table with one chain of 12 rows in it, whose heads are written."""
    await (one_chain if request.param == ACCESS else twelve_commands)(tampered.url)
    await tampered.keep()
    return str(request.param)
