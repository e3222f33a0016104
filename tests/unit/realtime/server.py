"""A whole server with the application of the tests behind it, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from realtime.node import RealtimeServer
from realtime.nodes.control import ControlBus, Target
from realtime.presence.presence import Presence
from realtime.presence.presence_memory import MemoryPresence
from realtime.settings import RealtimeSettings
from tests.unit.realtime.application import Calls, Journal, Policy, Tokens
from tests.unit.realtime.clock import VirtualClock, settle
from tests.unit.realtime.socket import Socket
from tests.unit.realtime.world import FaultyBroker

ANN = Target(user="ann")


class Node:
    """`first`: the node whose broker, presence and clock this one shares."""

    def __init__(
        self,
        settings: RealtimeSettings,
        control: ControlBus | None = None,
        first: Node | None = None,
    ) -> None:
        self.clock: VirtualClock = first.clock if first else VirtualClock()
        self.journal = Journal()
        self.tokens = Tokens()
        self.policy = Policy()
        self.calls = Calls()
        self.broker = FaultyBroker(self.clock)
        self.presence: Presence = first.presence if first else MemoryPresence(clock=self.clock)
        self.server = RealtimeServer(
            self.tokens,
            self.policy,
            self.calls,
            self.broker,
            self.journal,
            settings,
            self.clock,
            presence=self.presence,
            control=control,
        )

    def socket(self, **scope: Any) -> Socket:
        return Socket(self.server.app, **scope)

    async def publish(self, channel: str, data: bytes | None = None) -> None:
        await self.server.publish([self.journal.append(channel, data)])
        await settle()

    def end(self) -> None:
        """Nothing is left of anybody."""
        assert self.server.metrics.connections == 0
        assert self.server.metrics.subscriptions == 0
        assert self.server.metrics.queue_bytes == 0


@asynccontextmanager
async def running(settings: RealtimeSettings | None = None) -> AsyncIterator[Node]:
    node = Node(settings or RealtimeSettings())
    await node.server.start()
    try:
        yield node
    finally:
        await node.server.stop()
        node.end()


@asynccontextmanager
async def pair(control: ControlBus, settings: RealtimeSettings) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes that hear each other."""
    one = Node(settings, control)
    two = Node(settings, control, one)
    await one.server.start()
    await two.server.start()
    await settle()
    try:
        yield one, two
    finally:
        await two.server.stop()
        await one.server.stop()
        one.end()
        two.end()
