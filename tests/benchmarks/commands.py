"""B1: durable commands through router, Ray, shard and commit.

5,000 doctors on duty, 512 callers in closed loop; each caller toggles doctors of its own between
StepAway and Return, so every command changes state, is journaled, answered, audited and published.
Baseline: the obvious design, one Ray actor per doctor that decides with the same domain code and
commits each command in a transaction of its own. A second run on shards that write no audit rows
says what the audit costs.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from actors.clock import SystemClock
from actors.domain.doctor.commands import GoOnDuty, Return, StepAway
from actors.domain.kernel import Command, EntityRef
from actors.router import Router
from tests.benchmarks import unaudited as unaudited_shards
from tests.benchmarks.claim import Claim, quantile
from tests.benchmarks.stack import ADMIN, Stack, count, registration, start_shards, tell
from web.shard_factory import FACTORY

ENTITIES: Final = 5_000
CALLERS: Final = 512
SECONDS: Final = 8.0
WARM_UP_S: Final = 3.0
SHARDS: Final = 2
# Actors of the baseline: at 46 MB each, 5,000 would need 230 GB. Its rate does not grow with them.
BASELINE_ACTORS: Final = 24
BASELINE_SECONDS: Final = 5.0

Toggle = Callable[[int, int], Awaitable[None]]


async def measure(stack: Stack) -> tuple[list[Claim], list[str]]:
    """Runs on a cluster this process is connected to."""
    baseline = await _baseline(stack)
    run = os.urandom(4).hex()
    unaudited = await _ours(stack, f"u{run}", unaudited_shards.FACTORY)
    ours = await _ours(stack, run, FACTORY)
    journaled = await count(
        stack.database_url,
        "SELECT count(*) FROM journal WHERE ref LIKE $1",
        f"doctor:b1-{run}-%",
    )
    rate, p99 = ours.rate, quantile(ours.taken, 0.99) * 1000
    ratio = rate / baseline
    claim = Claim(
        id="B1",
        name="durable commands: 5,000 entities, 512 callers",
        value=round(rate),
        unit="/s",
        p50_ms=round(quantile(ours.taken, 0.5) * 1000, 1),
        p99_ms=round(p99, 1),
        baseline=round(baseline),
        ratio=round(ratio, 1),
        target="≥ 10,000/s, p99 ≤ 60 ms, ≥ 10×",
        met=rate >= 10_000 and p99 <= 60 and ratio >= 10 and journaled == ours.acknowledged,
    )
    notes = [
        f"B1: {len(ours.taken) / ours.calls:,.0f} commands a Ray call; in the journal "
        f"{journaled:,} events, acknowledged {ours.acknowledged:,}",
        f"B1: without audit rows {unaudited.rate:,.0f}/s, with them {rate:,.0f}/s: "
        f"{(1 / rate - 1 / unaudited.rate) * 1e6:.1f} µs a command",
    ]
    return [claim], notes


class _Run(Struct, frozen=True):
    """`taken`: seconds of each measured command. `calls`: Ray calls that carried them."""

    taken: list[float]
    elapsed: float
    calls: int
    acknowledged: int

    @property
    def rate(self) -> float:
        return len(self.taken) / self.elapsed


async def _ours(stack: Stack, run: str, factory: str) -> _Run:
    from actors import cluster

    await start_shards(stack, SHARDS, factory)
    router = Router(cluster.RayTransport(SHARDS), SystemClock())

    def doctor(n: int) -> EntityRef:
        return EntityRef("doctor", f"b1-{run}-{n}")

    async def enlist(n: int) -> None:
        await tell(router, doctor(n), registration(n), f"{run}-register-{n}", ADMIN)
        await tell(router, doctor(n), GoOnDuty(), f"{run}-duty-{n}", ADMIN)

    await _each(range(ENTITIES), enlist)

    async def toggle(n: int, turn: int) -> None:
        command: Command = Return() if turn % 2 else StepAway()
        await tell(router, doctor(n), command, f"{run}-{n}-{turn}", ADMIN)

    turns = dict.fromkeys(range(ENTITIES), 0)
    await _load(toggle, turns, WARM_UP_S)
    before = router.calls
    taken, elapsed = await _load(toggle, turns, SECONDS)
    calls = router.calls - before
    await router.close()
    await cluster.stop_shards()
    return _Run(taken, elapsed, calls, sum(turns.values()) + 2 * ENTITIES)


async def _each(items: range, work: Callable[[int], Awaitable[None]]) -> None:
    waiting = iter(items)

    async def one() -> None:
        for n in waiting:
            await work(n)

    await asyncio.gather(*(one() for _ in range(CALLERS)))


async def _load(toggle: Toggle, turns: dict[int, int], seconds: float) -> tuple[list[float], float]:
    """Latencies of all commands that 512 callers got through in that time, and the time."""
    taken: list[float] = []
    gc.collect()
    began = time.perf_counter()
    end = began + seconds

    async def caller(first: int) -> None:
        while True:
            for n in range(first, ENTITIES, CALLERS):
                sent = time.perf_counter()
                if sent >= end:
                    return
                await toggle(n, turns[n])
                turns[n] += 1
                taken.append(time.perf_counter() - sent)

    await asyncio.gather(*(caller(first) for first in range(CALLERS)))
    return taken, time.perf_counter() - began


async def _baseline(stack: Stack) -> float:
    """Commands a second of one actor per entity, one transaction per command."""
    import ray  # the baseline is what one would write without our runtime

    from tests.benchmarks.baseline import DoctorActor

    make: Any = ray.remote(DoctorActor)  # what it returns is typed as the class itself
    actors = [
        make.options(num_cpus=0).remote(f"baseline-{n}", stack.database_url)
        for n in range(BASELINE_ACTORS)
    ]
    await asyncio.gather(*(actor.start.remote() for actor in actors))
    done = 0
    end = time.perf_counter() + BASELINE_SECONDS
    began = time.perf_counter()

    async def caller(n: int) -> None:
        nonlocal done
        turn = 0
        while time.perf_counter() < end:
            await actors[n].toggle.remote(turn)
            turn += 1
            done += 1

    await asyncio.gather(*(caller(n) for n in range(BASELINE_ACTORS)))
    rate = done / (time.perf_counter() - began)
    for actor in actors:
        ray.kill(actor)
    return rate
