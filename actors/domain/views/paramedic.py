"""What is shown of a paramedic: to its crew, to the fleet's map, and to who waits for it."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.messages.card import StationRef
from actors.domain.messages.status import ShiftFault, UnitAvailability
from actors.domain.task import TaskStep
from actors.domain.values import Destination, Location


class PositionView(Struct, frozen=True):
    lat: float
    lon: float
    at: str
    accuracy_m: float | None = None


class TaskView(Struct, frozen=True, kw_only=True):
    """A task as its crew sees it."""

    id: str
    emergency: str
    step: TaskStep
    priority: int
    location: Location
    address: str | None
    symptoms: tuple[str, ...]
    needs: tuple[str, ...]
    raised_at: str
    offered_at: str
    expires_at: str
    accepted_at: str | None
    eta_s: float
    slot: int = 1
    staged: bool = False
    staging: Location | None = None
    hospital: Destination | None = None


class TaskList(Struct, frozen=True):
    """A paramedic's queue, most urgent first."""

    tasks: tuple[TaskView, ...]


class ShiftNotice(Struct, frozen=True, kw_only=True):
    """A shift as its crew is told of it. `fault`: what is wrong with it."""

    id: str
    station: str
    starts_at: str
    ends_at: str
    cancelled: bool = False
    fault: ShiftFault | None = None


class ParamedicView(Struct, frozen=True, kw_only=True):
    """`station`: where it belongs while on duty. `shifts`: those announced and not over."""

    id: str
    status: UnitAvailability
    since: str
    name: str
    region: str
    skills: tuple[str, ...]
    vehicle: str
    position: PositionView | None
    tasks: tuple[TaskView, ...]
    revision: int
    station: str | None = None
    shifts: tuple[ShiftNotice, ...] = ()


class DeviceUpdate(Struct, frozen=True, kw_only=True):
    """On `device:<paramedic>`. `task`: the one the event is about, as it was left by it.

    Where the event ended the task, `task` shows it as it last was, and `tasks` no longer has it.
    `given_up`: with TaskDiverted, the one that went for it. `move`: where to stand by.
    `shift`: the one it is about. `note`: what the crew before leaves to say.
    """

    event: str
    at: str
    status: UnitAvailability
    task: TaskView | None
    reason: str | None
    tasks: tuple[str, ...]
    given_up: str | None = None
    move: StationRef | None = None
    shift: ShiftNotice | None = None
    note: str | None = None


class FleetRow(Struct, frozen=True, kw_only=True):
    """On `fleet:<region>`, keyed by unit: the newest of each. `station`: where it stands by."""

    unit: str
    name: str
    status: UnitAvailability
    vehicle: str
    position: PositionView | None
    task: str | None
    emergency: str | None
    station: str | None = None


class Track(Struct, frozen=True, kw_only=True):
    """On `track:<emergency>`. `eta_s`: to the scene; None once there.

    `hospital_eta_s`: to the hospital, on the way there.
    """

    unit: str
    lat: float
    lon: float
    at: str
    eta_s: float | None
    hospital_eta_s: float | None = None
