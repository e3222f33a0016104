"""A city to measure in: the product's own worker process, its shards, units on duty with sockets.

The worker is `python -m web.worker` as `maxray up` runs it. This process is the city: it plays the
devices (device.py) and the callers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

from actors.clock import SystemClock
from actors.domain.kernel import EntityRef
from actors.domain.paramedic.commands import GoOnDuty, RegisterParamedic
from actors.domain.values import Position
from actors.router import Router
from config import Settings
from config.secret import Secret
from config.source import settings_environment
from tests.benchmarks.device import Device, Heard
from tests.benchmarks.stack import ADMIN, MASTER_KEY, Stack, start_shards, tell
from web import tokens

SHARDS: Final = 2
SECRET: Final = "benchmark-" * 4
BACKLOG: Final = 4096
AT_ONCE: Final = 256
START_S: Final = 60.0
CENTRE: Final = (19.07, 72.87)


class Worker:
    """A web worker. `port`: where it answers."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process = psutil.Process(pid)

    def cpu_s(self) -> float:
        """Seconds of a core that it has used so far."""
        used = self._process.cpu_times()
        return float(used.user + used.system)

    def resident(self) -> int:
        """Bytes."""
        return int(self._process.memory_info().rss)

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self._process.kill()

    async def metric(self, name: str) -> float:
        """One number of its /metrics."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            headers = {"Authorization": f"Bearer {token('ops', 'bench')}"}
            text = (await client.get(f"{self.url}/metrics", headers=headers)).text
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])


@asynccontextmanager
async def web_worker(stack: Stack, folder: Path) -> AsyncIterator[Worker]:
    """One worker on a port of its own, ready to answer."""
    settings = Settings(
        data=folder,
        database_url=Secret(stack.database_url),
        redis_url=Secret(stack.redis_url),
        ray_address=stack.ray_address,
        token_secret=Secret(SECRET),
        master_key=Secret(MASTER_KEY),
        shards=SHARDS,
        socket_commands_per_s=0,  # a thousand devices here stand for all that report once a second
        log_level="warning",
    )
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **settings_environment(settings, secrets)}
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as door:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "web.worker", "--fd", str(door.fileno()),
            pass_fds=(door.fileno(),), env=environment,
        )  # fmt: skip
        try:
            worker = Worker(door.getsockname()[1], process.pid)
            await _ready(worker, process)
            yield worker
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _ready(worker: Worker, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                answer = await client.get(f"{worker.url}/health/ready", timeout=5)
                if answer.status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the web worker has ended instead of starting")


@asynccontextmanager
async def shards(stack: Stack) -> AsyncIterator[Router]:
    """The product's shards, and a router of our own to them."""
    from actors import cluster  # after the environment is a driver's

    await start_shards(stack, SHARDS)
    router = Router(cluster.RayTransport(SHARDS), SystemClock())
    try:
        yield router
    finally:
        await router.close()
        await cluster.stop_shards()


async def each(names: Sequence[str], act: Callable[[str], Awaitable[None]]) -> None:
    """For all of them, some at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with gate:
            await act(name)

    await asyncio.gather(*(one(name) for name in names))


def place(number: int) -> tuple[float, float]:
    """Where unit `number` stands, on a grid over the city."""
    return CENTRE[0] + (number % 40) * 0.004, CENTRE[1] + (number // 40) * 0.004


async def on_duty(router: Router, names: Sequence[str], region: str) -> None:
    """Register these units and begin their shifts."""

    async def enlist(name: str) -> None:
        unit = EntityRef("paramedic", name)
        lat, lon = place(int(name.rpartition("-")[2]))
        register = RegisterParamedic(name=name, region=region, skills=("als",), vehicle="ambulance")
        await tell(router, unit, register, f"{name}-register", ADMIN)
        begin = GoOnDuty(position=Position(lat, lon, time.time()))
        await tell(router, unit, begin, f"{name}-duty", ADMIN)

    await each(names, enlist)


def token(role: tokens.TokenRole, subject: str) -> str:
    return tokens.issue(SECRET, role, subject, 3600, time.time())


def unit_device(name: str, heard: Heard) -> Device:
    """The device of a unit, subscribed to its own tasks."""
    return Device(name, token("paramedic", name), b'{"channel":"device:%b"}' % name.encode(), heard)
