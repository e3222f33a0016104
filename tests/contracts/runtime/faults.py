"""What is wrong with one entity, one command or one row is no matter of the others."""

from __future__ import annotations

import asyncio

import pytest

from actors.domain.kernel import EntityRef
from actors.errors import BadCommand, RuntimeFault
from tests.account import JINX, Deposit, Explode, Hold, Pay, Receive, Release, View
from tests.contracts.runtime.conditions import held
from tests.stage import LocalStage, Stage


class Faults:
    async def test_a_bug_in_a_behaviour_takes_nobody_else_with_it(self, stage: Stage) -> None:
        broken, sound = stage.account_on(0, "broken"), stage.account_on(0, "sound")
        await stage.ask(broken, Deposit(amount=1))
        outcomes = await asyncio.gather(
            stage.ask(broken, Explode()),
            *[stage.ask(sound, Deposit(amount=1)) for _ in range(5)],
            return_exceptions=True,
        )
        assert type(outcomes[0]) is RuntimeFault
        assert all(isinstance(one, bytes) for one in outcomes[1:])
        assert await stage.balances([broken, sound]) == [1, 5]

    async def test_a_malformed_command_is_refused_with_its_reason(self, stage: Stage) -> None:
        ref = stage.account("a")
        with pytest.raises(BadCommand, match="no entity is of kind"):
            await stage.ask(EntityRef("nothing", "x"), View())
        with pytest.raises(BadCommand, match="ids have"):
            await stage.ask(EntityRef("account", "a\0b"), Deposit(amount=1))
        with pytest.raises(BadCommand, match="ids have"):
            await stage.ask(ref, Deposit(amount=1), "x" * 201)

    async def test_a_message_that_a_bug_keeps_from_being_handled_waits_for_the_fix(
        self, stage: Stage
    ) -> None:
        payer, broken = stage.account_on(0, "payer"), stage.account_on(0, "payee")
        jinx = f"{JINX}-{stage.id()}"
        await stage.ask(payer, Deposit(amount=10))
        await stage.ask(broken, Hold(key=jinx))
        await stage.ask(payer, Pay(to=broken.id, amount=3))
        await stage.ask(broken, Deposit(amount=1))
        await stage.pause()
        await stage.ask(broken, Release(key=jinx))
        await stage.crash(0)

        async def received() -> bool:
            return await stage.balances([payer, broken]) == [7, 4]

        await stage.until(received)


class LocalFaults:
    async def test_rows_that_the_journal_rejects_fail_their_command_alone(
        self, stage: LocalStage
    ) -> None:
        bad, good = stage.account_on(0, "bad"), [stage.account_on(0, f"{n}-") for n in range(6)]
        await asyncio.gather(*[stage.view(ref) for ref in (bad, *good)])
        journal = stage.journals[0]
        journal.open_gate.clear()
        first = asyncio.create_task(stage.ask(good[0], Deposit(amount=1)))
        await stage.until(held(stage, 0))
        asks = [asyncio.create_task(stage.ask(ref, Deposit(amount=1))) for ref in good]
        poison = asyncio.create_task(stage.ask(bad, Hold(key="a NUL \0")))
        await asyncio.sleep(0.05)  # so that all of them are in one commit; it holds if they are not
        journal.open_gate.set()
        await asyncio.gather(first, *asks)
        with pytest.raises(RuntimeFault):
            await poison
        assert await stage.balances(good) == [2, 1, 1, 1, 1, 1]
        await stage.ask(bad, Receive(amount=1))
