"""B4: from the POST of an emergency to the frame on the chosen crew's socket.

50 emergencies a second, each at a place of its own, to one worker that holds the sockets of 1,000
units, which all report a position each second. Timed from before the POST is written to when the
device has read the task; past every commit on that way.

Baseline: what the way cannot do without, each measured alone and unloaded in the same run: three
commits in a row (emergency, dispatcher, unit) and two hops between entities (a call to a shard and
back each).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from tests.benchmarks import city
from tests.benchmarks.caller import Callers
from tests.benchmarks.city import Worker
from tests.benchmarks.claim import Claim, quantile
from tests.benchmarks.device import Device, open_all, reply_to
from tests.benchmarks.stack import Stack

UNITS: Final = 1000
PATIENTS: Final = 20
RATE: Final = 50
WARM_UP: Final = 100
EMERGENCIES: Final = 400
TRIES: Final = 200


class _Task(Struct, frozen=True):
    emergency: str


class _Data(Struct, frozen=True):
    event: str
    task: _Task | None = None


class _Pub(Struct, frozen=True):
    data: _Data


class _Push(Struct, frozen=True):
    pub: _Pub | None = None


class _Line(Struct, frozen=True):
    push: _Push | None = None


class _Answer(Struct, frozen=True):
    id: str


_line = msgspec.json.Decoder(_Line)
_answer = msgspec.json.Decoder(_Answer)


class _Crews:
    """`told_at`: when the first device was given the task of each emergency."""

    def __init__(self) -> None:
        self.ready = 0
        self.told_at: dict[str, float] = {}
        self.positions = 0

    def heard(self, device: Device, line: bytes) -> None:
        now = time.perf_counter()
        if line.startswith(b'{"id":9,'):
            self.positions += b'"error"' not in line
            return
        if line.startswith(b'{"id":'):
            self.ready += reply_to(line) == 2
            return
        push = _line.decode(line).push
        if push is not None and push.pub is not None and push.pub.data.task is not None:
            self.told_at.setdefault(push.pub.data.task.emergency, now)


async def measure(stack: Stack) -> tuple[list[Claim], list[str]]:
    region = f"b4-{os.urandom(3).hex()}"
    names = [f"{region}-{n}" for n in range(UNITS)]
    async with city.shards(stack) as router:
        await city.on_duty(router, names, region)
        with tempfile.TemporaryDirectory(prefix="maxray-b4-") as folder:
            async with city.web_worker(stack, Path(folder)) as worker:
                commit_s, hop_s = await _commit_s(stack), await _hop_s()
                return await _measure(worker, names, region, 3 * commit_s + 2 * hop_s)


async def _measure(
    worker: Worker, names: list[str], region: str, baseline_s: float
) -> tuple[list[Claim], list[str]]:
    crews = _Crews()
    units = [city.unit_device(name, crews.heard) for name in names]
    await open_all(worker.port, units)
    async with asyncio.timeout(60):
        while crews.ready < UNITS:
            await asyncio.sleep(0.05)
    callers = Callers(worker.port, city.token("admin", "bench"))
    patients = [await _patient(callers, n) for n in range(PATIENTS)]
    reporting = asyncio.create_task(_report(units))
    posted: dict[str, float] = {}
    answered_s: list[float] = []

    async def call(number: int) -> None:
        lat, lon = city.place(number * 7 % UNITS)
        body = b'{"location":{"lat":%.6f,"lon":%.6f},"symptoms":["chest pain"],"region":"%b"}' % (
            lat + 0.0004, lon, region.encode(),
        )  # fmt: skip
        began = time.perf_counter()
        path = f"/api/patients/{patients[number % PATIENTS]}/emergency"
        posted[_answer.decode(await callers.post(path, body)).id] = began
        answered_s.append(time.perf_counter() - began)

    async def calls(numbers: range) -> None:
        loop = asyncio.get_running_loop()
        first = loop.time()
        tasks = []
        for turn, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, first + turn / RATE - loop.time()))
            tasks.append(asyncio.create_task(call(number)))
        await asyncio.gather(*tasks)

    await calls(range(WARM_UP))
    posted.clear()
    answered_s.clear()
    cpu, positions, began = worker.cpu_s(), crews.positions, time.perf_counter()
    await calls(range(WARM_UP, WARM_UP + EMERGENCIES))
    elapsed = time.perf_counter() - began
    async with asyncio.timeout(30):
        while not posted.keys() <= crews.told_at.keys():
            await asyncio.sleep(0.01)
    reporting.cancel()
    callers.close()
    used, reported = worker.cpu_s() - cpu, crews.positions - positions
    for device in units:
        device.cut()
    waits = [crews.told_at[id_] - at for id_, at in posted.items()]
    p50, p99 = quantile(waits, 0.5) * 1000, quantile(waits, 0.99) * 1000
    claim = Claim(
        id="B4",
        name=f"POST emergency → frame on the device: {RATE}/s beside {UNITS:,} positions/s",
        value=round(p50, 1),
        unit="ms",
        p50_ms=round(p50, 1),
        p99_ms=round(p99, 1),
        baseline=round(baseline_s * 1000, 1),
        ratio=round(p50 / (baseline_s * 1000), 1),
        target="p50 ≤ 20 ms, p99 ≤ 80 ms",
        met=p50 <= 20 and p99 <= 80,
    )
    return [claim], [
        f"B4: {len(waits)} emergencies, none without a crew; the POST itself is answered in "
        f"{quantile(answered_s, 0.5) * 1000:.1f} ms (p50); {reported / elapsed:,.0f} positions/s "
        f"beside them; the worker used {used / elapsed:.2f} cores"
    ]


async def _patient(callers: Callers, number: int) -> str:
    body = b'{"name":"Patient %d","phone":"+9198765%05d"}' % (number, number)
    return _answer.decode(await callers.post("/api/patients", body)).id


async def _report(units: list[Device]) -> None:
    """Each unit's position once a second, spread over it."""
    loop = asyncio.get_running_loop()
    due, turn = loop.time(), 0
    while True:
        unit = units[turn % len(units)]
        lat, lon = city.place(turn % len(units))
        moved = turn // len(units) % 1000 * 1e-6
        unit.send(
            b'{"id":9,"rpc":{"method":"position","data":{"lat":%.6f,"lon":%.6f}}}'
            % (lat + moved, lon)
        )
        turn += 1
        due += 1 / len(units)
        if turn % 10 == 0:
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _commit_s(stack: Stack) -> float:
    """One durable transaction of one row, in the median."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS bench_commit (n bigint, data text)")
        taken = []
        for n in range(TRIES):
            began = time.perf_counter()
            await connection.execute("INSERT INTO bench_commit VALUES ($1, $2)", n, "x" * 500)
            taken.append(time.perf_counter() - began)
        return quantile(taken, 0.5)
    finally:
        await connection.close()


async def _hop_s() -> float:
    """A call to a shard and back, in the median."""
    from actors import cluster  # after the environment is a driver's

    transport = cluster.RayTransport(city.SHARDS)
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        await transport.check(0)
        taken.append(time.perf_counter() - began)
    return quantile(taken, 0.5)
