"""A paramedic (a unit: crew, vehicle, device): its commands, its table, and how events change it.

Decisions: paramedic_decide.py. Positions: paramedic_position.py. Its tasks: task.py.

States: off_duty, available, on_task (exactly one live task), on_break, retired. On duty is all
but off_duty and retired: only then are positions taken in.

Commands, and who may send them
- RegisterParamedic, UpdateParamedic, RetireParamedic: staff.
- GoOnDuty, GoOffDuty, TakeBreak, EndBreak: the paramedic, staff. Not with a live task: that must
  be handed back first. Offers still open are declined by leaving. Who leaves may hand over to the
  next crew.
- AcceptTask, DeclineTask, ProgressTask, RedirectTask: the paramedic. HandBackTask: the paramedic,
  staff.
- ViewParamedic, ListTasks: the paramedic, staff. Change nothing.
- OfferTask, ReprioritizeTask, DivertUnit, StageTask, MoveToStation: dispatchers. WithdrawTask:
  dispatchers, emergencies, staff.
- AnnounceShift: shifts. TakeOver: the paramedic who hands over.
- Wake: the runtime, when the earliest offer has expired, or the crew is not where its shift has it
  (paramedic_shift.py).

Whether an offer was accepted, declined, expired or withdrawn is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain import paramedic_shift
from actors.domain.kernel import Claim, Command, Event, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import (
    AnnounceShift,
    DivertUnit,
    MoveToStation,
    OfferTask,
    ReprioritizeTask,
    StageTask,
    StationRef,
    TakeOver,
    UnitAvailability,
    UnitStatus,
    WithdrawTask,
)
from actors.domain.paramedic_events import (
    BreakEnded,
    BreakTaken,
    MoveOrdered,
    OfferVoided,
    ParamedicEvent,
    ParamedicRegistered,
    ParamedicRetired,
    ParamedicUpdated,
    ShiftAnnounced,
    ShiftFaulted,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskDiverted,
    TaskExpired,
    TaskHandedBack,
    TaskOffered,
    TaskProgressed,
    TaskRedirected,
    TaskReprioritized,
    TaskStaged,
    TaskWithdrawn,
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.paramedic_shift import PlannedShift
from actors.domain.task import LIVE, Task, case_key
from actors.domain.values import (
    Destination,
    Id,
    Name,
    Note,
    Position,
    Region,
    Seconds,
    Skills,
    Vehicle,
)

ON_DUTY: tuple[UnitAvailability, ...] = ("available", "on_task", "on_break")
# How long after its expiry an ended offer is remembered, so that a repeat of it is known for one:
# more than the clocks of two shards may differ. Later repeats are void by their expiry alone.
SPENT_GRACE_S = 60.0

_Changes = dict[str, Any]

MACHINE = Machine(
    "paramedic",
    {
        (NEW, "RegisterParamedic"): "off_duty",
        ("off_duty", "GoOnDuty"): "available",
        ("off_duty", "UpdateParamedic"): "off_duty",
        ("off_duty", "RetireParamedic"): "retired",
        ("available", "AcceptTask"): "on_task",
        ("available", "DeclineTask"): "available",
        ("available", "TakeBreak"): "on_break",
        ("available", "GoOffDuty"): "off_duty",
        ("available", "UpdateParamedic"): "available",
        **{("on_task", f"ProgressTask:{step}"): "on_task" for step in LIVE[1:]},
        ("on_task", "ProgressTask:completed"): "available",
        ("on_task", "RedirectTask"): "on_task",
        ("on_task", "HandBackTask"): "available",
        ("on_task", "WithdrawTask"): "available",
        ("on_task", "DivertUnit"): "on_task",
        ("available", "MoveToStation"): "available",
        ("on_task", "UpdateParamedic"): "on_task",
        ("on_break", "EndBreak"): "available",
        ("on_break", "GoOffDuty"): "off_duty",
        ("on_break", "UpdateParamedic"): "on_break",
    },
)


class MoveOrder(Struct, frozen=True):
    """To stand by at a station, until a task or a newer order comes."""

    station: StationRef
    ordered_at: Seconds
    reason: Note


class Paramedic(Struct, frozen=True, kw_only=True, gc=False):
    """The state. `revision` counts its events.

    `tasks`: the queue, offered and live ones, ordered by Task.rank. `spent`: ids of offers that
    are over -> until when a repeat of the offer must be recognised. `station`: where it belongs
    while it is on duty. `shifts`: those announced and not over, by their beginning. `move`: where
    it was sent to stand by, while it does nothing else; `moved_at`: when such an order was last
    given.
    """

    id: str
    status: UnitAvailability = "new"
    status_at: Seconds = 0.0
    revision: int = 0
    name: str = ""
    region: str = ""
    skills: Skills = ()
    vehicle: str = ""
    position: Position | None = None
    tasks: tuple[Task, ...] = ()
    spent: dict[str, float] = {}
    station: Id | None = None
    shifts: tuple[PlannedShift, ...] = ()
    move: MoveOrder | None = None
    moved_at: Seconds = 0.0

    @property
    def live_task(self) -> Task | None:
        """The one it is busy with."""
        for task in self.tasks:
            if task.live:
                return task
        return None

    def task(self, task_id: str) -> Task | None:
        for task in self.tasks:
            if task.id == task_id:
                return task
        return None

    def unit_status(self) -> UnitStatus:
        """What dispatchers are told."""
        return UnitStatus(
            unit=self.id,
            revision=self.revision,
            region=self.region,
            name=self.name,
            status=self.status,
            free=self.status == "available",
            skills=self.skills,
            vehicle=self.vehicle,
            position=self.position,
            station=self.station if self.move is None else self.move.station.id,
        )


# --- commands


class RegisterParamedic(Command, frozen=True, kw_only=True):
    """A new unit, off duty."""

    name: Name
    region: Region
    skills: Skills
    vehicle: Vehicle


class UpdateParamedic(Command, frozen=True, kw_only=True):
    """Change what is given, keep the rest. The region only while off duty."""

    name: Name | None = None
    region: Region | None = None
    skills: Skills | None = None
    vehicle: Vehicle | None = None


class RetireParamedic(Command, frozen=True):
    """It never comes back."""


class GoOnDuty(Command, frozen=True, kw_only=True):
    """Start of a shift, at a place. `station`: that of the shift, where it is not given."""

    position: Position
    station: Id | None = None


class GoOffDuty(Command, frozen=True, kw_only=True):
    """End of a shift. `relief`: the unit that takes over, and is told `note`."""

    relief: Id | None = None
    note: Note | None = None


class TakeBreak(Command, frozen=True):
    """No offers for a while."""


class EndBreak(Command, frozen=True):
    """Offers again."""


class AcceptTask(Command, frozen=True, kw_only=True):
    """The crew takes an offered task on. Its other open offers are declined by that."""

    task: Id


class DeclineTask(Command, frozen=True, kw_only=True):
    """The crew does not take an offered task."""

    task: Id
    reason: Note


class ProgressTask(Command, frozen=True, kw_only=True):
    """The crew is at the next step of its live task.

    `destination`: the hospital chosen, with the step transporting; of others it is not looked at.
    """

    task: Id
    step: Literal["en_route", "on_scene", "transporting", "at_hospital", "completed"]
    position: Position | None = None
    destination: Destination | None = None


class RedirectTask(Command, frozen=True, kw_only=True):
    """The crew turns to another hospital on its way to one: that is on divert, or he got worse."""

    task: Id
    destination: Destination
    reason: Note


class HandBackTask(Command, frozen=True, kw_only=True):
    """The crew cannot go on with its live task; another must be found."""

    task: Id
    reason: Note


class ViewParamedic(Command, frozen=True):
    """Read the whole of it."""


class ListTasks(Command, frozen=True):
    """Read the queue."""


ParamedicCommand = (
    RegisterParamedic
    | UpdateParamedic
    | RetireParamedic
    | GoOnDuty
    | GoOffDuty
    | TakeBreak
    | EndBreak
    | AcceptTask
    | DeclineTask
    | ProgressTask
    | RedirectTask
    | HandBackTask
    | ViewParamedic
    | ListTasks
    | OfferTask
    | WithdrawTask
    | ReprioritizeTask
    | DivertUnit
    | StageTask
    | MoveToStation
    | AnnounceShift
    | TakeOver
    | Wake
)


_STATUS_AFTER: dict[type[Event], UnitAvailability] = {
    ParamedicRegistered: "off_duty",
    ParamedicRetired: "retired",
    WentOnDuty: "available",
    WentOffDuty: "off_duty",
    BreakTaken: "on_break",
    BreakEnded: "available",
    TaskAccepted: "on_task",
    TaskCompleted: "available",
    TaskHandedBack: "available",
}


def apply(state: Paramedic, event: ParamedicEvent) -> Paramedic:
    """The state after an event."""
    kind = type(event)
    changing = _CHANGES.get(kind)
    changes = {} if changing is None else changing(state, event)
    changes["revision"] = state.revision + 1
    if event.position is not None:
        changes["position"] = event.position
    status = _STATUS_AFTER.get(kind, state.status)
    if isinstance(event, TaskWithdrawn):
        live = state.live_task
        if live is not None and live.id == event.task:
            status = "available"
    if status != state.status:
        # Where a unit was sent to stand by is over with whatever it does next.
        changes.update(status=status, status_at=event.at, move=None)
    return replace(state, **changes)


# --- what each event changes besides


def _described(_state: Paramedic, event: ParamedicRegistered | ParamedicUpdated) -> _Changes:
    return {
        "name": event.name,
        "region": event.region,
        "skills": event.skills,
        "vehicle": event.vehicle,
    }


def _offered(state: Paramedic, event: TaskOffered) -> _Changes:
    return {"tasks": _ordered((*state.tasks, event.task))}


def _accepted(state: Paramedic, event: TaskAccepted) -> _Changes:
    return _changed(state, event.task, step="accepted", accepted_at=event.at, step_at=event.at)


def _progressed(state: Paramedic, event: TaskProgressed) -> _Changes:
    if event.destination is None:
        return _changed(state, event.task, step=event.step, step_at=event.at)
    to = event.destination
    return _changed(state, event.task, step=event.step, step_at=event.at, destination=to)


def _redirected(state: Paramedic, event: TaskRedirected) -> _Changes:
    return _changed(state, event.task, destination=event.destination)


def _reprioritized(state: Paramedic, event: TaskReprioritized) -> _Changes:
    return _changed(state, event.task, priority=event.priority, revision=event.revision)


def _staged(state: Paramedic, event: TaskStaged) -> _Changes:
    return _changed(state, event.task, staging=event.staging, staging_revision=event.revision)


def _ended(
    state: Paramedic,
    event: TaskDeclined | TaskExpired | TaskCompleted | TaskHandedBack | TaskWithdrawn,
) -> _Changes:
    return _without(state, event.task, event.at)


def _diverted(state: Paramedic, event: TaskDiverted) -> _Changes:
    changes = _without(state, event.from_task, event.at)
    return {**changes, "tasks": _ordered((*changes["tasks"], event.task))}


def _move_ordered(_state: Paramedic, event: MoveOrdered) -> _Changes:
    order = MoveOrder(event.station, event.ordered_at, event.reason)
    return {"move": order, "moved_at": event.ordered_at}


def _voided(state: Paramedic, event: OfferVoided) -> _Changes:
    return {"spent": _spent(state, event.task, event.offer.expires_at, event.at)}


def _on_duty(state: Paramedic, event: WentOnDuty) -> _Changes:
    shifts = paramedic_shift.unfinished(state.shifts, event.at)
    return {"station": event.station, "shifts": shifts}


def _off_duty(state: Paramedic, event: WentOffDuty) -> _Changes:
    begun = event.at if event.relief is not None else None
    shifts = paramedic_shift.unfinished(state.shifts, event.at, relieved_at=begun)
    return {"station": None, "shifts": shifts}


def _retired(_state: Paramedic, _event: ParamedicRetired) -> _Changes:
    return {"shifts": ()}


def _shift_announced(state: Paramedic, event: ShiftAnnounced) -> _Changes:
    shifts = paramedic_shift.unfinished(state.shifts, event.at)
    return {"shifts": paramedic_shift.planned(shifts, event.shift)}


def _shift_faulted(state: Paramedic, event: ShiftFaulted) -> _Changes:
    return {"shifts": paramedic_shift.faulted(state.shifts, event.shift, event.fault)}


# By type: a `match` over so many classes asks for each in turn, at every event.
_CHANGES: dict[type[Event], Callable[[Paramedic, Any], _Changes]] = {
    ParamedicRegistered: _described,
    ParamedicUpdated: _described,
    TaskOffered: _offered,
    TaskAccepted: _accepted,
    TaskProgressed: _progressed,
    TaskRedirected: _redirected,
    TaskReprioritized: _reprioritized,
    TaskStaged: _staged,
    TaskDeclined: _ended,
    TaskExpired: _ended,
    TaskCompleted: _ended,
    TaskHandedBack: _ended,
    TaskWithdrawn: _ended,
    TaskDiverted: _diverted,
    MoveOrdered: _move_ordered,
    OfferVoided: _voided,
    ParamedicRetired: _retired,
    WentOnDuty: _on_duty,
    WentOffDuty: _off_duty,
    ShiftAnnounced: _shift_announced,
    ShiftFaulted: _shift_faulted,
}


def wake_at(state: Paramedic) -> float | None:
    """When the earliest open offer expires, or the next fault of a shift is due."""
    offer = min((task.expires_at for task in state.tasks if not task.live), default=None)
    if not state.shifts:
        return offer
    fault = paramedic_shift.due_at(state.shifts, duty(state))
    return offer if fault is None else fault if offer is None else min(offer, fault)


def duty(state: Paramedic) -> paramedic_shift.Duty:
    """How the unit stands to its shifts."""
    on_duty = state.status in ON_DUTY
    return paramedic_shift.Duty(on_duty, busy=state.status == "on_task", since=state.status_at)


def claims(state: Paramedic) -> tuple[Claim, ...]:
    """One live task a unit, one live task a slot of an emergency, in the whole system."""
    live = state.live_task
    if live is None:
        return ()
    return (
        Claim(f"live-task:paramedic:{state.id}", live.id),
        Claim(f"live-task:emergency:{case_key(live.emergency, live.slot)}", live.id),
    )


def _ordered(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    return tasks if len(tasks) < 2 else tuple(sorted(tasks, key=lambda task: task.rank))


def _changed(state: Paramedic, task_id: str, **changes: object) -> _Changes:
    tasks = [replace(task, **changes) if task.id == task_id else task for task in state.tasks]
    return {"tasks": _ordered(tuple(tasks))}


def _without(state: Paramedic, task_id: str, now: float) -> _Changes:
    gone = state.task(task_id)
    assert gone is not None, "only a task of the queue ends"
    kept = tuple([task for task in state.tasks if task is not gone])
    return {"tasks": kept, "spent": _spent(state, task_id, gone.expires_at, now)}


def _spent(state: Paramedic, task_id: str, expires_at: float, now: float) -> dict[str, float]:
    spent = {id_: until for id_, until in state.spent.items() if until > now}
    spent[task_id] = expires_at + SPENT_GRACE_S
    return spent
