"""B5: positions from sockets to conflated dashboards, through the whole service.

1,000 units' devices report positions by rpc as fast as they are answered, a few outstanding each;
the shards take the newest of each, and dashboards on the fleet's channel get them conflated. The
rate is that of answered reports on one worker. p50 and p99: how old what a dashboard is shown is.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.benchmarks import city
from tests.benchmarks.city import Worker
from tests.benchmarks.claim import Claim, quantile
from tests.benchmarks.device import Device, open_all, reply_to
from tests.benchmarks.stack import Stack

UNITS: Final = 1000
DASHBOARDS: Final = 20
OUTSTANDING: Final = 4
WARM_UP_S: Final = 2.0
SECONDS: Final = 5.0


class _Position(Struct, frozen=True):
    at: str


class _Row(Struct, frozen=True):
    position: _Position


class _Pub(Struct, frozen=True):
    data: _Row | None = None


class _Push(Struct, frozen=True):
    pub: _Pub | None = None


class _Line(Struct, frozen=True):
    push: _Push | None = None


_line = msgspec.json.Decoder(_Line)


class _Fleet:
    """The reporting devices and the watching dashboards. `ages_s` are those on one dashboard."""

    def __init__(self) -> None:
        self.ready = 0
        self.answered = 0
        self.shown = 0
        self.ages_s: list[float] = []
        self.reporting = False
        self._turn = 0

    def report(self, device: Device) -> None:
        lat, lon = city.place(int(device.name.rpartition("-")[2]))
        self._turn += 1
        moved = self._turn % 1000 * 1e-6
        device.send(
            b'{"id":9,"rpc":{"method":"position","data":{"lat":%.6f,"lon":%.6f}}}'
            % (lat + moved, lon)
        )

    def unit_heard(self, device: Device, line: bytes) -> None:
        if line.startswith(b'{"id":9,'):
            if b'"error"' in line:
                raise ConnectionError(line.decode())
            self.answered += 1
            if self.reporting:
                self.report(device)
        elif line.startswith(b'{"id":'):
            self.ready += reply_to(line) == 2

    def dashboard_heard(self, device: Device, line: bytes) -> None:
        if line.startswith(b'{"id":'):
            self.ready += reply_to(line) == 2
            return
        self.shown += 1
        if device.name == "watch-0":
            push = _line.decode(line).push
            if push is not None and push.pub is not None and push.pub.data is not None:
                taken = datetime.fromisoformat(push.pub.data.position.at).timestamp()
                self.ages_s.append(time.time() - taken)


async def measure(stack: Stack) -> tuple[list[Claim], list[str]]:
    region = f"b5-{os.urandom(3).hex()}"
    names = [f"{region}-{n}" for n in range(UNITS)]
    async with city.shards(stack) as router:
        await city.on_duty(router, names, region)
        with tempfile.TemporaryDirectory(prefix="maxray-b5-") as folder:
            async with city.web_worker(stack, Path(folder)) as worker:
                return await _measure(worker, names, region)


async def _measure(worker: Worker, names: list[str], region: str) -> tuple[list[Claim], list[str]]:
    fleet = _Fleet()
    units = [city.unit_device(name, fleet.unit_heard) for name in names]
    ops = city.token("ops", "bench")
    watch = b'{"channel":"fleet:%b"}' % region.encode()
    watching = [Device(f"watch-{n}", ops, watch, fleet.dashboard_heard) for n in range(DASHBOARDS)]
    await open_all(worker.port, [*units, *watching])
    async with asyncio.timeout(60):
        while fleet.ready < UNITS + DASHBOARDS:
            await asyncio.sleep(0.05)
    fleet.reporting = True
    for device in units * OUTSTANDING:
        fleet.report(device)
    await asyncio.sleep(WARM_UP_S)
    answered, shown, cpu, began = fleet.answered, fleet.shown, worker.cpu_s(), time.perf_counter()
    fleet.ages_s.clear()
    await asyncio.sleep(SECONDS)
    elapsed = time.perf_counter() - began
    rate = (fleet.answered - answered) / elapsed
    used = (worker.cpu_s() - cpu) / elapsed
    pushes = (fleet.shown - shown) / elapsed
    ages = list(fleet.ages_s)
    fleet.reporting = False
    for device in (*units, *watching):
        device.cut()
    claim = Claim(
        id="B5",
        name=f"positions: {UNITS:,} devices by rpc to {DASHBOARDS} conflated dashboards",
        value=round(rate),
        unit="/s",
        p50_ms=round(quantile(ages, 0.5) * 1000, 1),
        p99_ms=round(quantile(ages, 0.99) * 1000, 1),
        target="≥ 15,000/s per worker",
        met=rate >= 15_000,
    )
    return [claim], [
        f"B5: the worker used {used:.2f} cores; dashboards were pushed {pushes:,.0f} values/s; "
        "the percentiles are the age of what one of them was shown"
    ]
