"""The simulator decides as the live system does: the same calls through the real runtime.

Router, shard, journal and courier of `actors/` in one process, on a clock moved by hand; crews that
accept at once, and that report where they are before anything is decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random

import msgspec
import pytest

from actors.clock import ManualClock
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.dispatcher.commands import ViewDispatcher
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import TakeOverEmergency
from actors.domain.kernel import Command, EntityRef, Sender
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.paramedic.commands import AcceptTask, GoOnDuty, ProgressTask, RegisterParamedic
from actors.domain.registry import kinds
from actors.domain.values import Location, Position
from actors.domain.views.dispatcher import CaseView, DispatcherView
from actors.envelope import SignalEnvelope, encode, to_json
from actors.journal_memory import MemoryJournal
from actors.local import LocalCluster
from actors.router import Router
from actors.shard import Shard
from actors.simulator import Place, Scenario, load, simulate
from actors.simulator.movement import Drive, standing
from tests.streams import Streams
from tests.unit.actors.simulator.folder import CALLS, write

SYSTEM = Sender("system", "test:test")
REGION = "north"
DISPATCHER = EntityRef("dispatcher", REGION)
_view = msgspec.json.Decoder(DispatcherView)

# unit, assigned_s, arrived_s, cleared_s
Outcome = tuple[str, float, float, float]


class ByCoordinates:
    """The scenario's travel, asked with what has passed through the wire: mere coordinates."""

    fastest_mps: float | None = None

    def __init__(self, scenario: Scenario) -> None:
        self._travel = scenario.travel
        self._places = {(place.lat, place.lon): place for place in scenario.places}

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        a, b = (self._places[point.lat, point.lon] for point in (origin, target))
        return self._travel.seconds(a, b, at)


class Unit:
    """A crew in the world: where it is, and what it is on."""

    def __init__(self, id_: str, base: Place) -> None:
        self.id = id_
        self.base = base
        self.drive = standing(base, 0.0)
        self.case: CaseView | None = None
        self.assigned_s = self.arrived_s = 0.0


class Live:
    """The world around a running service. `now` is exact; the clock follows it."""

    def __init__(self, scenario: Scenario, router: Router, cluster: LocalCluster) -> None:
        self.scenario = scenario
        self.outcomes: dict[int, Outcome] = {}
        self.now = 0.0
        self._router = router
        self._cluster = cluster
        self._units = {f"u{n}": Unit(f"u{n}", u.base) for n, u in enumerate(scenario.units)}
        self._due: list[tuple[float, int, Unit, str]] = []
        self._pushed = count()
        self._open = 0
        self._ids = count()

    async def play(self, clock: ManualClock) -> None:
        for unit in self._units.values():
            register = RegisterParamedic(name=unit.id, region=REGION, skills=(), vehicle="van")
            await self._ask(EntityRef("paramedic", unit.id), register)
            here = Position(unit.base.lat, unit.base.lon, 0.0)
            await self._ask(EntityRef("paramedic", unit.id), GoOnDuty(position=here))
        calls = list(enumerate(self.scenario.calls))
        while calls or self._due:
            due = self._due[0][0] if self._due else float("inf")
            call_at = calls[0][1].at_s if calls else float("inf")
            self.now = min(due, call_at)
            await clock.advance(self.now - clock.now())
            self._report()
            await asyncio.sleep(0)  # in which they are passed on to the dispatcher
            if due <= call_at:
                _, _, unit, step = heappop(self._due)
                await self._step(unit, step)
            else:
                index, call = calls.pop(0)
                self._open += 1
                raised = TakeOverEmergency(
                    patient_id=None,
                    region=REGION,
                    location=Location(call.place.lat, call.place.lon),
                    priority=call.priority,
                )
                await self._ask(EntityRef("emergency", f"e{index:03d}"), raised)
            await self._settle()

    async def _ask(self, ref: EntityRef, command: Command) -> bytes:
        name = f"c{next(self._ids)}"
        return await self._router.ask(ref, command, id=name, by=SYSTEM, timeout_s=30.0)

    def _report(self) -> None:
        """Where each unit is, as its device says."""
        for unit in self._units.values():
            place = unit.drive.place(self.now, self.scenario.nearest)
            here = ReportPosition(lat=place.lat, lon=place.lon, at=self.now)
            self._cluster.signal(0, encode([SignalEnvelope("paramedic", unit.id, to_json(here))]))

    async def _settle(self) -> None:
        """Let the service come to rest; whoever is asked accepts."""
        for _ in range(2_000):
            answer = await self._router.read(DISPATCHER, ViewDispatcher(), by=SYSTEM, timeout_s=30)
            view = _view.decode(answer)
            for case in view.cases:
                if case.phase == "offered" and case.unit is not None and case.task is not None:
                    await self._accept(self._units[case.unit], case)
            waiting = sum(case.phase == "waiting" for case in view.cases)
            engaged = sum(case.phase == "engaged" for case in view.cases)
            free = sum(unit.free for unit in view.units)
            known = engaged == len(self._units) - free and waiting + engaged == self._open
            if known and not (waiting and free):
                return
            await asyncio.sleep(0)
        raise AssertionError("the service never comes to rest")

    async def _accept(self, unit: Unit, case: CaseView) -> None:
        if unit.case is not None:
            return  # it has; the view is of a moment before
        unit.case = case
        unit.assigned_s = self.now
        start = unit.drive.place(self.now, self.scenario.nearest)
        scene = self.scenario.calls[int(case.emergency[1:])].place
        takes_s = self.scenario.travel.seconds(start, scene)
        unit.drive = Drive(start, scene, self.now, takes_s)
        assert case.task is not None
        await self._ask(EntityRef("paramedic", unit.id), AcceptTask(task=case.task))
        await self._progress(unit, "en_route")
        heappush(self._due, (self.now + takes_s, next(self._pushed), unit, "on_scene"))

    async def _progress(self, unit: Unit, step: str) -> None:
        assert unit.case is not None
        command = msgspec.convert(
            {"type": "ProgressTask", "task": unit.case.task, "step": step}, ProgressTask
        )
        await self._ask(EntityRef("paramedic", unit.id), command)

    async def _step(self, unit: Unit, step: str) -> None:
        assert unit.case is not None
        index = int(unit.case.emergency[1:])
        call, travel = self.scenario.calls[index], self.scenario.travel
        await self._progress(unit, step)
        if step == "on_scene":
            unit.arrived_s = self.now
            unit.drive = standing(call.place, self.now)
            after = "transporting" if call.transport else "completed"
            heappush(self._due, (self.now + call.on_scene_s, next(self._pushed), unit, after))
        elif step == "transporting":
            hospital = min(self.scenario.hospitals, key=lambda h: travel.seconds(call.place, h))
            takes_s = travel.seconds(call.place, hospital)
            unit.drive = Drive(call.place, hospital, self.now, takes_s)
            heappush(self._due, (self.now + takes_s, next(self._pushed), unit, "at_hospital"))
        elif step == "at_hospital":
            unit.drive = standing(unit.drive.target, self.now)
            heappush(self._due, (self.now + call.handover_s, next(self._pushed), unit, "completed"))
        else:
            name = self.scenario.units[int(unit.id[1:])].id
            self.outcomes[index] = (name, unit.assigned_s, unit.arrived_s, self.now)
            here = unit.drive.target
            home_s = travel.seconds(here, unit.base) / self.scenario.return_speed_factor
            unit.drive = Drive(here, unit.base, self.now, home_s)
            unit.case = None
            self._open -= 1


