"""The crews of a run: they accept at once, drive, and report each step when its time has come.

A crew hears of its orders as a device does, by its paramedic's events, and answers with commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Final, Literal

from actors.domain.dispatcher.positions import MOVED, MOVES, POSITIONS
from actors.domain.kernel import Sender
from actors.domain.messages.card import StationRef
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.domain.paramedic.commands import AcceptTask, GoOnDuty, ProgressTask, RegisterParamedic
from actors.domain.paramedic.events import (
    MoveOrdered,
    TaskAccepted,
    TaskDiverted,
    TaskHandedBack,
    TaskOffered,
    TaskWithdrawn,
)
from actors.domain.task import Task
from actors.domain.values import Position
from actors.simulator.hospital import Hospitals
from actors.simulator.movement import Drive, standing
from actors.simulator.place import Place, PlacePosition
from actors.simulator.result import Row
from actors.simulator.runner import Entity, Reactions, Runner
from actors.simulator.scenario import Scenario, Unit
from actors.simulator.skills import opaque

REGION: Final = "scenario"
# Before anything else of a scenario, so that every later position is newer than the first.
SHIFT_START_S: Final = -1.0
_SEEN_S: Final = 0.0
_SYSTEM: Final = Sender("system", "simulator")

_Step = Literal["on_scene", "transporting", "at_hospital", "completed"]


def call_id(index: int) -> str:
    """The emergency of a call: ids that sort as the calls do."""
    return f"c{index:09d}"


def _call_index(emergency: str) -> int:
    return int(emergency[1:])


class Crew:
    """One unit, and its entity. `drive`: where it is. `turn` counts its orders: what an older one
    planned is void.

    `task`, `call`, `assigned_s`, `arrived_s`, `hospital`: of the task that it is on.
    """

    __slots__ = (
        "arrived_s",
        "assigned_s",
        "call",
        "drive",
        "entity",
        "hospital",
        "id",
        "task",
        "turn",
        "unit",
    )

    def __init__(self, entity: Entity, unit: Unit) -> None:
        self.id = entity.id
        self.entity = entity
        self.unit = unit
        self.drive = standing(unit.base, SHIFT_START_S)
        self.turn = 0
        self.task: Task | None = None
        self.call = -1
        self.assigned_s = self.arrived_s = 0.0
        self.hospital: Place | None = None


class Crews:
    """All of them, and what they are due to do next.

    `waiting`: how many calls no crew has at present; `idle`: how many crews have no task. `sent`:
    by call, whether a crew ever had it; `queued`: whether it waited, for whoever knows to say.
    `busy`: where those are who are on a task is to be known too.
    """

    def __init__(
        self, scenario: Scenario, hospitals: Hospitals, runner: Runner, *, busy: bool
    ) -> None:
        self.rows: list[Row | None] = [None] * len(scenario.calls)
        self.sent = bytearray(len(scenario.calls))
        self.queued = bytearray(len(scenario.calls))
        self.waiting = 0
        self.idle = len(scenario.units)
        self.preemptions = 0
        self.moves = 0
        self._scenario = scenario
        self._hospitals = hospitals
        self._runner = runner
        self._busy = busy
        # Who may be elsewhere than when its place was last looked at.
        self.under_way: dict[str, Crew] = {}
        self._due: list[tuple[float, int, Crew, int, _Step]] = []
        self._pushed = count()
        self._steps: Mapping[_Step, Callable[[Crew, Task, float], None]] = {
            "on_scene": self._on_scene,
            "transporting": self._transporting,
            "at_hospital": self._at_hospital,
            "completed": self._completed,
        }
        # What a paramedic's device is told, and what its crew does then.
        reactions: Reactions = {
            TaskOffered: self._offered,
            TaskAccepted: self._accepted,
            TaskDiverted: self._diverted,
            TaskWithdrawn: self._called_back,
            TaskHandedBack: self._called_back,
            MoveOrdered: self._moved,
        }
        runner.watch("paramedic", reactions)
        # Ids that sort as the units do, for equal travel times are decided by them.
        entities = (runner.entity("paramedic", f"u{n:06d}") for n in range(len(scenario.units)))
        self._crews = {e.id: Crew(e, u) for e, u in zip(entities, scenario.units, strict=True)}

    def begin(self) -> None:
        """Everybody comes on duty, at its base; the bases are the stations there are. The
        dispatcher hears of these and of the hospitals."""
        bases = {unit.base.index: unit.base for unit in self._scenario.units}
        stations = tuple(
            StationRef(station_id(base), self._scenario.place_ids[index], base)
            for index, base in sorted(bases.items())
        )
        known = StationsChanged(revision=1, stations=stations)
        for word in (known, *self._hospitals.words()):
            self._runner.ask("dispatcher", REGION, word, _SYSTEM)
        for crew in self._crews.values():
            unit = crew.unit
            register = RegisterParamedic(
                name=unit.id, region=REGION, skills=opaque(unit.skills), vehicle="ambulance"
            )
            self._runner.handle(crew.entity, register, _SYSTEM)
            here = PlacePosition(unit.base.lat, unit.base.lon, SHIFT_START_S, place=unit.base)
            on_duty = GoOnDuty(position=here, station=station_id(unit.base))
            self._runner.handle(crew.entity, on_duty, _SYSTEM)

    def next_due(self) -> float:
        """When the next of them has something to do."""
        return self._due[0][0] if self._due else inf

    def act(self, now: float) -> bool:
        """All do what they are due to do, also what becomes due by it. Whether one became free."""
        due, runner = self._due, self._runner
        freed = False
        while due and due[0][0] <= now:
            _, _, crew, turn, step = heappop(due)
            task = crew.task
            if turn != crew.turn or task is None:
                continue  # it was sent elsewhere meanwhile
            progress = ProgressTask(task=task.id, step=step)
            runner.handle(crew.entity, progress, _SYSTEM)
            self._steps[step](crew, task, now)
            freed = freed or step == "completed"
        return freed

    # --- orders

    def _offered(self, unit: str, event: TaskOffered) -> None:
        crew = self._crews[unit]
        self.idle -= crew.task is None
        crew.task = event.task
        self._runner.tell(crew.entity, AcceptTask(task=event.task.id), _SYSTEM)

    def _accepted(self, unit: str, _event: TaskAccepted) -> None:
        self._depart(self._crews[unit])

    def _diverted(self, unit: str, event: TaskDiverted) -> None:
        crew = self._crews[unit]
        crew.task = event.task
        self.preemptions += 1
        if event.task.live:
            self.waiting += 1  # whom it leaves
            self._depart(crew)
        else:
            self._runner.tell(crew.entity, AcceptTask(task=event.task.id), _SYSTEM)

    def _called_back(self, unit: str, event: TaskWithdrawn | TaskHandedBack) -> None:
        crew = self._crews[unit]
        if crew.task is not None and crew.task.id == event.task:
            self.waiting += crew.call >= 0
            self._free(crew, self._runner.now)

    def _moved(self, unit: str, event: MoveOrdered) -> None:
        station = event.station.location
        assert isinstance(station, Place), "stations are those of the scenario"
        self.moves += 1
        self._drive_home(self._crews[unit], station, self._runner.now)

    # --- work

    def _depart(self, crew: Crew) -> None:
        now, scenario, task = self._runner.now, self._scenario, crew.task
        assert task is not None
        crew.call = _call_index(task.emergency)
        crew.assigned_s = now
        crew.turn += 1
        self.waiting -= 1
        self.sent[crew.call] = True
        start = crew.drive.place(now, scenario.nearest)
        scene = scenario.calls[crew.call].place
        takes_s = scenario.travel.seconds(start, scene, now)
        self._drive(crew, Drive(start, scene, now, takes_s))
        self._runner.tell(crew.entity, ProgressTask(task=task.id, step="en_route"), _SYSTEM)
        self._plan(crew, now + takes_s, "on_scene")

    def _drive(self, crew: Crew, drive: Drive) -> None:
        crew.drive = drive
        if self._busy or crew.task is None:
            self.under_way[crew.id] = crew
        else:
            self.under_way.pop(crew.id, None)

    def _plan(self, crew: Crew, at: float, step: _Step) -> None:
        heappush(self._due, (at, next(self._pushed), crew, crew.turn, step))

    def _on_scene(self, crew: Crew, _task: Task, now: float) -> None:
        call = self._scenario.calls[crew.call]
        crew.arrived_s = now
        crew.hospital = None
        self._drive(crew, standing(call.place, now))
        self._plan(crew, now + call.on_scene_s, "transporting" if call.transport else "completed")

    def _transporting(self, crew: Crew, _task: Task, now: float) -> None:
        scene = self._scenario.calls[crew.call].place
        crew.hospital = hospital = self._hospitals.nearest(scene, now)
        takes_s = self._scenario.travel.seconds(scene, hospital, now)
        self._drive(crew, Drive(scene, hospital, now, takes_s))
        self._plan(crew, now + takes_s, "at_hospital")

    def _at_hospital(self, crew: Crew, _task: Task, now: float) -> None:
        assert crew.hospital is not None
        self._drive(crew, standing(crew.hospital, now))
        handover_s = self._scenario.calls[crew.call].handover_s
        self._plan(crew, now + handover_s, "completed")

    def _completed(self, crew: Crew, task: Task, now: float) -> None:
        scenario, call = self._scenario, self._scenario.calls[crew.call]
        hospital = crew.hospital
        self.rows[crew.call] = Row(
            call.id,
            crew.unit.id,
            crew.assigned_s,
            crew.arrived_s - call.at_s,
            crew.arrived_s,
            None if hospital is None else scenario.place_ids[hospital.index],
            now,
            call.priority,
            bool(self.queued[crew.call]),
        )
        self._runner.forget("emergency", task.emergency)
        self._free(crew, now)

    def _free(self, crew: Crew, now: float) -> None:
        self.idle += crew.task is not None
        crew.task = None
        crew.call = -1
        self._drive_home(crew, crew.unit.base, now)

    def _drive_home(self, crew: Crew, station: Place, now: float) -> None:
        scenario = self._scenario
        here = crew.drive.place(now, scenario.nearest)
        takes_s = scenario.travel.seconds(here, station, now) / scenario.return_speed_factor
        crew.turn += 1
        self._drive(crew, Drive(here, station, now, takes_s))


def station_id(base: Place) -> str:
    """A base as a station of the domain's: ids that sort as the locations do."""
    return f"s{base.index:06d}"


