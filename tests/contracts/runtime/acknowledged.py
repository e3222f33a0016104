"""DESIGN §3, 1: what was acknowledged survives."""

from __future__ import annotations

import asyncio

from actors.domain.kernel import EntityRef
from tests.account import Deposit
from tests.stage import Stage


class Acknowledged:
    async def test_an_acknowledged_command_survives_the_death_of_its_shard(
        self, stage: Stage
    ) -> None:
        accounts = [stage.account(n) for n in range(8)]
        done = asyncio.Event()
        acknowledged = dict.fromkeys(accounts, 0)

        async def deposit(ref: EntityRef) -> None:
            while not done.is_set():
                await stage.ask(ref, Deposit(amount=1))
                acknowledged[ref] += 1

        work = asyncio.gather(*map(deposit, accounts))
        for shard in range(stage.shards):
            enough = sum(acknowledged.values()) + 40
            while sum(acknowledged.values()) < enough:
                await asyncio.sleep(0.005)  # some commits of the quickest stage
            await stage.crash(shard)
        before = dict(acknowledged)
        while any(acknowledged[ref] == before[ref] for ref in accounts):
            await asyncio.sleep(0.005)
        done.set()
        await work
        assert await stage.balances(accounts) == list(acknowledged.values())
