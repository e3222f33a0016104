"""Real servers for the integration tests, started once a session and only when a test asks.

Each test gets a schema of its own in the one database: new tables, without the price of a new
database.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from storage.embedded import EmbeddedServers, server_postgres

_SQL = Path(__file__).parents[2] / "storage" / "sql"
RUNTIME_SQL = "".join((_SQL / name).read_text() for name in ("runtime.sql", "commit.sql"))
_number = count(1)


@pytest.fixture(scope="session")
async def postgres_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[EmbeddedServers]:
    """A running PostgreSQL, with the folder that has its secrets.

    Its files are not flushed: only the fall of the whole machine would show it, and thousands of
    commits would wait for it. As we ship it they are: tests/integration/embedded/test_servers.py.
    """
    servers = EmbeddedServers(tmp_path_factory.mktemp("postgres"), {"postgres"})
    async with AsyncExitStack() as closing:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(server_postgres._CONFIGURATION, "fsync", "off")
            await closing.enter_async_context(servers)
        yield servers


@pytest.fixture(scope="session")
def postgres(postgres_servers: EmbeddedServers) -> str:
    """The URL of a running PostgreSQL's database."""
    return postgres_servers.database_url


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[str]:
    """The URL of new, empty tables of the runtime."""
    schema = f"test_{os.getpid()}_{next(_number)}"
    url = f"{postgres}?search_path={schema}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        await connection.execute(RUNTIME_SQL)
        yield url
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.close()
