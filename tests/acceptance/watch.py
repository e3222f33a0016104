"""Somebody who follows a region and each of its emergencies, and must not miss anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import psutil

from tests.acceptance.line import Channel, Line
from tests.acceptance.running import Running, connections
from tests.integration.embedded.processes import until

# What recovery may take after everything is back.
CATCH_UP_S = 45.0


class Watcher:
    """`port`: its socket's, as it was at the start. `emergencies`: their channels, by id."""

    def __init__(self, line: Line, region: str, port: int) -> None:
        self.port = port
        self.emergencies: dict[str, Channel] = {}
        self._line = line
        self._ops = f"ops:{region}"
        self._following: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._line.listen(self._ops, self._hear)

    def _hear(self, update: Any) -> None:
        if update["event"] == "EmergencyQueued":
            # A task: the SDK brings us nothing more while its handler waits.
            task = asyncio.create_task(self._follow(update["emergency"]))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    async def _follow(self, emergency: str) -> None:
        self.emergencies[emergency] = await self._line.begin(f"emergency:{emergency}")

    @property
    def raised(self) -> int:
        """How many emergencies it has heard of."""
        return len(self.emergencies)

    async def leave(self) -> None:
        """Lose the connection, as a phone in a tunnel does."""
        await self._line.client.disconnect()

    async def come_back(self) -> None:
        await self._line.client.connect()

    @property
    def recovered(self) -> int:
        """How often one of its channels came back, and got what it had missed."""
        return sum(channel.recovered for channel in self._line.channels.values())

    def _troubles(self) -> list[str]:
        """What went wrong on its channels, whatever came of it."""
        return [
            f"{name}: {channel.holes}, {channel.unrecovered} times not recovered, ended with"
            f" {channel.ended}, refused with {channel.errors}"
            for name, channel in self._line.channels.items()
            if channel.holes or channel.unrecovered or channel.ended or channel.errors
        ]

    async def saw(self, offsets: dict[str, int]) -> None:
        """Wait until it has come to these offsets, by channel; it must have missed nothing."""
        channels = self._line.channels

        def behind() -> dict[str, tuple[int | None, int]]:
            return {
                name: (channels[name].offset if name in channels else None, top)
                for name, top in offsets.items()
                if name not in channels or (channels[name].offset or 0) < top
            }

        try:
            await until(lambda: not behind(), CATCH_UP_S, "all facts come")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; still behind: {behind()}; of those that are there: {self._troubles()}"
            ) from None
        missed = [hole for channel in channels.values() for hole in channel.holes]
        assert not missed, missed
        given_up = [name for name, channel in channels.items() if channel.unrecovered]
        assert not given_up, f"not recovered: {given_up}"


@asynccontextmanager
async def watching(service: Running, region: str) -> AsyncIterator[Watcher]:
    """The ops desk's view of a region."""
    here = psutil.Process()
    before = connections(here)
    async with Line(service.url, await service.ops()) as line:
        door = int(service.url.rpartition(":")[2])
        (port,) = (own for own, there in connections(here) - before if there == door)
        watcher = Watcher(line, region, port)
        await watcher.start()
        yield watcher


async def tops(service: Running, region: str, emergencies: Iterable[str]) -> dict[str, int]:
    """The offset of the last fact of the region and of these emergencies, all of which are over:
    asked anew, over REST and on a new socket."""
    found = {}
    for emergency in emergencies:
        detail = await service.ask("GET", f"/api/emergencies/{emergency}", await service.ops())
        assert detail["status"] == "closed"
        found[f"emergency:{emergency}"] = int(detail["revision"])
    async with Line(service.url, await service.ops()) as line:
        ops = await line.listen(f"ops:{region}")
        assert ops.offset is not None
        found[ops.name] = ops.offset
    return found
