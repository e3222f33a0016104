"""B3: what an idle connection and an idle entity cost, in resident memory of the whole process.

Connections: authenticated by token, each subscribed to a recoverable channel of its own, in a
worker process that has nothing else to do; the growth from the first thousand to the last, so that
what is there once is not counted. Entities: doctors on duty in a shard, in the same way.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from typing import Final

import psutil

from actors.domain.doctor.commands import GoOnDuty
from actors.domain.kernel import EntityRef
from tests.benchmarks import city
from tests.benchmarks.claim import Claim
from tests.benchmarks.device import Device, Heard, open_all, reply_to
from tests.benchmarks.idle_server import SECRET
from tests.benchmarks.stack import ADMIN, Stack, registration, tell
from web import tokens

FIRST: Final = 1000
CONNECTIONS: Final = 5000
SEATED: Final = 22_000
"""Enough that the answers which a shard keeps for repeats (actors.limits) are at their limit."""
ENTITIES: Final = 20_000
KILOBYTE: Final = 1000


async def measure(stack: Stack) -> tuple[list[Claim], list[str]]:
    connection, empty = await _connection()
    entity, note = await _entity(stack)
    return [connection, entity], [f"B3: the empty worker takes {empty / 1e6:,.0f} MB; {note}"]


async def _connection() -> tuple[Claim, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.idle_server", stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    devices: list[Device] = []
    subscribed = 0

    def heard(_: Device, line: bytes) -> None:
        nonlocal subscribed
        subscribed += reply_to(line) == 2

    async def resident() -> int:
        assert process.stdin is not None and process.stdout is not None
        async with asyncio.timeout(60):
            while True:
                process.stdin.write(b"\n")
                size, subscriptions = map(int, (await process.stdout.readline()).split())
                if subscriptions == len(devices) == subscribed:
                    return size
                await asyncio.sleep(0.1)

    async def open_until(count: int) -> None:
        more = [_device(n, heard) for n in range(len(devices), count)]
        devices.extend(more)
        await open_all(port, more)

    try:
        port = int(await process.stdout.readline())
        empty = await resident()
        await open_until(FIRST)
        before = await resident()
        await open_until(FIRST + CONNECTIONS)
        each = (await resident() - before) / CONNECTIONS / KILOBYTE
    finally:
        process.kill()
        await process.wait()
        for device in devices:
            device.cut()
    claim = Claim(
        id="B3",
        name="memory: an idle authenticated connection with a subscription of its own",
        value=round(each, 1),
        unit="KB",
        target="≤ 27 KB",
        met=each <= 27,
    )
    return claim, empty


async def _entity(stack: Stack) -> tuple[Claim, str]:
    from actors import cluster  # after the environment is a driver's

    async with city.shards(stack) as router:
        transport = cluster.RayTransport(city.SHARDS)

        async def resident() -> tuple[int, int]:
            """Bytes of all shards' processes, and the entities they hold."""
            size = entities = 0
            for shard in range(city.SHARDS):
                size += psutil.Process((await transport.describe(shard)).pid).memory_info().rss
                entities += (await transport.stats(shard)).entities
            return size, entities

        run = os.urandom(3).hex()

        async def enlist(name: str) -> None:
            doctor, number = EntityRef("doctor", name), int(name.rpartition("-")[2])
            await tell(router, doctor, registration(number), f"{name}-register", ADMIN)
            await tell(router, doctor, GoOnDuty(), f"{name}-duty", ADMIN)

        await city.each([f"b3-{run}-{n}" for n in range(SEATED)], enlist)
        before, held_before = await resident()
        await city.each([f"b3-{run}-{n}" for n in range(SEATED, SEATED + ENTITIES)], enlist)
        after, held = await resident()
    each = (after - before) / (held - held_before) / KILOBYTE
    claim = Claim(
        id="B3",
        name="memory: an idle entity (a doctor on duty)",
        value=round(each, 2),
        unit="KB",
        target="≤ 2 KB",
        met=each <= 2,
    )
    return claim, f"{held - held_before:,} entities more take {(after - before) / 1e6:,.1f} MB"


def _device(n: int, heard: Heard) -> Device:
    token = tokens.issue(SECRET, "paramedic", f"unit-{n}", 3600, time.time())
    return Device(f"unit-{n}", token, b'{"channel":"device:unit-%d"}' % n, heard)
