"""kill -9 of each part in the middle of a replay: nothing acknowledged is lost, nobody is sent
twice, and whoever watches misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.acceptance.calls import calls
from tests.acceptance.running import MAXRAY, SHARDS, Running
from tests.acceptance.watch import Watcher, tops, watching
from tests.integration.embedded.child import child, ended
from tests.integration.embedded.processes import until

# Two hours in three seconds; the last crew is back some seconds later.
SPEED, UNITS = "2400", "60"
# So many calls have come in when the first process is killed.
EARLY = 10
# Generous: what takes longer has stalled.
REPLAY_S, BACK_S, SETTLE_S = 100.0, 45.0, 20.0
# Each look is a request to what is just being restarted.
_LOOK_EVERY_S = 0.1
# The default policy weighs urgency against the way: it promises no order.
CHECK = ("-m", "tests.chaos.check_journal", "--order", "none")

# The processes to kill, one after the other.
Victims = Callable[[Running, Watcher], Awaitable[list[psutil.Process]]]


async def every_shard(service: Running, _: Watcher) -> list[psutil.Process]:
    """The actors' processes: Ray starts each again, and it takes its slots back."""
    shards = service.shards()
    assert len(shards) == SHARDS
    return shards


async def the_watchers_web_worker(service: Running, watcher: Watcher) -> list[psutil.Process]:
    """With all its sockets; the supervisor starts another."""
    return [service.worker_of(watcher.port)]


async def redis(service: Running, _: Watcher) -> list[psutil.Process]:
    """With all streams."""
    return [await service.process("redis")]


async def postgres(service: Running, _: Watcher) -> list[psutil.Process]:
    return [await service.process("postgres")]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victims", [every_shard, the_watchers_web_worker, redis, postgres])
async def test_killed_in_mid_replay_nothing_is_lost_and_nothing_missed(
    service: Running, region: str, victims: Victims, tmp_path: Path
) -> None:
    acknowledged = tmp_path / "acknowledged"
    async with watching(service, region) as steady, watching(service, region) as restless:
        doomed = await victims(service, steady)
        words = replay(service, region, acknowledged, tmp_path)
        async with child(*MAXRAY, "replay", *words) as player:
            await until(lambda: steady.raised >= EARLY, REPLAY_S, "calls come in")
            killed: dict[psutil.Process, int] = {}  # and how many were acknowledged by then
            for victim in doomed:
                await until(partial(shards_run, service, killed), BACK_S, "all shards run")
                await restless.leave()
                killed[victim] = len(acknowledged.read_text().split())
                victim.kill()
                await restless.come_back()  # whatever is in ruins just now
            code, said = await ended(player, REPLAY_S)
        assert code == 0, said
        figures = last_line(said)
        assert (figures["lost"], figures["double"], figures["unacknowledged"]) == (0, 0, 0)
        assert figures["gaps"] == 0
        assert 0 < min(killed.values()) < figures["calls"] == figures["assigned"]
        ids = acknowledged.read_text().split()
        assert len(ids) == figures["calls"]
        await replaced(service, killed)
        facts = await tops(service, region, ids)
        await steady.saw(facts)
        await restless.saw(facts)
        assert restless.recovered
    await journal_is_whole(service, acknowledged)


def shards_run(service: Running, killed: Collection[psutil.Process]) -> bool:
    """All of them, besides those that were killed and may still be seen."""
    return len(set(service.shards()) - set(killed)) == SHARDS


def replay(service: Running, region: str, acknowledged: Path, folder: Path) -> tuple[str, ...]:
    """The arguments of a replay of which nothing goes wrong by itself."""
    options = {
        "--data": str(service.data),
        "--region": region,
        "--acknowledged": str(acknowledged),
        "--ledger": str(ledger_beside(acknowledged)),
        "--speed": SPEED,
        "--units": UNITS,
        "--ignore": "0",
    }
    return (*calls(folder), *(word for option in options.items() for word in option))


def ledger_beside(acknowledged: Path) -> Path:
    """Of all commands, the devices' too."""
    return acknowledged.with_name("ledger.jsonl")


def last_line(said: str) -> dict[str, int]:
    """The figures that a replay ends with."""
    name, _, figures = said.strip().rpartition("\n")[2].partition(": ")
    assert name == "replay", said
    words = figures.split()
    return {word: int(number) for word, number in zip(words[::2], words[1::2], strict=True)}


async def replaced(service: Running, killed: Collection[psutil.Process]) -> None:
    """Wait until the service says that it is whole again, with others in the places of these."""
    await until(partial(shards_run, service, killed), BACK_S, "all shards run")
    dead = {process.pid for process in killed}
    async with asyncio.timeout(BACK_S):
        while True:
            # The cheaper question first: a command that starts takes the processor from the others.
            while not await service.ready():
                await asyncio.sleep(_LOOK_EVERY_S)
            code, status = await service.status()
            pids = {process["pid"] for process in status["processes"]}
            if code == 0 and not pids & dead:
                return


async def journal_is_whole(service: Running, acknowledged: Path) -> None:
    """Says a program that shares no code with the service, of the database alone."""
    secrets = service.data / "secrets"
    words = (
        *("--database-file", str(secrets / "setting-database_url")),
        *("--master-key-file", str(secrets / "setting-master_key")),
        *("--ledger", str(ledger_beside(acknowledged))),
    )
    async with child(*CHECK, *words, "--settle", f"{SETTLE_S:g}") as check:
        code, said = await ended(check, SETTLE_S + BACK_S)
    assert code == 0, said
    assert said.strip().rpartition("\n")[2].startswith("journal: whole, 0 violations"), said
