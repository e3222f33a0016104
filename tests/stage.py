"""A runtime to test against: router and shards, on one of the transports and journals.

`Stage` is what the contract suite needs of it; `LocalStage` has it in one process, with more means
to make things go wrong. `tests/integration/actors/ray_stage.py` has it on Ray.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from itertools import count

import msgspec

from actors.clock import ManualClock, SystemClock
from actors.domain.kernel import Command, EntityRef, Sender
from actors.limits import Limits
from actors.local import LocalCluster
from actors.placement import shard_of, slot_of
from actors.ports import Journal, Transport
from actors.router import Router
from actors.shard import Shard
from tests.account import KINDS, Balance, View
from tests.faulty_journal import FaultyJournal
from tests.streams import Streams
from tests.waiting import LOOK_EVERY_S, until

BY = Sender("patient", "p")
_balance = msgspec.json.Decoder(Balance)
_run = count(1)


class Stage(ABC):
    """One runtime with `shards` shards. Entity names are new for each stage."""

    shards: int
    router: Router

    def __init__(self) -> None:
        self._stem = f"s{next(_run)}"
        self._ids = count(1)

    # -- entities -------------------------------------------------------------------------------

    def account(self, name: str | int, kind: str = "account") -> EntityRef:
        return EntityRef(kind, f"{self._stem}-{name}")

    def account_on(self, shard: int, name: str = "x", kind: str = "account") -> EntityRef:
        """An account that lives on this shard."""
        for n in count():
            ref = self.account(f"{name}{n}", kind)
            if shard_of(slot_of(kind, ref.id), self.shards) == shard:
                return ref
        raise AssertionError

    def id(self) -> str:
        return f"{self._stem}-c{next(self._ids)}"

    async def ask(
        self, ref: EntityRef, command: Command, id_: str | None = None, *, timeout_s: float = 15.0
    ) -> bytes:
        return await self.router.ask(ref, command, id=id_ or self.id(), by=BY, timeout_s=timeout_s)

    async def view(self, ref: EntityRef) -> Balance:
        return _balance.decode(await self.router.read(ref, View(), by=BY, timeout_s=15.0))

    async def balances(self, refs: list[EntityRef]) -> list[int]:
        return [view.balance for view in await asyncio.gather(*map(self.view, refs))]

    # -- the world ------------------------------------------------------------------------------

    @abstractmethod
    def now(self) -> float: ...

    @abstractmethod
    async def pause(self) -> None:
        """Let time pass, a second at most."""

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        await until(condition, self.pause)

    @abstractmethod
    async def crash(self, shard: int) -> None:
        """kill -9; another incarnation comes up by itself."""

    @abstractmethod
    async def reopen(self, shards: int) -> None:
        """Stop everything cleanly and start with so many shards."""

    @abstractmethod
    def streams(self) -> Streams: ...

    @abstractmethod
    def cut_streams(self, down: bool) -> None: ...


class LocalStage(Stage):
    """In one process. `journals[n]` is shard n's, of its newest incarnation."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Journal]],
        clock: ManualClock | SystemClock,
        shards: int = 2,
        limits: Limits | None = None,
    ) -> None:
        super().__init__()
        self.shards = shards
        self.clock = clock
        self.journals: dict[int, FaultyJournal] = {}
        self._connect = connect
        self._limits = limits
        self._streams = Streams()
        self._owners = count(1)
        self._connected: list[Journal] = []

    async def open(self) -> None:
        for index in range(self.shards):
            await self._connect_for(index)
        self.cluster = LocalCluster(self.shards, self._make)
        await self.cluster.start()
        self.router = Router(self.cluster, self.clock)

    async def _connect_for(self, index: int) -> None:
        self.journals[index] = FaultyJournal(await self._connect())

    def _make(self, index: int, transport: Transport, on_fenced: Callable[[], None]) -> Shard:
        return Shard(
            index,
            KINDS,
            self.journals[index],
            self._streams,
            transport,
            self.clock,
            f"{self._stem}/{index}/{next(self._owners)}",
            on_fenced,
            self._limits,
        )

    async def close(self) -> None:
        await self.router.close()
        for journal in self.journals.values():
            journal.open_gate.set()
        await self.cluster.stop()

    @property
    def fenced(self) -> list[int]:
        return self.cluster.fenced

    async def start_shard(self, index: int) -> None:
        """Another incarnation, with a connection of its own."""
        await self._connect_for(index)
        await self.cluster.start_shard(index)

    def now(self) -> float:
        return self.clock.now()

    async def pause(self) -> None:
        if isinstance(self.clock, ManualClock):
            await self.clock.advance(1.0)
        # Also with a clock that stands still: the router's own timers are the loop's.
        await asyncio.sleep(LOOK_EVERY_S)

    async def crash(self, shard: int) -> None:
        self.cluster.kill(shard)
        await self.start_shard(shard)

    async def reopen(self, shards: int) -> None:
        await self.close()
        self.shards = shards
        await self.open()

    def streams(self) -> Streams:
        return self._streams

    def cut_streams(self, down: bool) -> None:
        self._streams.down = down
