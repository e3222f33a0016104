"""The number of shards is changed between two starts."""

from __future__ import annotations

import asyncio

from tests.account import Deposit, Remind
from tests.contracts.runtime.conditions import keep_paying, reminded
from tests.stage import Stage


class Placement:
    async def test_the_number_of_shards_changes_with_nothing_lost(self, stage: Stage) -> None:
        accounts = [stage.account(n) for n in range(12)]
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=50), "seed") for ref in accounts])
        at = stage.now() + 0.5
        await stage.ask(accounts[0], Remind(at=at))
        await keep_paying(stage, accounts, 3)
        await stage.reopen(stage.shards + 1)

        async def settled() -> bool:
            return sum(await stage.balances(accounts)) == 600

        await stage.until(settled)
        assert await stage.balances(accounts) == [50] * 12
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=50), "seed") for ref in accounts])
        assert await stage.balances(accounts) == [50] * 12
        await stage.until(reminded(stage, accounts[0]))
