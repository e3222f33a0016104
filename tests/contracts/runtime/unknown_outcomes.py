"""DESIGN §3, 2: nothing is answered before its commit, and an unknown outcome is settled."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.json import decode

from tests.account import Deposit, Pay, Remind
from tests.contracts.runtime.conditions import assert_exact, held, reminded
from tests.faulty_journal import Loss
from tests.stage import LocalStage


class UnknownOutcomes:
    @pytest.mark.parametrize("loss", ["before", "after"])
    async def test_a_commit_with_an_unknown_outcome_is_carried_out_exactly_once(
        self, stage: LocalStage, loss: Loss
    ) -> None:
        payer, payee = stage.account_on(0, "payer"), stage.account_on(0, "payee")
        await stage.ask(payer, Deposit(amount=10))
        for journal in stage.journals.values():
            journal.losses.append(loss)
        answers = await asyncio.gather(
            stage.ask(payer, Pay(to=payee.id, amount=1), "p1"),
            stage.ask(payer, Pay(to=payee.id, amount=1), "p2"),
            stage.ask(payee, Deposit(amount=100), "d1"),
        )
        assert [decode(one)["balance"] for one in answers] == [9, 8, 100]

        async def settled() -> bool:
            return await stage.balances([payer, payee]) == [8, 102]

        await stage.until(settled)
        assert stage.fenced == []
        await assert_exact(stage, payer, [10, 9, 8])

    @pytest.mark.parametrize("loss", ["before", "after"])
    async def test_a_deadline_survives_the_unknown_outcome_of_its_commit(
        self, stage: LocalStage, loss: Loss
    ) -> None:
        ref = stage.account_on(0)
        stage.journals[0].losses.append(loss)
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        await stage.until(reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    async def test_nothing_is_answered_before_its_commit(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        await stage.view(ref)
        journal = stage.journals[0]
        journal.open_gate.clear()
        deposit = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
        await stage.until(held(stage, 0))
        read = asyncio.create_task(stage.view(ref))
        for _ in range(3):
            await stage.pause()
        assert not deposit.done()
        assert not read.done(), "it would show what is not yet durable"
        assert stage.streams().facts.get(f"account:{ref.id}") is None
        journal.open_gate.set()
        await deposit
        assert (await read).balance == 1