@asynccontextmanager
async def running(scenario: Scenario, clock: ManualClock) -> AsyncIterator[Live]:
    """One shard with a journal in memory, under the scenario's policy and travel times."""
    rules = DispatchRules(escalate_s=None, runners_up=0)
    known = kinds(rules, policy_named(scenario.policy), ByCoordinates(scenario))
    journal, streams = MemoryJournal(), Streams()
    cluster = LocalCluster(
        1,
        lambda index, transport, fenced: Shard(
            index, known, journal, streams, transport, clock, "test", fenced
        ),
    )
    await cluster.start()
    router = Router(cluster, clock)
    try:
        yield Live(scenario, router, cluster)
    finally:
        await router.close()
        await cluster.stop()


def scenario_files(policy: str) -> dict[str, str]:
    """Busy enough for a queue, with times at which sums of floats are exact."""
    random = Random(5)
    places = "abcdefgh"
    spots = random.sample([(y, x) for y in range(6) for x in range(6)], len(places))
    where = [f"{p},{y / 64},{x / 64}" for p, (y, x) in zip(places, spots, strict=True)]
    pairs = [f"{a},{b},{random.randrange(40, 1200) / 4}" for a in places for b in places if a != b]
    at, calls = 10.0, []
    for n in range(40):
        at += random.randrange(1, 900) / 8
        calls.append(
            f"k{n},{at},{random.choice(places)},{random.randint(1, 4)},"
            f"{random.randrange(0, 800) / 4},{random.randint(0, 1)},{random.randrange(0, 400) / 4}"
        )
    return {
        "scenario.toml": f'name = "live"\nreturn_speed_factor = 0.5\npolicy = "{policy}"\n',
        "locations.csv": "\n".join(["id,lat,lon", *where]),
        "travel.csv": "\n".join(["from,to,seconds", *pairs]),
        "units.csv": "id,base\nm1,a\nm2,c\nm3,e\nm4,c\n",
        "hospitals.csv": "location\nb\nf\n",
        "calls.csv": CALLS + "\n".join(calls),
    }


@pytest.mark.parametrize("policy", ["closest_idle", "priority"])
async def test_the_live_system_sends_the_same_units_at_the_same_times(
    policy: str, tmp_path: Path
) -> None:
    scenario = load(write(tmp_path, scenario_files(policy)))
    simulated = simulate(scenario)
    assert 5 < simulated.queued < len(scenario.calls)
    clock = ManualClock(0.0)
    async with running(scenario, clock) as live:
        await live.play(clock)
    assert [live.outcomes[n] for n in range(len(scenario.calls))] == [
        (row.unit, row.assigned_s, row.arrived_s, row.cleared_s) for row in simulated.rows
    ]