class Fleet:
    """What telemetry is to a dispatcher: where the units are, and which have moved since.

    A unit that stands still has the same position, the very object, for as long as it does.
    """

    def __init__(self, scenario: Scenario, crews: Crews) -> None:
        self._crews = crews
        self._nearest = scenario.nearest
        self._of_place = [
            PlacePosition(place.lat, place.lon, _SEEN_S, place=place) for place in scenario.places
        ]
        self._positions: dict[str, Position] = {}
        self._moved: dict[str, int] = {}
        self._moves = 0

    def seen(self, now: float) -> Mapping[str, object]:
        """At one moment: the dispatcher's telemetry as `dispatcher.positions.absorb` keeps it."""
        arrived, under_way, nearest = [], self._crews.under_way, self._nearest
        for unit, crew in under_way.items():
            drive = crew.drive
            place = drive.place(now, nearest)
            if place is drive.target and drive.over(now):
                arrived.append(unit)
            position = self._of_place[place.index]
            if self._positions.get(unit) is not position:
                self._positions[unit] = position
                self._moves += 1
                self._moved.pop(unit, None)
                self._moved[unit] = self._moves  # the last to move stands last
        for unit in arrived:
            del under_way[unit]
        return {POSITIONS: self._positions, MOVES: self._moves, MOVED: self._moved}
