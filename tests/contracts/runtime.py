"""What DESIGN §3 promises, seen through the router. Subclass and give the fixture `stage`.

`RuntimeContract` holds on every transport; `LocalRuntimeContract` adds what needs a hand inside
the process: faults of the journal, held commits, two owners of one slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle

import pytest
from msgspec.json import decode

from actors.courier import Courier
from actors.domain.kernel import DomainError, EntityRef
from actors.envelope import Status, to_json
from actors.errors import (
    BadCommand,
    Busy,
    CommandIdReused,
    DeadlineExceeded,
    RuntimeFault,
)
from actors.limits import Limits
from actors.placement import SLOTS, slot_of
from actors.ports import Commit, JournalUnavailable, OutboxRow
from tests.account import (
    JINX,
    Deposit,
    Explode,
    Hold,
    Pay,
    Ping,
    Receive,
    Release,
    Remind,
    View,
)
from tests.faulty_journal import Loss
from tests.stage import BY, LocalStage, Stage

# Small enough that a test can fill them, large enough that other tests do not.
LIMITS = Limits(lane=64, mailbox=16, batch=16, answers=64, loads=8, idle_s=30.0)


async def keep_paying(stage: Stage, accounts: Sequence[EntityRef], rounds: int) -> None:
    """Payments in a ring, one after the other for each payer, all payers at once."""

    async def pay(payer: EntityRef, payee: EntityRef) -> None:
        for _ in range(rounds):
            await stage.ask(payer, Pay(to=payee.id, amount=1))

    payees = cycle(accounts)
    next(payees)
    await asyncio.gather(*[pay(a, b) for a, b in zip(accounts, payees, strict=False)])


def message(stage: Stage, to: EntityRef, body: bytes) -> OutboxRow:
    """A message from somebody."""
    slot = slot_of(to.kind, to.id)
    return OutboxRow(stage.id(), "account:x", to.kind, to.id, slot, body, stage.now(), False)


class RuntimeContract:
    @pytest.fixture
    def limits(self, request: pytest.FixtureRequest) -> Limits | None:
        """The shards' bounds; a test that needs small ones sets them as its parameter."""
        return getattr(request, "param", None)

    # ------------------------------------------------------------------ 1. acknowledged survives

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

    # ------------------------------------------------------------------ 2. exactly once

    async def test_a_repeat_gets_the_first_answer_and_changes_nothing(self, stage: Stage) -> None:
        ref = stage.account("a")
        first = await stage.ask(ref, Deposit(amount=5), "d1")
        await stage.ask(ref, Deposit(amount=7), "d2")
        assert await stage.ask(ref, Deposit(amount=5), "d1") == first
        assert (await stage.view(ref)).balance == 12

    async def test_a_repeat_after_a_restart_gets_the_first_answer_too(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        first = await stage.ask(ref, Deposit(amount=5), "d1")
        await stage.ask(ref, Deposit(amount=7), "d2")
        await stage.crash(0)
        assert await stage.ask(ref, Deposit(amount=5), "d1") == first
        assert (await stage.view(ref)).balance == 12

    async def test_repeats_at_the_same_time_are_one_command(self, stage: Stage) -> None:
        ref = stage.account("a")
        answers = await asyncio.gather(*[stage.ask(ref, Deposit(amount=5), "d") for _ in range(9)])
        assert len(set(answers)) == 1
        assert (await stage.view(ref)).balance == 5

    async def test_what_was_refused_stays_refused_also_after_a_restart(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        pay = Pay(to=stage.account("b").id, amount=5)
        with pytest.raises(DomainError, match="the balance is 0") as first:
            await stage.ask(ref, pay, "p")
        await stage.ask(ref, Deposit(amount=100))
        with pytest.raises(DomainError, match="the balance is 0"):
            await stage.ask(ref, pay, "p")
        await stage.crash(0)
        with pytest.raises(DomainError) as again:
            await stage.ask(ref, pay, "p")
        assert str(again.value) == str(first.value)
        assert again.value.code == "too_little"
        assert (await stage.view(ref)).balance == 100

    async def test_what_found_nothing_to_do_does_nothing_when_repeated_later(
        self, stage: Stage
    ) -> None:
        ref = stage.account_on(0)
        at = stage.now() + 1_000
        await stage.ask(ref, Remind(at=at))
        assert await stage.ask(ref, Remind(at=at), "again") == b"null"
        await stage.ask(ref, Deposit(amount=1))
        await stage.ask(ref, Remind(at=at + 1))
        await stage.crash(0)
        assert await stage.ask(ref, Remind(at=at), "again") == b"null"
        await stage.ask(ref, Deposit(amount=1))
        await self.assert_exact(stage, ref, [0, 1, 1, 2])

    async def test_an_id_names_one_command_for_ever(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=5), "d")
        with pytest.raises(CommandIdReused):
            await stage.ask(ref, Deposit(amount=6), "d")
        await stage.crash(0)
        with pytest.raises(CommandIdReused):
            await stage.ask(ref, Deposit(amount=6), "d")
        assert (await stage.view(ref)).balance == 5

    async def test_a_repeat_is_known_by_what_the_caller_said(self, stage: Stage) -> None:
        ref, words, others = stage.account_on(0), Remind(at=1.0), Remind(at=2.0)

        async def ask(amount: int, said: Remind) -> bytes:
            command = Deposit(amount=amount)
            return await stage.router.ask(ref, command, id="d", by=BY, timeout_s=15.0, said=said)

        first = await ask(5, words)
        assert await ask(6, words) == first
        with pytest.raises(CommandIdReused):
            await ask(5, others)
        await stage.crash(0)
        assert await ask(7, words) == first
        with pytest.raises(CommandIdReused):
            await ask(5, others)
        assert (await stage.view(ref)).balance == 5

    async def test_what_the_door_refuses_is_refused_unless_it_was_done_before(
        self, stage: Stage
    ) -> None:
        ref, words = stage.account_on(0), Remind(at=1.0)
        gone = DomainError("gone", "it is gone", ("Deposit",))

        async def ask(id_: str) -> bytes:
            command = Deposit(amount=5)
            return await stage.router.ask(ref, command, id=id_, by=BY, timeout_s=15.0, said=words)

        async def refuse(id_: str, said: Remind) -> bytes:
            return await stage.router.refuse(ref, said, gone, id=id_, by=BY, timeout_s=15.0)

        first = await ask("done")
        for attempt in range(2):
            assert await refuse("done", words) == first
            with pytest.raises(CommandIdReused):
                await refuse("done", Remind(at=2.0))
            # And the other way round: what was refused stays so, though it could be done by now.
            for again in (refuse("refused", words), ask("refused")):
                with pytest.raises(DomainError, match="it is gone") as refused:
                    await again
                assert (refused.value.code, refused.value.allowed) == ("gone", ("Deposit",))
            if attempt == 0:
                await stage.crash(0)
        assert (await stage.view(ref)).balance == 5

    async def test_a_read_changes_nothing_and_is_not_remembered(self, stage: Stage) -> None:
        ref = stage.account("a")
        with pytest.raises(BadCommand):
            await stage.router.read(ref, Deposit(amount=5), by=BY)
        assert await stage.balances([ref]) == [0]
        await stage.ask(ref, Deposit(amount=5))
        assert await stage.balances([ref]) == [5]

    # ------------------------------------------------------------------ 4. messages

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

    # ------------------------------------------------------------------ 5. timers

    async def test_a_timer_fires_once_at_its_time(self, stage: Stage) -> None:
        ref = stage.account("a")
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        assert (await stage.view(ref)).reminded == ()
        await stage.until(self._reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    async def test_a_timer_fires_although_its_shard_died_meanwhile(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        await stage.crash(0)
        await stage.until(self._reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    def _reminded(self, stage: Stage, ref: EntityRef) -> Callable[[], Awaitable[bool]]:
        async def reminded() -> bool:
            return (await stage.view(ref)).reminded != ()

        return reminded

    # ------------------------------------------------------------------ 7. claims

    async def test_a_key_is_held_by_one_entity_at_most(self, stage: Stage) -> None:
        refs = [stage.account_on(shard, f"h{n}-") for shard in range(stage.shards) for n in "ab"]
        key = stage.id()
        outcomes = await asyncio.gather(
            *[stage.ask(ref, Hold(key=key), "hold") for ref in refs], return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, DomainError)]
        assert len(refused) == len(refs) - 1, outcomes
        assert {one.code for one in refused} == {"conflict"}
        winner = refs[[isinstance(one, bytes) for one in outcomes].index(True)]
        loser = next(ref for ref in refs if ref != winner)
        await stage.ask(winner, Release(key=key))
        await stage.ask(loser, Hold(key=key))
        with pytest.raises(DomainError, match="held by another"):
            await stage.ask(winner, Hold(key=key))

    async def test_a_claim_that_was_lost_stays_lost_for_its_command_id(self, stage: Stage) -> None:
        holder, other = stage.account_on(0), stage.account_on(stage.shards - 1, "y")
        key = stage.id()
        await stage.ask(holder, Hold(key=key))
        outcomes = await asyncio.gather(
            stage.ask(other, Hold(key=key), "hold"),
            stage.ask(other, Deposit(amount=1)),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], DomainError)
        assert isinstance(outcomes[1], bytes), "its neighbour in the batch has no part in it"
        await stage.ask(holder, Release(key=key))
        await stage.crash(stage.shards - 1)
        with pytest.raises(DomainError, match="held by another"):
            await stage.ask(other, Hold(key=key), "hold")

    async def test_a_holder_that_renames_its_claim_does_not_lose_it(self, stage: Stage) -> None:
        """The claim's holder changes in the same batch in which another entity wants the key."""
        holder, other = stage.account_on(0, "x"), stage.account_on(0, "y")
        first, second = stage.id(), stage.id()
        await stage.ask(holder, Hold(key=first))
        await stage.ask(holder, Hold(key=second))
        wanted, renamed = await asyncio.gather(
            stage.ask(other, Hold(key=second)),
            stage.ask(holder, Release(key=first)),
            return_exceptions=True,
        )
        assert isinstance(wanted, DomainError), "the key had a holder all the time"
        assert isinstance(renamed, bytes)

    # ------------------------------------------------------------------ faults of behaviours

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

    # ------------------------------------------------------------------ publications, telemetry

    def _facts(self, stage: Stage, ref: EntityRef, last: int) -> Callable[[], Awaitable[bool]]:
        async def arrived() -> bool:
            facts = stage.streams().facts.get(f"account:{ref.id}", [])
            return bool(facts) and facts[-1][0] >= last

        return arrived

    async def assert_exact(self, stage: Stage, ref: EntityRef, balances: Sequence[int]) -> None:
        """Subscribers have seen each balance once, in order, under offsets without a gap."""
        await stage.until(self._facts(stage, ref, len(balances)))
        streams = stage.streams()
        facts = streams.facts[f"account:{ref.id}"]
        assert [offset for offset, _ in facts] == list(range(1, len(balances) + 1))
        assert [decode(data)["balance"] for _, data in facts] == list(balances)
        assert streams.gaps == []

    async def test_each_event_is_published_in_order_without_a_gap(self, stage: Stage) -> None:
        ref = stage.account("a")
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await self.assert_exact(stage, ref, range(1, 31))

    async def test_facts_arrive_exactly_although_the_streams_were_away(self, stage: Stage) -> None:
        ref = stage.account("a")
        await stage.ask(ref, Deposit(amount=1))
        await stage.until(self._facts(stage, ref, 1))
        stage.cut_streams(True)
        for _ in range(10):
            await stage.ask(ref, Deposit(amount=1))
        await stage.pause()
        stage.cut_streams(False)
        await stage.ask(ref, Deposit(amount=1))
        await self.assert_exact(stage, ref, range(1, 13))

    async def test_facts_arrive_exactly_although_the_shard_died_before_it_published(
        self, stage: Stage
    ) -> None:
        ref = stage.account_on(0)
        stage.cut_streams(True)
        for _ in range(10):
            await stage.ask(ref, Deposit(amount=1))
        await stage.crash(0)
        stage.cut_streams(False)
        await stage.ask(ref, Deposit(amount=1))
        await self.assert_exact(stage, ref, range(1, 12))

    async def test_signals_are_absorbed_forwarded_and_published_as_latest(
        self, stage: Stage
    ) -> None:
        ref = stage.account("a")
        echo = EntityRef("account", f"{ref.id}-echo")

        async def arrived() -> bool:
            stage.router.signal(ref, Ping(n=-3))
            seen = [(await stage.view(one)).seen for one in (ref, echo)]
            latest = stage.streams().latest.get((f"ticks:{ref.id}", ref.id), b"{}")
            return seen == [-3, -3] and decode(latest).get("balance") == -3

        await stage.until(arrived)

    # ------------------------------------------------------------------ placement

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
        await stage.until(self._reminded(stage, accounts[0]))


class LocalRuntimeContract(RuntimeContract):
    # ------------------------------------------------------------------ 2. unknown outcomes

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
        await self.assert_exact(stage, payer, [10, 9, 8])

    @pytest.mark.parametrize("loss", ["before", "after"])
    async def test_a_deadline_survives_the_unknown_outcome_of_its_commit(
        self, stage: LocalStage, loss: Loss
    ) -> None:
        ref = stage.account_on(0)
        stage.journals[0].losses.append(loss)
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        await stage.until(self._reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    async def test_nothing_is_answered_before_its_commit(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        await stage.view(ref)
        journal = stage.journals[0]
        journal.open_gate.clear()
        deposit = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
        await stage.until(self._held(stage, 0))
        read = asyncio.create_task(stage.view(ref))
        for _ in range(3):
            await stage.pause()
        assert not deposit.done()
        assert not read.done(), "it would show what is not yet durable"
        assert stage.streams().facts.get(f"account:{ref.id}") is None
        journal.open_gate.set()
        await deposit
        assert (await read).balance == 1

    def _held(self, stage: LocalStage, shard: int) -> Callable[[], Awaitable[bool]]:
        async def held() -> bool:
            return stage.journals[shard].held > 0

        return held

    # ------------------------------------------------------------------ 3. one writer

    async def test_an_old_owner_is_fenced_and_stops_at_once(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=1))
        old_journal = stage.journals[0]
        # A commit of the old owner is under way when the new one takes over.
        old_journal.open_gate.clear()
        late = asyncio.create_task(stage.ask(ref, Deposit(amount=10), "late"))
        await stage.until(self._held(stage, 0))
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
        await stage.until(self._held(stage, 0))
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
        await stage.until(self._held(stage, 0))
        old = stage.cluster.lose(0)
        await stage.start_shard(0)
        stop = asyncio.create_task(old.stop())
        await asyncio.sleep(0)
        old_journal.open_gate.set()
        async with asyncio.timeout(5):
            await stop
        await late
        assert (await stage.view(ref)).balance == 11

    # ------------------------------------------------------------------ 4. messages

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

    # ------------------------------------------------------------------ 5. timers

    async def test_a_deadline_survives_the_failure_of_a_commit_that_would_have_moved_it(
        self, stage: LocalStage
    ) -> None:
        ref, neighbour = stage.account_on(0), stage.account_on(0, "neighbour")
        key = stage.id()
        await stage.ask(stage.account_on(1), Hold(key=key))
        await stage.view(ref)
        await stage.view(neighbour)
        journal = stage.journals[0]
        journal.open_gate.clear()
        at = stage.now() + 2.0
        remind = asyncio.create_task(stage.ask(ref, Remind(at=at)))
        await stage.until(self._held(stage, 0))
        # Executed ahead of the first one's commit; lost with its own, which a neighbour's claim
        # spoils; and then it is too late to execute it again.
        moved = asyncio.create_task(stage.ask(ref, Remind(at=at + 1e6), timeout_s=0.3))
        hold = asyncio.create_task(stage.ask(neighbour, Hold(key=key)))
        with pytest.raises(DeadlineExceeded):
            await moved
        await stage.pause()
        journal.open_gate.set()
        await remind
        with pytest.raises(DomainError, match="held by another"):
            await hold
        await stage.until(self._reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    # ------------------------------------------------------------------ 6. bounds

    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    async def test_a_full_mailbox_says_busy(self, stage: LocalStage) -> None:
        ref, other = stage.account_on(0), stage.account_on(0, "other")
        fill = [(ref, LIMITS.mailbox)]
        await self.assert_busy(stage, fill, [ref] * 4)
        assert await stage.balances([ref, other]) == [LIMITS.mailbox, 0]

    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    @pytest.mark.parametrize("kind", ["account", "alarm"])
    async def test_a_full_lane_says_busy(self, stage: LocalStage, kind: str) -> None:
        """Counted from acceptance to answer, wherever the command is meanwhile."""
        refs = [stage.account_on(0, f"{n}-", kind) for n in range(LIMITS.lane + 4)]
        await self.assert_busy(
            stage, [(ref, 1) for ref in refs[: LIMITS.lane]], refs[LIMITS.lane :]
        )
        assert sum(await stage.balances(refs[:60])) == 60

    async def assert_busy(
        self, stage: LocalStage, fill: list[tuple[EntityRef, int]], more: list[EntityRef]
    ) -> None:
        """While `fill` waits for a commit there is no room for `more`; afterwards there is."""
        shard = stage.cluster.shard(0)
        stage.journals[0].open_gate.clear()
        waiting = [
            asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
            for ref, times in fill
            for _ in range(times)
        ]
        await stage.until(self._held(stage, 0))
        outcomes = await asyncio.gather(
            *[stage.ask(ref, Deposit(amount=1), "more", timeout_s=0.3) for ref in more],
            return_exceptions=True,
        )
        assert [type(one) for one in outcomes] == [Busy] * len(more)
        assert shard.stats.busy >= len(more)
        stage.journals[0].open_gate.set()
        await asyncio.gather(*waiting)

    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    async def test_an_urgent_command_is_not_delayed_by_a_flood_of_others(
        self, stage: LocalStage
    ) -> None:
        ref, alarm = stage.account_on(0), stage.account_on(0, kind="alarm")
        await stage.view(ref)
        await stage.view(alarm)
        journal = stage.journals[0]
        journal.open_gate.clear()
        flood = [
            asyncio.create_task(stage.ask(stage.account_on(0, f"f{n}-"), Deposit(amount=1)))
            for n in range(LIMITS.lane)
        ]
        # The same entity's mailbox is full of others, too.
        crowd = [
            asyncio.create_task(stage.ask(ref, Deposit(amount=1))) for _ in range(LIMITS.mailbox)
        ]
        await stage.until(self._held(stage, 0))
        commits = journal.commits
        urgent = [
            asyncio.create_task(stage.ask(alarm, Deposit(amount=1))),
            asyncio.create_task(
                stage.router.ask(
                    ref, Deposit(amount=1), id=stage.id(), by=BY, urgent=True, timeout_s=15.0
                )
            ),
        ]
        # So that the urgent ones are there before the gate opens: they need some turns of the loop,
        # and nothing tells when the last of them has come.
        for _ in range(10):
            await asyncio.sleep(0.01)
        journal.open_gate.set()
        await asyncio.gather(*urgent)
        # The commit that was on its way, the one that was filled then, and no other.
        assert journal.commits <= commits + 2
        await asyncio.gather(*flood, *crowd)

    # ------------------------------------------------------------------ memory

    @pytest.mark.parametrize("limits", [Limits(idle_s=0.5, loads=8)], indirect=True)
    async def test_an_idle_entity_leaves_the_memory_and_comes_back_as_it_was(
        self, stage: LocalStage
    ) -> None:
        refs = [stage.account_on(0, f"{n}-") for n in range(20)]
        for n, ref in enumerate(refs):
            for _ in range(n % 5):
                await stage.ask(ref, Deposit(amount=n))
        shard = stage.cluster.shard(0)

        async def passivated() -> bool:
            return shard.stats.entities == 0

        await stage.until(passivated)
        assert await stage.balances(refs) == [n * (n % 5) for n in range(20)]

    @pytest.mark.parametrize("limits", [Limits(entities=0)], indirect=True)
    async def test_an_entity_with_work_in_progress_stays_in_memory(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        journal, shard = stage.journals[0], stage.cluster.shard(0)
        journal.open_gate.clear()
        first = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
        await stage.until(self._held(stage, 0))

        async def looked_for_idle_ones() -> bool:
            return shard.stats.waiting > 0

        await stage.until(looked_for_idle_ones)
        second = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))

        async def executed() -> bool:
            return shard.stats.entities > 0

        await stage.until(executed)
        journal.open_gate.set()
        assert [decode(one)["balance"] for one in await asyncio.gather(first, second)] == [1, 2]
        assert shard.stats.rewinds == 0

    # ------------------------------------------------------------------ faults of the rows

    async def test_rows_that_the_journal_rejects_fail_their_command_alone(
        self, stage: LocalStage
    ) -> None:
        bad, good = stage.account_on(0, "bad"), [stage.account_on(0, f"{n}-") for n in range(6)]
        await asyncio.gather(*[stage.view(ref) for ref in (bad, *good)])
        journal = stage.journals[0]
        journal.open_gate.clear()
        first = asyncio.create_task(stage.ask(good[0], Deposit(amount=1)))
        await stage.until(self._held(stage, 0))
        asks = [asyncio.create_task(stage.ask(ref, Deposit(amount=1))) for ref in good]
        poison = asyncio.create_task(stage.ask(bad, Hold(key="a NUL \0")))
        await asyncio.sleep(0.05)  # so that all of them are in one commit; it holds if they are not
        journal.open_gate.set()
        await asyncio.gather(first, *asks)
        with pytest.raises(RuntimeFault):
            await poison
        assert await stage.balances(good) == [2, 1, 1, 1, 1, 1]
        await stage.ask(bad, Receive(amount=1))

    # ------------------------------------------------------------------ publications

    async def test_facts_arrive_exactly_although_batches_were_torn(self, stage: LocalStage) -> None:
        ref = stage.account("a")
        stage.streams().torn = 4
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(20)])
        await self.assert_exact(stage, ref, range(1, 21))

    async def test_facts_arrive_exactly_although_the_queue_overflows(
        self, stage: LocalStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.relay.QUEUE_LIMIT", 10)
        monkeypatch.setattr("actors.relay.PAGE", 4)
        ref = stage.account("a")
        for burst in range(4):
            stage.cut_streams(burst % 2 == 0)
            await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await self.assert_exact(stage, ref, range(1, 121))

    async def test_the_newest_latest_arrives_although_the_streams_were_away(
        self, stage: LocalStage
    ) -> None:
        ref = stage.account("a")
        await stage.view(ref)
        stage.cut_streams(True)
        stage.router.signal(ref, Ping(n=7))

        async def absorbed() -> bool:
            return (await stage.view(ref)).seen == 7

        await stage.until(absorbed)
        await stage.pause()
        stage.cut_streams(False)

        async def arrived() -> bool:
            return (f"ticks:{ref.id}", ref.id) in stage.streams().latest

        await stage.until(arrived)

    async def test_a_clean_stop_publishes_what_it_committed(self, stage: LocalStage) -> None:
        ref = stage.account("a")
        stage.cut_streams(True)
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await stage.pause()
        stage.cut_streams(False)
        await stage.close()
        facts = stage.streams().facts[f"account:{ref.id}"]
        assert [offset for offset, _ in facts] == list(range(1, 31))
