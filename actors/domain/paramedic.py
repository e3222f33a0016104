"""A paramedic (a unit: crew, vehicle, device): its commands, its table, and how events change it.

Decisions: paramedic_decide.py. Positions: paramedic_position.py. Its tasks: task.py.

States: off_duty, available, on_task (exactly one live task), on_break, retired. On duty is all
but off_duty and retired: only then are positions taken in.

Commands, and who may send them
- RegisterParamedic, UpdateParamedic, RetireParamedic: staff.
- GoOnDuty, GoOffDuty, TakeBreak, EndBreak: the paramedic, staff. Not with a live task: that must
  be handed back first. Offers still open are declined by leaving.
- AcceptTask, DeclineTask, ProgressTask: the paramedic. HandBackTask: the paramedic, staff.
- ViewParamedic, ListTasks: the paramedic, staff. Change nothing.
- OfferTask, ReprioritizeTask: dispatchers. WithdrawTask: dispatchers, emergencies, staff.
- Wake: the runtime, when the earliest offer has expired.

Whether an offer was accepted, declined, expired or withdrawn is decided here and nowhere else.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Claim, Command, Event, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import (
    OfferTask,
    ReprioritizeTask,
    UnitAvailability,
    UnitStatus,
    WithdrawTask,
)
from actors.domain.paramedic_events import (
    BreakEnded,
    BreakTaken,
    OfferVoided,
    ParamedicEvent,
    ParamedicRegistered,
    ParamedicRetired,
    ParamedicUpdated,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskExpired,
    TaskHandedBack,
    TaskOffered,
    TaskProgressed,
    TaskReprioritized,
    TaskWithdrawn,
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.task import LIVE, Task
from actors.domain.values import (
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
        ("on_task", "HandBackTask"): "available",
        ("on_task", "WithdrawTask"): "available",
        ("on_task", "UpdateParamedic"): "on_task",
        ("on_break", "EndBreak"): "available",
        ("on_break", "GoOffDuty"): "off_duty",
        ("on_break", "UpdateParamedic"): "on_break",
    },
)


class Paramedic(Struct, frozen=True, kw_only=True):
    """The state. `revision` counts its events.

    `tasks`: the queue, offered and live ones, ordered by Task.rank. `spent`: ids of offers that
    are over -> until when a repeat of the offer must be recognised.
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

    @property
    def live_task(self) -> Task | None:
        """The one it is busy with."""
        return next((task for task in self.tasks if task.live), None)

    def task(self, task_id: str) -> Task | None:
        return next((task for task in self.tasks if task.id == task_id), None)

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
    """Start of a shift, at a place."""

    position: Position


class GoOffDuty(Command, frozen=True):
    """End of a shift."""


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
    """The crew is at the next step of its live task."""

    task: Id
    step: Literal["en_route", "on_scene", "transporting", "at_hospital", "completed"]
    position: Position | None = None


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
    | HandBackTask
    | ViewParamedic
    | ListTasks
    | OfferTask
    | WithdrawTask
    | ReprioritizeTask
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
    live = state.live_task
    state = replace(state, revision=state.revision + 1, position=event.position or state.position)
    match event:
        case ParamedicRegistered() | ParamedicUpdated():
            state = replace(
                state,
                name=event.name,
                region=event.region,
                skills=event.skills,
                vehicle=event.vehicle,
            )
        case TaskOffered(task=task):
            state = replace(state, tasks=_ordered((*state.tasks, task)))
        case TaskAccepted():
            state = _change(state, event.task, step="accepted", accepted_at=event.at, at=event.at)
        case TaskProgressed():
            state = _change(state, event.task, step=event.step, at=event.at)
        case TaskReprioritized():
            state = _change(
                state, event.task, priority=event.priority, revision=event.revision, at=None
            )
        case TaskDeclined() | TaskExpired() | TaskCompleted() | TaskHandedBack() | TaskWithdrawn():
            state = _drop(state, event.task, event.at)
        case OfferVoided():
            state = _spend(state, event.task, event.offer.expires_at, event.at)
        case _:
            pass
    status = _STATUS_AFTER.get(type(event), state.status)
    if isinstance(event, TaskWithdrawn) and live is not None and live.id == event.task:
        status = "available"
    if status == state.status:
        return state
    return replace(state, status=status, status_at=event.at)


def wake_at(state: Paramedic) -> float | None:
    """When the earliest open offer expires."""
    return min((task.expires_at for task in state.tasks if not task.live), default=None)


def claims(state: Paramedic) -> tuple[Claim, ...]:
    """One live task a unit, one live task an emergency, in the whole system."""
    live = state.live_task
    if live is None:
        return ()
    return (
        Claim(f"live-task:paramedic:{state.id}", live.id),
        Claim(f"live-task:emergency:{live.emergency}", live.id),
    )


def _ordered(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    return tuple(sorted(tasks, key=lambda task: task.rank))


def _change(state: Paramedic, task_id: str, *, at: float | None, **changes: object) -> Paramedic:
    if at is not None:
        changes["step_at"] = at
    tasks = (replace(task, **changes) if task.id == task_id else task for task in state.tasks)
    return replace(state, tasks=_ordered(tuple(tasks)))


def _drop(state: Paramedic, task_id: str, now: float) -> Paramedic:
    gone = state.task(task_id)
    assert gone is not None, "only a task of the queue ends"
    kept = tuple(task for task in state.tasks if task is not gone)
    return _spend(replace(state, tasks=kept), task_id, gone.expires_at, now)


def _spend(state: Paramedic, task_id: str, expires_at: float, now: float) -> Paramedic:
    spent = {id_: until for id_, until in state.spent.items() if until > now}
    spent[task_id] = expires_at + SPENT_GRACE_S
    return replace(state, spent=spent)
