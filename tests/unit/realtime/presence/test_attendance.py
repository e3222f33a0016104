"""What is told of who comes and goes: in order, in batches, and again when it could not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from realtime.errors import BrokerUnavailable
from realtime.ports import SubscribeOptions
from realtime.presence.attendance import Attendance
from realtime.presence.presence import PresenceStats, Present
from realtime.presence.presence_memory import MemoryPresence
from realtime.publication import Peer, Publication
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel
from tests.unit.realtime.clock import VirtualClock, settle

ROOM = SubscribeOptions("signal", presence=True, join_leave=True)
SETTINGS = RealtimeSettings(presence_renew_s=20.0)
# 20 slices, each up to a tick of the wheel after its second: by then every entry was renewed.
A_ROUND_S = 23.0


class Line:
    """Presence over a line that can be slow or down, and the broker at its end."""

    def __init__(self, clock: VirtualClock) -> None:
        self.inner = MemoryPresence(clock=clock)
        self.told: list[str] = []
        self.batches: list[int] = []
        self.held: asyncio.Event | None = None
        self.down = False

    async def _pass(self) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise BrokerUnavailable("down")

    async def add(self, batch: Sequence[Present]) -> None:
        await self._pass()
        self.batches.append(len(batch))
        await self.inner.add(batch)

    async def remove(self, batch: Sequence[Present]) -> None:
        await self._pass()
        await self.inner.remove(batch)

    async def clients(self, channel: str) -> Mapping[str, Peer]:
        return await self.inner.clients(channel)

    async def stats(self, channel: str) -> PresenceStats:
        return await self.inner.stats(channel)

    async def publish(self, batch: Sequence[Publication]) -> None:
        await self._pass()
        self.told += [f"{one.delivery} {one.info.client}" for one in batch if one.info]


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.wheel = TimerWheel(self.clock, 0.1)
        self.line = Line(self.clock)
        self.attendance = Attendance(self.line, self.line, SETTINGS, self.wheel)

    def arrive(self, client: str) -> None:
        self.attendance.arrive("room", Peer("ann", client), ROOM)

    def leave(self, client: str) -> None:
        self.attendance.leave("room", Peer("ann", client), ROOM)

    async def present(self) -> set[str]:
        await self.attendance.told()
        return set(await self.line.clients("room"))


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    turning = asyncio.create_task(world.wheel.run())
    world.attendance.start()
    try:
        yield world
    finally:
        await world.attendance.stop()
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)


async def test_many_at_once_are_one_round_trip() -> None:
    async with running() as world:
        for number in range(50):
            world.arrive(f"c-{number}")
        assert len(await world.present()) == 50
        assert world.line.batches == [50]
        assert world.line.told == [f"join c-{number}" for number in range(50)]


async def test_who_comes_and_goes_while_the_line_is_slow_ends_where_it_is() -> None:
    async with running() as world:
        world.line.held = asyncio.Event()
        world.arrive("c-1")
        await settle()
        world.leave("c-1")
        world.arrive("c-2")
        world.leave("c-3")
        world.arrive("c-3")
        world.line.held.set()
        assert await world.present() == {"c-2", "c-3"}
        assert world.line.told == ["join c-1", "leave c-1", "join c-2", "leave c-3", "join c-3"]


async def test_entries_are_renewed_spread_over_the_period() -> None:
    async with running() as world:
        for number in range(200):
            world.arrive(f"c-{number}")
        await world.attendance.told()
        world.line.batches.clear()
        await world.clock.advance(A_ROUND_S)
        assert sum(world.line.batches) >= 200
        assert max(world.line.batches) < 60
        await world.clock.advance(200)
        assert len(await world.present()) == 200


async def test_a_renewal_under_way_never_brings_back_who_has_left() -> None:
    async with running() as world:
        world.arrive("c-1")
        await world.attendance.told()
        world.line.held = asyncio.Event()
        await world.clock.advance(A_ROUND_S)  # the renewal waits on the line
        world.leave("c-1")
        world.line.held.set()
        assert await world.present() == set()
        await world.clock.advance(A_ROUND_S)
        assert await world.present() == set()


async def test_an_outage_is_made_good_by_the_next_renewal() -> None:
    async with running() as world:
        world.line.down = True
        world.arrive("c-1")
        assert await world.present() == set()
        world.line.down = False
        await world.clock.advance(A_ROUND_S)
        assert await world.present() == {"c-1"}


async def test_without_a_place_to_enter_them_joins_are_told_all_the_same() -> None:
    world = World()
    attendance = Attendance(None, world.line, SETTINGS, world.wheel)
    attendance.start()
    attendance.arrive("room", Peer("ann", "c-1"), ROOM)
    await attendance.stop()
    assert world.line.told == ["join c-1"]
    assert await world.present() == set()
