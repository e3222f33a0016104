"""A migrated schema for the trail, and the superuser who tampers with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from actors.clock import SystemClock
from storage import migrate
from storage.audit import AuditEntry, PostgresAuditTrail
from storage.audit.heads_memory import MemoryHeadStore
from storage.embedded import EmbeddedServers
from storage.embedded.folder import DataFolder

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


Tamper = Callable[[str], Awaitable[None]]


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


def entry(n: int = 0, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "at": 1_760_000_000.0 + n,
        "role": "ops",
        "subject": "alice",
        "action": "patient.view",
        "outcome": "allowed",
        "kind": "patient",
        "id": f"p{n}",
        "patients": (f"p{n}",),
        "address": "192.0.2.1",
        "request_id": f"r{n}",
    }
    return AuditEntry(**{**values, **changes})  # type: ignore[arg-type]
