"""B7: 2,000 clients cut at once come back and recover what they missed.

Each is subscribed to a channel of its own. Their worker is killed with SIGKILL; while they are away
each channel gets a fact. Then all connect at once to another worker, which knows none of them nor
their channels, and a client is whole when its subscription has been recovered with exactly that
fact. Timed from the first connect to the last client that is whole. PostgreSQL's own statistics
tell how many transactions it saw meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from actors.domain.kernel import EntityRef
from actors.domain.paramedic.commands import TakeBreak
from actors.router import Router
from tests.benchmarks import city
from tests.benchmarks.city import Worker
from tests.benchmarks.claim import Claim, quantile
from tests.benchmarks.device import Device, open_all
from tests.benchmarks.stack import ADMIN, Stack, count, tell

CLIENTS: Final = 2000
QUERIES_A_CLIENT: Final = 0.05
"""Below this, what PostgreSQL saw is the shards' own housekeeping, not the clients."""
STATISTICS_S: Final = 1.5
"""PostgreSQL's sessions report what they did once a second at most."""
"""PostgreSQL's backends report what they did at most once a second."""
_TRANSACTIONS = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)


class _Pub(Struct, frozen=True):
    offset: int = 0


class _Subscribed(Struct, frozen=True):
    epoch: str = ""
    offset: int = 0
    recovered: bool = False
    publications: tuple[_Pub, ...] = ()


class _Line(Struct, frozen=True):
    id: int = 0
    subscribe: _Subscribed | None = None
    error: msgspec.Raw = msgspec.Raw()


_line = msgspec.json.Decoder(_Line)


class _Clients:
    """`position`: where each was before the cut. `whole_at`: when each had what it missed."""

    def __init__(self) -> None:
        self.position: dict[str, _Subscribed] = {}
        self.whole_at: dict[str, float] = {}
        self.not_recovered = 0

    def heard(self, device: Device, line: bytes) -> None:
        reply = _line.decode(line)
        if reply.error:
            raise ConnectionError(line.decode())
        if reply.subscribe is not None:
            self.position[device.name] = reply.subscribe

    def heard_again(self, device: Device, line: bytes) -> None:
        reply = _line.decode(line)
        if reply.error:
            raise ConnectionError(line.decode())
        found = reply.subscribe
        if found is None:
            return
        was = self.position[device.name].offset
        if found.recovered and [pub.offset for pub in found.publications] == [was + 1]:
            self.whole_at[device.name] = time.perf_counter()
        else:
            self.not_recovered += 1

    def returning(self, name: str) -> Device:
        was = self.position[name]
        subscribe = b'{"channel":"device:%b","recover":true,"offset":%d,"epoch":"%b"}' % (
            name.encode(), was.offset, was.epoch.encode(),
        )  # fmt: skip
        return Device(name, city.token("paramedic", name), subscribe, self.heard_again)


async def measure(stack: Stack) -> tuple[list[Claim], list[str]]:
    region = f"b7-{os.urandom(3).hex()}"
    names = [f"{region}-{n}" for n in range(CLIENTS)]
    async with city.shards(stack) as router:
        await city.on_duty(router, names, region)
        with tempfile.TemporaryDirectory(prefix="maxray-b7-") as folder:
            async with city.web_worker(stack, Path(folder)) as other:
                clients = await _cut(stack, Path(folder), names)
                return await _measure(stack, other, router, clients)


async def _cut(stack: Stack, folder: Path, names: list[str]) -> _Clients:
    """Clients that were subscribed at a worker that is no more."""
    clients = _Clients()
    devices = [city.unit_device(name, clients.heard) for name in names]
    async with city.web_worker(stack, folder) as worker:
        await open_all(worker.port, devices)
        async with asyncio.timeout(60):
            while len(clients.position) < CLIENTS:
                await asyncio.sleep(0.05)
        worker.kill()
    return clients


async def _measure(
    stack: Stack, worker: Worker, router: Router, clients: _Clients
) -> tuple[list[Claim], list[str]]:
    names = list(clients.position)

    async def miss(name: str) -> None:
        await tell(router, EntityRef("paramedic", name), TakeBreak(), f"{name}-break", ADMIN)

    await city.each(names, miss)
    again = [clients.returning(name) for name in names]
    await asyncio.sleep(STATISTICS_S)
    seen = await count(stack.database_url, _TRANSACTIONS)
    cpu, began = worker.cpu_s(), time.perf_counter()
    await open_all(worker.port, again, at_once=CLIENTS)
    async with asyncio.timeout(60):
        while len(clients.whole_at) + clients.not_recovered < CLIENTS:
            await asyncio.sleep(0.01)
    used = worker.cpu_s() - cpu
    await asyncio.sleep(STATISTICS_S)
    queries = await count(stack.database_url, _TRANSACTIONS) - seen
    reads = await worker.metric("maxray_realtime_source_reads_total")
    for device in again:
        device.cut()
    waits = [at - began for at in clients.whole_at.values()]
    last = max(waits)
    claim = Claim(
        id="B7",
        name=f"{CLIENTS:,} clients whose worker is killed: until the last is whole",
        value=round(last, 2),
        unit="s",
        p50_ms=round(quantile(waits, 0.5) * 1000, 1),
        p99_ms=round(quantile(waits, 0.99) * 1000, 1),
        target="all whole in ≤ 5 s, no query a client",
        met=last <= 5 and clients.not_recovered == 0 and queries < QUERIES_A_CLIENT * CLIENTS,
    )
    return [claim], [
        f"B7: {len(waits):,} whole, {clients.not_recovered} told that they are not; PostgreSQL saw "
        f"{queries} transactions of all kinds meanwhile, the journal {reads:,.0f} reads by the "
        f"worker in its life; the worker used {used:.2f} s of a core"
    ]
