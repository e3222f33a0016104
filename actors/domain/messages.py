"""What entities say to each other. Only `system` may send these; see the decide modules.

Delivery is at least once and mostly, but not always, in order. So no message here relies on
another having arrived first: each carries all its receiver needs (state transfer) and a number
that says how new it is. Old ones are ignored.

- The *emergency* tells its dispatcher its whole card with each change (`EmergencyChanged`,
  numbered by `revision`) and its end (`RemoveEmergency`).
- The *dispatcher* offers a task to a unit (`OfferTask`) and never offers that emergency again
  before that unit's entity has answered or ended the task. `attempt` numbers an emergency's offers.
- The *paramedic* answers each offer exactly one way (`OfferAnswered`), reports the end of what it
  accepted (`TaskEnded`), its own changes (`UnitChanged`), and tells the emergency of its crew
  (`AssignUnit`, `RecordProgress`, `ReleaseUnit`). Only the paramedic's entity decides whether an
  offer was accepted or expired: that is why no emergency ever has two crews.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from actors.domain.kernel import Command, Signal
from actors.domain.task import Task
from actors.domain.values import (
    Id,
    Latitude,
    Location,
    Longitude,
    Name,
    Note,
    Position,
    Priority,
    Region,
    Seconds,
    Skills,
    Step,
    Vehicle,
)

EmergencyStatus = Literal[
    "new",
    "raised",
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
    "closed",
    "cancelled",
]
UnitAvailability = Literal["new", "off_duty", "available", "on_task", "on_break", "retired"]
# unavailable: the unit was not free (any more) when the offer came; no crew was asked.
OfferOutcome = Literal["accepted", "declined", "expired", "withdrawn", "unavailable"]
EndReason = Literal["closed", "cancelled"]
CareOutcome = Literal["treated_on_scene", "handed_over"]
# cancelled: the task went because its emergency is over.
TaskEnd = Literal["completed", "handed_back", "withdrawn", "cancelled"]


class EmergencyCard(Struct, frozen=True, kw_only=True):
    """All a dispatcher needs of an emergency."""

    emergency: Id
    revision: int
    status: EmergencyStatus
    patient_id: Id | None
    priority: Priority
    location: Location
    address: Note | None
    needs: Skills
    symptoms: tuple[Note, ...]
    raised_at: Seconds
    unit: Id | None = None


class UnitStatus(Struct, frozen=True, kw_only=True):
    """All a dispatcher needs of a unit. `free`: on duty and without a live task."""

    unit: Id
    revision: int
    region: Region
    name: Name
    status: UnitAvailability
    free: bool
    skills: Skills
    vehicle: Vehicle
    position: Position | None


# --- to an emergency, from a paramedic


class AssignUnit(Command, frozen=True, kw_only=True):
    """The unit's crew has accepted."""

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds


class RecordProgress(Command, frozen=True, kw_only=True):
    """The crew is at `step`. Stands for AssignUnit too, should that be late.

    `outcome`: with the step completed, how it ended.
    """

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    step: Step
    at: Seconds
    outcome: CareOutcome | None = None


class ReleaseUnit(Command, frozen=True, kw_only=True):
    """The unit's task was handed back or withdrawn: the emergency has no crew."""

    unit: Id
    task: Id
    attempt: int
    reason: Note


# --- to a paramedic, from a dispatcher (WithdrawTask also from an emergency, or staff)


class OfferTask(Command, frozen=True, kw_only=True):
    """Ask the crew to take a task. Always answered by OfferAnswered, at its expiry at last."""

    task: Task


class Offer(Struct, frozen=True, kw_only=True):
    """What is needed to answer an offer without having seen it."""

    emergency: Id
    region: Region
    attempt: int
    expires_at: Seconds


class WithdrawTask(Command, frozen=True, kw_only=True):
    """Take an offered or live task away.

    `emergency_over`: nobody else is to be sent. `offer`: given where the offer may still be on
    its way, so that, overtaken by its own withdrawal, it is answered and known for void.
    """

    task: Id
    reason: Note
    emergency_over: bool = False
    offer: Offer | None = None


class ReprioritizeTask(Command, frozen=True, kw_only=True):
    """The emergency's priority changed at its `revision`."""

    task: Id
    priority: Priority
    revision: int


# --- to a dispatcher


class EmergencyChanged(Command, frozen=True, kw_only=True):
    """From the emergency, with each change that is not its end."""

    card: EmergencyCard


class RemoveEmergency(Command, frozen=True, kw_only=True):
    """From the emergency: it is closed or cancelled; nobody needs to be sent any more."""

    emergency: Id
    reason: EndReason


class UnitChanged(Command, frozen=True, kw_only=True):
    """From the paramedic, when what a dispatcher sees of it changed."""

    unit: UnitStatus


class OfferAnswered(Command, frozen=True, kw_only=True):
    """From the paramedic: what became of an offer, and how the unit stands after it."""

    task: Id
    emergency: Id
    attempt: int
    outcome: OfferOutcome
    unit: UnitStatus
    reason: Note | None = None


class TaskEnded(Command, frozen=True, kw_only=True):
    """From the paramedic: a task it had accepted is over, and how the unit stands after it."""

    task: Id
    emergency: Id
    attempt: int
    outcome: TaskEnd
    unit: UnitStatus
    reason: Note | None = None


# --- telemetry


class ReportPosition(Signal, frozen=True, kw_only=True):
    """From a device to its paramedic. `at`: when the fix was taken, by the device's clock."""

    lat: Latitude
    lon: Longitude
    at: Seconds
    accuracy_m: float | None = None


class UnitPosition(Signal, frozen=True, kw_only=True):
    """From a paramedic to its dispatcher, thinned out."""

    unit: Id
    lat: Latitude
    lon: Longitude
    at: Seconds
