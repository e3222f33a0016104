"""One chaos run: the service, the day, the killer, then the judge, each a program of its own."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from actors.fire_calls.call import Call
from actors.fire_calls.export import Window, parse_time, read_file
from tests.acceptance.running import MAXRAY, START_S, Running
from tests.chaos.judging import AMID, SOURCES, Judge, Said
from tests.chaos.killer import Kill, Killer
from tests.chaos.ledger import read_ledger
from tests.integration.embedded.child import child, line_with

# How often the ledger is looked at for the first call.
_LOOK_S: Final = 0.2
_CHUNK_BYTES: Final = 1 << 16
# What a policy promises about who comes first; the others weigh it against the time to get there.
_ORDERS: Final = {"closest_idle": "age", "priority": "priority", "preemptive": "priority"}


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

    @property
    def period(self) -> tuple[str, str]:
        """From the first day, to before this one, as the replay is told."""
        return f"{self.day:%Y-%m-%d}", f"{self.day + timedelta(days=self.days):%Y-%m-%d}"


@dataclass(slots=True)
class Outcome:
    """What was seen so far. `replay`: what it said. `judged`: what each check said, by its source.

    `failures`: what went wrong with the run itself.
    """

    kills: list[Kill] = field(default_factory=list)
    replay: str = ""
    replay_code: int | None = None
    acknowledged: int = 0
    judged: dict[str, Said] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        whole = all(self.judged.get(source, (1, ""))[0] == 0 for source in SOURCES)
        return self.replay_code == 0 and whole and not self.failures

    @property
    def killed(self) -> Counter[str]:
        return Counter(kill.what for kill in self.kills)


def calls_of(run: Run) -> Sequence[Call]:
    """The calls that will be raised, in their order. Raises ExportRefused."""
    return read_file(run.calls, Window(*map(parse_time, run.period))).calls


def middle_s(calls: Sequence[Call], speed: float) -> float:
    """When half of the time between the first call and the last has passed, seconds on the wall
    after the first. 0 where there is no such time."""
    return (calls[-1].received_at - calls[0].received_at) / speed / 2 if calls else 0.0


async def play(run: Run, calls: Sequence[Call], folder: Path, outcome: Outcome) -> None:
    """Raises TimeoutError or AssertionError where it does not start or stop; `outcome` holds what
    was seen, also then.

    `calls`: those of the run. `folder` takes the data, the ledger and the export; what it starts is
    ended before it returns.
    """
    until_middle_s = middle_s(calls, run.speed)
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
        drain = asyncio.create_task(_drained(process))
        service = Running(process, data, url, page="")
        judge = Judge(data, folder, _ORDERS.get(run.policy or "", "none"))
        ledger = folder / "ledger.jsonl"
        try:
            await _replayed(run, service, judge, ledger, until_middle_s, outcome)
            outcome.judged |= await judge.afterwards(ledger)
        finally:
            await service.close()
            drain.cancel()
            await asyncio.gather(drain, return_exceptions=True)
        await service.stopped()


async def _drained(process: Process) -> None:
    """Nobody reads what it says while it runs, and its pipe must not fill up."""
    assert process.stdout is not None
    while await process.stdout.read(_CHUNK_BYTES):
        pass


async def _replayed(
    run: Run, service: Running, judge: Judge, ledger: Path, until_middle_s: float, outcome: Outcome
) -> None:
    killer = Killer(service, run.seed, run.every_s, run.weights)
    outcome.kills = killer.kills
    start, end = run.period
    options = {
        "--from": start,
        "--to": end,
        "--speed": f"{run.speed:g}",
        "--seed": str(run.seed),
        "--data": str(service.data),
        "--ledger": str(ledger),
    } | ({} if run.units is None else {"--units": str(run.units)})
    words = [word for option in options.items() for word in option]
    ledger.touch()
    amid = asyncio.Event()
    async with child(*MAXRAY, "replay", str(run.calls.absolute()), *words) as player:
        killing = asyncio.create_task(killer.run())
        middle = asyncio.create_task(_judged_amid(judge, ledger, until_middle_s, amid, outcome))
        try:
            await _played(player, run.limit_s, outcome)
            killing.cancel()
            if amid.is_set():
                await middle
        finally:
            for task in (killing, middle):
                task.cancel()
            died, _ = await asyncio.gather(killing, middle, return_exceptions=True)
            if isinstance(died, Exception):
                outcome.failures.append(f"the killer died: {died!r}")
            outcome.acknowledged = sum(1 for _ in ledger.open())


async def _played(player: Process, limit_s: float, outcome: Outcome) -> None:
    """To its end, or the limit's."""
    assert player.stdout is not None
    said = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            while chunk := await player.stdout.read(_CHUNK_BYTES):
                said += chunk
            outcome.replay_code = await player.wait()
    except TimeoutError:
        outcome.failures.append(f"the replay was not over after {limit_s:g} s")
    finally:
        outcome.replay = said.decode(errors="replace").strip()


async def _judged_amid(
    judge: Judge, ledger: Path, until_middle_s: float, amid: asyncio.Event, outcome: Outcome
) -> None:
    """In the middle of the calls: counted from the first, for units take their time to come on."""
    while not await asyncio.to_thread(_raised, ledger):
        await asyncio.sleep(_LOOK_S)  # the replay writes a file and tells nobody
    await asyncio.sleep(until_middle_s)  # a replay plays by the clock; half of it is so long
    amid.set()
    outcome.judged[AMID] = await judge.amid(ledger)


def _raised(ledger: Path) -> bool:
    """Whether a call was acknowledged."""
    try:
        return any(line.ref.startswith("emergency:") for line in read_ledger(ledger))
    except ValueError:
        return False  # its last line is being written
