"""The relay: order and completeness of facts when the streams are slow, full or away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from actors import relay as relay_module
from actors.clock import ManualClock
from actors.domain.kernel import EntityRef
from actors.journal_memory import MemoryJournal
from actors.placement import slot_of
from actors.ports import Commit, EntityRow, JournalRow, Outgoing
from actors.relay import Relay
from tests.streams import Streams
from tests.waiting import until

REF = "account:a"
SLOT = slot_of("account", "a")


class SlowStreams(Streams):
    """Publishing waits at the gate; `entered` counts who has come to it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        self.entered += 1
        await self.gate.wait()
        await super().publish(batch)


class World:
    """One entity whose events are committed and put to the relay, as a shard does."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.streams = SlowStreams()
        self.clock = ManualClock()
        self.version = 0
        self.epochs: dict[int, int] = {}

    async def start(self) -> None:
        self.epochs = dict(await self.journal.take([SLOT], "owner"))
        self.relay = Relay(
            self.journal, self.streams, lambda: self.epochs, self.channel, self.clock
        )

    def channel(self, ref: EntityRef) -> str:
        return str(ref)

    async def commit(self) -> tuple[Outgoing, int]:
        self.version += 1
        data = str(self.version).encode()
        row = JournalRow(REF, self.version, 0.0, f"c{self.version}", data, data)
        entity = EntityRow(REF, SLOT, self.version, None, data)
        seq = await self.journal.commit(Commit(self.epochs, journal=[row], entities=[entity]))
        return Outgoing(REF, data, "fact", self.version), seq

    async def publish(self, times: int = 1) -> None:
        for _ in range(times):
            fact, seq = await self.commit()
            self.relay.put([fact], seq)

    @property
    def seen(self) -> list[int]:
        return [offset for offset, _ in self.streams.facts.get(REF, [])]

    async def unpublished(self) -> int:
        return len(await self.journal.unpublished([SLOT], 1_000))

    async def entered(self, times: int) -> None:
        async def there() -> bool:
            return self.streams.entered >= times

        await until(there)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.start()
    yield world


async def test_what_was_committed_before_it_started_is_published_first(world: World) -> None:
    for _ in range(3):
        await world.commit()
    await world.publish()
    await world.relay.flush()
    assert (world.seen, world.streams.gaps) == ([1, 2, 3, 4], [])
    assert await world.unpublished() == 0


@pytest.mark.parametrize("overflows_in", ["the catch-up", "a publish"])
async def test_an_overflow_while_it_publishes_leaves_no_gap(
    world: World, monkeypatch: pytest.MonkeyPatch, overflows_in: str
) -> None:
    monkeypatch.setattr(relay_module, "QUEUE_LIMIT", 3)
    await world.publish()
    if overflows_in == "a publish":
        await world.relay.flush()
        await world.publish()
    world.streams.gate.clear()
    before = world.streams.entered
    flush = asyncio.create_task(world.relay.flush())
    await world.entered(before + 1)
    await world.publish(times=6)
    world.streams.gate.set()
    await flush
    await world.publish()
    await world.relay.flush()
    assert (world.seen, world.streams.gaps) == (list(range(1, world.version + 1)), [])


async def test_the_watermark_never_passes_what_was_not_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "QUEUE_LIMIT", 3)
    await world.publish()
    world.streams.gate.clear()
    flush = asyncio.create_task(world.relay.flush())
    await world.entered(1)
    # The facts overflow while it catches up; what else waits is published all the same.
    await world.publish(times=6)
    world.relay.put([Outgoing("fleet", b"1", "latest", 0, "unit")], 0)
    await world.clock.advance(10)
    world.streams.gate.set()
    await flush
    assert world.streams.latest == {("fleet", "unit"): b"1"}
    # As after a crash: only what the journal says is known.
    assert world.seen == [1]
    assert await world.unpublished() == 6


async def test_a_cancelled_publish_is_done_again_by_the_clean_stop(world: World) -> None:
    await world.publish()
    await world.relay.flush()
    await world.publish(times=2)
    world.streams.gate.clear()
    run = asyncio.create_task(world.relay.run())
    await world.entered(2)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    world.streams.gate.set()
    await world.relay.settle()
    assert world.seen == [1, 2, 3]
    assert await world.unpublished() == 0


async def test_the_watermark_moves_once_a_second_at_most(world: World) -> None:
    await world.publish()
    await world.relay.flush()
    await world.clock.advance(5)
    await world.publish()
    await world.relay.flush()
    assert await world.unpublished() == 0
    await world.publish()
    await world.relay.flush()
    assert await world.unpublished() == 1
    await world.clock.advance(1)
    await world.publish()
    await world.relay.flush()
    assert await world.unpublished() == 0


async def test_of_latest_values_that_wait_the_newest_leaves(world: World) -> None:
    for n in range(3):
        world.relay.put([Outgoing("fleet", str(n).encode(), "latest", 0, "unit")], 0)
    await world.relay.flush()
    assert world.streams.latest == {("fleet", "unit"): b"2"}
    assert world.relay.published == 1
