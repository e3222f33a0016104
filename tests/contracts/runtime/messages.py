"""DESIGN §3, 4: messages between entities are brought at least once, and handled once."""

from __future__ import annotations

import asyncio

from actors.courier import Courier
from actors.domain.kernel import EntityRef
from actors.envelope import Status, to_json
from actors.placement import SLOTS, slot_of
from actors.ports import Commit, OutboxRow
from tests.account import Deposit, Pay
from tests.contracts.runtime.conditions import keep_paying
from tests.stage import LocalStage, Stage


class Messages:
    async def test_messages_are_neither_lost_nor_doubled_when_shards_die(
        self, stage: Stage
    ) -> None:
        accounts = [stage.account(n) for n in range(6)]
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=100)) for ref in accounts])
        work = asyncio.create_task(keep_paying(stage, accounts, 30))
        for shard in range(stage.shards):
            await asyncio.sleep(0.03)  # so that payments are under way; it holds wherever it falls
            await stage.crash(shard)
        await work

        async def settled() -> bool:
            return sum(await stage.balances(accounts)) == 600

        await stage.until(settled)
        await stage.pause()
        assert await stage.balances(accounts) == [100] * 6


class LocalMessages:
    async def test_a_message_nobody_brought_is_swept_up(self, stage: LocalStage) -> None:
        payer = stage.account_on(0, "payer")
        payee = stage.account_on(1, "payee")
        await stage.ask(payer, Deposit(amount=10))
        # The target is out of reach when the courier comes, and again in reach later.
        stage.cluster.lose(1)
        await stage.ask(payer, Pay(to=payee.id, amount=4))
        await stage.pause()
        await stage.start_shard(1)

        async def received() -> bool:
            return await stage.balances([payer, payee]) == [6, 4]

        await stage.until(received)

    async def test_a_message_is_handled_once_however_often_it_is_brought(
        self, stage: LocalStage
    ) -> None:
        payer, payee = stage.account_on(0, "payer"), stage.account_on(1, "payee")
        await stage.ask(payer, Deposit(amount=10))
        stage.cluster.lose(1)
        await stage.ask(payer, Pay(to=payee.id, amount=4))
        [row] = await stage.journals[0].undelivered(range(SLOTS), stage.now(), 10)
        await stage.start_shard(1)
        envelope = Courier.envelope(row)
        for _ in range(2):
            replies = await asyncio.gather(*[stage.cluster.submit(1, [envelope]) for _ in range(5)])
            assert {reply[0].status for reply in replies} == {Status.OK}
            # The one that comes now meets a shard that knows it from the journal alone.
            await stage.crash(1)
        assert await stage.balances([payer, payee]) == [6, 4]
        assert await stage.journals[0].undelivered(range(SLOTS), stage.now(), 10) == []

    async def test_a_refused_message_is_refused_for_ever(self, stage: LocalStage) -> None:
        """Brought again after a restart it must not be carried out after all."""
        ref = stage.account_on(1)
        row = message(stage, ref, to_json(Pay(to="somebody", amount=5)))
        [reply] = await stage.cluster.submit(1, [Courier.envelope(row)])
        assert reply.status is Status.REFUSED
        await stage.ask(ref, Deposit(amount=100))
        await stage.crash(1)
        [reply] = await stage.cluster.submit(1, [Courier.envelope(row)])
        assert reply.status is Status.REFUSED
        assert await stage.balances([ref]) == [100]

    async def test_a_message_that_is_not_understood_stays_in_the_outbox(
        self, stage: LocalStage
    ) -> None:
        """The sender may be newer than the receiver: it waits for the restart that cures it."""
        ref = stage.account_on(1)
        row = message(stage, ref, b'{"type":"New"}')
        journal = stage.journals[0]
        await journal.commit(Commit({}, outbox=[row]))
        [reply] = await stage.cluster.submit(1, [Courier.envelope(row)])
        assert reply.status is Status.BAD_COMMAND
        assert await journal.undelivered(range(SLOTS), stage.now(), 10) == [row]
        assert stage.cluster.shard(1).stats.parked == 1


def message(stage: Stage, to: EntityRef, body: bytes) -> OutboxRow:
    """A message from somebody."""
    slot = slot_of(to.kind, to.id)
    return OutboxRow(stage.id(), "account:x", to.kind, to.id, slot, body, stage.now(), False)
