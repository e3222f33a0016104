"""The runtime as in production: shards in processes of a Ray cluster, on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import msgspec

from actors import cluster
from actors.clock import SystemClock
from actors.router import Router
from tests.ray_factory import FACTORY, Config
from tests.stage import Stage
from tests.streams import FileStreams, Streams


class RayStage(Stage):
    """On the cluster this process is connected to."""

    def __init__(self, database: str, folder: Path, shards: int = 2) -> None:
        super().__init__()
        self.shards = shards
        self._config = msgspec.json.encode(Config(database, str(folder)))
        self._files = FileStreams(folder)

    async def open(self) -> None:
        """Shards that run already as wanted are kept."""
        await cluster.start_shards(self.shards, FACTORY, self._config)
        self.transport = cluster.RayTransport(self.shards)
        self.router = Router(self.transport, SystemClock())

    async def close(self) -> None:
        await self.router.close()
        self.cut_streams(False)

    def now(self) -> float:
        return time.time()

    async def pause(self) -> None:
        await asyncio.sleep(0.05)  # a look is calls between processes

    async def pid(self, shard: int) -> int:
        return (await self.transport.describe(shard)).pid

    async def crash(self, shard: int) -> None:
        os.kill(await self.pid(shard), signal.SIGKILL)

    async def reopen(self, shards: int) -> None:
        await self.close()
        self.shards = shards
        await self.open()

    def streams(self) -> Streams:
        return self._files.read()

    def cut_streams(self, down: bool) -> None:
        self._files.cut(down)
