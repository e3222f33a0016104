"""Random commands, crashes, lost commits, retries and time, against a model of what must hold.

The model counts what was acknowledged; the system under test is a LocalCluster on the journal in
memory. A commit may be lost before or after the journal has it, and a shard may die while one is
under way, so each path of the group commit is taken in many orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.clock import ManualClock
from actors.domain.kernel import Command, DomainError, EntityRef
from actors.entity import Entity
from actors.journal_memory import MemoryJournal
from tests.account import ACCOUNT, Deposit, Hold, Pay, Release, Remind
from tests.stage import LocalStage

MOST_SHARDS = 3
NAMES = [f"n{n}" for n in range(5)]
KEYS = ["k1", "k2"]
shards = st.integers(0, MOST_SHARDS - 1)
names = st.sampled_from(NAMES)
amounts = st.integers(1, 9)


class Runtime(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.sent: dict[str, tuple[EntityRef, Command]] = {}
        self.acknowledged: dict[str, bytes | str] = {}
        self.deposited = 0
        self.versions: dict[str, int] = {}
        self.deadlines: dict[str, float] = {}

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        async def connect() -> MemoryJournal:
            return self.journal

        self.stage = LocalStage(connect, self.clock, shards=2)
        self.do(self.stage.open())

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self.do(self.settle())
                self.do(self.stage.close())
        finally:
            self.do(self.end())
            self.loop.close()

    async def end(self) -> None:
        """After a failure nothing may be left running."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------ commands

    async def send(self, ids: list[str], death: tuple[int, str] | None = None) -> None:
        """Ask for these at once; with `death`, that shard dies before or after it commits them."""
        if death is not None:
            shard, when = death[0] % self.stage.shards, death[1]
            self.arm(shard, when)
        asks = [
            asyncio.create_task(self.stage.ask(*self.sent[id_], id_, timeout_s=60.0)) for id_ in ids
        ]
        if death is not None:
            for _ in range(30):
                await asyncio.sleep(0)
            await self.stage.crash(shard)
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
        for id_, outcome in zip(ids, outcomes, strict=True):
            self.note(id_, outcome)

    def arm(self, shard: int, when: str) -> None:
        journal = self.stage.journals[shard]
        if when == "before":
            journal.open_gate.clear()
        else:
            journal.on_commit = self.stage.cluster.shard(shard).kill

    def note(self, id_: str, outcome: bytes | BaseException) -> None:
        """An acknowledgement is for ever; a deposit counts once."""
        if isinstance(outcome, DomainError):
            answer: bytes | str = f"{outcome.code}: {outcome.message}"
        else:
            assert isinstance(outcome, bytes), outcome
            answer = outcome
        first = self.acknowledged.setdefault(id_, answer)
        assert first == answer, f"{id_}: a repeat got another answer"

    def new(self, ref: EntityRef, command: Command) -> str:
        id_ = f"c{len(self.sent)}"
        self.sent[id_] = (ref, command)
        if isinstance(command, Deposit):
            self.deposited += command.amount
        return id_

    commands = st.one_of(
        st.builds(Deposit, amount=amounts),
        st.builds(Pay, to=names, amount=amounts),
        st.builds(Hold, key=st.sampled_from(KEYS)),
        st.builds(Release, key=st.sampled_from(KEYS)),
    )

    def ref(self, name: str) -> EntityRef:
        return EntityRef("account", name)

    @rule(
        work=st.lists(st.tuples(names, commands), min_size=1, max_size=8),
        death=st.none() | st.tuples(shards, st.sampled_from(["before", "after"])),
    )
    def ask(self, work: list[tuple[str, Command]], death: tuple[int, str] | None) -> None:
        self.do(self.send([self.new(self.ref(name), command) for name, command in work], death))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.sent)), min_size=1, max_size=4))
        self.do(self.send(ids))

    @rule(name=names, after=st.integers(1, 20))
    def remind(self, name: str, after: int) -> None:
        # No two alike: to ask for the deadline that stands would be a command without an event.
        at = self.clock.now() + after + len(self.sent) / 1024
        id_ = self.new(self.ref(name), Remind(at=at))
        self.do(self.send([id_]))
        self.deadlines[name] = at

    # ------------------------------------------------------------------ the world

    @rule(shard=shards, losses=st.lists(st.sampled_from([None, "before", "after"]), max_size=3))
    def lose_commits(self, shard: int, losses: list[Any]) -> None:
        self.stage.journals[shard % self.stage.shards].losses.extend(losses)

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        self.do(self.stage.crash(shard % self.stage.shards))

    @rule(down=st.booleans())
    def cut_streams(self, down: bool) -> None:
        self.stage.cut_streams(down)

    @rule(torn=st.integers(0, 3))
    def tear_streams(self, torn: int) -> None:
        self.stage.streams().torn = torn

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.do(self.clock.advance(seconds))

    @rule(count=st.integers(1, MOST_SHARDS))
    def reopen(self, count: int) -> None:
        """A clean stop, and a start with another number of shards."""
        self.do(self.stage.reopen(count))

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def versions_only_grow_by_whole_histories(self) -> None:
        for ref, row in self.journal.entities.items():
            history = [event.version for _, event in self.journal.journal[ref]]
            assert history == list(range(1, row.version + 1))
            assert row.version >= self.versions.get(ref, 0)
            self.versions[ref] = row.version

    @invariant()
    def streams_have_no_gap(self) -> None:
        if hasattr(self, "stage"):
            assert self.stage.streams().gaps == []

    @invariant()
    def a_key_has_one_holder(self) -> None:
        for key in KEYS:
            holders = [ref for ref in self.journal.entities if key in self.state(ref).holds]
            assert len(holders) <= 1, holders

    def state(self, ref: str) -> Any:
        """From the first event on, without any snapshot."""
        state = ACCOUNT.initial(ref.partition(":")[2])
        for _, row in self.journal.journal[ref]:
            state = ACCOUNT.apply(state, msgspec.json.decode(row.event, type=ACCOUNT.event_type))
        return state

    async def settle(self) -> None:
        """Let everything that is on its way arrive; then all must add up."""
        for journal in self.stage.journals.values():
            journal.losses.clear()
        self.stage.cut_streams(False)
        self.stage.streams().torn = 0
        for _ in range(60):
            await self.clock.advance(1.0)
        assert self.journal.outbox == {}
        refs = [self.ref(name) for name in NAMES]
        accounts = {name: await self.stage.view(self.ref(name)) for name in NAMES}
        assert sum(account.balance for account in accounts.values()) == self.deposited
        records = await self.journal.load([str(ref) for ref in refs])
        for name, account in accounts.items():
            record = records.get(f"account:{name}")
            if record is None:
                continue
            loaded = Entity(ACCOUNT, name, record).state
            assert loaded == self.state(f"account:{name}"), "snapshot + tail is the whole history"
            assert (loaded.balance, loaded.reminded) == (account.balance, account.reminded)
            assert loaded.remind_at is None or loaded.remind_at > self.clock.now()
            if name in self.deadlines:
                assert self.deadlines[name] in loaded.reminded
            facts = self.stage.streams().facts[f"account:{name}"]
            assert [offset for offset, _ in facts] == list(range(1, record.version + 1))
        for (ref, id_), (_, stored) in self.journal.answers.items():
            if id_ in self.acknowledged and stored.status == 0:
                assert stored.body == self.acknowledged[id_], (ref, id_)
        self.each_acknowledged_command_counts_once()

    def each_acknowledged_command_counts_once(self) -> None:
        done: dict[str, int] = {}
        for history in self.journal.journal.values():
            for command_id in {row.command_id for _, row in history}:
                done[command_id] = done.get(command_id, 0) + 1
            ids = [row.command_id for _, row in history]
            assert len(ids) == len(set(ids)), "each command of an account leads to one event"
        for id_, answer in self.acknowledged.items():
            assert done.get(id_, 0) == (0 if isinstance(answer, str) else 1), id_


Runtime.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=15,
    database=None,
    # No shrinking: with this many steps it takes longer than all other tests together.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestRuntimeMachine = Runtime.TestCase
