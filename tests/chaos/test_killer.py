"""The killer kills what it was told to, from among what the service says is its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from tests.chaos.killer import SHARD, Killer
from tests.integration.embedded.processes import alive, until

WITHIN_S = 20.0


class Family:
    """A service of processes that only wait."""

    def __init__(self, shards: list[Process], redis: Process) -> None:
        self._shards = [psutil.Process(process.pid) for process in shards]
        self._redis = psutil.Process(redis.pid)

    def shards(self) -> list[psutil.Process]:
        return alive(self._shards)

    async def process(self, name: str) -> psutil.Process:
        if name != "redis" or not alive([self._redis]):
            raise ValueError(name)
        return self._redis


@asynccontextmanager
async def waiting() -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; sys.stdin.read()", stdin=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def killing(killer: Killer) -> AsyncIterator[None]:
    task = asyncio.create_task(killer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_kills_the_kinds_it_was_given_and_goes_on_when_none_is_left() -> None:
    async with waiting() as one, waiting() as two, waiting() as redis:
        family = Family([one, two], redis)
        killer = Killer(family, seed=1, every_s=0.01, weights={SHARD: 1.0})
        async with killing(killer):
            await until(lambda: not family.shards(), WITHIN_S, "both shards are dead")
            await asyncio.gather(one.wait(), two.wait())
        assert [kill.what for kill in killer.kills] == [SHARD, SHARD]
        assert {kill.pid for kill in killer.kills} == {one.pid, two.pid}
        assert redis.returncode is None


async def test_another_kind_is_found_by_its_name() -> None:
    async with waiting() as one, waiting() as redis:
        killer = Killer(Family([one], redis), seed=1, every_s=0.01, weights={"redis": 1.0})
        async with killing(killer):
            await redis.wait()
        assert killer.kills[0].pid == redis.pid
        assert one.returncode is None
