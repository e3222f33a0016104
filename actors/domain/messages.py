"""What entities say to each other. Only `system` may send these; see the decide modules.

Delivery is at least once and mostly, but not always, in order. So no message here relies on
another having arrived first: each carries all its receiver needs (state transfer) and a number
that says how new it is. Old ones are ignored.

- The *emergency* tells its dispatcher its whole card with each change (`EmergencyChanged`,
  numbered by `revision`) and its end (`RemoveEmergency`).
- The *dispatcher* offers a task to a unit (`OfferTask`) and never offers that emergency again
  before that unit's entity has answered or ended the task. `attempt` numbers an emergency's
  offers; where several units are ordered, those of each `slot` by themselves.
- The *paramedic* answers each offer exactly one way (`OfferAnswered`), reports the end of what it
  accepted (`TaskEnded`), its own changes (`UnitChanged`), and tells the emergency of its crew
  (`AssignUnit`, `RecordProgress`, `ReleaseUnit`). Only the paramedic's entity decides whether an
  offer was accepted or expired: that is why no emergency ever has two crews.
- A *shift* announces itself to its unit shortly before it begins (`AnnounceShift`); the unit tells
  a hospital of its ambulance on the way there (`RecordAmbulance`), and the dispatcher of a shift
  that went wrong (`ReportShift`).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from actors.domain.choice import Choice
from actors.domain.kernel import Command, Signal
from actors.domain.task import Task
from actors.domain.values import (
    Destination,
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
    Vehicles,
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
    "merged",
]
UnitAvailability = Literal["new", "off_duty", "available", "on_task", "on_break", "retired"]
# unavailable: the unit was not free (any more) when the offer came; no crew was asked.
OfferOutcome = Literal["accepted", "declined", "expired", "withdrawn", "unavailable"]
# merged: it is the same as another one, which goes on.
EndReason = Literal["closed", "cancelled", "merged"]
CareOutcome = Literal["treated_on_scene", "handed_over"]
# absent: a shift runs without its unit; overrun: it is over and its unit idles on duty.
ShiftFault = Literal["absent", "overrun"]
# How far an ambulance is with a patient for a hospital; gone: handed over, or called back.
AmbulancePhase = Literal["under_way", "at_handover", "gone"]
# cancelled: the task went because its emergency is over.
TaskEnd = Literal["completed", "handed_back", "withdrawn", "cancelled"]


class StationRef(Struct, frozen=True):
    """A station as dispatchers know it."""

    id: Id
    name: Name
    location: Location


SlotStatus = Literal[
    "ordered", "assigned", "en_route", "on_scene", "transporting", "at_hospital", "completed"
]


class Slot(Struct, frozen=True):
    """A further unit that was ordered for an emergency: which one (2, 3, …), and how far it is.

    `wanted`: the unit that is to come, if a certain one was ordered.
    """

    slot: int
    status: SlotStatus = "ordered"
    wanted: Id | None = None


class EmergencyCard(Struct, frozen=True, kw_only=True, gc=False):
    """All a dispatcher needs of an emergency.

    `vehicles`: the types that will do; empty: any. `held`: nobody is to be sent on a policy's
    word. `staging`: where units wait for the go-ahead. `further`: the units ordered besides the
    primary one, that were not stood down. `attempt`: the highest offer known to the emergency.
    `destination`: where the patient is brought, once that is known.
    """

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
    vehicles: Vehicles = ()
    held: bool = False
    staging: Location | None = None
    further: tuple[Slot, ...] = ()
    attempt: int = 0
    destination: Location | None = None


class UnitStatus(Struct, frozen=True, kw_only=True, gc=False):
    """All a dispatcher needs of a unit. `free`: on duty and without a live task.

    `station`: where it belongs during this shift, as far as is known.
    """

    unit: Id
    revision: int
    region: Region
    name: Name
    status: UnitAvailability
    free: bool
    skills: Skills
    vehicle: Vehicle
    position: Position | None
    station: Id | None = None


# --- to an emergency, from a paramedic


class AssignUnit(Command, frozen=True, kw_only=True):
    """The unit's crew has accepted. `slot`: 1 is the primary unit; `choice`: why this one."""

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    slot: int = 1
    choice: Choice | None = None


class RecordProgress(Command, frozen=True, kw_only=True):
    """The crew is at `step`. Stands for AssignUnit too, should that be late.

    `outcome`: with the step completed, how it ended. `destination`: the hospital, from when the
    crew set out for it; another one with the same step: it has turned to that.
    """

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    step: Step
    at: Seconds
    outcome: CareOutcome | None = None
    destination: Destination | None = None
    slot: int = 1


class ReleaseUnit(Command, frozen=True, kw_only=True):
    """The unit's task was handed back or withdrawn: the emergency has no crew."""

    unit: Id
    task: Id
    attempt: int
    reason: Note
    slot: int = 1


