"""One chaos run: the service, the day, the killer, then the judge, each a program of its own."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.acceptance.running import MAXRAY, START_S, Running
from tests.chaos.killer import Kill, Killer
from tests.integration.embedded.child import child, ended, line_with

CHECK = ("-m", "tests.chaos.check_journal")
# After the last call has ended: the time for what is still under way to be handled.
SETTLE_S = 30.0
_CHECK_S = 120.0
_DAY_S = 86400.0
# The last line of an export is shorter than this.
_END_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is played. `weights`: see Killer. `policy`: the dispatch policy, where it is not the
    service's own choice. `limit_s`: for the replay; longer is a failure."""

    calls: Path
    day: date
    days: int
    speed: float
    units: int | None
    seed: int
    every_s: float
    weights: Mapping[str, float]
    shards: int
    web_workers: int
    offer_s: float
    policy: str | None
    limit_s: float


@dataclass(slots=True)
class Outcome:
    """What was seen. `replay`: its last line. `judged`: what each check said, by its source."""

    kills: list[Kill] = field(default_factory=list)
    replay: str = ""
    replay_code: int = -1
    acknowledged: int = 0
    judged: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.replay_code == 0 and all(code == 0 for code, _ in self.judged.values())

    @property
    def killed(self) -> Counter[str]:
        return Counter(kill.what for kill in self.kills)


async def play(run: Run, folder: Path) -> Outcome:
    """Raises TimeoutError where it does not start, or the replay is not over in time.

    `folder` takes the data, the ledger and the export; what it starts is ended before it returns.
    """
    outcome = Outcome()
    data = folder / "data"
    options = {
        "--data": str(data),
        "--port": "0",
        "--web-workers": str(run.web_workers),
        "--shards": str(run.shards),
    }
    environment = {"MAXRAY_OFFER_TIMEOUT_S": str(run.offer_s), "MAXRAY_DRAIN_S": "0.5"}
    if run.policy is not None:
        environment["MAXRAY_DISPATCH_POLICY"] = run.policy
    words = [word for option in options.items() for word in option]
    async with child(*MAXRAY, "up", *words, environment=environment) as process:
        url = (await line_with(process, "API description", START_S)).split()[0]
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(_drained(process))
            service = Running(process, data, url, page="")
            try:
                await _replayed(run, service, folder, outcome)
                await _judged(run, service, folder, outcome)
            finally:
                await service.close()
                drain.cancel()
        await service.stopped()
    return outcome


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Nobody reads what it says while it runs, and its pipe must not fill up."""
    assert process.stdout is not None
    while await process.stdout.readline():
        pass


async def _replayed(run: Run, service: Running, folder: Path, outcome: Outcome) -> None:
    killer = Killer(service, run.seed, run.every_s, run.weights)
    options = {
        "--from": f"{run.day:%Y-%m-%d}",
        "--to": f"{run.day + timedelta(days=run.days):%Y-%m-%d}",
        "--speed": f"{run.speed:g}",
        "--seed": str(run.seed),
        "--data": str(service.data),
        "--ledger": str(folder / "ledger.jsonl"),
    } | ({} if run.units is None else {"--units": str(run.units)})
    words = [word for option in options.items() for word in option]
    async with child(*MAXRAY, "replay", str(run.calls.absolute()), *words) as player:
        killing = asyncio.create_task(killer.run())
        middle = asyncio.create_task(_judged_midway(run, service, folder, outcome))
        try:
            outcome.replay_code, said = await ended(player, run.limit_s)
            await middle
        finally:
            for task in (killing, middle):
                task.cancel()
            await asyncio.gather(killing, middle, return_exceptions=True)
    outcome.kills = killer.kills
    outcome.replay = said.strip()
    outcome.acknowledged = sum(1 for _ in (folder / "ledger.jsonl").open())


async def _judged_midway(run: Run, service: Running, folder: Path, outcome: Outcome) -> None:
    """What holds at every moment holds amid it all too: tasks are live then, and claims held."""
    await asyncio.sleep(run.days * _DAY_S / run.speed / 2)  # half of the replay's time
    ledger, export = folder / "ledger-midway.jsonl", folder / "journal-midway.jsonl"
    written = (folder / "ledger.jsonl").read_bytes()
    ledger.write_bytes(written[: written.rfind(b"\n") + 1])
    async with asyncio.timeout(SETTLE_S):
        while (await _exported(service, export))[0] != 0:  # PostgreSQL was killed just now
            export.unlink(missing_ok=True)
            await asyncio.sleep(1)  # its restart takes seconds
    words = (str(export), "--ledger", str(ledger), "--running", *_order(run))
    outcome.judged["export amid it all"] = await _check(*words)


async def _judged(run: Run, service: Running, folder: Path, outcome: Outcome) -> None:
    """Twice: of the export, and of the database itself, which no code of ours has touched."""
    export = await _quiet_export(service, folder)
    ledger = ("--ledger", str(folder / "ledger.jsonl"), *_order(run))
    secrets = service.data / "secrets"
    straight = (
        *("--database-file", str(secrets / "setting-database_url")),
        *("--master-key-file", str(secrets / "setting-master_key")),
    )
    outcome.judged["export"] = await _check(str(export), *ledger)
    outcome.judged["database"] = await _check(*straight, *ledger)


# What a policy promises about who comes first; the others weigh it against the time to get there.
_ORDERS = {"closest_idle": "age", "priority": "priority", "preemptive": "priority"}


def _order(run: Run) -> tuple[str, ...]:
    return ("--order", _ORDERS.get(run.policy or "", "none"))


async def _check(*words: str) -> tuple[int, str]:
    async with child(*CHECK, *words) as check:
        return await ended(check, _CHECK_S)


async def _exported(service: Running, path: Path) -> tuple[int, str]:
    where = ("--data", str(service.data), "--out", str(path))
    async with child(*MAXRAY, "journal", "export", *where) as export:
        return await ended(export, _CHECK_S)


async def _quiet_export(service: Running, folder: Path) -> Path:
    """The journal once no message is under way; the last one, where that takes too long."""
    deadline = time.monotonic() + SETTLE_S
    number = 0
    while True:
        number += 1
        path = folder / f"journal-{number}.jsonl"
        code, said = await _exported(service, path)
        assert code == 0, said
        if _outbox(path) == 0 or time.monotonic() > deadline:
            return path
        await asyncio.sleep(1)  # lost messages are swept up once a second


def _outbox(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(-min(_END_BYTES, path.stat().st_size), os.SEEK_END)
        last = file.read().decode().strip().rpartition("\n")[2]
    return int(json.loads(last)["end"]["outbox"])
