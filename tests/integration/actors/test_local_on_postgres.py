"""The runtime in one process, on PostgreSQL and the wall's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.clock import SystemClock
from actors.limits import Limits
from storage.journal_postgres import PostgresJournal
from tests.contracts.runtime import LocalRuntimeContract
from tests.stage import LocalStage


class TestLocalRuntimeOnPostgres(LocalRuntimeContract):
    @pytest.fixture
    async def stage(self, database: str, limits: Limits | None) -> AsyncIterator[LocalStage]:
        journals: list[PostgresJournal] = []

        async def connect() -> PostgresJournal:
            journals.append(PostgresJournal(database))
            return journals[-1]

        stage = LocalStage(connect, SystemClock(), limits=limits)
        await stage.open()
        yield stage
        await stage.close()
        for journal in journals:
            await journal.close()
