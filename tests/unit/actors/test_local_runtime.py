"""The runtime in one process, on the journal in memory and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.clock import ManualClock
from actors.journal_memory import MemoryJournal
from actors.limits import Limits
from tests.contracts.runtime import LocalRuntimeContract
from tests.stage import LocalStage


class TestLocalRuntime(LocalRuntimeContract):
    @pytest.fixture
    async def stage(self, limits: Limits | None) -> AsyncIterator[LocalStage]:
        journal = MemoryJournal()

        async def connect() -> MemoryJournal:
            return journal

        stage = LocalStage(connect, ManualClock(), limits=limits)
        await stage.open()
        yield stage
        await stage.close()
