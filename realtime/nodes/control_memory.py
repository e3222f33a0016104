"""Control messages between the nodes of one process."""

from __future__ import annotations

import asyncio

from realtime.nodes.control import OnControl


class MemoryControlBus:
    """Shared by the nodes that hear each other."""

    def __init__(self) -> None:
        self._listeners: list[OnControl] = []

    async def listen(self, on_message: OnControl) -> None:
        self._listeners.append(on_message)

    async def send(self, message: bytes) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            # Not at once: as over a network, the sender never runs the listeners' code.
            loop.call_soon(listener, message)
