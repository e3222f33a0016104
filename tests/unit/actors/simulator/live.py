"""A scenario played through the running service: what the simulator is held to.

Router, shard, journal and courier of `actors/` in one process, on a clock moved by hand. Crews hear
of their orders on their devices' channels, accept at once, and report where they are before
anything is decided. Hospitals are entities; crews rank them as the service does, and do not name
the one they drive to, for a scenario's hospitals have no load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from math import inf

import msgspec
from msgspec.structs import replace

from actors.clock import ManualClock
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.emergency.commands import TakeOverEmergency
from actors.domain.hospital.choice import Candidate, choose
from actors.domain.hospital.commands import RegisterHospital, ViewHospital
from actors.domain.kernel import Command, DomainError, EntityRef, Sender
from actors.domain.messages.card import StationRef
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.domain.paramedic.commands import AcceptTask, GoOnDuty, ProgressTask, RegisterParamedic
from actors.domain.places import Array, Places
from actors.domain.registry import kinds
from actors.domain.values import Location, Position
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import DeviceUpdate
from actors.envelope import SignalEnvelope, encode, to_json
from actors.journal_memory import MemoryJournal
from actors.limits import Limits
from actors.local import LocalCluster
from actors.router import Router
from actors.shard import Shard
from actors.simulator import Place, Scenario
from actors.simulator.crew import SHIFT_START_S
from actors.simulator.engine import rules_of
from actors.simulator.hospital import Hospitals
from actors.simulator.movement import Drive, standing
from actors.simulator.scenario import Call, Unit
from actors.simulator.skills import opaque
from tests.streams import Streams

SYSTEM = Sender("system", "test:test")
ADMIN = Sender("admin", "admin-1")
REGION = "north"
DISPATCHER = EntityRef("dispatcher", REGION)
# A scenario's time 0. Its crews begin before that, and nothing is before 1970; whole days leave the
# hours as they are.
EPOCH_S = 86_400.0
# Devices report a hair before a deadline of the dispatcher's: the tick that it falls on has to
# find them there.
BEFORE_S = 1 / 1024
# Devices report every second in life, which keeps their entities in memory. Here they do when
# something happens.
LIMITS = Limits(idle_s=inf)
_device = msgspec.json.Decoder(DeviceUpdate)
_hospital = msgspec.json.Decoder(HospitalView)

# unit, assigned_s, arrived_s, hospital, cleared_s
Outcome = tuple[str, float, float, str | None, float]


class ByCoordinates:
    """The scenario's travel, asked with what has passed through the wire: mere coordinates.

    A point that is none of its places (where calls are expected, by the estimate of demand) is as
    the place nearest to it.
    """

    fastest_mps: float | None = None

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._places = {(place.lat, place.lon): place for place in scenario.places}

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        return self._scenario.travel.seconds(self.place(origin), self.place(target), at)

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        begin, end = (Places(list(map(self.place, some.locations))) for some in (origins, targets))
        return self._scenario.travel.table(begin, end, at)

    def place(self, point: Location) -> Place:
        known = self._places.get((point.lat, point.lon))
        return known or self._scenario.nearest(point.lat, point.lon)


class Crew:
    """A crew in the world: where it is, what it is on, and how much its device has heard."""

    def __init__(self, id_: str, unit: Unit) -> None:
        self.id = id_
        self.ref = EntityRef("paramedic", id_)
        self.unit = unit
        self.drive = standing(unit.base, SHIFT_START_S)
        self.task: str | None = None
        self.call = -1
        self.heard = 0
        # Counts its orders: what an older one planned is void.
        self.turn = 0
        self.assigned_s = self.arrived_s = 0.0
        self.hospital: str | None = None


class Live:
    """The world around a running service. `now` is exact; the clock follows it."""

    def __init__(
        self,
        scenario: Scenario,
        router: Router,
        cluster: LocalCluster,
        journal: MemoryJournal,
        streams: Streams,
        clock: ManualClock,
    ) -> None:
        self.scenario = scenario
        self.outcomes: dict[int, Outcome] = {}
        self.preemptions = self.moves = 0
        self.deferrals = 0
        self.now = SHIFT_START_S
        self._streams = streams
        self._clock = clock
        self._router = router
        self._cluster = cluster
        self._journal = journal
        self._travel = ByCoordinates(scenario)
        self._crews = {f"u{n:06d}": Crew(f"u{n:06d}", u) for n, u in enumerate(scenario.units)}
        self._hospitals = {f"h{n:06d}": place for n, place in enumerate(scenario.hospitals)}
        self._due: list[tuple[float, int, Crew, int, str]] = []
        self._pushed = count()
        self._ids = count()

    # --- the run

    async def play(self) -> None:
        """All calls, until every crew is done."""
        clock = self._clock
        await self._begin()
        calls = list(enumerate(self.scenario.calls))
        while calls or self._due:
            due = self._due[0][0] if self._due else inf
            call_at = calls[0][1].at_s if calls else inf
            wake_at = self._deadline()
            self.now = min(due, call_at, wake_at)
            at = EPOCH_S + self.now
            await clock.advance(max(0.0, at - BEFORE_S - clock.now()))
            await self._report(clock.now())
            await clock.advance(at - clock.now())
            if due == self.now:
                _, _, crew, turn, step = heappop(self._due)
                if turn == crew.turn:
                    await self._step(crew, step)
            elif wake_at == self.now:
                self.deferrals += 1
            else:
                await self._call(*calls.pop(0))
            await self._settle()

    async def _begin(self) -> None:
        scenario = self.scenario
        bases = {unit.base.index: unit.base for unit in scenario.units}
        stations = tuple(
            StationRef(f"s{at:06d}", scenario.place_ids[at], on_the_wire(bases[at]))
            for at in sorted(bases)
        )
        for id_, place in self._hospitals.items():
            known = RegisterHospital(
                name=id_, region=REGION, location=on_the_wire(place), capabilities=()
            )
            await self._ask(EntityRef("hospital", id_), known, ADMIN)
        for crew in self._crews.values():
            unit = crew.unit
            register = RegisterParamedic(
                name=unit.id, region=REGION, skills=opaque(unit.skills), vehicle="ambulance"
            )
            await self._ask(crew.ref, register)
            here = Position(unit.base.lat, unit.base.lon, EPOCH_S + SHIFT_START_S)
            station = f"s{unit.base.index:06d}"
            await self._ask(crew.ref, GoOnDuty(position=here, station=station))
        # Last, so that nobody is moved to cover for crews that are not here yet.
        await self._ask(DISPATCHER, StationsChanged(revision=1, stations=stations))
        await self._settle()

    async def _ask(self, ref: EntityRef, command: Command, by: Sender = SYSTEM) -> bytes:
        name = f"c{next(self._ids)}"
        return await self._router.ask(ref, command, id=name, by=by, timeout_s=30.0)

    def _deadline(self) -> float:
        """When the dispatcher is to be woken, as its row says. What is past was done."""
        row = self._journal.entities[str(DISPATCHER)]
        at = inf if row.wake_at is None else row.wake_at - EPOCH_S
        return at if at > self.now else inf

    async def _call(self, index: int, call: Call) -> None:
        raised = TakeOverEmergency(
            patient_id=None,
            region=REGION,
            location=on_the_wire(call.place),
            priority=call.priority,
            needs=opaque(call.needs),
        )
        await self._ask(EntityRef("emergency", f"c{index:09d}"), raised)

    async def _report(self, at: float) -> None:
        """Where each unit is at this moment, as its device says just before it."""
        said = []
        for crew in self._crews.values():
            place = crew.drive.place(self.now, self.scenario.nearest)
            here = ReportPosition(lat=place.lat, lon=place.lon, at=at)
            said.append(SignalEnvelope("paramedic", crew.id, to_json(here)))
        self._cluster.signal(0, encode(said))
        await asyncio.sleep(0)  # in which they are passed on to the dispatcher

    async def _settle(self) -> None:
        """Let the service come to rest: no message on its way, no device with news."""
        for _ in range(2_000):
            if await self._hear():
                continue
            if not self._journal.outbox and not await self._behind():
                return
            await asyncio.sleep(0)
        raise AssertionError("the service never comes to rest")

    async def _behind(self) -> bool:
        """Whether a fact of a device has not been published yet."""
        rows = self._journal.entities
        return any(
            rows[str(crew.ref)].version > len(self._facts(crew)) for crew in self._crews.values()
        )

    def _facts(self, crew: Crew) -> list[tuple[int, bytes]]:
        return self._streams.facts.get(f"device:{crew.id}", [])

    # --- orders

    async def _hear(self) -> bool:
        """One crew hears what its device was told, and does it. Whether there was anything."""
        for crew in self._crews.values():
            facts = self._facts(crew)
            if crew.heard < len(facts):
                crew.heard += 1
                await self._obey(crew, _device.decode(facts[crew.heard - 1][1]))
                return True
        return False

    async def _obey(self, crew: Crew, told: DeviceUpdate) -> None:
        match told.event:
            case "TaskOffered":
                assert told.task is not None
                crew.task = told.task.id
                await self._accept(crew)
            case "TaskAccepted":
                assert told.task is not None
                await self._depart(crew, told.task.emergency)
            case "TaskDiverted":
                assert told.task is not None
                self.preemptions += 1
                crew.task = told.task.id
                if told.task.step == "pending":
                    await self._accept(crew)
                else:
                    await self._depart(crew, told.task.emergency)
            case "MoveOrdered":
                assert told.move is not None
                self.moves += 1
                self._drive_home(crew, self._travel.place(told.move.location))
            case "TaskWithdrawn" | "TaskHandedBack" | "OfferVoided" | "TaskExpired":
                raise AssertionError(f"{told.event}: nobody cancels or refuses in a scenario")
            case _:
                pass

    async def _accept(self, crew: Crew) -> None:
        assert crew.task is not None
        try:
            await self._ask(crew.ref, AcceptTask(task=crew.task))
        except DomainError:
            # It is asked for another one already, and that its device is about to hear.
            assert crew.heard < len(self._facts(crew)) or await self._behind()

    async def _depart(self, crew: Crew, emergency: str) -> None:
        crew.call = int(emergency[1:])
        crew.assigned_s = self.now
        crew.turn += 1
        start = crew.drive.place(self.now, self.scenario.nearest)
        scene = self.scenario.calls[crew.call].place
        takes_s = self.scenario.travel.seconds(start, scene)
        crew.drive = Drive(start, scene, self.now, takes_s)
        await self._progress(crew, "en_route")
        self._plan(crew, takes_s, "on_scene")

    # --- work

    def _plan(self, crew: Crew, after_s: float, step: str) -> None:
        heappush(self._due, (self.now + after_s, next(self._pushed), crew, crew.turn, step))

    async def _progress(self, crew: Crew, step: str) -> None:
        command = {"type": "ProgressTask", "task": crew.task, "step": step}
        await self._ask(crew.ref, msgspec.convert(command, ProgressTask))

    async def _step(self, crew: Crew, step: str) -> None:
        scenario = self.scenario
        call, travel = scenario.calls[crew.call], scenario.travel
        await self._progress(crew, step)
        if step == "on_scene":
            crew.arrived_s, crew.hospital = self.now, None
            crew.drive = standing(call.place, self.now)
            self._plan(crew, call.on_scene_s, "transporting" if call.transport else "completed")
        elif step == "transporting":
            crew.hospital = await self._hospital(call.place)
            place = self._hospitals[crew.hospital]
            takes_s = travel.seconds(call.place, place)
            crew.drive = Drive(call.place, place, self.now, takes_s)
            self._plan(crew, takes_s, "at_hospital")
        elif step == "at_hospital":
            crew.drive = standing(crew.drive.target, self.now)
            self._plan(crew, call.handover_s, "completed")
        else:
            brought = crew.hospital and scenario.place_ids[self._hospitals[crew.hospital].index]
            times = crew.assigned_s, crew.arrived_s, brought, self.now
            self.outcomes[crew.call] = (crew.unit.id, *times)
            crew.task = None
            self._drive_home(crew, crew.unit.base)

    async def _hospital(self, scene: Place) -> str:
        """The first of those that the service would suggest there (`web/hospitals`)."""
        candidates = []
        for id_ in self._hospitals:
            view = _hospital.decode(
                await self._router.read(
                    EntityRef("hospital", id_), ViewHospital(), by=ADMIN, timeout_s=30.0
                )
            )
            assert view.status == "open"
            candidates.append(
                Candidate(id_, view.location, view.capabilities, "open", view.load.expected_wait_s)
            )
        return choose(on_the_wire(scene), (), candidates, self._travel, self.now)[0].hospital

    def _drive_home(self, crew: Crew, station: Place) -> None:
        here = crew.drive.place(self.now, self.scenario.nearest)
        home_s = self.scenario.travel.seconds(here, station) / self.scenario.return_speed_factor
        crew.drive = Drive(here, station, self.now, home_s)


def on_the_wire(place: Place) -> Location:
    """A place as people and devices name it."""
    return Location(place.lat, place.lon)


@asynccontextmanager
async def running(scenario: Scenario) -> AsyncIterator[Live]:
    """One shard with a journal in memory, under the scenario's policy and travel times, and the
    rules that a run of it has."""
    clock = ManualClock(EPOCH_S + SHIFT_START_S)
    rules = replace(rules_of(scenario, Hospitals(scenario)), plans_when_asked=False)
    known = kinds(rules, policy_named(scenario.policy), ByCoordinates(scenario))
    journal, streams = MemoryJournal(), Streams()
    cluster = LocalCluster(
        1,
        lambda index, transport, fenced: Shard(
            index, known, journal, streams, transport, clock, "test", fenced, LIMITS
        ),
    )
    await cluster.start()
    router = Router(cluster, clock)
    try:
        yield Live(scenario, router, cluster, journal, streams, clock)
    finally:
        await router.close()
        await cluster.stop()
