"""Clients that come back by themselves, and a broker that fails them: what the properties of
exactly-once delivery share.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from realtime.codes import Unsubscribe
from realtime.errors import BrokerUnavailable, HistoryUnavailable
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import FilterNode, SubscribeResult
from realtime.settings import RealtimeSettings
from tests.unit.realtime.world import Reader, World

SETTINGS = RealtimeSettings(channel_linger_s=1.0, wheel_tick_s=1.0)

Step = tuple[str, int]


class Returning(Reader):
    """A reader as an SDK makes it: it comes back to its channel by itself, from where it was."""

    def __init__(
        self,
        world: World,
        name: str,
        channel: str,
        *,
        delta: bool = False,
        tf: FilterNode | None = None,
        options: SubscribeOptions | None = None,
    ) -> None:
        """`options`: the server subscribes it, with these."""
        super().__init__(name, delta=delta, tf=tf)
        self._world = world
        self._channel = channel
        self._options = options
        self._joining: asyncio.Task[None] | None = None
        self.wanted = False

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        if not why.resubscribes or self._options is not None:
            self.faults.append(f"sent away: {why}")
        self.connect()

    def connect(self) -> None:
        self.wanted = True
        if self._joining is None:
            self._joining = asyncio.create_task(self._join())

    def cut(self) -> None:
        self.wanted = False
        if self._joining is not None:
            self._joining.cancel()
            self._joining = None
        self._world.hub.unsubscribe(self, self._channel)

    def joined(self, result: SubscribeResult) -> None:
        """It has been told what it missed."""

    async def _join(self) -> None:
        await asyncio.sleep(0)  # an SDK does not come back in the very turn that ended it
        hub = self._world.hub
        hub.unsubscribe(self, self._channel)
        while True:
            try:
                result = await hub.subscribe(self, self.request(self._channel), self._options)
            except (BrokerUnavailable, HistoryUnavailable):
                await self._world.clock.sleep(0.5)  # as an SDK backs off, in virtual time
                continue
            self.subscribed(result)
            self.joined(result)
            self._joining = None
            return


async def interleaved(
    steps: Sequence[Step], seed: int, perform: Callable[[str, int], Awaitable[None]]
) -> None:
    """Perform the steps with some turns of the event loop between them."""
    interleaving = random.Random(seed)
    for step, number in steps:
        await perform(step, number)
        for _ in range(interleaving.choice((0, 0, 1, 2, 4, 8))):
            await asyncio.sleep(0)


async def recovered(world: World, clients: Sequence[Returning]) -> None:
    """All is well again, everybody comes, and some position checks have been made."""
    if world.broker.down:
        world.broker.come_back(empty=False)
    for client in clients:
        if not client.wanted:
            client.connect()
    await world.clock.advance(90)


async def befall(world: World, clients: Sequence[Returning], step: str, number: int) -> None:
    """What happens to brokers and clients, whatever they carry."""
    broker = world.broker
    if step == "wipe":
        broker.inner.forget()
    elif step == "outage":
        if broker.down:
            broker.come_back(empty=bool(number))
        else:
            broker.down = True
    elif step == "connect":
        clients[number].connect()
    elif step == "cut":
        clients[number].cut()
    elif step == "wait":
        await world.clock.advance(number)
