"""Counts what a request costs: password hashes, and the statements that PostgreSQL is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from asyncpg.connection import LoggedQuery

from storage.records.database import POOL_SIZE, Database
from tests.integration.web.accounts.stage import Stage

_LITERAL = re.compile(r"'[^']*'|\b[0-9]+\b")


@dataclass(slots=True)
class Work:
    """`statements`: without their values, in order."""

    hashes: int = 0
    statements: list[str] = field(default_factory=list)


@asynccontextmanager
async def counted(stage: Stage, database: Database) -> AsyncIterator[Work]:
    """What is done inside."""
    work = Work()
    passwords = stage.accounts.parts.passwords
    before = passwords.computed

    def note(query: LoggedQuery) -> None:
        work.statements.append(_LITERAL.sub("?", " ".join(query.query.split())))

    pool = database.engine.pool
    assert pool is not None
    async with AsyncExitStack() as closing:
        # All of the pool's connections: any may serve the request.
        async with AsyncExitStack() as held:
            for _ in range(POOL_SIZE):
                connection = await held.enter_async_context(pool.acquire())
                closing.enter_context(connection.query_logger(note))
        work.statements.clear()  # what giving them back took
        yield work
    work.hashes = passwords.computed - before
