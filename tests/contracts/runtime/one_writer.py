"""DESIGN §3, 3: an old owner of a slot is fenced, whatever it was about to do."""

from __future__ import annotations

import asyncio

import pytest

from actors.ports import JournalUnavailable
from tests.account import Deposit
from tests.contracts.runtime.conditions import held
from tests.stage import LocalStage


class OneWriter:
    async def test_an_old_owner_is_fenced_and_stops_at_once(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=1))
        old_journal = stage.journals[0]
        # A commit of the old owner is under way when the new one takes over.
        old_journal.open_gate.clear()
        late = asyncio.create_task(stage.ask(ref, Deposit(amount=10), "late"))
        await stage.until(held(stage, 0))
        old = stage.cluster.lose(0)
        await stage.start_shard(0)
        await stage.ask(ref, Deposit(amount=100))
        assert stage.fenced == []
        old_journal.open_gate.set()
        await late
        assert stage.fenced == [0]
        await stage.ask(ref, Deposit(amount=10), "late")
        assert (await stage.view(ref)).balance == 111
        with pytest.raises(JournalUnavailable, match="not open"):
            await old.check()

    async def test_an_old_owner_with_nothing_to_do_stops_too(self, stage: LocalStage) -> None:
        stage.cluster.lose(0)
        await stage.start_shard(0)

        async def stopped() -> bool:
            return stage.fenced == [0]

        await stage.until(stopped)
        assert (await stage.view(stage.account_on(0))).balance == 0

    async def test_an_old_owner_in_doubt_does_not_take_its_slots_back(
        self, stage: LocalStage
    ) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=1))
        old_journal = stage.journals[0]
        old_journal.open_gate.clear()
        late = asyncio.create_task(stage.ask(ref, Deposit(amount=10), "late"))
        await stage.until(held(stage, 0))
        stage.cluster.lose(0)
        await stage.start_shard(0)
        old_journal.losses.append("before")
        old_journal.open_gate.set()
        await late
        assert stage.fenced == [0], "the old one, and not the new one"
        await stage.ask(ref, Deposit(amount=100))
        assert (await stage.view(ref)).balance == 111
        assert stage.fenced == [0]

    async def test_a_fenced_shard_that_is_asked_to_stop_ends(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=1))
        old_journal = stage.journals[0]
        old_journal.open_gate.clear()
        late = asyncio.create_task(stage.ask(ref, Deposit(amount=10), "late"))
        await stage.until(held(stage, 0))
        old = stage.cluster.lose(0)
        await stage.start_shard(0)
        stop = asyncio.create_task(old.stop())
        await asyncio.sleep(0)
        old_journal.open_gate.set()
        async with asyncio.timeout(5):
            await stop
        await late
        assert (await stage.view(ref)).balance == 11
