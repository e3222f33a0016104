"""The state of a paramedic, and what follows from it alone."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.kernel import Claim
from actors.domain.messages.card import StationRef, UnitStatus
from actors.domain.messages.status import UnitAvailability
from actors.domain.paramedic import shift as paramedic_shift
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.paramedic.shift import PlannedShift
from actors.domain.task import Task, case_key
from actors.domain.values import Id, Note, Position, Seconds, Skills


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
    given, if ever.
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
    moved_at: Seconds | None = None

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

    def queued(self, task_id: str) -> Task:
        """One that is known to be in the queue, for something has happened to it."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise AssertionError("an event is about a task of the queue")

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
