"""The runtime's contract on Ray, and what only the cluster can show."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.errors import Unavailable
from tests.account import Deposit
from tests.contracts.runtime import RuntimeContract
from tests.integration.actors.ray_stage import RayStage


class TestRayRuntime(RuntimeContract):
    @pytest.fixture
    async def stage(
        self, ray_cluster: str, ray_database: str, ray_streams: Path
    ) -> AsyncIterator[RayStage]:
        stage = RayStage(ray_database, ray_streams)
        await stage.open()
        yield stage
        await stage.close()

    async def test_shards_that_run_as_wanted_are_left_alone(self, stage: RayStage) -> None:
        before = [await stage.pid(shard) for shard in range(stage.shards)]
        await stage.open()
        assert [await stage.pid(shard) for shard in range(stage.shards)] == before

    async def test_the_number_of_shards_changes_with_nothing_lost(  # type: ignore[override]  # this suite's own stage
        self, stage: RayStage
    ) -> None:
        before = await stage.pid(0)
        await super().test_the_number_of_shards_changes_with_nothing_lost(stage)
        assert await stage.pid(0) != before, "it is cut differently, so it was replaced"
        await stage.reopen(2)
        with pytest.raises(Unavailable):
            await stage.transport.check(2)

    async def test_a_shard_that_stands_still_is_replaced_by_none_and_loses_nothing(
        self, stage: RayStage
    ) -> None:
        """A process that hangs is out of reach; its callers wait, and it answers when it can."""
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=1))
        pid = await stage.pid(0)
        os.kill(pid, signal.SIGSTOP)
        ask = asyncio.create_task(stage.ask(ref, Deposit(amount=2)))
        other = await stage.ask(stage.account_on(1), Deposit(amount=1))
        assert other
        assert not ask.done()
        os.kill(pid, signal.SIGCONT)
        await ask
        assert await stage.balances([ref]) == [3]

    async def test_stats_are_served(self, stage: RayStage) -> None:
        await stage.ask(stage.account_on(1), Deposit(amount=1))
        stats = await stage.transport.stats(1)
        assert stats.shard == 1
        assert stats.commits >= 1
