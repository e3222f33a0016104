"""The connection pool behind the records: Piccolo's engine, with failures told apart.

What PostgreSQL refuses because of a fault of ours (a violated constraint, a wrong type) is a bug
and goes up as it is; what says "not now" becomes RecordsUnavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg
from piccolo.engine.postgres import PostgresTransaction
from piccolo.querystring import QueryString

from storage.engine import Engine, using
from storage.records.errors import RecordsUnavailable

# Eight: a record query takes well under a millisecond, so more would only wait inside PostgreSQL.
POOL_SIZE: Final = 8
CONNECT_TIMEOUT_S: Final = 3.0
# For one visit, waiting for a connection included; a caller gives up soon after.
VISIT_TIMEOUT_S: Final = 6.0

_NOT_NOW: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)


@dataclass(frozen=True, slots=True)
class _Running:
    """What Piccolo's engine looks for in the transaction of its context."""

    connection: Any


class Database:
    """One pool. Queries run on it inside `visit` and `transaction`."""

    def __init__(self, url: str) -> None:
        self.engine = Engine(url, timeout=CONNECT_TIMEOUT_S, command_timeout=VISIT_TIMEOUT_S)

    async def open(self) -> None:
        """Connects to nothing yet: with no minimum size the pool does that at the first query."""
        await self.engine.start_connection_pool(min_size=0, max_size=POOL_SIZE)

    async def close(self) -> None:
        pool, self.engine.pool = self.engine.pool, None
        if pool is not None:
            pool.terminate()

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Queries inside run singly, each on a connection of the pool.

        Raises RecordsUnavailable for what says "not now".
        """
        self._pool()
        try:
            async with asyncio.timeout(VISIT_TIMEOUT_S):
                with using(self.engine):
                    yield
        except _NOT_NOW as error:
            # The class only: messages of the driver may quote a statement's values.
            raise RecordsUnavailable(
                f"PostgreSQL is out of reach ({type(error).__name__})"
            ) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Queries inside are one transaction: all or none. Else as `visit`.

        Piccolo's own does not give the connection back to the pool when it was lost on the way.
        """
        running = self.engine.current_transaction
        async with self.visit(), self._pool().acquire() as connection, connection.transaction():
            token = running.set(cast(PostgresTransaction, _Running(connection)))
            try:
                yield
            finally:
                running.reset(token)

    def _pool(self) -> asyncpg.Pool:
        if self.engine.pool is None:
            # Without a pool Piccolo would make a connection for each query.
            raise RecordsUnavailable("the records are closed")
        return self.engine.pool

    async def check(self) -> None:
        """Raises RecordsUnavailable unless a query can be answered now."""
        async with self.visit():
            await self.engine.run_querystring(QueryString("SELECT 1"))