# --- to an emergency, from another one


class LinkDuplicate(Command, frozen=True, kw_only=True):
    """The sender is the same as this one, and has ended as merged into it.

    `revision`: the sender's, when it was merged; answered with where the link does not hold.
    """

    duplicate: Id
    patient_id: Id | None
    revision: int


class ReturnDuplicate(Command, frozen=True, kw_only=True):
    """The sender cannot stand for it (any more): it was over, or was cancelled."""

    primary: Id
    revision: int
    reason: Note


class FollowPrimary(Command, frozen=True, kw_only=True):
    """To a duplicate: how far the sender is, at its `revision`. For whoever called there."""

    primary: Id
    revision: int
    status: EmergencyStatus
    unit: Id | None
    eta_at: Seconds | None


# --- to a paramedic, from a dispatcher (WithdrawTask also from an emergency, or staff)


class OfferTask(Command, frozen=True, kw_only=True):
    """Ask the crew to take a task. Always answered by OfferAnswered, at its expiry at last."""

    task: Task


class Offer(Struct, frozen=True, kw_only=True, gc=False):
    """What is needed to answer an offer without having seen it."""

    emergency: Id
    region: Region
    attempt: int
    expires_at: Seconds
    slot: int = 1


class WithdrawTask(Command, frozen=True, kw_only=True):
    """Take an offered or live task away.

    `emergency_over`: nobody else is to be sent. `offer`: given where the offer may still be on
    its way, so that, overtaken by its own withdrawal, it is answered and known for void.
    `only_offer`: not where the crew has accepted meanwhile.
    """

    task: Id
    reason: Note
    emergency_over: bool = False
    offer: Offer | None = None
    only_offer: bool = False


class DivertUnit(Command, frozen=True, kw_only=True):
    """Take `from_task`, which the crew was asked for or is on its way to, and give it `task`.

    One step of the unit's entity: answered by UnitDiverted. Who is on its way goes at once, for
    this is an order; who was only asked is asked for the other. Who is on scene stays there: the
    new task is answered as an offer to a unit that is not free. `from_offer`: as in WithdrawTask.
    """

    from_task: Id
    task: Task
    reason: Note
    from_offer: Offer | None = None


class StageTask(Command, frozen=True, kw_only=True):
    """Where to wait for the go-ahead; None: it is given. As of the emergency's `revision`."""

    task: Id
    staging: Location | None
    revision: int


class MoveToStation(Command, frozen=True, kw_only=True):
    """Stand by at another station. The unit stays free; a task or a newer order supersedes it."""

    station: StationRef
    ordered_at: Seconds
    reason: Note


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
    """From the emergency: it is closed, cancelled or merged; nobody needs to be sent any more.

    `card`: with merged, its last one. With a newer one it is wanted again.
    """

    emergency: Id
    reason: EndReason
    card: EmergencyCard | None = None


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
    slot: int = 1


class TaskEnded(Command, frozen=True, kw_only=True):
    """From the paramedic: a task it had accepted is over, and how the unit stands after it."""

    task: Id
    emergency: Id
    attempt: int
    outcome: TaskEnd
    unit: UnitStatus
    reason: Note | None = None
    slot: int = 1


class UnitDiverted(Command, frozen=True, kw_only=True):
    """From the paramedic: it has given up one task for another, in one step.

    `accepted`: it is on its way; else its crew is asked, and answers that offer as any other.
    """

    from_task: Id
    from_emergency: Id
    from_slot: int
    task: Id
    emergency: Id
    slot: int
    attempt: int
    accepted: bool
    unit: UnitStatus


class StationsChanged(Command, frozen=True, kw_only=True):
    """From the records: all stations of the region, by id. A lower `revision` is older."""

    revision: int
    stations: tuple[StationRef, ...]


class ReportShift(Command, frozen=True, kw_only=True):
    """From the paramedic, once for each fault: the ops desk must know."""

    unit: Id
    shift: Id
    station: Id
    fault: ShiftFault


# --- to a hospital, from a paramedic


class RecordAmbulance(Command, frozen=True, kw_only=True):
    """How far the unit is with the patient of a task, `at` the crew's moment."""

    task: Id
    unit: Id
    priority: Priority
    phase: AmbulancePhase
    at: Seconds


# --- to a paramedic, from a shift


class AnnounceShift(Command, frozen=True, kw_only=True):
    """The unit's next shift, shortly before it begins; again when the plan changes after that.

    A lower `revision` of the same shift is older. `cancelled`: it is not to come.
    """

    shift: Id
    revision: int
    station: Id
    starts_at: Seconds
    ends_at: Seconds
    cancelled: bool = False


# --- to a paramedic, from another one


class TakeOver(Command, frozen=True, kw_only=True):
    """The crew before leaves this: what the next one must know of vehicle and stock."""

    unit: Id
    station: Id | None
    note: Note


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
